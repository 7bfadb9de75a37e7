//! Which classes of events come down the event lane: those that some session wants, and those that amiplex needs itself.
//!
//! Owner: the node's machine. Invariants: what a session has been told it gets, the node has been told before; a mask is made narrower
//! only when the same would have done for the whole time that is configured. After each connect the node sends everything.

use std::collections::VecDeque;
use std::time::Instant;

use ami_proto::{Class, ClassSet, Frame};

use super::effect::NodeEffect;
use super::lane::LaneRole;
use super::node::Node;
use super::pending::Internal;
use crate::ids::LaneId;

/// Classes that amiplex itself never looks at.
const OPTIONAL: [Class; 10] = [
    Class::Log,
    Class::Verbose,
    Class::Dtmf,
    Class::Reporting,
    Class::Dialplan,
    Class::Agi,
    Class::Cdr,
    Class::Cc,
    Class::Aoc,
    Class::Test,
];

/// No class has it.
const UNUSED_BIT: u32 = 1 << 29;

/// The optional classes that `set` leaves out, as a mask of everything else.
fn with_all_that_is_needed(set: ClassSet) -> ClassSet {
    let left_out: ClassSet = OPTIONAL
        .into_iter()
        .filter(|class| !set.contains(*class))
        .collect();
    ClassSet::from_bits(ClassSet::ALL.bits() & !left_out.bits())
}

/// The mask of the event lane.
#[derive(Debug)]
pub(super) struct Narrowing {
    /// What the sessions want, with what amiplex needs.
    wanted: ClassSet,
    /// The last mask that was sent.
    sent: ClassSet,
    /// The last mask that was acknowledged.
    heard: ClassSet,
    /// Masks that were sent and not acknowledged, in order.
    unacknowledged: VecDeque<ClassSet>,
    /// Since when the present wish is narrower than what was sent.
    since: Option<Instant>,
    /// The node takes no mask: it sends everything, as after its login.
    refused: bool,
    /// Who waits for an acknowledgement, with the number of masks that must have been acknowledged.
    waiting: VecDeque<(u64, u64)>,
    next_ticket: u64,
    masks_sent: u64,
    masks_acknowledged: u64,
}

impl Default for Narrowing {
    fn default() -> Self {
        Self {
            wanted: ClassSet::ALL,
            sent: ClassSet::ALL,
            heard: ClassSet::ALL,
            unacknowledged: VecDeque::new(),
            since: None,
            refused: false,
            waiting: VecDeque::new(),
            next_ticket: 0,
            masks_sent: 0,
            masks_acknowledged: 0,
        }
    }
}

impl<R: Clone> Node<R> {
    /// The classes that all sessions of the node want together. With a ticket, the node has to be told first: until
    /// [`NodeEffect::Heard`] gives it, or the event lane is lost, events of what is new may be missed.
    pub fn set_wanted(&mut self, classes: ClassSet, now: Instant) -> Option<u64> {
        self.settings.narrow_after?;
        let narrowing = &mut self.narrowing;
        let wanted = with_all_that_is_needed(classes);
        if wanted != narrowing.wanted {
            narrowing.wanted = wanted;
            narrowing.since = None;
        }
        if !narrowing.sent.covers(wanted) {
            self.send_mask(now);
        }
        self.narrow(now);
        let narrowing = &mut self.narrowing;
        if narrowing.unacknowledged.is_empty() {
            return None;
        }
        let ticket = narrowing.next_ticket;
        narrowing.next_ticket += 1;
        narrowing.waiting.push_back((ticket, narrowing.masks_sent));
        Some(ticket)
    }

    /// Leaves out what nobody has wanted for long enough.
    pub(super) fn narrow(&mut self, now: Instant) {
        let Some(after) = self.settings.narrow_after else {
            return;
        };
        let narrowing = &mut self.narrowing;
        if narrowing.wanted == narrowing.sent || narrowing.refused || !self.status.is_up() {
            narrowing.since = None;
            return;
        }
        let due = *narrowing.since.get_or_insert(now) + after;
        if due <= now {
            self.send_mask(now);
        } else {
            self.arm(due);
        }
    }

    fn send_mask(&mut self, now: Instant) {
        let lanes = self.lanes.values();
        let mut ready = lanes.filter(|lane| lane.role == LaneRole::Event && lane.is_ready());
        let Some(id) = ready
            .next()
            .map(|lane| lane.id)
            .filter(|_| !self.narrowing.refused)
        else {
            return;
        };
        let wanted = self.narrowing.wanted;
        // A number says exactly these bits, also those that have no name. To one with every bit a node with `brokeneventsaction`
        // does not answer, so a bit is left out that stands for nothing.
        let mask = (wanted.bits() & !UNUSED_BIT).to_string();
        let sent = self.send_internal(id, Internal::EventMask, &[("EventMask", &mask)], now);
        if sent.is_ok() {
            let narrowing = &mut self.narrowing;
            narrowing.sent = wanted;
            narrowing.since = None;
            narrowing.unacknowledged.push_back(wanted);
            narrowing.masks_sent += 1;
        }
    }

    /// The node's answer to a mask. A node that refuses one is asked no more; with a narrow mask its lane begins anew.
    pub(super) fn on_event_mask(&mut self, lane: LaneId, frame: &Frame, now: Instant) {
        let narrowing = &mut self.narrowing;
        let Some(mask) = narrowing.unacknowledged.pop_front() else {
            return;
        };
        narrowing.masks_acknowledged += 1;
        if frame.response() == Some(b"Error") {
            narrowing.refused = true;
            narrowing.sent = narrowing.heard;
            if narrowing.heard != ClassSet::ALL {
                self.lose_lane(lane, "the node refuses the mask of events", now);
                return;
            }
        } else {
            narrowing.heard = mask;
        }
        self.tell_who_waits();
    }

    /// A new event lane, or none: the node has forgotten every mask.
    pub(super) fn forget_masks(&mut self) {
        let narrowing = &mut self.narrowing;
        narrowing.sent = ClassSet::ALL;
        narrowing.heard = ClassSet::ALL;
        narrowing.unacknowledged.clear();
        narrowing.masks_acknowledged = narrowing.masks_sent;
        narrowing.since = None;
        self.tell_who_waits();
    }

    fn tell_who_waits(&mut self) {
        let narrowing = &mut self.narrowing;
        while let Some((ticket, masks)) = narrowing.waiting.front().copied()
            && masks <= narrowing.masks_acknowledged
        {
            narrowing.waiting.pop_front();
            self.effects.push_back(NodeEffect::Heard(ticket));
        }
    }

    /// The event lane has logged in with all events.
    pub(super) fn begin_masks(&mut self, now: Instant) {
        self.forget_masks();
        self.narrow(now);
    }
}
