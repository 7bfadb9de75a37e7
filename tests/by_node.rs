//! Accounts whose rights differ by node, over two real Asterisks and a node that they do not see.

use std::net::SocketAddr;

use ami_proto::Frame;
use ami_sim::{SimClient, SimNode};

use crate::support::watch::{direct, ends_mark, mark, stream, succeeds, token};
use crate::support::{
    Amiplex, NodeSpec, Setup, asterisk, at_address, header, simulated, simulation,
};

/// The name of the node that `split` and `wide` do not see.
const HIDDEN: &str = "basement";

const ACCOUNTS: &str = "[general]\n\
    [admin]\nsecret = s\nread = all\nwrite = all\n\
    [split]\nsecret = s\nnodes = pbx1,tag:second\nread@tag:second = agent\nwrite@pbx1 = originate\n\
    [wide]\nsecret = s\nnodes = pbx1,pbx2\nread = all\nwrite = all\nwrite@pbx2 = system,reporting\n";

fn setup(nodes: [NodeSpec; 3]) -> Setup {
    let [first, mut second, mut third] = nodes;
    second.more.push_str("tags = [\"Second\"]\n");
    third.more.push_str("tags = [\"cellar\"]\n");
    Setup::new(vec![first, second, third]).accounts(ACCOUNTS)
}

/// Nodes of these names that nobody connects to.
fn nowhere() -> [NodeSpec; 3] {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    ["pbx1", "pbx2", HIDDEN].map(|name| at_address(name, address))
}

async fn start() -> (SimNode, Amiplex) {
    let hidden = SimNode::start(simulation(HIDDEN)).await.expect("listens");
    let nodes = [asterisk("pbx1"), asterisk("pbx2"), simulated(&hidden)];
    let amiplex = setup(nodes).start().await;
    amiplex.wait_for_log("what the node has is known", 3).await;
    (hidden, amiplex)
}

async fn message(client: &mut SimClient, lines: &[&str]) -> String {
    let answer = client.action(lines).await.expect("answered");
    header(&answer, "Message")
}

/// A member comes and goes at the node, and the client of amiplex has heard it.
async fn marked(node: &str, watcher: &mut SimClient, actor: &mut SimClient) -> String {
    let word = token(node);
    mark(actor, &word).await;
    watcher
        .next_where("the mark", |frame| ends_mark(frame, &word))
        .await
        .expect("heard");
    word
}

fn text(frames: &[Frame]) -> String {
    let lines = frames
        .iter()
        .map(|frame| String::from_utf8_lossy(frame.bytes()).into_owned());
    lines.collect()
}

const CALL: [&str; 5] = [
    "Action: Originate",
    "Channel: Local/101@tests/n",
    "Application: Wait",
    "Data: 0",
    "Async: true",
];

async fn originate(client: &mut SimClient, node: &str) -> String {
    let node = format!("Node: {node}");
    let mut lines = CALL.to_vec();
    lines.push(&node);
    message(client, &lines).await
}

#[tokio::test]
async fn an_account_calls_at_one_node_and_reads_another() {
    let (_hidden, amiplex) = start().await;
    let mut admin = amiplex.login("all", "admin", "s").await;
    let mut split = amiplex.login("all", "split", "s").await;
    let (mut first, mut second) = (
        direct("pbx1", "admin", "adminpw").await,
        direct("pbx2", "admin", "adminpw").await,
    );
    assert_eq!(
        originate(&mut split, "pbx1").await,
        "Originate successfully queued"
    );
    for node in ["pbx2", "pbx1,pbx2"] {
        assert_eq!(
            originate(&mut split, node).await,
            "Permission denied",
            "{node}"
        );
    }
    for node in [HIDDEN, "nowhere"] {
        assert_eq!(
            originate(&mut split, node).await,
            format!("No such node: {node}")
        );
    }
    assert_eq!(
        message(&mut split, &["Action: Status"]).await,
        "Permission denied"
    );
    let commands = succeeds(&mut split, &["Action: ListCommands"]).await;
    assert!(commands.header("Originate").is_some() && commands.header("QueuePause").is_none());
    let unheard = marked("pbx1", &mut admin, &mut first).await;
    let heard = marked("pbx2", &mut admin, &mut second).await;
    let frames = stream(&mut split, &[&heard]).await;
    for event in &frames {
        assert_eq!(
            header(event, "Privilege"),
            "agent,all",
            "{:?}",
            event.bytes()
        );
        assert_eq!(header(event, "Node"), "pbx2", "{:?}", event.bytes());
    }
    let told = text(&frames);
    assert!(!told.contains(&unheard) && !told.contains(HIDDEN), "{told}");
    // The other way round: the login name chooses the node, and with it the rights.
    let mut there = amiplex.login("all", "split@pbx2", "s").await;
    assert_eq!(message(&mut there, &CALL).await, "Permission denied");
    let mut here = amiplex.login("pbx1", "split", "s").await;
    assert_eq!(
        message(&mut here, &CALL).await,
        "Originate successfully queued"
    );
}

