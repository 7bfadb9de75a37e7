use std::sync::Arc;

use ami_mux::{ActionSeq, Mail, NodeEvent, NodeId, PartKind};
use ami_proto::Frame;
use bytes::Bytes;

use super::*;

impl Inbox {
    /// What is next, or nothing.
    pub(crate) fn drain(&self) -> Drained {
        let cx = Context::from_waker(Waker::noop());
        match self.poll_drain(&cx, Until::Mail, &mut VecDeque::new()) {
            Poll::Ready(drained) => drained,
            Poll::Pending => self.queue.lock().take(&mut VecDeque::new()),
        }
    }
}

fn event(classes: &str, size: usize) -> Mail {
    let text = format!(
        "Event: E\r\nPrivilege: {classes}\r\nFill: {}\r\n\r\n",
        "x".repeat(size)
    );
    let bytes = Bytes::from(text);
    let frame = Frame::parse(bytes.clone()).expect("a message");
    Mail::Event(Arc::new(NodeEvent::new(
        NodeId(0),
        "pbx1".into(),
        &frame,
        bytes,
    )))
}

fn reply(size: usize) -> Mail {
    let bytes = std::iter::once(Bytes::from(vec![b'x'; size])).collect();
    Mail::Reply {
        node: NodeId(0),
        seq: ActionSeq(0),
        bytes,
        last: true,
        kind: PartKind::Response { success: true },
    }
}

fn inbox(event_bytes: usize, policy: SlowPolicy) -> Inbox {
    let inbox = Inbox::new(Budget {
        event_bytes,
        reply_bytes: 1000,
        policy,
    });
    inbox.set_interest(ClassSet::ALL);
    inbox
}

#[test]
fn events_outside_the_interest_are_not_queued() {
    let inbox = inbox(10_000, SlowPolicy::Disconnect);
    inbox.set_interest(ClassSet::of(ami_proto::Class::Call));
    inbox.post(&[event("call,all", 1)]);
    inbox.post(&[event("agent,all", 1)]);
    inbox.post(&[event("nonsense", 1)]);
    assert_eq!(inbox.drain().mail.len(), 1);
}

#[test]
fn a_full_event_budget_closes_the_session_and_frees_the_memory() {
    let inbox = inbox(1000, SlowPolicy::Disconnect);
    for _ in 0..3 {
        inbox.post(&[event("call,all", 400)]);
    }
    let drained = inbox.drain();
    assert_eq!(drained.closed, Some(CloseReason::SlowConsumer));
    assert!(drained.mail.is_empty());
    inbox.post(&[event("call,all", 1)]);
    assert!(
        inbox.drain().mail.is_empty(),
        "nothing is taken after the end"
    );
}

