//! What one node has at the moment, as far as its events and lists tell: channels, bridges, queues, conferences, agents.
//!
//! Owner: the node's machine, which alone writes; sessions read, to find the node of what an action names. Invariants:
//! a channel is there from its Newchannel (or the node's list) to its Hangup and not longer; memory grows with what the node
//! has, not with how much it says; text that a client can write (UserEvent) changes nothing.

mod bridges;
mod channels;
mod difference;
mod named;
mod old_words;
mod queues;
mod rewind;
mod shared;
mod snapshot;

use ami_proto::Frame;

pub use bridges::Bridge;
pub use channels::Channel;
pub use queues::{Caller, Member};
pub use shared::SharedObjects;

use bridges::Bridges;
use channels::Channels;
pub(crate) use difference::difference;
use named::Named;
pub(crate) use old_words::in_old_words;
use queues::Queues;
use snapshot::Snapshot;

/// The objects of one node.
#[derive(Debug, Default)]
pub struct Objects {
    channels: Channels,
    bridges: Bridges,
    queues: Queues,
    conferences: Named,
    agents: Named,
}

impl Objects {
    /// Takes in what a broadcast event of the node says.
    pub fn observe(&mut self, event: &Frame) {
        let Some(name) = event.event_name() else {
            return;
        };
        match name {
            // Frequent, and of no consequence here; or written by whoever may raise user events.
            b"VarSet" | b"RTCPSent" | b"RTCPReceived" | b"UserEvent" | b"CEL" | b"Cdr"
            | b"DTMFBegin" | b"DTMFEnd" => {}
            b"Newchannel" => self.channel_appeared(event),
            b"Hangup" => self.channel_ended(event),
            b"Rename" => self.channels.rename(event),
            b"BridgeCreate" => {
                self.bridges.create(event);
            }
            b"BridgeDestroy" => self.bridge_destroyed(event),
            b"BridgeEnter" => self.entered_bridge(event),
            b"BridgeLeave" => self.left_bridge(event),
            b"ConfbridgeStart" | b"ConfbridgeJoin" => self.conferences.add(event, "Conference"),
            b"ConfbridgeEnd" => self.conferences.remove(event, "Conference"),
            b"MeetmeJoin" => self.conferences.add(event, "Meetme"),
            b"MeetmeEnd" => self.conferences.remove(event, "Meetme"),
            b"AgentLogin" | b"Agentlogin" => self.agents.add(event, "Agent"),
            b"AgentLogoff" | b"Agentlogoff" => self.agents.remove(event, "Agent"),
            b"QueueCallerJoin" | b"Join" => self.queues.caller_joined(event),
            b"QueueCallerLeave" | b"Leave" => self.queues.caller_left(event),
            b"QueueMemberRemoved" => self.queues.member_removed(event),
            b"QueueMemberAdded"
            | b"QueueMemberStatus"
            | b"QueueMemberPause"
            | b"QueueMemberPaused"
            | b"QueueMemberPenalty"
            | b"QueueMemberRinginuse" => self.queues.member_changed(event),
            _ => self.refresh(event),
        }
    }

    /// Its queues, members and callers are those of `listed` from now on.
    pub(crate) fn take_queues_of(&mut self, listed: Self) {
        self.queues = listed.queues;
    }

    /// Takes in an item of a list that the node gave: `CoreShowChannel`, `BridgeListItem`, `QueueParams`, `QueueMember`,
    /// `QueueEntry`, `ConfbridgeListRooms`, `MeetmeListRooms`, `Agents`. Others change nothing.
    pub fn list(&mut self, item: &Frame) {
        match item.event_name() {
            Some(b"CoreShowChannel") => self.channel_listed(item),
            Some(b"BridgeListItem") => {
                self.bridges.create(item);
            }
            Some(b"QueueParams") => self.queues.listed(item),
            Some(b"QueueMember") => self.queues.member_changed(item),
            Some(b"QueueEntry") => self.queues.caller_joined(item),
            Some(b"ConfbridgeListRooms" | b"MeetmeListRooms") => {
                self.conferences.add(item, "Conference");
            }
            Some(b"Agents") if item.header("Status") != Some(b"AGENT_LOGGEDOFF") => {
                self.agents.add(item, "Agent");
            }
            _ => {}
        }
    }

