//! One turn of a connection's task: everything is looked at once, and what came out of the inbox leaves in the same turn.
//!
//! No `select!`: the turns of the sessions are what fan-out costs beside the writes themselves, so nothing is made anew for
//! each. A turn that leaves something undone says so, and is followed by another; else everything that can wake the task has been told to.
//! Each source gets its share of each turn: a client that never stops sending cannot keep its own mail and timers waiting.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ami_telemetry::CloseReason;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use super::super::wire::Wire;
use super::{Drain, Driver, LAST_LOOK, MAIL_PER_TURN, READ_BYTES, reserve};
use crate::inbox::{Drained, Until};
use crate::supervisor::Signal;

/// What ends or hurries the task, and its one timer.
pub(super) struct Signals<'p, 's> {
    pub(super) stopping: Signal<'p, 's>,
    pub(super) draining: Signal<'p, 's>,
    /// Armed for the earliest moment that was ever needed, and moved only when it is too late or past.
    pub(super) timer: Pin<&'p mut Sleep>,
}

impl Driver {
    /// Turns until nothing is left to do; ready with the reason when the session is over.
    pub(super) fn poll_turns(
        &mut self,
        wire: &mut Wire,
        cx: &mut Context<'_>,
        signals: &mut Signals<'_, '_>,
    ) -> Poll<CloseReason> {
        self.carry_out(wire);
        if self.closing.is_none() && Pin::new(&mut signals.stopping).poll(cx).is_ready() {
            return Poll::Ready(CloseReason::Drain);
        }
        if matches!(self.drain, Drain::No) && Pin::new(&mut signals.draining).poll(cx).is_ready() {
            self.await_turn_to_end();
        }
        loop {
            self.carry_out(wire);
            if let Some(reason) = self.closing {
                return Poll::Ready(reason);
            }
            // Other tasks run too, however much there is to do here.
            ready!(coop::poll_proceed(cx)).made_progress();
            if !self.turn(wire, cx, signals.timer.as_mut()) {
                self.count_waiting(wire);
                return Poll::Pending;
            }
        }
    }

    /// The task is about to wait. Lends the wire to the inbox when the session is at rest, so that it need not be woken for events; else
    /// gives it back.
    pub(super) fn rest(
        &mut self,
        mut wire: Box<Wire>,
        cx: &mut Context<'_>,
        signals: &mut Signals<'_, '_>,
    ) -> Option<Box<Wire>> {
        if !self.may_rest(&wire) {
            return Some(wire);
        }
        wire.outlook = self.session.outlook();
        let wire = self.inbox.rest(wire)?;
        // Events came in the meantime, and perhaps they wait for others.
        if let Some(until) = wire.held_until {
            let mut timer = signals.timer.as_mut();
            if until < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(until);
            }
            if timer.poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Some(wire)
    }

    /// Whether nothing of the session is going on, here or in its machine.
    fn may_rest(&self, wire: &Wire) -> bool {
        let nothing_waits = wire.outbound.is_empty()
            && self.mail.is_empty()
            && self.unsent.is_empty()
            && self.replays.is_empty();
        let waits_for_nobody = self.hearing.is_none() && self.check.is_none();
        nothing_waits
            && waits_for_nobody
            && matches!(self.drain, Drain::No)
            && self.session.is_at_rest()
    }

    /// True when another turn is due at once.
    fn turn(&mut self, wire: &mut Wire, cx: &mut Context<'_>, timer: Pin<&mut Sleep>) -> bool {
        if wire.held_until.is_some_and(|until| until <= Instant::now()) {
            wire.held_until = None;
        }
        let mut again = self.poll_hearing(cx);
        again |= self.poll_mail(wire, cx);
        self.carry_out(wire);
        if self.closing.is_some() {
            return true;
        }
        again |= self.poll_check(cx);
        again |= self.poll_place(cx);
        again |= self.poll_write(wire, cx);
        again |= self.poll_read(wire, cx);
        again | self.poll_timer(wire, cx, timer)
    }

