//! Who is connected: sessions, logins per account, connections that have not logged in.
//!
//! Many tasks touch many keys, briefly, and nothing is awaited: dashmap's kind of work. Bounded by `sessions_max`.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ami_access::{Account, AccountName, Accounts};
use ami_mux::SessionId;
use ami_telemetry::CloseReason;
use dashmap::{DashMap, Entry as MapEntry};
use foldhash::fast::RandomState;

use crate::inbox::Inbox;
use crate::session_facts::SessionFacts;

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
    sessions: DashMap<SessionId, Entry, RandomState>,
    /// How many those are: the map itself counts by locking all of its parts.
    open: AtomicUsize,
    logins: DashMap<AccountName, usize, RandomState>,
    unauthenticated: AtomicUsize,
    unauthenticated_by_address: DashMap<IpAddr, usize, RandomState>,
}

/// One open session.
#[derive(Debug)]
struct Entry {
    facts: Arc<SessionFacts>,
    inbox: Arc<Inbox>,
    member: Option<Member>,
}

/// What a session that has logged in may go on with.
#[derive(Debug)]
struct Member {
    account: Arc<Account>,
    peer: IpAddr,
}

impl Member {
    /// Whether the account is still there, with the same rights, and open to the address.
    fn is_still(&self, accounts: &Accounts) -> bool {
        let later = accounts.find(self.account.name.as_str().as_bytes());
        // As a rule nothing was loaded since the login, and the account is the very same: then nothing is compared.
        later.is_some_and(|later| {
            Arc::ptr_eq(&self.account, later)
                || self.account.same_rights(later) && later.acl.allows(self.peer)
        })
    }
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
            sessions: DashMap::default(),
            open: AtomicUsize::new(0),
            logins: DashMap::default(),
            unauthenticated: AtomicUsize::new(0),
            unauthenticated_by_address: DashMap::default(),
        }
    }

    /// A place for a new connection, or why there is none.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
    ) -> Result<UnauthenticatedPlace, CloseReason> {
        if self.len() >= self.limits.sessions {
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

    pub(crate) fn insert(&self, facts: Arc<SessionFacts>, inbox: Arc<Inbox>) {
        let session = facts.id;
        let entry = Entry {
            facts,
            inbox,
            member: None,
        };
        if self.sessions.insert(session, entry).is_none() {
            self.open.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The session has logged in. It is closed when what it logged in to is not true any more by `accounts`, which are to be read
    /// after this was told: so no session slips in while they change.
    pub(crate) fn logged_in(
        &self,
        session: SessionId,
        account: Arc<Account>,
        peer: IpAddr,
        accounts: impl FnOnce() -> Arc<Accounts>,
    ) {
        let Some(mut entry) = self.sessions.get_mut(&session) else {
            return;
        };
        let member = entry.member.insert(Member { account, peer });
        if !member.is_still(&accounts()) {
            entry.inbox.close(CloseReason::Revoked);
        }
    }

    /// Closes the sessions whose account is not by `accounts` what it was; how many those are.
    pub(crate) fn revoke(&self, accounts: &Accounts) -> usize {
        let revoked = self.sessions.iter().filter(|entry| {
            let member = entry.member.as_ref();
            member.is_some_and(|member| !member.is_still(accounts))
        });
        revoked
            .map(|entry| entry.inbox.close(CloseReason::Revoked))
            .count()
    }

    /// What `report` makes of every session and the bytes that wait for its client.
    pub(crate) fn map<T>(&self, report: impl Fn(&SessionFacts, usize) -> T) -> Vec<T> {
        self.sessions
            .iter()
            .map(|entry| report(&entry.facts, entry.inbox.waiting_bytes()))
            .collect()
    }

    /// Ends a session because the operator wants it; false when there is none of that id.
    pub(crate) fn kick(&self, session: SessionId) -> bool {
        let entry = self.sessions.get(&session);
        entry
            .map(|entry| entry.inbox.close(CloseReason::Kicked))
            .is_some()
    }

    pub(crate) fn remove(&self, session: SessionId) {
        if self.sessions.remove(&session).is_some() {
            self.open.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Open sessions.
    pub(crate) fn len(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Those that have logged in.
    pub(crate) fn members(&self) -> usize {
        let entries = self.sessions.iter();
        entries.filter(|entry| entry.member.is_some()).count()
    }

    /// Counts a login in, unless it must be the only one and is not.
    pub(crate) fn claim_login(&self, account: &AccountName, alone: bool) -> bool {
        let mut count = self.logins.entry(account.clone()).or_insert(0);
        if alone && *count > 0 {
            return false;
        }
        *count += 1;
        true
    }

    pub(crate) fn release_login(&self, account: &AccountName) {
        one_less(&self.logins, account.clone());
    }

    pub(crate) fn is_logged_in(&self, account: &AccountName) -> bool {
        self.logins.get(account).is_some_and(|count| *count > 0)
    }
}

/// Counts down, and keeps no entry of those that are none.
fn one_less<K: Eq + Hash>(counts: &DashMap<K, usize, RandomState>, key: K) {
    if let MapEntry::Occupied(mut count) = counts.entry(key) {
        if *count.get() > 1 {
            *count.get_mut() -= 1;
        } else {
            count.remove();
        }
    }
}

impl Drop for UnauthenticatedPlace {
    fn drop(&mut self) {
        let registry = &self.registry;
        registry.unauthenticated.fetch_sub(1, Ordering::AcqRel);
        one_less(&registry.unauthenticated_by_address, self.address);
    }
}

#[cfg(test)]
mod tests;
