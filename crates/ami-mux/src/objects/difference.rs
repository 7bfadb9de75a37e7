//! The events that turn one state of a node into another, as its own events would have.
//!
//! Their order is one that a client's tables accept: what ends ends from the inside out, then what is new begins from the outside in.
//! Each is marked `Resync: yes`. Headers that one side does not know are not compared: lists and events name a little less or more.

use std::collections::BTreeSet;

use ami_proto::Line;
use bytes::Bytes;

use super::{Bridge, Caller, Channel, Member, Objects};

const CALL: &str = "call,all";
const AGENT: &str = "agent,all";

/// The events from `old` to `new`.
pub(crate) fn difference(old: &Objects, new: &Objects) -> Vec<Bytes> {
    let mut events = Vec::new();
    endings(old, new, &mut events);
    beginnings(old, new, &mut events);
    events
}

fn endings(old: &Objects, new: &Objects, events: &mut Vec<Bytes>) {
    let channels = in_order(old);
    for channel in &channels {
        let now = new
            .by_uniqueid(channel.uniqueid())
            .and_then(Channel::bridge);
        if let Some(bridge) = channel.bridge().filter(|bridge| now != Some(*bridge)) {
            let parts = [bridge_headers(old, bridge), channel.headers().to_vec()];
            events.push(event("BridgeLeave", CALL, &parts.concat()));
        }
    }
    for bridge in bridges_in_order(old) {
        if new.bridge(bridge.id()).is_none() {
            events.push(event("BridgeDestroy", CALL, bridge.headers()));
        }
    }
    let waiting = keys_of_callers(new);
    for caller in old.callers() {
        if !waiting.contains(&(caller.queue(), caller.uniqueid())) {
            events.push(event(
                "QueueCallerLeave",
                AGENT,
                &caller_headers(old, caller),
            ));
        }
    }
    for channel in &channels {
        if new.by_uniqueid(channel.uniqueid()).is_none() {
            let cause: &[u8] = b"Cause: 0\r\nCause-txt: Unknown\r\n";
            events.push(event("Hangup", CALL, &[channel.headers(), cause].concat()));
        }
    }
    for member in old.members() {
        if !new.has_member(Some(member.queue()), member.interface()) {
            events.push(event("QueueMemberRemoved", AGENT, member.headers()));
        }
    }
}

fn beginnings(old: &Objects, new: &Objects, events: &mut Vec<Bytes>) {
    let channels = in_order(new);
    for channel in &channels {
        channel_begins(old.by_uniqueid(channel.uniqueid()), channel, events);
    }
    for bridge in bridges_in_order(new) {
        if old.bridge(bridge.id()).is_none() {
            events.push(event("BridgeCreate", CALL, bridge.headers()));
        }
    }
    for channel in &channels {
        let before = old
            .by_uniqueid(channel.uniqueid())
            .and_then(Channel::bridge);
        if let Some(bridge) = channel.bridge().filter(|bridge| before != Some(*bridge)) {
            let parts = [bridge_headers(new, bridge), channel.headers().to_vec()];
            events.push(event("BridgeEnter", CALL, &parts.concat()));
        }
    }
    for member in new.members() {
        member_begins(
            old.member(member.queue(), member.interface()),
            member,
            events,
        );
    }
    let waiting = keys_of_callers(old);
    for caller in new.callers() {
        if !waiting.contains(&(caller.queue(), caller.uniqueid())) {
            events.push(event(
                "QueueCallerJoin",
                AGENT,
                &caller_headers(new, caller),
            ));
        }
    }
}

fn channel_begins(before: Option<&Channel>, channel: &Channel, events: &mut Vec<Bytes>) {
    let Some(before) = before else {
        events.push(event("Newchannel", CALL, channel.headers()));
        return;
    };
    if before.name() != channel.name() {
        let parts = [
            b"Channel: ",
            before.name(),
            b"\r\nNewname: ",
            channel.name(),
            b"\r\nUniqueid: ",
            channel.uniqueid(),
            b"\r\n",
        ];
        events.push(event("Rename", CALL, &parts.concat()));
    }
    if differ(before.headers(), channel.headers(), &["Channel"]) {
        events.push(event("Newstate", CALL, channel.headers()));
    }
}

