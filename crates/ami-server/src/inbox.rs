//! The one queue towards a session: what its nodes tell it, in order.
//!
//! Posted to by the nodes' tasks, which never wait (I4); drained by the session's own task. Bounded in bytes: events by
//! the account's policy, replies by the end of the session. What the session has drained and not yet written still counts, so
//! that a client that stops reading cannot hide its backlog behind the drain.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use ami_access::SlowPolicy;
use ami_mux::{EventBatch, Interest, Mail, SecurityEvent};
use ami_proto::ClassSet;
use ami_telemetry::CloseReason;
use parking_lot::Mutex;

pub(crate) use at_rest::{Posted, TOGETHER};

use crate::downstream::wire::Wire;

/// What a session takes at a time, while the rest may still be dropped; and so much is worth a write, whoever may wait.
pub(crate) const TAKEN_BYTES: usize = 64 * 1024;
/// Events that came together are held together by who wants at least this part of their bytes.
const SPARSE: usize = 4;
/// A queue with more places than this has been through a flood, and its memory is given back.
const PLACES_KEPT: usize = 64;

/// What a session may have waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Bytes of events.
    pub(crate) event_bytes: usize,
    /// Bytes of replies, above those of events.
    pub(crate) reply_bytes: usize,
    /// What happens when the events are too many.
    pub(crate) policy: SlowPolicy,
}

/// A session's inbox.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    interest: AtomicU32,
    /// Bytes of events and of replies that were drained and are not written yet.
    drained_events: AtomicUsize,
    drained_replies: AtomicUsize,
}

#[derive(Debug)]
struct Queue {
    mail: VecDeque<Mail>,
    event_bytes: usize,
    reply_bytes: usize,
    dropped: u64,
    budget: Budget,
    closed: Option<CloseReason>,
    /// Something waits that is no event.
    urgent: bool,
    sleeper: Option<Sleeper>,
    /// Where the session wants other classes of one node than of another.
    by_node: Option<Interest>,
    /// The wire of a session at rest, also when it has been woken and has not risen yet.
    lent: Option<Box<Wire>>,
    /// Others write to its client.
    at_rest: bool,
}

/// The session's task, which waits. It is woken once, and then has to ask again.
#[derive(Debug)]
struct Sleeper {
    waker: Waker,
    until: Until,
}

/// What the session's task waits for, beside the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Nothing else.
    End,
    /// Mail that is no event, or so many events that they should not wait.
    MoreThanEvents,
    /// Any mail.
    Mail,
}

/// What was waiting.
#[derive(Debug)]
pub(crate) struct Drained {
    /// In order.
    pub(crate) mail: VecDeque<Mail>,
    /// Bytes of the events in it.
    pub(crate) event_bytes: usize,
    /// Bytes of the replies in it.
    pub(crate) reply_bytes: usize,
    /// Events that were dropped since the last drain.
    pub(crate) dropped: u64,
    /// There was more than is taken at a time.
    pub(crate) more: bool,
    /// The session must end.
    pub(crate) closed: Option<CloseReason>,
}

impl Inbox {
    pub(crate) fn new(budget: Budget) -> Self {
        let queue = Queue {
            mail: VecDeque::new(),
            event_bytes: 0,
            reply_bytes: 0,
            dropped: 0,
            budget,
            closed: None,
            urgent: false,
            sleeper: None,
            by_node: None,
            lent: None,
            at_rest: false,
        };
        Self {
            queue: Mutex::new(queue),
            interest: AtomicU32::new(0),
            drained_events: AtomicUsize::new(0),
            drained_replies: AtomicUsize::new(0),
        }
    }

    /// The account's own limits, known since login.
    pub(crate) fn set_budget(&self, budget: Budget) {
        self.queue.lock().budget = budget;
    }

    /// The limits in force.
    pub(crate) fn budget(&self) -> Budget {
        self.queue.lock().budget
    }

    /// Classes of events that the session wants of some node.
    pub(crate) fn wanted(&self) -> ClassSet {
        ClassSet::from_bits(self.interest.load(Ordering::Acquire))
    }

    /// The classes of events that are worth posting. The session tests again when it writes.
    pub(crate) fn set_interest(&self, interest: impl Into<Interest>) {
        let interest = interest.into();
        let by_node = interest.differs_by_node().then(|| interest.clone());
        self.queue.lock().by_node = by_node;
        self.interest
            .store(interest.somewhere().bits(), Ordering::Release);
    }

    /// What the session has drained and not written, in bytes of events and of replies.
    pub(crate) fn set_drained(&self, event_bytes: usize, reply_bytes: usize) {
        self.drained_events.store(event_bytes, Ordering::Relaxed);
        self.drained_replies.store(reply_bytes, Ordering::Relaxed);
    }

