//! Typed handles of the metrics: registered once, then an atomic addition per use.
//!
//! [`Meters`] belongs to the process and is cheap to clone; [`ListenerMeters`] to a listener, [`NodeMeters`] to the task of a
//! node. Make them after the recorder is installed: a handle made before counts into nothing.

mod by_label;
mod listener;
mod node;
mod outcome;

use std::sync::Arc;

use metrics::{Counter, Gauge};

use by_label::CountersByLabel;

use crate::close_reason::CloseReason;
use crate::names;

pub use listener::{Held, ListenerMeters};
pub use node::{LaneKind, NodeMeters};
pub use outcome::{ActionOutcome, ConnectStep, DropReason, LoginFailure, RefusalReason};

/// The metrics that have no node and no listener.
#[derive(Clone)]
pub struct Meters {
    handles: Arc<Handles>,
}

struct Handles {
    unauthenticated: Gauge,
    closes: Vec<Counter>,
    logins: CountersByLabel,
    local: CountersByLabel,
    login_failures: Vec<Counter>,
    refusals: Vec<Counter>,
    dropped: Vec<Counter>,
    bytes_in: Counter,
    bytes_out: Counter,
    outbound_queue_bytes: Gauge,
    nodes_alike: Gauge,
    events_delivered: Counter,
    event_gate_timeouts: Counter,
    security_suppressed: Counter,
    security_log_dropped: Counter,
    audit_log_dropped: Counter,
    task_panics: Counter,
    reloads_applied: Counter,
    reloads_refused: Counter,
}

impl Meters {
    /// Registers the handles; `version` is shown as the label of `amiplex_build_info`.
    pub fn new(version: &str) -> Self {
        names::BUILD_INFO.gauge(&[("version", version)]).set(1.0);
        let reason = |metric: &names::Metric, label: &str| metric.counter(&[("reason", label)]);
        let handles = Handles {
            unauthenticated: names::SESSIONS_UNAUTHENTICATED.gauge(&[]),
            closes: CloseReason::ALL
                .iter()
                .map(|r| reason(&names::CLOSES, r.as_label()))
                .collect(),
            logins: CountersByLabel::new(&names::LOGINS, "account"),
            local: CountersByLabel::new(&names::ACTIONS_LOCAL, "action"),
            login_failures: LoginFailure::ALL
                .iter()
                .map(|r| reason(&names::LOGIN_FAILURES, r.as_label()))
                .collect(),
            refusals: RefusalReason::ALL
                .iter()
                .map(|r| reason(&names::ACTIONS_REFUSED, r.as_label()))
                .collect(),
            dropped: DropReason::ALL
                .iter()
                .map(|r| reason(&names::EVENTS_DROPPED, r.as_label()))
                .collect(),
            bytes_in: names::DOWNSTREAM_BYTES.counter(&[("direction", "in")]),
            bytes_out: names::DOWNSTREAM_BYTES.counter(&[("direction", "out")]),
            outbound_queue_bytes: names::OUTBOUND_QUEUE_BYTES.gauge(&[]),
            nodes_alike: names::NODES_ALIKE.gauge(&[]),
            events_delivered: names::EVENTS_DELIVERED.counter(&[]),
            event_gate_timeouts: names::EVENT_GATE_TIMEOUTS.counter(&[]),
            security_suppressed: names::SECURITY_EVENTS_SUPPRESSED.counter(&[]),
            security_log_dropped: names::SECURITY_LOG_DROPPED.counter(&[]),
            audit_log_dropped: names::AUDIT_LOG_DROPPED.counter(&[]),
            task_panics: names::TASK_PANICS.counter(&[]),
            reloads_applied: names::RELOADS.counter(&[("result", "applied")]),
            reloads_refused: names::RELOADS.counter(&[("result", "refused")]),
        };
        Self {
            handles: Arc::new(handles),
        }
    }

