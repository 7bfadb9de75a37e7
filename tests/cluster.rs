//! Several real Asterisks behind one login: what an action names leads to its node, and lists are those of all.

use std::collections::BTreeSet;

use ami_proto::{Frame, ListMarker};
use ami_sim::SimClient;

use crate::support::watch::{direct, standing_call, succeeds, token};
use crate::support::{Amiplex, Setup, header};

const NODES: [&str; 2] = ["pbx1", "pbx2"];

/// amiplex over both nodes, which knows what they have.
async fn surveyed() -> Amiplex {
    let amiplex = Setup::over_asterisk().start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    amiplex
}

/// A call that stays, on this node, and who placed it; the name of its first channel.
async fn call_on(node: &str, id: &str) -> (SimClient, String) {
    let mut actor = direct(node, "admin", "adminpw").await;
    let name = standing_call(&mut actor, id).await;
    (actor, name)
}

async fn hang_up(actor: &mut SimClient, id: &str) {
    let channel = format!("Channel: {id}");
    succeeds(actor, &["Action: Hangup", &channel]).await;
}

/// Waits until a client of amiplex has seen the channel, so that amiplex knows it.
async fn seen(client: &mut SimClient, uniqueid: &str) {
    client
        .next_where("the channel", |frame| {
            frame.event_name() == Some(b"Newchannel") && header(frame, "Uniqueid") == uniqueid
        })
        .await
        .expect("seen");
}

/// The list that answers an action: its items, and its last event.
async fn list(client: &mut SimClient, name: &str) -> (Vec<Frame>, Frame) {
    let action = format!("Action: {name}");
    client
        .send(&[&action, "ActionID: the-list"])
        .await
        .expect("sent");
    let start = client.response("the-list").await.expect("answered");
    assert_eq!(start.list_marker(), Some(ListMarker::Start), "{start:?}");
    let mut items = Vec::new();
    loop {
        let frame = client
            .next_where("an item", |frame| frame.action_id() == Some(b"the-list"))
            .await
            .expect("more");
        if frame.list_marker().is_some() {
            return (items, frame);
        }
        items.push(frame);
    }
}

#[tokio::test]
async fn an_action_that_names_a_channel_reaches_the_node_that_has_it() {
    let amiplex = surveyed().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    for node in NODES {
        let id = token("where");
        let (mut actor, name) = call_on(node, &id).await;
        seen(&mut client, &id).await;
        for channel in [&id, &name] {
            let line = format!("Channel: {channel}");
            let value = format!("Value: {channel}");
            let set = ["Action: Setvar", &line, "Variable: FOUND", &value];
            succeeds(&mut client, &set).await;
            let by_id = format!("Channel: {id}");
            let there = succeeds(&mut actor, &["Action: Getvar", &by_id, "Variable: FOUND"]).await;
            assert_eq!(header(&there, "Value"), **channel, "{node}");
        }
        hang_up(&mut client, &id).await;
        actor
            .next_where("the Hangup", |frame| {
                frame.event_name() == Some(b"Hangup") && header(frame, "Uniqueid") == id
            })
            .await
            .expect("ended on its node");
        client
            .next_where("the Hangup", |frame| {
                frame.event_name() == Some(b"Hangup") && header(frame, "Uniqueid") == id
            })
            .await
            .expect("told");
        let line = format!("Channel: {id}");
        let gone = client
            .action(&["Action: Hangup", &line])
            .await
            .expect("answered");
        assert_eq!(
            header(&gone, "Message"),
            "Node required",
            "it is known no more"
        );
    }
}

#[tokio::test]
async fn channels_of_two_nodes_are_no_pair() {
    let amiplex = surveyed().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let (one, other) = (token("one"), token("other"));
    let (mut first, _) = call_on("pbx1", &one).await;
    seen(&mut client, &one).await;
    let (mut second, _) = call_on("pbx2", &other).await;
    seen(&mut client, &other).await;
    let (line, extra) = (format!("Channel1: {one}"), format!("Channel2: {other}"));
    let answer = client
        .action(&["Action: Bridge", &line, &extra])
        .await
        .expect("answered");
    assert_eq!(
        header(&answer, "Message"),
        "What the action names is on different nodes"
    );
    hang_up(&mut first, &one).await;
    hang_up(&mut second, &other).await;
}

