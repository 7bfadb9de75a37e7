//! Nodes that go, come back, hang, refuse or never were one: what their clients are told, and that nobody else notices.

use std::collections::BTreeMap;

use ami_proto::{Frame, FrameKind, ListMarker};
use ami_sim::{ClientError, DropPoint, Faults, SimClient, SimNode};

use crate::support::{Amiplex, Setup, header, last_line, simulated, simulation};

async fn start(name: &str) -> SimNode {
    SimNode::start(simulation(name)).await.expect("listens")
}

/// What an action without an answer of its node is told.
pub(crate) fn told(frame: &Frame) -> (String, String) {
    assert_eq!(frame.response(), Some(&b"Error"[..]), "{:?}", frame.bytes());
    (header(frame, "Message"), last_line(frame))
}

pub(crate) fn down(node: &str, end: &str) -> (String, String) {
    let label = if end == "action not sent" {
        "not-sent"
    } else {
        "unknown"
    };
    (
        format!("Node {node} is down, {end}"),
        format!("Outcome: {label}"),
    )
}

/// Reads to the end of the connection; how often each ActionID was answered.
async fn answers_until_closed(client: &mut SimClient) -> BTreeMap<String, Vec<Frame>> {
    client.closed().await.expect("closed");
    let mut answers: BTreeMap<String, Vec<Frame>> = BTreeMap::new();
    for frame in client.take_waiting() {
        if frame.kind() == FrameKind::Response {
            let id = header(&frame, "ActionID");
            answers.entry(id).or_default().push(frame);
        }
    }
    answers
}

const NAMES: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

async fn put(client: &mut SimClient, key: &str) {
    let (key, id) = (format!("Key: {key}"), format!("ActionID: {key}"));
    client
        .send(&["Action: DBPut", "Family: amiplex", &key, "Val: 1", &id])
        .await
        .expect("sent");
}

async fn pbx1_on(listener: &str, more: &str) -> (SimNode, Amiplex, SimClient) {
    let node = start("pbx1").await;
    let amiplex = Setup::new(vec![simulated(&node)])
        .listener("other", &format!("node = \"pbx1\"\n{more}"))
        .start()
        .await;
    let client = amiplex.login(listener, "admin", "adminpw").await;
    (node, amiplex, client)
}

#[tokio::test]
async fn what_is_in_flight_when_a_node_dies_is_answered_once_and_then_the_session_is_closed() {
    let (node, _amiplex, mut client) = pbx1_on("pbx1", "").await;
    node.set_faults(Faults::none().hold("DBPut"));
    for name in NAMES {
        put(&mut client, name).await;
    }
    node.until_received("DBPut", 1).await;
    node.kill().await;
    let answers = answers_until_closed(&mut client).await;
    assert_eq!(answers.len(), NAMES.len(), "{answers:?}");
    for (id, frames) in &answers {
        assert_eq!(frames.len(), 1, "{id} is answered once");
        assert!(
            [
                down("pbx1", "outcome unknown"),
                down("pbx1", "action not sent")
            ]
            .contains(&told(&frames[0])),
            "{:?}",
            frames[0].bytes()
        );
    }
    // The node has run the first one: nobody may be told that it has not.
    assert_eq!(told(&answers["one"][0]), down("pbx1", "outcome unknown"));
}

#[tokio::test]
async fn actions_behind_a_blocking_one_were_never_sent_when_the_node_dies() {
    let (node, _amiplex, mut client) = pbx1_on("other", "on_node_loss = \"keep\"\n").await;
    node.set_faults(Faults::none().hold("Originate"));
    client
        .send(&[
            "Action: Originate",
            "Channel: SIP/100",
            "Application: Wait",
            "ActionID: call",
        ])
        .await
        .expect("sent");
    node.until_received("Originate", 1).await;
    // A session's actions run in order: these wait for the call.
    for name in NAMES {
        put(&mut client, name).await;
    }
    client
        .send(&["Action: Ping", "ActionID: ping"])
        .await
        .expect("sent");
    node.kill().await;
    let answer = client.response("call").await.expect("answered");
    assert_eq!(told(&answer), down("pbx1", "outcome unknown"));
    let mut sent = 0;
    for name in NAMES {
        let told = told(&client.response(name).await.expect("answered"));
        // Another lane may take one while the node falls; then its fate is unknown, never claimed.
        sent += usize::from(told == down("pbx1", "outcome unknown"));
        assert!(sent > 0 || told == down("pbx1", "action not sent"));
    }
    assert_eq!(node.received_named("DBPut").len(), 0);
    assert!(sent < NAMES.len(), "all were written to a dead node");
    let ping = client.response("ping").await.expect("answered");
    assert_eq!(
        ping.response(),
        Some(&b"Success"[..]),
        "and the session lives"
    );
}

