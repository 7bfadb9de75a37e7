//! Comparing what two clients of one node saw: marked stretches of their streams.
//!
//! Other tests use the same nodes meanwhile. That does no harm: what happens between two marks happens for everyone, so
//! whole streams are compared, strangers' events included.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ami_proto::{Frame, FrameKind, Line};
use ami_sim::SimClient;
use bytes::Bytes;

use super::{asterisk, header};

/// A client of the node itself, logged in with all events of its account.
pub(crate) async fn direct(node: &str, user: &str, secret: &str) -> SimClient {
    let mut client = direct_greeted(node).await;
    client
        .login(user, secret)
        .await
        .unwrap_or_else(|error| panic!("{user} logs in at {node}: {error}"));
    client
}

/// A client of the node itself that has read the greeting.
pub(crate) async fn direct_greeted(node: &str) -> SimClient {
    let mut client = SimClient::connect(asterisk(node).address)
        .await
        .unwrap_or_else(|error| panic!("{node} greets: {error}"));
    client.set_patience(Duration::from_secs(20));
    client
}

/// A word that no other test, run or earlier call has.
pub(crate) fn token(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{what}{}x{number}", std::process::id())
}

/// Something every reader of the class `agent` sees on the node: a member that comes to a queue and goes again. The word is the
/// member's name.
pub(crate) async fn mark(actor: &mut SimClient, word: &str) {
    let (interface, name) = (
        format!("Interface: Local/{word}@nowhere/n"),
        format!("MemberName: {word}"),
    );
    let lines = [
        "Action: QueueAdd",
        "Queue: empty",
        &interface,
        &name,
        "Paused: true",
    ];
    succeeds(actor, &lines).await;
    succeeds(actor, &["Action: QueueRemove", "Queue: empty", &interface]).await;
}

/// Sends an action that must succeed; its response.
pub(crate) async fn succeeds(client: &mut SimClient, lines: &[&str]) -> Frame {
    let response = client
        .action(lines)
        .await
        .unwrap_or_else(|error| panic!("{lines:?}: {error}"));
    assert_eq!(
        response.response(),
        Some(&b"Success"[..]),
        "{lines:?} answered {:?}",
        response.bytes()
    );
    response
}

/// A call on the actor's node that stays, whose channels have this Uniqueid; the name of its first.
pub(crate) async fn standing_call(actor: &mut SimClient, id: &str) -> String {
    let (channel_id, action_id) = (format!("ChannelId: {id}"), format!("ActionID: {id}"));
    let lines = [
        "Action: Originate",
        &action_id,
        &channel_id,
        "Channel: Local/101@tests/n",
        "Context: caller",
        "Exten: s",
        "Priority: 1",
        "Async: true",
    ];
    succeeds(actor, &lines).await;
    let answered = actor
        .next_where("the OriginateResponse", |frame| {
            frame.event_name() == Some(b"OriginateResponse")
                && frame.action_id() == Some(id.as_bytes())
        })
        .await
        .expect("answered");
    header(&answered, "Channel")
}

/// Whether the event is the end of that mark.
pub(crate) fn ends_mark(frame: &Frame, word: &str) -> bool {
    frame.event_name() == Some(b"QueueMemberRemoved")
        && frame.header("MemberName") == Some(word.as_bytes())
}

/// Everything a client got until the last of those marks has ended.
pub(crate) async fn stream(client: &mut SimClient, ends: &[&str]) -> Vec<Frame> {
    let mut missing = ends.to_vec();
    let mut frames = Vec::new();
    while !missing.is_empty() {
        let frame = client
            .next_frame()
            .await
            .unwrap_or_else(|error| panic!("waiting for the marks {missing:?}: {error}"));
        missing.retain(|word| !ends_mark(&frame, word));
        frames.push(frame);
    }
    frames
}

