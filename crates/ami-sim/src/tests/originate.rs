//! Originate, synchronous and not, and what ends a call.

use std::time::Duration;

use tokio::time::Instant;

use super::{admin, message, node, silent, value};

const ASYNC: [&str; 7] = [
    "Action: Originate",
    "ActionID: o-1",
    "Channel: Local/100@rig/n",
    "Application: Wait",
    "Data: 2",
    "CallerID: Rig <100>",
    "Async: true",
];

#[tokio::test(start_paused = true)]
async fn an_async_call_is_acknowledged_then_lives_and_is_reported_to_everybody() {
    let node = node().await;
    let mut actor = silent(&node).await;
    let mut watcher = admin(&node).await;
    let before = Instant::now();
    let response = actor.action(&ASYNC).await.unwrap();
    assert_eq!(message(&response), "Originate successfully queued");
    assert_eq!(before.elapsed(), Duration::ZERO);

    let first = watcher.next_event("Newchannel").await.unwrap();
    let second = watcher.next_event("Newchannel").await.unwrap();
    assert!(value(&first, "Channel").ends_with(";1"));
    assert!(value(&second, "Channel").ends_with(";2"));
    assert_eq!(value(&first, "Uniqueid"), value(&second, "Linkedid"));
    let outcome = watcher.next_event("OriginateResponse").await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_millis(50));
    assert_eq!(value(&outcome, "ActionID"), "o-1");
    assert_eq!(value(&outcome, "Response"), "Success");
    assert_eq!(value(&outcome, "Reason"), "4");
    assert_eq!(value(&outcome, "Uniqueid"), value(&first, "Uniqueid"));
    assert_eq!(value(&outcome, "CallerIDNum"), "100");

    let channels = actor.list(&["Action: CoreShowChannels"]).await.unwrap();
    assert_eq!(channels.len(), 4);
    assert_eq!(value(&channels[1], "Application"), "Wait");
    for _ in 0..2 {
        watcher.next_event("Hangup").await.unwrap();
    }
    assert_eq!(before.elapsed(), Duration::from_millis(2_050));
    assert!(node.channels().is_empty());
    assert_eq!(node.placed().len(), 1);
    assert_eq!(node.placed()[0].action_id.as_deref(), Some(&b"o-1"[..]));
}

#[tokio::test(start_paused = true)]
async fn on_one_session_the_answer_precedes_every_event_of_the_call() {
    let node = node().await;
    let mut client = admin(&node).await;
    client.next_event("SuccessfulAuth").await.unwrap();
    client.take_waiting();
    client.send(&ASYNC).await.unwrap();
    let first = client.next_frame().await.unwrap();
    assert_eq!(message(&first), "Originate successfully queued");
}

#[tokio::test(start_paused = true)]
async fn a_sync_call_blocks_its_session_and_raises_no_response_event() {
    let node = node().await;
    let mut client = silent(&node).await;
    let mut watcher = admin(&node).await;
    let before = Instant::now();
    let lines = [
        "Action: Originate",
        "ActionID: o1",
        "Channel: Local/noans@answer/n",
        "Application: Wait",
        "Data: 1",
        "Timeout: 2000",
    ];
    client.send(&lines).await.unwrap();
    client
        .send(&["Action: Ping", "ActionID: behind"])
        .await
        .unwrap();
    let answer = client.next_frame().await.unwrap();
    assert_eq!(value(&answer, "ActionID"), "o1");
    assert_eq!(message(&answer), "Originate failed");
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    let behind = client.next_frame().await.unwrap();
    assert_eq!(value(&behind, "ActionID"), "behind");
    assert_eq!(
        node.received().last().unwrap().at,
        before + Duration::from_secs(2)
    );

    watcher.next_event("Hangup").await.unwrap();
    watcher.action(&["Action: Ping"]).await.unwrap();
    let waiting = watcher.take_waiting();
    assert!(
        waiting
            .iter()
            .all(|frame| frame.event_name() != Some(b"OriginateResponse"))
    );
}

