//! Events that may wait for others to share a write with. The clock stands still, but where a test moves it.

use std::panic::resume_unwind;

use tokio::time::{advance, pause};

use super::*;

const FLUSH: Duration = Duration::from_millis(100);
/// Turns of the runtime in which everything that is ready has been done.
const TURNS: usize = 1_000;

/// Who writes events while the session is at rest.
#[derive(Clone, Copy, Debug)]
enum By {
    /// Its own task, as for what is posted to it alone.
    Session,
    /// Who posts them to everybody.
    Others,
}

const BOTH: [By; 2] = [By::Session, By::Others];

struct Held {
    bench: Bench,
    by: By,
    heard: Vec<u8>,
}

impl Held {
    async fn new(by: By) -> Self {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let bench = bench_with(here, Instant::now(), FLUSH).await;
        let mut held = Self {
            bench,
            by,
            heard: Vec::new(),
        };
        held.bench.says(LOGIN).await;
        assert!(held.hears().await.contains("Authentication accepted"));
        // The login may have had an event with it. The first one after a silence goes at once.
        advance(FLUSH + Duration::from_millis(1)).await;
        held.hears().await;
        held.event("First");
        assert_eq!(held.hears().await, "First.");
        held
    }

    fn event(&mut self, name: &str) {
        let mail = [event_named(name)];
        match self.by {
            By::Session => self.bench.hub().publish(&mail),
            By::Others => self.bench.publish(&mail),
        }
    }

    /// What has come by now; of events the names alone. Never idle, so that the clock does not run on.
    async fn hears(&mut self) -> String {
        for _ in 0..TURNS {
            yield_now().await;
            let mut piece = [0; 4096];
            if let Ok(count) = self.bench.client.try_read(&mut piece) {
                self.heard.extend(&piece[..count]);
            }
        }
        let text = String::from_utf8(std::mem::take(&mut self.heard)).expect("text");
        text.replace("Event: ", "")
            .replace("\r\nPrivilege: call,all\r\n\r\n", ".")
    }
}

#[tokio::test]
async fn events_wait_for_others_and_not_longer_than_they_may() {
    pause();
    for by in BOTH {
        let mut held = Held::new(by).await;
        held.event("Second");
        assert_eq!(held.hears().await, "");
        advance(FLUSH / 2).await;
        held.event("Third");
        assert_eq!(held.hears().await, "");
        advance(FLUSH / 2 + Duration::from_millis(1)).await;
        assert_eq!(held.hears().await, "Second.Third.");
        held.event("Fourth");
        assert_eq!(held.hears().await, "", "a new time has begun");
        advance(FLUSH + Duration::from_millis(1)).await;
        assert_eq!(held.hears().await, "Fourth.");
        advance(FLUSH + Duration::from_millis(1)).await;
        held.event("Fifth");
        assert_eq!(held.hears().await, "Fifth.", "nothing has left for a while");
    }
}

#[tokio::test]
async fn what_is_answered_here_waits_for_nothing_and_comes_behind_the_events() {
    pause();
    for by in BOTH {
        let mut held = Held::new(by).await;
        held.event("Second");
        held.event("Third");
        assert_eq!(held.hears().await, "");
        held.bench.says("Action: Ping\r\n\r\n").await;
        let heard = held.hears().await;
        assert!(
            heard.starts_with("Second.Third.Response: Success\r\nPing: Pong"),
            "{heard}"
        );
    }
}