    /// Counts a session that has not logged in for as long as the returned value lives.
    pub fn unauthenticated(&self) -> Held {
        Held::new(self.handles.unauthenticated.clone())
    }

    /// A session ended.
    pub fn session_closed(&self, reason: CloseReason) {
        count(
            &self.handles.closes,
            CloseReason::ALL.iter().position(|r| *r == reason),
        );
    }

    /// A login succeeded. `account` is the name in manager.conf, never what the client typed, so that the label stays bounded.
    pub fn login(&self, account: &str) {
        self.handles.logins.count(account);
    }

    /// A login failed.
    pub fn login_failed(&self, reason: LoginFailure) {
        count(
            &self.handles.login_failures,
            LoginFailure::ALL.iter().position(|r| *r == reason),
        );
    }

    /// An action was refused before it was routed.
    pub fn action_refused(&self, reason: RefusalReason) {
        count(
            &self.handles.refusals,
            RefusalReason::ALL.iter().position(|r| *r == reason),
        );
    }

    /// amiplex answered an action itself. `action` is a name of the action table, or [`OTHER_ACTION`].
    pub fn action_local(&self, action: &'static str) {
        self.handles.local.count(action);
    }

    /// Events of a client's queue that will not be delivered.
    pub fn events_dropped(&self, reason: DropReason, events: u64) {
        if let Some(at) = DropReason::ALL.iter().position(|r| *r == reason)
            && let Some(counter) = self.handles.dropped.get(at)
        {
            counter.increment(events);
        }
    }

    /// Events written to a client.
    pub fn events_delivered(&self, events: u64) {
        self.handles.events_delivered.increment(events);
    }

    /// A refusal was one too many for a security event.
    pub fn security_event_suppressed(&self) {
        self.handles.security_suppressed.increment(1);
    }

    /// Records that did not get into the security log.
    pub fn security_log_dropped(&self, records: u64) {
        self.handles.security_log_dropped.increment(records);
    }

    /// Lines that did not get into the audit log.
    pub fn audit_log_dropped(&self, lines: u64) {
        self.handles.audit_log_dropped.increment(lines);
    }

    /// The event gate of a session opened because time was up.
    pub fn event_gate_timed_out(&self) {
        self.handles.event_gate_timeouts.increment(1);
    }

    /// Bytes read from a client.
    pub fn bytes_in(&self, bytes: u64) {
        self.handles.bytes_in.increment(bytes);
    }

    /// Bytes written to a client.
    pub fn bytes_out(&self, bytes: u64) {
        self.handles.bytes_out.increment(bytes);
    }

    /// Bytes that entered an outbound queue.
    pub fn outbound_queued(&self, bytes: usize) {
        self.handles
            .outbound_queue_bytes
            .increment(gauge_value(bytes));
    }

    /// Bytes that left an outbound queue, written or dropped.
    pub fn outbound_released(&self, bytes: usize) {
        self.handles
            .outbound_queue_bytes
            .decrement(gauge_value(bytes));
    }

    /// The configuration was read again; `applied` when all of it was good.
    pub fn reloaded(&self, applied: bool) {
        let handles = &self.handles;
        let counter = if applied {
            &handles.reloads_applied
        } else {
            &handles.reloads_refused
        };
        counter.increment(1);
    }

    /// Pairs of nodes that are one or can be confused.
    pub fn nodes_alike(&self, pairs: usize) {
        self.handles.nodes_alike.set(gauge_value(pairs));
    }

    /// The supervisor caught a task that panicked.
    pub fn task_panicked(&self) {
        self.handles.task_panics.increment(1);
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

/// The `action` label of an action that the table does not know, so that clients cannot invent labels.
pub const OTHER_ACTION: &str = "other";

fn count(counters: &[Counter], at: Option<usize>) {
    if let Some(counter) = at.and_then(|at| counters.get(at)) {
        counter.increment(1);
    }
}

/// Gauges are floating point; counts beyond 2^32 - 1 saturate, which no bounded queue reaches.
fn gauge_value(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
