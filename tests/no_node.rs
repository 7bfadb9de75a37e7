//! What is configured as a node and is none, or does not let amiplex in: it is named in the log, and its neighbours do not notice.

use ami_sim::SimNode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::node_loss::{down, told};
use crate::support::{Amiplex, NodeSpec, Setup, at_address, simulated, simulation};

/// What amiplex logs about `pbx1`, with a healthy `pbx2` beside it.
async fn beside_a_healthy_node(bad: NodeSpec, logged: &[&str]) -> Amiplex {
    let two = SimNode::start(simulation("pbx2")).await.expect("listens");
    let amiplex = Setup::new(vec![bad, simulated(&two)])
        .start_without_nodes()
        .await;
    amiplex.wait_for_log("node is up", 1).await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    for text in logged {
        amiplex.wait_for_log(text, 1).await;
    }
    let answer = client
        .action(&["Action: CoreStatus", "Node: pbx2"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    let answer = client
        .action(&["Action: CoreStatus", "Node: pbx1"])
        .await
        .expect("told");
    assert_eq!(told(&answer), down("pbx1", "action not sent"));
    let whole = amiplex.log().join("\n");
    assert!(!whole.contains("amiplex-secret"), "{whole}");
    assert!(!whole.contains("adminpw"), "{whole}");
    amiplex
}

#[tokio::test]
async fn a_node_that_accepts_and_never_greets_is_down_after_a_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = silent.local_addr().expect("an address");
    beside_a_healthy_node(
        at_address("pbx1", address),
        &["node is down", "no login within its deadline"],
    )
    .await;
}

#[tokio::test]
async fn a_node_that_refuses_the_login_is_named_with_its_reason() {
    let node = SimNode::start(ami_sim::SimOptions::new("pbx1"))
        .await
        .expect("listens");
    beside_a_healthy_node(
        simulated(&node),
        &["login of amiplex refused: Authentication failed"],
    )
    .await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let unused = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = unused.local_addr().expect("an address");
    drop(unused);
    beside_a_healthy_node(
        at_address("pbx1", address),
        &["Connection refused", &address.to_string()],
    )
    .await;
}

#[tokio::test]
async fn a_port_that_is_no_ami_is_named() {
    for garbage in [
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0; 100_000],
        vec![b'a'; 100_000],
        b"Asterisk Call Manager/eleven\r\n".to_vec(),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                // The other side may have left already: that is its answer to garbage.
                if stream.write_all(&garbage).await.is_ok() {
                    drop(stream.read(&mut [0; 1024]).await);
                }
            }
        };
        let watch = beside_a_healthy_node(
            at_address("pbx1", address),
            &["the peer does not greet as an Asterisk Call Manager"],
        );
        tokio::select! {
            () = serve => {}
            _ = watch => {}
        }
    }
}
