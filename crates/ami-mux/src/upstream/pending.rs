//! The table of actions that were given to a lane and are not finished.
//!
//! A slot is registered before its action's bytes are written, and freed only when the final answer came or its lane
//! is gone: a late answer to an expired action still finds its slot, and never somebody else's. The generation makes
//! each wire id unique (I13).

use std::time::Instant;

use ami_access::ListForm;
use ami_proto::{ClientActionId, CommandOutput, WireActionId};

use smallvec::SmallVec;

use super::kept::Recording;
use super::load::{AtOnce, Load, Room, UnderWay};
use super::own_items::OwnItems;
use super::sharing::ShareKey;
use super::submission::Submission;
use crate::ids::{ActionSeq, LaneId, SessionId};

/// Index of a slot together with the generation that makes it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PendingKey {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// Whose action it is.
#[derive(Debug)]
pub(super) enum Owner<R> {
    /// That of one client, or of several that ask the same.
    Clients(Asked<R>),
    /// amiplex's own.
    Internal(Internal),
}

/// What is kept of clients' action while the node works on it.
#[derive(Debug)]
pub(super) struct Asked<R> {
    /// Who gets the answer; at least one.
    pub(super) clients: SmallVec<[Client<R>; 1]>,
    /// Of accounts with `channels`: what they get of a list.
    pub(super) own_items: Option<OwnItems>,
    pub(super) action_name: Box<str>,
    /// Its name as the action table spells it, if it is there.
    pub(super) table_name: Option<&'static str>,
    /// Whether it may change the queues of the node without an event.
    pub(super) reloads_queues: bool,
    /// Its answer so far, if that is to be kept.
    pub(super) recording: Option<Box<Recording>>,
    /// Its clients must not be given what was kept before its end.
    pub(super) may_write: bool,
    /// The question, where others wait for its next round.
    pub(super) question: Option<ShareKey>,
}

/// One who gets the answer.
#[derive(Debug)]
pub(super) struct Client<R> {
    pub(super) reply_to: R,
    pub(super) session: SessionId,
    pub(super) seq: ActionSeq,
    pub(super) action_id: Option<ClientActionId>,
    /// Name of the label header for list items, on sessions of several nodes.
    pub(super) label: Option<std::sync::Arc<str>>,
    /// The form of a Command's answer.
    pub(super) command_output: CommandOutput,
}

impl<R: Clone> Client<R> {
    /// Of one who submits an action.
    pub(super) fn of(submission: &Submission<R>) -> Self {
        Self {
            reply_to: submission.reply_to.clone(),
            session: submission.session,
            seq: submission.seq,
            action_id: submission.action.action().action_id(),
            label: submission.label.clone(),
            command_output: submission.command_output,
        }
    }
}

/// The actions that amiplex runs on its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Internal {
    /// Challenge of a lane's login.
    Challenge,
    /// Login of a lane.
    Login,
    /// Keepalive.
    Ping,
    /// Says which events the event lane gets.
    EventMask,
    /// Learns the node's actions.
    ListCommands,
    /// Learns what the upstream account may do.
    AccountLimits,
    /// Learns which Asterisk it is.
    Identity,
    /// Learns its queues again.
    Queues,
    /// Learns what the node has.
    Survey {
        /// The survey that asks.
        round: u64,
        /// The place of the list.
        place: usize,
    },
}

/// What must come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaiting {
    /// The response.
    Response,
    /// Items until the Complete event.
    ListItems { delivered: u64 },
    /// The same after an error among the items: some handlers still complete their list, some never do. The action ends
    /// quietly when nothing more comes.
    ListTail { delivered: u64 },
    /// So many parts that may come; the action ends quietly without them.
    Trailing { parts: u8 },
    /// Blocks of text, until so many blank lines come at once; the action ends quietly without them.
    Blocks { blank_lines: u8 },
}

/// One action on a lane.
#[derive(Debug)]
pub(super) struct Pending<R> {
    pub(super) lane: LaneId,
    pub(super) owner: Owner<R>,
    pub(super) awaiting: Awaiting,
    pub(super) list: ListForm,
    /// Its kind, if the node works on so many of it at once; amiplex's own have none.
    pub(super) load: Option<Load>,
    /// Where the action's first byte lies in everything ever queued for the lane.
    pub(super) starts_at: u64,
    pub(super) written: Instant,
    pub(super) deadline: Instant,
    /// How the action went is noted already; what may still come does not change it.
    pub(super) noted: bool,
    /// The owner has been answered; the slot waits for the node's late answer.
    pub(super) expired: bool,
    /// It went up without a wire id and owns its lane: answers are matched by order.
    pub(super) by_order: bool,
}

