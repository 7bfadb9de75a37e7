//! A real Asterisk that is killed, frozen, stopped and started again: what its clients are told, and what it has really done.
//!
//! These tests have the scratch instance to themselves and run one at a time.

mod by_name;
mod every_list;
mod midway;
mod queue_reload;

mod tables;

use std::time::Duration;

use ami_proto::{Frame, FrameKind};
use ami_sim::{ClientError, SimClient};

use crate::support::watch::{standing_call, succeeds};
use crate::support::{Amiplex, Setup, asterisk, control_asterisk, header, last_line};

/// An Asterisk takes its time to start.
const START: Duration = Duration::from_secs(50);

/// The scratch instance, running, and another node beside it.
async fn setup() -> Setup {
    control_asterisk("up", "pbx3").await;
    Setup::new(vec![asterisk("pbx1"), asterisk("pbx3")])
}

/// Three nodes: 22, 16 and the scratch instance. Its channels and queues are those that the test makes.
async fn three() -> Setup {
    control_asterisk("up", "pbx3").await;
    Setup::new(NODES.iter().map(|name| asterisk(name)).collect())
}

const NODES: [&str; 3] = ["pbx1", "pbx2", "pbx3"];

/// A call that stays: `Local/hold-ID@TENANT`. Its first channel has this Uniqueid; the name is returned, and on no other node.
async fn hold(actor: &mut SimClient, tenant: &str, id: &str) -> String {
    let lines = [
        "Action: Originate".to_owned(),
        format!("Channel: Local/hold-{id}@{tenant}/n"),
        format!("ChannelId: {id}"),
        format!("ActionID: {id}"),
        "Context: caller\r\nExten: s\r\nPriority: 1\r\nAsync: true".to_owned(),
    ];
    succeeds(actor, &lines.each_ref().map(String::as_str)).await;
    let answered = actor
        .next_where("the OriginateResponse", |frame| {
            frame.event_name() == Some(b"OriginateResponse") && header(frame, "ActionID") == id
        })
        .await
        .expect("answered");
    header(&answered, "Channel")
}

/// Ends what the tests before have left there.
async fn empty(observer: &mut SimClient) {
    let hangup = ["Action: Hangup", "Channel: /./"];
    observer.list(&hangup).await.expect("answered");
    let list = ["Action: CoreShowChannels"];
    // The response and the end of the list.
    let none = async { while observer.list(&list).await.expect("answered").len() > 2 {} };
    let waited = tokio::time::timeout(START, none).await;
    waited.expect("nothing is left");
}

/// A client of the scratch instance itself.
async fn observer() -> SimClient {
    let mut client = SimClient::connect(asterisk("pbx3").address)
        .await
        .expect("greeted");
    client.login("admin", "adminpw").await.expect("logged in");
    client
}

async fn patient(amiplex: &Amiplex, listener: &str) -> SimClient {
    let mut client = amiplex.login(listener, "admin", "adminpw").await;
    client.set_patience(START);
    client
}

fn told(frame: &Frame) -> (String, String) {
    (header(frame, "Message"), last_line(frame))
}

fn down(end: &str, outcome: &str) -> (String, String) {
    (
        format!("Node pbx3 is down, {end}"),
        format!("Outcome: {outcome}"),
    )
}

/// A call that rings until somebody gives up, made in the way that blocks its session.
async fn ring(client: &mut SimClient, observer: &mut SimClient) {
    client
        .send(&[
            "Action: Originate",
            "Node: pbx3",
            "Channel: Local/deaf@callee/n",
            "Application: Wait",
            "Timeout: 30000",
            "ActionID: call",
        ])
        .await
        .expect("sent");
    observer
        .next_where("the ringing", |frame| {
            frame.event_name() == Some(b"Newexten") && header(frame, "Exten") == "deaf"
        })
        .await
        .expect("it rings");
}

