//! Changing ActionIDs on the way: ours on the way up, the client's on the way down.
//!
//! A message is passed on as slices of its own bytes with small pieces between them, for one vectored write. Nothing is
//! copied but the label, whose message waits in many queues and must not keep a read buffer alive.

use bytes::{Bytes, BytesMut};
use memchr::memchr_iter;
use smallvec::SmallVec;

use crate::action::Action;
use crate::action_id::{ClientActionId, WireActionId, is_wire_action_id};
use crate::encode::{EncodeError, check_name, check_value, has_forbidden_byte, put_header};
use crate::frame::Frame;
use crate::limits::{HEADERS_MAX, LINE_CONTENT_BYTES_MAX};
use crate::line::header_value;

mod label;
mod timestamp;
mod user_event;

pub use label::label;
pub use timestamp::{timestamp, timestamp_text};
pub use user_event::{EchoedIds, restore_user_event};

/// One message in pieces, to be written one after another. Room for one within itself: events are one piece, and whatever waits
/// in a queue is as large as its largest kind.
pub type Slices = SmallVec<[Bytes; 1]>;

/// Pieces of most messages whose ActionID is changed.
const PIECES: usize = 4;

const ACTION: &str = "Action";
const ACTION_ID: &str = "ActionID";
const CRLF: &[u8] = b"\r\n";

/// What goes to a node for a client's action.
///
/// First `Action` and our `ActionID` (none if `wire` is `None`), then the client's other lines in their order without those whose
/// name is in `strip`, then `append`, and the empty line. Fails if any of the client's lines contains a CR, an appended value a CR, LF or
/// NUL, if a line gets longer than 1,022 bytes or if there are more than 128 of them.
pub fn upstream_action(
    action: &Action,
    wire: Option<&WireActionId>,
    strip: &[&str],
    append: &[(&str, &[u8])],
) -> Result<Slices, EncodeError> {
    let mut out = Slices::with_capacity(PIECES);
    out.push(head(action, wire)?);
    let mut lines = 1 + usize::from(wire.is_some()) + append.len();
    let (bytes, index) = (action.bytes(), action.index());
    check_lines(action)?;
    let mut run = 0..0;
    for number in 0..index.len() {
        let raw = index.raw(bytes, number);
        if !goes_up(raw, strip) {
            continue;
        }
        lines += 1;
        let span = index.span(number);
        if span.start != run.end {
            push_slice(&mut out, bytes, run.clone());
            run.start = span.start;
        }
        run.end = span.end;
    }
    if lines > HEADERS_MAX {
        return Err(EncodeError::TooManyLines);
    }
    push_slice(&mut out, bytes, run);
    out.push(tail(append)?);
    Ok(out)
}

/// Whether a client's line is passed on as it is.
fn goes_up(raw: &[u8], strip: &[&str]) -> bool {
    header_value(raw, ACTION).is_none()
        && header_value(raw, ACTION_ID).is_none()
        && !strip.iter().any(|name| header_value(raw, name).is_some())
}

fn head(action: &Action, wire: Option<&WireActionId>) -> Result<Bytes, EncodeError> {
    let name = action.name().ok_or(EncodeError::NoAction)?.as_bytes();
    check_value(ACTION, name)?;
    check_length(ACTION, name)?;
    let mut head = BytesMut::with_capacity(name.len() + 64);
    put_header(&mut head, ACTION, name);
    if let Some(wire) = wire {
        put_header(&mut head, ACTION_ID, wire.as_bytes());
    }
    Ok(head.freeze())
}

fn tail(append: &[(&str, &[u8])]) -> Result<Bytes, EncodeError> {
    if append.is_empty() {
        return Ok(Bytes::from_static(CRLF));
    }
    let mut tail = BytesMut::new();
    for (name, value) in append {
        check_name(name)?;
        check_value(name, value)?;
        check_length(name, value)?;
        put_header(&mut tail, name, value);
    }
    tail.extend_from_slice(CRLF);
    Ok(tail.freeze())
}

fn check_length(name: &str, value: &[u8]) -> Result<(), EncodeError> {
    let bytes = name.len() + ": ".len() + value.len();
    if bytes > LINE_CONTENT_BYTES_MAX {
        Err(EncodeError::LineTooLong { bytes })
    } else {
        Ok(())
    }
}

/// Refuses a CR inside any line, also in those that stay here: the client's ids are written to others when a
/// UserEvent is echoed. LF and NUL cannot be in a line of an action.
fn check_lines(action: &Action) -> Result<(), EncodeError> {
    // Each line as stored ends with one CR; a second one in any of them shows in the number.
    if memchr_iter(b'\r', action.bytes()).count() == action.line_count() {
        return Ok(());
    }
    let odd = action.lines().find(|line| has_forbidden_byte(line.raw));
    let name = odd.and_then(|line| line.name).unwrap_or_default();
    Err(EncodeError::ForbiddenByte {
        header: name.escape_ascii().to_string(),
    })
}

fn push_slice(out: &mut Slices, bytes: &Bytes, range: std::ops::Range<usize>) {
    if !range.is_empty() {
        out.push(bytes.slice(range));
    }
}

/// Puts the client's id in the place of ours, or removes the line if the client sent none.
///
/// Every `ActionID` header that holds a wire id is treated so; other lines pass as they are.
pub fn restore_action_id(frame: &Frame, client: Option<&ClientActionId>) -> Slices {
    let (bytes, index) = (frame.bytes(), frame.index());
    let mut out = Slices::with_capacity(if client.is_some() { PIECES } else { 1 });
    let mut done = 0;
    for number in index.matches(bytes, ACTION_ID) {
        let value = index.value(bytes, number, ACTION_ID);
        if !is_wire_action_id(value) {
            continue;
        }
        let span = index.span(number);
        if let Some(id) = client {
            let content_end = span.start + index.raw(bytes, number).len();
            push_slice(&mut out, bytes, done..content_end - value.len());
            out.push(id.to_bytes());
            done = content_end;
        } else {
            push_slice(&mut out, bytes, done..span.start);
            done = span.end;
        }
    }
    push_slice(&mut out, bytes, done..bytes.len());
    out
}

/// Removes every wire id from a message that cannot be mapped: of an earlier process, or of another amiplex.
pub fn remove_wire_action_id(frame: &Frame) -> Slices {
    restore_action_id(frame, None)
}

/// The message in one piece; copies only if it has several.
pub fn join(mut slices: Slices) -> Bytes {
    if slices.len() == 1 {
        return slices.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(slices.iter().map(Bytes::len).sum());
    for slice in slices {
        whole.extend_from_slice(&slice);
    }
    whole.freeze()
}

#[cfg(test)]
mod tests;
