//! SIGHUP: accounts and certificates change while everything runs, whole or not at all, and nobody keeps what was taken away.

use ami_sim::{SimClient, SimNode};
use rustls::HandshakeKind;

use crate::support::watch::succeeds;
use crate::support::{Amiplex, Setup, header, simulated, simulation};
use crate::tls::{Certificate, connect, handshake_kind};

const BEFORE: &str = "[general]\n\
    [narrowed]\nsecret = s\nread = all\nwrite = all\n\
    [removed]\nsecret = s\nread = all\nwrite = all\n\
    [new_secret]\nsecret = s\nread = all\n\
    [shut_out]\nsecret = s\nread = all\n\
    [kept]\nsecret = s\nread = all\nwrite = all\n\
    [other_addresses]\nsecret = s\nread = all\n";

const AFTER: &str = "[general]\n\
    [other_addresses]\nsecret = s\nread = all\ndeny = 192.0.2.0/24\n\
    [kept]\nsecret = s\nread = all\nwrite = all\ndisplayconnects = no\n\
    [narrowed]\nsecret = s\nread = all\nwrite = reporting\n\
    [new_secret]\nsecret = other\nread = all\n\
    [shut_out]\nsecret = s\nread = all\ndeny = 0.0.0.0/0\n\
    [added]\nsecret = s\nread = all\n";

async fn begin() -> (SimNode, Amiplex) {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let setup = Setup::new(vec![simulated(&node)]).accounts(BEFORE);
    let amiplex = setup.start().await;
    (node, amiplex)
}

async fn reload(amiplex: &Amiplex, says: &str) {
    amiplex.signal("HUP").await;
    amiplex.wait_for_log(says, 1).await;
}

/// Whether somebody can log in so.
async fn may_log_in(amiplex: &Amiplex, account: &str, secret: &str) -> bool {
    let mut client = amiplex.client("pbx1").await;
    client.login(account, secret).await.is_ok()
}

async fn is_served(client: &mut SimClient) {
    succeeds(client, &["Action: Ping"]).await;
}

#[tokio::test]
async fn sessions_of_changed_accounts_end_and_the_others_do_not_notice() {
    let (_node, amiplex) = begin().await;
    let mut ended = Vec::new();
    for account in ["narrowed", "removed", "new_secret", "shut_out"] {
        ended.push(amiplex.login("pbx1", account, "s").await);
    }
    let mut kept = Vec::new();
    for account in ["kept", "other_addresses"] {
        kept.push(amiplex.login("pbx1", account, "s").await);
    }
    let mut stranger = amiplex.client("pbx1").await;
    amiplex.rewrite("manager.conf", AFTER);
    reload(&amiplex, "\"reloaded\"").await;
    amiplex.wait_for_log("\"sessions_closed\":4", 1).await;
    for client in &mut ended {
        client.closed().await.expect("closed");
    }
    amiplex.wait_for_log("revoked", 4).await;
    for client in &mut kept {
        is_served(client).await;
    }
    // Whoever had not logged in does so by the new accounts.
    let reply = stranger.login("added", "s").await.expect("answered");
    assert_eq!(header(&reply, "Message"), "Authentication accepted");
    for (account, secret, may) in [
        ("removed", "s", false),
        ("new_secret", "s", false),
        ("new_secret", "other", true),
        ("shut_out", "s", false),
        ("narrowed", "s", true),
    ] {
        assert_eq!(
            may_log_in(&amiplex, account, secret).await,
            may,
            "{account}"
        );
    }
    let mut narrowed = amiplex.login("pbx1", "narrowed", "s").await;
    let answer = narrowed
        .action(&["Action: Command", "Command: core show version"])
        .await
        .expect("answered");
    assert_eq!(header(&answer, "Message"), "Permission denied");
}

#[tokio::test]
async fn what_has_an_error_changes_nothing_and_is_named() {
    let (_node, amiplex) = begin().await;
    let mut client = amiplex.login("pbx1", "removed", "s").await;
    for (wrong, said) in [
        (
            "[general]\n[a]\nsecret = s\nread = call,nonsense\n[b\nsecret=s\n",
            "manager.conf:5",
        ),
        (
            "[general]\n[a]\nsecret = s\nread = all\nnodes = pbx9\n",
            "there is no node pbx9",
        ),
    ] {
        amiplex.rewrite("manager.conf", wrong);
        reload(&amiplex, said).await;
    }
    amiplex
        .wait_for_log("not reloaded, everything stays as it was", 2)
        .await;
    is_served(&mut client).await;
    assert!(may_log_in(&amiplex, "kept", "s").await);
    // The file is mended, and counts.
    amiplex.rewrite("manager.conf", AFTER);
    reload(&amiplex, "\"reloaded\"").await;
    client.closed().await.expect("closed now");
}

#[tokio::test]
async fn what_counts_from_the_next_start_is_named() {
    let (_node, amiplex) = begin().await;
    let mut client = amiplex.login("pbx1", "kept", "s").await;
    let text = amiplex.read("amiplex.toml");
    amiplex.rewrite(
        "amiplex.toml",
        &format!("{text}[limits]\nsessions_max = 7\n"),
    );
    let accounts = BEFORE.replace("[general]\n", "[general]\nauthtimeout = 7\n");
    amiplex.rewrite("manager.conf", &accounts);
    reload(&amiplex, "\"reloaded\"").await;
    let log = amiplex.log();
    let waiting = log
        .iter()
        .filter(|line| line.contains("counts from the next start"));
    let named: Vec<bool> = waiting
        .map(|line| line.contains("[limits]") || line.contains("authtimeout"))
        .collect();
    assert_eq!(named, [true, true], "{}", log.join("\n"));
    is_served(&mut client).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_those_who_come_from_then_on() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let (first, second) = (
        Certificate::of("amiplex.example.com"),
        Certificate::of("amiplex.example.com"),
    );
    let amiplex = Setup::new(vec![simulated(&node)])
        .listener("tls", &first.listener())
        .start()
        .await;
    let address = amiplex.address("tls");
    let mut early = connect(&first.connector(None), address)
        .await
        .expect("the first certificate");
    early.login("admin", "adminpw").await.expect("answered");
    assert!(connect(&second.connector(None), address).await.is_err());
    first.replace_by(&second);
    reload(&amiplex, "\"reloaded\"").await;
    let mut late = connect(&second.connector(None), address)
        .await
        .expect("the second certificate");
    late.login("admin", "adminpw").await.expect("answered");
    assert!(connect(&first.connector(None), address).await.is_err());
    is_served(&mut early).await;
    // A key that does not belong to it: everything stays.
    first.break_key();
    reload(&amiplex, "not reloaded").await;
    let still = connect(&second.connector(None), address).await;
    assert!(still.is_ok(), "the one that was good is still shown");
}

#[tokio::test]
async fn a_client_resumes_its_tls_session_also_after_a_reload_that_left_the_certificate_alone() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let certificate = Certificate::of("amiplex.example.com");
    let amiplex = Setup::new(vec![simulated(&node)])
        .listener("tls", &certificate.listener())
        .start()
        .await;
    let address = amiplex.address("tls");
    let connector = certificate.connector(None);
    let kind = || handshake_kind(&connector, address);
    assert_eq!(kind().await, Some(HandshakeKind::Full));
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
    reload(&amiplex, "\"reloaded\"").await;
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
    // The other way round it is tested where the certificates are loaded: no ticket outlives its certificate.
}