/// The node starts again, the client is told, and both work together.
async fn comes_back(client: &mut SimClient) {
    control_asterisk("up", "pbx3").await;
    let event = client.next_event("NodeUp").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx3");
    let booted = |frame: &Frame| {
        frame.event_name() == Some(b"FullyBooted") && frame.header("Node") == Some(b"pbx3")
    };
    client
        .next_where("the FullyBooted", booted)
        .await
        .expect("told");
    succeeds(client, &["Action: CoreStatus", "Node: pbx3"]).await;
    succeeds(
        client,
        &[
            "Action: UserEvent",
            "Node: pbx3",
            "UserEvent: Again",
            "ActionID: ue",
        ],
    )
    .await;
    let again = |frame: &Frame| header(frame, "UserEvent") == "Again";
    let event = client
        .next_where("its own event", again)
        .await
        .expect("shown");
    assert_eq!(last_line(&event), "Node: pbx3");
}

#[tokio::test]
async fn killed_with_actions_in_flight_each_is_answered_at_once_and_a_new_life_is_announced() {
    let amiplex = setup().await.start().await;
    let mut observer = observer().await;
    let mut client = patient(&amiplex, "all").await;
    ring(&mut client, &mut observer).await;
    for id in ["second", "third", "fourth"] {
        let id = format!("ActionID: {id}");
        client
            .send(&["Action: CoreStatus", "Node: pbx3", &id])
            .await
            .expect("sent");
    }
    control_asterisk("kill", "pbx3").await;
    let answer = client.response("call").await.expect("answered");
    assert_eq!(told(&answer), down("outcome unknown", "unknown"));
    for id in ["second", "third", "fourth"] {
        let told = told(&client.response(id).await.expect("answered"));
        // Whether a byte left for the dying node is a matter of microseconds; what is claimed is true either way.
        let ends = [
            down("action not sent", "not-sent"),
            down("outcome unknown", "unknown"),
        ];
        assert!(ends.contains(&told), "{told:?}");
    }
    let event = client.next_event("NodeDown").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx3");
    let answer = client
        .action(&["Action: CoreStatus", "Node: pbx3"])
        .await
        .expect("told");
    assert_eq!(told(&answer), down("action not sent", "not-sent"));
    succeeds(&mut client, &["Action: CoreStatus", "Node: pbx1"]).await;
    let strays = client.take_waiting();
    assert!(
        !strays
            .iter()
            .any(|frame| frame.kind() == FrameKind::Response),
        "{strays:?}"
    );
    comes_back(&mut client).await;
}

#[tokio::test]
async fn a_single_node_session_is_closed_kept_or_refused_as_configured() {
    let amiplex = setup()
        .await
        .listener("keep", "node = \"pbx3\"\non_node_loss = \"keep\"\n")
        .listener("refuse", "node = \"pbx3\"\non_node_loss = \"refuse\"\n")
        .start()
        .await;
    let mut observer = observer().await;
    let mut closed = patient(&amiplex, "pbx3").await;
    let mut refused = patient(&amiplex, "refuse").await;
    let mut kept = patient(&amiplex, "keep").await;
    ring(&mut closed, &mut observer).await;
    control_asterisk("kill", "pbx3").await;
    closed.closed().await.expect("closed when all is answered");
    let frames = closed.take_waiting();
    let answers: Vec<_> = frames
        .iter()
        .filter(|frame| frame.kind() == FrameKind::Response)
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(told(answers[0]), down("outcome unknown", "unknown"));
    refused.closed().await.expect("closed");
    match SimClient::connect(amiplex.address("refuse")).await {
        Err(ClientError::Closed) => {}
        other => panic!("not refused: {other:?}"),
    }
    let answer = kept.action(&["Action: CoreStatus"]).await.expect("told");
    assert_eq!(told(&answer), down("action not sent", "not-sent"));

    control_asterisk("up", "pbx3").await;
    amiplex.wait_for_log("node is up", 3).await;
    succeeds(&mut kept, &["Action: CoreStatus"]).await;
    patient(&amiplex, "refuse").await;
}

/// Undoes a freeze however the test ends.
struct Frozen;

impl Frozen {
    async fn freeze() -> Self {
        control_asterisk("freeze", "pbx3").await;
        Self
    }

    async fn thaw(self) {
        control_asterisk("thaw", "pbx3").await;
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/asterisk/thaw");
        let thawed = std::process::Command::new(script).arg("pbx3").status();
        assert!(thawed.is_ok_and(|status| status.success()));
    }
}

fn is_outcome(frame: &Frame) -> bool {
    frame.event_name() == Some(b"OriginateResponse") && header(frame, "CallerIDNum") == "4711"
}

