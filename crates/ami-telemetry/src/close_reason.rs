//! Why a session or a lane ended: one enum that feeds the log field, the metric label and the admin listing.
//!
//! Whoever closes a connection names the reason; nothing is closed without one.

use crate::fault::Fault;

/// Why amiplex closed a client's session, or found it closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CloseReason {
    /// The client sent `Logoff` and got its answer.
    Logoff,
    /// The client closed its side, and what it had sent before was answered.
    PeerClosed,
    /// No login within `authtimeout` of the connect.
    AuthTimeout,
    /// A login failed; Asterisk closes the connection after the error, and so does amiplex.
    LoginFailed,
    /// Replies piled up beyond the byte budget, or events did and the account's policy is to disconnect.
    SlowConsumer,
    /// An event waited in the queue longer than the account allows.
    EventAge,
    /// The only node of the session went away and its policy is to close.
    NodeLost,
    /// Closed without a greeting because the node of the listener is away and its policy is to refuse.
    Refused,
    /// amiplex is shutting down.
    Drain,
    /// The bytes of the peer are no AMI that can be continued.
    Protocol,
    /// `sessions_max` sessions were open already.
    TooManySessions,
    /// Too many connections that have not logged in, in all or from this address.
    TooManyUnauthenticated,
    /// The TLS handshake failed or took too long.
    TlsHandshake,
    /// Reading from or writing to the socket failed.
    IoError,
    /// The account was removed, its secret changed, or its ACL now refuses the address.
    Revoked,
    /// An administrator ended the session.
    Kicked,
    /// A bug in amiplex ended the session; the others live on.
    InternalError,
}

impl CloseReason {
    /// Every reason, in the order of the declaration.
    pub const ALL: [Self; 17] = [
        Self::Logoff,
        Self::PeerClosed,
        Self::AuthTimeout,
        Self::LoginFailed,
        Self::SlowConsumer,
        Self::EventAge,
        Self::NodeLost,
        Self::Refused,
        Self::Drain,
        Self::Protocol,
        Self::TooManySessions,
        Self::TooManyUnauthenticated,
        Self::TlsHandshake,
        Self::IoError,
        Self::Revoked,
        Self::Kicked,
        Self::InternalError,
    ];

    /// The value of the `reason` label and of the log field; stable, dashboards depend on it.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Logoff => "logoff",
            Self::PeerClosed => "peer_closed",
            Self::AuthTimeout => "auth_timeout",
            Self::LoginFailed => "login_failed",
            Self::SlowConsumer => "slow_consumer",
            Self::EventAge => "event_age",
            Self::NodeLost => "node_lost",
            Self::Refused => "refused",
            Self::Drain => "drain",
            Self::Protocol => "protocol",
            Self::TooManySessions => "too_many_sessions",
            Self::TooManyUnauthenticated => "too_many_unauthenticated",
            Self::TlsHandshake => "tls_handshake",
            Self::IoError => "io_error",
            Self::Revoked => "revoked",
            Self::Kicked => "kicked",
            Self::InternalError => "internal_error",
        }
    }

    /// Whose fault the end was, which decides how loudly it is logged; `None` when nothing went wrong.
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::Logoff | Self::PeerClosed | Self::Drain | Self::Revoked | Self::Kicked => None,
            Self::AuthTimeout
            | Self::LoginFailed
            | Self::SlowConsumer
            | Self::EventAge
            | Self::Protocol
            | Self::TooManySessions
            | Self::TooManyUnauthenticated
            | Self::TlsHandshake
            | Self::IoError => Some(Fault::Downstream),
            Self::NodeLost | Self::Refused => Some(Fault::Upstream),
            Self::InternalError => Some(Fault::Internal),
        }
    }
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_label())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_are_distinct_snake_case_words() {
        let labels: BTreeSet<_> = CloseReason::ALL.iter().map(|r| r.as_label()).collect();
        assert_eq!(labels.len(), CloseReason::ALL.len());
        for label in labels {
            assert!(
                label.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{label}"
            );
        }
    }

    #[test]
    fn all_lists_every_variant_in_order() {
        assert!(CloseReason::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(CloseReason::ALL[16], CloseReason::InternalError);
    }

    #[test]
    fn an_ordinary_end_is_nobodys_fault() {
        assert_eq!(CloseReason::Logoff.fault(), None);
        assert_eq!(CloseReason::SlowConsumer.fault(), Some(Fault::Downstream));
        assert_eq!(CloseReason::InternalError.fault(), Some(Fault::Internal));
    }
}
