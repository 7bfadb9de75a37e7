//! Nodes of all versions in one session.

use ami_proto::{Class, ClassSet, ListMarker};
use ami_sim::SimVersion;

use super::{Fleet, said, text};
use crate::support::header;
use crate::support::watch::succeeds;

#[tokio::test]
async fn the_greeting_is_that_of_the_oldest_node_or_the_configured_one() {
    let fleet =
        Fleet::with(|setup| setup.listener("announced", "greeting_version = \"11.0.0\"\n")).await;
    for (listener, greeting) in [("all", "1.1"), ("announced", "11.0.0"), ("v13.8", "2.8.0")] {
        let client = fleet.amiplex.client(listener).await;
        assert_eq!(client.version().to_string(), greeting, "{listener}");
    }
}

/// A merged list says so itself, also when the first node to answer is one whose lists do not.
#[tokio::test]
async fn a_list_of_all_versions_is_one_list() {
    let fleet = Fleet::start().await;
    let mut client = fleet.amiplex.login("all", "admin", "adminpw").await;
    for _ in 0..5 {
        let got = said(&mut client, &["Action: QueueSummary", "ActionID: q"]).await;
        let (first, last) = (&got[0], &got[got.len() - 1]);
        assert_eq!(
            first.list_marker(),
            Some(ListMarker::Start),
            "{}",
            text(&got)
        );
        assert_eq!(last.list_marker(), Some(ListMarker::Complete));
        assert_eq!(header(last, "ListItems"), (got.len() - 2).to_string());
        assert_eq!(header(last, "NodesOk"), SimVersion::ALL.len().to_string());
        for version in SimVersion::ALL {
            let name = super::name(version);
            let items = got.iter().filter(|item| header(item, "Node") == name);
            assert!(items.count() > 0, "{name}");
        }
    }
}

/// An action goes to the node that is named, whose word it is whether it has it.
#[tokio::test]
async fn each_node_has_its_own_actions() {
    let fleet = Fleet::start().await;
    let mut client = fleet.amiplex.login("all", "admin", "adminpw").await;
    for version in SimVersion::ALL {
        let node = format!("Node: {}", super::name(version));
        for (action, has) in [
            ("SIPshowregistry", version <= SimVersion::V20),
            ("DBGetTree", version >= SimVersion::V16),
            ("MessageSend", version >= SimVersion::V11),
        ] {
            let line = format!("Action: {action}");
            let answer = client.action(&[&line, &node]).await.expect("answered");
            let unknown = header(&answer, "Message").starts_with("Invalid/unknown command");
            assert_eq!(unknown, !has, "{action} on {version:?}");
        }
    }
    // Those that have it give the list, the others are named with their own reason.
    let got = said(
        &mut client,
        &["Action: BridgeTechnologyList", "ActionID: b"],
    )
    .await;
    let last = got.last().expect("an end");
    assert_eq!(header(last, "NodesOk"), "9", "{}", text(&got));
    let failed = header(last, "NodesFailed");
    for version in [SimVersion::V1_8, SimVersion::V11] {
        assert!(failed.contains(&super::name(version)), "{failed}");
    }
}

/// Up to 11 the list of channels has other headers than events: a channel that is not recognised in it would seem to have ended.
#[tokio::test]
async fn the_channels_of_an_old_node_live_on_when_its_lanes_are_lost() {
    let fleet = Fleet::start().await;
    for version in [SimVersion::V1_8, SimVersion::V11, SimVersion::V22] {
        let node = fleet.node(version);
        let mut client = fleet.amiplex.login("all", "admin", "adminpw").await;
        let of = format!("Node: {}", super::name(version));
        let lines = [
            "Action: Originate",
            "Channel: Local/1@x",
            "Application: Wait",
            "Data: 60",
            "Async: true",
            &of,
        ];
        succeeds(&mut client, &lines).await;
        let channel = client.next_event("Newchannel").await.expect("told");
        client.take_waiting();
        for connection in node.connections() {
            if connection.account.as_deref() == Some("amiplex") {
                node.drop_connection(connection.id);
            }
        }
        client.next_event("NodeDown").await.expect("told");
        client.next_event("NodeUp").await.expect("told");
        // Events wait until what was missed has been told.
        node.emit("Mark", ClassSet::of(Class::Call), &[]);
        client.next_event("Mark").await.expect("told");
        let told = client.take_waiting();
        let ended = told
            .iter()
            .filter(|event| event.event_name() == Some(b"Hangup"));
        assert_eq!(ended.count(), 0, "{version:?}");
        // And it is still found by its name.
        let name = format!("Channel: {}", header(&channel, "Channel"));
        let answer = client
            .action(&["Action: Hangup", &name])
            .await
            .expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{version:?}");
    }
}
