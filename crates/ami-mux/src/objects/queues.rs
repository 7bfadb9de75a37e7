//! The queues of one node, with their members and callers.
//!
//! Events and the items of QueueStatus name the same things differently: `MemberName` and `Interface` there, `Name` and `Location`
//! here. What is kept has the events' names. Asterisk compares names of queues and interfaces without regard to case, and so does the table.

use std::collections::{BTreeMap, HashMap};

use ami_proto::{Frame, Line};

/// A member of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    queue: Box<[u8]>,
    interface: Box<[u8]>,
    headers: Box<[u8]>,
}

impl Member {
    /// Its queue.
    pub fn queue(&self) -> &[u8] {
        &self.queue
    }

    /// The interface that is dialled, such as `PJSIP/100`.
    pub fn interface(&self) -> &[u8] {
        &self.interface
    }

    /// Its headers from `Queue` on, named as in events, each line with its CRLF.
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }
}

/// A caller that waits in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    queue: Box<[u8]>,
    uniqueid: Box<[u8]>,
    position: Box<[u8]>,
}

impl Caller {
    /// The queue.
    pub fn queue(&self) -> &[u8] {
        &self.queue
    }

    /// The Uniqueid of the caller's channel.
    pub fn uniqueid(&self) -> &[u8] {
        &self.uniqueid
    }

    /// The place in the queue as last heard, from 1, as text.
    pub fn position(&self) -> &[u8] {
        &self.position
    }
}

#[derive(Debug, Default)]
struct Queue {
    members: BTreeMap<Box<[u8]>, Member>,
    callers: BTreeMap<Box<[u8]>, Caller>,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Queues {
    by_name: HashMap<Box<[u8]>, Queue>,
    /// The queue in which each waiting channel is.
    queue_of: HashMap<Box<[u8]>, Box<[u8]>>,
}

impl Queues {
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.by_name.contains_key(&*key(name))
    }

    pub(super) fn has_member(&self, queue: Option<&[u8]>, interface: &[u8]) -> bool {
        let interface = key(interface);
        match queue {
            Some(queue) => self
                .by_name
                .get(&*key(queue))
                .is_some_and(|queue| queue.members.contains_key(&*interface)),
            None => self
                .by_name
                .values()
                .any(|queue| queue.members.contains_key(&*interface)),
        }
    }

    pub(super) fn member(&self, queue: &[u8], interface: &[u8]) -> Option<&Member> {
        let members = &self.by_name.get(&*key(queue))?.members;
        members.get(&*key(interface))
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.by_name
            .values()
            .flat_map(|queue| queue.members.values())
    }

    pub(super) fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.by_name
            .values()
            .flat_map(|queue| queue.callers.values())
    }

    /// A queue was listed.
    pub(super) fn listed(&mut self, item: &Frame) {
        if let Some(name) = named(item) {
            self.by_name.entry(key(name)).or_default();
        }
    }

    /// A member was added or changed.
    pub(super) fn member_changed(&mut self, event: &Frame) {
        let (Some(queue), Some(interface)) = (named(event), interface(event)) else {
            return;
        };
        let member = Member {
            queue: queue.into(),
            interface: interface.into(),
            headers: member_headers(event),
        };
        let members = &mut self.by_name.entry(key(queue)).or_default().members;
        members.insert(key(interface), member);
    }

    pub(super) fn member_removed(&mut self, event: &Frame) {
        let (Some(queue), Some(interface)) = (named(event), interface(event)) else {
            return;
        };
        if let Some(queue) = self.by_name.get_mut(&*key(queue)) {
            queue.members.remove(&*key(interface));
        }
    }

    pub(super) fn caller_joined(&mut self, event: &Frame) {
        let (Some(queue), Some(uniqueid)) = (named(event), event.header("Uniqueid")) else {
            return;
        };
        self.channel_ended(uniqueid);
        let caller = Caller {
            queue: queue.into(),
            uniqueid: uniqueid.into(),
            position: event.header("Position").unwrap_or_default().into(),
        };
        let callers = &mut self.by_name.entry(key(queue)).or_default().callers;
        callers.insert(uniqueid.into(), caller);
        self.queue_of.insert(uniqueid.into(), key(queue));
    }

    pub(super) fn caller_left(&mut self, event: &Frame) {
        if let Some(uniqueid) = event.header("Uniqueid") {
            self.channel_ended(uniqueid);
        }
    }

    /// The channel has ended, and waits nowhere.
    pub(super) fn channel_ended(&mut self, uniqueid: &[u8]) {
        if let Some(queue) = self.queue_of.remove(uniqueid)
            && let Some(queue) = self.by_name.get_mut(&queue)
        {
            queue.callers.remove(uniqueid);
        }
    }
}

/// The name as it is compared.
fn key(name: &[u8]) -> Box<[u8]> {
    name.to_ascii_lowercase().into()
}

fn named(event: &Frame) -> Option<&[u8]> {
    event.header("Queue").filter(|name| !name.is_empty())
}

fn interface(event: &Frame) -> Option<&[u8]> {
    let interface = event
        .header("Interface")
        .or_else(|| event.header("Location"));
    interface.filter(|interface| !interface.is_empty())
}

/// The run of headers from `Queue` to the end, less the ids of the list.
fn member_headers(event: &Frame) -> Box<[u8]> {
    let mut text = Vec::new();
    for line in event.lines().skip_while(|line| !line.is("Queue")) {
        if line.is("ActionID") {
            continue;
        }
        let raw = as_in_events(line);
        text.extend_from_slice(&raw);
        text.extend_from_slice(b"\r\n");
    }
    text.into()
}

fn as_in_events(line: Line<'_>) -> Vec<u8> {
    let name: &[u8] = if line.is("Name") {
        b"MemberName"
    } else if line.is("Location") {
        b"Interface"
    } else {
        return line.raw.to_vec();
    };
    [name, b": ", line.value].concat()
}
