//! Any message of a click-to-dial account: what names a function that reads files is never authorised.

#![no_main]

use std::path::Path;

use ami_access::manager_conf::MemoryFiles;
use ami_access::{AuthorizeContext, Principal, Proof, authorize, load_from, verify};
use ami_proto::{ActionDecoder, Incoming};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

fn dialer() -> Principal {
    let conf = "[u]\nsecret=s\nread=call\nwrite=call,originate,reporting\n";
    let files = MemoryFiles::default().with("/m", conf);
    let loaded = load_from(&files, Path::new("/m"), None).expect("a fixed file");
    let peer = "192.0.2.1".parse().expect("a fixed address");
    verify(&loaded.accounts, b"u", Proof::Plain { secret: b"s" }, peer).expect("a fixed secret")
}

fuzz_target!(|bytes: &[u8]| {
    let principal = dialer();
    let mut buf = BytesMut::from(bytes);
    let mut decoder = ActionDecoder::new();
    while let Some(incoming) = decoder.decode(&mut buf) {
        let Incoming::Action(action) = incoming else {
            continue;
        };
        let Ok(authorized) = authorize(&principal, action, &AuthorizeContext::default()) else {
            continue;
        };
        let action = authorized.action();
        if let Some(variable) = action
            .header("Variable")
            .filter(|_| authorized.spec().is_some_and(|spec| spec.name == "Getvar"))
        {
            let plain: Vec<u8> = variable
                .iter()
                .copied()
                .filter(|byte| !b"\"\\".contains(byte))
                .collect();
            assert!(!plain.windows(11).any(|window| window == b"AST_CONFIG("));
        }
    }
});
