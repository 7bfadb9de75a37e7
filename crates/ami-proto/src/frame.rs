//! One message from a node, indexed once: a slice of the read buffer and where its lines begin.

use std::fmt;

use bytes::Bytes;

use crate::frame_decoder;
use crate::line::{Line, LineIndex, header_value};

/// What a message is, decided by its first header alone: events can contain a `Response` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// The first line is a `Response` header.
    Response,
    /// The first line is an `Event` header.
    Event,
    /// The first line is neither: text that a few old actions write.
    Text,
    /// An empty line between two messages: a few actions end their answer with one.
    Blank,
}

/// The `EventList` header: where a list begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListMarker {
    /// In the response: items and a Complete event follow.
    Start,
    /// In the last event of a list.
    Complete,
    /// In the last event of a list that ended early.
    Cancelled,
}

/// A message from a node. Cloning shares the bytes.
#[derive(Clone)]
pub struct Frame {
    bytes: Bytes,
    index: LineIndex,
    kind: FrameKind,
    follows: bool,
}

impl Frame {
    /// From a whole message whose header lines have been indexed.
    pub(crate) fn from_lines(bytes: Bytes, index: LineIndex, follows: bool) -> Self {
        let first = index.raw(&bytes, 0);
        let kind = if header_value(first, "Event").is_some() {
            FrameKind::Event
        } else if header_value(first, "Response").is_some() {
            FrameKind::Response
        } else {
            FrameKind::Text
        };
        Self {
            bytes,
            index,
            kind,
            follows,
        }
    }

    /// An empty line between two messages.
    pub(crate) fn blank(bytes: Bytes) -> Self {
        Self {
            bytes,
            index: LineIndex::default(),
            kind: FrameKind::Blank,
            follows: false,
        }
    }

    /// Whether an empty line belongs to the message and follows it: the text of its last header ends in a line feed of its own, as
    /// several messages of Asterisk do, and what should have ended the header ends the message.
    pub fn owes_blank_line(&self) -> bool {
        let before_end = self.bytes.strip_suffix(b"\r\n");
        before_end.is_some_and(|rest| rest.ends_with(b"\n") && !rest.ends_with(b"\r\n"))
    }

    /// Reads exactly one whole message; `None` if the bytes are less or more than that.
    pub fn parse(bytes: Bytes) -> Option<Self> {
        frame_decoder::parse_whole(bytes)
    }

    /// What the message is.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The message exactly as received, its empty line included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The value of the first header of that name, even when empty.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.index.header(&self.bytes, name)
    }

    /// The values of all headers of that name, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.index.headers(&self.bytes, name)
    }

    /// Where in [`Frame::bytes`] the first header of that name begins.
    pub fn offset(&self, name: &str) -> Option<usize> {
        let number = self.index.matches(&self.bytes, name).next()?;
        Some(self.index.span(number).start)
    }

    /// All lines in order, those without colon included. Of the old command form only the headers before its output.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> + '_ {
        self.index.lines(&self.bytes)
    }

    /// The name of the event; `None` if this is no event.
    pub fn event_name(&self) -> Option<&[u8]> {
        (self.kind == FrameKind::Event).then(|| self.index.value(&self.bytes, 0, "Event"))
    }

    /// The value of `Response`; `None` if this is no response.
    pub fn response(&self) -> Option<&[u8]> {
        (self.kind == FrameKind::Response).then(|| self.index.value(&self.bytes, 0, "Response"))
    }

    /// The first `ActionID` header.
    pub fn action_id(&self) -> Option<&[u8]> {
        self.header("ActionID")
    }

    /// The first `EventList` header, compared without regard to case.
    pub fn list_marker(&self) -> Option<ListMarker> {
        let value = self.header("EventList")?;
        let markers = [
            (&b"start"[..], ListMarker::Start),
            (b"complete", ListMarker::Complete),
            (b"cancelled", ListMarker::Cancelled),
        ];
        markers
            .into_iter()
            .find(|(text, _)| value.eq_ignore_ascii_case(text))
            .map(|(_, marker)| marker)
    }

    /// Whether this is the old form of a command response, whose raw output ends with `--END COMMAND--`.
    pub fn is_follows(&self) -> bool {
        self.follows
    }

    /// The raw output in the old form of a command response, without the end marker. Lines end with LF, may be
    /// empty and may look like headers.
    pub fn follows_output(&self) -> Option<&[u8]> {
        if !self.follows {
            return None;
        }
        let body = self.bytes.get(self.index.end()..)?;
        let marker = body
            .trim_ascii_end()
            .len()
            .checked_sub(frame_decoder::END_COMMAND.len())?;
        body.get(..marker)
    }

    /// A copy of exactly its own size, so that it no longer keeps the whole read buffer alive.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.bytes = Bytes::copy_from_slice(&self.bytes);
        self
    }

    /// Where the lines of [`Frame::bytes`] are.
    pub(crate) fn index(&self) -> &LineIndex {
        &self.index
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Frame {}

/// Says what the message is and how long, not what it contains: nodes write secrets too.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self
            .event_name()
            .or_else(|| self.response())
            .unwrap_or_default();
        let mut frame = f.debug_struct("Frame");
        frame
            .field("kind", &self.kind)
            .field("name", &format_args!("{}", name.escape_ascii()));
        frame
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
