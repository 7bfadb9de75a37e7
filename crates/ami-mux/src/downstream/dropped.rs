//! The event that tells a client how many it missed, for accounts that would rather miss some than be closed.

use super::own_event::own_event;
use super::session::{Phase, Session};
use super::surroundings::Surroundings;

impl Session {
    /// `count` events were dropped before they reached this session.
    pub fn events_dropped(&mut self, count: u64, surroundings: &impl Surroundings) {
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        login.own_bridges.forget_all();
        let event = own_event("EventsDropped", surroundings)
            .text("Count", count.to_string())
            .text("Since", surroundings.wall_clock().as_secs().to_string())
            .finish();
        self.write(event);
    }
}