#[tokio::test]
async fn a_list_is_that_of_all_nodes() {
    let amiplex = surveyed().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let mut calls = Vec::new();
    for node in NODES {
        let id = token("listed");
        let (actor, _) = call_on(node, &id).await;
        calls.push((node, id, actor));
    }
    let (items, end) = list(&mut client, "CoreShowChannels").await;
    assert_eq!(header(&end, "ListItems"), items.len().to_string());
    assert_eq!(header(&end, "NodesOk"), "2");
    assert_eq!(end.header("NodesFailed"), None);
    assert_eq!(end.header("Node"), None);
    for (node, id, _) in &calls {
        let item = items.iter().find(|item| header(item, "Uniqueid") == *id);
        assert_eq!(header(item.expect("listed"), "Node"), *node);
    }
    for (_, id, actor) in &mut calls {
        hang_up(actor, id).await;
    }
}

#[tokio::test]
async fn every_list_of_all_nodes_has_the_items_of_each() {
    let amiplex = surveyed().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    for name in [
        "QueueSummary",
        "PJSIPShowEndpoints",
        "BridgeTechnologyList",
        "Parkinglots",
    ] {
        let (items, end) = list(&mut client, name).await;
        assert_eq!(header(&end, "NodesOk"), "2", "{name}");
        for node in NODES {
            let mut there = direct(node, "admin", "adminpw").await;
            let (own, _) = list(&mut there, name).await;
            let key = |item: &Frame| {
                let names = ["Queue", "ObjectName", "BridgeTechnology", "Name"];
                let value = names.iter().find_map(|name| item.header(name));
                value.unwrap_or_default().to_vec()
            };
            let expected: BTreeSet<Vec<u8>> = own.iter().map(key).collect();
            let of_node = items.iter().filter(|item| header(item, "Node") == node);
            let got: BTreeSet<Vec<u8>> = of_node.map(key).collect();
            assert_eq!(got, expected, "{name} of {node}");
        }
    }
}

#[tokio::test]
async fn queues_that_both_have_need_a_node() {
    let amiplex = surveyed().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let interface = format!("Interface: Local/{}@nowhere", token("member"));
    let add = [
        "Action: QueueAdd",
        "Queue: empty",
        &interface,
        "Paused: true",
    ];
    let answer = client.action(&add).await.expect("answered");
    assert_eq!(
        header(&answer, "Message"),
        "Queue empty is on several nodes, name one"
    );
    let there = [&add[..], &["Node: pbx2"]].concat();
    succeeds(&mut client, &there).await;
    client
        .next_where("the member", |frame| {
            frame.event_name() == Some(b"QueueMemberAdded")
                && format!("Interface: {}", header(frame, "Interface")) == interface
        })
        .await
        .expect("told");
    // The member is on one node, and tells which queue is meant.
    let remove = ["Action: QueueRemove", "Queue: empty", &interface];
    succeeds(&mut client, &remove).await;
}

#[tokio::test]
async fn an_action_for_several_nodes_has_an_event_of_each() {
    let amiplex = surveyed().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let ask = ["Action: CoreSettings", "Node: *", "ActionID: each"];
    client.send(&ask).await.expect("sent");
    let start = client.response("each").await.expect("answered");
    assert_eq!(start.list_marker(), Some(ListMarker::Start));
    let mut versions = Vec::new();
    loop {
        let event = client
            .next_where("the event of a node", |frame| {
                frame.action_id() == Some(b"each")
            })
            .await
            .expect("told");
        if event.event_name() == Some(b"NodeResponseComplete") {
            assert_eq!(header(&event, "NodesOk"), "2");
            break;
        }
        assert_eq!(event.event_name(), Some(&b"NodeResponse"[..]));
        assert_eq!(header(&event, "Response"), "Success");
        versions.push((header(&event, "Node"), header(&event, "AsteriskVersion")));
    }
    versions.sort();
    assert!(
        versions[0].0 == "pbx1" && versions[0].1.starts_with("22."),
        "{versions:?}"
    );
    assert!(
        versions[1].0 == "pbx2" && versions[1].1.starts_with("16."),
        "{versions:?}"
    );
}
