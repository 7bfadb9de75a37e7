//! Bytes that are no AMI, or nearly: the right error, the connection goes on, nobody else notices, and no secret is ever logged.

use ami_sim::{ClientError, Faults, SimClient, SimNode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::watch::is_raised_by_amiplex;
use crate::support::{Amiplex, Setup, header, simulated, simulation};

async fn one_node() -> (SimNode, Amiplex) {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)]).start().await;
    (node, amiplex)
}

fn message(lines: usize, rest: &str) -> Vec<u8> {
    let mut text = "Action: Ping\r\nActionID: odd\r\n".to_owned();
    for number in 2..lines {
        text.push_str(&format!("Header{number}: x\r\n"));
    }
    text.push_str(rest);
    text.push_str("\r\n");
    text.into_bytes()
}

/// What each of these is answered with, in Asterisk's words; all have ActionID `odd` that can have one.
fn oddities() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let too_long = "Failed to parse message: line too long";
    let too_many = "Too many lines in message or allocation failure";
    let missing = "Missing action in request";
    let long = |length: usize| format!("Long: {}\r\n", "x".repeat(length));
    let mut endless = message(2, "");
    endless.truncate(endless.len() - 2);
    endless.extend(vec![b'a'; 4 * 1024 * 1024]);
    endless.extend_from_slice(b"\r\n\r\n");
    vec![
        ("128 headers", message(128, ""), "odd", ""),
        ("129 headers", message(129, ""), "odd", too_many),
        ("1000 headers", message(1000, ""), "odd", too_many),
        (
            "a line of the maximum",
            message(2, &long(1022 - 6)),
            "odd",
            "",
        ),
        ("a byte more", message(2, &long(1023 - 6)), "odd", too_long),
        ("an endless line", endless, "odd", too_long),
        ("a blank line", b"\r\n".to_vec(), "", missing),
        ("a bare LF", b"\n".to_vec(), "", missing),
        (
            "lines without colon",
            b"what\r\nis this\r\n\r\n".to_vec(),
            "",
            missing,
        ),
        (
            "HTTP",
            b"GET /status HTTP/1.1\r\nHost: pbx\r\n\r\n".to_vec(),
            "",
            missing,
        ),
        ("an empty name", b"Action:\r\n\r\n".to_vec(), "", missing),
        (
            "a NUL that hides the rest of its line",
            b"Action: Ping\0Action: Logoff\r\nActionID: odd\0ity\r\n\r\n".to_vec(),
            "odd",
            "",
        ),
        (
            "every byte there is",
            [
                b"Action: Ping\r\nActionID: odd\r\nBytes: ".to_vec(),
                (1..=255)
                    .filter(|byte| ![b'\r', b'\n'].contains(byte))
                    .collect(),
                b"\r\n\r\n".to_vec(),
            ]
            .concat(),
            "odd",
            "",
        ),
        (
            "an unknown action with odd bytes",
            b"Action: \x01\xff\x7f\x1b[31m\r\nActionID: odd\r\n\r\n".to_vec(),
            "odd",
            "Invalid/unknown command: ",
        ),
    ]
}

#[tokio::test]
async fn odd_messages_get_the_words_of_asterisk_and_the_session_goes_on() {
    let (node, amiplex) = one_node().await;
    let mut bystander = amiplex.login("pbx1", "admin", "adminpw").await;
    bystander.action(&["Action: Ping"]).await.expect("answered");
    bystander.take_waiting();
    let mut client = amiplex.login("pbx1", "admin", "adminpw").await;
    let before = node.received_count();
    for (what, bytes, id, expected) in oddities() {
        client.send_raw(&bytes).await.expect(what);
        let answer = client
            .next_where(what, |frame| frame.response().is_some())
            .await
            .expect(what);
        assert_eq!(header(&answer, "ActionID"), id, "{what}");
        if expected.is_empty() {
            assert_eq!(answer.response(), Some(&b"Success"[..]), "{what}");
        } else {
            assert_eq!(answer.response(), Some(&b"Error"[..]), "{what}");
            let message = header(&answer, "Message");
            assert!(message.starts_with(expected), "{what}: {message}");
        }
        let answer = client.action(&["Action: Ping"]).await.expect(what);
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{what}");
    }
    // None of it is the node's business, nor another client's.
    let keepalive = node.received_named("Ping").len();
    let asked = node.received_named("GetConfig").len() + node.received_named("ListCommands").len();
    let logins = node.received_named("Challenge").len() + node.received_named("Login").len();
    let all = usize::try_from(node.received_count()).expect("few");
    assert_eq!(all, keepalive + asked + logins, "before: {before}");
    bystander.action(&["Action: Ping"]).await.expect("answered");
    let heard = bystander.take_waiting();
    assert!(heard.iter().all(is_raised_by_amiplex), "{heard:?}");
}

