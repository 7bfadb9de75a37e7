//! What a session is told of a node that was away.
//!
//! A session that knew what the node had is told what became of it. One that came meanwhile knows nothing, and is told
//! everything. Accounts can say whether they want it; by default sessions of several nodes do.

use std::sync::Arc;

use super::effect::SessionEffect;
use super::logged_in::Login;
use super::session::{Phase, Session};
use crate::event::NodeEvent;
use crate::ids::NodeId;

impl Login {
    /// Whether an event that amiplex made up is for this session. Of what it never saw it is not told the end.
    pub(super) fn takes_made_up(&self, event: &NodeEvent) -> bool {
        let node = event.node();
        let may_know = event.is_end() && self.overheard.contains(&node);
        self.wants_resync() && (may_know || !self.missing.contains(&node))
    }

    /// The session is given this event. One that waited while a node was asked what it has, and was given without that, may be the
    /// first that the session hears of a channel: of its end it must be told.
    pub(super) fn hears(&mut self, event: &NodeEvent) {
        let node = event.node();
        let overheard = event.has_waited() && self.missing.contains(&node);
        if overheard && !self.overheard.contains(&node) {
            self.overheard.push(node);
        }
    }

    /// Whether its node raised the event before the login, and nothing that this session was told goes on with it.
    pub(super) fn is_of_before(&self, event: &NodeEvent) -> bool {
        event.was_heard_before(self.since) && !self.told.contains(&event.node())
    }

    /// Whether it is told what it missed.
    pub(super) fn wants_resync(&self) -> bool {
        let several = self.view.single().is_none();
        self.principal.account().resync.unwrap_or(several)
    }
}

impl Session {
    /// The node has told its viewers what they missed. What it has is given here and not later, so that the events which come
    /// next go on from there.
    pub(super) fn on_resynced(&mut self, node: NodeId, has: Option<&[Arc<NodeEvent>]>) {
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        let Some(at) = login.missing.iter().position(|away| *away == node) else {
            return;
        };
        login.missing.swap_remove(at);
        login.overheard.retain(|other| *other != node);
        if !login.wants_resync() {
            return;
        }
        let Some(has) = has else {
            self.effects.push_back(SessionEffect::Replay(node));
            return;
        };
        login.told.push(node);
        for event in has {
            self.give_event(event);
        }
    }
}