    fn poll_mail(&mut self, wire: &mut Wire, cx: &Context<'_>) -> bool {
        if self.hearing.is_none() && self.mail.is_empty() && !wire.outbound.is_full() {
            let until = if wire.held_until.is_some() {
                Until::MoreThanEvents
            } else {
                Until::Mail
            };
            return match self.inbox.poll_drain(cx, until, &mut self.mail) {
                Poll::Ready(drained) => self.receive(drained),
                Poll::Pending => false,
            };
        }
        if let Poll::Ready(reason) = self.inbox.poll_ended(cx) {
            self.closing = Some(reason);
            return true;
        }
        // Once there is room, `poll_write` asks for another turn, and `poll_hearing` when the nodes have heard.
        if self.hearing.is_some() || wire.outbound.is_full() {
            return false;
        }
        self.take_mail();
        true
    }

    fn receive(&mut self, drained: Drained) -> bool {
        if let Some(reason) = drained.closed {
            self.closing = Some(reason);
            return true;
        }
        if drained.dropped > 0 {
            self.journal.dropped(drained.dropped);
            self.session.events_dropped(drained.dropped, &*self.world);
        }
        self.backlog.events += drained.event_bytes;
        self.backlog.replies += drained.reply_bytes;
        self.mail = drained.mail;
        self.take_mail();
        drained.more || !self.mail.is_empty()
    }

    fn take_mail(&mut self) {
        let now = Instant::now().into_std();
        let mut left = MAIL_PER_TURN;
        while left > 0
            && let Some(mail) = self.mail.pop_front()
        {
            left = left.saturating_sub(mail.count());
            self.backlog.leaves(&mail);
            if let Some(audit) = &mut self.audit {
                audit.mail(&mail);
            }
            self.session.mail(mail, &*self.world, now);
        }
        self.feed();
    }

    /// Waits until the nodes have heard what the session wants.
    fn poll_hearing(&mut self, cx: &mut Context<'_>) -> bool {
        let heard = self
            .hearing
            .as_mut()
            .map(|hearing| hearing.as_mut().poll(cx));
        let heard = match heard {
            Some(Poll::Ready(left)) => {
                self.hearing = None;
                self.telling = left;
                true
            }
            Some(Poll::Pending) | None => false,
        };
        if let Some(telling) = &mut self.telling
            && telling.poll(cx).is_ready()
        {
            self.telling = None;
        }
        heard
    }

    fn poll_check(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(check) = &mut self.check else {
            return false;
        };
        let Poll::Ready(is_right) = check.as_mut().poll(cx) else {
            return false;
        };
        self.check = None;
        let now = Instant::now().into_std();
        self.session.verified(is_right, &*self.world, now);
        self.feed();
        true
    }

    /// Waits for a place in the queue of a node that had none.
    fn poll_place(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((node, _)) = self.unsent.front() else {
            return false;
        };
        let place = self
            .place
            .get_or_insert_with(|| Box::pin(reserve(std::sync::Arc::clone(&self.world), *node)));
        let Poll::Ready(place) = place.as_mut().poll(cx) else {
            return false;
        };
        self.place = None;
        self.send_one(place);
        true
    }

