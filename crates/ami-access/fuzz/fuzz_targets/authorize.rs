//! Any account and any message: nothing is authorised that the account's classes and lists do not permit, nor a variable
//! that reads files for somebody who may not read configuration.
//!
//! The input: three bytes of write classes, one of options, then what the client sends.

#![no_main]

#[path = "../../tests/rights/naive.rs"]
mod naive;

use std::path::Path;

use ami_access::manager_conf::MemoryFiles;
use ami_access::{
    AuthorizeContext, LearnedActions, Principal, Proof, Refusal, authorize, load_from, verify,
};
use ami_proto::{ActionDecoder, Frame, Incoming};
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;

use naive::{LEARNED, Rights, Verdict};

fn principal(rights: &Rights) -> Principal {
    let conf = format!("[u]\nsecret=s\nread=call\n{}", rights.lines());
    let files = MemoryFiles::default().with("/m", conf.as_str());
    let loaded = load_from(&files, Path::new("/m"), None).expect("a valid file");
    let peer = "192.0.2.1".parse().expect("a fixed address");
    let proof = Proof::Plain {
        secret: b"s",
        confidential: true,
    };
    let verified = verify(&loaded.accounts, b"u", proof, peer).expect("a fixed secret");
    verified.proven().expect("a secret without hash")
}

fn learned() -> LearnedActions {
    let frame = format!("Response: Success\r\n{LEARNED}\r\n");
    let frame = Frame::parse(Bytes::from(frame)).expect("a message");
    let lines = frame
        .lines()
        .filter_map(|line| Some((line.name?, line.value)));
    LearnedActions::parse(lines)
}

fuzz_target!(|input: &[u8]| {
    let Some(([a, b, c, options], bytes)) = input.split_first_chunk() else {
        return;
    };
    let rights = Rights {
        classes: u32::from_le_bytes([*a, *b, *c, 0]),
        allow: options & 1 != 0,
        deny: options & 2 != 0,
        learned: options & 4 != 0,
    };
    let principal = principal(&rights);
    let learned = learned();
    let learned: &[&LearnedActions] = if rights.learned { &[&learned] } else { &[] };
    let context = AuthorizeContext {
        learned,
        ..AuthorizeContext::default()
    };
    let write = principal.account().write;
    let reads_files =
        write.contains(ami_proto::Class::System) && write.contains(ami_proto::Class::Config);
    let mut buf = BytesMut::from(bytes);
    let mut decoder = ActionDecoder::new();
    while let Some(incoming) = decoder.decode(&mut buf) {
        let Incoming::Action(action) = incoming else {
            continue;
        };
        let verdict = action.name().map(|name| rights.judge(name.as_bytes()));
        match authorize(&principal, action, &context) {
            Ok(authorized) => {
                let permitted = [Verdict::Local, Verdict::Checked, Verdict::Permitted];
                assert!(verdict.is_some_and(|verdict| permitted.contains(&verdict)));
                let name = authorized.spec().map_or("", |spec| spec.name);
                let variable = authorized
                    .action()
                    .header("Variable")
                    .filter(|_| name == "Getvar");
                let plain: Vec<u8> = variable
                    .unwrap_or_default()
                    .iter()
                    .copied()
                    .filter(|byte| !b"\"\\".contains(byte))
                    .collect();
                // A longer word that ends so is another function.
                let reads = plain.windows(12).any(|window| {
                    window.ends_with(b"AST_CONFIG(")
                        && !(window[0].is_ascii_alphanumeric() || window[0] == b'_')
                }) || plain.starts_with(b"AST_CONFIG(");
                assert!(!reads || reads_files);
            }
            Err((Refusal::Check(_), _)) => assert_eq!(verdict, Some(Verdict::Checked)),
            Err((Refusal::MissingAction, _)) => assert_eq!(verdict, None),
            Err((Refusal::Unknown, _)) => {
                assert!(matches!(verdict, Some(Verdict::Unknown | Verdict::Denied)))
            }
            Err((Refusal::Denied, _)) => assert_eq!(verdict, Some(Verdict::Denied)),
        }
    }
});