#[test]
fn drop_oldest_keeps_the_newest_events_and_every_reply() {
    let inbox = inbox(1000, SlowPolicy::DropOldest);
    inbox.post(&[event("call,all", 400)]);
    inbox.post(&[reply(10)]);
    inbox.post(&[event("call,all", 401)]);
    inbox.post(&[event("call,all", 402)]);
    let drained = inbox.drain();
    assert_eq!((drained.dropped, drained.closed), (1, None));
    let lengths: Vec<usize> = drained
        .mail
        .iter()
        .filter_map(|mail| {
            if let Mail::Event(event) = mail {
                Some(event.plain().len())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(lengths.len(), 2);
    assert!(lengths.first() < lengths.last(), "the oldest went");
    assert_eq!(drained.mail.len(), 3, "the reply stayed");
}

#[test]
fn what_was_drained_and_not_written_still_counts() {
    let inbox = inbox(1000, SlowPolicy::Disconnect);
    inbox.post(&[event("call,all", 400)]);
    assert_eq!(inbox.drain().closed, None);
    inbox.set_drained(900, 0);
    inbox.post(&[event("call,all", 400)]);
    assert_eq!(inbox.drain().closed, Some(CloseReason::SlowConsumer));
}

#[test]
fn replies_have_a_budget_of_their_own() {
    let inbox = inbox(10, SlowPolicy::DropOldest);
    inbox.post(&[reply(900)]);
    assert_eq!(inbox.drain().closed, None);
    inbox.set_drained(0, 900);
    inbox.post(&[reply(101)]);
    assert_eq!(inbox.drain().closed, Some(CloseReason::SlowConsumer));
}

fn security_event(size: usize) -> Mail {
    let bytes = Bytes::from(vec![b'x'; size]);
    let audience = ami_mux::Audience::of_account(&[NodeId(0)]);
    Mail::Security(Arc::new(SecurityEvent::new(bytes, audience)))
}

#[test]
fn security_events_count_like_those_of_nodes() {
    let dropping = inbox(1000, SlowPolicy::DropOldest);
    for _ in 0..3 {
        dropping.post(&[security_event(400)]);
    }
    let drained = dropping.drain();
    assert_eq!((drained.mail.len(), drained.event_bytes), (2, 800));
    assert_eq!(drained.dropped, 1);
    let closing = inbox(1000, SlowPolicy::Disconnect);
    for _ in 0..3 {
        closing.post(&[security_event(400)]);
    }
    assert_eq!(closing.drain().closed, Some(CloseReason::SlowConsumer));
    let uninterested = inbox(1000, SlowPolicy::Disconnect);
    uninterested.set_interest(ClassSet::of(ami_proto::Class::Call));
    uninterested.post(&[security_event(1)]);
    assert_eq!(uninterested.drain().mail.len(), 0);
}

/// Counts how often the task was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl std::task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_is_posted_together_wakes_the_task_once_and_comes_in_order() {
    let inbox = inbox(100_000, SlowPolicy::Disconnect);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let cx = Context::from_waker(&waker);
    let mut spare = VecDeque::new();
    assert!(inbox.poll_drain(&cx, Until::Mail, &mut spare).is_pending());
    inbox.post(&[event("call,all", 1), event("call,all", 2), reply(3)]);
    inbox.post(&[event("call,all", 4)]);
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    let Poll::Ready(drained) = inbox.poll_drain(&cx, Until::Mail, &mut spare) else {
        panic!("something was posted");
    };
    let lengths: Vec<_> = drained.mail.iter().map(Mail::event_bytes).collect();
    let [Some(first), Some(second), None, Some(third)] = *lengths else {
        panic!("{lengths:?}");
    };
    assert!(first < second && second < third);
    inbox.post(&[event("call,all", 1)]);
    assert_eq!(
        bell.0.load(Ordering::Relaxed),
        2,
        "who has taken something is woken by what comes next"
    );
}

#[test]
fn a_task_that_takes_no_mail_is_woken_by_the_end_alone() {
    let inbox = inbox(1000, SlowPolicy::Disconnect);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let cx = Context::from_waker(&waker);
    assert!(inbox.poll_ended(&cx).is_pending());
    inbox.post(&[event("call,all", 1)]);
    assert_eq!(bell.0.load(Ordering::Relaxed), 0);
    inbox.post(&[event("call,all", 1000)]);
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert_eq!(
        inbox.poll_ended(&cx),
        Poll::Ready(CloseReason::SlowConsumer)
    );
}

#[test]
fn events_that_came_together_count_singly() {
    let batch = || {
        let mut mail = vec![
            event("call,all", 350),
            event("agent,all", 100),
            event("call,all", 350),
        ];
        EventBatch::gather(&mut mail);
        mail
    };
    let length = |mail: &Mail| mail.event_bytes().expect("an event");
    let one = length(&event("call,all", 350));
    let closing = inbox(1000, SlowPolicy::Disconnect);
    closing.set_interest(ClassSet::of(ami_proto::Class::Call));
    closing.post(&batch());
    let drained = closing.drain();
    assert_eq!((drained.mail.len(), drained.event_bytes), (1, 2 * one));
    closing.set_drained(drained.event_bytes, 0);
    closing.post(&batch());
    assert_eq!(closing.drain().closed, Some(CloseReason::SlowConsumer));
    let sparse = inbox(1000, SlowPolicy::Disconnect);
    sparse.set_interest(ClassSet::of(ami_proto::Class::Agent));
    sparse.post(&batch());
    let drained = sparse.drain();
    assert!(
        matches!(drained.mail.front(), Some(Mail::Event(_))),
        "who wants little holds little"
    );
    let dropping = inbox(1000, SlowPolicy::DropOldest);
    dropping.post(&batch());
    let drained = dropping.drain();
    assert_eq!((drained.mail.len(), drained.dropped), (3, 0));
    dropping.post(&batch());
    dropping.post(&batch());
    assert_eq!(dropping.drain().dropped, 3);
}

#[test]
fn events_that_may_wait_wake_nobody_and_still_count() {
    let inbox = inbox(100_000, SlowPolicy::Disconnect);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let cx = Context::from_waker(&waker);
    let mut spare = VecDeque::new();
    let mut take = || inbox.poll_drain(&cx, Until::MoreThanEvents, &mut spare);
    let woken = || bell.0.swap(0, Ordering::Relaxed);
    assert!(take().is_pending());
    inbox.post(&[event("call,all", 1000)]);
    assert!(take().is_pending());
    assert_eq!(woken(), 0);
    inbox.post(&[reply(3)]);
    assert_eq!(woken(), 1);
    let Poll::Ready(drained) = take() else {
        panic!("a reply was posted");
    };
    let is_event = |mail: &Mail| mail.event_bytes().is_some();
    let order: Vec<bool> = drained.mail.iter().map(is_event).collect();
    assert_eq!(order, [true, false], "the event goes first");
    inbox.set_drained(0, 0);
    inbox.post(&[event("call,all", TAKEN_BYTES - 1000)]);
    assert_eq!(woken(), 0);
    inbox.post(&[event("call,all", 1000)]);
    assert_eq!(woken(), 1, "so many do not wait");
    assert!(take().is_ready());
    assert!(take().is_pending());
    inbox.set_drained(90_000, 0);
    inbox.post(&[event("call,all", 20_000)]);
    assert_eq!(woken(), 1);
    let Poll::Ready(drained) = take() else {
        panic!("it is over");
    };
    assert_eq!(drained.closed, Some(CloseReason::SlowConsumer));
}
