//! Rewriting: nanoseconds per message of what stands between reading and writing.

use ami_proto::rewrite::{
    EchoedIds, join, label, restore_action_id, restore_user_event, upstream_action,
};
use ami_proto::{Action, ClientActionId, Frame, WireActionId};
use bytes::Bytes;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const HEADERS: [(&str, &str); 9] = [
    ("ActionID", "4711"),
    ("Channel", "PJSIP/100"),
    ("Context", "default"),
    ("Exten", "200"),
    ("Priority", "1"),
    ("CallerID", "Test <100>"),
    ("Variable", "A=1"),
    ("Variable", "B=2"),
    ("Async", "true"),
];

fn originate() -> Option<Action> {
    let builder = Action::build("Originate");
    let built = HEADERS.iter().try_fold(builder, |builder, (name, value)| {
        builder.header(name, value)
    });
    built.ok().map(ami_proto::ActionBuilder::finish)
}

fn frame(lines: &[&str]) -> Option<Frame> {
    Frame::parse(Bytes::from(format!("{}\r\n\r\n", lines.join("\r\n"))))
}

const WIRE: &str = "ActionID: amx1-0000002a-1f-3";

/// A list item of about the length that `CoreShowChannels` has.
fn item() -> Option<Frame> {
    frame(&[
        "Event: CoreShowChannel",
        WIRE,
        "Channel: PJSIP/100-00000001",
        "ChannelState: 6",
        "ChannelStateDesc: Up",
        "CallerIDNum: 100",
        "CallerIDName: Test",
        "ConnectedLineNum: 200",
        "ConnectedLineName: <unknown>",
        "Language: en",
        "AccountCode: ",
        "Context: default",
        "Exten: 200",
        "Priority: 1",
        "Uniqueid: pbx1-1795222166.34",
        "Linkedid: pbx1-1795222166.34",
        "Application: Dial",
        "ApplicationData: PJSIP/200,30",
        "Duration: 00:00:12",
        "BridgeId: ",
    ])
}

#[divan::bench]
fn action_up(bencher: Bencher<'_, '_>) {
    let action = originate();
    let wire = WireActionId::new(42, 31, 3);
    bencher.bench(|| {
        black_box(&action)
            .as_ref()
            .map(|action| upstream_action(action, Some(&wire), &["Node"], &[]))
    });
}

#[divan::bench]
fn action_up_with_appended_variables(bencher: Bencher<'_, '_>) {
    let action = originate();
    let wire = WireActionId::new(42, 31, 3);
    let append: [(&str, &[u8]); 2] = [("Variable", b"C=3"), ("Variable", b"D=4")];
    bencher.bench(|| {
        black_box(&action)
            .as_ref()
            .map(|action| upstream_action(action, Some(&wire), &["Node"], &append))
    });
}

#[divan::bench]
fn response_down(bencher: Bencher<'_, '_>) {
    let response = frame(&[
        "Response: Success",
        WIRE,
        "Message: Originate successfully queued",
    ]);
    let client = ClientActionId::new("4711");
    bencher.bench(|| {
        black_box(&response)
            .as_ref()
            .map(|frame| restore_action_id(frame, client.as_ref()))
    });
}

#[divan::bench]
fn list_item_down(bencher: Bencher<'_, '_>) {
    let item = item();
    let client = ClientActionId::new("4711");
    bencher.bench(|| {
        black_box(&item)
            .as_ref()
            .map(|frame| restore_action_id(frame, client.as_ref()))
    });
}

#[divan::bench]
fn list_item_down_in_one_piece(bencher: Bencher<'_, '_>) {
    let item = item();
    let client = ClientActionId::new("4711");
    bencher.bench(|| {
        black_box(&item)
            .as_ref()
            .map(|frame| join(restore_action_id(frame, client.as_ref())))
    });
}

#[divan::bench]
fn user_event_down(bencher: Bencher<'_, '_>) {
    let event = frame(&[
        "Event: UserEvent",
        "Privilege: user,all",
        "UserEvent: Screen",
        WIRE,
        "Number: 100",
        "Agent: 7",
    ]);
    let sent = Action::build("UserEvent")
        .header("UserEvent", "Screen")
        .and_then(|builder| builder.header("Number", "100"));
    let sent = sent
        .and_then(|builder| builder.header("ActionID", "4711"))
        .map(ami_proto::ActionBuilder::finish);
    let ids = sent.as_ref().map(EchoedIds::of).unwrap_or_default();
    bencher.bench(|| {
        black_box(&event)
            .as_ref()
            .map(|frame| restore_user_event(frame, &ids))
    });
}

#[divan::bench]
fn event_labelled(bencher: Bencher<'_, '_>) {
    let message = item()
        .map(|frame| frame.bytes().clone())
        .unwrap_or_default();
    bencher.bench(|| label(black_box(&message), "Node", "pbx1"));
}
