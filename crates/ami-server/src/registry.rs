//! Who is connected: sessions, logins per account, connections that have not logged in.
//!
//! Many tasks touch many keys, briefly, and nothing is awaited: dashmap's kind of work. Bounded by `sessions_max`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ami_mux::SessionId;
use ami_telemetry::CloseReason;
use dashmap::DashMap;

use crate::inbox::Inbox;

/// How many may be connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    pub(crate) sessions: usize,
    pub(crate) unauthenticated: usize,
    pub(crate) unauthenticated_per_address: usize,
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct SessionRegistry {
    limits: SessionLimits,
    sessions: DashMap<SessionId, Arc<Inbox>>,
    logins: DashMap<String, usize>,
    unauthenticated: AtomicUsize,
    unauthenticated_by_address: DashMap<IpAddr, usize>,
}

/// A connection's place among those that have not logged in; given back when dropped.
#[derive(Debug)]
pub(crate) struct UnauthenticatedPlace {
    registry: Arc<SessionRegistry>,
    address: IpAddr,
}

impl SessionRegistry {
    pub(crate) fn new(limits: SessionLimits) -> Self {
        Self {
            limits,
            sessions: DashMap::new(),
            logins: DashMap::new(),
            unauthenticated: AtomicUsize::new(0),
            unauthenticated_by_address: DashMap::new(),
        }
    }

    /// A place for a new connection, or why there is none.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
    ) -> Result<UnauthenticatedPlace, CloseReason> {
        if self.sessions.len() >= self.limits.sessions {
            return Err(CloseReason::TooManySessions);
        }
        let all = self.unauthenticated.fetch_add(1, Ordering::AcqRel) + 1;
        let here = {
            let mut count = self.unauthenticated_by_address.entry(address).or_insert(0);
            *count += 1;
            *count
        };
        // From here on the drop of the place undoes the counts.
        let place = UnauthenticatedPlace {
            registry: Arc::clone(self),
            address,
        };
        if all > self.limits.unauthenticated || here > self.limits.unauthenticated_per_address {
            return Err(CloseReason::TooManyUnauthenticated);
        }
        Ok(place)
    }

    pub(crate) fn insert(&self, session: SessionId, inbox: Arc<Inbox>) {
        self.sessions.insert(session, inbox);
    }

    pub(crate) fn remove(&self, session: SessionId) {
        self.sessions.remove(&session);
    }

    /// Open sessions.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Counts a login in, unless it must be the only one and is not.
    pub(crate) fn claim_login(&self, account: &str, alone: bool) -> bool {
        let mut count = self.logins.entry(account.to_ascii_lowercase()).or_insert(0);
        if alone && *count > 0 {
            return false;
        }
        *count += 1;
        true
    }

    pub(crate) fn release_login(&self, account: &str) {
        let account = account.to_ascii_lowercase();
        if let Some(mut count) = self.logins.get_mut(&account) {
            *count = count.saturating_sub(1);
        }
        self.logins.remove_if(&account, |_, count| *count == 0);
    }

    pub(crate) fn is_logged_in(&self, account: &str) -> bool {
        self.logins
            .get(&account.to_ascii_lowercase())
            .is_some_and(|count| *count > 0)
    }
}

impl Drop for UnauthenticatedPlace {
    fn drop(&mut self) {
        let registry = &self.registry;
        registry.unauthenticated.fetch_sub(1, Ordering::AcqRel);
        if let Some(mut count) = registry.unauthenticated_by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
        }
        registry
            .unauthenticated_by_address
            .remove_if(&self.address, |_, count| *count == 0);
    }
}
