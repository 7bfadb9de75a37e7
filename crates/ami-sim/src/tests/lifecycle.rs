//! Freezing, dying, restarting, stopping; these use real sockets where sockets matter.

use std::time::Duration;

use super::{admin, knock, node, start, value};
use crate::{ClientError, SimClient, SimOptions, Transcript};

#[tokio::test(start_paused = true)]
async fn a_frozen_node_does_nothing_and_later_runs_what_it_was_sent() {
    let node = node().await;
    let mut client = admin(&node).await;
    client.next_event("SuccessfulAuth").await.unwrap();
    client.take_waiting();
    node.freeze();
    client
        .send(&[
            "Action: Originate",
            "ActionID: o",
            "Channel: Local/1@x",
            "Application: Wait",
            "Data: 1",
            "Async: true",
        ])
        .await
        .unwrap();
    node.make_call();
    client.set_patience(Duration::from_mins(1));
    let nothing = client.next_frame().await;
    assert!(matches!(nothing, Err(ClientError::Late(_))));
    assert!(node.received_named("Originate").is_empty());
    assert!(node.placed().is_empty());
    node.thaw();
    client.response("o").await.unwrap();
    client.next_event("OriginateResponse").await.unwrap();
    assert_eq!(node.received_named("Originate").len(), 1);
    assert_eq!(node.placed().len(), 1);
}

#[tokio::test]
async fn a_frozen_node_accepts_connections_but_does_not_greet() {
    let node = node().await;
    node.freeze();
    let stream = tokio::net::TcpStream::connect(node.address())
        .await
        .unwrap();
    node.make_call();
    assert!(node.connections().is_empty());
    node.thaw();
    let mut client = SimClient::over(stream).await.unwrap();
    client.login("admin", "secret").await.unwrap();
}

#[tokio::test]
async fn a_killed_node_is_gone_and_comes_back_on_its_port_with_its_database() {
    let node = node().await;
    let mut client = SimClient::connect(node.address()).await.unwrap();
    client.login("admin", "secret").await.unwrap();
    client
        .action(&["Action: DBPut", "Family: f", "Key: k", "Val: v"])
        .await
        .unwrap();
    client
        .action(&["Action: Setvar", "Variable: G", "Value: 1"])
        .await
        .unwrap();
    node.make_call();
    assert!(!node.channels().is_empty());
    node.kill().await;
    client.closed().await.unwrap();
    assert!(
        client
            .take_waiting()
            .iter()
            .all(|frame| frame.event_name() != Some(b"Shutdown"))
    );
    assert!(SimClient::connect(node.address()).await.is_err());
    let (near, far) = tokio::io::duplex(1024);
    node.serve(far);
    assert!(matches!(
        SimClient::over(near).await,
        Err(ClientError::Closed)
    ));

    node.restart().await.unwrap();
    assert!(node.channels().is_empty());
    assert!(node.connections().is_empty());
    let mut client = SimClient::connect(node.address()).await.unwrap();
    client.login("admin", "secret").await.unwrap();
    let got = client
        .list(&["Action: DBGet", "Family: f", "Key: k"])
        .await
        .unwrap();
    assert_eq!(value(&got[1], "Val"), "v");
    let got = client
        .action(&["Action: Getvar", "Variable: G"])
        .await
        .unwrap();
    assert_eq!(value(&got, "Value"), "");
    assert_eq!(node.received_named("DBPut").len(), 1);
}

#[tokio::test]
async fn a_restart_also_kills_what_runs() {
    let node = node().await;
    let mut client = SimClient::connect(node.address()).await.unwrap();
    client.login("admin", "secret").await.unwrap();
    node.restart().await.unwrap();
    client.closed().await.unwrap();
    assert!(SimClient::connect(node.address()).await.is_ok());
}

#[tokio::test]
async fn a_stop_says_shutdown_and_ends_every_task() {
    let node = node().await;
    let mut client = SimClient::connect(node.address()).await.unwrap();
    client.login("admin", "secret").await.unwrap();
    node.stop().await;
    let event = client.next_event("Shutdown").await.unwrap();
    assert_eq!(value(&event, "Restart"), "False");
    client.closed().await.unwrap();
    assert!(node.connections().is_empty());
    assert!(SimClient::connect(node.address()).await.is_err());
    node.restart().await.unwrap();
    assert!(SimClient::connect(node.address()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_be_dropped_by_itself() {
    let node = node().await;
    let mut one = admin(&node).await;
    let mut two = admin(&node).await;
    let id = node.connections()[0].id;
    assert!(node.drop_connection(id));
    one.closed().await.unwrap();
    two.action(&["Action: Ping"]).await.unwrap();
    assert!(!node.drop_connection(id));
}

#[tokio::test(start_paused = true)]
async fn a_transcript_is_played_byte_for_byte() {
    let node = node().await;
    let mut client = admin(&node).await;
    client.next_event("SuccessfulAuth").await.unwrap();
    client.take_waiting();
    let recording = b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\n\r\nEvent: A\r\nX: 1\r\n\r\nEvent: B\r\nno colon\r\n\r\n";
    let transcript = Transcript::from_recording(recording);
    node.play(&transcript);
    let first = client.next_frame().await.unwrap();
    assert_eq!(&first.bytes()[..], b"Event: A\r\nX: 1\r\n\r\n");
    let second = client.next_frame().await.unwrap();
    assert_eq!(&second.bytes()[..], b"Event: B\r\nno colon\r\n\r\n");

    node.play_after_login(Some(transcript));
    let mut late = knock(&node).await;
    late.login("admin", "secret").await.unwrap();
    late.next_event("B").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_nodes_with_one_seed_make_the_same_calls() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let node = start(SimOptions::new("pbx1").seed(7)).await;
        for _ in 0..10 {
            node.make_call();
        }
        seen.push(node.channels());
    }
    assert_eq!(seen[0], seen[1]);
}
