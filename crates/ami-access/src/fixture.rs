//! Principals and actions for the tests of this crate, made the way the program makes them.

use std::path::Path;

use ami_proto::{Action, ActionDecoder, Incoming};

use crate::login::{Principal, Proof, verify};
use crate::manager_conf::{Loaded, MemoryFiles, load_from};

/// Loads one manager.conf, and acl.conf when it is not empty.
pub(crate) fn loaded(manager_conf: &str, acl_conf: &str) -> Result<Loaded, crate::LoadErrors> {
    let files = MemoryFiles::default()
        .with("manager.conf", manager_conf)
        .with("acl.conf", acl_conf);
    load_from(
        &files,
        Path::new("manager.conf"),
        Some(Path::new("acl.conf")),
    )
}

/// Somebody with these lines in their account.
pub(crate) fn principal_with(lines: &str) -> Principal {
    let loaded = loaded(&format!("[u]\nsecret=s\n{lines}\n"), "").unwrap();
    let peer = "192.0.2.1".parse().unwrap();
    let proof = Proof::Plain {
        secret: b"s",
        confidential: true,
    };
    let verified = verify(&loaded.accounts, b"u", proof, peer).unwrap();
    verified.proven().unwrap()
}

/// Somebody with these write classes.
pub(crate) fn principal(write: &str) -> Principal {
    principal_with(&format!("write={write}"))
}

/// What the decoder makes of these lines.
pub(crate) fn action(lines: &[&str]) -> Action {
    let mut bytes = bytes::BytesMut::new();
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    match ActionDecoder::new().decode(&mut bytes) {
        Some(Incoming::Action(action)) => action,
        other => panic!("no action: {other:?}"),
    }
}
