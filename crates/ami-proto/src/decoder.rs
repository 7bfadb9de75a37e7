//! Reading what a client sends, as Asterisk's `get_input` and `do_message` would.
//!
//! One difference is on purpose: there an over-long line is cut into pieces, and where a cut falls on its CR the message
//! ends and its rest runs as another one. Here such a line is dropped whole, so it never splits a message.
//! Memory is bounded: at most 128 lines of at most 1,022 bytes and one unfinished line.

use bytes::{Buf, BytesMut};
use memchr::memchr;

use crate::action::Action;
use crate::action_id::ClientActionId;
use crate::limits::{HEADERS_MAX, LINE_CONTENT_BYTES_MAX};
use crate::line::{LineIndex, header_value, without_cr};

/// What a client's empty line completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A message. It may lack an `Action` header, and may even have no line at all.
    Action(Action),
    /// A line was longer than 1,022 bytes: `Failed to parse message: line too long`. Nothing of it runs.
    TooLong {
        /// The ActionID, unless it was in the lost line.
        action_id: Option<ClientActionId>,
    },
    /// It had more than 128 lines: `Too many lines in message or allocation failure`. Nothing of it runs.
    TooManyLines {
        /// The ActionID, if it was among the first 128.
        action_id: Option<ClientActionId>,
    },
}

/// The state of one client's stream between two reads.
///
/// The same buffer must be passed each time, with new bytes added only at its end.
#[derive(Debug, Default)]
pub struct ActionDecoder {
    /// The unfinished message: accepted lines, each with CRLF.
    held: BytesMut,
    index: LineIndex,
    /// Lines of the unfinished message, those not held included.
    lines_seen: usize,
    /// How much of the unfinished line at the front of the buffer has been searched for its end.
    searched: usize,
    /// The unfinished line is too long; its bytes are dropped as they come.
    in_long_line: bool,
    defective: bool,
    /// Of a defective message no line is held, only its first ActionID header: whether it came, and its value.
    action_id_seen: bool,
    action_id: Option<ClientActionId>,
}

impl ActionDecoder {
    /// A decoder at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes off the front of the buffer until a message is complete; `None` when more are needed.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Option<Incoming> {
        loop {
            let found = memchr(b'\n', buf.get(self.searched..).unwrap_or_default());
            let Some(found) = found else {
                self.wait(buf);
                return None;
            };
            let end = self.searched + found;
            self.searched = 0;
            if std::mem::take(&mut self.in_long_line) {
                buf.advance(end + 1);
                continue;
            }
            let line = without_cr(buf.get(..end).unwrap_or_default());
            let ended = if line.len() > LINE_CONTENT_BYTES_MAX {
                self.long_line();
                false
            } else {
                // A NUL hides the rest of its line; in front it makes the line an empty one.
                let content = memchr(0, line)
                    .and_then(|nul| line.get(..nul))
                    .unwrap_or(line);
                self.keep(content);
                content.is_empty()
            };
            buf.advance(end + 1);
            if ended {
                return Some(self.finish());
            }
        }
    }

    /// Bytes held of an unfinished message.
    pub fn pending_bytes(&self) -> usize {
        self.held.len() + self.searched
    }

    /// No line end in the buffer: remember how far it was searched, or drop a line that is too long already.
    fn wait(&mut self, buf: &mut BytesMut) {
        // The last byte may be the CR of a line of exactly the maximum.
        if !self.in_long_line && buf.len() > LINE_CONTENT_BYTES_MAX + 1 {
            self.long_line();
            self.in_long_line = true;
        }
        if self.in_long_line {
            buf.clear();
        }
        self.searched = buf.len();
    }

    fn long_line(&mut self) {
        self.lines_seen += 1;
        self.spoil();
    }

    fn keep(&mut self, content: &[u8]) {
        if content.is_empty() {
            return;
        }
        self.lines_seen += 1;
        if self.lines_seen > HEADERS_MAX {
            self.spoil();
        } else if self.defective {
            self.note_action_id(content);
        } else {
            let start = self.held.len();
            if start == 0 {
                self.held.reserve(256);
            }
            self.held.extend_from_slice(content);
            self.held.extend_from_slice(b"\r\n");
            self.index.push(start, self.held.len());
        }
    }

    /// The message cannot run any more: only its ActionID is kept.
    fn spoil(&mut self) {
        if std::mem::replace(&mut self.defective, true) {
            return;
        }
        let (held, index) = (
            std::mem::take(&mut self.held),
            std::mem::take(&mut self.index),
        );
        for number in 0..index.len() {
            self.note_action_id(index.raw(&held, number));
        }
    }

    fn note_action_id(&mut self, line: &[u8]) {
        if self.action_id_seen {
            return;
        }
        if let Some(value) = header_value(line, "ActionID") {
            self.action_id_seen = true;
            self.action_id = ClientActionId::new(value.to_vec());
        }
    }

    fn finish(&mut self) -> Incoming {
        let done = std::mem::take(self);
        if !done.defective {
            return Incoming::Action(Action::from_lines(done.held.freeze(), done.index));
        }
        let action_id = done.action_id;
        // With both defects Asterisk reports this one.
        if done.lines_seen > HEADERS_MAX {
            Incoming::TooManyLines { action_id }
        } else {
            Incoming::TooLong { action_id }
        }
    }
}

#[cfg(test)]
mod tests;
