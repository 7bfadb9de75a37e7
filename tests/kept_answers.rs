//! Answers that are kept: a real Asterisk is not asked again by those who read no events, and each is told how old it is.

use ami_proto::Frame;
use ami_sim::SimClient;

use crate::support::relay::{Heard, relay};
use crate::support::{Amiplex, Setup, asterisk, at_address, header, last_line};

const NODE: &str = "pbx1";
const LIST: &str = "CoreShowChannels";
const KEPT: &str = "[coalesce]\n\
    cache = { CoreShowChannels = \"1min\", \"Command: core show channels\" = \"1min\" }\n";

/// An amiplex in front of these as `pbx1` and so on, and what it asks each of them.
async fn in_front_of(names: &[&str]) -> (Amiplex, Vec<Heard>) {
    let mut nodes = Vec::new();
    let mut heard = Vec::new();
    for (number, name) in (1..).zip(names) {
        let (address, said) = relay(asterisk(name).address).await;
        nodes.push(at_address(&format!("pbx{number}"), address));
        heard.push(said);
    }
    let amiplex = Setup::new(nodes).more(KEPT).start().await;
    if names.len() > 1 {
        // To route by what its nodes have, amiplex lists that itself, once.
        let known = "what the node has is known";
        amiplex.wait_for_log(known, names.len()).await;
    }
    (amiplex, heard)
}

async fn silent(amiplex: &Amiplex, listener: &str) -> SimClient {
    let mut client = amiplex.client(listener).await;
    let login = client.login_with("admin", "adminpw", &["Events: off"]);
    login.await.expect("logged in");
    client
}

/// The whole list.
async fn list(client: &mut SimClient) -> Vec<Frame> {
    let action = format!("Action: {LIST}");
    client.send(&[&action, "ActionID: l"]).await.expect("sent");
    let mut list: Vec<Frame> = Vec::new();
    loop {
        let is_part = |frame: &Frame| frame.action_id() == Some(b"l");
        let part = client.next_where("a part of the list", is_part).await;
        list.push(part.expect("a part"));
        if list.last().map(|part| header(part, "EventList")).as_deref() == Some("Complete") {
            return list;
        }
    }
}

/// The age that the message tells.
fn age(frame: &Frame) -> Option<u64> {
    let age = frame.header("CacheAge")?;
    let age = std::str::from_utf8(age).ok()?.parse();
    Some(age.expect("a number"))
}

async fn polls(client: &mut SimClient) -> Option<u64> {
    age(&list(client).await[0])
}

async fn the_node_is_not_asked_again(asterisk: &str) {
    let (amiplex, heard) = in_front_of(&[asterisk]).await;
    let asked = || heard[0].actions(LIST);
    let before = asked();
    let mut first = silent(&amiplex, NODE).await;
    let mut second = silent(&amiplex, NODE).await;

    let fresh = list(&mut first).await;
    assert_eq!(age(&fresh[0]), None);
    assert_eq!(asked(), before + 1);
    let kept = list(&mut second).await;
    assert_eq!(asked(), before + 1, "it did not go up");
    let told = age(&kept[0]).expect("its age");
    assert!(told < 60_000, "{told}");
    assert_eq!(last_line(&kept[0]), format!("CacheAge: {told}"));
    assert_eq!(kept.len(), fresh.len());
    for (kept, fresh) in kept.iter().zip(&fresh).skip(1) {
        assert_eq!(kept.bytes(), fresh.bytes());
    }

    // One that reads events has what is true now; so has the next one, for a while.
    let mut reader = amiplex.login(NODE, "admin", "adminpw").await;
    assert_eq!(polls(&mut reader).await, None);
    assert_eq!(asked(), before + 2);
    let mask = ["Action: Events", "EventMask: off"];
    reader.action(&mask).await.expect("answered");
    assert!(polls(&mut reader).await.is_some());
    let mask = ["Action: Events", "EventMask: call"];
    reader.action(&mask).await.expect("answered");
    assert_eq!(polls(&mut reader).await, None);
    assert_eq!(asked(), before + 3);

    // Who writes sees what he has written; others need not.
    let write = ["Action: Setvar", "Variable: KEPT", "Value: 1"];
    let answer = first.action(&write).await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]), "{answer:?}");
    assert!(polls(&mut second).await.is_some());
    assert_eq!(polls(&mut first).await, None);
    assert_eq!(asked(), before + 4);
    assert!(polls(&mut first).await.is_some());
    assert_eq!(asked(), before + 4);

    // Who may not ask is told so, whatever is kept.
    let mut limited = amiplex.client(NODE).await;
    let login = limited.login_with("limited", "limitedpw", &["Events: off"]);
    login.await.expect("logged in");
    let answer = limited.action(&[&format!("Action: {LIST}")]).await;
    assert_eq!(
        header(&answer.expect("answered"), "Message"),
        "Permission denied"
    );

    let command = ["Action: Command", "Command: core show channels"];
    let fresh = first.action(&command).await.expect("answered");
    assert_eq!(age(&fresh), None);
    let commands = heard[0].actions("Command");
    let kept = second.action(&command).await.expect("answered");
    assert_eq!(heard[0].actions("Command"), commands);
    assert!(age(&kept).is_some(), "{kept:?}");
    let output = |frame: &Frame| -> Vec<Vec<u8>> {
        let lines = frame.headers("Output");
        lines.map(<[u8]>::to_vec).collect()
    };
    assert!(!output(&kept).is_empty());
    assert_eq!(output(&kept), output(&fresh));
}

#[tokio::test]
async fn asterisk_22_is_not_asked_again() {
    the_node_is_not_asked_again("pbx1").await;
}

#[tokio::test]
async fn asterisk_16_is_not_asked_again() {
    the_node_is_not_asked_again("pbx2").await;
}

/// Each node's part may have been kept or not; the end of the list tells how old the oldest is.
#[tokio::test]
async fn a_list_of_several_nodes_asks_those_of_which_nothing_is_kept() {
    let (amiplex, heard) = in_front_of(&["pbx1", "pbx2"]).await;
    let asked = || [heard[0].actions(LIST), heard[1].actions(LIST)];
    let before = asked();
    let mut one = silent(&amiplex, "pbx1").await;
    assert_eq!(polls(&mut one).await, None);
    let mut all = silent(&amiplex, "all").await;
    for told_before in [false, true] {
        let merged = list(&mut all).await;
        assert_eq!(asked(), [before[0] + 1, before[1] + 1], "{told_before}");
        assert_eq!(age(&merged[0]), None);
        let end = merged.last().expect("an end");
        assert_eq!(header(end, "NodesOk"), "2");
        assert!(age(end).is_some(), "{end:?}");
        let items = merged.len() - 2;
        assert_eq!(header(end, "ListItems"), items.to_string());
    }
    // What it writes at one node makes that one's part new.
    let write = ["Action: Setvar", "Variable: KEPT", "Value: 1", "Node: pbx2"];
    let answer = all.action(&write).await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]), "{answer:?}");
    let merged = list(&mut all).await;
    assert_eq!(asked(), [before[0] + 1, before[1] + 2]);
    assert!(age(merged.last().expect("an end")).is_some());
}
