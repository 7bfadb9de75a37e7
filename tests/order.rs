//! The order between an action and what it causes: on one session the answer comes first, and no list shows what has ended.

use std::collections::HashSet;
use std::time::Duration;

use ami_proto::{Frame, FrameKind, ListMarker};
use ami_sim::SimClient;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::support::watch::{direct, mark, stream, succeeds, token};
use crate::support::{Amiplex, Setup};

/// How often each action is tried.
const TRIES: usize = 300;
/// Actions sent at once in the second half of the tries.
const BATCH: usize = 10;

/// An action, the same each time but for its number, and how what it causes is known.
struct Cause {
    lines: fn(usize, &str) -> Vec<String>,
    effect: fn(&Frame) -> Option<&[u8]>,
    mark: fn(usize, &str) -> String,
}

const QUEUE_ADD: Cause = Cause {
    lines: |at, word| {
        vec![
            "Action: QueueAdd".to_owned(),
            "Queue: empty".to_owned(),
            "Paused: true".to_owned(),
            format!("Interface: Local/{word}n{at}@nowhere"),
            format!("MemberName: {word}n{at}"),
        ]
    },
    effect: |frame| {
        (frame.event_name() == Some(b"QueueMemberAdded")).then(|| frame.header("MemberName"))?
    },
    mark: |at, word| format!("{word}n{at}"),
};

const QUEUE_REMOVE: Cause = Cause {
    lines: |at, word| {
        vec![
            "Action: QueueRemove".to_owned(),
            "Queue: empty".to_owned(),
            format!("Interface: Local/{word}n{at}@nowhere"),
        ]
    },
    effect: |frame| {
        (frame.event_name() == Some(b"QueueMemberRemoved")).then(|| frame.header("MemberName"))?
    },
    mark: |at, word| format!("{word}n{at}"),
};

/// Every event of the call has its Linkedid, which the action chooses.
const ORIGINATE: Cause = Cause {
    lines: |at, word| {
        vec![
            "Action: Originate".to_owned(),
            "Channel: Local/102@tests/n".to_owned(),
            "Context: caller".to_owned(),
            "Exten: s".to_owned(),
            "Priority: 1".to_owned(),
            "Async: true".to_owned(),
            format!("ChannelId: {word}n{at}"),
        ]
    },
    effect: |frame| frame.header("Linkedid"),
    mark: |at, word| format!("{word}n{at}"),
};

const SETVAR: Cause = Cause {
    lines: |at, word| {
        vec![
            "Action: Setvar".to_owned(),
            format!("Variable: {word}"),
            format!("Value: {word}n{at}"),
        ]
    },
    effect: |frame| (frame.event_name() == Some(b"VarSet")).then(|| frame.header("Value"))?,
    mark: |at, word| format!("{word}n{at}"),
};

/// Runs the action many times on one session, first one by one, then some at once. Each answer must come before the first
/// event that its action caused, and each action must cause one.
async fn answer_first(client: &mut SimClient, what: &str, cause: &Cause, word: &str) {
    let mut at = 0;
    while at < TRIES {
        let batch = if at < TRIES / 2 { 1 } else { BATCH };
        let numbers: Vec<usize> = (at..at + batch).collect();
        at += batch;
        let mut text = String::new();
        for number in &numbers {
            for line in (cause.lines)(*number, word) {
                text.push_str(&line);
                text.push_str("\r\n");
            }
            text.push_str(&format!("ActionID: {word}a{number}\r\n\r\n"));
        }
        client.send_raw(text.as_bytes()).await.expect("sent");
        let mut unanswered: Vec<usize> = numbers.clone();
        let mut uncaused: HashSet<usize> = numbers.iter().copied().collect();
        while !unanswered.is_empty() || !uncaused.is_empty() {
            let frame = client.next_frame().await.unwrap_or_else(|error| {
                panic!("{what}: {error}; unanswered {unanswered:?}, no event of {uncaused:?}")
            });
            if frame.kind() == FrameKind::Response {
                let next = unanswered.remove(0);
                let id = format!("{word}a{next}");
                assert_eq!(frame.action_id(), Some(id.as_bytes()), "{what}");
                assert_eq!(
                    frame.response(),
                    Some(&b"Success"[..]),
                    "{:?}",
                    frame.bytes()
                );
            } else if let Some(effect) = (cause.effect)(&frame)
                && let Some(number) = numbers
                    .iter()
                    .find(|number| (cause.mark)(**number, word).as_bytes() == effect)
            {
                assert!(
                    !unanswered.contains(number),
                    "{what}: an event of {number} came before its answer: {:?}",
                    frame.bytes()
                );
                uncaused.remove(number);
            }
        }
    }
}

/// amiplex whose events wait for the answer however late a busy machine gives it: what is asked is the order, not the time.
async fn patient() -> Amiplex {
    let limits = "[limits]\nevent_hold_max = \"10s\"\nlist_deadline = \"10s\"\n";
    Setup::over_asterisk().more(limits).start().await
}

