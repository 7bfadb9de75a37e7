//! The bridges of one node and the channels in them.

use std::collections::HashMap;

use ami_proto::{Frame, Line};
use smallvec::SmallVec;

/// A bridge.
#[derive(Debug)]
pub struct Bridge {
    id: Box<[u8]>,
    headers: Box<[u8]>,
    members: SmallVec<[Box<[u8]>; 2]>,
}

impl Bridge {
    /// Its BridgeUniqueid.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Its headers from `BridgeUniqueid` on as last heard, each line with its CRLF.
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// Uniqueids of the channels in it.
    pub fn members(&self) -> impl Iterator<Item = &[u8]> {
        self.members.iter().map(|member| &**member)
    }
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    by_id: HashMap<Box<[u8]>, Bridge>,
}

impl Bridges {
    pub(super) fn find(&self, id: &[u8]) -> Option<&Bridge> {
        self.by_id.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Bridge> {
        self.by_id.values()
    }

    /// Takes in the bridge that the event is about, new or known.
    pub(super) fn create(&mut self, event: &Frame) {
        let Some(id) = event.header("BridgeUniqueid").filter(|id| !id.is_empty()) else {
            return;
        };
        let headers = headers(event);
        match self.by_id.get_mut(id) {
            Some(bridge) => bridge.headers = headers,
            None => self.insert(id, headers),
        }
    }

    /// A channel came in. A bridge that was only mentioned by a channel is known from then on.
    pub(super) fn enter(&mut self, id: &[u8], uniqueid: &[u8]) {
        if !self.by_id.contains_key(id) {
            let headers = [b"BridgeUniqueid: ", id, b"\r\n"].concat();
            self.insert(id, headers.into());
        }
        if let Some(bridge) = self.by_id.get_mut(id)
            && !bridge.members.iter().any(|member| **member == *uniqueid)
        {
            bridge.members.push(uniqueid.into());
        }
    }

    pub(super) fn leave(&mut self, id: &[u8], uniqueid: &[u8]) {
        if let Some(bridge) = self.by_id.get_mut(id) {
            bridge.members.retain(|member| **member != *uniqueid);
        }
    }

    pub(super) fn remove(&mut self, id: &[u8]) -> Option<Bridge> {
        self.by_id.remove(id)
    }

    fn insert(&mut self, id: &[u8], headers: Box<[u8]>) {
        let bridge = Bridge {
            id: id.into(),
            headers,
            members: SmallVec::new(),
        };
        self.by_id.insert(id.into(), bridge);
    }
}

/// The run of headers that begin with `Bridge`.
fn headers(event: &Frame) -> Box<[u8]> {
    let of_bridge = |line: &Line<'_>| line.raw.starts_with(b"Bridge");
    let mut text = Vec::new();
    for line in event
        .lines()
        .skip_while(|line| !of_bridge(line))
        .take_while(of_bridge)
    {
        text.extend_from_slice(line.raw);
        text.extend_from_slice(b"\r\n");
    }
    text.into()
}
