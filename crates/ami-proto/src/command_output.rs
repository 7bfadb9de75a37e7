//! The two forms in which Asterisk answers Command, and the way from one to the other.
//!
//! Up to Asterisk 13 the output is raw text behind `Response: Follows`, up to a marker; from 14 on each line of it is an `Output`
//! header. Invariants: what is written here is one message to whoever reads that form, whatever the output contains; and it
//! is little longer than what it was made from.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::action_id::ClientActionId;
use crate::encode::{error, has_forbidden_byte, put_header};
use crate::frame::Frame;
use crate::frame_decoder::END_COMMAND;
use crate::limits::Limits;
use crate::line::header_value;

/// The form in which a client wants the output of Command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CommandOutput {
    /// As the node writes it.
    #[default]
    Native,
    /// `Output` headers, as from Asterisk 14 on.
    Output,
    /// `Response: Follows` and raw text, as up to Asterisk 13.
    Follows,
}

impl CommandOutput {
    /// Every form with the word that configuration has for it.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("native", Self::Native),
        ("output", Self::Output),
        ("follows", Self::Follows),
    ];

    /// Reads the word, in whatever case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = Self::WORDS.into_iter();
        words
            .find(|(word, _)| text.eq_ignore_ascii_case(word))
            .map(|(_, form)| form)
    }
}

/// What every answer with output has said since Asterisk 14.
const MESSAGE: &[u8] = b"Command output follows";

/// Asterisk's word for an answer that it could not put together.
const TOO_MANY_LINES: &str = "Command response construction error";

/// The answer to a Command in the form `to`, under the client's ActionID; `None` when it is to be passed on as it is, because
/// that is its form already, or because it has no output (an error before the command ran).
///
/// A line loses the CR at its end; any other CR, and NUL, becomes `?`. An end marker within the output of the old form is
/// written `--END_COMMAND--`. The old form does not say whether the command succeeded: the new one then says `Success`. More lines
/// than a message may have become an error.
pub fn convert(frame: &Frame, to: CommandOutput, id: Option<&ClientActionId>) -> Option<Bytes> {
    let bytes = frame.bytes().len();
    match (to, frame.follows_output()) {
        (CommandOutput::Native, _) => None,
        (CommandOutput::Output, Some(text)) => Some(to_output(b"Success", lines_of_text(text), id)),
        (CommandOutput::Follows, Some(text)) => Some(to_follows(lines_of_text(text), bytes, id)),
        (_, None) if !has_output(frame) => None,
        (CommandOutput::Follows, None) => Some(to_follows(lines_of_headers(frame), bytes, id)),
        (CommandOutput::Output, None) => {
            let mut lines = frame.lines();
            let spoiled = lines.any(|line| has_forbidden_byte(line.raw));
            let failed = frame.response() == Some(b"Error");
            let response: &[u8] = if failed { b"Error" } else { b"Success" };
            spoiled.then(|| to_output(response, lines_of_headers(frame), id))
        }
    }
}

fn has_output(frame: &Frame) -> bool {
    frame.response().is_some() && frame.header("Message") == Some(MESSAGE)
}

/// The last line feed ends the last line; it does not begin another.
fn lines_of_text(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// The lines of an answer of the new form. What is one empty header there was no line at all.
fn lines_of_headers(frame: &Frame) -> impl Iterator<Item = &[u8]> {
    let lines = || frame.lines().filter(|line| line.is("Output"));
    let nothing = lines().nth(1).is_none();
    lines()
        .filter_map(|line| line.raw.get("Output:".len()..))
        // Blanks at the beginning are the command's own, but for the first.
        .map(|value| value.strip_prefix(b" ").unwrap_or(value))
        .filter(move |value| !(nothing && value.is_empty()))
}

fn to_output<'a>(
    response: &[u8],
    lines: impl Iterator<Item = &'a [u8]>,
    id: Option<&ClientActionId>,
) -> Bytes {
    let mut out = BytesMut::new();
    put_header(&mut out, "Response", response);
    put_id(&mut out, id);
    put_header(&mut out, "Message", MESSAGE);
    let room = Limits::default().headers_max - 3;
    let mut count = 0;
    for line in lines {
        count += 1;
        if count > room {
            return error(id, TOO_MANY_LINES);
        }
        out.extend_from_slice(b"Output: ");
        put_line(&mut out, line);
        out.extend_from_slice(b"\r\n");
    }
    if count == 0 {
        put_header(&mut out, "Output", b"");
    }
    out.extend_from_slice(b"\r\n");
    out.freeze()
}

fn to_follows<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    bytes: usize,
    id: Option<&ClientActionId>,
) -> Bytes {
    let mut out = BytesMut::with_capacity(bytes + 128);
    put_header(&mut out, "Response", b"Follows");
    put_header(&mut out, "Privilege", b"Command");
    put_id(&mut out, id);
    let text = out.len();
    for line in lines {
        // Here alone it would be read as the id of the answer.
        if out.len() == text && id.is_none() && header_value(line, "ActionID").is_some() {
            out.extend_from_slice(b" ");
        }
        let from = out.len();
        put_line(&mut out, line);
        spoil_markers(&mut out, from);
        out.extend_from_slice(b"\n");
    }
    out.extend_from_slice(END_COMMAND);
    out.extend_from_slice(b"\r\n\r\n");
    out.freeze()
}

fn put_id(out: &mut BytesMut, id: Option<&ClientActionId>) {
    if let Some(id) = id {
        put_header(out, "ActionID", id.as_bytes());
    }
}

/// The line without what could end it.
fn put_line(out: &mut BytesMut, line: &[u8]) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let from = out.len();
    out.extend_from_slice(line);
    if has_forbidden_byte(line) {
        for byte in out.iter_mut().skip(from) {
            if has_forbidden_byte(&[*byte]) {
                *byte = b'?';
            }
        }
    }
}

/// Some clients take a marker anywhere in a line for the end, so none is left: its blank becomes `_`.
fn spoil_markers(out: &mut BytesMut, from: usize) {
    const BLANK: usize = 5;
    let mut at = from;
    while let Some(found) = out.get(at..).and_then(|rest| memchr(b'-', rest)) {
        let start = at + found;
        let is_marker = out
            .get(start..start + END_COMMAND.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(END_COMMAND));
        if is_marker && let Some(blank) = out.get_mut(start + BLANK) {
            *blank = b'_';
        }
        at = start + 1;
    }
}

#[cfg(test)]
mod tests;
