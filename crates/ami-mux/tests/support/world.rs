//! What a session's machine may ask of the process around it, as far as its tests need it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::{AccountName, Accounts};
use ami_mux::{Directory, Surroundings};

/// Accounts and nodes. Only `throttled` is throttled, only `taken` logged in already, only `greedy` over its rate.
pub(crate) struct World {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) directory: Arc<Directory>,
    /// Whether everybody is throttled.
    pub(crate) throttles: bool,
}

impl Surroundings for World {
    fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(&self.accounts)
    }
    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory)
    }
    fn is_throttled(&self, account: &[u8], _: IpAddr, _: Instant) -> bool {
        self.throttles || account == b"throttled"
    }
    fn login_failed(&self, _: &[u8], _: IpAddr, _: Instant) {}
    fn login_succeeded(&self, _: &[u8], _: IpAddr) {}
    fn claim_login(&self, _: &AccountName, _: bool) -> bool {
        true
    }
    fn is_logged_in(&self, account: &AccountName) -> bool {
        account.as_str() == "taken"
    }
    fn heeds_security(&self) -> bool {
        true
    }
    fn is_within_account_rate(&self, account: &str, _: u32, _: Instant) -> bool {
        account != "greedy"
    }
    fn challenge_bits(&self) -> Option<u32> {
        Some(7)
    }
    fn wall_clock(&self) -> Duration {
        Duration::from_secs(1)
    }
}
