//! What an event says of a channel: the run of headers from `Channel` to `Linkedid`, kept as one piece of text.
//!
//! A piece of about 400 bytes and three spans cost less than a field for each header, and can be given out again as it is.

use std::ops::Range;

use ami_proto::{Frame, Line};

/// Longest text kept of one channel, in bytes; a longer one is cut to what identifies it.
const BYTES_MAX: usize = 8 * 1024;

/// How events name the headers of an old CoreShowChannel item, in the order of events, and how the item does.
const OLD_ITEM: [(&str, &str); 9] = [
    ("Channel", "Channel"),
    ("ChannelState", "ChannelState"),
    ("ChannelStateDesc", "ChannelStateDesc"),
    ("CallerIDNum", "CallerIDnum"),
    ("AccountCode", "AccountCode"),
    ("Exten", "Extension"),
    ("Context", "Context"),
    ("Priority", "Priority"),
    ("Uniqueid", "UniqueID"),
];

/// Headers of one channel, without prefix, each line with its CRLF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    text: Box<[u8]>,
    name: Span,
    uniqueid: Span,
    linkedid: Span,
}

/// A value inside the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: u16,
    length: u16,
}

impl Span {
    fn of(range: &Range<usize>) -> Self {
        Self {
            start: u16::try_from(range.start).unwrap_or_default(),
            length: u16::try_from(range.len()).unwrap_or_default(),
        }
    }

    fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.length)
    }
}

impl Snapshot {
    /// The channel that the event is about: the headers without prefix. `None` when it has none, or only a mention of its
    /// name. Up to Asterisk 11 a channel has no Linkedid.
    pub(super) fn of_channel(event: &Frame) -> Option<Self> {
        let mut lines = event.lines().skip_while(|line| !line.is("Channel"));
        let mut snapshot = Builder::default();
        snapshot.push(lines.next()?);
        let state = lines.next().filter(|line| line.is("ChannelState"))?;
        snapshot.push(state);
        for line in lines {
            if is_end(line) {
                break;
            }
            let last = line.is("Linkedid");
            snapshot.push(line);
            if last {
                break;
            }
        }
        snapshot.finish()
    }

    /// Whether the event says the same of the channel, word for word. When it does so with other line ends, this is not noticed.
    pub(super) fn is_repeated_in(&self, event: &Frame) -> bool {
        // Only a Linkedid ends the run of headers for sure.
        let start = event.offset("Channel").filter(|_| self.linkedid.length > 0);
        let said = start.and_then(|start| event.bytes().get(start..));
        said.is_some_and(|said| said.starts_with(&self.text))
    }

    /// The channel of a CoreShowChannel item. Up to Asterisk 11 it has other headers than events, in another order.
    pub(super) fn of_listed(item: &Frame) -> Option<Self> {
        Self::of_channel(item).or_else(|| Self::of_old_item(item))
    }

    fn of_old_item(item: &Frame) -> Option<Self> {
        let mut snapshot = Builder::default();
        for (name, listed) in OLD_ITEM {
            if let Some(value) = item.header(listed) {
                let raw = [name.as_bytes(), b": ", value].concat();
                snapshot.push(Line::of(&raw));
            }
        }
        snapshot.finish()
    }

    /// The same channel under another name.
    pub(super) fn renamed(&self, name: &[u8]) -> Option<Self> {
        let mut snapshot = Builder::default();
        for raw in self.text.split_inclusive(|byte| *byte == b'\n') {
            let line = Line::of(raw.strip_suffix(b"\r\n").unwrap_or(raw));
            if line.is("Channel") {
                let renamed = [b"Channel: ", name].concat();
                snapshot.push(Line::of(&renamed));
            } else {
                snapshot.push(line);
            }
        }
        snapshot.finish()
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn name(&self) -> &[u8] {
        self.text.get(self.name.range()).unwrap_or_default()
    }

    pub(super) fn uniqueid(&self) -> &[u8] {
        self.text.get(self.uniqueid.range()).unwrap_or_default()
    }

    /// Empty where the node knows none.
    pub(super) fn linkedid(&self) -> &[u8] {
        self.text.get(self.linkedid.range()).unwrap_or_default()
    }
}

/// Headers that can stand behind a channel without Linkedid.
fn is_end(line: Line<'_>) -> bool {
    line.is("Cause") || line.is("Queue") || line.is("Application")
}

#[derive(Default)]
struct Builder {
    text: Vec<u8>,
    name: Option<Range<usize>>,
    uniqueid: Option<Range<usize>>,
    linkedid: Option<Range<usize>>,
}

impl Builder {
    fn push(&mut self, line: Line<'_>) {
        let slot = if line.is("Channel") {
            &mut self.name
        } else if line.is("Uniqueid") {
            &mut self.uniqueid
        } else if line.is("Linkedid") {
            &mut self.linkedid
        } else if self.text.len() + line.raw.len() > BYTES_MAX {
            return;
        } else {
            self.add(line.raw);
            return;
        };
        let end = self.text.len() + line.raw.len();
        slot.get_or_insert(end - line.value.len()..end);
        self.add(line.raw);
    }

    fn add(&mut self, raw: &[u8]) {
        self.text.extend_from_slice(raw);
        self.text.extend_from_slice(b"\r\n");
    }

    fn finish(self) -> Option<Snapshot> {
        let (name, uniqueid) = (self.name?, self.uniqueid?);
        let usable =
            !name.is_empty() && !uniqueid.is_empty() && u16::try_from(self.text.len()).is_ok();
        usable.then(|| Snapshot {
            text: self.text.into(),
            name: Span::of(&name),
            uniqueid: Span::of(&uniqueid),
            linkedid: self.linkedid.as_ref().map(Span::of).unwrap_or_default(),
        })
    }
}