#[tokio::test]
async fn a_kept_session_is_told_not_sent_and_works_again_when_the_node_is_back() {
    let (node, amiplex, mut client) = pbx1_on("other", "on_node_loss = \"keep\"\n").await;
    node.kill().await;
    amiplex.wait_for_log("node is down", 1).await;
    let answer = client.action(&["Action: CoreStatus"]).await.expect("told");
    assert_eq!(told(&answer), down("pbx1", "action not sent"));
    let answer = client
        .action(&["Action: CoreShowChannels"])
        .await
        .expect("told");
    assert_eq!(told(&answer), down("pbx1", "action not sent"));
    node.restart().await.expect("listens again");
    amiplex.wait_for_log("node is up", 2).await;
    let answer = client
        .action(&["Action: CoreStatus"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    assert_eq!(
        node.received_named("CoreStatus").len(),
        1,
        "what was refused was not sent later"
    );
    // New logins while it is away are greeted, since the listener keeps sessions.
    node.kill().await;
    amiplex.wait_for_log("node is down", 2).await;
    amiplex.login("other", "admin", "adminpw").await;
}

#[tokio::test]
async fn a_listener_that_refuses_closes_without_a_greeting_while_its_node_is_away() {
    let (node, amiplex, mut client) = pbx1_on("other", "on_node_loss = \"refuse\"\n").await;
    node.kill().await;
    client.closed().await.expect("the session ends too");
    amiplex.wait_for_log("node is down", 1).await;
    match SimClient::connect(amiplex.address("other")).await {
        Err(ClientError::Closed) => {}
        other => panic!("not refused: {other:?}"),
    }
    node.restart().await.expect("listens again");
    amiplex.wait_for_log("node is up", 2).await;
    amiplex.login("other", "admin", "adminpw").await;
}

#[tokio::test]
async fn a_list_that_has_begun_ends_with_its_own_complete_event() {
    let (node, _amiplex, mut client) = pbx1_on("other", "on_node_loss = \"keep\"\n").await;
    for _ in 0..6 {
        node.make_call();
    }
    node.until(|node| node.channels().len() >= 6).await;
    node.set_faults(Faults::none().stall("CoreShowChannels"));
    let id = client
        .send_with_id(&["Action: CoreShowChannels", "ActionID: list"])
        .await
        .expect("sent");
    let start = client.response(&id).await.expect("begun");
    assert_eq!(start.list_marker(), Some(ListMarker::Start));
    let item = |frame: &Frame| frame.action_id() == Some(b"list");
    let first = client.next_where("an item", item).await.expect("an item");
    assert_eq!(first.event_name(), Some(&b"CoreShowChannel"[..]));
    node.kill().await;
    let mut items = 1;
    let end = loop {
        let frame = client
            .next_where("the rest", item)
            .await
            .expect("the list ends");
        if frame.event_name() != Some(b"CoreShowChannel") {
            break frame;
        }
        items += 1;
    };
    assert_eq!(end.event_name(), Some(&b"CoreShowChannelsComplete"[..]));
    assert_eq!(header(&end, "EventList"), "Cancelled");
    assert_eq!(header(&end, "ListItems"), items.to_string());
    assert_eq!(
        header(&end, "Message"),
        "Node pbx1 is down, outcome unknown"
    );
    assert_eq!(last_line(&end), "Outcome: unknown");
    // A second response would be taken for the answer of another action.
    client.action(&["Action: Ping"]).await.expect("answered");
    assert!(!client.take_waiting().iter().any(item));
}

#[tokio::test]
async fn what_was_written_is_never_written_again() {
    for (point, ran) in [
        (DropPoint::BeforeRunning, false),
        (DropPoint::BeforeAnswer, true),
    ] {
        let (node, amiplex, mut client) = pbx1_on("pbx1", "").await;
        node.set_faults(Faults::none().drop_on("Originate", point));
        let call = [
            "Action: Originate",
            "Channel: SIP/100",
            "Application: Wait",
            "Async: true",
            "ActionID: call",
        ];
        client.send(&call).await.expect("sent");
        let answer = client.response("call").await.expect("answered");
        assert_eq!(
            told(&answer),
            down("pbx1", "outcome unknown"),
            "{point:?}: the lane is gone, not the node"
        );
        node.set_faults(Faults::none());
        // The session goes on over another lane.
        let answer = client
            .action(&["Action: CoreStatus"])
            .await
            .expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{point:?}");
        assert_eq!(node.received_named("Originate").len(), 1, "{point:?}");
        assert_eq!(node.placed().len(), usize::from(ran), "{point:?}");
        amiplex.wait_for_log("action lane lost", 1).await;
        assert!(
            !amiplex
                .log()
                .iter()
                .any(|line| line.contains("node is down"))
        );
    }
}

#[tokio::test]
async fn a_late_answer_and_a_second_answer_reach_nobody() {
    let node = start("pbx1").await;
    let amiplex = Setup::new(vec![simulated(&node)])
        .more("[limits]\naction_deadline = \"300ms\"\n")
        .start()
        .await;
    node.until_received("ListCommands", 1).await;
    let mut client = amiplex.login("pbx1", "admin", "adminpw").await;
    node.set_faults(Faults::none().hold("CoreStatus"));
    client
        .send(&["Action: CoreStatus", "ActionID: late"])
        .await
        .expect("sent");
    let answer = client.response("late").await.expect("answered");
    assert_eq!(
        told(&answer),
        (
            "Deadline passed, outcome unknown".to_owned(),
            "Outcome: unknown".to_owned()
        )
    );
    // The late answer is on its way before the next ones.
    node.set_faults(Faults::none().answer_twice("CoreSettings"));
    for id in ["a", "b", "late"] {
        let id = format!("ActionID: {id}");
        let answer = client
            .action(&["Action: CoreSettings", &id])
            .await
            .expect("answered");
        assert!(
            answer.header("AMIversion").is_some(),
            "{:?}",
            answer.bytes()
        );
    }
    client.action(&["Action: Ping"]).await.expect("answered");
    let strays = client.take_waiting();
    assert!(
        !strays
            .iter()
            .any(|frame| frame.kind() == FrameKind::Response),
        "{strays:?}"
    );
    assert_eq!(node.received_named("CoreStatus").len(), 1);
    assert_eq!(node.received_named("CoreSettings").len(), 3);
}

#[tokio::test]
async fn no_client_sees_an_id_of_amiplex() {
    let (node, _amiplex, mut client) = pbx1_on("pbx1", "").await;
    node.set_faults(Faults {
        foreign_ids: true,
        ..Faults::none()
    });
    client
        .action(&["Action: CoreStatus", "ActionID: mine"])
        .await
        .expect("answered");
    // The node has raised both, with an id that nobody here sent; they are shown without it.
    let response = client.next_event("OriginateResponse").await.expect("shown");
    assert_eq!(response.action_id(), None, "{:?}", response.bytes());
    let event = client.next_event("UserEvent").await.expect("shown");
    assert_eq!(event.action_id(), None, "{:?}", event.bytes());
    for frame in client.take_waiting().iter().chain([&response, &event]) {
        let bytes = frame.bytes();
        assert!(!bytes.windows(5).any(|five| five == b"amx1-"), "{bytes:?}");
    }
}

#[tokio::test]
async fn the_outcome_of_a_call_goes_to_the_others_when_its_asker_has_left() {
    let mut options = simulation("pbx1");
    options.answer_after = std::time::Duration::from_secs(1);
    let node = SimNode::start(options).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)]).start().await;
    let mut listener = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut asker = amiplex.login("pbx1", "admin", "adminpw").await;
    let answer = asker
        .action(&[
            "Action: Originate",
            "Channel: SIP/100",
            "Application: Wait",
            "Async: true",
            "ActionID: of the asker, 80 bytes long so that it would not fit into what Asterisk keeps of it",
        ])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    asker.action(&["Action: Logoff"]).await.expect("answered");
    asker.closed().await.expect("closed");
    let outcome = listener
        .next_event("OriginateResponse")
        .await
        .expect("shown");
    assert_eq!(
        header(&outcome, "ActionID"),
        "of the asker, 80 bytes long so that it would not fit into what Asterisk keeps of it"
    );
}

