//! Logging in, both ways, plain and refused, as stock client libraries do it.

use ami_sim::{ClientError, SimClient, SimNode};

use crate::support::{Setup, asterisk, simulated, simulation};

async fn outcome(client: &mut SimClient, user: &str, secret: &str) -> String {
    match client.login(user, secret).await {
        Ok(reply) => {
            String::from_utf8_lossy(reply.header("Message").unwrap_or_default()).into_owned()
        }
        Err(ClientError::Refused(message)) => message,
        Err(error) => panic!("no answer to the login of {user}: {error}"),
    }
}

#[tokio::test]
async fn plain_and_challenge_logins_are_accepted_and_wrong_ones_closed() {
    let amiplex = Setup::over_asterisk().start().await;
    let mut client = amiplex.client("all").await;
    assert_eq!(
        outcome(&mut client, "admin", "adminpw").await,
        "Authentication accepted"
    );
    let mut client = amiplex.client("all").await;
    let reply = client
        .login_md5("admin", "adminpw")
        .await
        .expect("answered");
    assert_eq!(reply.response(), Some(&b"Success"[..]));
    for (user, secret) in [
        ("admin", "wrong"),
        ("nobody", "adminpw"),
        ("aclonly", "aclpw"),
        ("admin", ""),
    ] {
        let mut client = amiplex.client("all").await;
        assert_eq!(
            outcome(&mut client, user, secret).await,
            "Authentication failed",
            "{user}"
        );
        client.closed().await.expect("closed after the error");
    }
}

#[tokio::test]
async fn neither_listener_nor_login_name_widens_the_nodes_of_an_account() {
    let amiplex = Setup::over_asterisk().start().await;
    // The account may see pbx1 alone.
    for (listener, user, accepted) in [
        ("all", "onenode", true),
        ("pbx1", "onenode", true),
        ("pbx2", "onenode", false),
        ("all", "onenode@pbx1", true),
        ("all", "onenode@pbx2", false),
        ("all", "onenode@all", true),
        ("pbx2", "onenode@all", false),
        ("pbx2", "onenode@pbx1", false),
        ("all", "onenode@nowhere", false),
        ("pbx1", "admin@pbx2", false),
        ("pbx2", "admin@pbx2", true),
    ] {
        let secret = if user.starts_with("admin") {
            "adminpw"
        } else {
            "onenodepw"
        };
        let mut client = amiplex.client(listener).await;
        let expected = if accepted {
            "Authentication accepted"
        } else {
            "Authentication failed"
        };
        assert_eq!(
            outcome(&mut client, user, secret).await,
            expected,
            "{user} on {listener}"
        );
    }
}

#[tokio::test]
async fn the_greeting_has_the_version_of_the_listeners_nodes() {
    let amiplex = Setup::over_asterisk().start().await;
    for (listener, node) in [("pbx1", "pbx1"), ("pbx2", "pbx2"), ("all", "pbx2")] {
        let direct = SimClient::connect(asterisk(node).address)
            .await
            .expect("greeted")
            .version();
        assert_eq!(
            amiplex.client(listener).await.version(),
            direct,
            "{listener}"
        );
    }
}

#[tokio::test]
async fn comings_and_goings_are_logged_as_the_account_wants_and_failures_always() {
    let node = SimNode::start(simulation("pbx1")).await.expect("starts");
    let accounts = "[general]\n[loud]\nsecret=s\n[quiet]\nsecret=s\ndisplayconnects=no\n";
    let setup = Setup::new(vec![simulated(&node)]).accounts(accounts);
    let amiplex = setup.start().await;
    for user in ["quiet", "loud"] {
        let mut client = amiplex.login("all", user, "s").await;
        client.action(&["Action: Logoff"]).await.expect("answered");
        client.closed().await.expect("closed");
    }
    amiplex.wait_for_log("\"logged off\"", 1).await;
    let mut client = amiplex.client("all").await;
    assert_eq!(
        outcome(&mut client, "quiet", "wrong").await,
        "Authentication failed"
    );
    amiplex.wait_for_log("\"login failed\"", 1).await;
    let log = amiplex.log();
    let lines = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(lines("\"user\":\"loud\""), 2, "{log:#?}");
    assert_eq!(lines("quiet"), 1, "its failure alone: {log:#?}");
}
