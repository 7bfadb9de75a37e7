//! Nobody waits for anybody else: not for thousands of actions, a blocking one, a guesser of secrets, or half a handshake.
//!
//! What must not happen is told by order, not by times: the one that would be waited for is held until the others are done.

use std::net::SocketAddr;

use ami_proto::FrameKind;
use ami_sim::{ClientError, Faults, SimClient, SimNode};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Amiplex, MANAGER_CONF, Setup, header, simulated, simulation};
use crate::tls::{Certificate, connect};

async fn start(more: &str) -> (SimNode, Amiplex) {
    start_showing(more, &Certificate::of("localhost")).await
}

async fn start_showing(more: &str, certificate: &Certificate) -> (SimNode, Amiplex) {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    // Without the authlimit of the accounts, which would win over the limits of amiplex.toml.
    let accounts = MANAGER_CONF.replace("authlimit = 2000\n", "");
    let amiplex = Setup::new(vec![simulated(&node)])
        .more(more)
        .accounts(&accounts)
        .listener("tls", &certificate.listener())
        .start()
        .await;
    (node, amiplex)
}

async fn works(client: &mut SimClient) {
    let answer = client
        .action(&["Action: CoreSettings"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
}

#[tokio::test]
async fn thousands_of_pipelined_actions_of_one_client_hold_up_no_other() {
    const ACTIONS: usize = 3_000;
    let (node, amiplex) = start("").await;
    let mut greedy = amiplex.client("pbx1").await;
    greedy
        .login_with("admin", "adminpw", &["Events: off"])
        .await
        .expect("logged in");
    let mut other = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut all = String::new();
    for number in 0..ACTIONS {
        all.push_str(&format!(
            "Action: DBPut\r\nFamily: f\r\nKey: {number}\r\nVal: 1\r\nActionID: {number}\r\n\r\n"
        ));
    }
    // None of the greedy one's is answered while the other one's are.
    node.set_faults(Faults::none().hold("DBPut"));
    let stream = async {
        greedy.send_raw(all.as_bytes()).await.expect("sent");
        for number in 0..ACTIONS {
            let answer = greedy.next_frame().await.expect("answered");
            assert_eq!(answer.response(), Some(&b"Success"[..]));
            assert_eq!(header(&answer, "ActionID"), number.to_string(), "in order");
        }
    };
    let meanwhile = async {
        node.until_received("DBPut", 1).await;
        for _ in 0..20 {
            works(&mut other).await;
        }
        node.set_faults(Faults::none());
    };
    tokio::join!(stream, meanwhile);
    let puts = node.received_named("DBPut");
    assert_eq!(puts.len(), ACTIONS, "each ran once");
}

#[tokio::test]
async fn a_slow_and_a_blocking_action_delay_nobody_else() {
    let (node, amiplex) = start("").await;
    let mut slow = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut blocking = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut other = amiplex.login("pbx1", "admin", "adminpw").await;
    node.set_faults(Faults::none().hold("QueueStatus").hold("Originate"));
    slow.send(&["Action: QueueStatus", "ActionID: slow"])
        .await
        .expect("sent");
    blocking
        .send(&[
            "Action: Originate",
            "Channel: SIP/1",
            "Application: Wait",
            "ActionID: call",
        ])
        .await
        .expect("sent");
    node.until_received("QueueStatus", 1).await;
    node.until_received("Originate", 1).await;
    works(&mut other).await;
    let list = other
        .list(&["Action: CoreShowChannels"])
        .await
        .expect("a slow action too");
    assert!(list.len() >= 2);
    let mut late = amiplex.login("pbx1", "admin", "adminpw").await;
    works(&mut late).await;
    node.set_faults(Faults::none());
    for (client, id) in [(&mut slow, "slow"), (&mut blocking, "call")] {
        let answer = client.response(id).await.expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{id}");
    }
}

#[tokio::test]
async fn a_node_that_hangs_delays_no_action_of_another() {
    let one = SimNode::start(simulation("pbx1")).await.expect("listens");
    let two = SimNode::start(simulation("pbx2")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&one), simulated(&two)])
        .start()
        .await;
    // Its own questions would stand before the client's.
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut stuck = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut other = amiplex.login("all", "admin", "adminpw").await;
    one.set_faults(Faults::none().hold("*"));
    stuck
        .send(&["Action: CoreSettings", "ActionID: held"])
        .await
        .expect("sent");
    one.until_received("CoreSettings", 1).await;
    let answer = other
        .action(&["Action: CoreSettings", "Node: pbx2"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    one.set_faults(Faults::none());
    let answer = stuck.response("held").await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
}

#[tokio::test]
async fn half_handshakes_and_idle_connections_stop_no_login() {
    let certificate = Certificate::of("amiplex.example.com");
    let (_node, amiplex) = start_showing("", &certificate).await;
    let mut held = Vec::new();
    for number in 0..498 {
        let name = if number % 2 == 0 { "tls" } else { "pbx1" };
        let stream = TcpStream::connect(amiplex.address(name)).await;
        held.push(stream.expect("connected"));
    }
    let mut client = amiplex.login("pbx1", "admin", "adminpw").await;
    works(&mut client).await;
    let connector = certificate.connector(None);
    let client = connect(&connector, amiplex.address("tls")).await;
    let mut client = client.expect("its handshake waits for no other");
    client.login("admin", "adminpw").await.expect("logged in");
    works(&mut client).await;
    drop(held);
}

async fn is_closed_at_once(mut stream: TcpStream) -> bool {
    matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
}

async fn connect_from(source: &str, target: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let source = format!("{source}:0").parse().expect("an address");
    socket.bind(source).expect("bound");
    socket.connect(target).await.expect("connected")
}

#[tokio::test]
async fn one_address_has_so_many_connections_without_login_and_the_newest_is_closed() {
    let (_node, amiplex) = start("[limits]\nunauthenticated_per_address = 3\n").await;
    let address = amiplex.address("pbx1");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(amiplex.client("pbx1").await);
    }
    assert!(is_closed_at_once(connect_from("127.0.0.1", address).await).await);
    // Another address has its own, and a login gives its place back.
    let other = connect_from("127.0.0.2", address).await;
    let mut other = SimClient::over(other).await.expect("greeted");
    other.login("admin", "adminpw").await.expect("logged in");
    let oldest = held.first_mut().expect("three");
    oldest
        .login("admin", "adminpw")
        .await
        .expect("the older ones live");
    works(oldest).await;
    // Its place is free when the login is answered, or a moment later.
    amiplex.wait_for_log("logged in", 2).await;
    let mut next = amiplex.client("pbx1").await;
    next.login("admin", "adminpw").await.expect("logged in");
    amiplex
        .wait_for_log("\"too_many_unauthenticated\"", 1)
        .await;
}

#[tokio::test]
async fn all_addresses_together_have_so_many_connections_without_login() {
    let (_node, amiplex) = start("[limits]\nunauthenticated_max = 3\n").await;
    let address = amiplex.address("pbx1");
    let mut held = Vec::new();
    for last in 1..=3 {
        let stream = connect_from(&format!("127.0.0.{last}"), address).await;
        held.push(SimClient::over(stream).await.expect("greeted"));
    }
    assert!(is_closed_at_once(connect_from("127.0.0.4", address).await).await);
    for client in &mut held {
        client.login("admin", "adminpw").await.expect("logged in");
        works(client).await;
    }
}

#[tokio::test]
async fn sessions_have_a_limit_and_those_that_are_in_stay() {
    let (_node, amiplex) = start("[limits]\nsessions_max = 2\n").await;
    let mut first = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut second = amiplex.login("pbx1", "admin", "adminpw").await;
    match SimClient::connect(amiplex.address("pbx1")).await {
        Err(ClientError::Closed) => {}
        other => panic!("not closed: {other:?}"),
    }
    works(&mut first).await;
    second.action(&["Action: Logoff"]).await.expect("answered");
    second.closed().await.expect("closed");
    amiplex.wait_for_log("\"too_many_sessions\"", 1).await;
    // Its place is free a moment after its end.
    let again = async {
        loop {
            if SimClient::connect(amiplex.address("pbx1")).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), again)
        .await
        .expect("a place is free again");
}

/// Sends a login and waits for nothing.
async fn attempt(address: SocketAddr, user: &str, secret: &str) -> SimClient {
    let mut client = SimClient::connect(address).await.expect("greeted");
    let (user, secret) = (format!("Username: {user}"), format!("Secret: {secret}"));
    client
        .send(&["Action: Login", &user, &secret, "ActionID: login"])
        .await
        .expect("sent");
    client
}

async fn outcome(client: &mut SimClient) -> String {
    let answer = client.response("login").await.expect("answered");
    header(&answer, "Message")
}

#[tokio::test]
async fn the_second_that_a_failed_login_costs_delays_no_other() {
    let (_node, amiplex) = start("").await;
    let address = amiplex.address("pbx1");
    let mut failing = Vec::new();
    for number in 0..20 {
        let user = format!("nobody{number}");
        failing.push(attempt(address, &user, "wrong").await);
    }
    amiplex.wait_for_log("login failed", 20).await;
    let mut client = amiplex.login("pbx1", "admin", "adminpw").await;
    works(&mut client).await;
    // Twenty who fail at once wait for one second together, or each would exceed the patience of the last.
    for client in &mut failing {
        assert_eq!(outcome(client).await, "Authentication failed");
        client.closed().await.expect("closed");
    }
}

#[tokio::test]
async fn who_guesses_too_often_is_refused_even_with_the_right_secret_and_others_are_not() {
    let (_node, amiplex) = start("").await;
    let address = amiplex.address("pbx1");
    let mut guesses = Vec::new();
    for number in 0..12 {
        guesses.push(attempt(address, "limited", &format!("guess{number}")).await);
    }
    for guess in &mut guesses {
        assert_eq!(outcome(guess).await, "Authentication failed");
    }
    let mut right = attempt(address, "limited", "limitedpw").await;
    assert_eq!(outcome(&mut right).await, "Authentication failed");
    amiplex.wait_for_log("\"throttled\"", 1).await;
    // Neither another account from there, nor that account from elsewhere.
    amiplex.login("pbx1", "admin", "adminpw").await;
    let elsewhere = connect_from("127.0.0.2", address).await;
    let mut elsewhere = SimClient::over(elsewhere).await.expect("greeted");
    elsewhere
        .login("limited", "limitedpw")
        .await
        .expect("logged in");
    assert!(
        guesses.iter_mut().all(|guess| guess
            .take_waiting()
            .iter()
            .all(|frame| frame.kind() != FrameKind::Response)),
        "one answer each"
    );
}
