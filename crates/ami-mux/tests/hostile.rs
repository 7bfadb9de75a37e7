//! What hostile bytes can do to sessions and nodes: the bodies of the fuzz targets, run here on their seeds and on
//! random inputs, so that they are never out of date and each seed stays a test.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::format_push_string,
    clippy::struct_excessive_bools,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails loudly, and its model is read as one piece"
)]

#[path = "../../ami-proto/tests/wire/asterisk.rs"]
mod asterisk;
#[path = "hostile/cluster.rs"]
mod cluster;
#[path = "hostile/downward.rs"]
mod downward;
#[path = "../../ami-proto/tests/wire/meaning.rs"]
mod meaning;
#[path = "hostile/messages.rs"]
mod messages;
#[path = "hostile/operations.rs"]
mod operations;
#[path = "../../ami-access/tests/rights/naive.rs"]
mod rights;
#[path = "hostile/upward.rs"]
mod upward;
#[path = "support/world.rs"]
mod world;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces of hostile streams: line ends of all kinds, headers that matter, lengths around those of Asterisk's buffer.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static str| Just(text.as_bytes().to_vec());
    let actions = [
        "QueueReset",
        "Command",
        "Getvar",
        "Originate",
        "CoreShowChannels",
        "FAXStats",
        "Ping",
        "Nix",
        "XAgi",
    ];
    prop_oneof![
        6 => text("\r\n"),
        4 => text("\r\n\r\n"),
        2 => text("\n"),
        1 => text("\r"),
        1 => text("\0"),
        5 => prop::sample::select(actions.to_vec()).prop_map(|name| format!("Action: {name}\r\n").into_bytes()),
        2 => text("ActionID: a b\r\n"),
        1 => text("action:"),
        1 => text("Node: pbx1\r\n"),
        1 => text("Variable: A=1\r\n"),
        1 => text("SuppressEvents: x\r\n"),
        1 => vec(any::<u8>(), 0..20),
        1 => prop_oneof![1000..1030usize, 2030..2060usize].prop_map(|count| vec![b'x'; count]),
        1 => (110..135usize).prop_map(|count| b"H: v\r\n".repeat(count)),
    ]
}

/// What a node may say: answers to actions that are under way, events, and pieces of both.
fn saying() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        4 => (0..10u8).prop_map(|id| [b"ActionID: \xfe", &[id][..], b"\r\n"].concat()),
        4 => (0..8u8).prop_map(|lane| vec![0xff, lane]),
        4 => text("Response: Success\r\n"),
        2 => text("Response: Follows\r\n"),
        3 => text("Event: Hangup\r\nPrivilege: call,all\r\n"),
        2 => text("Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: x\r\n"),
        1 => text("EventList: start\r\n"),
        1 => text("EventList: Complete\r\n"),
        5 => text("\r\n"),
        2 => text("\n"),
        1 => text("--END COMMAND--\r\n\r\n"),
        1 => vec(any::<u8>(), 0..20),
    ]
}

/// The inputs that are kept for a fuzz target, with their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let entries = std::fs::read_dir(folder).expect("seeds");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a seed").path()).collect();
    paths.sort();
    let read = paths.into_iter().map(|path| {
        let bytes = std::fs::read(&path).expect("a seed");
        (path.display().to_string(), bytes)
    });
    read.collect()
}

fn replay(target: &str, run: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    for (name, seed) in seeds {
        println!("{name}");
        run(&seed);
    }
}

#[test]
fn upward_seeds() {
    replay("upward", upward::run);
}

#[test]
fn downward_seeds() {
    replay("downward", downward::run);
}

#[test]
fn operations_seeds() {
    replay("operations", operations::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn upward_random(head: [u8; 8], pieces in vec(piece(), 0..60)) {
        upward::run(&[&head[..], &pieces.concat()].concat());
    }

    #[test]
    fn downward_random(options in 0..16u8, sayings in vec(saying(), 0..60)) {
        downward::run(&[&[options][..], &sayings.concat()].concat());
    }

    #[test]
    fn operations_random(input in vec(any::<u8>(), 4..600)) {
        operations::run(&input);
    }
}
