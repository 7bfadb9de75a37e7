//! The metrics of one node.
//!
//! Owner: the node's task. Counters of (action, outcome) pairs are made when first needed and kept, because the table of
//! actions times outcomes is large and a node uses few of them.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use metrics::{Counter, Gauge, Histogram};

use super::gauge_value;
use super::outcome::{ActionOutcome, ConnectStep};
use crate::names;

/// What an upstream session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneKind {
    /// The one session of a node that receives its events.
    Event,
    /// A session that carries quick and slow actions.
    Action,
    /// A session that carries one blocking action at a time.
    Blocking,
}

impl LaneKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Event, Self::Action, Self::Blocking];

    /// The value of the `kind` label.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Action => "action",
            Self::Blocking => "blocking",
        }
    }
}

/// The metrics of one node.
pub struct NodeMeters {
    node: String,
    actions: HashMap<(&'static str, ActionOutcome), Counter, RandomState>,
    action_seconds: Histogram,
    actions_shared: Counter,
    actions_from_cache: Counter,
    upstream_actions_saved: Counter,
    events_received: Counter,
    up: Gauge,
    states: Vec<(&'static str, Gauge)>,
    failures: Gauge,
    lanes: HashMap<LaneKind, Gauge>,
    pending: Gauge,
    reconnects: Counter,
    late_answers: Counter,
    foreign_ids: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl NodeMeters {
    /// Registers the handles of the node with this configured name; it starts as not up. `states` are the words for what it can be,
    /// the first of them for what it is now.
    pub fn new(node: &str, states: &[&'static str]) -> Self {
        let labels = [("node", node)];
        let bytes =
            |direction| names::UPSTREAM_BYTES.counter(&[("node", node), ("direction", direction)]);
        let lanes = |kind: LaneKind| {
            (
                kind,
                names::LANES.gauge(&[("node", node), ("kind", kind.as_label())]),
            )
        };
        let gauge_of = |state: &&'static str| {
            let labels = [("node", node), ("state", *state)];
            (*state, names::NODE_STATE.gauge(&labels))
        };
        let meters = Self {
            node: node.to_owned(),
            actions: HashMap::default(),
            action_seconds: names::ACTION_SECONDS.histogram(&labels),
            actions_shared: names::ACTIONS_SHARED.counter(&labels),
            actions_from_cache: names::ACTIONS_FROM_CACHE.counter(&labels),
            upstream_actions_saved: names::UPSTREAM_ACTIONS_SAVED.counter(&labels),
            events_received: names::EVENTS_RECEIVED.counter(&labels),
            up: names::NODE_UP.gauge(&labels),
            states: states.iter().map(gauge_of).collect(),
            failures: names::NODE_FAILURES.gauge(&labels),
            lanes: LaneKind::ALL.into_iter().map(lanes).collect(),
            pending: names::LANE_PENDING.gauge(&labels),
            reconnects: names::RECONNECTS.counter(&labels),
            late_answers: names::LATE_ANSWERS.counter(&labels),
            foreign_ids: names::FOREIGN_IDS.counter(&labels),
            bytes_in: bytes("in"),
            bytes_out: bytes("out"),
        };
        meters.up.set(0.0);
        meters.state(states.first().copied().unwrap_or_default());
        meters.failures(0);
        meters.pending.set(0.0);
        for gauge in meters.lanes.values() {
            gauge.set(0.0);
        }
        meters
    }

    /// An action got its final answer, or ended without one. `action` is a name of the action table, or
    /// [`OTHER_ACTION`](super::OTHER_ACTION); `took` counts from the write, and is `None` for an action never written.
    pub fn action_done(
        &mut self,
        action: &'static str,
        outcome: ActionOutcome,
        took: Option<Duration>,
    ) {
        let node = &self.node;
        let make = || {
            names::ACTIONS.counter(&[
                ("node", node),
                ("action", action),
                ("outcome", outcome.as_label()),
            ])
        };
        self.actions
            .entry((action, outcome))
            .or_insert_with(make)
            .increment(1);
        if let Some(took) = took {
            self.action_seconds.record(took);
        }
    }

    /// One action went up for so many sessions, two or more.
    pub fn action_shared(&self, sessions: usize) {
        let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
        self.actions_shared.increment(sessions);
        self.upstream_actions_saved
            .increment(sessions.saturating_sub(1));
    }

    /// An action was answered with what was kept.
    pub fn action_from_cache(&self) {
        self.actions_from_cache.increment(1);
        self.upstream_actions_saved.increment(1);
    }

    /// So many events came in on the event lane.
    pub fn events_received(&self, count: u64) {
        self.events_received.increment(count);
    }

    /// The node came up or went away.
    pub fn up(&self, is_up: bool) {
        self.up.set(if is_up { 1.0 } else { 0.0 });
    }

    /// How it is now: one of the words that it was made with.
    pub fn state(&self, now: &str) {
        for (state, gauge) in &self.states {
            gauge.set(if *state == now { 1.0 } else { 0.0 });
        }
    }

    /// How many attempts in a row to log in have failed.
    pub fn failures(&self, count: u32) {
        self.failures.set(f64::from(count));
    }

    /// How many lanes of this kind are logged in now.
    pub fn lanes(&self, kind: LaneKind, count: usize) {
        if let Some(gauge) = self.lanes.get(&kind) {
            gauge.set(gauge_value(count));
        }
    }

    /// How many actions are written and not answered now.
    pub fn pending(&self, count: usize) {
        self.pending.set(gauge_value(count));
    }

    /// A lost lane is being connected again.
    pub fn reconnected(&self) {
        self.reconnects.increment(1);
    }

    /// An attempt to open a lane failed at this step. Rare (the backoff sees to it), so no handle is kept.
    pub fn connect_failed(&self, step: ConnectStep) {
        names::CONNECT_FAILURES
            .counter(&[("node", &self.node), ("step", step.as_label())])
            .increment(1);
    }

    /// An answer came after its deadline.
    pub fn late_answer(&self) {
        self.late_answers.increment(1);
    }

    /// A message carried a wire ActionID that belongs to no live action.
    pub fn foreign_id(&self) {
        self.foreign_ids.increment(1);
    }

    /// Bytes read from the node.
    pub fn bytes_in(&self, bytes: u64) {
        self.bytes_in.increment(bytes);
    }

    /// Bytes written to the node.
    pub fn bytes_out(&self, bytes: u64) {
        self.bytes_out.increment(bytes);
    }
}

impl std::fmt::Debug for NodeMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeMeters")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
