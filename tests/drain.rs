//! The end of amiplex: listeners first, what is in flight is answered, every client is told, and the exit code says that all went well.

use std::time::Duration;

use ami_proto::FrameKind;
use ami_sim::{Faults, SimClient, SimNode};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{Amiplex, Setup, header, simulated, simulation};

async fn with_drain_timeout(seconds: &str) -> (SimNode, Amiplex) {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let mut setup = Setup::new(vec![simulated(&node)]);
    seconds.clone_into(&mut setup.drain_timeout);
    (node, setup.start().await)
}

/// Holds an action of this client on the node.
async fn hold(node: &SimNode, client: &mut SimClient) {
    node.set_faults(Faults::none().hold("CoreStatus"));
    client
        .send(&["Action: CoreStatus", "ActionID: held"])
        .await
        .expect("sent");
    node.until_received("CoreStatus", 1).await;
}

#[tokio::test]
async fn what_is_in_flight_is_answered_and_new_clients_find_no_port() {
    let (node, mut amiplex) = with_drain_timeout("60s").await;
    let address = amiplex.address("pbx1");
    let mut idle = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut stranger = amiplex.client("pbx1").await;
    let mut busy = amiplex.login("pbx1", "admin", "adminpw").await;
    hold(&node, &mut busy).await;
    amiplex.signal("TERM").await;
    amiplex.wait_for_log("draining", 1).await;
    idle.closed().await.expect("nothing is left to say");
    stranger.closed().await.expect("nor to a stranger");
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused)
        .await
        .expect("the port is closed while the other waits");
    node.set_faults(Faults::none());
    let answer = busy.response("held").await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    busy.closed().await.expect("closed then");
    let status = amiplex.wait().await;
    assert_eq!(status.code(), Some(0), "{}", amiplex.log().join("\n"));
    assert!(
        node.received_named("Logoff").len() >= 2,
        "the event lane and another leave in order"
    );
}

/// Nobody new comes in, and the clients that are there leave one after the other: one that has not had its turn works on.
#[tokio::test]
async fn sessions_end_one_after_the_other() {
    // More of its section, behind the value.
    let (_node, mut amiplex) = with_drain_timeout("60s\"\ndrain_spread = \"2s").await;
    let address = amiplex.address("pbx1");
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(amiplex.login("pbx1", "admin", "adminpw").await);
    }
    amiplex.signal("TERM").await;
    amiplex.wait_for_log("draining", 1).await;
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let mut rounds_beside_the_ended = 0_usize;
    while !clients.is_empty() {
        let before = clients.len();
        let mut left = Vec::new();
        for mut client in clients {
            let answer = client.action(&["Action: CoreStatus"]).await;
            if answer.is_ok_and(|answer| answer.response() == Some(b"Success")) {
                left.push(client);
            }
        }
        rounds_beside_the_ended += usize::from(before < 4 && left.len() == before);
        clients = left;
    }
    assert!(rounds_beside_the_ended > 0);
    let status = amiplex.wait().await;
    assert_eq!(status.code(), Some(0), "{}", amiplex.log().join("\n"));
}

#[tokio::test]
async fn what_is_not_answered_in_time_ends_with_an_error_and_exit_code_0() {
    let (node, mut amiplex) = with_drain_timeout("500ms").await;
    let mut busy = amiplex.login("pbx1", "admin", "adminpw").await;
    hold(&node, &mut busy).await;
    let begun = Instant::now();
    amiplex.signal("TERM").await;
    busy.closed().await.expect("closed");
    let status = amiplex.wait().await;
    assert_eq!(status.code(), Some(0), "{}", amiplex.log().join("\n"));
    assert!(begun.elapsed() >= Duration::from_millis(500), "too early");
    let answers: Vec<_> = busy
        .take_waiting()
        .into_iter()
        .filter(|frame| frame.kind() == FrameKind::Response)
        .collect();
    assert_eq!(answers.len(), 1, "one end for one action: {answers:?}");
    assert_eq!(header(&answers[0], "ActionID"), "held");
    assert_eq!(header(&answers[0], "Outcome"), "unknown");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for signal in ["TERM", "INT"] {
        let (node, mut amiplex) = with_drain_timeout("1h").await;
        let mut busy = amiplex.login("pbx1", "admin", "adminpw").await;
        hold(&node, &mut busy).await;
        amiplex.signal("TERM").await;
        amiplex.wait_for_log("draining", 1).await;
        amiplex.signal(signal).await;
        let status = amiplex.wait().await;
        assert_eq!(status.code(), Some(0), "{}", amiplex.log().join("\n"));
        let answer = busy.response("held").await.expect("told");
        assert_eq!(header(&answer, "Outcome"), "unknown");
        busy.closed().await.expect("closed");
    }
}

#[tokio::test]
async fn half_a_tls_handshake_and_a_node_that_is_away_do_not_hold_it_up() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let mut setup = Setup::new(vec![simulated(&node)]);
    "1h".clone_into(&mut setup.drain_timeout);
    let certificate = crate::tls::Certificate::of("localhost");
    let mut amiplex = setup.listener("tls", &certificate.listener()).start().await;
    let _half = TcpStream::connect(amiplex.address("tls"))
        .await
        .expect("connected");
    node.kill().await;
    amiplex.wait_for_log("node is down", 1).await;
    amiplex.signal("TERM").await;
    let status = amiplex.wait().await;
    assert_eq!(status.code(), Some(0), "{}", amiplex.log().join("\n"));
}
