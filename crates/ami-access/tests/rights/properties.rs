//! Any account and any name of an action: the program and the plain evaluator agree.

use std::path::Path;

use ami_access::manager_conf::MemoryFiles;
use ami_access::{
    AuthorizeContext, LearnedActions, Principal, Proof, Refusal, authorize, builtin_all, load_from,
    verify,
};
use ami_proto::{Action, ActionDecoder, ClassSet, Frame, Incoming};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::naive::{LEARNED, Rights, Verdict, registered};

fn principal(rights: &Rights) -> Principal {
    let conf = format!("[general]\n[a]\nsecret = s\n{}", rights.lines());
    let files = MemoryFiles::default().with("/manager.conf", conf.as_str());
    let loaded = load_from(&files, Path::new("/manager.conf"), None).unwrap();
    let peer = "192.0.2.1".parse().unwrap();
    let proof = Proof::Plain {
        secret: b"s",
        confidential: true,
    };
    let verified = verify(&loaded.accounts, b"a", proof, peer).unwrap();
    verified.proven().unwrap()
}

fn learned() -> LearnedActions {
    let frame = Frame::parse(Bytes::from(format!("Response: Success\r\n{LEARNED}\r\n"))).unwrap();
    let lines = frame
        .lines()
        .filter_map(|line| Some((line.name?, line.value)));
    LearnedActions::parse(lines)
}

fn action(name: &str) -> Action {
    let mut bytes = BytesMut::from(format!("Action: {name}\r\n\r\n").as_bytes());
    match ActionDecoder::new().decode(&mut bytes) {
        Some(Incoming::Action(action)) => action,
        other => panic!("{other:?}"),
    }
}

/// A name that Asterisk registers or a node told of, in any case, or nearly such a name.
fn name() -> impl Strategy<Value = String> {
    let names = registered().iter().map(|(name, _)| *name);
    let names: Vec<&str> = names.chain(["XAgi", "XTwo", "XNone"]).collect();
    let cased = (prop::sample::select(names), any::<u64>()).prop_map(|(name, upper)| {
        let case = |(at, c): (usize, char)| {
            if upper >> (at % 64) & 1 == 1 {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        };
        name.chars().enumerate().map(case).collect::<String>()
    });
    let ends = prop_oneof![20 => Just(""), 1 => Just(" "), 1 => Just("x"), 1 => Just(":"), 1 => Just("\u{e4}")];
    prop_oneof![
        30 => (cased, ends).prop_map(|(name, end)| name + end),
        1 => "[a-zA-Z*]{1,12}",
    ]
}

fn rights() -> impl Strategy<Value = Rights> {
    let classes = prop_oneof![
        8 => any::<u32>().prop_map(|bits| bits & 0x7_ffff),
        4 => (0..19u32).prop_map(|bit| 1 << bit),
        1 => Just(0),
        1 => Just(1 << 19),
    ];
    let flag = || prop::bool::weighted(0.2);
    (classes, flag(), flag(), any::<bool>()).prop_map(|(classes, allow, deny, learned)| Rights {
        classes,
        allow,
        deny,
        learned,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_account_may_run_what_asterisk_would_let_it(rights in rights(), name in name()) {
        let learned = learned();
        let learned: &[&LearnedActions] = if rights.learned { &[&learned] } else { &[] };
        let context = AuthorizeContext { learned, ..AuthorizeContext::default() };
        let verdict = rights.judge(name.as_bytes());
        let decided = authorize(&principal(&rights), action(&name), &context);
        match decided.map(|_| ()).map_err(|(refusal, _)| refusal) {
            Ok(()) => prop_assert!(matches!(verdict, Verdict::Local | Verdict::Checked | Verdict::Permitted)),
            Err(Refusal::Check(_)) => prop_assert_eq!(verdict, Verdict::Checked),
            // A node that has told what it has, has nothing else.
            Err(Refusal::Unknown) if rights.learned => prop_assert!(matches!(verdict, Verdict::Unknown | Verdict::Denied)),
            Err(Refusal::Unknown) => prop_assert_eq!(verdict, Verdict::Unknown),
            Err(Refusal::Denied) => prop_assert_eq!(verdict, Verdict::Denied),
            Err(Refusal::MissingAction) => prop_assert!(false, "it has a name"),
        }
    }

    #[test]
    fn an_event_is_visible_to_whoever_has_all_its_classes(event in prop::collection::vec(0..19usize, 1..4), mask in any::<u32>()) {
        let labels: Vec<String> = (0..19).map(label).collect();
        let privilege = event.iter().map(|at| labels[*at].as_str()).chain(["all"]).collect::<Vec<_>>().join(",");
        let own: Vec<&str> = (0..19).filter(|at| mask >> at & 1 == 1).map(|at| labels[at].as_str()).collect();
        let (mask, unknown) = ClassSet::parse(&own.join(","));
        prop_assert!(unknown.is_empty());
        let needed = ClassSet::parse_privilege(privilege.as_bytes()).unwrap();
        prop_assert_eq!(mask.covers(needed), event.iter().all(|at| own.contains(&labels[*at].as_str())));
    }
}

/// The label of a class, by its bit in an account of the plain evaluator.
fn label(bit: usize) -> String {
    let rights = Rights {
        classes: 1 << bit,
        allow: false,
        deny: false,
        learned: false,
    };
    rights
        .lines()
        .trim_start_matches("write = ")
        .trim_end()
        .to_owned()
}

#[test]
fn the_table_has_the_classes_that_asterisk_registers() {
    let table: Vec<(&str, String)> = builtin_all()
        .iter()
        .map(|spec| (spec.name, spec.classes.render()))
        .collect();
    let mut expected: Vec<(&str, String)> = registered()
        .iter()
        .map(|(name, classes)| {
            let (classes, unknown) = ClassSet::parse(classes);
            assert!(unknown.is_empty(), "{name}");
            (*name, classes.render())
        })
        .collect();
    expected.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    assert_eq!(table, expected);
}
