//! Nothing that a client can send makes a node read anything but the one message that was meant.

use ami_proto::rewrite::{join, upstream_action};
use ami_proto::{ActionDecoder, ActionName, Incoming, WireActionId};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::asterisk::{Asterisk, FullBuffer, Message};
use crate::meaning::meaning;

/// Pieces from which hostile streams are made: line ends of all kinds, headers that matter, lengths around the buffer's.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static [u8]| Just(text.to_vec()).boxed();
    prop_oneof![
        6 => text(b"\r\n"),
        3 => text(b"\n"),
        1 => text(b"\r"),
        1 => text(b"\0"),
        2 => text(b"\r\n\r\n"),
        3 => text(b"Action: Ping"),
        2 => text(b"action:Command"),
        1 => text(b"Action:"),
        1 => text(b"Action : x"),
        2 => text(b"ActionID: a b"),
        1 => text(b"actionid:"),
        1 => text(b"Variable: A=1"),
        1 => text(b"Node: x"),
        1 => text(b"no colon"),
        1 => vec(any::<u8>(), 0..20),
        1 => prop_oneof![1000..1030usize, 2030..2060usize, 1..8usize].prop_map(|count| vec![b'x'; count]),
        1 => (100..140usize).prop_map(|count| b"H: v\r\n".repeat(count)),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..60).prop_map(|mut pieces| {
        pieces.push(b"\r\n\r\n".to_vec());
        pieces.concat()
    })
}

fn decode_in_chunks(bytes: &[u8], chunk: usize) -> Vec<Incoming> {
    let mut decoder = ActionDecoder::new();
    let mut buf = BytesMut::new();
    let mut out = Vec::new();
    for part in bytes.chunks(chunk) {
        buf.extend_from_slice(part);
        while let Some(incoming) = decoder.decode(&mut buf) {
            out.push(incoming);
        }
        // 128 lines with their CRLF, and one line that is not finished.
        assert!(decoder.pending_bytes() <= 128 * 1024 + 1024);
        assert!(buf.len() <= 1024);
    }
    out
}

fn not_empty(value: Option<&[u8]>) -> Option<Vec<u8>> {
    value
        .filter(|value| !value.is_empty() && !value.contains(&b'\r'))
        .map(<[u8]>::to_vec)
}

fn assert_means(incoming: &Incoming, meant: &Message) {
    let meant_id = not_empty(meant.header("ActionID"));
    match incoming {
        Incoming::Action(action) => {
            assert!(!meant.too_long && !meant.too_many);
            let lines: Vec<_> = action.lines().map(|line| line.raw.to_vec()).collect();
            assert_eq!(lines, meant.lines);
            assert_eq!(action.name().map(ActionName::as_bytes), meant.action());
            assert_eq!(
                action.action_id().map(|id| id.as_bytes().to_vec()),
                meant_id
            );
        }
        Incoming::TooLong { action_id } => {
            assert!(meant.too_long && !meant.too_many);
            assert_eq!(
                action_id.as_ref().map(|id| id.as_bytes().to_vec()),
                meant_id
            );
        }
        Incoming::TooManyLines { action_id } => {
            assert!(meant.too_many);
            assert_eq!(
                action_id.as_ref().map(|id| id.as_bytes().to_vec()),
                meant_id
            );
        }
    }
}

proptest! {
    #[test]
    fn every_split_gives_what_the_bytes_mean(bytes in stream(), chunk in prop_oneof![1..8usize, 1000..1030usize, Just(1 << 20)]) {
        let decoded = decode_in_chunks(&bytes, chunk);
        let meant = meaning(&bytes);
        prop_assert_eq!(decoded.len(), meant.len());
        for (incoming, meant) in decoded.iter().zip(&meant) {
            assert_means(incoming, meant);
        }
    }

    #[test]
    fn without_long_lines_it_reads_as_asterisk_does(bytes in stream()) {
        let meant = Asterisk::new(FullBuffer::KeepLastByte).read_all(&bytes, usize::MAX);
        let own = meaning(&bytes);
        prop_assume!(own.iter().all(|message| !message.too_long) && meant.iter().all(|message| !message.too_long));
        let decoded = decode_in_chunks(&bytes, 4096);
        prop_assert_eq!(decoded.len(), meant.len());
        for (incoming, meant) in decoded.iter().zip(&meant) {
            assert_means(incoming, meant);
        }
    }

    #[test]
    fn a_node_reads_one_message_with_the_same_lines(
        bytes in stream(),
        chunk in prop_oneof![1..8usize, 1000..1030usize, Just(usize::MAX)],
        with_wire: bool,
        appended in vec(vec(any::<u8>(), 0..40), 0..3),
    ) {
        let wire = with_wire.then(|| WireActionId::new(7, 8, 9));
        let append: Vec<(&str, &[u8])> = appended.iter().map(|value| ("Variable", value.as_slice())).collect();
        for incoming in decode_in_chunks(&bytes, 4096) {
            let Incoming::Action(action) = incoming else { continue };
            let Ok(slices) = upstream_action(&action, wire.as_ref(), &["Node"], &append) else { continue };
            let sent = join(slices);
            for form in [FullBuffer::KeepLastByte, FullBuffer::Discard] {
                let mut asterisk = Asterisk::new(form);
                let read = asterisk.read_all(&sent, chunk);
                prop_assert_eq!(read.len(), 1);
                prop_assert!(asterisk.is_idle());
                let message = &read[0];
                prop_assert!(!message.too_long && !message.too_many);
                prop_assert_eq!(message.action(), action.name().map(ActionName::as_bytes));
                prop_assert_eq!(message.headers("Action").count(), 1);
                prop_assert_eq!(message.header("ActionID"), wire.as_ref().map(WireActionId::as_bytes));
                prop_assert_eq!(message.headers("ActionID").count(), usize::from(with_wire));
                prop_assert!(message.lines.iter().all(|line| !line.contains(&b'\r')));
                let dropped = |name: &[u8]| ["Action", "ActionID", "Node"].iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name));
                let mut expected: Vec<Vec<u8>> = action
                    .lines()
                    .filter(|line| !line.name.is_some_and(dropped))
                    .map(|line| line.raw.to_vec())
                    .collect();
                expected.extend(append.iter().map(|(name, value)| [name.as_bytes(), b": ", value].concat()));
                prop_assert_eq!(&message.lines[1 + usize::from(with_wire)..], &expected[..]);
            }
        }
    }
}

#[test]
fn the_known_attack_stays_one_message() {
    for length in 1000..3100 {
        let hostile = format!(
            "Action: Ping\r\nX: {}\r\nAction: Command\r\nCommand: core stop now\r\n\r\n",
            "x".repeat(length - 3)
        );
        let decoded = decode_in_chunks(hostile.as_bytes(), 512);
        let [only] = decoded.as_slice() else {
            panic!("{length}: {} messages", decoded.len())
        };
        if length > 1022 {
            assert_eq!(only, &Incoming::TooLong { action_id: None }, "{length}");
            continue;
        }
        let Incoming::Action(action) = only else {
            panic!("{length}")
        };
        let wire = WireActionId::new(1, 2, 3);
        let sent = join(upstream_action(action, Some(&wire), &[], &[]).unwrap());
        let read = Asterisk::new(FullBuffer::Discard).read_all(&sent, usize::MAX);
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].action(), Some(&b"Ping"[..]));
    }
}
