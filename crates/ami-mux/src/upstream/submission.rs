//! An action on its way from a session to a node's machine.

use std::sync::Arc;
use std::time::Instant;

use ami_access::{Authorized, Cost};
use ami_proto::{Action, CommandOutput};
use smallvec::smallvec;

use super::load::Load;
use crate::ids::{ActionSeq, NodeId, SessionId};
use crate::mail::{Mail, PartKind};
use crate::outcome::{Cause, Failure, Outcome};

/// An action that a session hands to a node. `R` is how the answer finds the session.
#[derive(Debug)]
pub struct Submission<R> {
    /// Where the answer goes.
    pub reply_to: R,
    /// Whose it is.
    pub session: SessionId,
    /// Its place in the session's order.
    pub seq: ActionSeq,
    /// The action, with the proof that its client may do it.
    pub action: Authorized<Action>,
    /// How long it may hold a lane.
    pub cost: Cost,
    /// Label header of list items, on sessions of several nodes.
    pub label: Option<Arc<str>>,
    /// The form of the answer, if this is a Command; of any other action the node's.
    pub command_output: CommandOutput,
    /// Headers that are amiplex's own and do not go up.
    pub strip: Arc<[String]>,
    /// `NAME=value` of the account, set on the channels of an Originate after the client's own.
    pub variables: Arc<[String]>,
    /// Its session gets no events of the node, which could contradict an answer that was kept.
    pub reads_no_events: bool,
    /// Until then it must have been written.
    pub deadline: Instant,
}

impl<R> Submission<R> {
    /// Whether it only looks something up.
    pub fn only_reads(&self) -> bool {
        let load = Load::of(&self.action, self.cost);
        matches!(load, Some(Load::Read | Load::List))
    }

    /// The answer to an action that could not be handed to its node.
    pub fn not_sent(&self, node: NodeId, name: &str) -> Mail {
        let failure = Failure {
            outcome: Outcome::NotSent,
            cause: Cause::NodeDown,
        };
        let action_id = self.action.action().action_id();
        Mail::Reply {
            node,
            seq: self.seq,
            bytes: smallvec![failure.response(name, action_id.as_ref())],
            last: true,
            kind: PartKind::Ended(failure),
        }
    }
}

impl Submission<()> {
    /// The same, with an address for the answer.
    pub fn addressed_to<R>(self, reply_to: R) -> Submission<R> {
        let Self {
            reply_to: (),
            session,
            seq,
            action,
            cost,
            label,
            command_output,
            strip,
            variables,
            reads_no_events,
            deadline,
        } = self;
        Submission {
            reply_to,
            session,
            seq,
            action,
            cost,
            label,
            command_output,
            strip,
            variables,
            reads_no_events,
            deadline,
        }
    }
}
