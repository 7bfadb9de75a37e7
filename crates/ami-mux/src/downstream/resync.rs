//! What a session is told of a node that was away.
//!
//! A session that knew what the node had is told what became of it. One that came meanwhile knows nothing, and is told
//! everything. Accounts can say whether they want it; by default sessions of several nodes do.

use super::effect::SessionEffect;
use super::logged_in::Login;
use super::session::{Phase, Session};
use crate::ids::NodeId;

impl Login {
    /// Whether an event that amiplex made up for `node` is for this session.
    pub(super) fn takes_made_up(&self, node: NodeId) -> bool {
        self.wants_resync() && !self.missing.contains(&node)
    }

    /// Whether it is told what it missed.
    pub(super) fn wants_resync(&self) -> bool {
        let several = self.view.single().is_none();
        self.principal.account().resync.unwrap_or(several)
    }
}

impl Session {
    /// The node has told its viewers what they missed.
    pub(super) fn on_resynced(&mut self, node: NodeId) {
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        let Some(at) = login.missing.iter().position(|away| *away == node) else {
            return;
        };
        login.missing.swap_remove(at);
        if login.wants_resync() {
            self.effects.push_back(SessionEffect::Replay(node));
        }
    }
}
