//! What goes up is one message for Asterisk, whatever the client sent; what comes down shows no wire id.

#![no_main]

#[path = "../../tests/wire/asterisk.rs"]
mod asterisk;

use ami_proto::action_id::is_wire_action_id;
use ami_proto::command_output::convert;
use ami_proto::rewrite::{
    EchoedIds, join, label, remove_wire_action_id, restore_user_event, upstream_action,
};
use ami_proto::{
    Action, ActionDecoder, CommandOutput, Frame, FrameDecoder, Incoming, Limits, WireActionId,
};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

use asterisk::{Asterisk, FullBuffer};

fn goes_up(action: &Action, append: &[u8]) {
    let wire = WireActionId::new(1, 2, 3);
    let Ok(slices) = upstream_action(action, Some(&wire), &["Node"], &[("Variable", append)])
    else {
        return;
    };
    let sent = join(slices);
    for form in [FullBuffer::KeepLastByte, FullBuffer::Discard] {
        let mut asterisk = Asterisk::new(form);
        let read = asterisk.read_all(&sent, usize::MAX);
        assert!(asterisk.is_idle());
        let [message] = read.as_slice() else {
            panic!("{} messages", read.len())
        };
        assert!(!message.too_long && !message.too_many);
        assert_eq!(message.action(), action.name().map(|name| name.as_bytes()));
        assert_eq!(message.header("ActionID"), Some(wire.as_bytes()));
        assert_eq!(message.headers("ActionID").count(), 1);
    }
}

fn comes_down(frame: &Frame, ids: &EchoedIds) {
    for seen in [
        join(remove_wire_action_id(frame)),
        join(restore_user_event(frame, ids)),
    ] {
        // In the old command form the output moves up into the place of a removed id.
        let Some(seen) = Frame::parse(seen).filter(|seen| !seen.is_follows()) else {
            continue;
        };
        assert!(!seen.headers("ActionID").any(is_wire_action_id));
    }
    let labelled = label(frame.bytes(), "Node", "pbx1");
    if !frame.is_follows() {
        let labelled = Frame::parse(labelled).expect("a label keeps the frame whole");
        // The first line says what the message is, and stays.
        let labels = labelled.lines().skip(1).filter(|line| line.is("Node"));
        assert_eq!(labels.map(|line| line.value).collect::<Vec<_>>(), [b"pbx1"]);
    }
}

/// Whatever a command prints, its answer stays one message in either form.
fn is_converted(frame: &Frame) {
    for form in [CommandOutput::Output, CommandOutput::Follows] {
        if let Some(converted) = convert(frame, form, None) {
            let seen = Frame::parse(converted).expect("one message");
            assert_eq!(seen.is_follows(), form == CommandOutput::Follows);
            assert_eq!(seen.action_id(), None);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(([low, high], rest)) = input.split_first_chunk() else {
        return;
    };
    let split = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
    let (client, node) = rest.split_at(split);
    let mut buf = BytesMut::from(client);
    let mut decoder = ActionDecoder::new();
    let mut ids = EchoedIds::default();
    while let Some(incoming) = decoder.decode(&mut buf) {
        if let Incoming::Action(action) = incoming {
            goes_up(&action, node);
            if !action.headers("ActionID").any(is_wire_action_id) {
                ids = EchoedIds::of(&action);
            }
        }
    }
    let mut buf = BytesMut::from(node);
    let mut decoder = FrameDecoder::new(Limits::default());
    while let Ok(Some(frame)) = decoder.decode(&mut buf) {
        comes_down(&frame, &ids);
        is_converted(&frame);
    }
});
