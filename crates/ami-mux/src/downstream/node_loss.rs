//! What a node's coming and going means for a session that sees it.
//!
//! A session of one node does as its rule says: by default it is closed once its actions are answered, so that its client
//! does what it does when an Asterisk restarts. A session of several is told by an event.

use std::time::{Duration, Instant};

use ami_access::OnNodeLoss;
use ami_proto::rewrite::label;
use ami_proto::{Class, ClassSet, EventBuilder};

use super::effect::{EndReason, SessionEffect};
use super::logged_in::Login;
use super::own_event::own_event;
use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use crate::ids::NodeId;

/// When a session ends with its node, what its client had sent before it could know is still read for so long, and answered. Bytes
/// that nobody reads would take the last answers with them when the connection is closed.
const LAST_WORDS: Duration = Duration::from_millis(50);

impl Session {
    pub(super) fn on_node_down(
        &mut self,
        node: NodeId,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        if !login.view.contains(node) {
            return;
        }
        if !login.wants_resync() {
            login.own_bridges.forget(node);
        }
        if login.view.single().is_none() {
            self.tell(node, "NodeDown", surroundings);
            return;
        }
        let rule = login
            .principal
            .account()
            .on_node_loss
            .unwrap_or(self.settings.on_node_loss);
        match rule {
            OnNodeLoss::Close | OnNodeLoss::Refuse => {
                self.lost.get_or_insert(now + LAST_WORDS);
            }
            OnNodeLoss::Keep => {}
        }
    }

    /// The session's only node was lost, and what its client had sent by then has been read.
    pub(super) fn leave_lost_node(&mut self, surroundings: &impl Surroundings, now: Instant) {
        if self.lost.take_if(|at| *at <= now).is_some() {
            self.end_after_line(EndReason::NodeLost, surroundings, now);
        }
    }

    pub(super) fn on_node_up(&mut self, node: NodeId, surroundings: &impl Surroundings) {
        let Phase::Open(login) = &self.phase else {
            return;
        };
        if login.view.contains(node) && login.view.single().is_none() {
            self.tell(node, "NodeUp", surroundings);
        }
    }

    pub(super) fn on_node_booted(
        &mut self,
        node: NodeId,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        self.tell_booted(node, surroundings, now);
    }

    /// Gives the FullyBooted of a node that has booted, in the form that Asterisk gives at a login.
    pub(super) fn tell_booted(
        &mut self,
        node: NodeId,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        let directory = surroundings.directory();
        let Some(entry) = directory.entry(node) else {
            return;
        };
        let Some(booted) = entry.status.booted else {
            return;
        };
        // It can be heard of twice when the node boots while the session logs in.
        let told = (node, booted.heard);
        if !login.view.contains(node) || login.told_booted.contains(&told) {
            return;
        }
        login.told_booted.retain(|(other, _)| *other != node);
        login.told_booted.push(told);
        if !wants_system(login, node) {
            return;
        }
        let passed = now.saturating_duration_since(booted.heard);
        let mut event = EventBuilder::new("FullyBooted").text("Privilege", "system,all");
        for (name, then) in [
            ("Uptime", booted.uptime),
            ("LastReload", booted.since_reload),
        ] {
            if let Some(then) = then {
                event = event.text(name, then.saturating_add(passed).as_secs().to_string());
            }
        }
        let event = event.text("Status", "Fully Booted").finish();
        let event = login
            .label
            .as_ref()
            .map_or_else(|| event.clone(), |name| label(&event, name, &entry.name));
        self.write(event);
    }

    fn tell(&mut self, node: NodeId, name: &str, surroundings: &impl Surroundings) {
        let Phase::Open(login) = &self.phase else {
            return;
        };
        if !wants_system(login, node) {
            return;
        }
        let directory = surroundings.directory();
        let Some(entry) = directory.entry(node) else {
            return;
        };
        let bytes = own_event(name, surroundings)
            .text("Reason", entry.status.reason.as_bytes())
            .finish();
        let bytes = label(
            &bytes,
            login.label.as_deref().unwrap_or("Node"),
            &entry.name,
        );
        self.effects.push_back(SessionEffect::Write {
            bytes: smallvec::smallvec![bytes],
            events: 1,
        });
    }
}

fn wants_system(login: &Login, node: NodeId) -> bool {
    login.interest.at(node).covers(ClassSet::of(Class::System))
}
