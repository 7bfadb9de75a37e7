//! The metrics of one listener, and the guard that keeps a gauge honest.

use metrics::{Counter, Gauge};

use crate::names;

/// The metrics of one listener.
#[derive(Clone)]
pub struct ListenerMeters {
    connections: Counter,
    sessions: Gauge,
}

impl ListenerMeters {
    /// Registers the handles of the listener with this configured name.
    pub fn new(listener: &str) -> Self {
        let labels = [("listener", listener)];
        Self {
            connections: names::CONNECTIONS.counter(&labels),
            sessions: names::SESSIONS.gauge(&labels),
        }
    }

    /// Counts an accepted connection, and an open session for as long as the returned value lives.
    pub fn session(&self) -> Held {
        self.connections.increment(1);
        Held::new(self.sessions.clone())
    }
}

impl std::fmt::Debug for ListenerMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListenerMeters").finish_non_exhaustive()
    }
}

/// Adds one to a gauge while it lives: a session that ends in any way, also by panic, is counted out.
#[must_use = "the gauge goes down again when this is dropped"]
pub struct Held(Gauge);

impl Held {
    pub(super) fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}