    /// Bytes of events and replies that wait for the client, here and behind.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let queued = {
            let queue = self.queue.lock();
            queue.event_bytes + queue.reply_bytes
        };
        queued
            + self.drained_events.load(Ordering::Relaxed)
            + self.drained_replies.load(Ordering::Relaxed)
    }

    /// Posts `mail`, in order, but for what the session does not want. Nothing when the session is over. Never waits: one lock
    /// and at most one wake-up, however much it is.
    pub(crate) fn post(&self, mail: &[Mail]) {
        let interest = self.wanted();
        if !any_is_wanted(mail, interest) {
            return;
        }
        let mut queue = self.queue.lock();
        self.post_wanted(&mut queue, mail, interest);
        let woken = queue.woken();
        drop(queue);
        if let Some(waker) = woken {
            waker.wake();
        }
    }

    /// The same from the session's own task, which looks at its mail before it waits and need not be woken.
    pub(crate) fn post_own(&self, mail: &[Mail]) {
        let interest = self.wanted();
        self.post_wanted(&mut self.queue.lock(), mail, interest);
    }

    fn post_wanted(&self, queue: &mut Queue, mail: &[Mail], interest: ClassSet) {
        for mail in mail.iter().filter(|mail| is_wanted(mail, interest)) {
            if queue.closed.is_some() {
                break;
            }
            if queue.wants(mail) {
                self.post_one(queue, mail, interest);
            }
        }
    }

    fn post_one(&self, queue: &mut Queue, mail: &Mail, interest: ClassSet) {
        if let Mail::Events { batch, .. } = mail {
            let drained = self.drained_events.load(Ordering::Relaxed);
            queue.post_events(batch, interest, drained);
        } else if let Some(length) = mail.event_bytes() {
            let drained = self.drained_events.load(Ordering::Relaxed);
            queue.post_event(mail, length, drained);
        } else if let Mail::Reply { bytes, .. } = mail {
            let drained = self.drained_replies.load(Ordering::Relaxed);
            queue.post_reply(mail, length(bytes), drained);
        } else {
            queue.urgent = true;
            queue.mail.push_back(mail.clone());
        }
    }

    /// Ends the session for a reason that its task does not see itself.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut queue = self.queue.lock();
        queue.closed.get_or_insert(reason);
        let woken = queue.woken();
        drop(queue);
        if let Some(waker) = woken {
            waker.wake();
        }
    }

    /// Why the session must end, once it must. A session that takes no mail asks this all the same.
    pub(crate) fn poll_ended(&self, cx: &Context<'_>) -> Poll<CloseReason> {
        let mut queue = self.queue.lock();
        queue.sleeps(cx, Until::End);
        queue.closed.map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes what is next: everything, or when the oldest events may be dropped only a part, since what is taken cannot be
    /// dropped any more. While it waits for more than events, events alone are not taken. `spare`, which is empty, becomes the queue, so that its memory serves again. The task is woken by what
    /// is posted from now on also when something was taken.
    pub(crate) fn poll_drain(
        &self,
        cx: &Context<'_>,
        until: Until,
        spare: &mut VecDeque<Mail>,
    ) -> Poll<Drained> {
        let mut queue = self.queue.lock();
        queue.sleeps(cx, until);
        if !queue.ends(until) {
            return Poll::Pending;
        }
        Poll::Ready(queue.take(spare))
    }
}

fn any_is_wanted(mail: &[Mail], interest: ClassSet) -> bool {
    mail.iter().any(|mail| is_wanted(mail, interest))
}

fn is_wanted(mail: &Mail, interest: ClassSet) -> bool {
    match mail {
        Mail::Event(event) => event.visible_to(interest),
        Mail::Events { batch, .. } => batch.bytes_visible_to(interest) > 0,
        Mail::Security(_) => SecurityEvent::visible_to(interest),
        Mail::Written { .. }
        | Mail::Reply { .. }
        | Mail::NodeUp(_)
        | Mail::NodeBooted(_)
        | Mail::Resynced { .. }
        | Mail::NodeDown(_)
        | Mail::NodeFailed(_) => true,
    }
}

impl Queue {
    /// Whether the session wants this of its node, once it wants such a thing of some node.
    fn wants(&self, mail: &Mail) -> bool {
        match (&self.by_node, mail) {
            (Some(interest), Mail::Event(event)) => event.visible_to(interest.at(event.node())),
            _ => true,
        }
    }

    /// Whether what is waited for has come.
    fn ends(&self, until: Until) -> bool {
        let come = match until {
            Until::End => false,
            Until::MoreThanEvents => self.urgent || self.event_bytes >= TAKEN_BYTES,
            Until::Mail => !self.mail.is_empty() || self.dropped > 0,
        };
        come || self.closed.is_some()
    }

