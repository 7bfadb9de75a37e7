//! The security events of amiplex itself: from a session's report to those who read the class, and to the security log.
//!
//! Owner: the process has one [`SecurityDesk`]. It does nothing when there is neither a reader nor a log, and what a client can
//! make any number of is limited, so that a flood of refusals costs readers, log and processor no more than its limit.

mod clock;
mod hub;
mod origin;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ami_mux::{RateLimit, SecurityEvent, SecurityReport};
use ami_telemetry::Meters;
use parking_lot::Mutex;

use hub::SecurityHub;
pub(crate) use origin::Origin;
use record::Record;

use crate::line_log::LineLog;

/// Refusals before login that are told of in a row, for the whole process, and how long one takes to be allowed again.
const EARLY_BURST: u32 = 500;
const EARLY_INTERVAL: Duration = Duration::from_millis(20);

/// Where security events come together.
#[derive(Debug)]
pub(crate) struct SecurityDesk {
    /// The sessions that read them.
    pub(crate) readers: SecurityHub,
    log: Option<LineLog>,
    early: Mutex<RateLimit>,
    meters: Arc<Meters>,
}

impl SecurityDesk {
    pub(crate) fn new(log: Option<LineLog>, meters: Arc<Meters>) -> Self {
        Self {
            readers: SecurityHub::default(),
            log,
            early: Mutex::new(RateLimit::new(EARLY_BURST, EARLY_INTERVAL)),
            meters,
        }
    }

    /// Whether there is a reader or a log, and a report worth making.
    pub(crate) fn is_heeded(&self) -> bool {
        self.log.is_some() || !self.readers.is_empty()
    }

    /// Tells readers and log of what happened on the connection `origin`. With `stamped`, the event has a `Timestamp`.
    pub(crate) fn report(
        &self,
        report: SecurityReport,
        origin: &mut Origin,
        stamped: bool,
        now: Instant,
    ) {
        if !self.is_heeded() {
            return;
        }
        if report.matter.is_free() && !self.may_tell(origin, now) {
            self.meters.security_event_suppressed();
            return;
        }
        let at = SystemTime::now();
        let record = Record::new(&report, origin, at);
        if let Some(log) = &self.log {
            log.write(record.line(at));
        }
        if !self.readers.is_empty() {
            let event = SecurityEvent::new(record.event(stamped.then_some(at)), report.audience);
            self.readers.post(event);
        }
    }

    /// Whoever is logged in has a limit of its own; all others share one.
    fn may_tell(&self, origin: &mut Origin, now: Instant) -> bool {
        match origin.refusals() {
            Some(own) => own.admit(now),
            None => self.early.lock().admit(now),
        }
    }
}

#[cfg(test)]
mod tests;
