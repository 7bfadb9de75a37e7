//! What a node's task tells people: log lines and metrics.

use std::sync::Arc;
use std::time::Duration;

use ami_mux::{ActionEnd, LaneRole, NodeFigures, NodeNote, NodeStatus};
use ami_telemetry::{ActionOutcome, LaneKind, NodeMeters, OTHER_ACTION};

use super::connect::ConnectError;

/// Log and metrics of one node.
#[derive(Debug)]
pub(crate) struct Journal {
    node: Arc<str>,
    meters: NodeMeters,
    figures: NodeFigures,
    /// Why the node was down when it was last said.
    last_reason: String,
}

impl Journal {
    pub(crate) fn new(node: Arc<str>, meters: NodeMeters) -> Self {
        Self {
            node,
            meters,
            figures: NodeFigures::default(),
            last_reason: String::new(),
        }
    }

    pub(crate) fn note(&mut self, note: NodeNote) {
        let node = &*Arc::clone(&self.node);
        match note {
            NodeNote::Up { version } => {
                self.last_reason.clear();
                tracing::info!(node, version, "node is up");
            }
            NodeNote::Down { reason } if self.last_reason == reason => {
                tracing::debug!(node, reason, "node is still down");
            }
            NodeNote::Down { reason } => {
                tracing::warn!(node, reason, "node is down");
                self.last_reason = reason;
            }
            NodeNote::Service(service) => {
                tracing::info!(node, service = service.as_str(), "the operator has decided");
            }
            NodeNote::Lagging { took } => {
                tracing::warn!(node, ?took, "the node's events come late");
            }
            NodeNote::Punctual => tracing::info!(node, "the node's events come in time again"),
            NodeNote::Silent { reason } => {
                tracing::warn!(node, reason, "node answers nothing, no actions are sent");
            }
            NodeNote::Answers => tracing::info!(node, "node answers again"),
            NodeNote::LaneLost { reason } => tracing::warn!(node, reason, "action lane lost"),
            NodeNote::Shortcoming(text) => {
                tracing::warn!(node, text, "upstream account is not enough");
            }
            NodeNote::LateAnswer => self.meters.late_answer(),
            NodeNote::ForeignId => self.meters.foreign_id(),
            NodeNote::DeadlinePassed { action } => {
                tracing::warn!(node, action, "deadline of an action passed");
            }
            NodeNote::Shared { clients } => self.meters.action_shared(clients),
            NodeNote::AnsweredFromCache => self.meters.action_from_cache(),
            NodeNote::Done { action, end, after } => {
                self.meters
                    .action_done(action.unwrap_or(OTHER_ACTION), outcome(end), after);
            }
            NodeNote::Surveyed { missed } => {
                tracing::info!(node, missed, "what the node has is known");
            }
            NodeNote::SurveyFailed { reason } => {
                tracing::warn!(node, reason, "what the node has is not known");
            }
        }
    }

    pub(crate) fn events_in(&self, count: usize) {
        self.meters
            .events_received(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(crate) fn not_logged_off(&self) {
        tracing::debug!(
            node = &*self.node,
            "it did not close its connections in time"
        );
    }

    pub(crate) fn status(&self, status: &NodeStatus) {
        self.meters.up(status.is_up());
        self.meters.state(status.condition().as_str());
        self.meters.failures(status.failures);
    }

    /// True when they are other than before.
    pub(crate) fn figures(&mut self, figures: NodeFigures) -> bool {
        if figures == self.figures {
            return false;
        }
        self.figures = figures;
        self.meters.lanes(LaneKind::Event, figures.event_lanes);
        self.meters.lanes(LaneKind::Action, figures.action_lanes);
        self.meters
            .lanes(LaneKind::Blocking, figures.blocking_lanes);
        self.meters.pending(figures.pending);
        true
    }

    pub(crate) fn connect_failed(&self, error: &ConnectError) {
        self.meters.connect_failed(error.step());
        tracing::debug!(node = &*self.node, %error, "cannot connect");
    }

    pub(crate) fn reconnecting(&self, role: LaneRole, attempt: u32, delay: Duration) {
        self.meters.reconnected();
        tracing::debug!(
            node = &*self.node,
            ?role,
            attempt,
            ?delay,
            "connecting again"
        );
    }

    pub(crate) fn bytes_in(&self, count: usize) {
        self.meters
            .bytes_in(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(crate) fn bytes_out(&self, count: usize) {
        self.meters
            .bytes_out(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

fn outcome(end: ActionEnd) -> ActionOutcome {
    match end {
        ActionEnd::Answered => ActionOutcome::Success,
        ActionEnd::Refused => ActionOutcome::Error,
        ActionEnd::NotSent => ActionOutcome::NotSent,
        ActionEnd::Unknown => ActionOutcome::Unknown,
    }
}
