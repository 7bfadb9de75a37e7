//! What a session's machine asks of its driver, and what it has to tell people.

use ami_access::{Denied, Refusal, SecretCheck};
use ami_proto::Slices;

use super::interest::Interest;
use crate::ids::NodeId;
use crate::security::SecurityReport;
use crate::subject::ActionSubject;
use crate::upstream::Submission;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The client said Logoff.
    Logoff,
    /// The client closed its side, and everything it sent before is answered.
    PeerClosed,
    /// No login in time.
    AuthTimeout,
    /// Wrong credentials.
    LoginFailed,
    /// The account allows one session, and has it.
    LoginInUse,
    /// The session's only node was lost.
    NodeLost,
    /// The listener's node is away and its rule is to refuse.
    NodeAway,
    /// amiplex is stopping.
    Draining,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum SessionEffect {
    /// Bytes for the client. `events` tells which budget they count in.
    Write {
        /// The bytes.
        bytes: Slices,
        /// How many broadcast events they are; none is a part of an answer.
        events: usize,
    },
    /// Hand this to the node.
    Submit(NodeId, Box<Submission<()>>),
    /// Make this check where it may be slow, and give its outcome to [`Session::verified`](super::Session::verified).
    Verify(SecretCheck),
    /// Logged in: register it and subscribe it to its nodes.
    LoggedIn {
        /// Nodes of its view.
        nodes: Vec<NodeId>,
        /// Classes that it wants now.
        interest: Interest,
    },
    /// It wants other classes now.
    Interest(Interest),
    /// It came while this node was away: the node shall tell it everything it has.
    Replay(NodeId),
    /// Write what is left, then close.
    Close(EndReason),
    /// A security event is due.
    Security(Box<SecurityReport>),
    /// Something worth a log line or a count.
    Note(SessionNote),
}

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFault {
    /// Credentials, account or address.
    Denied(Denied),
    /// Account, listener and login name leave no node.
    NoNode,
    /// The account allows one session, and has it.
    InUse,
    /// Too many failures before.
    Throttled,
}

/// What refused an action before it went anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The account's rights, or a check inside the action.
    Access(Refusal),
    /// It cannot be decided where it should go.
    Route,
    /// The session or its account asks too much.
    Rate,
    /// amiplex is stopping.
    ShuttingDown,
}

/// What an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionNote {
    /// A login failed.
    LoginFailed {
        /// The name that was tried, cut and escaped.
        username: String,
        /// Why; never told to the client.
        fault: LoginFault,
    },
    /// An action was refused here.
    Refused {
        /// It.
        action: ActionSubject,
        /// The reply's message.
        message: String,
        /// What refused it.
        kind: RefusalKind,
    },
    /// An event was not in the mask any more when its turn came.
    EventDiscarded,
    /// An action was answered here.
    AnsweredHere(&'static str),
    /// Events were given out before the answer of the session's own action, because it took too long.
    GateTimedOut,
}