fn member_begins(before: Option<&Member>, member: &Member, events: &mut Vec<Bytes>) {
    let Some(before) = before else {
        events.push(event("QueueMemberAdded", AGENT, member.headers()));
        return;
    };
    let differs = |name| value(before.headers(), name) != value(member.headers(), name);
    if differs("Paused") {
        events.push(event("QueueMemberPause", AGENT, member.headers()));
    }
    if differs("Penalty") {
        events.push(event("QueueMemberPenalty", AGENT, member.headers()));
    }
    if differ(
        before.headers(),
        member.headers(),
        &["Paused", "PausedReason", "Penalty"],
    ) {
        events.push(event("QueueMemberStatus", AGENT, member.headers()));
    }
}

fn event(name: &str, privilege: &str, headers: &[u8]) -> Bytes {
    let head = format!("Event: {name}\r\nPrivilege: {privilege}\r\n");
    [head.as_bytes(), headers, b"Resync: yes\r\n\r\n"]
        .concat()
        .into()
}

fn bridge_headers(objects: &Objects, id: &[u8]) -> Vec<u8> {
    match objects.bridge(id) {
        Some(bridge) => bridge.headers().to_vec(),
        None => [b"BridgeUniqueid: ", id, b"\r\n"].concat(),
    }
}

fn caller_headers(objects: &Objects, caller: &Caller) -> Vec<u8> {
    let channel = match objects.by_uniqueid(caller.uniqueid()) {
        Some(channel) => channel.headers().to_vec(),
        None => [b"Uniqueid: ", caller.uniqueid(), b"\r\n"].concat(),
    };
    let in_queue = objects
        .callers()
        .filter(|other| other.queue() == caller.queue());
    let count = in_queue.count().to_string();
    let parts: [&[u8]; 7] = [
        b"Queue: ",
        caller.queue(),
        b"\r\nPosition: ",
        caller.position(),
        b"\r\nCount: ",
        count.as_bytes(),
        b"\r\n",
    ];
    [channel, parts.concat()].concat()
}

/// In a fixed order, so that the same difference is told in the same way.
fn in_order(objects: &Objects) -> Vec<&Channel> {
    let mut channels: Vec<&Channel> = objects.channels().collect();
    channels.sort_unstable_by_key(|channel| channel.uniqueid());
    channels
}

fn bridges_in_order(objects: &Objects) -> Vec<&Bridge> {
    let mut bridges: Vec<&Bridge> = objects.bridges().collect();
    bridges.sort_unstable_by_key(|bridge| bridge.id());
    bridges
}

fn keys_of_callers(objects: &Objects) -> BTreeSet<(&[u8], &[u8])> {
    objects
        .callers()
        .map(|caller| (caller.queue(), caller.uniqueid()))
        .collect()
}

fn lines(headers: &[u8]) -> impl Iterator<Item = Line<'_>> {
    headers
        .split_inclusive(|byte| *byte == b'\n')
        .map(|raw| Line::of(raw.strip_suffix(b"\r\n").unwrap_or(raw)))
}

fn value<'a>(headers: &'a [u8], name: &str) -> Option<&'a [u8]> {
    lines(headers)
        .find(|line| line.is(name))
        .map(|line| line.value)
}

/// Whether a header that both know has another value, those of `except` left out.
fn differ(before: &[u8], after: &[u8], except: &[&str]) -> bool {
    lines(after).any(|line| {
        let Some(name) = line.name.and_then(|name| std::str::from_utf8(name).ok()) else {
            return false;
        };
        !except.contains(&name) && value(before, name).is_some_and(|known| known != line.value)
    })
}

#[cfg(test)]
mod tests;