    /// The channel of that name or Uniqueid. Names are compared as Asterisk does, without regard to case.
    pub fn channel(&self, name: &[u8]) -> Option<&Channel> {
        self.channels.find(name)
    }

    /// The channel of that Uniqueid.
    pub fn by_uniqueid(&self, uniqueid: &[u8]) -> Option<&Channel> {
        self.channels.by_uniqueid(uniqueid)
    }

    /// Every channel.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter()
    }

    /// How many channels there are.
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// Whether a channel belongs to the calls of that Linkedid.
    pub fn has_linkedid(&self, linkedid: &[u8]) -> bool {
        self.channels.has_linkedid(linkedid)
    }

    /// The bridge of that BridgeUniqueid.
    pub fn bridge(&self, id: &[u8]) -> Option<&Bridge> {
        self.bridges.find(id)
    }

    /// Every bridge.
    pub fn bridges(&self) -> impl Iterator<Item = &Bridge> {
        self.bridges.iter()
    }

    /// Whether a conference of that name has members.
    pub fn has_conference(&self, name: &[u8]) -> bool {
        self.conferences.contains(name)
    }

    /// Whether an agent of that name is logged in.
    pub fn has_agent(&self, name: &[u8]) -> bool {
        self.agents.contains(name)
    }

    /// Whether there is a queue of that name.
    pub fn has_queue(&self, name: &[u8]) -> bool {
        self.queues.contains(name)
    }

    /// Whether `interface` is a member of `queue`, or of any queue.
    pub fn has_member(&self, queue: Option<&[u8]>, interface: &[u8]) -> bool {
        self.queues.has_member(queue, interface)
    }

    /// The member of `queue` with that interface.
    pub fn member(&self, queue: &[u8], interface: &[u8]) -> Option<&Member> {
        self.queues.member(queue, interface)
    }

    /// Every member of every queue.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.queues.members()
    }

    /// Every caller of every queue.
    pub fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.queues.callers()
    }

    fn channel_appeared(&mut self, event: &Frame) {
        if let Some(snapshot) = Snapshot::of_channel(event) {
            self.channels.insert(snapshot);
        }
    }

    fn channel_listed(&mut self, item: &Frame) {
        let Some(snapshot) = Snapshot::of_listed(item) else {
            return;
        };
        let uniqueid = snapshot.uniqueid().to_vec();
        self.channels.insert(snapshot);
        if let Some(id) = item.header("BridgeId").filter(|id| !id.is_empty()) {
            self.channels.set_bridge(&uniqueid, Some(id));
            self.bridges.enter(id, &uniqueid);
        }
    }

    fn channel_ended(&mut self, event: &Frame) {
        let Some(uniqueid) = event.header("Uniqueid") else {
            return;
        };
        if let Some(channel) = self.channels.remove(uniqueid)
            && let Some(bridge) = channel.bridge()
        {
            self.bridges.leave(bridge, uniqueid);
        }
        self.queues.channel_ended(uniqueid);
    }

    fn refresh(&mut self, event: &Frame) {
        self.channels.refresh_by(event);
    }

    fn entered_bridge(&mut self, event: &Frame) {
        self.refresh(event);
        self.bridges.create(event);
        let (Some(id), Some(uniqueid)) = (event.header("BridgeUniqueid"), event.header("Uniqueid"))
        else {
            return;
        };
        // Of a channel that is not known no end would be heard either.
        if self.channels.set_bridge(uniqueid, Some(id)) {
            self.bridges.enter(id, uniqueid);
        }
    }

    fn left_bridge(&mut self, event: &Frame) {
        self.refresh(event);
        if let (Some(id), Some(uniqueid)) =
            (event.header("BridgeUniqueid"), event.header("Uniqueid"))
        {
            self.channels.leave_bridge(uniqueid, id);
            self.bridges.leave(id, uniqueid);
        }
    }

    fn bridge_destroyed(&mut self, event: &Frame) {
        let Some(id) = event.header("BridgeUniqueid") else {
            return;
        };
        if let Some(bridge) = self.bridges.remove(id) {
            for uniqueid in bridge.members() {
                self.channels.leave_bridge(uniqueid, id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