/// One outcome of the call was taken already.
async fn nothing_was_repeated(client: &mut SimClient, observer: &mut SimClient) {
    for _ in 0..2 {
        observer.action(&["Action: Ping"]).await.expect("answered");
        client
            .action(&["Action: CoreStatus", "Node: pbx3"])
            .await
            .expect("answered");
    }
    let seen = observer.take_waiting();
    assert_eq!(
        seen.iter().filter(|frame| is_outcome(frame)).count(),
        0,
        "no second call"
    );
    let events = seen
        .iter()
        .filter(|frame| header(frame, "UserEvent") == "Frozen");
    assert!(events.count() <= 1, "nothing is sent twice");
    let late = client
        .take_waiting()
        .into_iter()
        .filter(|frame| frame.kind() == FrameKind::Response)
        .collect::<Vec<_>>();
    assert!(late.is_empty(), "{late:?}");
}

#[tokio::test]
async fn a_frozen_node_does_once_what_it_was_told_and_its_late_answers_reach_nobody() {
    let amiplex = setup()
        .await
        .more("[limits]\naction_deadline = \"1s\"\n")
        .start()
        .await;
    let mut observer = observer().await;
    observer.set_patience(START);
    let mut client = patient(&amiplex, "all").await;
    // What amiplex itself asks of a node that has come is over when its lane is at rest again.
    for _ in 0..5 {
        succeeds(&mut client, &["Action: CoreStatus", "Node: pbx3"]).await;
    }
    let frozen = Frozen::freeze().await;
    let call = [
        "Action: Originate",
        "Node: pbx3",
        "Channel: Local/102@tests/n",
        "Application: Wait",
        "Data: 1",
        "CallerID: frozen <4711>",
        "Async: true",
        "ActionID: call",
    ];
    client.send(&call).await.expect("sent");
    let event = [
        "Action: UserEvent",
        "Node: pbx3",
        "UserEvent: Frozen",
        "ActionID: event",
    ];
    client.send(&event).await.expect("sent");
    for id in ["call", "event"] {
        let (message, last) = told(&client.response(id).await.expect("answered"));
        let sent = message == "Deadline passed, outcome unknown" && last == "Outcome: unknown";
        let held = message == "Deadline passed, action not sent" && last == "Outcome: not-sent";
        // What was sent first is unknown; what waited behind it may never have left.
        assert!(sent || (id == "event" && held), "{id}: {message}, {last}");
    }
    succeeds(&mut client, &["Action: CoreStatus", "Node: pbx1"]).await;
    frozen.thaw().await;

    observer
        .next_where("the outcome of the call", is_outcome)
        .await
        .expect("called once");
    // Answered over another lane, or over the same one after its late answers.
    let works = async {
        loop {
            let answer = client.action(&["Action: CoreStatus", "Node: pbx3"]).await;
            if answer.expect("answered").response() == Some(b"Success") {
                return;
            }
        }
    };
    tokio::time::timeout(START, works)
        .await
        .expect("works again");
    nothing_was_repeated(&mut client, &mut observer).await;
}

#[tokio::test]
async fn a_frozen_node_is_down_after_its_keepalive_and_disturbs_nobody() {
    let amiplex = setup()
        .await
        .nodes_more("keepalive = { interval = \"500ms\", deadline = \"1s\" }\n")
        .start()
        .await;
    let mut client = patient(&amiplex, "all").await;
    let mut single = patient(&amiplex, "pbx3").await;
    let frozen = Frozen::freeze().await;
    let event = client.next_event("NodeDown").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx3");
    assert_eq!(header(&event, "Reason"), "keepalive Ping not answered");
    single.closed().await.expect("closed");
    succeeds(&mut client, &["Action: CoreStatus", "Node: pbx1"]).await;
    frozen.thaw().await;
    let event = client.next_event("NodeUp").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx3");
    patient(&amiplex, "pbx3").await;
}

