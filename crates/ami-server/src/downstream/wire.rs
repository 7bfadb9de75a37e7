//! The way to one client: its connection, what is still to be written to it, and for how long events wait before they are.
//!
//! The session's task owns it while anything is going on. While the session is at rest it lies in the session's inbox, and whoever
//! posts events writes them: a hundred tasks need not be woken for a hundred writes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::time::Duration;

use ami_mux::{JointView, Mail, Outlook};
use tokio::time::Instant;

use super::outbound::{Outbound, Written};
use crate::inbox::TAKEN_BYTES;
use crate::transport::Transport;

/// It.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) transport: Transport,
    pub(crate) outbound: Outbound,
    /// Events leave at most once in so long; zero: at once.
    pub(crate) flush: Duration,
    /// Events wait until then: others have left a moment ago.
    pub(crate) held_until: Option<Instant>,
    /// What the client is shown while the session is at rest.
    pub(crate) outlook: Option<Outlook>,
}

impl Wire {
    pub(crate) fn new(transport: Transport, flush: Duration) -> Self {
        Self {
            transport,
            outbound: Outbound::default(),
            flush,
            held_until: None,
            outlook: None,
        }
    }

    /// Until when so many bytes of events have to wait, if at all.
    pub(crate) fn holds(&self, event_bytes: usize, now: Instant) -> Option<Instant> {
        self.held_until
            .filter(|until| *until > now && event_bytes < TAKEN_BYTES)
    }

    /// Events have left: the next ones wait for each other, where that is wanted.
    pub(crate) fn left(&mut self, events: u64, now: impl FnOnce() -> Instant) {
        if !self.flush.is_zero() && events > 0 {
            self.held_until = Some(now() + self.flush);
        }
    }

    /// Writes what is left and closes the connection in order.
    pub(crate) async fn end(&mut self) {
        let Self {
            transport,
            outbound,
            ..
        } = self;
        while !outbound.is_empty() {
            let written = poll_fn(|cx| outbound.poll_write(transport, cx));
            if written.await.is_err() {
                return;
            }
        }
        if let Err(error) = transport.say_end().await {
            tracing::trace!(%error, "the peer had closed already");
        }
    }

    /// Writes what the client is shown of these, in the stead of its session. False when the session has to see to it: not everything
    /// left at once, and the rest is in `outbound`, or the connection has failed. Takes all of `mail`, but for a session
    /// that is not at rest: then it waits for that one.
    pub(crate) fn send(
        &mut self,
        mail: &mut VecDeque<Mail>,
        joint: &mut JointView,
        now: Instant,
    ) -> (Written, bool) {
        let Some(outlook) = &self.outlook else {
            return (Written::default(), false);
        };
        let together = (mail.len() > 1).then(|| joint.of(outlook, mail)).flatten();
        if let Some(view) = together {
            mail.clear();
            self.outbound.push([view.bytes], view.events, now);
        }
        for mail in mail.drain(..) {
            if let Some(view) = outlook.shows(&mail) {
                self.outbound.push([view.bytes], view.events, now);
            }
        }
        if self.outbound.is_empty() {
            return (Written::default(), true);
        }
        match self.outbound.write_now(&mut self.transport) {
            Ok(written) => {
                self.left(written.events, || now);
                (written, self.outbound.is_empty())
            }
            // The session's own attempt fails as well, and ends it.
            Err(_) => (Written::default(), false),
        }
    }
}
