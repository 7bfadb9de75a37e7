//! `amiplex hash-secret`, and logins with what it prints: over TLS, from this machine, and how they fail.

use std::process::Stdio;

use ami_sim::{ClientError, SimClient, SimNode};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{PATIENCE, Setup, run_amiplex, simulated, simulation};
use crate::tls::{Certificate, connect};

const SECRET: &str = "a secret; with = and $";

/// Exit code, stdout and stderr of `amiplex hash-secret`, given that on stdin.
async fn hash_secret(arguments: &[&str], stdin: &[u8]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_amiplex"))
        .arg("hash-secret")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("amiplex starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(stdin).await.expect("written");
    drop(input);
    let output = timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("ends")
        .expect("an output");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// One line that can stand in manager.conf; cheap to check, so that a test does not wait for it.
async fn hash_of(secret: &str) -> String {
    let arguments = ["--memory", "64", "--iterations", "3", "--parallelism", "2"];
    let (code, hash, said) = hash_secret(&arguments, format!("{secret}\n").as_bytes()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        hash.starts_with("$argon2id$v=19$m=64,t=3,p=2$") && hash.ends_with('\n'),
        "{hash}"
    );
    hash.trim_end().to_owned()
}

async fn outcome(client: &mut SimClient, user: &str, secret: &str) -> String {
    match client.login(user, secret).await {
        Ok(_) => "accepted".to_owned(),
        Err(ClientError::Refused(message)) => message,
        Err(error) => panic!("no answer to the login of {user}: {error}"),
    }
}

#[tokio::test]
async fn each_hash_has_its_salt_and_the_cost_that_was_asked_for() {
    let (one, other) = (hash_of(SECRET).await, hash_of(SECRET).await);
    assert_ne!(one, other);
    let (code, hash, _) = hash_secret(&[], b"x").await;
    assert_eq!(code, Some(0));
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
}

#[tokio::test]
async fn what_is_no_secret_or_costs_too_much_is_refused() {
    let long = "x".repeat(1001);
    for stdin in [
        &b""[..],
        b"\n",
        b"two\nlines\n",
        b"a\0b",
        b" blank",
        b"\xFF",
        long.as_bytes(),
    ] {
        let (code, hash, said) = hash_secret(&[], stdin).await;
        assert_ne!(code, Some(0), "{stdin:?}");
        assert_eq!(hash, "", "{stdin:?}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for arguments in [
        ["--memory", "262145"],
        ["--iterations", "11"],
        ["--parallelism", "5"],
        ["--parallelism", "0"],
    ] {
        let (code, said) = run_amiplex(&["hash-secret", arguments[0], arguments[1]]).await;
        assert_eq!(code, 2, "{said}");
    }
    // An argument could be read by everybody on the machine.
    let (code, said) = run_amiplex(&["hash-secret", "a-secret"]).await;
    assert_eq!(code, 2, "{said}");
}

#[tokio::test]
async fn its_account_logs_in_over_tls_and_from_this_machine_and_not_by_md5() {
    let hash = hash_of(SECRET).await;
    let accounts = format!(
        "[hashed]\nsecret_hash = {hash}\nread = all\nwrite = all\n\
         [plain]\nsecret = s\nread = all\nwrite = all\n"
    );
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let certificate = Certificate::of("amiplex.example.com");
    let amiplex = Setup::new(vec![simulated(&node)])
        .accounts(&accounts)
        .listener("tls", &certificate.listener())
        .start()
        .await;
    let connector = certificate.connector(None);
    for (user, secret, expected) in [
        ("hashed", SECRET, "accepted"),
        ("Hashed@pbx1", SECRET, "accepted"),
        ("hashed", "another", "Authentication failed"),
        ("hashed", &hash, "Authentication failed"),
        ("hashed", "", "Authentication failed"),
        ("plain", "s", "accepted"),
    ] {
        let tls = connect(&connector, amiplex.address("tls")).await;
        let mut tls = tls.expect("greeted");
        let mut local = amiplex.client("all").await;
        for client in [&mut tls, &mut local] {
            assert_eq!(outcome(client, user, secret).await, expected, "{user}");
            if expected == "accepted" {
                let answer = client.action(&["Action: CoreStatus", "Node: pbx1"]).await;
                let answer = answer.expect("answered");
                assert_eq!(answer.response(), Some(&b"Success"[..]));
            } else {
                client.closed().await.expect("closed");
            }
        }
    }
    let mut client = amiplex.client("all").await;
    let refused = client.login_md5("hashed", SECRET).await;
    assert!(
        matches!(&refused, Err(ClientError::Refused(message)) if message == "Authentication failed"),
        "{refused:?}"
    );
    for line in amiplex.log() {
        assert!(!line.contains(SECRET) && !line.contains(&hash), "{line}");
    }
}

/// Many at once wait for each other, and for nobody else.
#[tokio::test]
async fn logins_that_come_together_all_succeed() {
    let hash = hash_of(SECRET).await;
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)])
        .accounts(&format!("[hashed]\nsecret_hash = {hash}\nread = all\n"))
        .start()
        .await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = amiplex.client("all").await;
        let secret = format!("Secret: {SECRET}");
        let login = ["Action: Login", "Username: hashed", &secret, "Events: off"];
        client.send(&login).await.expect("written");
        clients.push(client);
    }
    for client in &mut clients {
        let answer = client.next_frame().await.expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]));
    }
}
