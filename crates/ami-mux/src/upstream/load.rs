//! How many actions of a kind a node works on at once.
//!
//! Owner: the node's machine. What is over its number waits for its turn; the others go on.

use ami_access::{Authorized, Cost, ListForm};
use ami_proto::Action;

/// What an action asks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Looks something up.
    Read,
    /// Changes something, or may.
    Write,
    /// Runs a line of the CLI.
    Command,
    /// Walks a table of the node.
    List,
}

/// Lists that are not marked as such in the action table, because nothing correlates their answers.
const UNMARKED_LISTS: [&str; 3] = ["DataGet", "IAXnetstats", "Queues"];
/// Reads whose answers are not the same for everybody.
const UNMARKED_READS: [&str; 2] = ["FAXSession", "Getvar"];

impl Load {
    /// `None` for what blocks: it has lanes of its own, with a number of its own.
    pub(super) fn of(action: &Authorized<Action>, cost: Cost) -> Option<Self> {
        if cost == Cost::Blocking {
            return None;
        }
        let Some(spec) = action.spec() else {
            return Some(Self::Write);
        };
        let is_list = spec.shareable && matches!(action.list(), ListForm::List { .. });
        Some(if spec.name == "Command" {
            Self::Command
        } else if is_list || UNMARKED_LISTS.contains(&spec.name) {
            Self::List
        } else if spec.shareable || UNMARKED_READS.contains(&spec.name) {
            Self::Read
        } else {
            Self::Write
        })
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Command => 2,
            Self::List => 3,
        }
    }
}

/// Numbers by [`Load`]; blocking actions have none.
pub(super) type ByLoad<T> = [T; 4];

/// Written and unfinished actions of each kind at most, blocking ones aside. 1 or more each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOnce {
    /// Actions that look something up.
    pub read: usize,
    /// Actions that change something, or may.
    pub write: usize,
    /// The action Command.
    pub command: usize,
    /// Actions that walk a table of the node.
    pub list: usize,
}

impl AtOnce {
    /// As many as the lanes take.
    pub const UNLIMITED: Self = Self {
        read: usize::MAX,
        write: usize::MAX,
        command: usize::MAX,
        list: usize::MAX,
    };

    fn by_load(&self) -> ByLoad<usize> {
        [self.read, self.write, self.command, self.list]
    }
}

/// What a node works on, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnderWay(ByLoad<usize>);

impl UnderWay {
    pub(super) fn begun(&mut self, load: Option<Load>) {
        if let Some(count) = load.and_then(|load| self.0.get_mut(load.index())) {
            *count += 1;
        }
    }

    pub(super) fn ended(&mut self, load: Option<Load>) {
        if let Some(count) = load.and_then(|load| self.0.get_mut(load.index())) {
            *count = count.saturating_sub(1);
        }
    }

    /// Which kinds have room for one more.
    pub(super) fn room(&self, most: &AtOnce) -> Room {
        let mut room = [false; 4];
        for ((room, count), most) in room.iter_mut().zip(self.0).zip(most.by_load()) {
            *room = count < most;
        }
        Room(room)
    }
}

/// The kinds of which the node may get one more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room(ByLoad<bool>);

impl Room {
    pub(super) fn is_for(self, load: Option<Load>) -> bool {
        load.and_then(|load| self.0.get(load.index()))
            .copied()
            .unwrap_or(true)
    }
}
