//! Each fault does what it says.

use std::time::Duration;

use tokio::time::Instant;

use super::{admin, message, node, silent, start, value};
use crate::{ClientError, DropPoint, Faults, SimOptions};

const CALL: [&str; 5] = [
    "Action: Originate",
    "Channel: Local/1@x",
    "Application: Wait",
    "Data: 1",
    "Async: true",
];

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_late_missing_or_doubled() {
    let node = node().await;
    let mut client = silent(&node).await;
    node.set_faults(
        Faults::none()
            .delay("Ping", Duration::from_secs(3))
            .never_answer("CoreStatus")
            .answer_twice("CoreSettings"),
    );
    let before = Instant::now();
    client.action(&["Action: Ping"]).await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    client
        .send(&["Action: CoreStatus", "ActionID: s"])
        .await
        .unwrap();
    client
        .send(&["Action: CoreSettings", "ActionID: t"])
        .await
        .unwrap();
    for _ in 0..2 {
        let frame = client.next_frame().await.unwrap();
        assert_eq!(value(&frame, "ActionID"), "t");
    }
    node.set_faults(Faults::none());
    let frame = client.action(&["Action: CoreStatus"]).await.unwrap();
    assert!(frame.header("CoreStartupDate").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_connection_drops_at_the_chosen_point_of_its_nth_action() {
    for (point, placed, answered) in [
        (DropPoint::BeforeRunning, 0, false),
        (DropPoint::BeforeAnswer, 1, false),
        (DropPoint::AfterAnswer, 1, true),
    ] {
        let node = start(SimOptions::new("pbx1").faults(Faults::none().drop_at(2, point))).await;
        let mut client = silent(&node).await;
        client.action(&["Action: Ping"]).await.unwrap();
        assert_eq!(client.action(&CALL).await.is_ok(), answered, "{point:?}");
        client.closed().await.unwrap();
        assert_eq!(node.placed().len(), placed, "{point:?}");
        assert_eq!(node.received_named("Originate").len(), 1, "{point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn output_can_come_byte_by_byte_with_blank_lines_between() {
    let node = node().await;
    node.set_faults(Faults {
        single_bytes: true,
        blank_lines: 2,
        ..Faults::none()
    });
    let mut client = silent(&node).await;
    for _ in 0..5 {
        let frames = client.list(&["Action: QueueStatus"]).await.unwrap();
        assert_eq!(frames.len(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_reading_still_emits() {
    let node = node().await;
    let mut client = admin(&node).await;
    node.set_faults(Faults {
        stop_reading: true,
        ..Faults::none()
    });
    client.set_patience(Duration::from_secs(5));
    let late = client.action(&["Action: Ping", "ActionID: p"]).await;
    assert!(matches!(late, Err(ClientError::Late(_))));
    node.emit("Still", ami_proto::ClassSet::NONE, &[("Here", "yes")]);
    client.next_event("Still").await.unwrap();
    assert!(node.received_named("Ping").is_empty());
    node.set_faults(Faults::none());
    client.response("p").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn foreign_ids_appear_on_broadcasts() {
    let node = node().await;
    let mut client = admin(&node).await;
    node.set_faults(Faults {
        foreign_ids: true,
        ..Faults::none()
    });
    client.action(&["Action: Ping"]).await.unwrap();
    for name in ["OriginateResponse", "UserEvent"] {
        let event = client.next_event(name).await.unwrap();
        assert!(value(&event, "ActionID").starts_with("amx1-0badcafe-"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_never_reads_is_closed_at_its_limit() {
    let mut options = SimOptions::new("pbx1");
    options.session_bytes_max = 100_000;
    let node = start(options).await;
    let mut lazy = admin(&node).await;
    let filler = "x".repeat(1_000);
    for _ in 0..400 {
        node.emit("Much", ami_proto::ClassSet::NONE, &[("Fill", &filler)]);
        tokio::task::yield_now().await;
    }
    lazy.closed().await.unwrap();
    assert!(node.connections().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_numbered_without_gaps_at_the_asked_rate() {
    let node = node().await;
    let mut client = admin(&node).await;
    node.flood(1_000, 420).await;
    let before = Instant::now();
    let mut last = None;
    while before.elapsed() < Duration::from_secs(2) {
        let frame = client.next_event("Newexten").await.unwrap();
        let number: u64 = value(&frame, "Sequence").parse().unwrap();
        assert_eq!(number, last.map_or(0, |last: u64| last + 1));
        last = Some(number);
        assert_eq!(frame.bytes().len(), 420);
    }
    assert!((1_980..=2_020).contains(&last.unwrap()), "{last:?}");
    assert_eq!(node.flooded().skipped, 0);
    node.flood(0, 0).await;
    let made = node.flooded().made;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.flooded().made, made);
    let pong = client.action(&["Action: Ping"]).await.unwrap();
    assert_eq!(pong.header("Message"), None);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_node_answers_after_the_delay_only_when_thawed() {
    let node = node().await;
    let mut client = silent(&node).await;
    node.set_faults(Faults::none().delay("*", Duration::from_secs(1)));
    client
        .send(&["Action: CoreStatus", "ActionID: s"])
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    node.freeze();
    client.set_patience(Duration::from_secs(9));
    assert!(client.response("s").await.is_err());
    node.thaw();
    client.response("s").await.unwrap();
    let refused = client.action(&["Action: Bridge"]).await.unwrap();
    assert_eq!(message(&refused), "Missing channel parameter in request");
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_held_or_stalled_until_the_fault_is_lifted() {
    let node = node().await;
    let mut client = silent(&node).await;
    node.set_faults(Faults::none().hold("CoreStatus"));
    let lines = ["Action: CoreStatus", "ActionID: s"];
    client.send(&lines).await.unwrap();
    node.until_received("CoreStatus", 1).await;
    client.set_patience(Duration::from_secs(1));
    assert!(client.next_frame().await.is_err());
    node.set_faults(Faults::none().stall("QueueStatus"));
    client.response("s").await.unwrap();

    let lines = ["Action: QueueStatus", "ActionID: q"];
    client.send(&lines).await.unwrap();
    client.response("q").await.unwrap();
    for _ in 0..4 {
        client.next_frame().await.unwrap();
    }
    assert!(client.next_frame().await.is_err());
    node.set_faults(Faults::none());
    client.next_event("QueueStatusComplete").await.unwrap();
    assert_eq!(client.take_waiting().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_named_action_can_end_the_connection_in_the_middle_of_its_answer() {
    let node = node().await;
    let mut client = silent(&node).await;
    node.set_faults(Faults::none().drop_on("QueueStatus", DropPoint::MidAnswer));
    client.action(&["Action: Ping"]).await.unwrap();
    let cut = client.list(&["Action: QueueStatus"]).await;
    assert!(matches!(cut, Err(ClientError::Closed)));
    assert_eq!(client.take_waiting().len(), 0);
    node.until_logged_in(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_digit_blocks_the_session_that_plays_it() {
    let node = node().await;
    node.make_call();
    let channel = format!("Channel: {}", node.channels()[0]);
    let mut client = silent(&node).await;
    let before = Instant::now();
    let lines = ["Action: PlayDTMF", &channel, "Digit: 5", "Duration: 1500"];
    client.action(&lines).await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_millis(1_500));
}