#[tokio::test]
async fn what_a_node_answers_waits_for_nothing_and_comes_behind_the_events() {
    pause();
    for by in BOTH {
        let mut held = Held::new(by).await;
        held.bench
            .says("Action: Getvar\r\nActionID: 7\r\nVariable: X\r\n\r\n")
            .await;
        assert_eq!(held.hears().await, "");
        let commands = held.bench.commands.as_mut().expect("the node");
        let NodeCommand::Submit(submission) = commands.try_recv().expect("the action") else {
            panic!("another command");
        };
        held.event("Second");
        assert_eq!(held.hears().await, "Second.", "what it sends ends the hold");
        held.event("Third");
        assert_eq!(held.hears().await, "");
        let answer = submission.not_sent(NodeId(0), "pbx1");
        submission.reply_to.post(&[answer]);
        let heard = held.hears().await;
        assert!(heard.starts_with("Third.Response: Error"), "{heard}");
        assert!(heard.contains("ActionID: 7"), "{heard}");
    }
}

#[tokio::test]
async fn events_that_wait_leave_before_the_end() {
    pause();
    for by in BOTH {
        let mut held = Held::new(by).await;
        held.event("Second");
        assert_eq!(held.hears().await, "");
        held.bench.says("Action: Logoff\r\n\r\n").await;
        let heard = held.hears().await;
        assert!(heard.starts_with("Second.Response: Goodbye"), "{heard}");
    }
}

#[tokio::test]
async fn so_many_events_that_a_write_is_worth_it_do_not_wait() {
    pause();
    for by in BOTH {
        let mut held = Held::new(by).await;
        for _ in 0..20 {
            held.event(&"x".repeat(4096));
        }
        assert!(held.hears().await.starts_with("xxx"));
    }
}

/// Bytes that panic when nobody has them any more.
struct Bad(Vec<u8>);

impl AsRef<[u8]> for Bad {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        // Without the hook, which would print a backtrace.
        resume_unwind(Box::new("as the test asked"));
    }
}

fn bad_event() -> Mail {
    let text = b"Event: Bad\r\nPrivilege: call,all\r\n\r\n";
    let frame = Frame::parse(Bytes::from_static(text)).expect("a message");
    let bytes = Bytes::from_owner(Bad(text.to_vec()));
    Mail::Event(Arc::new(NodeEvent::new(
        NodeId(0),
        "pbx1".into(),
        &frame,
        bytes,
    )))
}

/// The task that writes to many goes on with the others, and nobody waits for a task that has gone.
#[tokio::test]
async fn a_bug_met_for_one_session_ends_that_session_alone() {
    pause();
    let mut held = Held::new(By::Others).await;
    let mut first = None;
    held.bench
        .hub()
        .for_each(|inbox| first = Some(Arc::clone(inbox)));
    let start = SessionStart {
        id: SessionId(2),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        tls: false,
    };
    let (world, supervisor) = (Arc::clone(&held.bench.world), held.bench.supervisor.clone());
    let link = Link {
        since: Instant::now(),
        flush: FLUSH,
        buffers: Buffers::TINY,
    };
    let (client, task) = connect(start, link, &world, &supervisor).await;
    let first_client = std::mem::replace(&mut held.bench.client, client);
    let first_task = std::mem::replace(&mut held.bench.task, task);
    held.bench
        .says("Action: Login\r\nUsername: many\r\nSecret: s\r\n\r\n")
        .await;
    assert!(held.hears().await.contains("Authentication accepted"));
    advance(2 * FLUSH).await;
    held.hears().await;
    // Of the same moment for both, so that they wait together.
    held.event("Second");
    assert_eq!(held.hears().await, "Second.");
    // To it alone: with two handles nobody could say where the last one goes.
    let alone = EventHub::default();
    alone.subscribe(SessionId(1), first.expect("subscribed"));
    held.bench.fan_out.publish(&alone, &[bad_event()]);
    held.event("Third");
    assert_eq!(held.hears().await, "");
    advance(FLUSH + Duration::from_millis(1)).await;
    assert_eq!(held.hears().await, "Third.");
    timeout(PATIENCE, first_task)
        .await
        .expect("ends in time")
        .expect("ends");
    held.event("Fourth");
    assert_eq!(held.hears().await, "");
    advance(FLUSH + Duration::from_millis(1)).await;
    assert_eq!(held.hears().await, "Fourth.", "others still write");
    drop(first_client);
}
