//! Every action that answers with a list, of three nodes at once: the items are those that the nodes themselves list, asked directly.
//!
//! Other tests may use two of the nodes meanwhile, so a list counts when the nodes said the same before and after it.

use std::time::Duration;

use ami_access::{ActionSpec, RouteKind, builtin_all};
use ami_proto::{Frame, FrameKind, ListMarker};
use ami_sim::SimClient;
use tokio::time::timeout;

use super::{NODES, hold, patient, three};
use crate::support::watch::{direct, succeeds, token};
use crate::support::{PATIENCE, header};

/// Lines without which an action lists nothing or is refused.
const MORE: [(&str, &[&str]); 9] = [
    ("BridgeInfo", &["BridgeUniqueid: none"]),
    ("ConfbridgeList", &["Conference: 409"]),
    ("CoreShowChannelMap", &["Channel: CHANNEL"]),
    ("MeetmeList", &["Conference: 1"]),
    ("MWIGet", &["Mailbox: 1000@default"]),
    ("PJSIPShowEndpoint", &["Endpoint: phone"]),
    ("ShowDialPlan", &["Context: acme"]),
    (
        "VoicemailBoxSummary",
        &["Context: default", "Mailbox: 1000"],
    ),
    (
        "VoicemailUserStatus",
        &["Context: default", "Mailbox: 1000"],
    ),
];

/// Headers whose values are times, or count while one looks.
const TIMES: [&str; 13] = [
    "Duration",
    "Seconds",
    "BridgedSeconds",
    "TimeToHangup",
    "ParkingDuration",
    "ParkingTimeout",
    "AnsweredTime",
    "Elapsed",
    "Wait",
    "LongestHoldTime",
    "LastCall",
    "LastPause",
    "LoginTime",
];

/// What one answer was.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Its items, in no order.
    List(Vec<String>),
    /// An error that says that there is nothing of the kind.
    Nothing,
    /// Another error.
    Failed,
}

/// The item without what says whose answer it is, and without times.
fn masked(item: &Frame) -> String {
    let mut text = String::new();
    for line in item.lines() {
        if line.is("ActionID") || line.is("Node") {
            continue;
        }
        match TIMES.iter().find(|name| line.is(name)) {
            Some(name) => text.push_str(name),
            None => text.push_str(&String::from_utf8_lossy(line.raw)),
        }
        text.push('\n');
    }
    text
}

fn sorted(items: &[Frame]) -> Vec<String> {
    let mut items: Vec<String> = items.iter().map(masked).collect();
    items.sort();
    items
}

/// The response and all that follows to the end of its list. The client reads no events, so everything else is of the list, also
/// items without ActionID, as those of IAXpeers.
async fn whole(client: &mut SimClient, lines: &[&str]) -> Vec<Frame> {
    client.send(lines).await.expect("sent");
    let mut frames = vec![client.next_frame().await.expect("answered")];
    assert_eq!(frames[0].kind(), FrameKind::Response, "{lines:?}");
    while frames[0].list_marker() == Some(ListMarker::Start) {
        let frame = client.next_frame().await.expect("more");
        let is_last = frame.list_marker().is_some();
        frames.push(frame);
        if is_last {
            break;
        }
    }
    frames
}

async fn ask(asker: &mut SimClient, lines: &[&str]) -> Answer {
    let frames = whole(asker, lines).await;
    match &*frames {
        [response]
            if header(response, "Message")
                .to_lowercase()
                .starts_with("no ") =>
        {
            Answer::Nothing
        }
        [_] => Answer::Failed,
        [_, items @ .., _] => Answer::List(sorted(items)),
        [] => panic!("no answer"),
    }
}

async fn ask_each(askers: &mut [SimClient], lines: &[&str]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for asker in askers {
        answers.push(ask(asker, lines).await);
    }
    answers
}

