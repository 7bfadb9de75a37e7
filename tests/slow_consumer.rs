//! A client that does not read: it pays for it alone, by its connection or by its oldest events, as its account says.

use std::collections::BTreeMap;
use std::ops::Range;

use ami_proto::ClassSet;
use ami_sim::{SimClient, SimNode};

use crate::support::{Amiplex, MANAGER_CONF, Setup, header, simulated, simulation};

/// More bytes than the sockets between two processes take by themselves.
const EVENTS: u64 = 4_000;
/// Few enough for a reader that gets its turn after them.
const AT_ONCE: u64 = 50;
const EVENT_BYTES: usize = 4_000;

/// Raises numbered events, and sees that these clients get each of them in order.
async fn emit(node: &SimNode, numbers: Range<u64>, readers: &mut [&mut SimClient]) {
    let text = "x".repeat(EVENT_BYTES);
    for first in numbers.clone().step_by(50) {
        let numbers = first..numbers.end.min(first + AT_ONCE);
        for number in numbers.clone() {
            let headers = [("Number", &*number.to_string()), ("AppData", &*text)];
            node.emit("Newexten", ClassSet::ALL, &headers);
        }
        for reader in readers.iter_mut() {
            for number in numbers.clone() {
                let event = reader.next_event("Newexten").await.expect("shown");
                assert_eq!(header(&event, "Number"), number.to_string());
            }
        }
    }
}

async fn start(more: &str, accounts: &str) -> (SimNode, Amiplex) {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)])
        .more(more)
        .accounts(&format!("{MANAGER_CONF}\n{accounts}"))
        .start()
        .await;
    (node, amiplex)
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed_and_others_lose_nothing() {
    let (node, amiplex) = start("[outbound]\nevent_bytes = \"1MiB\"\n", "").await;
    let mut slow = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut reader = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut other = amiplex.login("all", "admin", "adminpw").await;
    emit(&node, 0..EVENTS, &mut [&mut reader, &mut other]).await;
    amiplex.wait_for_log("slow_consumer", 1).await;
    let closed = |line: &&String| line.contains("\"closed: the client does not read\"");
    assert_eq!(amiplex.log().iter().filter(closed).count(), 1);
    slow.closed().await.expect("closed");
    for client in [&mut reader, &mut other] {
        let answer = client
            .action(&["Action: CoreStatus"])
            .await
            .expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]));
    }
    assert_eq!(
        node.connections().len(),
        2,
        "the lanes are as they were: {:?}",
        node.connections()
    );
}

#[tokio::test]
async fn an_account_may_rather_lose_its_oldest_events_and_is_told_how_many() {
    let account = "[wallboard]\nsecret = wallpw\nread = all\nwrite = all\nslow = drop-oldest\nevent_bytes = 1048576\n";
    let (node, amiplex) = start("", account).await;
    let mut slow = amiplex.login("pbx1", "wallboard", "wallpw").await;
    let mut reader = amiplex.login("pbx1", "admin", "adminpw").await;
    emit(&node, 0..EVENTS, &mut [&mut reader]).await;
    // All have been posted to the slow one too; now it reads.
    let ping = slow.send_with_id(&["Action: Ping"]).await.expect("sent");
    slow.response(&ping).await.expect("still connected");
    emit(&node, EVENTS..2 * EVENTS, &mut [&mut reader]).await;
    let last = (2 * EVENTS - 1).to_string();
    let read = slow
        .next_where("the newest event", |frame| header(frame, "Number") == last)
        .await;
    read.expect("the newest events are kept");
    let ping = slow.action(&["Action: Ping"]).await.expect("answered");
    assert_eq!(ping.response(), Some(&b"Success"[..]));
    let mut dropped = 0;
    let mut seen = BTreeMap::new();
    let mut before = None;
    for frame in slow.take_waiting() {
        if frame.event_name() == Some(b"EventsDropped") {
            let count: u64 = header(&frame, "Count").parse().expect("a count");
            assert!(count > 0);
            dropped += count;
        } else if let Ok(number) = header(&frame, "Number").parse::<u64>() {
            assert!(before < Some(number), "in order");
            before = Some(number);
            *seen.entry(number).or_insert(0) += 1;
        }
    }
    assert!(seen.values().all(|times| *times == 1), "none twice");
    let shown = u64::try_from(seen.len()).expect("few") + 1;
    assert!(dropped > 0, "it was told of the loss");
    assert_eq!(shown + dropped, 2 * EVENTS, "every event is accounted for");
}

#[tokio::test]
async fn events_that_wait_too_long_end_the_connection() {
    let (node, amiplex) = start("[outbound]\nevent_age = \"300ms\"\n", "").await;
    let mut slow = amiplex.login("pbx1", "admin", "adminpw").await;
    let mut reader = amiplex.login("pbx1", "admin", "adminpw").await;
    // Less than the 8 MiB that may wait, more than the sockets take.
    emit(&node, 0..1_900, &mut [&mut reader]).await;
    amiplex.wait_for_log("\"event_age\"", 1).await;
    slow.closed().await.expect("closed");
    let answer = reader
        .action(&["Action: CoreStatus"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
}

/// Answers are never dropped: amiplex reads no more from a client that does not read them, and then ends it.
#[tokio::test]
async fn answers_that_nobody_reads_end_the_connection() {
    let (node, amiplex) = start("[outbound]\nevent_age = \"500ms\"\n", "").await;
    for _ in 0..50 {
        node.make_call();
    }
    let mut greedy = amiplex.client("pbx1").await;
    greedy
        .login_with("admin", "adminpw", &["Events: off"])
        .await
        .expect("logged in");
    let mut other = amiplex.login("pbx1", "admin", "adminpw").await;
    let ask = async { while greedy.send(&["Action: CoreShowChannels"]).await.is_ok() {} };
    tokio::select! {
        () = ask => {}
        () = amiplex.wait_for_log("\"event_age\"", 1) => {}
    }
    amiplex.wait_for_log("\"event_age\"", 1).await;
    let answer = other
        .action(&["Action: CoreStatus"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
}

/// More clients than one task writes to, some of which say something all the while.
#[tokio::test]
async fn a_hundred_clients_get_every_event_once_and_in_order() {
    let (node, amiplex) = start("", "").await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(amiplex.login("pbx1", "admin", "adminpw").await);
    }
    for round in 0..20 {
        for number in 10 * round..10 * round + 10 {
            node.emit(
                "Newexten",
                ClassSet::ALL,
                &[("Number", &number.to_string())],
            );
        }
        for client in clients.iter_mut().skip(round).step_by(7) {
            let id = client.send_with_id(&["Action: Ping"]).await.expect("sent");
            client.response(&id).await.expect("answered");
        }
    }
    for client in &mut clients {
        for number in 0..200 {
            let event = client.next_event("Newexten").await.expect("shown");
            assert_eq!(header(&event, "Number"), number.to_string());
        }
    }
}
