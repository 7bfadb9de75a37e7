//! Rules of a session: masks, order, unknown actions, limits, waiting for events.

use std::time::Duration;

use ami_proto::{Class, ClassSet, FrameKind};

use super::{admin, message, node, silent, start, text, value};
use crate::{SimClient, SimOptions};

#[tokio::test(start_paused = true)]
async fn an_answer_precedes_the_event_it_causes() {
    let node = node().await;
    let mut client = admin(&node).await;
    client.take_waiting();
    for number in 0..50 {
        let name = format!("UserEvent: Number{number}");
        client
            .send(&["Action: UserEvent", "ActionID: u", &name, "H: 1"])
            .await
            .unwrap();
    }
    let mut kinds = Vec::new();
    while kinds.len() < 100 {
        let frame = client.next_frame().await.unwrap();
        if frame.event_name() != Some(b"FullyBooted")
            && frame.event_name() != Some(b"SuccessfulAuth")
        {
            kinds.push(frame.kind());
        }
    }
    for (position, pair) in kinds.chunks(2).enumerate() {
        assert_eq!(pair[0], FrameKind::Response, "at {position}");
        assert_eq!(pair[1], FrameKind::Event, "at {position}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_event_echoes_the_lines_of_its_action() {
    let node = node().await;
    let mut actor = silent(&node).await;
    let mut watcher = admin(&node).await;
    actor
        .action(&[
            "ActionID: u4",
            "Action: UserEvent",
            "H: 1",
            "UserEvent: Dup",
            "H: 2",
            "Event: Fake",
        ])
        .await
        .unwrap();
    let event = watcher.next_event("UserEvent").await.unwrap();
    assert_eq!(
        text(&event),
        "Event: UserEvent\r\nPrivilege: user,all\r\nSystemName: pbx1\r\nUserEvent: Dup\r\nActionID: u4\r\nH: 1\r\nH: 2\r\nEvent: Fake\r\n\r\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_mask_decides_what_is_delivered() {
    let node = node().await;
    let mut client = silent(&node).await;
    let emit = |name: &str| node.emit(name, ClassSet::of(Class::User), &[]);
    emit("Unseen");
    for (mask, shown) in [
        ("call,user", "On"),
        ("none", "Off"),
        ("0", "Off"),
        ("on", "On"),
    ] {
        let response = client
            .action(&["Action: Events", &format!("EventMask: {mask}")])
            .await
            .unwrap();
        assert_eq!(value(&response, "Events"), shown, "{mask}");
        emit(mask);
    }
    let response = client.action(&["Action: Events"]).await.unwrap();
    assert_eq!(message(&response), "Invalid event mask");
    client.action(&["Action: Ping"]).await.unwrap();
    let seen: Vec<_> = client
        .take_waiting()
        .iter()
        .map(|frame| value(frame, "Event").to_owned())
        .collect();
    assert_eq!(seen, ["call,user", "on"]);
}

#[tokio::test(start_paused = true)]
async fn unknown_and_unreadable_actions_are_refused_and_the_session_goes_on() {
    let node = node().await;
    let mut client = silent(&node).await;
    let response = client.action(&["Action: Nonsense"]).await.unwrap();
    assert_eq!(
        message(&response),
        "Invalid/unknown command: Nonsense. Use Action: ListCommands to show available commands."
    );
    let long = format!("X: {}", "x".repeat(2_000));
    let response = client
        .action(&["Action: Ping", "ActionID: long", &long])
        .await
        .unwrap();
    assert_eq!(message(&response), "Failed to parse message: line too long");
    let mut many = vec!["Action: Ping", "ActionID: many"];
    many.resize(200, "A: b");
    let response = client.action(&many).await.unwrap();
    assert_eq!(
        message(&response),
        "Too many lines in message or allocation failure"
    );
    let response = client.action(&["Action: Ping"]).await.unwrap();
    assert_eq!(value(&response, "Ping"), "Pong");
}

#[tokio::test(start_paused = true)]
async fn pipelined_actions_are_answered_in_order_up_to_the_logoff() {
    let node = node().await;
    let mut client = silent(&node).await;
    for number in 0..20 {
        let id = format!("ActionID: {number}");
        client.send(&["Action: Ping", &id]).await.unwrap();
    }
    client
        .send_raw(b"Action: Logoff\r\n\r\nAction: Ping\r\nActionID: late\r\n\r\n")
        .await
        .unwrap();
    for number in 0..20 {
        let frame = client.next_frame().await.unwrap();
        assert_eq!(value(&frame, "ActionID"), number.to_string());
    }
    assert_eq!(
        value(&client.next_frame().await.unwrap(), "Response"),
        "Goodbye"
    );
    client.closed().await.unwrap();
    assert_eq!(node.received_named("Ping").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn wait_event_blocks_until_an_event_or_its_timeout() {
    let node = node().await;
    let mut client = admin(&node).await;
    client.next_event("SuccessfulAuth").await.unwrap();
    client.take_waiting();
    let before = tokio::time::Instant::now();
    let response = client
        .action(&["Action: WaitEvent", "Timeout: 3"])
        .await
        .unwrap();
    assert_eq!(message(&response), "Waiting for Event completed.");
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    client.next_event("WaitEventComplete").await.unwrap();

    client
        .send(&["Action: WaitEvent", "ActionID: w"])
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    node.emit("Now", ClassSet::of(Class::User), &[]);
    let order: Vec<String> = [
        client.next_frame().await.unwrap(),
        client.next_frame().await.unwrap(),
        client.next_frame().await.unwrap(),
    ]
    .iter()
    .map(|frame| text(frame).lines().next().unwrap().to_owned())
    .collect();
    assert_eq!(
        order,
        [
            "Response: Success",
            "Event: Now",
            "Event: WaitEventComplete"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_sees_the_events_in_one_order() {
    let node = start(SimOptions::new("pbx1").call_rate(400.0)).await;
    let mut watchers = Vec::new();
    for _ in 0..3 {
        let mut watcher = SimClient::connect(node.address()).await.unwrap();
        watcher.login("admin", "secret").await.unwrap();
        watchers.push(watcher);
    }
    node.emit("Begin", ClassSet::NONE, &[]);
    for number in 0..30 {
        let mut actor = SimClient::connect(node.address()).await.unwrap();
        actor.login("admin", "secret").await.unwrap();
        let name = format!("UserEvent: {number}");
        actor.action(&["Action: UserEvent", &name]).await.unwrap();
        let lines = [
            "Action: Originate",
            "Channel: Local/1@x",
            "Application: Hangup",
        ];
        let placed = actor.action(&lines).await.unwrap();
        assert_eq!(message(&placed), "Originate successfully queued");
    }
    node.emit("End", ClassSet::NONE, &[]);
    let mut orders = Vec::new();
    for mut watcher in watchers {
        watcher.next_event("Begin").await.unwrap();
        watcher.take_waiting();
        watcher.next_event("End").await.unwrap();
        let order: Vec<_> = watcher
            .take_waiting()
            .iter()
            .map(|frame| frame.bytes().clone())
            .collect();
        assert!(order.len() > 300, "{}", order.len());
        orders.push(order);
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0], orders[2]);
    assert_eq!(node.placed().len(), 30);
}
