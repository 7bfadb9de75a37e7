//! UserEvent: the one event that echoes its action's lines, so that the client's own ActionID lines must come back
//! as they were sent: in number, spelling and position.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{ACTION, ACTION_ID, Slices, goes_up, push_slice, restore_action_id};
use crate::action::Action;
use crate::action_id::ClientActionId;
use crate::frame::Frame;
use crate::line::header_value;

const USER_EVENT: &str = "UserEvent";

/// A line of the client's that did not go up as it was, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Withheld {
    /// The line with its CRLF.
    line: Bytes,
    /// How many echoed lines stand before it.
    position: usize,
    /// An `Action` header; only Asterisk up to 11 echoes those.
    is_action: bool,
}

/// What must be put back into the echo of a UserEvent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EchoedIds {
    withheld: SmallVec<[Withheld; 2]>,
    /// The id as responses carry it, for a message that is no echo.
    client: Option<ClientActionId>,
}

impl EchoedIds {
    /// What the client sent, if nothing but its ids was stripped on the way up.
    pub fn of(action: &Action) -> Self {
        Self::with_stripped(action, &[])
    }

    /// What the client sent, the headers named in `strip` included: Asterisk would have echoed them too.
    pub fn with_stripped(action: &Action, strip: &[&str]) -> Self {
        let (bytes, index) = (action.bytes(), action.index());
        let mut withheld = SmallVec::new();
        let mut position = 0;
        for number in 0..index.len() {
            let raw = index.raw(bytes, number);
            if header_value(raw, USER_EVENT).is_some() {
                continue;
            }
            if goes_up(raw, strip) {
                position += 1;
                continue;
            }
            let is_action = header_value(raw, ACTION).is_some();
            withheld.push(Withheld {
                line: bytes.slice(index.span(number)),
                position,
                is_action,
            });
        }
        Self {
            withheld,
            client: action.action_id(),
        }
    }
}

/// Gives a UserEvent back as if the node had echoed the client's own lines.
///
/// The echo begins behind the first `UserEvent` header, which is the node's own. Our `ActionID` line is removed wherever it stands.
pub fn restore_user_event(frame: &Frame, ids: &EchoedIds) -> Slices {
    let (bytes, index) = (frame.bytes(), frame.index());
    let Some(name) = index.matches(bytes, USER_EVENT).next() else {
        return restore_action_id(frame, ids.client.as_ref());
    };
    let is = |number: usize, header: &str| header_value(index.raw(bytes, number), header).is_some();
    let echoes_actions = (name + 1..index.len()).any(|number| is(number, ACTION));
    let mut withheld = ids
        .withheld
        .iter()
        .filter(|line| echoes_actions || !line.is_action)
        .peekable();
    let mut out = Slices::new();
    let mut run = 0..0;
    let mut position = 0;
    for number in 0..index.len() {
        let span = index.span(number);
        let in_echo = number > name;
        if is(number, ACTION_ID) || in_echo && is(number, ACTION) {
            push_slice(&mut out, bytes, run);
            run = span.end..span.end;
            continue;
        }
        if !in_echo {
            run.end = span.end;
            continue;
        }
        while let Some(line) = withheld.next_if(|line| line.position <= position) {
            push_slice(&mut out, bytes, run);
            out.push(line.line.clone());
            run = span.start..span.start;
        }
        run.end = span.end;
        position += 1;
    }
    push_slice(&mut out, bytes, run);
    out.extend(withheld.map(|line| line.line.clone()));
    push_slice(&mut out, bytes, index.end()..bytes.len());
    out
}

#[cfg(test)]
mod tests;