async fn answers_come_first(node: &str) {
    let amiplex = patient().await;
    let mut client = amiplex.login(node, "admin", "adminpw").await;
    let word = token("gate");
    answer_first(&mut client, "QueueAdd", &QUEUE_ADD, &word).await;
    answer_first(&mut client, "QueueRemove", &QUEUE_REMOVE, &word).await;
    answer_first(&mut client, "Originate", &ORIGINATE, &word).await;
    answer_first(&mut client, "Setvar", &SETVAR, &word).await;
    let variable = format!("Variable: {word}");
    succeeds(&mut client, &["Action: Setvar", &variable, "Value:"]).await;
}

#[tokio::test]
async fn the_answer_comes_before_what_it_caused_on_22() {
    answers_come_first("pbx1").await;
}

#[tokio::test]
async fn the_answer_comes_before_what_it_caused_on_16() {
    answers_come_first("pbx2").await;
}

/// How long the polling goes on: `AMIPLEX_TEST_POLL_SECONDS`, or a minute.
fn polling_time() -> Duration {
    let seconds = std::env::var("AMIPLEX_TEST_POLL_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("whole seconds"));
    Duration::from_secs(seconds.unwrap_or(60))
}

/// Places 25 calls in a second, of two channels and one second each, until `until`; how many.
async fn place_calls(amiplex: &Amiplex, node: &str, until: Instant) -> usize {
    let mut caller = amiplex.client(node).await;
    caller
        .login_with("admin", "adminpw", &["Events: off"])
        .await
        .expect("logged in");
    let mut tick = interval(Duration::from_millis(40));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = 0;
    while Instant::now() < until {
        tick.tick().await;
        let lines = [
            "Action: Originate",
            "Channel: Local/100@tests/n",
            "Context: caller",
            "Exten: s",
            "Priority: 1",
            "Async: true",
        ];
        succeeds(&mut caller, &lines).await;
        calls += 1;
    }
    calls
}

/// What a session that polls the channels has seen.
#[derive(Default)]
struct Seen {
    hung_up: HashSet<Vec<u8>>,
    items: usize,
    polls: usize,
    /// Items of the list under way, and their number in all as the end says.
    listed: usize,
}

impl Seen {
    fn take(&mut self, node: &str, frame: &Frame) {
        let channel = frame.header("Uniqueid").unwrap_or_default();
        // Another test gives its channels ids of its own, some of them twice.
        let is_of_others = channel.starts_with(b"gate");
        match frame.event_name() {
            Some(b"Hangup") => {
                self.hung_up.insert(channel.to_vec());
            }
            Some(b"CoreShowChannel") => {
                self.items += 1;
                self.listed += 1;
                assert!(
                    is_of_others || !self.hung_up.contains(channel),
                    "{node}: listed after its Hangup: {:?}",
                    frame.bytes()
                );
            }
            Some(b"CoreShowChannelsComplete") => {
                let expected = self.listed.to_string();
                assert_eq!(frame.header("ListItems"), Some(expected.as_bytes()));
                assert_eq!(frame.list_marker(), Some(ListMarker::Complete));
                self.listed = 0;
                self.polls += 1;
            }
            _ => {}
        }
    }
}

/// Polls the channels twenty times in a second on a session with events.
async fn poll_channels(amiplex: &Amiplex, node: &str, until: Instant) -> Seen {
    let mut poller = amiplex.login(node, "admin", "adminpw").await;
    let mut seen = Seen::default();
    let mut due = Instant::now();
    while Instant::now() < until {
        let before = seen.polls;
        poller
            .send(&["Action: CoreShowChannels", "ActionID: poll"])
            .await
            .expect("sent");
        while seen.polls == before {
            let frame = poller.next_frame().await.expect("the list goes on");
            seen.take(node, &frame);
        }
        due = (due + Duration::from_millis(50)).max(Instant::now());
        while let Ok(frame) = timeout_at(due, poller.next_frame()).await {
            seen.take(node, &frame.expect("events go on"));
        }
    }
    // What is on its way.
    let (word, mut actor) = (token("polled"), direct(node, "writeonly", "writepw").await);
    mark(&mut actor, &word).await;
    for frame in stream(&mut poller, &[&word]).await {
        seen.take(node, &frame);
    }
    seen
}

async fn polled(amiplex: &Amiplex, node: &str) {
    let until = Instant::now() + polling_time();
    let (calls, seen) = tokio::join!(
        place_calls(amiplex, node, until),
        poll_channels(amiplex, node, until)
    );
    let seconds = usize::try_from(polling_time().as_secs()).expect("small");
    println!(
        "{node}: {calls} calls, {} polls, {} items, {} hangups in {seconds} s",
        seen.polls,
        seen.items,
        seen.hung_up.len()
    );
    // That there was something to be wrong; how much of it there is depends on the machine.
    assert!(calls >= seconds, "{calls} calls");
    assert!(seen.polls >= seconds, "{} polls", seen.polls);
    assert!(seen.items > seen.polls, "{} items", seen.items);
    let hangups = seen.hung_up.len();
    assert!(hangups > calls, "{hangups} hangups");
}

#[tokio::test]
async fn a_polled_list_never_shows_a_channel_after_its_hangup() {
    let amiplex = patient().await;
    tokio::join!(polled(&amiplex, "pbx1"), polled(&amiplex, "pbx2"));
}