/// For the clients of this node alone that is as if they were connected to it; a cluster goes on.
#[tokio::test]
async fn a_node_that_stops_in_order_says_so_to_its_own_clients() {
    let amiplex = setup().await.start().await;
    let mut client = patient(&amiplex, "all").await;
    let mut single = patient(&amiplex, "pbx3").await;
    control_asterisk("stop", "pbx3").await;
    let event = single.next_event("Shutdown").await.expect("shown");
    assert_eq!(header(&event, "Node"), "");
    single.closed().await.expect("closed");
    client.next_event("NodeDown").await.expect("told");
    control_asterisk("up", "pbx3").await;
    client.next_event("NodeUp").await.expect("told");
    succeeds(&mut client, &["Action: CoreStatus", "Node: pbx3"]).await;
}

/// Accounts whose sessions are told what they missed.
fn resynced() -> String {
    crate::support::MANAGER_CONF.replace("resync = no", "resync = yes")
}

#[tokio::test]
async fn channels_that_died_with_their_node_are_closed_for_those_who_saw_them() {
    let amiplex = setup().await.accounts(&resynced()).start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut observer = observer().await;
    let mut client = patient(&amiplex, "all").await;
    let id = "died-with-its-node";
    standing_call(&mut observer, id).await;
    let of_call = |name: &'static [u8]| {
        move |frame: &Frame| frame.event_name() == Some(name) && header(frame, "Uniqueid") == id
    };
    let born = client
        .next_where("the channel", of_call(b"Newchannel"))
        .await
        .expect("seen");
    assert_eq!(born.header("Resync"), None);
    control_asterisk("kill", "pbx3").await;
    client.next_event("NodeDown").await.expect("told");
    let mut latecomer = patient(&amiplex, "all").await;
    control_asterisk("up", "pbx3").await;
    client.next_event("NodeUp").await.expect("told");
    let ended = client
        .next_where("its end", of_call(b"Hangup"))
        .await
        .expect("made up");
    assert_eq!(header(&ended, "Resync"), "yes");
    assert_eq!(last_line(&ended), "Node: pbx3");
    assert_eq!(header(&ended, "Channel"), header(&born, "Channel"));
    // Who never saw it is not told of its end.
    let told: Vec<Frame> = latecomer.take_waiting();
    assert!(!told.iter().any(of_call(b"Hangup")), "{told:?}");
    let line = format!("Channel: {id}");
    let gone = client
        .action(&["Action: Hangup", &line])
        .await
        .expect("answered");
    assert_eq!(header(&gone, "Message"), "Node required");
    // Its new life is known like the first.
    let mut observer = self::observer().await;
    standing_call(&mut observer, "in-the-new-life").await;
    client
        .next_where("the new channel", |frame| {
            header(frame, "Uniqueid") == "in-the-new-life" && frame.header("Resync").is_none()
        })
        .await
        .expect("seen");
    succeeds(&mut client, &["Action: Hangup", "Channel: in-the-new-life"]).await;
}

#[tokio::test]
async fn what_happened_while_the_node_could_not_be_heard_is_made_up() {
    let amiplex = setup().await.accounts(&resynced()).start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut observer = observer().await;
    let mut client = patient(&amiplex, "all").await;
    standing_call(&mut observer, "ended-unheard").await;
    let of = |name: &'static [u8], id: &'static str| {
        move |frame: &Frame| frame.event_name() == Some(name) && header(frame, "Uniqueid") == id
    };
    client
        .next_where("the channel", of(b"Newchannel", "ended-unheard"))
        .await
        .expect("seen");
    // amiplex's sessions there are cut; its account is let in again after the change.
    let cut = ["Action: Command", "Command: manager show connected"];
    let connected = observer.action(&cut).await.expect("answered");
    for line in connected.headers("Output") {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_whitespace();
        if words.next() == Some("amiplex") {
            let descriptor = words.nth(3).unwrap_or_default().to_owned();
            let kick = format!("Command: manager kick session {descriptor}");
            succeeds(&mut observer, &["Action: Command", &kick]).await;
        }
    }
    let channel = "Channel: ended-unheard";
    observer
        .action(&["Action: Hangup", channel])
        .await
        .expect("answered");
    standing_call(&mut observer, "begun-unheard").await;
    client
        .next_where("the end", of(b"Hangup", "ended-unheard"))
        .await
        .expect("told, made up or not");
    client
        .next_where("the beginning", of(b"Newchannel", "begun-unheard"))
        .await
        .expect("told, made up or not");
    succeeds(&mut client, &["Action: Hangup", "Channel: begun-unheard"]).await;
}