    fn poll_write(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> bool {
        if wire.outbound.is_empty() || wire.held_until.is_some() && wire.outbound.can_wait() {
            return false;
        }
        let was_full = wire.outbound.is_full();
        match wire.outbound.poll_write(&mut wire.transport, cx) {
            Poll::Ready(Ok(written)) => {
                self.journal.wrote(written);
                wire.left(written.events, Instant::now);
                was_full || !wire.outbound.is_empty()
            }
            Poll::Ready(Err(error)) => {
                self.journal.io_failed(&error);
                self.closing = Some(CloseReason::IoError);
                true
            }
            Poll::Pending => false,
        }
    }

    /// Reads while the session may take more.
    fn poll_read(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> bool {
        // The last look finds nothing, or something; it does not wait.
        let looked = matches!(self.drain, Drain::LastLook);
        let found = self.read_some(wire, cx);
        if looked {
            self.drain = Drain::Told;
            self.end_hold(wire, cx);
            self.session.drain(&*self.world, Instant::now().into_std());
        }
        found || looked
    }

    fn read_some(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> bool {
        let takes_more = self.session.wants_input() && self.unsent.is_empty();
        if self.eof || !takes_more || self.hearing.is_some() {
            return false;
        }
        // Read elsewhere first: a client that is silent holds no buffer.
        let mut room = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut read = ReadBuf::uninit(&mut room);
        let polled = Pin::new(&mut wire.transport).poll_read(cx, &mut read);
        self.input.extend_from_slice(read.filled());
        match polled.map_ok(|()| read.filled().len()) {
            Poll::Ready(Ok(0)) => {
                self.eof = true;
                self.feed();
            }
            Poll::Ready(Ok(count)) => {
                self.journal.read(count);
                self.end_hold(wire, cx);
                self.feed();
            }
            Poll::Ready(Err(error)) => {
                self.journal.io_failed(&error);
                self.closing = Some(CloseReason::IoError);
            }
            Poll::Pending => return false,
        }
        true
    }

    fn poll_timer(
        &mut self,
        wire: &mut Wire,
        cx: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
    ) -> bool {
        let Some(at) = self.wake_at(wire) else {
            return false;
        };
        if at < timer.deadline() || timer.is_elapsed() {
            timer.as_mut().reset(at);
        }
        if timer.poll(cx).is_pending() {
            return false;
        }
        if at <= Instant::now() {
            self.on_time(wire, cx);
        }
        true
    }

    /// What is answered now comes behind the events that are held, so they are taken first.
    fn end_hold(&mut self, wire: &mut Wire, cx: &Context<'_>) {
        if wire.held_until.take().is_some() {
            self.poll_mail(wire, cx);
        }
    }

    fn wake_at(&self, wire: &Wire) -> Option<Instant> {
        let machine = self.session.poll_timeout().map(Instant::from_std);
        let overdue = wire.outbound.overdue_at(self.event_age);
        let drain = match self.drain {
            Drain::Turn(at) | Drain::Refusing(at) => Some(at),
            Drain::No | Drain::LastLook | Drain::Told => None,
        };
        // While the session is at rest, whoever makes events wait looks after them.
        let held = wire.held_until.filter(|_| !self.may_rest(wire));
        [machine, overdue, drain, held].into_iter().flatten().min()
    }

    fn on_time(&mut self, wire: &mut Wire, cx: &Context<'_>) {
        let now = Instant::now();
        if wire
            .outbound
            .overdue_at(self.event_age)
            .is_some_and(|at| at <= now)
        {
            self.closing = Some(CloseReason::EventAge);
            return;
        }
        wire.held_until.take_if(|at| *at <= now);
        if self
            .session
            .poll_timeout()
            .is_some_and(|at| at <= now.into_std())
        {
            self.end_hold(wire, cx);
            self.session.handle_timeout(&*self.world, now.into_std());
        }
        match self.drain {
            Drain::Turn(at) if at <= now => self.refuse_new(now),
            Drain::Refusing(at) if at <= now => self.drain = Drain::LastLook,
            Drain::No | Drain::Turn(_) | Drain::Refusing(_) | Drain::LastLook | Drain::Told => {}
        }
        self.feed();
    }

    /// amiplex stops. Who has not logged in has nothing to lose.
    fn await_turn_to_end(&mut self) {
        let now = Instant::now();
        let turn = match self.session.principal() {
            Some(_) => self.world.drain_turns.take(),
            None => Duration::ZERO,
        };
        if turn.is_zero() {
            self.refuse_new(now);
        } else {
            self.drain = Drain::Turn(now + turn);
        }
    }

    fn refuse_new(&mut self, now: Instant) {
        self.session.refuse_new();
        self.drain = Drain::Refusing(now + LAST_LOOK);
    }
}
