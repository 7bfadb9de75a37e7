//! Who is told, in which form, and that a flood harms nobody.

use ami_proto::Frame;
use ami_sim::{SimClient, SimNode};

use crate::support::{Amiplex, Setup, header, simulated, simulation};
use crate::tls::{Certificate, connect};

const ACCOUNTS: &str = "[general]\n\
    [ops]\nsecret=s\nread=all\nwrite=all\n\
    [east]\nsecret=s\nread=all\nwrite=all\nnodes=pbx1\n\
    [west]\nsecret=s\nread=all\nwrite=all\nnodes=pbx2\n\
    [calls]\nsecret=s\nread=call,agent,system\nwrite=all\n\
    [quiet]\nsecret=s\nread=security\neventfilter=!InvalidPassword\n";

struct Cluster {
    amiplex: Amiplex,
    _nodes: [SimNode; 2],
}

async fn cluster(accounts: &str, more: &str) -> Cluster {
    let nodes = [
        SimNode::start(simulation("pbx1")).await.expect("starts"),
        SimNode::start(simulation("pbx2")).await.expect("starts"),
    ];
    let setup = Setup::new(nodes.iter().map(simulated).collect());
    let amiplex = setup.accounts(accounts).listener("tls", more).start().await;
    Cluster {
        amiplex,
        _nodes: nodes,
    }
}

async fn reader(amiplex: &Amiplex, listener: &str, user: &str) -> SimClient {
    let mut client = amiplex.client(listener).await;
    let mask = ["Events: security"];
    client.login_with(user, "s", &mask).await.expect("accepted");
    client
}

/// The next security event.
async fn next(client: &mut SimClient) -> Frame {
    let is_one = |frame: &Frame| frame.header("Privilege") == Some(b"security,all");
    client
        .next_where("a security event", is_one)
        .await
        .expect("told")
}

fn told(frame: &Frame) -> (String, String) {
    (header(frame, "Event"), header(frame, "AccountID"))
}

async fn fails(amiplex: &Amiplex, listener: &str, user: &str) -> SimClient {
    let mut client = amiplex.client(listener).await;
    let username = format!("Username: {user}");
    let lines = ["Action: Login", &username, "Secret: wrong"];
    client.send(&lines).await.expect("sent");
    client
}

