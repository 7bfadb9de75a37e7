//! What a node says on its way to the client: held by the gate, tested at the moment when its turn comes, written.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use smallvec::smallvec;

use super::effect::{SessionEffect, SessionNote};
use super::gate::{Held, News};
use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use crate::event::NodeEvent;
use crate::event_batch::{BatchView, EventBatch};

impl Session {
    /// Takes in an event, unless its account can never see it.
    pub(super) fn admit_event(
        &mut self,
        event: Arc<NodeEvent>,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        let hidden = matches!(&self.phase, Phase::Open(login) if !login.may_come_to_see(&event));
        if !hidden {
            self.admit(Held::Event(event), surroundings, now);
        }
    }

    /// Takes in events that came together: in one piece where nothing has to be known of the single event.
    pub(super) fn admit_events(
        &mut self,
        batch: &EventBatch,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        if let Some(view) = self.view_of(batch) {
            if view.events > 0 {
                self.effects.push_back(SessionEffect::Write {
                    bytes: smallvec![view.bytes],
                    events: view.events,
                });
            }
            return;
        }
        let Phase::Open(login) = &self.phase else {
            return;
        };
        let interest = login.interest.at(batch.node());
        for event in batch.events() {
            if event.visible_to(interest) {
                self.admit_event(Arc::clone(event), surroundings, now);
            }
        }
    }

    /// What the session sees of them; `None` when some may have to wait, or what it sees is not that of its account.
    fn view_of(&self, batch: &EventBatch) -> Option<BatchView> {
        let Phase::Open(login) = &self.phase else {
            return None;
        };
        let account = login.principal.account();
        let alone = self.waiting.is_some()
            || self.gate.holds(batch.node())
            || login.own_filters.is_some()
            || account.channels.is_some()
            || !login.view.contains(batch.node());
        if alone {
            return None;
        }
        let filters = (!account.event_filters.is_empty()).then_some(account);
        let interest = login.interest.at(batch.node());
        Some(batch.view(interest, filters, login.label.as_ref()))
    }

    /// Gives what its node said, or holds it behind the answers that it must not overtake.
    pub(super) fn admit(&mut self, held: Held, surroundings: &impl Surroundings, now: Instant) {
        if let Some(held) = self.gate.admit(held) {
            self.give(&held, surroundings, now);
        }
    }

    pub(super) fn pass_events(&mut self, surroundings: &impl Surroundings, now: Instant) {
        while let Some(held) = self.gate.pass() {
            self.give(&held, surroundings, now);
        }
    }

    fn give(&mut self, held: &Held, surroundings: &impl Surroundings, now: Instant) {
        match held {
            Held::Event(event) => self.give_event(event),
            Held::Security(_, event) => self.give_security(event),
            Held::News(node, News::Up) => self.on_node_up(*node, surroundings),
            Held::Resynced(node, has) => self.on_resynced(*node, has.as_deref()),
            Held::News(node, News::Booted) => self.on_node_booted(*node, surroundings, now),
            Held::News(node, News::Down) => self.on_node_down(*node, surroundings, now),
        }
    }

    pub(super) fn give_event(&mut self, event: &NodeEvent) {
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        if !login.view.contains(event.node()) || !event.visible_to(login.interest.at(event.node()))
        {
            self.note(SessionNote::EventDiscarded);
            return;
        }
        let before = login.is_of_before(event);
        if before || (event.is_made_up() && !login.takes_made_up(event)) {
            return;
        }
        let of_the_cluster = event.is_shutdown() && login.view.single().is_none();
        if of_the_cluster || !login.may_see(event) || !login.filters().admit(event.plain()) {
            return;
        }
        login.hears(event);
        let bytes = login
            .label
            .as_ref()
            .map_or_else(|| event.plain().clone(), |name| event.labelled(name));
        self.give_bytes(bytes);
    }

    /// Writes a broadcast event, which ends a wait.
    pub(super) fn give_bytes(&mut self, bytes: Bytes) {
        let waiting = self.announce_wait();
        self.effects.push_back(SessionEffect::Write {
            bytes: smallvec![bytes],
            events: 1,
        });
        if let Some(waiting) = waiting {
            self.complete_wait(&waiting);
        }
    }
}
