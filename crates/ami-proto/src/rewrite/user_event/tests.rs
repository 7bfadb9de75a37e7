use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{join, upstream_action};
use super::*;
use crate::action_id::WireActionId;
use crate::decoder::{ActionDecoder, Incoming};

const HEAD: &str = "Event: UserEvent\r\nPrivilege: user,all\r\nSystemName: pbx1\r\n";

fn read(text: &str) -> Action {
    let mut buf = BytesMut::from(text);
    match ActionDecoder::new().decode(&mut buf) {
        Some(Incoming::Action(action)) => action,
        other => panic!("{other:?}"),
    }
}

/// What Asterisk broadcasts for an action; up to 11 it echoes `Action` headers too.
fn broadcast(action: &Action, echo_actions: bool) -> String {
    let name = String::from_utf8_lossy(action.header(USER_EVENT).unwrap_or_default()).into_owned();
    let mut text = format!("{HEAD}UserEvent: {name}\r\n");
    for line in action.lines() {
        if !line.is(USER_EVENT) && (echo_actions || !line.is(ACTION)) {
            text.push_str(&String::from_utf8_lossy(line.raw));
            text.push_str("\r\n");
        }
    }
    text + "\r\n"
}

/// What the client would see through us.
fn relayed(action: &Action, strip: &[&str], echo_actions: bool) -> String {
    let wire = WireActionId::new(1, 2, 3);
    let sent = join(upstream_action(action, Some(&wire), strip, &[]).unwrap());
    let read_by_node = read(std::str::from_utf8(&sent).unwrap());
    let frame = Frame::parse(broadcast(&read_by_node, echo_actions).into()).unwrap();
    let ids = EchoedIds::with_stripped(action, strip);
    String::from_utf8(join(restore_user_event(&frame, &ids)).to_vec()).unwrap()
}

#[test]
fn ids_come_back_in_number_spelling_and_position() {
    for text in [
        "Action: UserEvent\nUserEvent: A\nX: 1\n\n",
        "Action: UserEvent\nActionID: 1\nUserEvent: A\nX: 1\n\n",
        "Action: UserEvent\nUserEvent: A\nX: 1\nActionID: 1\n\n",
        "Action: UserEvent\nUserEvent: A\nX: 1\nactionid:two  \nActionID:\nY: 2\nACTIONID: 3\n\n",
        "X: 0\nActionID:  1\nAction: UserEvent\nno colon\nUserEvent: A\nuserevent: B\nAction: Other\nX: 1\n\n",
        "ActionID: 1\nAction: UserEvent\n\n",
        "Action: UserEvent\nUserEvent: A\nEvent: Fake\nPrivilege: fake\nActionID: 1\nEventList: Complete\n\n",
    ] {
        let action = read(text);
        for echo_actions in [false, true] {
            assert_eq!(
                relayed(&action, &[], echo_actions),
                broadcast(&action, echo_actions),
                "{text}"
            );
        }
    }
}

#[test]
fn stripped_headers_come_back_too() {
    let action = read(
        "Action: UserEvent\nSuppressEvents: 1\nX: 1\nNode: pbx1\nActionID: 1\nY: 2\nsuppressevents: 2\n\n",
    );
    assert_eq!(
        relayed(&action, &["SuppressEvents", "Node"], false),
        broadcast(&action, false)
    );
}

#[test]
fn no_wire_id_is_left_even_in_an_unexpected_message() {
    let ids = EchoedIds::of(&read(
        "Action: UserEvent\nUserEvent: A\nX: 1\nActionID: 1\n\n",
    ));
    let odd = Frame::parse(Bytes::from_static(
        b"Event: UserEvent\r\nUserEvent: A\r\nActionID: amx1-1\r\n\r\n",
    ))
    .unwrap();
    let seen = join(restore_user_event(&odd, &ids));
    assert_eq!(
        &seen[..],
        b"Event: UserEvent\r\nUserEvent: A\r\nActionID: 1\r\n\r\n"
    );
    let response = Frame::parse(Bytes::from_static(
        b"Response: Success\r\nActionID: amx1-1\r\n\r\n",
    ))
    .unwrap();
    assert_eq!(
        &join(restore_user_event(&response, &ids))[..],
        b"Response: Success\r\nActionID: 1\r\n\r\n"
    );
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[Aa]ction[Ii][Dd]: ?[a-z ]{0,5}",
        1 => "(UserEvent|userevent): ?[a-z]{0,5}",
        1 => "(Action|ACTION): ?[a-z]{0,5}",
        1 => "(Node|Suppress): ?[a-z]{0,5}",
        3 => "[A-Z][a-z]{0,5}: ?[a-z:]{0,5}",
        1 => "[A-Z][a-z]{1,5}",
    ]
}

proptest! {
    #[test]
    fn every_reader_sees_what_asterisk_would_have_sent(lines in vec(line(), 0..12), at in 0..12usize, echo_actions: bool) {
        let mut lines = lines;
        lines.insert(at.min(lines.len()), "Action: UserEvent".to_owned());
        let action = read(&format!("{}\n\n", lines.join("\n")));
        prop_assert_eq!(relayed(&action, &["Node", "Suppress"], echo_actions), broadcast(&action, echo_actions));
    }
}

/// No Asterisk writes one there; but an id of ours is never shown, wherever a node puts it.
#[test]
fn an_id_of_ours_before_the_echo_is_removed_too() {
    let frame = format!("{HEAD}ActionID: amx1-00000001-2-3\r\nUserEvent: A\r\nX: 1\r\n\r\n");
    let frame = Frame::parse(frame.into()).unwrap();
    let ids = EchoedIds::of(&read("Action: UserEvent\nUserEvent: A\nX: 1\n\n"));
    let shown = String::from_utf8(join(restore_user_event(&frame, &ids)).to_vec()).unwrap();
    assert_eq!(shown, format!("{HEAD}UserEvent: A\r\nX: 1\r\n\r\n"));
}
