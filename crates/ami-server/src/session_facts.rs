//! What the operator is told of a session: written by the session's task, read by whoever asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ami_access::AccountName;
use ami_mux::{NodeId, SessionId};
use parking_lot::Mutex;

/// One session. No secret is in it.
#[derive(Debug)]
pub(crate) struct SessionFacts {
    pub(crate) id: SessionId,
    pub(crate) address: SocketAddr,
    pub(crate) listener: Arc<str>,
    /// When it was accepted, as the wall clock since 1970.
    pub(crate) since: Duration,
    login: Mutex<Option<(AccountName, Vec<NodeId>)>>,
    inflight: AtomicUsize,
}

impl SessionFacts {
    /// A connection that has not logged in.
    pub(crate) fn new(
        id: SessionId,
        address: SocketAddr,
        listener: Arc<str>,
        since: Duration,
    ) -> Self {
        Self {
            id,
            address,
            listener,
            since,
            login: Mutex::default(),
            inflight: AtomicUsize::new(0),
        }
    }

    /// It has.
    pub(crate) fn logged_in(&self, account: &AccountName, nodes: &[NodeId]) {
        *self.login.lock() = Some((account.clone(), nodes.to_vec()));
    }

    /// Its account and the nodes that it sees, once it has logged in.
    pub(crate) fn login(&self) -> Option<(AccountName, Vec<NodeId>)> {
        self.login.lock().clone()
    }

    /// Actions accepted and not answered.
    pub(crate) fn inflight(&self) -> usize {
        self.inflight.load(Ordering::Relaxed)
    }

    /// Its task says how many there are now.
    pub(crate) fn set_inflight(&self, inflight: usize) {
        self.inflight.store(inflight, Ordering::Relaxed);
    }
}
