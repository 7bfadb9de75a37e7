//! Bytes recorded from Asterisk 22.

use ami_proto::banner::take_greeting;
use ami_proto::rewrite::{join, restore_action_id, restore_user_event, upstream_action};
use ami_proto::{
    Action, ActionDecoder, AmiVersion, ClientActionId, EchoedIds, Frame, FrameDecoder, FrameKind,
    Incoming, Limits, ListMarker, WireActionId,
};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::asterisk::{Asterisk, FullBuffer};

const MALFORMED_IN: &[u8] = include_bytes!("recorded/malformed.in.ami");
const MALFORMED_OUT: &[u8] = include_bytes!("recorded/malformed.out.ami");
const USER_EVENT_IN: &[u8] = include_bytes!("recorded/userevent.in.ami");
const USER_EVENT_OUT: &[u8] = include_bytes!("recorded/userevent.out.ami");
const COMMAND_OUT: &[u8] = include_bytes!("recorded/command.out.ami");
const CALL_OUT: &[u8] = include_bytes!("recorded/call.out.ami");
const NO_CONTACTS_OUT: &[u8] = include_bytes!("recorded/no-contacts.out.ami");

fn frames_of(bytes: &[u8], chunk: usize) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new(Limits::default());
    let mut buf = BytesMut::new();
    let mut out = Vec::new();
    for part in bytes.chunks(chunk) {
        buf.extend_from_slice(part);
        while let Some(frame) = decoder.decode(&mut buf).unwrap() {
            out.push(frame);
        }
    }
    assert!(buf.is_empty(), "everything was a message");
    out
}

/// The frames behind a greeting.
fn session_of(bytes: &[u8]) -> Vec<Frame> {
    let mut buf = BytesMut::from(bytes);
    assert_eq!(take_greeting(&mut buf), Ok(Some(AmiVersion::new(11, 0, 0))));
    frames_of(&buf, 4096)
}

fn actions_of(bytes: &[u8]) -> Vec<Action> {
    let mut decoder = ActionDecoder::new();
    let mut buf = BytesMut::from(bytes);
    let mut out = Vec::new();
    while let Some(incoming) = decoder.decode(&mut buf) {
        let Incoming::Action(action) = incoming else {
            panic!("{incoming:?}")
        };
        out.push(action);
    }
    assert_eq!(decoder.pending_bytes(), 0);
    out
}

#[test]
fn malformed_actions_are_read_as_asterisk_answered_them() {
    let actions = actions_of(MALFORMED_IN);
    let answers = session_of(MALFORMED_OUT);
    assert_eq!(actions.len(), answers.len());
    for (action, answer) in actions.iter().zip(&answers) {
        assert_eq!(
            action.action_id().as_ref().map(ClientActionId::as_bytes),
            answer.action_id(),
            "{action:?}"
        );
        let message = answer
            .header("Message")
            .map(|text| String::from_utf8_lossy(text).into_owned());
        let message = message.unwrap_or_default();
        match action.name() {
            None => assert_eq!(message, "Missing action in request", "{action:?}"),
            Some(name) if message.starts_with("Invalid/unknown") => {
                let expected = format!(
                    "Invalid/unknown command: {name}. Use Action: ListCommands to show available commands."
                );
                assert_eq!(message, expected);
            }
            Some(name) => assert!(name.is("Ping") || name.is("Login"), "{name}"),
        }
    }
}

#[test]
fn recorded_user_events_come_back_as_recorded() {
    let frames = session_of(USER_EVENT_OUT);
    let events: Vec<_> = frames
        .iter()
        .filter(|frame| frame.event_name() == Some(b"UserEvent"))
        .collect();
    let actions = actions_of(USER_EVENT_IN);
    let actions: Vec<_> = actions
        .iter()
        .filter(|action| action.name().is_some_and(|name| name.is("UserEvent")))
        .collect();
    assert_eq!((events.len(), actions.len()), (4, 4));
    for (action, event) in actions.into_iter().zip(events) {
        // What the node would write for the rewritten action: the same header part, the echo of what it read.
        let wire = WireActionId::new(1, 2, 3);
        let sent = join(upstream_action(action, Some(&wire), &[], &[]).unwrap());
        let read = Asterisk::new(FullBuffer::KeepLastByte).read_all(&sent, usize::MAX);
        let head: Vec<u8> = event
            .lines()
            .take(4)
            .flat_map(|line| [line.raw, b"\r\n"].concat())
            .collect();
        let not_echoed =
            |line: &[u8]| line.starts_with(b"Action:") || line.starts_with(b"UserEvent:");
        let echo = read[0]
            .lines
            .iter()
            .filter(|line| !not_echoed(line))
            .flat_map(|line| [line, &b"\r\n"[..]].concat());
        let written: Vec<u8> = head.into_iter().chain(echo).chain(*b"\r\n").collect();
        let frame = Frame::parse(Bytes::from(written)).unwrap();
        assert_eq!(
            join(restore_user_event(&frame, &EchoedIds::of(action))),
            event.bytes()
        );
    }
}

