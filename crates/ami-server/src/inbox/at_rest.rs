//! A session at rest: its wire lies in its inbox, and who posts events sees to their leaving.
//!
//! Invariants: the wire is in one place only, so whoever has it is the only one that writes; while the session rests nothing but
//! ordinary events waits, and somebody is about to write them; anything else that is posted, the end, and a client that does not read
//! wake the session, which takes the wire back before it does anything ([`Inbox::rise`]). The lock is held for one write at most, which
//! does not wait for the socket.

use std::task::Waker;
use std::time::Duration;

use ami_mux::{JointView, Mail};
use tokio::time::Instant;

use super::{Inbox, Queue, TAKEN_BYTES, any_is_wanted};
use crate::downstream::outbound::Written;
use crate::downstream::wire::Wire;

/// Events that may leave so little later leave with the others.
pub(crate) const TOGETHER: Duration = Duration::from_millis(1);

/// What becomes of events that were posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// The session sees to them, or they were not for it, or whoever posted the ones before sees to them too.
    Done,
    /// They are to leave: [`Inbox::leave`].
    Leaves,
    /// They are to leave then. Events of this session wait for so long at most.
    Waits(Duration, Instant),
}

impl Inbox {
    /// The session rests. Gives the wire back when it cannot: something was posted in the meantime.
    pub(crate) fn rest(&self, wire: Box<Wire>) -> Option<Box<Wire>> {
        let mut queue = self.queue.lock();
        let quiet = queue.mail.is_empty() && queue.dropped == 0 && queue.closed.is_none();
        if !quiet || wire.outlook.is_none() {
            return Some(wire);
        }
        queue.lent = Some(wire);
        queue.at_rest = true;
        None
    }

    /// The session does something: its wire is its own again. What was posted and has not left waits for it as ever.
    pub(crate) fn rise(&self) -> Option<Box<Wire>> {
        let mut queue = self.queue.lock();
        queue.at_rest = false;
        queue.lent.take()
    }

    /// Posts what everybody is told. Where the session is at rest the caller sees to what it says.
    pub(crate) fn post_broadcast(&self, mail: &[Mail], now: Instant) -> Posted {
        let interest = self.wanted();
        if !any_is_wanted(mail, interest) {
            return Posted::Done;
        }
        let mut queue = self.queue.lock();
        let waited = !queue.mail.is_empty();
        self.post_wanted(&mut queue, mail, interest);
        let posted = queue
            .goes_by_itself(mail)
            .then(|| queue.posted(waited, now));
        let woken = match posted {
            Some(_) => None,
            None => queue.woken(),
        };
        drop(queue);
        wake(woken);
        posted.unwrap_or(Posted::Done)
    }

    /// Writes what waits, if the session is still at rest. `joint` is of those that are written to before and after it.
    pub(crate) fn leave(&self, joint: &mut JointView, now: Instant) -> Written {
        let mut queue = self.queue.lock();
        let (written, woken) = queue.leave(joint, now);
        // What did not leave counts at once, and not when the session finds time to say so.
        if let Some(wire) = queue.lent.as_deref().filter(|_| !queue.at_rest) {
            self.set_drained(wire.outbound.event_bytes(), wire.outbound.reply_bytes());
        }
        drop(queue);
        wake(woken);
        written
    }
}

impl Queue {
    /// Whether the session need not be woken for what was posted.
    fn goes_by_itself(&self, mail: &[Mail]) -> bool {
        let nothing_else = self.closed.is_none() && self.dropped == 0;
        self.at_rest && nothing_else && mail.iter().all(Mail::is_ordinary)
    }

    fn posted(&self, waited: bool, now: Instant) -> Posted {
        let Some(wire) = self.lent.as_deref().filter(|_| !self.mail.is_empty()) else {
            return Posted::Done;
        };
        let held = wire.holds(self.event_bytes, now);
        match held {
            Some(until) if !waited => Posted::Waits(wire.flush, until),
            // As soon as they are many they leave, whatever was said of the first of them.
            _ if waited && self.event_bytes < TAKEN_BYTES => Posted::Done,
            _ => Posted::Leaves,
        }
    }

    fn leave(&mut self, joint: &mut JointView, now: Instant) -> (Written, Option<Waker>) {
        let nothing = !self.at_rest || self.mail.is_empty() || self.closed.is_some();
        let Some(wire) = self.lent.as_deref_mut().filter(|_| !nothing) else {
            return (Written::default(), None);
        };
        if wire.holds(self.event_bytes, now + TOGETHER).is_some() {
            return (Written::default(), None);
        }
        self.event_bytes = 0;
        let (written, whole) = wire.send(&mut self.mail, joint, now);
        if whole {
            (written, None)
        } else {
            (written, self.woken_from_rest())
        }
    }

    /// The session has to see to something itself: whom to wake, without the lock.
    pub(super) fn woken_from_rest(&mut self) -> Option<Waker> {
        self.at_rest = false;
        Some(self.sleeper.take()?.waker)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
