//! Lines and headers: the only place that looks a header up, for actions and frames alike.
//!
//! An index holds where the lines of a message begin; names and values are found by comparing in place, so that
//! indexing costs one pass and, for most messages, no allocation.

use std::ops::Range;

use memchr::memchr;
use smallvec::SmallVec;

/// Lines indexed without an allocation. Most events have fewer; those about two channels, up to forty, cost one.
/// More would make a message a burden to move through queues.
const INLINE_LINES: usize = 24;

/// One line of a message, without its line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line as received.
    pub raw: &'a [u8],
    /// What stands before the first colon, blanks included; `None` in a line without colon.
    pub name: Option<&'a [u8]>,
    /// What stands after the first colon, bytes up to 0x20 skipped on the left, the right side untouched;
    /// empty in a line without colon.
    pub value: &'a [u8],
}

impl<'a> Line<'a> {
    /// Splits a line, given without its line end, at its first colon.
    pub fn of(raw: &'a [u8]) -> Self {
        let split = memchr(b':', raw).and_then(|colon| raw.split_at_checked(colon));
        match split {
            Some((name, rest)) => Self {
                raw,
                name: Some(name),
                value: trim_left(rest.get(1..).unwrap_or_default()),
            },
            None => Self {
                raw,
                name: None,
                value: &[],
            },
        }
    }

    /// Whether this line is a header of that name, by Asterisk's rule: no blank before the name or the colon.
    pub fn is(&self, name: &str) -> bool {
        self.name
            .is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// Skips the bytes up to 0x20 on the left, as Asterisk does with every header value.
pub(crate) fn trim_left(value: &[u8]) -> &[u8] {
    let start = value
        .iter()
        .position(|byte| *byte > b' ')
        .unwrap_or(value.len());
    value.get(start..).unwrap_or_default()
}

/// The value of the line if it is a header of that name.
pub(crate) fn header_value<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    is_header_at(line, 0, name).then(|| trim_left(line.get(name.len() + 1..).unwrap_or_default()))
}

/// Whether a header of that name begins at `start`. A name holds no line end, so a match cannot leave its line.
fn is_header_at(bytes: &[u8], start: usize, name: &str) -> bool {
    let colon = start.saturating_add(name.len());
    bytes.get(colon) == Some(&b':')
        && bytes
            .get(start..colon)
            .is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
}

/// Removes one CR at the end: what stands before the LF of a line, without the CRLF's CR.
pub(crate) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Where the lines of a message begin. Offsets are `u32`: the decoders refuse longer messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineIndex {
    starts: SmallVec<[u32; INLINE_LINES]>,
    /// Where the indexed lines end: the empty line, or the body of an old command response.
    end: u32,
}

impl LineIndex {
    /// Adds the line that begins at `start` and whose line end is before `next`.
    pub(crate) fn push(&mut self, start: usize, next: usize) {
        self.starts.push(u32::try_from(start).unwrap_or(u32::MAX));
        self.end = u32::try_from(next).unwrap_or(u32::MAX);
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The offset behind the last line.
    pub(crate) fn end(&self) -> usize {
        offset(self.end)
    }

    /// The bytes of line `number`, its line end included.
    pub(crate) fn span(&self, number: usize) -> Range<usize> {
        let start = self.starts.get(number).copied().unwrap_or(self.end);
        let end = self.starts.get(number + 1).copied().unwrap_or(self.end);
        offset(start)..offset(end)
    }

    /// Line `number` without its line end.
    pub(crate) fn raw<'a>(&self, bytes: &'a [u8], number: usize) -> &'a [u8] {
        let line = bytes.get(self.span(number)).unwrap_or_default();
        line.strip_suffix(b"\n").map_or(line, without_cr)
    }

    /// All lines in order.
    pub(crate) fn lines<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Line<'a>> + 'a {
        (0..self.len()).map(|number| Line::of(self.raw(bytes, number)))
    }

    /// The numbers of the lines that are headers of that name.
    pub(crate) fn matches<'a>(
        &'a self,
        bytes: &'a [u8],
        name: &'a str,
    ) -> impl Iterator<Item = usize> + 'a {
        let starts = self.starts.iter().enumerate();
        starts
            .filter(move |(_, start)| is_header_at(bytes, offset(**start), name))
            .map(|(number, _)| number)
    }

    /// The value of line `number`, known to be a header of that name.
    pub(crate) fn value<'a>(&self, bytes: &'a [u8], number: usize, name: &str) -> &'a [u8] {
        trim_left(
            self.raw(bytes, number)
                .get(name.len() + 1..)
                .unwrap_or_default(),
        )
    }

    /// The value of the first header of that name, even when empty.
    pub(crate) fn header<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let number = self
            .starts
            .iter()
            .position(|start| is_header_at(bytes, offset(*start), name))?;
        Some(self.value(bytes, number, name))
    }

    /// The values of all headers of that name, in order.
    pub(crate) fn headers<'a>(
        &'a self,
        bytes: &'a [u8],
        name: &'a str,
    ) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.matches(bytes, name)
            .map(move |number| self.value(bytes, number, name))
    }
}

/// Lossless wherever a message of that size fits into memory.
fn offset(stored: u32) -> usize {
    usize::try_from(stored).unwrap_or(usize::MAX)
}
