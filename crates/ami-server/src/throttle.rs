//! Slows guessing of secrets: counts failed logins per address, and per account and address.
//!
//! Only failures count, and they decay evenly over a window. While an address has used up its failures, its attempts are answered
//! as failures without looking at the secret, so a guess that happens to be right is not told apart. The number of entries is bounded;
//! when full, the entries with the least weight are forgotten. Check and count are two steps: as many guesses as there are workers
//! can pass at once, which the limits leave room for.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use foldhash::fast::RandomState as CheaperState;
use smallvec::SmallVec;

/// How many failures are let through, and for how long they count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThrottleLimits {
    /// Failures of one address at one account; more than anybody mistypes.
    pub(crate) per_account: u32,
    /// Failures of one address at all accounts. Above the former, because many applications may share a host or a NAT, and one
    /// of them with an old secret should not shut out the others at once.
    pub(crate) per_address: u32,
    /// Time in which a used-up allowance comes back in full; a part of it comes back after the same part of the time.
    pub(crate) window: Duration,
    /// Entries of each kind; some 100 bytes each.
    pub(crate) entries_max: usize,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self {
            per_account: 10,
            per_address: 50,
            window: Duration::from_mins(1),
            entries_max: 65_536,
        }
    }
}

/// The failures of late. One for the process.
#[derive(Debug)]
pub(crate) struct AuthThrottle {
    limits: ThrottleLimits,
    addresses: DashMap<Source, Spent, CheaperState>,
    accounts: DashMap<(u64, Source), Spent, CheaperState>,
    hasher: RandomState,
}

/// An address, or the /64 of an IPv6 address, which is what one host is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Source(IpAddr);

/// The moment at which the allowance will be whole again. One moment says all: each failure moves it on by its share of the window.
#[derive(Debug, Clone, Copy)]
struct Spent {
    until: Instant,
}

impl Default for AuthThrottle {
    fn default() -> Self {
        Self::new(ThrottleLimits::default())
    }
}

impl AuthThrottle {
    /// Counts per account must be 1 or more.
    pub(crate) fn new(limits: ThrottleLimits) -> Self {
        Self {
            limits,
            addresses: DashMap::default(),
            accounts: DashMap::default(),
            hasher: RandomState::new(),
        }
    }

    /// Whether an attempt at `account` from `peer` is to fail unchecked.
    pub(crate) fn is_blocked(&self, peer: IpAddr, account: &[u8], now: Instant) -> bool {
        let source = Source::of(peer);
        let by_address = self
            .addresses
            .get(&source)
            .is_some_and(|spent| self.is_used_up(*spent, self.limits.per_address, now));
        by_address
            || self
                .accounts
                .get(&self.account_key(account, source))
                .is_some_and(|spent| self.is_used_up(*spent, self.limits.per_account, now))
    }

    /// Counts a failure that was checked. Failures answered by the throttle itself are not to be counted, or nobody ever got out.
    pub(crate) fn failed(&self, peer: IpAddr, account: &[u8], now: Instant) {
        let source = Source::of(peer);
        self.spend(&self.addresses, source, self.limits.per_address, now);
        self.spend(
            &self.accounts,
            self.account_key(account, source),
            self.limits.per_account,
            now,
        );
    }

    /// The right secret came: what was mistyped before is forgiven for this account, not for the address.
    pub(crate) fn succeeded(&self, peer: IpAddr, account: &[u8]) {
        self.accounts
            .remove(&self.account_key(account, Source::of(peer)));
    }

    /// A keyed hash, so that names of any length take the same room and nobody can choose two that collide.
    fn account_key(&self, account: &[u8], source: Source) -> (u64, Source) {
        let mut folded: SmallVec<[u8; 64]> = account.into();
        folded.make_ascii_lowercase();
        (self.hasher.hash_one(&*folded), source)
    }

    fn share(&self, allowed: u32) -> Duration {
        self.limits.window / allowed.max(1)
    }

    /// Whether one more failure would reach beyond the window.
    fn is_used_up(&self, spent: Spent, allowed: u32, now: Instant) -> bool {
        spent.until.saturating_duration_since(now) + self.share(allowed) > self.limits.window
    }

    fn spend<K: std::hash::Hash + Eq>(
        &self,
        entries: &DashMap<K, Spent, CheaperState>,
        key: K,
        allowed: u32,
        now: Instant,
    ) {
        if entries.len() >= self.limits.entries_max {
            self.make_room(entries, now);
        }
        let share = self.share(allowed);
        let latest = now + self.limits.window;
        entries
            .entry(key)
            .and_modify(|spent| spent.until = (spent.until.max(now) + share).min(latest))
            .or_insert(Spent { until: now + share });
    }

    /// Forgets what has decayed, then what weighs least, until a quarter is free: so it runs once per many failures.
    fn make_room<K: std::hash::Hash + Eq>(
        &self,
        entries: &DashMap<K, Spent, CheaperState>,
        now: Instant,
    ) {
        const STEPS: u32 = 8;
        let wanted = self.limits.entries_max / 4 * 3;
        for step in 0..=STEPS {
            let weight = self.limits.window * step / STEPS;
            entries.retain(|_, spent| spent.until.saturating_duration_since(now) > weight);
            if entries.len() <= wanted {
                return;
            }
        }
    }
}

impl Source {
    fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(
                address.to_bits() & (u128::MAX << 64),
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
