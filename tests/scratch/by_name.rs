//! Three nodes with calls of their own behind one login: what a client names is done at the node that has it, and at no other.
//!
//! What was done is told by the nodes themselves, each asked directly.

use ami_proto::Frame;
use ami_sim::SimClient;

use super::{NODES, hold, patient, succeeds, three};
use crate::support::watch::{between, direct, mark, stream, token};
use crate::support::{Amiplex, MANAGER_CONF, header};

/// A node, somebody who sees all that happens there, and a call that stays there.
struct Site {
    node: &'static str,
    observer: SimClient,
    id: String,
    channel: String,
}

async fn site(node: &'static str) -> Site {
    let mut observer = direct(node, "admin", "adminpw").await;
    let id = token("sited");
    let channel = hold(&mut observer, "acme", &id).await;
    Site {
        node,
        observer,
        id,
        channel,
    }
}

/// amiplex over three nodes with a call on each, which it knows.
async fn sites() -> (Amiplex, SimClient, Vec<Site>) {
    let amiplex = three().await.start().await;
    let mut sites = Vec::new();
    for node in NODES {
        sites.push(site(node).await);
    }
    amiplex.wait_for_log("what the node has is known", 3).await;
    let mut client = patient(&amiplex, "all").await;
    for site in &sites {
        until_known(&mut client, &site.channel).await;
    }
    (amiplex, client, sites)
}

/// The channel may have come before what the node had was known, or after.
async fn until_known(client: &mut SimClient, channel: &str) {
    let line = format!("Channel: {channel}");
    let ask = ["Action: Getvar", &line, "Variable: UNIQUEID"];
    let known = async {
        while client.action(&ask).await.expect("answered").response() != Some(b"Success") {}
    };
    tokio::time::timeout(super::START, known)
        .await
        .expect("known");
}

/// What an action by channel alone must leave at the channel's node.
struct Deed {
    /// The action; `CHANNEL` stands for the channel.
    lines: &'static [&'static str],
    /// The event in which the node tells that it was done, and a header that it must have then.
    event: &'static [u8],
    told: (&'static str, &'static str),
    /// The header of that event that names the channel.
    of: &'static str,
}

/// In this order: the call is parked, fetched from there into the dialplan, and ended.
const DEEDS: [Deed; 4] = [
    Deed {
        lines: &[
            "Action: Setvar",
            "Channel: CHANNEL",
            "Variable: DONE",
            "Value: here",
        ],
        event: b"VarSet",
        told: ("Variable", "DONE"),
        of: "Channel",
    },
    Deed {
        lines: &["Action: Park", "Channel: CHANNEL", "Timeout: 60000"],
        event: b"ParkedCall",
        told: ("Parkinglot", "default"),
        of: "ParkeeChannel",
    },
    Deed {
        lines: &[
            "Action: Redirect",
            "Channel: CHANNEL",
            "Context: acme",
            "Exten: hold-redirected",
            "Priority: 1",
        ],
        event: b"Newexten",
        told: ("Extension", "hold-redirected"),
        of: "Channel",
    },
    Deed {
        lines: &["Action: Hangup", "Channel: CHANNEL", "Cause: 21"],
        event: b"Hangup",
        told: ("Cause", "21"),
        of: "Channel",
    },
];

async fn do_at(client: &mut SimClient, sites: &mut [Site], at: usize, deed: &Deed) {
    let channel = sites[at].channel.clone();
    let lines = deed.lines.iter();
    let lines: Vec<String> = lines
        .map(|line| line.replace("CHANNEL", &channel))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    succeeds(client, &lines).await;
    let done = |frame: &Frame| {
        frame.event_name() == Some(deed.event)
            && header(frame, deed.of) == channel
            && header(frame, deed.told.0) == deed.told.1
    };
    sites[at]
        .observer
        .next_where(&format!("{lines:?} at {}", sites[at].node), done)
        .await
        .expect("done");
}

