//! What every session's machine may ask of the process around it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ami_access::{AccountName, Accounts};
use ami_mux::{Directory, Surroundings};
use ami_telemetry::Meters;
use arc_swap::ArcSwap;

use crate::cluster::Cluster;
use crate::drain_turns::DrainTurns;
use crate::line_log::LineLog;
use crate::node_memory::NodeMemory;
use crate::rates::AccountRates;
use crate::registry::SessionRegistry;
use crate::secret_checks::SecretChecks;
use crate::security::SecurityDesk;
use crate::throttle::AuthThrottle;

/// The shared state of the process, made once by `App::build`.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) accounts: ArcSwap<Accounts>,
    pub(crate) cluster: Cluster,
    pub(crate) registry: Arc<SessionRegistry>,
    pub(crate) throttle: AuthThrottle,
    pub(crate) rates: AccountRates,
    pub(crate) secret_checks: SecretChecks,
    pub(crate) security: SecurityDesk,
    /// Where it is written what clients do, if anywhere.
    pub(crate) audit_log: Option<LineLog>,
    /// What is kept of the nodes over a restart, if anything.
    pub(crate) node_memory: Option<NodeMemory>,
    pub(crate) drain_turns: DrainTurns,
    pub(crate) meters: Arc<Meters>,
}

impl Surroundings for World {
    fn accounts(&self) -> Arc<Accounts> {
        self.accounts.load_full()
    }

    fn directory(&self) -> Arc<Directory> {
        self.cluster.directory()
    }

    fn is_throttled(&self, account: &[u8], peer: IpAddr, now: Instant) -> bool {
        self.throttle.is_blocked(peer, account, now)
    }

    fn login_failed(&self, account: &[u8], peer: IpAddr, now: Instant) {
        self.throttle.failed(peer, account, now);
    }

    fn login_succeeded(&self, account: &[u8], peer: IpAddr) {
        self.throttle.succeeded(peer, account);
    }

    fn claim_login(&self, account: &AccountName, alone: bool) -> bool {
        self.registry.claim_login(account, alone)
    }

    fn is_logged_in(&self, account: &AccountName) -> bool {
        self.registry.is_logged_in(account)
    }

    fn heeds_security(&self) -> bool {
        self.security.is_heeded()
    }

    fn is_within_account_rate(&self, account: &str, per_second: u32, now: Instant) -> bool {
        self.rates.admit(account, per_second, now)
    }

    fn challenge_bits(&self) -> Option<u32> {
        getrandom::u32().ok()
    }

    fn wall_clock(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}
