//! The queues of a node, listed again after what changes them without an event: a reload of app_queue.
//!
//! Where several nodes are configured, queues and members lead to their node. Events go on meanwhile, and are taken in again after the list
//! has been taken back to the moment when it was asked. Nothing is told to clients: a node tells them nothing either. Bounded; when that is too
//! little, nothing is known of the node's queues.

use std::sync::Arc;
use std::time::Instant;

use ami_proto::Frame;

use super::effect::NodeNote;
use super::node::Node;
use super::pending::{Internal, Owner};
use super::submission::Submission;
use crate::ids::LaneId;
use crate::objects::Objects;

/// Bytes of events that come while the list is taken, at most.
const MEANWHILE_BYTES_MAX: usize = 1024 * 1024;

/// The action that lists queues.
pub(super) const QUEUE_LIST: &str = "QueueStatus";

/// Whether the queues are to be listed, and what has come since they are.
#[derive(Debug, Default)]
pub(super) struct QueueRefresh {
    due: bool,
    /// The lane on which they are being listed.
    lane: Option<LaneId>,
    listed: Objects,
    meanwhile: Vec<Frame>,
    meanwhile_bytes: usize,
}

impl QueueRefresh {
    /// Something may have changed them.
    pub(super) fn is_due(&mut self) {
        self.due = true;
    }

    /// The lane is gone; if the list was on it, it is asked anew.
    pub(super) fn lane_lost(&mut self, lane: LaneId) {
        if self.lane == Some(lane) {
            *self = Self {
                due: true,
                ..Self::default()
            };
        }
    }
}

/// Whether an action of a client may change the queues without an event.
pub(super) fn reloads_queues<R>(submission: &Submission<R>) -> bool {
    let action = submission.action.action();
    match submission.action.spec().map(|spec| spec.name) {
        Some("QueueReload") => true,
        Some("Command") => {
            let line = action.header("Command").unwrap_or_default();
            let mut words = line.split(u8::is_ascii_whitespace);
            words.any(|word| word.to_ascii_lowercase().starts_with(b"reload"))
        }
        _ => false,
    }
}

/// Whether the event says that the module of the queues was loaded anew, or any module that it does not name.
pub(super) fn is_about_queues(event: &Frame) -> bool {
    event.header("Module").is_none_or(|module| {
        module.starts_with(b"app_queue") || module.eq_ignore_ascii_case(b"all")
    })
}

impl<R: Clone> Node<R> {
    /// An action of clients is finished.
    pub(super) fn refresh_after(&mut self, owner: &Owner<R>) {
        if matches!(owner, Owner::Clients(asked) if asked.reloads_queues) {
            self.queue_refresh.is_due();
        }
    }

    /// Lists the queues, if that is due and a lane is free for it. After a connect the survey does.
    pub(super) fn refresh_queues(&mut self, now: Instant) {
        let refresh = &self.queue_refresh;
        if !refresh.due || refresh.lane.is_some() || self.survey.is_on() {
            return;
        }
        // What was just loaded may have brought the list itself.
        if self.inquiry.asks_for_commands() {
            return;
        }
        let learned = Arc::clone(&self.status.learned);
        let is_listable = learned.iter().any(|action| action.name() == QUEUE_LIST);
        if self.settings.objects.is_none() || !is_listable {
            self.queue_refresh.due = false;
            return;
        }
        if let Some(id) = self.lane_for_a_list(now)
            && self.send_internal(id, Internal::Queues, &[], now).is_ok()
        {
            self.queue_refresh = QueueRefresh {
                lane: Some(id),
                ..QueueRefresh::default()
            };
        }
    }

    /// An item of the list.
    pub(super) fn on_queue_listed(&mut self, item: &Frame) {
        self.queue_refresh.listed.list(item);
    }

    /// An event that was taken in and told.
    pub(super) fn happened_meanwhile(&mut self, event: &Frame) {
        let refresh = &mut self.queue_refresh;
        // Whoever may write user events fills nothing with them.
        if refresh.lane.is_some() && event.event_name() != Some(b"UserEvent") {
            refresh.meanwhile_bytes += event.bytes().len();
            if refresh.meanwhile_bytes <= MEANWHILE_BYTES_MAX {
                refresh.meanwhile.push(event.clone().detached());
            }
        }
    }

    /// The list has ended, or was refused: then there are none.
    pub(super) fn on_queues_listed(&mut self) {
        let Some(objects) = self.settings.objects.clone() else {
            return;
        };
        let due = self.queue_refresh.due;
        let refresh = std::mem::take(&mut self.queue_refresh);
        self.queue_refresh.due = due;
        if refresh.lane.is_none() {
            return;
        }
        if refresh.meanwhile_bytes > MEANWHILE_BYTES_MAX {
            objects.write().take_queues_of(Objects::default());
            self.note(NodeNote::SurveyFailed {
                reason: "too many events came while it listed its queues".to_owned(),
            });
            return;
        }
        let mut listed = refresh.listed;
        listed.rewind(refresh.meanwhile.iter());
        for event in &refresh.meanwhile {
            listed.observe(event);
        }
        objects.write().take_queues_of(listed);
    }
}
