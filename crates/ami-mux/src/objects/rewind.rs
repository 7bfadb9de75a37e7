//! What a node had before a run of its events, from what it has after or in the middle of them.
//!
//! A list is taken at some moment while events go on: which of them it already shows is not known. But the first event about an
//! object tells whether it was there before, and an object without an event was there before if the list has it.

use std::collections::{HashMap, HashSet};

use ami_proto::Frame;

use super::Objects;
use super::snapshot::Snapshot;

type Key = Box<[u8]>;

/// What events have been about.
#[derive(Default)]
struct Touched {
    channels: HashSet<Key>,
    /// The first names of channels of which nothing else is known.
    names: HashMap<Key, Key>,
    /// Channels whose coming and going in bridges was told.
    in_bridges: HashSet<Key>,
    bridges: HashSet<Key>,
    callers: HashSet<Key>,
    members: HashSet<(Key, Key)>,
}

impl Objects {
    /// Takes back what `events`, in their order, have done to what the lists show.
    pub(crate) fn rewind<'a>(&mut self, events: impl Iterator<Item = &'a Frame>) {
        let mut touched = Touched::default();
        for event in events {
            self.rewind_one(event, &mut touched);
        }
    }

    fn rewind_one(&mut self, event: &Frame, touched: &mut Touched) {
        let Some(name) = event.event_name() else {
            return;
        };
        match name {
            b"VarSet" | b"RTCPSent" | b"RTCPReceived" | b"UserEvent" | b"CEL" | b"Cdr"
            | b"DTMFBegin" | b"DTMFEnd" => {}
            b"Newchannel" => self.was_no_channel(event, touched),
            b"Rename" => self.was_named(event, touched),
            b"Hangup" => {
                self.was_channel(event, touched);
                self.was_in_bridge(event, None, touched);
                self.was_caller(event, false, touched);
            }
            b"BridgeCreate" => self.was_bridge(event, false, touched),
            b"BridgeDestroy" => self.was_bridge(event, true, touched),
            b"BridgeEnter" => {
                self.was_channel(event, touched);
                self.was_bridge(event, true, touched);
                self.was_in_bridge(event, None, touched);
            }
            b"BridgeLeave" => {
                self.was_channel(event, touched);
                self.was_bridge(event, true, touched);
                let bridge = event.header("BridgeUniqueid");
                self.was_in_bridge(event, bridge, touched);
            }
            b"QueueCallerJoin" | b"Join" => {
                self.was_channel(event, touched);
                self.was_caller(event, false, touched);
            }
            b"QueueCallerLeave" | b"Leave" => {
                self.was_channel(event, touched);
                self.was_caller(event, true, touched);
            }
            b"QueueMemberAdded" => self.was_member(event, false, touched),
            b"QueueMemberRemoved"
            | b"QueueMemberStatus"
            | b"QueueMemberPause"
            | b"QueueMemberPaused"
            | b"QueueMemberPenalty"
            | b"QueueMemberRinginuse" => self.was_member(event, true, touched),
            _ => self.was_channel(event, touched),
        }
    }

    fn was_no_channel(&mut self, event: &Frame, touched: &mut Touched) {
        let Some(uniqueid) = event.header("Uniqueid") else {
            return;
        };
        if touched.channels.insert(uniqueid.into()) {
            self.channel_ended(event);
        }
        touched.in_bridges.insert(uniqueid.into());
        touched.callers.insert(uniqueid.into());
    }

    fn was_channel(&mut self, event: &Frame, touched: &mut Touched) {
        let Some(snapshot) = Snapshot::of_channel(event) else {
            return;
        };
        // The list may show it as it was later.
        if touched.channels.insert(snapshot.uniqueid().into()) {
            let named = touched.names.get(snapshot.uniqueid());
            let snapshot = named
                .and_then(|name| snapshot.renamed(name))
                .unwrap_or(snapshot);
            self.channels.insert(snapshot);
        }
    }

    fn was_named(&mut self, event: &Frame, touched: &mut Touched) {
        let (Some(uniqueid), Some(name)) = (event.header("Uniqueid"), event.header("Channel"))
        else {
            return;
        };
        if touched.channels.contains(uniqueid) {
            return;
        }
        if self.by_uniqueid(uniqueid).is_some() {
            touched.channels.insert(uniqueid.into());
            self.channels.set_name(uniqueid, name);
        } else {
            // Nothing else is known of it, but a later event may say more.
            let names = &mut touched.names;
            names.entry(uniqueid.into()).or_insert_with(|| name.into());
        }
    }

    fn was_in_bridge(&mut self, event: &Frame, bridge: Option<&[u8]>, touched: &mut Touched) {
        let Some(uniqueid) = event.header("Uniqueid") else {
            return;
        };
        if !touched.in_bridges.insert(uniqueid.into()) {
            return;
        }
        let listed = self
            .by_uniqueid(uniqueid)
            .and_then(|channel| channel.bridge().map(<[u8]>::to_vec));
        if let Some(listed) = listed {
            self.bridges.leave(&listed, uniqueid);
        }
        if self.channels.set_bridge(uniqueid, bridge)
            && let Some(bridge) = bridge
        {
            self.bridges.enter(bridge, uniqueid);
        }
    }

    fn was_bridge(&mut self, event: &Frame, present: bool, touched: &mut Touched) {
        let Some(id) = event.header("BridgeUniqueid") else {
            return;
        };
        if !touched.bridges.insert(id.into()) {
            return;
        }
        if present {
            self.bridges.create(event);
        } else {
            self.bridge_destroyed(event);
        }
    }

    fn was_caller(&mut self, event: &Frame, present: bool, touched: &mut Touched) {
        let Some(uniqueid) = event.header("Uniqueid") else {
            return;
        };
        if !touched.callers.insert(uniqueid.into()) {
            return;
        }
        if present {
            self.queues.caller_joined(event);
        } else {
            self.queues.channel_ended(uniqueid);
        }
    }

    fn was_member(&mut self, event: &Frame, present: bool, touched: &mut Touched) {
        let (Some(queue), Some(interface)) = (event.header("Queue"), event.header("Interface"))
        else {
            return;
        };
        if !touched.members.insert((queue.into(), interface.into())) {
            return;
        }
        match (present, self.has_member(Some(queue), interface)) {
            (true, false) => self.queues.member_changed(event),
            (false, true) => self.queues.member_removed(event),
            (true, true) | (false, false) => {}
        }
    }
}
