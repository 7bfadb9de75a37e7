//! What a connection's task tells people: log lines and metrics.

use std::io;
use std::sync::Arc;

use ami_access::{Account, AccountName, Denied, Refusal};
use ami_mux::{EndReason, LoginFault, RefusalKind, SessionNote, SessionStart};
use ami_telemetry::{CloseReason, DropReason, LoginFailure, Meters, RefusalReason};

use super::outbound::Written;

/// Log and metrics of one connection.
#[derive(Debug)]
pub(crate) struct Journal {
    start: SessionStart,
    listener: Arc<str>,
    meters: Arc<Meters>,
    account: Option<AccountName>,
    /// Whether the coming and going of the account is for everybody who reads the log (`displayconnects`).
    display: bool,
    /// Bytes that the gauge of all outbound queues counts for this session.
    waiting: usize,
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.meters.outbound_released(self.waiting);
    }
}

impl Journal {
    pub(crate) fn new(start: SessionStart, listener: Arc<str>, meters: Arc<Meters>) -> Self {
        tracing::debug!(session = %start.id, peer = %start.peer, listener = &*listener, "connected");
        Self {
            start,
            listener,
            meters,
            account: None,
            display: false,
            waiting: 0,
        }
    }

    pub(crate) fn note(&self, note: SessionNote) {
        let session = self.start.id;
        match note {
            SessionNote::LoginFailed { username, fault } => {
                let reason = login_failure(fault);
                self.meters.login_failed(reason);
                let peer = self.start.peer;
                tracing::info!(%session, %peer, username, reason = reason.as_label(), "login failed");
            }
            SessionNote::Refused {
                action,
                message,
                kind,
            } => {
                self.meters.action_refused(refusal_reason(kind));
                let user = self.user();
                let action = action.name;
                tracing::debug!(%session, user, action, message, "action refused");
            }
            SessionNote::AnsweredHere(action) => self.meters.action_local(action),
            SessionNote::GateTimedOut => self.meters.event_gate_timed_out(),
            SessionNote::EventDiscarded => self.meters.events_dropped(DropReason::Revoked, 1),
        }
    }

    /// The account's name; empty before the login.
    fn user(&self) -> &str {
        self.account.as_ref().map_or("", AccountName::as_str)
    }

    pub(crate) fn logged_in(&mut self, account: &Account) {
        let user = account.name.as_str();
        self.meters.login(user);
        self.account = Some(account.name.clone());
        self.display = account.display_connects;
        let (session, peer) = (self.start.id, self.start.peer);
        if self.display {
            tracing::info!(%session, %peer, user, listener = &*self.listener, "logged in");
        } else {
            tracing::debug!(%session, %peer, user, listener = &*self.listener, "logged in");
        }
    }

    pub(crate) fn wrote(&self, written: Written) {
        self.meters
            .bytes_out(u64::try_from(written.bytes).unwrap_or(u64::MAX));
        if written.events > 0 {
            self.meters.events_delivered(written.events);
        }
    }

    pub(crate) fn read(&self, count: usize) {
        self.meters
            .bytes_in(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// So many bytes were taken from the inbox and are not written yet.
    pub(crate) fn waiting(&mut self, bytes: usize) {
        if bytes > self.waiting {
            self.meters.outbound_queued(bytes - self.waiting);
        } else if bytes < self.waiting {
            self.meters.outbound_released(self.waiting - bytes);
        }
        self.waiting = bytes;
    }

    pub(crate) fn dropped(&self, count: u64) {
        self.meters.events_dropped(DropReason::Bytes, count);
    }

    pub(crate) fn io_failed(&self, error: &io::Error) {
        tracing::debug!(session = %self.start.id, %error, "connection failed");
    }

    pub(crate) fn closed(&self, reason: CloseReason) {
        self.meters.session_closed(reason);
        let (session, user) = (self.start.id, self.user());
        if matches!(reason, CloseReason::SlowConsumer | CloseReason::EventAge) {
            tracing::warn!(%session, user, reason = reason.as_label(), "closed: the client does not read");
        } else if self.display {
            tracing::info!(%session, user, reason = reason.as_label(), "logged off");
        } else {
            tracing::debug!(%session, user, reason = reason.as_label(), "closed");
        }
    }
}

/// The reason as metrics and log have it.
pub(super) fn close_reason(reason: EndReason) -> CloseReason {
    match reason {
        EndReason::Logoff => CloseReason::Logoff,
        EndReason::PeerClosed => CloseReason::PeerClosed,
        EndReason::AuthTimeout => CloseReason::AuthTimeout,
        EndReason::LoginFailed | EndReason::LoginInUse => CloseReason::LoginFailed,
        EndReason::NodeLost => CloseReason::NodeLost,
        EndReason::NodeAway => CloseReason::Refused,
        EndReason::Draining => CloseReason::Drain,
    }
}

pub(super) fn login_failure(fault: LoginFault) -> LoginFailure {
    match fault {
        LoginFault::Denied(Denied::NoUsername) => LoginFailure::NoUsername,
        LoginFault::Denied(Denied::NoSuchAccount) => LoginFailure::NoSuchAccount,
        LoginFault::Denied(Denied::Acl) => LoginFailure::Acl,
        LoginFault::Denied(Denied::NoSecret) => LoginFailure::NoSecret,
        LoginFault::Denied(Denied::WrongSecret) => LoginFailure::WrongSecret,
        LoginFault::Denied(Denied::InClear) => LoginFailure::SecretInClear,
        LoginFault::Denied(Denied::WrongKey) => LoginFailure::WrongKey,
        LoginFault::Denied(Denied::NoChallenge) => LoginFailure::NoChallenge,
        LoginFault::NoNode => LoginFailure::NoSuchNode,
        LoginFault::InUse => LoginFailure::AlreadyLoggedIn,
        LoginFault::Throttled => LoginFailure::Throttled,
    }
}

pub(super) fn refusal_reason(kind: RefusalKind) -> RefusalReason {
    match kind {
        RefusalKind::Access(Refusal::MissingAction) => RefusalReason::MissingAction,
        RefusalKind::Access(Refusal::Unknown) => RefusalReason::Unknown,
        RefusalKind::Access(Refusal::Denied) => RefusalReason::Denied,
        RefusalKind::Access(Refusal::Check(_)) => RefusalReason::Check,
        RefusalKind::Route => RefusalReason::NoRoute,
        RefusalKind::Rate => RefusalReason::Rate,
        RefusalKind::ShuttingDown => RefusalReason::Drain,
    }
}