/// The events between two marks, marks left out.
pub(crate) fn between<'a>(
    frames: impl IntoIterator<Item = &'a Frame>,
    begin: &str,
    end: &str,
) -> Vec<Frame> {
    let after = frames
        .into_iter()
        .skip_while(|frame| !ends_mark(frame, begin));
    let inside: Vec<Frame> = after
        .skip(1)
        .take_while(|frame| !ends_mark(frame, end))
        .filter(|frame| {
            frame.kind() == FrameKind::Event && frame.header("MemberName") != Some(end.as_bytes())
        })
        .cloned()
        .collect();
    inside
}

/// No client of amiplex ever sees an id that amiplex made.
pub(crate) fn assert_no_wire_id<'a>(frames: impl IntoIterator<Item = &'a Frame>) {
    for frame in frames {
        let ours = frame.lines().any(|line| {
            line.raw
                .windows(5)
                .any(|part| part == b"amx1-" && line.is("ActionID"))
        });
        assert!(!ours, "an id of amiplex is seen: {:?}", frame.bytes());
    }
}

/// Whether the event is about the account with which amiplex itself logs in; it hides those.
pub(crate) fn is_about_amiplex(frame: &Frame) -> bool {
    frame.header("Privilege") == Some(b"security,all")
        && frame.header("AccountID") == Some(b"amiplex")
}

/// Whether amiplex itself raised the security event: unlike those of the nodes of these tests, it has no SystemName.
pub(crate) fn is_raised_by_amiplex(frame: &Frame) -> bool {
    frame.header("Privilege") == Some(b"security,all") && frame.header("SystemName").is_none()
}

/// The message without some of its lines.
pub(crate) fn without_lines(frame: &Frame, left_out: impl Fn(&Line<'_>) -> bool) -> Bytes {
    let mut bytes = Vec::new();
    for line in frame.lines().filter(|line| !left_out(line)) {
        bytes.extend_from_slice(line.raw);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.into()
}

/// The message without its last header, which must be `Node: <node>`, and the only one of that name.
pub(crate) fn unlabelled(frame: &Frame, node: &str) -> Bytes {
    let label = format!("Node: {node}\r\n\r\n");
    let bytes = frame.bytes();
    let rest = bytes
        .strip_suffix(label.as_bytes())
        .unwrap_or_else(|| panic!("the label is last: {bytes:?}"));
    assert_eq!(
        frame.headers("Node").count(),
        1,
        "labelled twice: {bytes:?}"
    );
    [rest, b"\r\n"].concat().into()
}

/// What a client of amiplex saw is what a direct client of the node saw, byte for byte, but for the label of sessions with
/// several nodes. An id that amiplex made (this one or that of another test) is only seen at the node: there the lines are compared
/// without ids.
pub(crate) fn assert_same_events(
    what: &str,
    seen: &[Frame],
    directly: &[Frame],
    label: Option<&str>,
) {
    assert_no_wire_id(seen);
    let directly = directly.iter().filter(|frame| !is_about_amiplex(frame));
    let mut seen_frames = seen.iter();
    let mut before = None;
    for expected in directly {
        let got = seen_frames
            .next()
            .unwrap_or_else(|| panic!("{what}: not seen: {:?}", expected.bytes()));
        let plain = match label {
            Some(node) => Frame::parse(unlabelled(got, node)).expect("still a message"),
            None => got.clone(),
        };
        let own_id = |line: &Line<'_>| line.is("ActionID") && line.value.starts_with(b"amx1-");
        let wire = expected.lines().any(|line| own_id(&line));
        let left_out =
            |line: &Line<'_>| (wire && line.is("ActionID")) || (label.is_some() && line.is("Node"));
        assert_eq!(
            without_lines(&plain, left_out),
            without_lines(expected, left_out),
            "{what}: after {before:?}"
        );
        before = Some(expected.bytes().clone());
    }
    if let Some(more) = seen_frames.next() {
        panic!("{what}: only through amiplex: {:?}", more.bytes());
    }
}
