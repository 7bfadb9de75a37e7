//! The calls of the generator keep the books of a real node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{admin, silent, start, value};
use crate::{SimOptions, SimVersion};

#[tokio::test(start_paused = true)]
async fn every_object_that_begins_also_ends() {
    let node = start(SimOptions::new("pbx1").seed(3)).await;
    let mut client = admin(&node).await;
    for _ in 0..300 {
        node.make_call();
        tokio::time::sleep(Duration::from_millis(150)).await;
        // Reading keeps the in-memory stream from filling up.
        client.action(&["Action: Ping"]).await.unwrap();
    }
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.action(&["Action: Ping"]).await.unwrap();
    }
    assert!(node.channels().is_empty(), "{:?}", node.channels());

    let mut alive: BTreeSet<String> = BTreeSet::new();
    let mut bridges: BTreeMap<String, i64> = BTreeMap::new();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for event in client.take_waiting() {
        let Some(name) = event.event_name() else {
            continue;
        };
        let name = String::from_utf8_lossy(name).into_owned();
        match name.as_str() {
            "Newchannel" => assert!(alive.insert(value(&event, "Uniqueid").to_owned())),
            "Hangup" => assert!(alive.remove(value(&event, "Uniqueid"))),
            "Newstate" | "DialBegin" | "BridgeEnter" | "QueueCallerJoin" => {
                if let Some(id) = event.header("Uniqueid") {
                    assert!(alive.contains(&*String::from_utf8_lossy(id)), "{name}");
                }
            }
            _ => {}
        }
        match name.as_str() {
            "BridgeEnter" => {
                *bridges
                    .entry(value(&event, "BridgeUniqueid").to_owned())
                    .or_default() += 1;
            }
            "BridgeLeave" => {
                *bridges
                    .entry(value(&event, "BridgeUniqueid").to_owned())
                    .or_default() -= 1;
            }
            _ => {}
        }
        *counts.entry(name).or_default() += 1;
    }
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert!(alive.is_empty());
    assert!(bridges.values().all(|members| *members == 0));
    assert!(count("BridgeCreate") > 100, "{counts:?}");
    assert_eq!(count("BridgeCreate"), count("BridgeDestroy"));
    assert_eq!(count("DialBegin"), count("DialEnd"));
    assert_eq!(count("QueueCallerJoin"), count("QueueCallerLeave"));
    assert_eq!(count("AgentConnect"), count("AgentComplete"));
    assert_eq!(
        count("QueueCallerJoin"),
        count("AgentConnect") + count("QueueCallerAbandon")
    );
    assert!(count("AgentConnect") > 0 && count("Cdr") >= 300);
}

#[tokio::test(start_paused = true)]
async fn the_generator_keeps_its_rate_and_the_lists_show_its_calls() {
    let node = start(SimOptions::new("pbx1").call_rate(10.0)).await;
    let mut client = silent(&node).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let status = client.action(&["Action: CoreStatus"]).await.unwrap();
    let calls: u64 = value(&status, "CoreProcessedCalls").parse().unwrap();
    assert!((550..=650).contains(&calls), "{calls}");
    let channels = client.list(&["Action: CoreShowChannels"]).await.unwrap();
    let bridges = client.list(&["Action: BridgeList"]).await.unwrap();
    assert_eq!(channels.len() - 2, node.channels().len());
    assert!(bridges.len() > 12, "{}", bridges.len());
    assert_eq!(value(&bridges[1], "BridgeNumChannels"), "2");
    let id = format!("BridgeUniqueid: {}", value(&bridges[1], "BridgeUniqueid"));
    let members = client.list(&["Action: BridgeInfo", &id]).await.unwrap();
    assert_eq!(members.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_old_node_uses_the_old_event_names() {
    let node = start(SimOptions::new("old").version(SimVersion::V11).seed(3)).await;
    let mut client = admin(&node).await;
    for _ in 0..20 {
        node.make_call();
    }
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.action(&["Action: Ping"]).await.unwrap();
    }
    let names: BTreeSet<String> = client
        .take_waiting()
        .iter()
        .filter_map(|event| Some(String::from_utf8_lossy(event.event_name()?).into_owned()))
        .collect();
    for old in ["Dial", "Bridge", "Unlink", "Join", "Leave", "Hangup"] {
        assert!(names.contains(old), "{old} in {names:?}");
    }
    for new in [
        "DialBegin",
        "BridgeEnter",
        "QueueCallerJoin",
        "SuccessfulAuth",
    ] {
        assert!(!names.contains(new), "{new}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirect_bridge_and_transfer_move_channels() {
    let node = start(SimOptions::new("pbx1")).await;
    let mut client = admin(&node).await;
    let lines = [
        "Action: Originate",
        "Channel: PJSIP/1001",
        "Application: Wait",
        "Data: 60",
    ];
    for _ in 0..2 {
        client.action(&lines).await.unwrap();
    }
    let names = node.channels();
    assert_eq!(names.len(), 2);
    let (one, two) = (
        format!("Channel1: {}", names[0]),
        format!("Channel2: {}", names[1]),
    );
    client
        .action(&["Action: Bridge", &one, &two])
        .await
        .unwrap();
    let created = client.next_event("BridgeCreate").await.unwrap();
    assert_eq!(value(&created, "BridgeNumChannels"), "0");
    let channel = format!("Channel: {}", names[0]);
    let response = client
        .action(&[
            "Action: Redirect",
            &channel,
            "Context: rig",
            "Exten: 101",
            "Priority: 1",
        ])
        .await
        .unwrap();
    assert_eq!(super::message(&response), "Redirect successful");
    client.next_event("BridgeDestroy").await.unwrap();
    assert_eq!(node.channels(), [names[0].clone()]);
    let status = client.list(&["Action: Status", &channel]).await.unwrap();
    assert_eq!(value(&status[1], "Exten"), "101");
}
