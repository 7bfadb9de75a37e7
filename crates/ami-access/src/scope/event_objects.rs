//! What an event or an item of a list is about: the channels, devices and bridges that it names.
//!
//! Read once from its bytes, then compared with the `channels` of any number of accounts. Of each header of its row the
//! first occurrence counts, even when empty: what comes later may be text that somebody added.

use ami_proto::Line;
use bytes::Bytes;

use super::event_table::{BridgeStep, EventRow, Names, row};
use crate::account::ChannelScope;

/// The objects of one event.
#[derive(Debug, Clone, Default)]
pub struct EventObjects {
    is_for_all: bool,
    /// Parts of the event's own bytes.
    objects: Box<[(Names, Bytes)]>,
    bridges: Box<[Bytes]>,
    step: Option<BridgeStep>,
    stepped: Option<Bytes>,
}

impl EventObjects {
    /// Reads a whole message. One without a row in the table is about nobody.
    pub fn of(message: &Bytes) -> Self {
        let mut lines = lines(message);
        let name = lines.next().filter(|line| line.is("Event"));
        let Some(row) = name.and_then(|line| row(line.value)) else {
            return Self::default();
        };
        let mut reading = Reading::new(message, row);
        for line in lines {
            if row.until.is_some_and(|end| line.is(end)) {
                break;
            }
            reading.take(&line);
        }
        reading.finish()
    }

    /// Whether an account with these channels may see it: it names one of them, or tells of the node alone. A call
    /// between two accounts is about both.
    pub fn concern(&self, scope: &ChannelScope) -> bool {
        let is_own = |(names, value): &(Names, Bytes)| match names {
            Names::Channel => scope.holds_channel(value),
            Names::Device => scope.holds_device(value),
            Names::Party => scope.holds_party(value),
            Names::Of(technology) => holds_of(scope, technology.as_bytes(), value),
            Names::OfChanneltype => scope.matches(value),
            Names::Hint => value
                .split(|byte| matches!(byte, b'&' | b','))
                .any(|device| scope.holds_device(device.trim_ascii())),
            Names::Bridge => false,
        };
        self.is_for_all || self.objects.iter().any(is_own)
    }

    /// Bridges of which it tells without naming a channel in them.
    pub fn bridges(&self) -> impl Iterator<Item = &Bytes> {
        self.bridges.iter()
    }

    /// The bridge that the channel of this event has entered.
    pub fn entered_bridge(&self) -> Option<&Bytes> {
        self.stepped
            .as_ref()
            .filter(|_| self.step == Some(BridgeStep::Enter))
    }

    /// The bridge that has come to its end.
    pub fn ended_bridge(&self) -> Option<&Bytes> {
        self.stepped
            .as_ref()
            .filter(|_| self.step == Some(BridgeStep::End))
    }
}

/// A device that is named without its technology.
pub(super) fn holds_of(scope: &ChannelScope, technology: &[u8], name: &[u8]) -> bool {
    !name.is_empty() && scope.matches(&[technology, b"/", name].concat())
}

/// The lines of a message up to the empty one.
fn lines(message: &[u8]) -> impl Iterator<Item = Line<'_>> {
    message
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
        .map(Line::of)
}

/// What is found while the lines pass.
struct Reading<'m> {
    message: &'m Bytes,
    row: EventRow,
    /// Headers of the row that were not seen yet.
    missing: Vec<(&'static str, Names)>,
    channel_type: Option<Bytes>,
    objects: Vec<(Names, Bytes)>,
    bridge: Option<Bytes>,
}

impl<'m> Reading<'m> {
    fn new(message: &'m Bytes, row: EventRow) -> Self {
        Self {
            message,
            row,
            missing: row.headers.to_vec(),
            channel_type: None,
            objects: Vec::new(),
            bridge: None,
        }
    }

    fn take(&mut self, line: &Line<'_>) {
        if self.row.bridge.is_some() && self.bridge.is_none() && line.is("BridgeUniqueid") {
            self.bridge = Some(self.message.slice_ref(line.value));
        }
        if let Some(at) = self.missing.iter().position(|(name, _)| line.is(name)) {
            let (_, names) = self.missing.swap_remove(at);
            self.objects
                .push((names, self.message.slice_ref(line.value)));
        } else if self.channel_type.is_none() && line.is("Channeltype") {
            self.channel_type = Some(self.message.slice_ref(line.value));
        }
    }

    fn finish(self) -> EventObjects {
        let of_type = self.channel_type.as_deref().and_then(technology_of);
        let (mut objects, mut bridges) = (Vec::new(), Vec::new());
        for (names, value) in self.objects {
            match names {
                _ if value.is_empty() => {}
                Names::Bridge => bridges.push(value),
                Names::OfChanneltype => {
                    if let Some(technology) = of_type {
                        let device = [technology.as_bytes(), b"/", &value].concat();
                        objects.push((names, device.into()));
                    }
                }
                Names::Channel | Names::Device | Names::Party | Names::Of(_) | Names::Hint => {
                    objects.push((names, value));
                }
            }
        }
        EventObjects {
            is_for_all: self.row.is_for_all,
            objects: objects.into(),
            bridges: bridges.into(),
            step: self.row.bridge,
            stepped: self.bridge.filter(|id| !id.is_empty()),
        }
    }
}

/// The technology by which channels are named, of the word that lists of peers use.
fn technology_of(channel_type: &[u8]) -> Option<&'static str> {
    [("SIP", "SIP"), ("IAX", "IAX2"), ("IAX2", "IAX2")]
        .into_iter()
        .find(|(word, _)| channel_type.eq_ignore_ascii_case(word.as_bytes()))
        .map(|(_, technology)| technology)
}

#[cfg(test)]
mod tests;