#[tokio::test]
async fn nothing_tells_of_a_node_that_is_not_seen() {
    let (hidden, amiplex) = start().await;
    let mut admin = amiplex.login("all", "admin", "s").await;
    let mut wide = amiplex.login("all", "wide", "s").await;
    let mut second = direct("pbx2", "admin", "adminpw").await;
    // Only the hidden node has this queue, and a channel of its own.
    let reset = ["Action: QueueReset", "Queue: sales"];
    assert_eq!(message(&mut wide, &reset).await, "Node required");
    succeeds(&mut admin, &reset).await;
    hidden.make_call();
    let event = admin
        .next_where("a channel", |frame| {
            frame.event_name() == Some(b"Newchannel") && header(frame, "Node") == HIDDEN
        })
        .await
        .expect("seen");
    let id = header(&event, "Uniqueid");
    let channel = format!("Channel: {id}");
    let hangup = ["Action: Hangup", &channel];
    assert_eq!(message(&mut wide, &hangup).await, "Node required");
    // What several visible nodes have is said of these.
    let both = message(&mut wide, &["Action: QueueReset", "Queue: support"]).await;
    assert_eq!(both, "Queue support is on several nodes, name one");
    hidden.kill().await;
    admin.next_event("NodeDown").await.expect("told");
    let listed = wide
        .list(&["Action: CoreShowChannels"])
        .await
        .expect("a list");
    let whole = admin
        .list(&["Action: CoreShowChannels"])
        .await
        .expect("a list");
    assert!(
        text(&whole).contains(&format!("NodesFailed: {HIDDEN}")),
        "{}",
        text(&whole)
    );
    let each = ["Action: CoreStatus", "Node: *"];
    let answers = wide.list(&each).await.expect("a list");
    let named = format!("Node: {HIDDEN}");
    let hidden_call = message(&mut wide, &["Action: DBGet", "Family: f", "Key: k", &named]).await;
    assert_eq!(hidden_call, format!("No such node: {HIDDEN}"));
    let end = marked("pbx2", &mut admin, &mut second).await;
    // Of the class `agent` the account reads everything; `call` it may not run at pbx2.
    let frames = stream(&mut wide, &[&end]).await;
    let told = text(&listed) + &text(&answers) + &text(&frames);
    assert!(!told.contains(HIDDEN) && !told.contains(&id), "{told}");
    assert!(
        !told.contains("NodeDown") && !told.contains("NodesFailed"),
        "{told}"
    );
    assert!(told.contains("NodesOk: 2"), "{told}");
    let redirect = ["Action: Redirect", "Channel: x", "Node: pbx2"];
    assert_eq!(message(&mut wide, &redirect).await, "Permission denied");
}

#[tokio::test]
async fn route_knows_the_rights_of_each_node() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let path = setup(nowhere()).write(directory.path());
    let path = path.to_str().expect("text");
    for (account, action, expected) in [
        (
            "split",
            &["Action: Originate", "Channel: A/1", "Node: pbx1"][..],
            "to pbx1;",
        ),
        (
            "split",
            &["Action: Originate", "Channel: A/1", "Node: *"],
            "to pbx1;",
        ),
        (
            "split",
            &["Action: Originate", "Channel: A/1", "Node: pbx2"],
            "nowhere: Permission denied;",
        ),
        (
            "split@pbx2",
            &["Action: Originate", "Channel: A/1"],
            "refused: Permission denied",
        ),
        (
            "split",
            &["Action: Originate", "Channel: A/1", "Node: basement"],
            "nowhere: No such node: basement;",
        ),
        (
            "wide",
            &["Action: QueueStatus"],
            "to pbx1, pbx2, the answers put together;",
        ),
        (
            "wide",
            &["Action: UserEvent", "UserEvent: x", "Node: *"],
            "to pbx1;",
        ),
    ] {
        let mut arguments = vec!["route", "--config", path, "--account", account];
        arguments.extend(action);
        let (code, said) = crate::support::run_amiplex(&arguments).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.starts_with(expected), "{account} {action:?}: {said}");
        assert!(
            expected.contains(HIDDEN) || !said.contains(HIDDEN),
            "{said}"
        );
    }
}

#[tokio::test]
async fn check_knows_the_nodes_and_tags_of_rights() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let path = setup(nowhere()).write(directory.path());
    let path = path.to_str().expect("text");
    let wrong = format!(
        "{ACCOUNTS}[odd]\nsecret = s\nnodes = tag:second,tag:first\nread@pbx7 = call\nwrite@tag:Cellar = call\n\
         write@tag:attic = call\ndefault_node = pbx1\n"
    );
    std::fs::write(directory.path().join("manager.conf"), wrong).expect("written");
    let (code, said) = crate::support::run_amiplex(&["check", "--config", path]).await;
    assert_eq!(code, 2, "{said}");
    for expected in [
        "account odd: there is no node with the tag first",
        "manager.conf:20: account odd: there is no node pbx7",
        "manager.conf:22: account odd: there is no node with the tag attic",
        "account odd: default_node pbx1 is not among its nodes",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let unseen =
        format!("{ACCOUNTS}[odd]\nsecret = s\nnodes = tag:second\nwrite@tag:Cellar = call\n");
    std::fs::write(directory.path().join("manager.conf"), unseen).expect("written");
    let (code, said) = crate::support::run_amiplex(&["check", "--config", path]).await;
    assert_eq!(code, 0, "{said}");
    let notice = "account odd does not see tag:Cellar: what it may do there has no effect";
    assert!(said.contains(notice), "{said}");
}