#[tokio::test(start_paused = true)]
async fn failures_name_their_reason() {
    let node = node().await;
    let mut client = admin(&node).await;
    for (channel, reason) in [
        ("Local/nosuch@nowhere", "0"),
        ("Local/busy@answer/n", "5"),
        ("Local/cong@answer/n", "8"),
        ("Local/noans@answer/n", "3"),
        ("Bogus/x", "0"),
    ] {
        let line = format!("Channel: {channel}");
        let lines = [
            "Action: Originate",
            "ActionID: f",
            &line,
            "Application: Wait",
            "Data: 1",
            "Timeout: 1000",
            "Async: true",
        ];
        client.action(&lines).await.unwrap();
        let outcome = client.next_event("OriginateResponse").await.unwrap();
        assert_eq!(value(&outcome, "Response"), "Failure", "{channel}");
        assert_eq!(value(&outcome, "Reason"), reason, "{channel}");
        assert_eq!(value(&outcome, "Channel"), channel);
        assert_eq!(value(&outcome, "Uniqueid"), "<unknown>");
    }
    assert!(node.channels().is_empty());
}

#[tokio::test(start_paused = true)]
async fn bad_orders_are_refused_at_once() {
    let node = node().await;
    let mut client = silent(&node).await;
    for (lines, text) in [
        (&["Channel: "][..], "Channel not specified"),
        (&["Channel: nochan", "Application: Wait"], "Invalid channel"),
        (
            &["Channel: Local/100@rig"],
            "Originate with 'Exten' requires 'Context' and 'Priority'",
        ),
        (
            &[
                "Channel: Local/100@rig",
                "Context: rig",
                "Exten: nosuch",
                "Priority: 1",
            ],
            "Extension does not exist.",
        ),
    ] {
        let mut all = vec!["Action: Originate"];
        all.extend_from_slice(lines);
        assert_eq!(message(&client.action(&all).await.unwrap()), text);
    }
    assert!(node.placed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn variables_of_an_originate_are_set_last_first() {
    let node = node().await;
    let mut client = admin(&node).await;
    let mut lines = ASYNC.to_vec();
    lines.extend(["Variable: A=1,B=2", "Variable: A=three four"]);
    client.action(&lines).await.unwrap();
    let mut set = Vec::new();
    for _ in 0..3 {
        let event = client.next_event("VarSet").await.unwrap();
        set.push(format!(
            "{}={}",
            value(&event, "Variable"),
            value(&event, "Value")
        ));
    }
    assert_eq!(set, ["A=three four", "B=2", "A=1"]);
}

#[tokio::test(start_paused = true)]
async fn a_hangup_ends_every_leg_of_the_call() {
    let node = node().await;
    let mut client = admin(&node).await;
    client.action(&ASYNC).await.unwrap();
    let outcome = client.next_event("OriginateResponse").await.unwrap();
    let channel = format!("Channel: {}", value(&outcome, "Channel"));
    let response = client
        .action(&["Action: Hangup", &channel, "Cause: 17"])
        .await
        .unwrap();
    assert_eq!(message(&response), "Channel Hungup");
    for _ in 0..2 {
        let hangup = client.next_event("Hangup").await.unwrap();
        assert_eq!(value(&hangup, "Cause-txt"), "User busy");
    }
    assert!(node.channels().is_empty());
    let response = client.action(&["Action: Hangup", &channel]).await.unwrap();
    assert_eq!(message(&response), "No such channel");
}

#[tokio::test(start_paused = true)]
async fn a_hangup_by_pattern_is_a_list() {
    let node = node().await;
    let mut client = silent(&node).await;
    client.action(&ASYNC).await.unwrap();
    let frames = client
        .list(&["Action: Hangup", "Channel: /^Local/"])
        .await
        .unwrap();
    assert_eq!(frames.len(), 4);
    assert_eq!(value(&frames[1], "Event"), "ChannelHungup");
    assert_eq!(value(&frames[3], "Event"), "ChannelsHungupListComplete");
    assert!(node.channels().is_empty());
}