#[tokio::test]
async fn a_session_of_several_nodes_is_told_of_the_loss_and_the_return() {
    let (one, two) = (start("pbx1").await, start("pbx2").await);
    let amiplex = Setup::new(vec![simulated(&one), simulated(&two)])
        .start()
        .await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let mut on_two = amiplex.login("pbx2", "admin", "adminpw").await;
    one.set_faults(Faults::none().hold("DBPut"));
    let lines = [
        "Action: DBPut",
        "Node: pbx1",
        "Family: a",
        "Key: b",
        "Val: c",
        "ActionID: held",
    ];
    client.send(&lines).await.expect("sent");
    one.until_received("DBPut", 1).await;
    one.kill().await;
    let answer = client.response("held").await.expect("answered");
    assert_eq!(told(&answer), down("pbx1", "outcome unknown"));
    let event = client.next_event("NodeDown").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx1");
    assert_ne!(header(&event, "Reason"), "");
    let answer = client
        .action(&["Action: CoreStatus", "Node: pbx1"])
        .await
        .expect("told");
    assert_eq!(told(&answer), down("pbx1", "action not sent"));
    for client in [&mut client, &mut on_two] {
        let answer = client
            .action(&["Action: CoreStatus", "Node: pbx2"])
            .await
            .expect("answered");
        assert_eq!(
            answer.response(),
            Some(&b"Success"[..]),
            "pbx2 is as it was"
        );
    }
    one.restart().await.expect("listens again");
    let event = client.next_event("NodeUp").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx1");
    let booted = client
        .next_where("the FullyBooted of pbx1", |frame| {
            frame.event_name() == Some(b"FullyBooted") && frame.header("Node") == Some(b"pbx1")
        })
        .await;
    booted.expect("told");
    let answer = client
        .action(&["Action: CoreStatus", "Node: pbx1"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    one.emit("Newexten", ami_proto::ClassSet::ALL, &[("Marker", "after")]);
    let marked = |frame: &Frame| frame.header("Marker") == Some(b"after");
    let event = client
        .next_where("an event of the new life", marked)
        .await
        .expect("shown");
    assert_eq!(last_line(&event), "Node: pbx1");
    on_two.action(&["Action: Ping"]).await.expect("answered");
    for frame in on_two.take_waiting() {
        let name = header(&frame, "Event");
        assert!(
            name != "NodeDown" && name != "NodeUp",
            "not of its nodes: {name}"
        );
    }
}

#[tokio::test]
async fn a_frozen_node_is_down_after_its_keepalive_and_comes_back() {
    let (one, two) = (start("pbx1").await, start("pbx2").await);
    let amiplex = Setup::new(vec![simulated(&one), simulated(&two)])
        .nodes_more("keepalive = { interval = \"300ms\", deadline = \"500ms\" }\n")
        .start()
        .await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    one.freeze();
    let event = client.next_event("NodeDown").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx1");
    assert_eq!(header(&event, "Reason"), "keepalive Ping not answered");
    let answer = client
        .action(&["Action: CoreStatus", "Node: pbx2"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    one.thaw();
    let event = client.next_event("NodeUp").await.expect("told");
    assert_eq!(header(&event, "Node"), "pbx1");
    assert!(
        !amiplex
            .log()
            .iter()
            .any(|line| line.contains("node is down") && line.contains("pbx2"))
    );
}

#[tokio::test]
async fn a_node_that_stops_says_so_to_its_own_sessions_and_is_only_down_to_those_of_the_cluster() {
    let (stopping, staying) = (start("pbx1").await, start("pbx2").await);
    let amiplex = Setup::new(vec![simulated(&stopping), simulated(&staying)])
        .start()
        .await;
    let mut cluster = amiplex.login("all", "admin", "adminpw").await;
    let mut own = amiplex.login("pbx1", "admin", "adminpw").await;
    stopping.stop().await;
    let down = cluster.next_event("NodeDown").await.expect("told");
    assert_eq!(header(&down, "Node"), "pbx1");
    let earlier = cluster.take_waiting();
    let names: Vec<_> = earlier.iter().filter_map(Frame::event_name).collect();
    assert!(!names.contains(&&b"Shutdown"[..]), "{names:?}");
    own.next_event("Shutdown")
        .await
        .expect("as from the node itself");
    own.closed().await.expect("and closed with it");
}
