//! Security events of amiplex itself: what happened at a login or a refusal, and who may be told.
//!
//! A session's machine reports the facts as a [`SecurityReport`]; its driver adds time and addresses and posts the rendered
//! [`SecurityEvent`] to every session that reads the class `security`. Invariant: no secret, no expected and no
//! received hash is ever in either.

use ami_proto::{Class, ClassSet};
use bytes::Bytes;
use smallvec::SmallVec;

use crate::ids::NodeId;

/// What happened, by the name that Asterisk gives the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurityMatter {
    /// The account does not allow the address.
    FailedAcl,
    /// There is no such account, or none at the nodes in question.
    InvalidAccountId,
    /// The secret is wrong.
    InvalidPassword,
    /// The key that answers this challenge is wrong.
    ChallengeResponseFailed {
        /// The challenge that the connection had been given; it is good for nothing any more.
        challenge: String,
    },
    /// Logged in.
    SuccessfulAuth,
    /// The account allows one session, and has it.
    SessionLimit,
    /// An action that the client may not run, or a login of one who guessed too often.
    RequestNotAllowed {
        /// `RequestType`: the action.
        request: String,
    },
    /// An action that does not exist, or a message without one.
    RequestBadFormat {
        /// `RequestType`: the action, or `NONE`.
        request: String,
    },
}

impl SecurityMatter {
    /// Whether a client can make as many of them as it likes: they cost it no try at a secret, and no connection that counts.
    pub fn is_free(&self) -> bool {
        matches!(
            self,
            Self::SessionLimit | Self::RequestNotAllowed { .. } | Self::RequestBadFormat { .. }
        )
    }
}

/// What a session has to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityReport {
    /// What happened.
    pub matter: SecurityMatter,
    /// The name as the client typed it, where Asterisk tells it; it may hold anything but invalid UTF-8.
    pub account: String,
    /// Who may be told.
    pub audience: Audience,
}

/// Which readers of the class `security` may be told.
///
/// Nodes tell tenants apart: an account that sees some nodes alone must not learn of those who see others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    nodes: SmallVec<[NodeId; 4]>,
    /// A name that is no account may be the slip of any tenant of these nodes, so a reader must see them all.
    all: bool,
}

impl Audience {
    /// Of what an account does at these nodes: whoever sees one of them.
    pub fn of_account(nodes: &[NodeId]) -> Self {
        Self {
            nodes: nodes.into(),
            all: false,
        }
    }

    /// Of what somebody unknown does where these nodes could have been reached: whoever sees all of them.
    pub fn of_a_stranger(nodes: &[NodeId]) -> Self {
        Self {
            nodes: nodes.into(),
            all: true,
        }
    }

    /// Whether a session that sees these nodes is one of them.
    pub fn admits(&self, seen: &[NodeId]) -> bool {
        let mut nodes = self.nodes.iter();
        if self.all {
            nodes.all(|node| seen.contains(node))
        } else {
            nodes.any(|node| seen.contains(node))
        }
    }
}

/// A security event as it is shared by those who read it.
#[derive(Debug)]
pub struct SecurityEvent {
    bytes: Bytes,
    audience: Audience,
}

impl SecurityEvent {
    /// An event with these bytes, whose `Privilege` is `security,all`.
    pub fn new(bytes: Bytes, audience: Audience) -> Self {
        Self { bytes, audience }
    }

    /// The event as the client gets it. It belongs to no node, so it has no label.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether a session with that mask wants it.
    pub fn visible_to(mask: ClassSet) -> bool {
        mask.contains(Class::Security)
    }

    /// Whether a session that sees these nodes may have it.
    pub fn concerns(&self, seen: &[NodeId]) -> bool {
        self.audience.admits(seen)
    }
}
