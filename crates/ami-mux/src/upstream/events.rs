//! What comes on the event lane and is no answer: the node's broadcast events.
//!
//! Everything here is untrusted text. Only three events may carry a wire id of ours; any other such id is removed,
//! counted, and the event is still delivered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_proto::action_id::is_wire_action_id;
use ami_proto::rewrite::{join, remove_wire_action_id, timestamp};
use ami_proto::{Class, Frame, FrameKind, Slices};
use bytes::Bytes;
use smallvec::smallvec;

use super::async_ids::Restored;
use super::effect::NodeNote;
use super::node::Node;
use super::queue_refresh::is_about_queues;
use crate::directory::{Booted, NodeState};
use crate::event::{NodeEvent, classes_of};

impl<R: Clone> Node<R> {
    pub(super) fn on_event(&mut self, frame: &Frame, now: Instant) {
        if frame.kind() != FrameKind::Event {
            self.note(NodeNote::ForeignId);
            return;
        }
        let Some(name) = frame.event_name() else {
            return;
        };
        match name {
            b"FullyBooted" if self.on_fully_booted(frame, now) => return,
            b"Load" | b"Unload" | b"Reload" => {
                self.inquiry.commands_changed();
                self.inquire(now);
                if is_about_queues(frame) {
                    self.queue_refresh.is_due();
                }
            }
            _ => {}
        }
        let classes = classes_of(frame);
        let of_security = classes.is_some_and(|classes| classes.contains(Class::Security));
        if of_security && !self.settings.own_security_events && self.is_about_our_account(frame) {
            return;
        }
        let Restored { bytes, asked_by } = self.restored(frame);
        let bytes = own_copy(bytes);
        let bytes = self
            .stamp
            .and_then(|now| timestamp(&bytes, now))
            .unwrap_or(bytes);
        let name = Arc::clone(&self.settings.name);
        let event = NodeEvent::classed(self.settings.id, name, frame, classes, bytes);
        self.pass_event(event.asked_by(asked_by), frame, now);
    }

    /// Takes in what the event says of what the node has.
    pub(super) fn observe(&self, frame: &Frame) {
        if let Some(objects) = &self.settings.objects {
            objects.write().observe(frame);
            if frame.event_name() == Some(b"Newchannel") {
                objects.channel_came();
            }
        }
    }

    /// True when it answers our own login and is for nobody else.
    fn on_fully_booted(&mut self, frame: &Frame, now: Instant) -> bool {
        let own = self.status.booted.is_none() && is_login_form(frame);
        let seconds = |name| {
            let text = std::str::from_utf8(frame.header(name)?).ok()?;
            text.parse().ok().map(Duration::from_secs)
        };
        self.status.booted = Some(Booted {
            heard: now,
            uptime: seconds("Uptime"),
            since_reload: seconds("LastReload"),
        });
        self.status.state = NodeState::Up;
        if !self.status.lagging && !self.status.is_silent() {
            self.status.reason = "fully booted".into();
        }
        self.publish_status();
        if own {
            self.effects
                .push_back(super::NodeEffect::Broadcast(crate::mail::Mail::NodeBooted(
                    self.settings.id,
                )));
        }
        own
    }

    /// Of a security event: whether it is of the upstream account, amiplex's own comings and goings.
    fn is_about_our_account(&self, frame: &Frame) -> bool {
        frame
            .header("AccountID")
            .is_some_and(|account| account.eq_ignore_ascii_case(self.settings.username.as_bytes()))
    }

    fn restored(&mut self, frame: &Frame) -> Restored {
        let of_nobody = |bytes| Restored {
            bytes,
            asked_by: None,
        };
        if !frame.headers("ActionID").any(is_wire_action_id) {
            return of_nobody(smallvec![frame.bytes().clone()]);
        }
        let known = frame
            .action_id()
            .and_then(|id| self.pending.key_of(id))
            .and_then(|key| self.async_ids.restore(key, frame));
        known.unwrap_or_else(|| {
            self.note(NodeNote::ForeignId);
            of_nobody(remove_wire_action_id(frame))
        })
    }
}

/// A waiting event must not pin the read buffer that it was cut from.
fn own_copy(slices: Slices) -> Bytes {
    match slices.as_slice() {
        [only] => Bytes::copy_from_slice(only),
        _ => join(slices),
    }
}

/// The FullyBooted that answers a login has its `Uptime` before its `Status`; the broadcast one has it after. Up to Asterisk 13 there is
/// none, and both are alike: the first one after a connect is taken for the answer, and given to sessions as 14 would.
fn is_login_form(frame: &Frame) -> bool {
    let position = |name: &str| frame.lines().position(|line| line.is(name));
    match (position("Uptime"), position("Status")) {
        (Some(uptime), Some(status)) => uptime < status,
        (uptime, _) => uptime.is_none(),
    }
}
