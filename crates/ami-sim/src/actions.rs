//! The actions a node knows: who may run them, and what they answer.
//!
//! Owner: the session that runs one, inside the node's lock. [`run`] decides in Asterisk's order: no name,
//! not logged in, unknown, not permitted, then the handler.

use ami_proto::{Action, ClassSet};
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::SimOptions;
use crate::message::Message;
use crate::state::{ConnectionId, Seat, State};
use crate::world::World;

mod catalogue;
mod channels;
mod command;
mod config;
mod control;
mod database;
mod lists;
mod originate;
mod plain;
mod queues;
mod session;
mod variables;

use catalogue::find;

/// What came of an action.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// These messages are the whole answer.
    Reply(Vec<Bytes>),
    /// The answer, after which the node closes the connection.
    Goodbye(Vec<Bytes>),
    /// The answer of a failed login: a second later, then the connection is closed.
    Penalty(Vec<Bytes>),
    /// A synchronous Originate: the session waits for its outcome.
    Placing {
        /// True when answered.
        outcome: oneshot::Receiver<bool>,
        /// The answer when it succeeds.
        success: Bytes,
        /// The answer when it fails.
        failure: Bytes,
    },
    /// The answer after the session has been busy for so long.
    InLine {
        /// How long nothing else happens in this session.
        lasts: std::time::Duration,
        /// The answer then.
        messages: Vec<Bytes>,
    },
    /// WaitEvent: until an event, input or the end of the time.
    WaitEvent {
        /// None waits for ever.
        timeout: Option<std::time::Duration>,
        /// Before the events.
        head: Bytes,
        /// After the events.
        tail: Bytes,
    },
}

/// One run of one action.
pub(crate) struct Turn<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) seat: &'a mut Seat,
    pub(crate) options: &'a SimOptions,
    pub(crate) action: &'a Action,
    /// True when another session is logged in under the `Username` of this action.
    pub(crate) user_is_live: bool,
    id: Option<Bytes>,
}

impl Turn<'_> {
    /// A header's value, empty when missing.
    pub(crate) fn value(&self, name: &str) -> &[u8] {
        self.action.header(name).unwrap_or_default()
    }

    /// A header's value as text; bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.value(name)).into_owned()
    }

    /// Asterisk's idea of truth.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        ["yes", "true", "y", "t", "1", "on"]
            .iter()
            .any(|word| self.value(name).eq_ignore_ascii_case(word.as_bytes()))
    }

    pub(crate) fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }

    pub(crate) fn id_bytes(&self) -> Option<Bytes> {
        self.id.clone()
    }

    /// `Response: Success` with its ActionID, open for more headers.
    pub(crate) fn success(&self) -> Message {
        Message::response("Success", self.id())
    }

    pub(crate) fn done(&self, text: &str) -> Outcome {
        reply(self.success().header("Message", text))
    }

    pub(crate) fn error(&self, text: &str) -> Outcome {
        reply(Message::response("Error", self.id()).header("Message", text))
    }

    /// A list: start, the items as built, and the completion with `rest` after its count.
    pub(crate) fn list(
        &self,
        text: &str,
        items: Vec<Message>,
        complete: &str,
        rest: &[(&str, String)],
    ) -> Outcome {
        let marked = self.options.version.marks_list(complete);
        let start = self.success();
        let start = if marked {
            start.header("EventList", "start")
        } else {
            start
        };
        let count = items.len().to_string();
        let mut end = Message::event(complete).action_id(self.id());
        if marked {
            end = end
                .header("EventList", "Complete")
                .header("ListItems", count);
        }
        for (name, value) in rest {
            end = end.header(name, value);
        }
        let mut output = vec![start.header("Message", text).end()];
        output.extend(items.into_iter().map(Message::end));
        output.push(end.end());
        Outcome::Reply(output)
    }
}

/// An answer of one message.
pub(crate) fn reply(message: Message) -> Outcome {
    Outcome::Reply(vec![message.end()])
}

/// Runs an action of `connection`; `None` when the connection has lost its seat.
pub(crate) fn run(
    state: &mut State,
    options: &SimOptions,
    connection: ConnectionId,
    action: &Action,
) -> Option<Outcome> {
    let user = action.header("Username").unwrap_or_default();
    let user_is_live = state.seats.values().any(|seat| {
        let account = seat.account.as_deref().unwrap_or_default();
        seat.id != connection
            && !account.is_empty()
            && account.as_bytes().eq_ignore_ascii_case(user)
    });
    let seat = state.seats.get_mut(&connection)?;
    let mut turn = Turn {
        world: &mut state.world,
        seat,
        options,
        action,
        user_is_live,
        id: action.action_id().map(|id| id.to_bytes()),
    };
    let Some(name) = action.name() else {
        session::bad_format(&mut turn, "NONE");
        return Some(turn.error("Missing action in request"));
    };
    let before_login = ["Login", "Challenge", "Logoff"];
    if !turn.seat.is_logged_in() && !before_login.iter().any(|own| name.is(own)) {
        session::not_allowed(&mut turn, &name.as_str_lossy());
        return Some(turn.error("Permission denied"));
    }
    let Some(entry) = find(name, options.version) else {
        session::bad_format(&mut turn, &name.as_str_lossy());
        return Some(turn.error(&unknown(&name.as_str_lossy())));
    };
    if !permitted(entry.classes, turn.seat.write) {
        session::not_allowed(&mut turn, &name.as_str_lossy());
        return Some(turn.error("Permission denied"));
    }
    Some((entry.run)(&mut turn))
}

/// The action rule: no class at all, or any in common.
pub(crate) fn permitted(classes: ClassSet, write: ClassSet) -> bool {
    classes.is_empty() || write.intersects(classes)
}

/// The text for an unknown action, cut to 511 bytes as Asterisk's buffer does.
fn unknown(name: &str) -> String {
    let mut text = format!(
        "Invalid/unknown command: {name}. Use Action: ListCommands to show available commands."
    );
    let mut cut = 511.min(text.len());
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    text.truncate(cut);
    text
}

/// Names of the actions a release knows, in the order of ListCommands.
#[cfg(test)]
pub(crate) fn names(version: crate::SimVersion) -> impl Iterator<Item = &'static str> {
    catalogue::known(version).map(|entry| entry.name)
}
