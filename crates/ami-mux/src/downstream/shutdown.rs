//! amiplex stops: what a client still says is refused in Asterisk's words, and its session ends when what it has is answered.
//!
//! Asterisk refuses every action that has a name, Logoff and those before a login included; what it cannot read it answers as ever.

use std::time::Instant;

use ami_proto::Action;
use ami_proto::encode::error;
use bytes::Bytes;

use super::effect::{EndReason, RefusalKind, SessionNote};
use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use crate::subject::ActionSubject;

impl Session {
    /// amiplex stops: from now on every action is refused. To be followed by [`Session::drain`] once what the client had sent by
    /// then was read: bytes that nobody reads would take the last answers with them when the connection is closed.
    pub fn refuse_new(&mut self) {
        self.shutting_down = true;
    }

    /// amiplex stops: the session ends when what it has is answered. A failed login still has its second.
    pub fn drain(&mut self, surroundings: &impl Surroundings, now: Instant) {
        self.refuse_new();
        if !matches!(self.phase, Phase::Refusing(_)) {
            self.end_after_line(EndReason::Draining, surroundings, now);
        }
    }

    /// The refusal of an action, while amiplex stops.
    pub(super) fn refused_by_shutdown(&mut self, action: &Action) -> Option<Bytes> {
        action.name().filter(|_| self.shutting_down)?;
        let message = "Asterisk is shutting down";
        self.note(SessionNote::Refused {
            action: ActionSubject::of(action),
            message: message.to_owned(),
            kind: RefusalKind::ShuttingDown,
        });
        Some(error(action.action_id().as_ref(), message))
    }
}