#[test]
fn a_call_is_all_events_with_their_lines() {
    let frames = frames_of(CALL_OUT, usize::MAX);
    assert_eq!(frames.len(), 41);
    let text = std::str::from_utf8(CALL_OUT).unwrap();
    for (frame, message) in frames.iter().zip(text.split_terminator("\r\n\r\n")) {
        assert_eq!(frame.kind(), FrameKind::Event);
        let lines: Vec<_> = frame
            .lines()
            .map(|line| std::str::from_utf8(line.raw).unwrap())
            .collect();
        assert_eq!(lines, message.split("\r\n").collect::<Vec<_>>());
        assert_eq!(
            frame.header("Timestamp").is_some(),
            message.contains("\r\nTimestamp: ")
        );
        let variables = message.matches("\r\nChanVariable: ").count();
        assert_eq!(
            frame.headers("ChanVariable").count(),
            variables,
            "{message}"
        );
        assert_eq!(&Frame::parse(frame.bytes().clone()).unwrap(), frame);
    }
    // An event may contain a Response header and is still an event.
    let originate = frames
        .iter()
        .find(|frame| frame.event_name() == Some(b"OriginateResponse"))
        .unwrap();
    assert_eq!(
        (originate.response(), originate.header("Response")),
        (None, Some(&b"Success"[..]))
    );
}

#[test]
fn command_output_lines_are_kept_in_order() {
    let frames = session_of(COMMAND_OUT);
    let first = &frames[1];
    assert_eq!(first.response(), Some(&b"Success"[..]));
    let output: Vec<_> = first.headers("Output").collect();
    assert_eq!(
        output[1..],
        [
            &b"0 active channels"[..],
            b"0 active calls",
            b"0 calls processed"
        ]
    );
    let empty = &frames[4];
    assert_eq!(empty.headers("Output").collect::<Vec<_>>(), [b""]);
}

#[test]
fn a_message_ending_in_lf_is_one_message() {
    let frames = frames_of(NO_CONTACTS_OUT, usize::MAX);
    assert_eq!(frames.len(), 5);
    assert_eq!(frames[0].list_marker(), Some(ListMarker::Complete));
    let odd = &frames[1];
    assert!(
        odd.bytes()
            .ends_with(b"\r\nMessage: No Contacts found\n\r\n")
    );
    assert_eq!(odd.header("Message"), Some(&b"No Contacts found"[..]));
    assert_eq!(frames[2].list_marker(), Some(ListMarker::Start));
    assert_eq!(frames[3].header("NotRegistered"), Some(&b"0"[..]));
}

#[test]
fn ids_come_back_in_every_recorded_message() {
    let wire = WireActionId::new(0xabcd, 1, 2);
    for frame in frames_of(NO_CONTACTS_OUT, 4096) {
        let client = ClientActionId::new(frame.action_id().unwrap().to_vec()).unwrap();
        let text = String::from_utf8(frame.bytes().to_vec()).unwrap();
        let id = String::from_utf8(client.as_bytes().to_vec()).unwrap();
        let upstream = Frame::parse(Bytes::from(text.replace(&id, wire.as_str()))).unwrap();
        assert_eq!(
            WireActionId::parse(upstream.action_id().unwrap())
                .unwrap()
                .slot,
            1
        );
        assert_eq!(
            join(restore_action_id(&upstream, Some(&client))),
            frame.bytes()
        );
        let removed = text.replace(&format!("ActionID: {id}\r\n"), "");
        assert_eq!(join(restore_action_id(&upstream, None)), removed.as_bytes());
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(chunk in 1..700usize) {
        for recorded in [CALL_OUT, NO_CONTACTS_OUT] {
            prop_assert_eq!(frames_of(recorded, chunk), frames_of(recorded, usize::MAX));
        }
    }
}