/// The merged list against what each node said.
fn compare(what: &str, merged: &[Frame], nodes: &[Answer]) {
    let lists = nodes.iter().filter(|node| matches!(node, Answer::List(_)));
    if lists.count() == 0 {
        assert_eq!(merged.len(), 1, "{what}: {merged:?}");
        assert_eq!(merged[0].response(), Some(&b"Error"[..]), "{what}");
        return;
    }
    assert_eq!(merged[0].list_marker(), Some(ListMarker::Start), "{what}");
    let (end, items) = merged[1..].split_last().expect("an end");
    assert_eq!(end.list_marker(), Some(ListMarker::Complete), "{what}");
    assert_eq!(header(end, "ListItems"), items.len().to_string(), "{what}");
    let failed: Vec<&str> = (NODES.iter().zip(nodes))
        .filter(|(_, answer)| **answer == Answer::Failed)
        .map(|(node, _)| *node)
        .collect();
    let ok = NODES.len() - failed.len();
    assert_eq!(header(end, "NodesOk"), ok.to_string(), "{what}: {end:?}");
    let told = header(end, "NodesFailed");
    assert_eq!(told.is_empty(), failed.is_empty(), "{what}: {end:?}");
    for node in failed {
        assert!(told.contains(&format!("{node} (")), "{what}: {told}");
    }
    for (name, answer) in NODES.iter().zip(nodes) {
        let of_node = items.iter().filter(|item| header(item, "Node") == **name);
        let of_node: Vec<Frame> = of_node.cloned().collect();
        let own = match answer {
            Answer::List(own) => own.clone(),
            Answer::Nothing | Answer::Failed => Vec::new(),
        };
        assert_eq!(sorted(&of_node), own, "{what} of {name}");
    }
    let of_nodes = items
        .iter()
        .filter(|item| NODES.contains(&&*header(item, "Node")));
    assert_eq!(of_nodes.count(), items.len(), "{what}: items of no node");
}

async fn silence(client: &mut SimClient) {
    succeeds(client, &["Action: Events", "EventMask: off"]).await;
    client.take_waiting();
}

/// No second end, and nothing else, follows a list.
async fn nothing_follows(client: &mut SimClient) {
    succeeds(client, &["Action: Ping"]).await;
    let late = client.take_waiting();
    assert!(late.is_empty(), "{late:?}");
}

async fn one_list(client: &mut SimClient, askers: &mut [SimClient], spec: &ActionSpec) -> bool {
    let name = format!("Action: {}", spec.name);
    let mut lines = vec![&*name];
    let more = MORE.iter().find(|(name, _)| *name == spec.name);
    lines.extend(more.map_or(&[][..], |(_, more)| more));
    let mut wide = lines.clone();
    // What names a channel or the like goes to the node that has it, unless all are named.
    if !matches!(spec.route, RouteKind::List | RouteKind::Parking) {
        wide.push("Node: *");
    }
    let tries = async {
        let mut before = ask_each(askers, &lines).await;
        loop {
            let merged = whole(client, &wide).await;
            let after = ask_each(askers, &lines).await;
            nothing_follows(client).await;
            if before == after {
                compare(spec.name, &merged, &after);
                return after.iter().any(|node| matches!(node, Answer::List(_)));
            }
            before = after;
        }
    };
    let tried = timeout(PATIENCE * 2, tries).await;
    tried.unwrap_or_else(|_| panic!("{} is never twice the same", spec.name))
}

#[tokio::test]
async fn every_list_of_three_nodes_is_what_the_nodes_list_together() {
    let amiplex = three().await.start().await;
    amiplex.wait_for_log("what the node has is known", 3).await;
    let mut client = patient(&amiplex, "all").await;
    silence(&mut client).await;
    let mut askers = Vec::new();
    let id = token("listed");
    for node in NODES {
        let mut actor = direct(node, "admin", "adminpw").await;
        actor.set_patience(Duration::from_secs(20));
        hold(&mut actor, "acme", &id).await;
        let room =
            "Action: Originate\r\nChannel: Local/409@tests/n\r\nApplication: Wait\r\nData: 3600";
        succeeds(&mut actor, &[room]).await;
        let park = "Action: Originate\r\nChannel: Local/park-listed@acme/n\r\nApplication: Wait\r\nData: 3600";
        succeeds(&mut actor, &[park]).await;
        let member = "Interface: Local/listed@nowhere";
        let add = ["Action: QueueAdd", "Queue: empty", member, "Paused: true"];
        actor.action(&add).await.expect("answered");
        silence(&mut actor).await;
        askers.push(actor);
    }
    let mut listed = Vec::new();
    for spec in builtin_all().iter().filter(|spec| spec.is_mergeable()) {
        if one_list(&mut client, &mut askers, spec).await {
            listed.push(spec.name);
        }
    }
    println!("{} lists: {listed:?}", listed.len());
    for asker in &mut askers {
        let member = "Interface: Local/listed@nowhere";
        succeeds(asker, &["Action: QueueRemove", "Queue: empty", member]).await;
        for ours in [
            "/^Local/hold-listed/",
            "/^Local/409@tests/",
            "/^Local/park-listed@acme/",
        ] {
            let channel = format!("Channel: {ours}");
            asker
                .list(&["Action: Hangup", &channel])
                .await
                .expect("answered");
        }
    }
    assert!(listed.len() >= 30, "too few are tested: {listed:?}");
}
