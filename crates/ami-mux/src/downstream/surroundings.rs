//! What a session needs to know of the world around it, asked for at the moment it matters.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::{AccountName, Accounts};

use crate::directory::Directory;

/// The process around a session; the driver implements it, and simulations do.
pub trait Surroundings {
    /// The accounts as last loaded.
    fn accounts(&self) -> Arc<Accounts>;

    /// The cluster as last seen.
    fn directory(&self) -> Arc<Directory>;

    /// Whether attempts of this address, or of this address at this account, are to fail unchecked.
    fn is_throttled(&self, account: &[u8], peer: IpAddr, now: Instant) -> bool;

    /// A login failed for its secret, its account or its address.
    fn login_failed(&self, account: &[u8], peer: IpAddr, now: Instant);

    /// A login was accepted.
    fn login_succeeded(&self, account: &[u8], peer: IpAddr);

    /// Counts a session in for the account. With `alone`, refuses when there is one already.
    fn claim_login(&self, account: &AccountName, alone: bool) -> bool;

    /// Whether the account has a session.
    fn is_logged_in(&self, account: &AccountName) -> bool;

    /// Whether anybody is told of security events, so that one is worth making.
    fn heeds_security(&self) -> bool;

    /// Whether one more action of the account's sessions is within that many in a second; it is counted then.
    fn is_within_account_rate(&self, account: &str, per_second: u32, now: Instant) -> bool;

    /// Unpredictable bits for a challenge, from the system's source; `None` when it has none.
    fn challenge_bits(&self) -> Option<u32>;

    /// The wall clock, since 1970, for the `Timestamp` of Ping.
    fn wall_clock(&self) -> Duration;
}
