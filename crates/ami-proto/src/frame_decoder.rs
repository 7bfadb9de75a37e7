//! Reading what a node sends: the hot path. One pass over the bytes, no copy, no allocation for common messages.
//!
//! It is lenient where Asterisk is irregular: LF or CRLF ends a line, empty lines between messages are dropped or told, lines
//! without colon are kept. The old command form, announced by `Response: Follows` in the first line and nowhere else, is raw text up to
//! its end marker.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr_iter, memmem};

use crate::frame::Frame;
use crate::limits::Limits;
use crate::line::{LineIndex, header_value, without_cr};

/// Ends the raw output of the old command form; it may stand behind text on the same line.
pub(crate) const END_COMMAND: &[u8] = b"--END COMMAND--";

/// A message from a node is beyond the limits. What follows cannot be told apart any more: the lane must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It has more bytes than allowed.
    #[error("a message of the node is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// It has more lines than allowed.
    #[error("a message of the node has more than {limit} lines")]
    TooManyLines {
        /// The limit in lines.
        limit: usize,
    },
}

/// The state of one node's stream between two reads.
///
/// The same buffer must be passed each time, with new bytes added only at its end.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    limits: Limits,
    scan: Scan,
    blank_lines: bool,
}

impl FrameDecoder {
    /// A decoder at the start of a message; the greeting must have been taken before.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            scan: Scan::default(),
            blank_lines: false,
        }
    }

    /// Gives each empty line between messages as a [`FrameKind::Blank`](crate::FrameKind::Blank), instead of dropping it.
    #[must_use]
    pub fn with_blank_lines(mut self) -> Self {
        self.blank_lines = true;
        self
    }

    /// Splits the next message off the front of the buffer; `None` when more bytes are needed.
    ///
    /// After an error the stream cannot be read further.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if self.scan.index.is_empty() {
            let blank = leading_blank_lines(buf);
            if blank > 0 {
                self.scan.searched = 0;
                if self.blank_lines {
                    return Ok(Some(Frame::blank(first_line(buf))));
                }
                buf.advance(blank);
            }
        }
        let found = self.scan.advance(buf, self.limits.headers_max)?;
        let limit = self
            .limits
            .frame_bytes_max
            .min(usize::try_from(u32::MAX).unwrap_or(usize::MAX));
        if found.unwrap_or(buf.len()) > limit {
            return Err(FrameError::TooLong { limit });
        }
        let Some(length) = found else { return Ok(None) };
        let done = std::mem::take(&mut self.scan);
        let bytes = buf.split_to(length).freeze();
        Ok(Some(Frame::from_lines(bytes, done.index, done.raw_output)))
    }

    /// Bytes of the unfinished message that have been searched already.
    pub fn pending_bytes(&self) -> usize {
        self.scan.searched
    }
}

/// Reads exactly one message, for [`Frame::parse`].
pub(crate) fn parse_whole(bytes: Bytes) -> Option<Frame> {
    let mut scan = Scan::default();
    let limits = Limits::default();
    if bytes.len() > limits.frame_bytes_max || leading_blank_lines(&bytes) > 0 {
        return None;
    }
    let length = scan.advance(&bytes, limits.headers_max).ok()??;
    (length == bytes.len()).then(|| Frame::from_lines(bytes, scan.index, scan.raw_output))
}

/// How many bytes of empty lines stand at the front.
fn leading_blank_lines(buf: &[u8]) -> usize {
    let mut rest = buf;
    while let Some(after) = rest
        .strip_prefix(b"\n")
        .or_else(|| rest.strip_prefix(b"\r\n"))
    {
        rest = after;
    }
    buf.len() - rest.len()
}

/// The first line, with its end.
fn first_line(buf: &mut BytesMut) -> Bytes {
    let length = if buf.starts_with(b"\n") { 1 } else { 2 };
    buf.split_to(length.min(buf.len())).freeze()
}

/// How far the message at the front of the buffer has been read.
#[derive(Debug, Default)]
struct Scan {
    index: LineIndex,
    /// Bytes in which every line end has been seen.
    searched: usize,
    /// Where the unfinished line begins.
    line_start: usize,
    /// The message announced raw output: no line of it is a header.
    follows: bool,
    /// The raw output has begun: only the end marker ends it.
    raw_output: bool,
}

impl Scan {
    /// Reads on; the length of the message once its end is there.
    fn advance(&mut self, buf: &[u8], headers_max: usize) -> Result<Option<usize>, FrameError> {
        if !self.raw_output {
            let from = self.searched;
            self.searched = buf.len();
            for found in memchr_iter(b'\n', buf.get(from..).unwrap_or_default()) {
                let next = from + found + 1;
                let line = without_cr(buf.get(self.line_start..next - 1).unwrap_or_default());
                if line.is_empty() && !self.follows {
                    return Ok(Some(next));
                }
                if self.index.is_empty() {
                    self.follows = is_follows(line);
                } else if self.follows && !self.is_follows_header(buf, line) {
                    self.raw_output = true;
                    self.searched = self.line_start;
                    break;
                }
                if self.index.len() >= headers_max {
                    return Err(FrameError::TooManyLines { limit: headers_max });
                }
                self.index.push(self.line_start, next);
                self.line_start = next;
            }
        }
        Ok(if self.raw_output {
            self.find_end_command(buf)
        } else {
            None
        })
    }

    /// Whether a line still belongs to the headers of the old command form: `Privilege` and `ActionID`, each once, so
    /// that no line of the output is taken for one.
    fn is_follows_header(&self, buf: &[u8], line: &[u8]) -> bool {
        let known = ["Privilege", "ActionID"];
        let name = known
            .into_iter()
            .find(|name| header_value(line, name).is_some());
        name.is_some_and(|name| self.index.header(buf, name).is_none())
    }

    /// Looks for the end marker, a line end and an empty line.
    fn find_end_command(&mut self, buf: &[u8]) -> Option<usize> {
        while let Some(found) = memmem::find(buf.get(self.searched..)?, END_COMMAND) {
            let marker = self.searched + found;
            let behind = marker + END_COMMAND.len();
            match two_line_ends(buf.get(behind..)?) {
                LineEnds::Both(length) => return Some(behind + length),
                LineEnds::Unfinished => {
                    self.searched = marker;
                    return None;
                }
                LineEnds::Text => self.searched = behind,
            }
        }
        self.searched = self
            .searched
            .max((buf.len() + 1).saturating_sub(END_COMMAND.len()));
        None
    }
}

/// What stands behind an end marker.
enum LineEnds {
    /// Two line ends, of that many bytes.
    Both(usize),
    /// The beginning of two line ends.
    Unfinished,
    /// Something else: the marker was part of the output.
    Text,
}

fn two_line_ends(bytes: &[u8]) -> LineEnds {
    let mut rest = bytes;
    for _ in 0..2 {
        match rest
            .strip_prefix(b"\n")
            .or_else(|| rest.strip_prefix(b"\r\n"))
        {
            Some(after) => rest = after,
            None if rest.is_empty() || rest == b"\r" => return LineEnds::Unfinished,
            None => return LineEnds::Text,
        }
    }
    LineEnds::Both(bytes.len() - rest.len())
}

/// Whether the first line of a message announces the old command form.
pub(crate) fn is_follows(first: &[u8]) -> bool {
    header_value(first, "Response").is_some_and(|value| value.eq_ignore_ascii_case(b"Follows"))
}

#[cfg(test)]
mod tests;
