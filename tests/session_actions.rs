//! Filter and WaitEvent, which belong to the session: the same exchange with a real Asterisk and through amiplex.

use std::net::SocketAddr;
use std::time::Duration;

use ami_proto::Frame;
use ami_sim::{ClientError, SimClient};

use crate::support::watch::token;
use crate::support::{PATIENCE, Setup, asterisk};

/// Runs the exchange at both ends and gives what each client saw.
async fn both<F, T>(exchange: impl Fn(SocketAddr) -> F) -> Vec<(String, T)>
where
    F: Future<Output = T>,
{
    let amiplex = Setup::over_asterisk().start().await;
    let mut seen = Vec::new();
    for node in ["pbx1", "pbx2"] {
        seen.push((
            format!("{node} direct"),
            exchange(asterisk(node).address).await,
        ));
        seen.push((
            format!("{node} through amiplex"),
            exchange(amiplex.address(node)).await,
        ));
    }
    seen
}

fn message(frame: &Frame) -> String {
    String::from_utf8_lossy(frame.header("Message").unwrap_or_default()).into_owned()
}

async fn user_event(client: &mut SimClient, name: &str) {
    let header = format!("UserEvent: {name}");
    client
        .action(&["Action: UserEvent", &header])
        .await
        .expect("sent");
}

/// What the filters are answered, and the names of the events before the last that pass, without the word of the run.
async fn filters(address: SocketAddr) -> (Vec<String>, Vec<String>) {
    // An event of the run before may come late.
    let word = token("run");
    let mut client = SimClient::connect(address).await.expect("greeted");
    client
        .login_with("admin", "adminpw", &["Events: off"])
        .await
        .expect("accepted");
    let mut replies = Vec::new();
    for lines in [
        &[
            "Action: Filter",
            "Operation: Add",
            &format!("Filter: UserEvent: {word}(Filtered|Hidden|Last)"),
        ][..],
        &[
            "Action: Filter",
            "Operation: Add",
            &format!("Filter: !UserEvent: {word}Hidden"),
        ],
        &["Action: Filter", "Operation: Remove", "Filter: x"],
        &["Action: Filter", "Operation: Add", "Filter: ([bad"],
        &["Action: Filter", "Filter: x"],
    ] {
        replies.push(message(&client.action(lines).await.expect("answered")));
    }
    // Other tests raise events too: none of theirs may pass before the filters stand.
    client
        .action(&["Action: Events", "EventMask: user"])
        .await
        .expect("answered");
    for name in ["Unwanted", "Filtered", "Hidden", "FilteredLast"] {
        user_event(&mut client, &format!("{word}{name}")).await;
    }
    let last = format!("{word}FilteredLast");
    client
        .next_where("the last event", |frame| {
            frame.header("UserEvent") == Some(last.as_bytes())
        })
        .await
        .expect("seen");
    let passed = client.take_waiting();
    let names = passed.iter().filter_map(|frame| frame.header("UserEvent"));
    (
        replies,
        names
            .map(|name| String::from_utf8_lossy(name).replace(&word, ""))
            .collect(),
    )
}

#[tokio::test]
async fn filters_of_a_session_act_as_on_asterisk() {
    let seen = both(filters).await;
    let expected = &seen.first().expect("four runs").1;
    assert_eq!(
        expected.1,
        ["Filtered"],
        "what a direct client sees before the last event"
    );
    for (place, outcome) in &seen {
        assert_eq!(outcome, expected, "{place}");
    }
}

/// Names of the messages that a client with only user events sees around a WaitEvent.
async fn waits(address: SocketAddr) -> Vec<String> {
    let mut other = SimClient::connect(address).await.expect("greeted");
    other
        .login_with("admin", "adminpw", &["Events: off"])
        .await
        .expect("accepted");
    let mut client = SimClient::connect(address).await.expect("greeted");
    client
        .login_with("admin", "adminpw", &["Events: off"])
        .await
        .expect("accepted");
    client
        .action(&[
            "Action: Filter",
            "Operation: Add",
            "Filter: UserEvent: Awaited",
        ])
        .await
        .expect("answered");
    client
        .action(&["Action: Events", "EventMask: user"])
        .await
        .expect("answered");
    let mut seen = Vec::new();
    for (wait, wakes) in [("0", false), ("1", false), ("20", true)] {
        client
            .send(&[
                "Action: WaitEvent",
                "ActionID: w",
                &format!("Timeout: {wait}"),
            ])
            .await
            .expect("sent");
        end_of_wait(&mut client, wakes.then_some(&mut other)).await;
        client
            .send(&["Action: Ping", "ActionID: p"])
            .await
            .expect("sent");
        take_until(&mut client, b"p", &mut seen).await;
    }
    // Asterisk gives the awaited event before its response or behind it, as its threads happen to run.
    seen.sort();
    seen.dedup();
    seen
}

/// An event that comes before the wait has begun does not end it, so one is raised again and again.
async fn end_of_wait(client: &mut SimClient, mut waker: Option<&mut SimClient>) {
    for _ in 0..100 {
        if let Some(waker) = &mut waker {
            user_event(waker, "Awaited").await;
        }
        client.set_patience(Duration::from_millis(100));
        let end = client
            .next_where("the end of the wait", |frame| {
                frame.event_name() == Some(b"WaitEventComplete")
            })
            .await;
        client.set_patience(PATIENCE);
        match end {
            Ok(_) => return,
            Err(ClientError::Late(_)) => {}
            Err(error) => panic!("the wait did not end: {error}"),
        }
    }
    panic!("the wait did not end");
}

async fn take_until(client: &mut SimClient, id: &[u8], seen: &mut Vec<String>) {
    let last = client
        .next_where("the answer of Ping", |frame| frame.action_id() == Some(id))
        .await
        .expect("answered");
    for frame in client.take_waiting().iter().chain([&last]) {
        let name = frame
            .event_name()
            .or_else(|| frame.response())
            .unwrap_or_default();
        seen.push(String::from_utf8_lossy(name).into_owned());
    }
}

#[tokio::test]
async fn wait_event_ends_by_time_and_by_an_event() {
    let seen = both(waits).await;
    let expected = &seen.first().expect("four runs").1;
    assert!(expected.contains(&"UserEvent".to_owned()), "{expected:?}");
    for (place, names) in &seen {
        assert_eq!(names, expected, "{place}");
    }
}
