//! The WaitEvent action: holds everything behind it until an event comes, the client sends more, or its time is up.
//!
//! Events are pushed as they come, so nothing is ever queued when it begins, as on an Asterisk session over TCP.

use std::time::{Duration, Instant};

use ami_proto::encode::success;
use ami_proto::{Action, ClientActionId, EventBuilder};

use crate::downstream::session::{Phase, Session};

/// What the client asked for.
#[derive(Debug)]
pub(in crate::downstream) struct WaitRequest {
    id: Option<ClientActionId>,
    /// `None`: for ever.
    timeout: Option<Duration>,
}

/// A wait that has begun.
#[derive(Debug)]
pub(in crate::downstream) struct Waiting {
    id: Option<ClientActionId>,
    pub(in crate::downstream) until: Option<Instant>,
}

impl WaitRequest {
    /// The number at the start of `Timeout`, in seconds; none and a negative one mean for ever.
    pub(super) fn of(action: &Action) -> Self {
        let text =
            String::from_utf8_lossy(action.header("Timeout").unwrap_or_default()).into_owned();
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        let timeout = digits
            .parse::<u32>()
            .ok()
            .map(|seconds| Duration::from_secs(seconds.into()));
        Self {
            id: action.action_id(),
            timeout,
        }
    }
}

impl Session {
    /// What the client has sent behind it already ends it at once, and so does the end of the session.
    pub(in crate::downstream) fn begin_wait(&mut self, request: WaitRequest, now: Instant) {
        let until = request.timeout.map(|timeout| now + timeout);
        self.waiting = Some(Waiting {
            id: request.id,
            until,
        });
        let ends = self.ending.is_some() || !self.line.is_empty();
        if ends || until.is_some_and(|until| until <= now) {
            self.finish_wait();
        }
    }

    /// Says that the wait is over; what it waited for follows, then the end.
    pub(in crate::downstream) fn announce_wait(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.take()?;
        self.write(success(waiting.id.as_ref(), "Waiting for Event completed."));
        Some(waiting)
    }

    /// The last message of a wait.
    pub(in crate::downstream) fn complete_wait(&mut self, waiting: &Waiting) {
        let event = EventBuilder::new("WaitEventComplete")
            .action_id(waiting.id.as_ref())
            .finish();
        self.write(event);
    }

    /// Ends a wait for which no event came.
    pub(in crate::downstream) fn finish_wait(&mut self) {
        if let Some(waiting) = self.announce_wait()
            && matches!(self.phase, Phase::Open(_))
        {
            self.complete_wait(&waiting);
        }
    }
}
