//! Greeting, login, and what is refused before it.

use std::time::Duration;

use ami_proto::{Class, ClassSet};
use tokio::time::Instant;

use super::{admin, knock, message, node, start, text, value};
use crate::{ClientError, SimAccount, SimOptions, SimVersion};

#[tokio::test(start_paused = true)]
async fn a_plain_login_is_answered_and_followed_by_fully_booted() {
    let node = node().await;
    let mut client = knock(&node).await;
    assert_eq!(client.version().to_string(), "11.0.0");
    let lines = [
        "Action: Login",
        "ActionID: l",
        "Username: Admin",
        "Secret: secret",
    ];
    let response = client.action(&lines).await.unwrap();
    assert_eq!(
        text(&response),
        "Response: Success\r\nActionID: l\r\nMessage: Authentication accepted\r\n\r\n"
    );
    let booted = client.next_frame().await.unwrap();
    assert_eq!(
        text(&booted),
        "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 0\r\nLastReload: 0\r\nStatus: Fully Booted\r\n\r\n"
    );
    let auth = client.next_frame().await.unwrap();
    assert_eq!(value(&auth, "Event"), "SuccessfulAuth");
    assert_eq!(value(&auth, "AccountID"), "Admin");
    assert_eq!(value(&auth, "SystemName"), "pbx1");
    assert_eq!(node.connections()[0].account.as_deref(), Some("Admin"));
}

#[tokio::test(start_paused = true)]
async fn a_login_by_challenge_works_and_a_wrong_key_does_not() {
    let node = node().await;
    let mut client = knock(&node).await;
    client.login_md5("admin", "secret").await.unwrap();

    let mut wrong = knock(&node).await;
    let refused = wrong.login_md5("admin", "guess").await;
    assert!(matches!(refused, Err(ClientError::Refused(text)) if text == "Authentication failed"));
    let event = client.next_event("ChallengeResponseFailed").await.unwrap();
    assert_eq!(event.kind(), ami_proto::FrameKind::Event);
    assert_eq!(
        value(&event, "Response"),
        ami_proto::challenge::md5_key(value(&event, "Challenge"), b"guess")
    );

    let mut no_challenge = knock(&node).await;
    let lines = [
        "Action: Login",
        "AuthType: MD5",
        "Username: admin",
        "Key: 00",
    ];
    let response = no_challenge.action(&lines).await.unwrap();
    assert_eq!(message(&response), "Authentication failed");
}

#[tokio::test(start_paused = true)]
async fn a_failed_login_costs_a_second_and_the_connection() {
    let node = node().await;
    let mut watcher = admin(&node).await;
    for (user, event) in [("admin", "InvalidPassword"), ("nobody", "InvalidAccountID")] {
        let mut client = knock(&node).await;
        let before = Instant::now();
        let refused = client.login(user, "wrong").await;
        assert!(matches!(refused, Err(ClientError::Refused(_))));
        assert_eq!(before.elapsed(), Duration::from_secs(1));
        client.closed().await.unwrap();
        let event = watcher.next_event(event).await.unwrap();
        assert_eq!(value(&event, "AccountID"), user);
    }
    assert_eq!(node.connections().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn before_login_only_the_login_actions_exist() {
    let node = node().await;
    let mut client = knock(&node).await;
    for action in ["Ping", "Nonsense"] {
        let response = client
            .action(&[&format!("Action: {action}")])
            .await
            .unwrap();
        assert_eq!(message(&response), "Permission denied");
    }
    let response = client.action(&["X: y", "ActionID: 1"]).await.unwrap();
    assert_eq!(message(&response), "Missing action in request");
    let response = client.action(&["Action: Challenge"]).await.unwrap();
    assert_eq!(message(&response), "Must specify AuthType");
    let response = client.action(&["Action: Logoff"]).await.unwrap();
    assert_eq!(value(&response, "Response"), "Goodbye");
    client.closed().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_logs_in_is_closed_silently() {
    let node = node().await;
    let mut client = knock(&node).await;
    client.set_patience(Duration::from_mins(1));
    let before = Instant::now();
    client.closed().await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    assert!(client.take_waiting().is_empty());
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_limit_get_no_greeting() {
    let mut options = SimOptions::new("pbx1");
    options.auth_limit = 2;
    let node = start(options).await;
    let first = knock(&node).await;
    let _second = knock(&node).await;
    let (near, far) = tokio::io::duplex(1024);
    node.serve(far);
    let refused = crate::SimClient::over(near).await;
    assert!(matches!(refused, Err(ClientError::Closed)));
    drop(first);
    tokio::task::yield_now().await;
    let mut third = knock(&node).await;
    third.login("admin", "secret").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_account_may_forbid_a_second_login() {
    let mut single = SimAccount::admin("single", "pw");
    single.multiple_login = false;
    let node = start(SimOptions::new("pbx1").account(single)).await;
    let mut first = knock(&node).await;
    first.login("single", "pw").await.unwrap();
    let mut second = knock(&node).await;
    let refused = second.login("SINGLE", "pw").await;
    assert!(matches!(refused, Err(ClientError::Refused(text)) if text == "Login Already In Use"));
}

#[tokio::test(start_paused = true)]
async fn classes_decide_about_actions_and_a_second_login_changes_nothing() {
    let limited = SimAccount::new(
        "limited",
        "pw",
        ClassSet::of(Class::Call),
        ClassSet::of(Class::Call),
    );
    let node = start(SimOptions::new("pbx1").account(limited)).await;
    let mut client = knock(&node).await;
    client.login("limited", "pw").await.unwrap();
    let response = client.action(&["Action: CoreStatus"]).await.unwrap();
    assert_eq!(message(&response), "Permission denied");
    let response = client
        .action(&["Action: Login", "Username: admin", "Secret: secret"])
        .await
        .unwrap();
    assert_eq!(message(&response), "Already authenticated");
    let response = client.action(&["Action: CoreStatus"]).await.unwrap();
    assert_eq!(message(&response), "Permission denied");
    let response = client.action(&["Action: QueueReset"]).await.unwrap();
    assert_eq!(value(&response, "Response"), "Success");
}

#[tokio::test(start_paused = true)]
async fn each_release_greets_with_its_own_version() {
    for (version, greeting) in [
        (SimVersion::V16, "5.0.4"),
        (SimVersion::V11, "1.3"),
        (SimVersion::V22, "11.0.0"),
    ] {
        let node = start(SimOptions::new("pbx1").version(version)).await;
        let client = knock(&node).await;
        assert_eq!(
            client.version(),
            ami_proto::AmiVersion::parse(greeting).unwrap()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_still_boots_says_so_later() {
    let mut options = SimOptions::new("pbx1");
    options.boot_after = Duration::from_secs(5);
    options.timestamp_events = true;
    let node = start(options).await;
    let before = Instant::now();
    let mut client = admin(&node).await;
    let auth = client.next_frame().await.unwrap();
    assert_eq!(value(&auth, "Event"), "SuccessfulAuth");
    let booted = client.next_event("FullyBooted").await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(5));
    assert_eq!(value(&booted, "SystemName"), "pbx1");
    assert!(booted.header("Timestamp").is_some());
    let mut late = admin(&node).await;
    let booted = late.next_event("FullyBooted").await.unwrap();
    assert_eq!(booted.header("Timestamp"), None);
}
