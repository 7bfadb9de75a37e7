//! The ids of actions whose event comes later and goes to everybody: OriginateResponse, UserEvent, SIPQualifyPeerDone.
//!
//! Independent of the session that asked: every permitted reader sees the original ActionID, also after that session
//! has gone. Bounded: when it is full new asynchronous actions are refused, live ones are never forgotten.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use ami_access::ChannelScope;
use ami_proto::rewrite::{restore_action_id, restore_user_event};
use ami_proto::{ClientActionId, EchoedIds, Frame, Slices};

use super::pending::PendingKey;

/// What to put back into the event.
#[derive(Debug)]
pub(super) enum Original {
    /// The client's ActionID, or none.
    ActionId {
        event: &'static str,
        id: Option<ClientActionId>,
    },
    /// The client's ActionID lines among the headers that UserEvent echoes.
    Echo(EchoedIds),
}

#[derive(Debug)]
struct Entry {
    original: Original,
    asked_by: Option<Arc<ChannelScope>>,
    expires: Instant,
}

/// An event with the client's own ids in it.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) bytes: Slices,
    /// The channels of the account that asked.
    pub(super) asked_by: Option<Arc<ChannelScope>>,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct AsyncIds {
    entries: HashMap<PendingKey, Entry>,
    by_expiry: BTreeSet<(Instant, PendingKey)>,
}

impl AsyncIds {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn insert(
        &mut self,
        key: PendingKey,
        original: Original,
        asked_by: Option<Arc<ChannelScope>>,
        expires: Instant,
    ) {
        self.by_expiry.insert((expires, key));
        let entry = Entry {
            original,
            asked_by,
            expires,
        };
        self.entries.insert(key, entry);
    }

    /// The action was refused: its event will not come.
    pub(super) fn forget(&mut self, key: PendingKey) {
        if let Some(entry) = self.entries.remove(&key) {
            self.by_expiry.remove(&(entry.expires, key));
        }
    }

    /// Puts the original ids into `frame` when `key` is awaited and the event is the one that it may cause.
    pub(super) fn restore(&mut self, key: PendingKey, frame: &Frame) -> Option<Restored> {
        let name = frame.event_name()?;
        let entry = self.entries.get(&key)?;
        let bytes = match &entry.original {
            Original::ActionId { event, id } if name.eq_ignore_ascii_case(event.as_bytes()) => {
                restore_action_id(frame, id.as_ref())
            }
            Original::Echo(ids) if name.eq_ignore_ascii_case(b"UserEvent") => {
                restore_user_event(frame, ids)
            }
            Original::ActionId { .. } | Original::Echo(_) => return None,
        };
        let asked_by = entry.asked_by.clone();
        self.forget(key);
        Some(Restored { bytes, asked_by })
    }

    /// When the next entry is to be dropped.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.by_expiry.first().map(|(at, _)| *at)
    }

    /// Drops what has waited past its time.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.by_expiry.first() {
            if at > now {
                return;
            }
            self.by_expiry.remove(&(at, key));
            self.entries.remove(&key);
        }
    }
}
