//! The channels of one node, found by name, by Uniqueid and by Linkedid.
//!
//! The tables hold places in a slab, not copies of the keys: a hundred thousand channels cost little more than their texts.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use ami_proto::Frame;
use hashbrown::HashTable;
use slab::Slab;

use super::snapshot::Snapshot;

/// A live channel.
#[derive(Debug)]
pub struct Channel {
    snapshot: Snapshot,
    bridge: Option<Box<[u8]>>,
}

impl Channel {
    /// Its name, such as `PJSIP/100-0000001a`.
    pub fn name(&self) -> &[u8] {
        self.snapshot.name()
    }

    /// Its Uniqueid.
    pub fn uniqueid(&self) -> &[u8] {
        self.snapshot.uniqueid()
    }

    /// The Linkedid of its calls; empty up to Asterisk 11.
    pub fn linkedid(&self) -> &[u8] {
        self.snapshot.linkedid()
    }

    /// Its headers from `Channel` to `Linkedid` as last heard, each line with its CRLF.
    pub fn headers(&self) -> &[u8] {
        self.snapshot.text()
    }

    /// BridgeUniqueid of the bridge that it is in.
    pub fn bridge(&self) -> Option<&[u8]> {
        self.bridge.as_deref()
    }
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Channels {
    slab: Slab<Channel>,
    by_uniqueid: HashTable<u32>,
    by_name: HashTable<u32>,
    /// Channels of each Linkedid that is not one of them alone: most channels' Linkedid is their own Uniqueid.
    linked: HashMap<Box<[u8]>, u32>,
    hasher: RandomState,
}

impl Channels {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.slab.iter().map(|(_, channel)| channel)
    }

    /// By name, then by Uniqueid.
    pub(super) fn find(&self, key: &[u8]) -> Option<&Channel> {
        let place = self.place_of_name(key).or_else(|| self.place_of(key))?;
        self.at(place)
    }

    pub(super) fn by_uniqueid(&self, uniqueid: &[u8]) -> Option<&Channel> {
        self.at(self.place_of(uniqueid)?)
    }

    pub(super) fn has_linkedid(&self, linkedid: &[u8]) -> bool {
        self.linked.contains_key(linkedid)
            || self
                .place_of(linkedid)
                .and_then(|place| self.at(place))
                .is_some_and(|channel| channel.linkedid() == linkedid)
    }

    /// Adds a channel, or takes a newer word of a known one.
    pub(super) fn insert(&mut self, snapshot: Snapshot) {
        if self.place_of(snapshot.uniqueid()).is_some() {
            self.refresh(snapshot);
            return;
        }
        self.link(&snapshot);
        let place = self.slab.insert(Channel {
            snapshot,
            bridge: None,
        });
        let Ok(place) = u32::try_from(place) else {
            return;
        };
        self.enter(place);
    }

    /// Takes what an event says of its channel, if that is known and was otherwise before.
    pub(super) fn refresh_by(&mut self, event: &Frame) {
        let known = event.header("Uniqueid").and_then(|id| self.by_uniqueid(id));
        // Most events say again what was known, or are about nothing that is a channel.
        if known.is_some_and(|channel| !channel.snapshot.is_repeated_in(event))
            && let Some(snapshot) = Snapshot::of_channel(event)
        {
            self.refresh(snapshot);
        }
    }

    /// Takes a newer word of a channel, if it is known.
    pub(super) fn refresh(&mut self, snapshot: Snapshot) {
        let Some(place) = self.place_of(snapshot.uniqueid()) else {
            return;
        };
        let known = self.at(place).map(|channel| &channel.snapshot);
        let Some(known) = known.filter(|known| **known != snapshot).cloned() else {
            return;
        };
        let renamed = known.name() != snapshot.name();
        if renamed {
            self.leave_name(place, known.name());
        }
        if known.linkedid() != snapshot.linkedid() {
            self.unlink(&known);
            self.link(&snapshot);
        }
        if let Some(channel) = self.slab.get_mut(index(place)) {
            channel.snapshot = snapshot;
        }
        if renamed {
            self.enter_name(place);
        }
    }

    /// `Rename`: another name for the same Uniqueid.
    pub(super) fn rename(&mut self, event: &Frame) {
        let (Some(uniqueid), Some(name)) = (event.header("Uniqueid"), event.header("Newname"))
        else {
            return;
        };
        self.set_name(uniqueid, name);
    }

