//! `timestampevents`: events whose node writes no `Timestamp` get one, in Asterisk's place, and nothing else does.

use ami_proto::{Frame, Line};
use ami_sim::{SimClient, SimNode};

use crate::support::watch::{direct, succeeds, token, without_lines};
use crate::support::{Amiplex, MANAGER_CONF, Setup, simulated, simulation};

async fn begin() -> Amiplex {
    let accounts = MANAGER_CONF.replace("[general]\n", "[general]\ntimestampevents = yes\n");
    Setup::over_asterisk().accounts(&accounts).start().await
}

fn names(frame: &Frame) -> Vec<String> {
    let name = |raw: &[u8]| {
        let text = String::from_utf8_lossy(raw).into_owned();
        text.split(':').next().unwrap_or_default().to_owned()
    };
    frame.lines().map(|line| name(line.raw)).collect()
}

fn assert_stamped(frame: &Frame) {
    assert_eq!(
        names(frame)[..3],
        ["Event", "Privilege", "Timestamp"],
        "{:?}",
        frame.bytes()
    );
    let value = String::from_utf8_lossy(frame.header("Timestamp").expect("just seen")).into_owned();
    let (seconds, micros) = value.split_once('.').expect("a point");
    assert!(
        seconds.parse::<u64>().is_ok() && micros.len() == 6,
        "{value}"
    );
}

/// The user event of that name, whatever comes before it.
async fn user_event(client: &mut SimClient, name: &str) -> Frame {
    loop {
        let event = client.next_event("UserEvent").await.expect("comes");
        if event.header("UserEvent") == Some(name.as_bytes()) {
            return event;
        }
    }
}

#[tokio::test]
async fn events_of_real_nodes_are_the_same_but_for_the_timestamp() {
    let amiplex = begin().await;
    let mut seen = amiplex.login("pbx1", "events", "eventspw").await;
    let mut labelled = amiplex.login("all", "events", "eventspw").await;
    let mut there = direct("pbx1", "events", "eventspw").await;
    let mut actor = direct("pbx1", "writeonly", "writepw").await;
    // Found by a name of its own, not by its place: a node may write it before events of other kinds that came earlier.
    let word = token("stamped");
    let name = format!("UserEvent: {word}");
    let lines = ["Action: UserEvent", &name, "Timestamp: 1.000001"];
    succeeds(&mut actor, &lines).await;
    let directly = user_event(&mut there, &word).await;
    let seen = user_event(&mut seen, &word).await;
    let labelled = user_event(&mut labelled, &word).await;
    assert!(!names(&directly)[..4].contains(&"Timestamp".to_owned()));
    assert_stamped(&seen);
    assert_stamped(&labelled);
    assert_eq!(labelled.headers("Node").last(), Some(&b"pbx1"[..]));
    assert_eq!(
        seen.header("Timestamp"),
        labelled.header("Timestamp"),
        "made once"
    );
    // The author's own is still there, behind the time.
    assert_eq!(seen.headers("Timestamp").last(), Some(&b"1.000001"[..]));
    let stamp = seen.header("Timestamp").expect("just seen");
    let ours = |line: &Line<'_>| line.is("Timestamp") && line.value == stamp;
    assert_eq!(without_lines(&seen, ours), directly.bytes());
}

/// What answers an action, and what a node has stamped itself, is left as it is; a filter sees what the client would.
#[tokio::test]
async fn answers_have_none_and_a_filter_sees_it() {
    let plain = SimNode::start(simulation("plain")).await.expect("starts");
    let mut options = simulation("stamped");
    options.timestamp_events = true;
    let stamped = SimNode::start(options).await.expect("starts");
    let accounts = "[general]\ntimestampevents = yes\n[a]\nsecret=s\nread=all\nwrite=all\n[b](a)\n\
        eventfilter=^Event: UserEvent..Privilege: user,all..Timestamp: [0-9]+[.][0-9]{6}..\n";
    let amiplex = Setup::new(vec![simulated(&plain), simulated(&stamped)])
        .accounts(accounts)
        .start()
        .await;
    for node in ["plain", "stamped"] {
        let mut client = amiplex.login(node, "b", "s").await;
        let mut actor = amiplex.login(node, "a", "s").await;
        succeeds(&mut actor, &["Action: UserEvent", "UserEvent: Here"]).await;
        let event = client.next_event("UserEvent").await.expect("admitted");
        assert_stamped(&event);
        assert_eq!(event.headers("Timestamp").count(), 1, "{node}: once");
        let frames = actor.list(&["Action: QueueStatus"]).await.expect("a list");
        assert!(
            frames
                .iter()
                .all(|frame| frame.header("Timestamp").is_none())
        );
    }
}
