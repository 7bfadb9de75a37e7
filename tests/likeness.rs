//! Two configured nodes that are one Asterisk, or share a systemname: said, and no channel is guessed.

use ami_proto::Frame;
use ami_sim::{SimClient, SimNode};
use tempfile::TempDir;

use crate::support::{Setup, asterisk, header, run_amiplex, simulated, simulation};

async fn message(client: &mut SimClient, lines: &[&str]) -> String {
    let answer = client.action(lines).await.expect("answered");
    header(&answer, "Message")
}

/// What `check --online` says of these nodes.
async fn checked(setup: &Setup) -> String {
    let directory = TempDir::new().expect("a directory");
    let path = setup.write(directory.path());
    let path = path.to_str().expect("text");
    let (code, said) = run_amiplex(&["check", "--online", "--config", path]).await;
    assert_eq!(code, 0, "{said}");
    said
}

#[tokio::test]
async fn one_asterisk_under_two_names_is_named_online() {
    for version in ["pbx1", "pbx2"] {
        let mut again = asterisk(version);
        again.name = "again".to_owned();
        let other = if version == "pbx1" { "pbx2" } else { "pbx1" };
        let nodes = vec![asterisk(version), asterisk(other), again];
        let setup = Setup::new(nodes);
        let said = checked(&setup).await;
        let wanted = format!("node {version}: is the same Asterisk as node again");
        assert!(said.contains(&wanted), "{said}");
        assert_eq!(said.matches("is the same").count(), 1, "{said}");
        assert!(!said.contains("systemname"), "{said}");
        let amiplex = setup.start().await;
        amiplex.wait_for_log("is the same Asterisk as", 1).await;
    }
}

async fn named_alike(name: &str) -> SimNode {
    let mut options = simulation(name);
    options.system_name = Some("both".to_owned());
    SimNode::start(options).await.expect("listens")
}

async fn channel(client: &mut SimClient, node: &SimNode) -> Frame {
    node.make_call();
    client
        .next_where("a channel", |frame| {
            frame.event_name() == Some(b"Newchannel") && header(frame, "Node") == node.name()
        })
        .await
        .expect("seen")
}

#[tokio::test]
async fn uniqueids_of_nodes_with_one_systemname_are_not_guessed() {
    let (one, other) = (named_alike("pbx1").await, named_alike("pbx2").await);
    let third = SimNode::start(simulation("pbx3")).await.expect("listens");
    let setup = Setup::new(vec![simulated(&one), simulated(&other), simulated(&third)]);
    let said = checked(&setup).await;
    assert!(
        said.contains("node pbx1: has the same systemname as node pbx2"),
        "{said}"
    );
    assert!(
        !said.contains("node pbx3: has") && !said.contains("as node pbx3"),
        "{said}"
    );
    let amiplex = setup.start().await;
    amiplex.wait_for_log("what the node has is known", 3).await;
    amiplex.wait_for_log("has the same systemname as", 1).await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let found = channel(&mut client, &one).await;
    let by_id = format!("Channel: {}", header(&found, "Uniqueid"));
    let by_name = format!("Channel: {}", header(&found, "Channel"));
    let get = |channel| ["Action: Setvar", channel, "Variable: A", "Value: 1"];
    assert_eq!(
        message(&mut client, &get(&by_id)).await,
        format!(
            "Channel {} may be on several nodes, name one",
            header(&found, "Uniqueid")
        )
    );
    let chosen = [
        "Action: Setvar",
        &by_id,
        "Variable: A",
        "Value: 1",
        "Node: pbx1",
    ];
    assert_eq!(message(&mut client, &chosen).await, "Variable Set");
    assert_eq!(message(&mut client, &get(&by_name)).await, "Variable Set");
    // A Uniqueid of the third is its own, and so is one where only one of the two is seen or up.
    let of_third = channel(&mut client, &third).await;
    let of_third = format!("Channel: {}", header(&of_third, "Uniqueid"));
    assert_eq!(message(&mut client, &get(&of_third)).await, "Variable Set");
    other.kill().await;
    client.next_event("NodeDown").await.expect("told");
    assert_eq!(message(&mut client, &get(&by_id)).await, "Variable Set");
}