impl<R> Pending<R> {
    /// Who gets its answer; nobody if it is amiplex's own.
    pub(super) fn clients(&self) -> &[Client<R>] {
        match &self.owner {
            Owner::Clients(asked) => &asked.clients,
            Owner::Internal(_) => &[],
        }
    }

    /// What its end gives back: the turns of its clients' sessions, and the question of its round.
    pub(super) fn turns(&self) -> Turns {
        let question = match &self.owner {
            Owner::Clients(asked) => asked.question.clone(),
            Owner::Internal(_) => None,
        };
        let sessions = self.clients().iter().map(|client| client.session);
        Turns {
            sessions: sessions.collect(),
            question,
        }
    }
}

/// What an action keeps from others while it is under way.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) sessions: SmallVec<[SessionId; 1]>,
    pub(super) question: Option<ShareKey>,
}

/// Slots with generations.
#[derive(Debug)]
pub(super) struct PendingTable<R> {
    nonce: u32,
    slots: Vec<Slot<R>>,
    free: Vec<u32>,
    under_way: UnderWay,
}

#[derive(Debug)]
struct Slot<R> {
    generation: u32,
    pending: Option<Pending<R>>,
}

impl<R> PendingTable<R> {
    pub(super) fn new(nonce: u32) -> Self {
        Self {
            nonce,
            slots: Vec::new(),
            free: Vec::new(),
            under_way: UnderWay::default(),
        }
    }

    /// Takes a slot.
    pub(super) fn insert(&mut self, pending: Pending<R>) -> PendingKey {
        self.under_way.begun(pending.load);
        if let Some(index) = self.free.pop()
            && let Some(slot) = self
                .slots
                .get_mut(usize::try_from(index).unwrap_or(usize::MAX))
        {
            slot.generation = slot.generation.wrapping_add(1);
            slot.pending = Some(pending);
            return PendingKey {
                slot: index,
                generation: slot.generation,
            };
        }
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            generation: 0,
            pending: Some(pending),
        });
        PendingKey {
            slot: index,
            generation: 0,
        }
    }

    /// The id that goes over the wire for `key`.
    pub(super) fn wire_id(&self, key: PendingKey) -> WireActionId {
        WireActionId::new(self.nonce, key.slot, key.generation)
    }

    /// The key that `action_id` names, when the id is of this process; it need not be pending any more.
    pub(super) fn key_of(&self, action_id: &[u8]) -> Option<PendingKey> {
        let parts = WireActionId::parse(action_id)?;
        (parts.nonce == self.nonce).then_some(PendingKey {
            slot: parts.slot,
            generation: parts.generation,
        })
    }

    pub(super) fn entry(&self, key: PendingKey) -> Option<&Pending<R>> {
        let slot = self.slots.get(usize::try_from(key.slot).ok()?)?;
        slot.pending
            .as_ref()
            .filter(|_| slot.generation == key.generation)
    }

    pub(super) fn entry_mut(&mut self, key: PendingKey) -> Option<&mut Pending<R>> {
        let slot = self.slots.get_mut(usize::try_from(key.slot).ok()?)?;
        let generation = slot.generation;
        slot.pending
            .as_mut()
            .filter(|_| generation == key.generation)
    }

    /// Frees the slot.
    pub(super) fn remove(&mut self, key: PendingKey) -> Option<Pending<R>> {
        let slot = self.slots.get_mut(usize::try_from(key.slot).ok()?)?;
        if slot.generation != key.generation {
            return None;
        }
        let pending = slot.pending.take()?;
        self.under_way.ended(pending.load);
        self.free.push(key.slot);
        Some(pending)
    }

    /// Every key in use.
    pub(super) fn keys(&self) -> Vec<PendingKey> {
        let slots = (0..).zip(&self.slots);
        let used = slots.filter(|(_, slot)| slot.pending.is_some());
        used.map(|(index, slot)| PendingKey {
            slot: index,
            generation: slot.generation,
        })
        .collect()
    }

    /// Which kinds have room for one more.
    pub(super) fn room(&self, most: &AtOnce) -> Room {
        self.under_way.room(most)
    }

    /// Slots in use.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
