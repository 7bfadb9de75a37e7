//! What a test or the demo asks of a node.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ami_proto::ClassSet;

use crate::{Faults, SimVersion};

/// A manager account of a node.
#[derive(Clone)]
pub struct SimAccount {
    /// Login name; compared without regard to ASCII case, as Asterisk does.
    pub user: String,
    /// Secret; the simulator never logs it.
    pub secret: String,
    /// Classes of the events it receives.
    pub read: ClassSet,
    /// Classes of the actions it may run.
    pub write: ClassSet,
    /// `allowmultiplelogin`.
    pub multiple_login: bool,
}

impl SimAccount {
    /// An account that may do and see everything.
    pub fn admin(user: &str, secret: &str) -> Self {
        Self::new(user, secret, ClassSet::ALL, ClassSet::ALL)
    }

    /// An account with these classes that may log in more than once.
    pub fn new(user: &str, secret: &str, read: ClassSet, write: ClassSet) -> Self {
        Self {
            user: user.to_owned(),
            secret: secret.to_owned(),
            read,
            write,
            multiple_login: true,
        }
    }
}

impl std::fmt::Debug for SimAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimAccount")
            .field("user", &self.user)
            .field("read", &self.read)
            .field("write", &self.write)
            .field("multiple_login", &self.multiple_login)
            .finish_non_exhaustive()
    }
}

/// How a node starts. `SimOptions::new("pbx1")` is a quiet Asterisk 22 with the account `admin`/`secret`.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Prefix of Uniqueids, and the default `SystemName`.
    pub name: String,
    /// Where it listens; port 0 takes any free one.
    pub bind: SocketAddr,
    /// The release it plays.
    pub version: SimVersion,
    /// Who may log in.
    pub accounts: Vec<SimAccount>,
    /// Calls that begin per second, spread evenly with jitter; 0 = none.
    pub call_rate: f64,
    /// Seed of everything random; two nodes with one seed make the same calls.
    pub seed: u64,
    /// `systemname` of asterisk.conf, a header on every broadcast event.
    pub system_name: Option<String>,
    /// `timestampevents` of manager.conf: a `Timestamp` header on every broadcast event.
    pub timestamp_events: bool,
    /// Until then a login gets no FullyBooted; it is broadcast when the time comes.
    pub boot_after: Duration,
    /// How long a dialled phone rings before it answers (calls made by Originate).
    pub answer_after: Duration,
    /// Closes a connection that has not logged in by then (Asterisk's default 30 s). With paused test time over real
    /// sockets use `None`: an idle runtime jumps to the next timer.
    pub auth_timeout: Option<Duration>,
    /// Connections that may wait for login at once (Asterisk's default 50).
    pub auth_limit: usize,
    /// Bytes of events that may wait for one session that does not read; beyond them the session is closed, as
    /// Asterisk does when a write times out.
    pub session_bytes_max: usize,
    /// What goes wrong from the start.
    pub faults: Faults,
}

impl SimOptions {
    /// A quiet Asterisk 22 on any free loopback port with the account `admin`, secret `secret`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            version: SimVersion::default(),
            accounts: vec![SimAccount::admin("admin", "secret")],
            call_rate: 0.0,
            seed: 1,
            system_name: Some(name.to_owned()),
            timestamp_events: false,
            boot_after: Duration::ZERO,
            answer_after: Duration::from_millis(50),
            auth_timeout: Some(Duration::from_secs(30)),
            auth_limit: 50,
            session_bytes_max: 64 * 1024 * 1024,
            faults: Faults::default(),
        }
    }

    /// The same with another release.
    #[must_use]
    pub fn version(mut self, version: SimVersion) -> Self {
        self.version = version;
        self
    }

    /// The same with one more account.
    #[must_use]
    pub fn account(mut self, account: SimAccount) -> Self {
        self.accounts.push(account);
        self
    }

    /// The same with calls, so many per second.
    #[must_use]
    pub fn call_rate(mut self, calls_per_second: f64) -> Self {
        self.call_rate = calls_per_second;
        self
    }

    /// The same with another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same with faults.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }
}

impl Default for SimOptions {
    fn default() -> Self {
        Self::new("sim")
    }
}