#[tokio::test]
async fn a_tenant_is_told_of_nothing_that_is_about_the_nodes_of_another() {
    let cluster = cluster(ACCOUNTS, "").await;
    let amiplex = &cluster.amiplex;
    let mut ops = reader(amiplex, "all", "ops").await;
    let mut east = reader(amiplex, "all", "east").await;
    let mut here = reader(amiplex, "pbx1", "ops").await;
    let expected = [("ops", true), ("east", true), ("ops", true)];
    for (user, _) in expected {
        assert_eq!(
            told(&next(&mut ops).await),
            ("SuccessfulAuth".into(), user.into())
        );
    }
    let mut kept = Vec::new();
    for (listener, user, event) in [
        ("all", "west", "InvalidPassword"),
        // A mistyped name of anybody, and attempts where only the other node could have been reached.
        ("all", "wset", "InvalidAccountID"),
        ("pbx2", "east", "InvalidPassword"),
        ("pbx2", "ops", "InvalidPassword"),
        ("all", "ops@pbx2", "InvalidPassword"),
        // What is about its own node.
        ("all", "east", "InvalidPassword"),
        ("all", "ops", "InvalidPassword"),
        ("pbx1", "nobody", "InvalidAccountID"),
    ] {
        kept.push(fails(amiplex, listener, user).await);
        assert_eq!(
            told(&next(&mut ops).await),
            (event.into(), user.into()),
            "{listener}"
        );
    }
    let own = ("SuccessfulAuth".to_owned(), "east".to_owned());
    assert_eq!(told(&next(&mut east).await), own);
    for client in [&mut east, &mut here] {
        let mut seen = Vec::new();
        while seen.last() != Some(&("InvalidAccountID".to_owned(), "nobody".to_owned())) {
            seen.push(told(&next(client).await));
        }
        seen.retain(|(event, _)| event != "SuccessfulAuth");
        let expected = [
            ("InvalidPassword", "east"),
            ("InvalidPassword", "ops"),
            ("InvalidAccountID", "nobody"),
        ];
        let expected = expected.map(|(event, account)| (event.to_owned(), account.to_owned()));
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn class_mask_filter_and_label_are_as_for_other_events() {
    let accounts = ACCOUNTS.replace(
        "[general]\n",
        "[general]\ntimestampevents=yes\ndisabledevents=FailedACL\n",
    );
    let accounts = accounts + "[elsewhere]\nsecret=s\ndeny=0.0.0.0/0,::/0\n";
    let cluster = cluster(&accounts, "").await;
    let amiplex = &cluster.amiplex;
    let mut ops = amiplex.login("all", "ops", "s").await;
    let mut calls = amiplex.login("all", "calls", "s").await;
    let mut quiet = amiplex.login("all", "quiet", "s").await;
    for user in ["ops", "calls", "quiet"] {
        assert_eq!(told(&next(&mut ops).await).1, user);
    }
    ops.action(&["Action: Events", "EventMask: call"])
        .await
        .expect("answered");
    let _unseen = fails(amiplex, "all", "unseen").await;
    assert_eq!(told(&next(&mut quiet).await).1, "quiet");
    assert_eq!(told(&next(&mut quiet).await).1, "unseen");
    ops.action(&["Action: Events", "EventMask: security"])
        .await
        .expect("answered");
    ops.take_waiting();
    let _disabled = fails(amiplex, "all", "elsewhere").await;
    let _excluded = fails(amiplex, "all", "ops").await;
    let first = next(&mut ops).await;
    assert_eq!(told(&first), ("InvalidPassword".into(), "ops".into()));
    let names: Vec<String> = first
        .lines()
        .map(|line| {
            String::from_utf8_lossy(line.raw)
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(names[..4], ["Event", "Privilege", "Timestamp", "EventTV"]);
    assert!(
        !names.contains(&"Node".to_owned()),
        "it is about no node: {names:?}"
    );
    let _seen = fails(amiplex, "all", "seen").await;
    assert_eq!(told(&next(&mut ops).await).1, "seen");
    assert_eq!(told(&next(&mut quiet).await).1, "seen");
    calls.action(&["Action: Ping"]).await.expect("answered");
    let heard = calls.take_waiting();
    let security = heard
        .iter()
        .filter(|frame| frame.header("Privilege") == Some(b"security,all"));
    assert_eq!(security.count(), 0, "{heard:?}");
}

#[tokio::test]
async fn addresses_say_when_a_client_comes_over_tls() {
    let certificate = Certificate::of("amiplex.example.com");
    let cluster = cluster(ACCOUNTS, &certificate.listener()).await;
    let address = cluster.amiplex.address("tls");
    let mut client = connect(&certificate.connector(None), address)
        .await
        .expect("greeted");
    client.login("ops", "s").await.expect("accepted");
    let event = next(&mut client).await;
    assert_eq!(told(&event), ("SuccessfulAuth".into(), "ops".into()));
    let local = format!("IPV4/TLS/{}/{}", address.ip(), address.port());
    assert_eq!(header(&event, "LocalAddress"), local);
    assert!(
        header(&event, "RemoteAddress").starts_with("IPV4/TLS/127."),
        "{event:?}"
    );
    assert_eq!(
        header(&event, "EventTV")[..19],
        header(&event, "SessionTV")[..19]
    );
}

/// What costs a client nothing is told of a limited number of times, and a failed login behind it all the same.
#[tokio::test]
async fn a_flood_of_refusals_leaves_the_readers_connected() {
    let cluster = cluster(ACCOUNTS, "").await;
    let amiplex = &cluster.amiplex;
    let mut ops = reader(amiplex, "all", "ops").await;
    let mut flood = amiplex.client("all").await;
    let refusals = "Action: Nonsense\r\n\r\n".repeat(20_000);
    let (sent, ()) = tokio::join!(flood.send_raw(refusals.as_bytes()), async {
        let mut other = amiplex.client("all").await;
        for _ in 0..100 {
            other.action(&["Action: Ping"]).await.expect("answered");
        }
    });
    sent.expect("sent");
    flood
        .action(&["Action: Ping"])
        .await
        .expect("all are answered");
    let _last = fails(amiplex, "all", "ops").await;
    let mut refused = 0;
    loop {
        let event = next(&mut ops).await;
        match told(&event).0.as_str() {
            "RequestNotAllowed" => refused += 1,
            "InvalidPassword" => break,
            other => assert_eq!(other, "SuccessfulAuth"),
        }
    }
    assert!((500..2000).contains(&refused), "{refused} of 20,101");
    ops.action(&["Action: Ping"]).await.expect("still served");
}
