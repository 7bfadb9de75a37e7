//! What the loss of a lane or of the node means for the actions that were on it.
//!
//! Each ends at once, by whether a byte of it had left; nothing is written again. See `docs/adr/0004-loss-of-the-event-lane.md`.

use std::time::Instant;

use ami_access::ListForm;
use bytes::Bytes;
use smallvec::smallvec;

use super::effect::{ActionEnd, NodeEffect, NodeNote};
use super::lane::{Lane, LaneRole};
use super::node::Node;
use super::own_items::OwnItems;
use super::pending::{Asked, Awaiting, Client, Owner, Pending, PendingKey};
use crate::directory::{Breaker, NodeState};
use crate::ids::LaneId;
use crate::mail::{Mail, PartKind};
use crate::outcome::{CancelledList, Cause, Failure, Outcome};

impl<R: Clone> Node<R> {
    pub(super) fn remove_lane(&mut self, id: LaneId, reason: &str, now: Instant) {
        let Some(lane) = self.lanes.remove(&id) else {
            return;
        };
        for key in &lane.written {
            self.own_write_ended(*key, now);
        }
        self.fail_written(&lane, Cause::NodeDown);
        self.after_lane_loss(&lane, reason, now);
    }

    /// Ends what a lane had taken, by whether a byte of it has left.
    pub(super) fn fail_written(&mut self, lane: &Lane, cause: Cause) {
        for key in &lane.written {
            let sent = self
                .pending
                .entry(*key)
                .is_some_and(|pending| lane.has_sent_past(pending.starts_at));
            let outcome = if sent {
                Outcome::Unknown
            } else {
                Outcome::NotSent
            };
            self.fail_pending(*key, Failure { outcome, cause });
        }
    }

    fn after_lane_loss(&mut self, lane: &Lane, reason: &str, now: Instant) {
        if self.draining {
            return;
        }
        match lane.role {
            LaneRole::Event => {
                self.event_attempt = if lane.was_stable(now) {
                    0
                } else {
                    self.event_attempt.saturating_add(1)
                };
                self.node_down(reason, now);
            }
            LaneRole::Action | LaneRole::Blocking => {
                self.note(NodeNote::LaneLost {
                    reason: reason.to_owned(),
                });
                self.questions_lost(lane.id);
                self.suspect_lost_lane(lane, reason);
                if !lane.was_stable(now) || self.status.is_silent() {
                    self.action_attempt = self.action_attempt.saturating_add(1);
                }
                if self.status.is_up() {
                    if self.suspected_since.is_none() {
                        self.keep_minimum(now);
                    } else {
                        self.probe(now);
                    }
                    self.survey(now);
                    self.dispatch(now);
                }
            }
        }
    }

    /// The event lane is lost: the node is away for its viewers, and nothing new goes to it.
    fn node_down(&mut self, reason: &str, now: Instant) {
        self.status.failures = self.event_attempt;
        self.say_down(reason);
        self.open_lane(LaneRole::Event, self.event_attempt, now);
    }

    pub(super) fn say_down(&mut self, reason: &str) {
        let was_up = self.status.is_up();
        self.forget_masks();
        self.kept.node_lost();
        self.end_survey();
        self.status.state = NodeState::Down;
        self.status.reason = reason.into();
        self.status.booted = None;
        self.status.lagging = false;
        self.status.breaker = Breaker::Closed;
        self.suspected_since = None;
        self.publish_status();
        self.note(NodeNote::Down {
            reason: reason.to_owned(),
        });
        self.refuse_waiting(Cause::NodeDown);
        if was_up {
            self.effects
                .push_back(NodeEffect::Broadcast(Mail::NodeDown(self.settings.id)));
        }
    }

    /// Ends what no lane has taken.
    pub(super) fn refuse_waiting(&mut self, cause: Cause) {
        for submission in self.queue.drain() {
            self.refuse(
                submission,
                Failure {
                    outcome: Outcome::NotSent,
                    cause,
                },
            );
        }
    }

    /// Ends a pending action in its node's stead and frees its slot.
    pub(super) fn fail_pending(&mut self, key: PendingKey, failure: Failure) {
        if failure.outcome == Outcome::NotSent {
            self.async_ids.forget(key);
        }
        self.end_for_clients(key, failure);
        if let Some(pending) = self.pending.remove(key) {
            self.release_turn(&pending);
        }
    }

    /// Tells the clients that their action ended without its node, unless they were told before.
    pub(super) fn end_for_clients(&mut self, key: PendingKey, failure: Failure) {
        let Some(pending) = self.pending.entry(key).filter(|pending| !pending.expired) else {
            return;
        };
        let Owner::Clients(asked) = &pending.owner else {
            return;
        };
        let end = match failure.outcome {
            Outcome::NotSent => ActionEnd::NotSent,
            Outcome::Unknown => ActionEnd::Unknown,
        };
        for client in &asked.clients {
            let bytes = end_bytes(pending, asked, client, failure, &self.settings.name);
            let mail = Mail::Reply {
                node: self.settings.id,
                seq: client.seq,
                bytes: smallvec![bytes],
                last: true,
                kind: PartKind::Ended(failure),
            };
            self.effects
                .push_back(NodeEffect::Deliver(client.reply_to.clone(), mail));
            self.effects.push_back(NodeEffect::Note(NodeNote::Done {
                action: asked.table_name,
                end,
                after: None,
            }));
        }
        if failure.cause == Cause::Deadline {
            let action = asked.action_name.to_string();
            self.note(NodeNote::DeadlinePassed { action });
        }
    }
}

fn complete_name(list: ListForm) -> Option<&'static str> {
    match list {
        ListForm::List { complete } => complete.first().copied(),
        ListForm::No | ListForm::ConditionalHangup | ListForm::Irregular(_) | ListForm::Unknown => {
            None
        }
    }
}

/// What the client gets instead of its node's answer.
fn end_bytes<R>(
    pending: &Pending<R>,
    asked: &Asked<R>,
    client: &Client<R>,
    failure: Failure,
    node: &str,
) -> Bytes {
    match pending.awaiting {
        Awaiting::Response | Awaiting::Blocks { .. } => {
            failure.response(node, client.action_id.as_ref())
        }
        Awaiting::ListItems { delivered } | Awaiting::ListTail { delivered } => {
            let own_name = format!("{}Complete", asked.action_name);
            let list = CancelledList {
                complete: complete_name(pending.list).unwrap_or(&own_name),
                action_id: client.action_id.as_ref(),
                items: asked.own_items.as_ref().map_or(delivered, OwnItems::given),
                label: client.label.as_deref(),
            };
            failure.cancelled_list(node, &list)
        }
        Awaiting::Trailing { .. } => Bytes::new(),
    }
}