#[tokio::test]
async fn an_action_by_channel_name_alone_is_done_at_its_node_and_leaves_nothing_at_the_others() {
    let (_amiplex, mut client, mut sites) = sites().await;
    for at in 0..sites.len() {
        let begin = token("begin");
        for site in &mut sites {
            mark(&mut site.observer, &begin).await;
        }
        for deed in &DEEDS {
            do_at(&mut client, &mut sites, at, deed).await;
        }
        let id = sites[at].id.clone();
        for other in (0..sites.len()).filter(|other| *other != at) {
            let end = token("end");
            mark(&mut sites[other].observer, &end).await;
            let frames = stream(&mut sites[other].observer, &[&end]).await;
            let meanwhile = between(&frames, &begin, &end);
            let named: Vec<_> = meanwhile
                .iter()
                .filter(|frame| String::from_utf8_lossy(frame.bytes()).contains(&id))
                .collect();
            assert!(named.is_empty(), "{}: {named:?}", sites[other].node);
        }
        let gone = format!("Channel: {}", sites[at].channel);
        let answer = client.action(&["Action: Hangup", &gone]).await;
        let answer = answer.expect("answered");
        // The node's last event reaches amiplex on its own way.
        let messages = ["Node required", "No such channel"];
        assert!(
            messages.contains(&&*header(&answer, "Message")),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn channels_of_all_nodes_are_listed_once_with_their_node() {
    let (_amiplex, mut client, mut sites) = sites().await;
    let list = client.list(&["Action: CoreShowChannels"]).await;
    let list = list.expect("answered");
    for site in &sites {
        let of_site = list
            .iter()
            .filter(|item| header(item, "Uniqueid") == site.id);
        let nodes: Vec<String> = of_site.map(|item| header(item, "Node")).collect();
        assert_eq!(nodes, [site.node]);
    }
    for site in &mut sites {
        let channel = format!("Channel: {}", site.id);
        succeeds(&mut site.observer, &["Action: Hangup", &channel]).await;
    }
}

/// A queue that the scratch instance alone has.
const LONELY: &str = "lonely";

async fn make_lonely_queue() {
    let mut actor = direct("pbx3", "admin", "adminpw").await;
    let add = [
        "Action: UpdateConfig",
        "SrcFilename: queues.conf",
        "DstFilename: queues.conf",
        "Action-000000: NewCat",
        "Cat-000000: lonely",
        "Action-000001: Append",
        "Cat-000001: lonely",
        "Var-000001: strategy",
        "Value-000001: ringall",
    ];
    // It may be there from a test before.
    actor.action(&add).await.expect("answered");
    succeeds(&mut actor, &["Action: QueueReload", "Parameters: yes"]).await;
    let summary = ["Action: QueueSummary", "Queue: lonely"];
    let list = actor.list(&summary).await.expect("answered");
    assert!(list.iter().any(|item| header(item, "Queue") == LONELY));
}

/// The nodes at which this member of that queue is, asked directly; with its `Paused`.
async fn members(queue: &str, interface: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for node in NODES {
        let mut asker = direct(node, "admin", "adminpw").await;
        let line = format!("Queue: {queue}");
        let list = asker.list(&["Action: QueueStatus", &line]).await;
        let list = list.expect("answered");
        let here = list
            .iter()
            .filter(|item| header(item, "Location") == interface);
        found.extend(here.map(|item| (node, header(item, "Paused"))));
    }
    found
}

async fn message(client: &mut SimClient, lines: &[&str]) -> String {
    let answer = client.action(lines).await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Error"[..]), "{lines:?}");
    header(&answer, "Message")
}

/// Waits until the client has been told of it, so that amiplex knows.
async fn told_of(client: &mut SimClient, event: &str, interface: &str, node: &str) {
    let of_member = |frame: &Frame| {
        frame.event_name() == Some(event.as_bytes())
            && header(frame, "Interface") == interface
            && header(frame, "Node") == node
    };
    client.next_where(event, of_member).await.expect("told");
}

#[tokio::test]
async fn a_queue_or_member_leads_to_the_one_visible_node_that_has_it() {
    let setup = three().await;
    make_lonely_queue().await;
    let two = "[two]\nsecret = twopw\nread = all\nwrite = all\nnodes = pbx1,pbx2\n";
    let amiplex = setup.accounts(&format!("{MANAGER_CONF}\n{two}"));
    let amiplex = amiplex.start().await;
    amiplex.wait_for_log("what the node has is known", 3).await;
    let mut client = patient(&amiplex, "all").await;
    let mut two = amiplex.login("all", "two", "twopw").await;
    let interface = format!("Local/{}@nowhere", token("member"));
    let member = format!("Interface: {interface}");
    let add = |queue| ["Action: QueueAdd", queue, &member, "Paused: true"];

    succeeds(&mut client, &add("Queue: lonely")).await;
    told_of(&mut client, "QueueMemberAdded", &interface, "pbx3").await;
    assert_eq!(
        members(LONELY, &interface).await,
        [("pbx3", "1".to_owned())]
    );
    let unpause = ["Action: QueuePause", &member, "Paused: false"];
    // Whoever does not see the node is told as if the queue and its member were nowhere.
    assert_eq!(
        message(&mut two, &add("Queue: lonely")).await,
        "Node required"
    );
    assert_eq!(message(&mut two, &unpause).await, "Node required");
    succeeds(&mut client, &unpause).await;
    assert_eq!(
        members(LONELY, &interface).await,
        [("pbx3", "0".to_owned())]
    );

    let several = "Queue empty is on several nodes, name one";
    assert_eq!(message(&mut client, &add("Queue: empty")).await, several);
    assert_eq!(message(&mut two, &add("Queue: empty")).await, several);
    let at_pbx2 = [&add("Queue: empty")[..], &["Node: pbx2"]].concat();
    succeeds(&mut two, &at_pbx2).await;
    told_of(&mut two, "QueueMemberAdded", &interface, "pbx2").await;
    told_of(&mut client, "QueueMemberAdded", &interface, "pbx2").await;
    // It is on two nodes of the one session, and on one of the other.
    let pause = ["Action: QueuePause", &member, "Paused: true"];
    let on_several = format!("Member {interface} is on several nodes, name one");
    assert_eq!(message(&mut client, &pause).await, on_several);
    succeeds(&mut two, &unpause).await;
    assert_eq!(
        members("empty", &interface).await,
        [("pbx2", "0".to_owned())]
    );
    let remove = |queue| ["Action: QueueRemove", queue, &member];
    succeeds(&mut client, &remove("Queue: lonely")).await;
    told_of(&mut client, "QueueMemberRemoved", &interface, "pbx3").await;
    // Of a queue on all nodes the member tells which is meant, and where it is only once, the queue need not be named.
    succeeds(&mut client, &pause).await;
    assert_eq!(
        members("empty", &interface).await,
        [("pbx2", "1".to_owned())]
    );
    succeeds(&mut client, &remove("Queue: empty")).await;
    told_of(&mut client, "QueueMemberRemoved", &interface, "pbx2").await;
    assert_eq!(members("empty", &interface).await, []);
    assert_eq!(message(&mut client, &unpause).await, "Node required");
}
