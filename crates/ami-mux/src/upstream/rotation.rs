//! Whose turn it is: those who wait for a lane, in the order in which they came to wait.
//!
//! Owner: the fair queue. Kept apart by cost, which decides about the lane, and by kind, of which the node works on so many at
//! once: who waits for room of his kind stands in nobody's way, and keeps his place among the others.

use std::collections::VecDeque;

use ami_access::Cost;

use super::load::{ByLoad, Load, Room};
use super::sharing::ShareKey;
use crate::ids::SessionId;

/// Who has a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Party {
    Session(SessionId),
    /// All sessions that wait for the question's next round.
    Round(ShareKey),
}

/// What decides about the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cost: Cost,
    pub(super) load: Option<Load>,
}

/// Those who wait with actions of one cost and kind, each with his number in the order of all.
type Line = VecDeque<(u64, Party)>;

/// Everybody who waits for a lane.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    /// Quick, slow; each by kind.
    limited: [ByLoad<Line>; 2],
    blocking: Line,
    next: u64,
}

impl Rotation {
    /// The last of all.
    pub(super) fn push(&mut self, place: Place, party: Party) {
        let number = self.next;
        self.next += 1;
        if let Some(line) = self.line(place) {
            line.push_back((number, party));
        }
    }

    pub(super) fn remove(&mut self, place: Place, party: &Party) {
        if let Some(line) = self.line(place) {
            line.retain(|(_, waiting)| waiting != party);
        }
    }

    /// How many wait for nothing but a lane.
    pub(super) fn len(&self, cost: Cost, room: Room) -> usize {
        self.lines(cost, room).map(VecDeque::len).sum()
    }

    /// The first of those who wait for nothing but a lane, taken out.
    pub(super) fn pop(&mut self, cost: Cost, room: Room) -> Option<Party> {
        let first = self
            .lines_mut(cost, room)
            .filter(|line| !line.is_empty())
            .min_by_key(|line| line.front().map(|(number, _)| *number))?;
        first.pop_front().map(|(_, party)| party)
    }

    fn line(&mut self, place: Place) -> Option<&mut Line> {
        match (cost_index(place.cost), place.load) {
            (Some(cost), Some(load)) => self.limited.get_mut(cost)?.get_mut(load.index()),
            _ => Some(&mut self.blocking),
        }
    }

    fn lines(&self, cost: Cost, room: Room) -> impl Iterator<Item = &Line> {
        let limited = cost_index(cost).and_then(|cost| self.limited.get(cost));
        let blocking = limited.is_none().then_some(&self.blocking);
        let limited = LOADS.into_iter().zip(limited.into_iter().flatten());
        let limited = limited.filter(move |(load, _)| room.is_for(Some(*load)));
        limited.map(|(_, line)| line).chain(blocking)
    }

    fn lines_mut(&mut self, cost: Cost, room: Room) -> impl Iterator<Item = &mut Line> {
        let limited = cost_index(cost).and_then(|cost| self.limited.get_mut(cost));
        let blocking = limited.is_none().then_some(&mut self.blocking);
        let limited = LOADS.into_iter().zip(limited.into_iter().flatten());
        let limited = limited.filter(move |(load, _)| room.is_for(Some(*load)));
        limited.map(|(_, line)| line).chain(blocking)
    }
}

/// In the order of their index.
const LOADS: ByLoad<Load> = [Load::Read, Load::Write, Load::Command, Load::List];

fn cost_index(cost: Cost) -> Option<usize> {
    match cost {
        Cost::Quick => Some(0),
        Cost::Slow => Some(1),
        Cost::Blocking => None,
    }
}