    fn sleeps(&mut self, cx: &Context<'_>, until: Until) {
        match &mut self.sleeper {
            Some(sleeper) if sleeper.waker.will_wake(cx.waker()) => sleeper.until = until,
            sleeper => {
                *sleeper = Some(Sleeper {
                    waker: cx.waker().clone(),
                    until,
                });
            }
        }
    }

    /// Whom to wake, without the lock.
    fn woken(&mut self) -> Option<Waker> {
        if self.at_rest {
            return self.woken_from_rest();
        }
        let until = self.sleeper.as_ref()?.until;
        if !self.ends(until) {
            return None;
        }
        Some(self.sleeper.take()?.waker)
    }

    fn take(&mut self, spare: &mut VecDeque<Mail>) -> Drained {
        let mut empty = std::mem::take(spare);
        if empty.capacity() > PLACES_KEPT {
            empty = VecDeque::new();
        }
        let (mail, event_bytes, reply_bytes) = match self.budget.policy {
            SlowPolicy::Disconnect => (
                std::mem::replace(&mut self.mail, empty),
                std::mem::take(&mut self.event_bytes),
                std::mem::take(&mut self.reply_bytes),
            ),
            SlowPolicy::DropOldest => self.take_some(empty),
        };
        self.urgent &= !self.mail.is_empty();
        Drained {
            mail,
            event_bytes,
            reply_bytes,
            dropped: std::mem::take(&mut self.dropped),
            more: !self.mail.is_empty(),
            closed: self.closed,
        }
    }

    fn take_some(&mut self, mut mail: VecDeque<Mail>) -> (VecDeque<Mail>, usize, usize) {
        let (mut event_bytes, mut reply_bytes) = (0, 0);
        while event_bytes + reply_bytes < TAKEN_BYTES
            && let Some(next) = self.mail.pop_front()
        {
            event_bytes += next.event_bytes().unwrap_or_default();
            if let Mail::Reply { bytes, .. } = &next {
                reply_bytes += length(bytes);
            }
            mail.push_back(next);
        }
        self.event_bytes -= event_bytes;
        self.reply_bytes -= reply_bytes;
        (mail, event_bytes, reply_bytes)
    }

    fn post_event(&mut self, mail: &Mail, length: usize, drained: usize) {
        while self.event_bytes + drained + length > self.budget.event_bytes {
            match self.budget.policy {
                SlowPolicy::Disconnect => {
                    self.overflow();
                    return;
                }
                SlowPolicy::DropOldest => {
                    self.dropped += 1;
                    if !self.drop_oldest_event() {
                        // What was drained fills the budget alone: the newest is the one to go.
                        return;
                    }
                }
            }
        }
        self.event_bytes += length;
        self.mail.push_back(mail.clone());
    }

    /// Whoever wants little of what came together takes it singly, so as not to hold all of it; so does whoever drops the oldest.
    fn post_events(&mut self, batch: &Arc<EventBatch>, interest: ClassSet, drained: usize) {
        let interest = self
            .by_node
            .as_ref()
            .map_or(interest, |by_node| by_node.at(batch.node()));
        let bytes = batch.bytes_visible_to(interest);
        if bytes == 0 {
            return;
        }
        let in_one = self.at_rest || bytes >= batch.bytes() / SPARSE;
        if self.budget.policy == SlowPolicy::Disconnect && in_one {
            let batch = Arc::clone(batch);
            return self.post_event(&Mail::Events { batch, bytes }, bytes, drained);
        }
        for event in batch.events() {
            if event.visible_to(interest) && self.closed.is_none() {
                let mail = Mail::Event(Arc::clone(event));
                self.post_event(&mail, event.plain().len(), drained);
            }
        }
    }

    fn post_reply(&mut self, mail: &Mail, length: usize, drained: usize) {
        if self.reply_bytes + drained + length > self.budget.reply_bytes {
            self.overflow();
            return;
        }
        self.reply_bytes += length;
        self.urgent = true;
        self.mail.push_back(mail.clone());
    }

    fn overflow(&mut self) {
        self.closed = Some(CloseReason::SlowConsumer);
        self.mail = VecDeque::new();
        self.event_bytes = 0;
        self.reply_bytes = 0;
    }

    fn drop_oldest_event(&mut self) -> bool {
        let Some(at) = self
            .mail
            .iter()
            .position(|mail| mail.event_bytes().is_some())
        else {
            return false;
        };
        if let Some(length) = self.mail.remove(at).and_then(|mail| mail.event_bytes()) {
            self.event_bytes -= length;
        }
        true
    }
}

fn length(bytes: &[bytes::Bytes]) -> usize {
    bytes.iter().map(bytes::Bytes::len).sum()
}

mod at_rest;

#[cfg(test)]
mod tests;