    /// Gives the channel another name, if it is known.
    pub(super) fn set_name(&mut self, uniqueid: &[u8], name: &[u8]) {
        let known = self.place_of(uniqueid).and_then(|place| self.at(place));
        if let Some(renamed) = known.and_then(|channel| channel.snapshot.renamed(name)) {
            self.refresh(renamed);
        }
    }

    pub(super) fn remove(&mut self, uniqueid: &[u8]) -> Option<Channel> {
        let place = self.place_of(uniqueid)?;
        let hash = self.hasher.hash_one(uniqueid);
        if let Ok(entry) = self.by_uniqueid.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        let name = self.at(place)?.name().to_vec();
        self.leave_name(place, &name);
        let channel = self.slab.try_remove(index(place))?;
        self.unlink(&channel.snapshot);
        Some(channel)
    }

    /// True when the channel is known.
    pub(super) fn set_bridge(&mut self, uniqueid: &[u8], bridge: Option<&[u8]>) -> bool {
        let channel = self
            .place_of(uniqueid)
            .and_then(|place| self.slab.get_mut(index(place)));
        channel.is_some_and(|channel| {
            channel.bridge = bridge.map(Into::into);
            true
        })
    }

    /// It is in that bridge no longer; it may be in another already.
    pub(super) fn leave_bridge(&mut self, uniqueid: &[u8], bridge: &[u8]) {
        let channel = self
            .place_of(uniqueid)
            .and_then(|place| self.slab.get_mut(index(place)));
        if let Some(channel) = channel.filter(|channel| channel.bridge() == Some(bridge)) {
            channel.bridge = None;
        }
    }

    fn at(&self, place: u32) -> Option<&Channel> {
        self.slab.get(index(place))
    }

    fn place_of(&self, uniqueid: &[u8]) -> Option<u32> {
        let same = |place: &u32| {
            self.at(*place)
                .is_some_and(|channel| channel.uniqueid() == uniqueid)
        };
        self.by_uniqueid
            .find(self.hasher.hash_one(uniqueid), same)
            .copied()
    }

    fn place_of_name(&self, name: &[u8]) -> Option<u32> {
        let same = |place: &u32| {
            self.at(*place)
                .is_some_and(|channel| channel.name().eq_ignore_ascii_case(name))
        };
        self.by_name.find(self.hash_of_name(name), same).copied()
    }

    fn hash_of_name(&self, name: &[u8]) -> u64 {
        self.hasher.hash_one(name.to_ascii_lowercase().as_slice())
    }

    fn enter(&mut self, place: u32) {
        let Self {
            slab,
            by_uniqueid,
            hasher,
            ..
        } = self;
        let hash = |place: &u32| {
            let channel = slab.get(index(*place));
            hasher.hash_one(channel.map(Channel::uniqueid).unwrap_or_default())
        };
        by_uniqueid.insert_unique(hash(&place), place, hash);
        self.enter_name(place);
    }

    /// Two channels may have one name for a moment, while they are being renamed: both are entered, each by its place.
    fn enter_name(&mut self, place: u32) {
        let Self {
            slab,
            by_name,
            hasher,
            ..
        } = self;
        let hash = |place: &u32| {
            let name = slab.get(index(*place)).map(Channel::name);
            hasher.hash_one(name.unwrap_or_default().to_ascii_lowercase().as_slice())
        };
        by_name.insert_unique(hash(&place), place, hash);
    }

    fn leave_name(&mut self, place: u32, name: &[u8]) {
        let hash = self.hash_of_name(name);
        if let Ok(entry) = self.by_name.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
    }

    fn link(&mut self, snapshot: &Snapshot) {
        if is_linked(snapshot) {
            *self.linked.entry(snapshot.linkedid().into()).or_insert(0) += 1;
        }
    }

    fn unlink(&mut self, snapshot: &Snapshot) {
        if let Some(count) = self
            .linked
            .get_mut(snapshot.linkedid())
            .filter(|_| is_linked(snapshot))
        {
            *count -= 1;
            if *count == 0 {
                self.linked.remove(snapshot.linkedid());
            }
        }
    }
}

fn is_linked(snapshot: &Snapshot) -> bool {
    !snapshot.linkedid().is_empty() && snapshot.linkedid() != snapshot.uniqueid()
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