#[tokio::test]
async fn half_a_message_and_an_end_is_no_action() {
    let (node, amiplex) = one_node().await;
    let mut client = amiplex.login("pbx1", "admin", "adminpw").await;
    client
        .send_raw(
            b"Action: DBPut\r\nFamily: a\r\nKey: whole\r\nVal: 1\r\n\r\nAction: DBPut\r\nFamily: a\r\nKey: half\r\nVal: 1\r\n",
        )
        .await
        .expect("sent");
    let mut stream = client.into_stream();
    stream.shutdown().await.expect("half closed");
    // What was whole is answered, then the other side closes too.
    let mut rest = Vec::new();
    stream
        .read_to_end(&mut rest)
        .await
        .expect("closed in order");
    let rest = String::from_utf8_lossy(&rest);
    assert_eq!(rest.matches("Response: ").count(), 1, "{rest}");
    let keys: Vec<_> = node
        .received_named("DBPut")
        .iter()
        .map(|one| one.action.header("Key").map(<[u8]>::to_vec))
        .collect();
    assert_eq!(keys, [Some(b"whole".to_vec())]);
}

#[tokio::test]
async fn strangers_before_login_learn_nothing_and_harm_nobody() {
    let (node, amiplex) = one_node().await;
    let address = amiplex.address("pbx1");
    // A TLS handshake on a plain port, noise without a line end, and nothing at all.
    let hello = [
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..],
        &[0x5a; 500][..],
    ]
    .concat();
    let mut strangers = Vec::new();
    for bytes in [&hello[..], &vec![0xff; 1024 * 1024], b""] {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(bytes).await.expect("taken");
        strangers.push(stream);
    }
    let mut client = amiplex.client("pbx1").await;
    for action in [
        "CoreStatus",
        "Command",
        "ListCommands",
        "Events",
        "Nonsense",
    ] {
        let line = format!("Action: {action}");
        let answer = client.action(&[&line]).await.expect("answered");
        assert_eq!(header(&answer, "Message"), "Permission denied", "{action}");
    }
    client.login("admin", "adminpw").await.expect("logged in");
    let answer = client
        .action(&["Action: CoreStatus"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    assert_eq!(node.received_named("CoreStatus").len(), 1);
    assert_eq!(node.received_named("Command").len(), 0);
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let secret_of_client = "Wr0ng-typed-by-a-client";
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)])
        .log_level("trace")
        .start()
        .await;
    let mut client = amiplex.client("pbx1").await;
    client.login("admin", "adminpw").await.expect("logged in");
    let mut md5 = amiplex.client("pbx1").await;
    md5.login_md5("admin", "adminpw").await.expect("logged in");
    let mut wrong = amiplex.client("pbx1").await;
    match wrong.login("admin", secret_of_client).await {
        Err(ClientError::Refused(_)) => {}
        other => panic!("not refused: {other:?}"),
    }
    // Secrets in places where they do not belong, in messages that fail.
    let mut odd = amiplex.client("pbx1").await;
    let secret = format!("Secret: {secret_of_client}");
    for lines in [
        vec!["Action: Loginn", "Username: admin", &secret],
        vec![&*secret],
        vec!["Action: Challenge", &secret],
    ] {
        odd.action(&lines).await.expect("answered");
    }
    let long = format!(
        "Action: Login\r\n{secret}\r\nX: {}\r\n\r\n",
        "x".repeat(2000)
    );
    odd.send_raw(long.as_bytes()).await.expect("sent");
    for lines in [
        ["Action: CoreStatus", &secret],
        ["Action: Login", &secret],
        ["Action: Nonsense", &secret],
    ] {
        client.action(&lines).await.expect("answered");
    }
    node.set_faults(Faults::none().hold("UserEvent"));
    client
        .send(&["Action: UserEvent", "UserEvent: x", &secret])
        .await
        .expect("sent");
    node.until_received("UserEvent", 1).await;
    node.kill().await;
    client.closed().await.expect("closed");
    amiplex.wait_for_log("node is down", 1).await;

    let log = amiplex.log().join("\n");
    for wanted in ["login failed", "logged in", "debug"] {
        assert!(
            log.to_ascii_lowercase().contains(wanted),
            "{wanted}: the log is at work"
        );
    }
    for secret in ["adminpw", "amiplex-secret", secret_of_client] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

/// A login name, an action and a header go into the log as text: never as lines of their own.
#[tokio::test]
async fn what_clients_type_cannot_forge_a_log_line() {
    let (_node, amiplex) = one_node().await;
    let mut client = SimClient::connect(amiplex.address("pbx1"))
        .await
        .expect("greeted");
    client
        .send_raw(
            b"Action: Login\r\nUsername: eve\x1b[2J\r{\"level\":\"ERROR\"}\r\nSecret: x\r\n\r\n",
        )
        .await
        .expect("sent");
    client.closed().await.expect("refused and closed");
    amiplex.wait_for_log("login failed", 1).await;
    for line in amiplex.log() {
        assert!(
            line.starts_with("{\"timestamp\""),
            "a line that is no line of the log: {line:?}"
        );
        assert!(!line.contains('\x1b'), "{line:?}");
    }
}
