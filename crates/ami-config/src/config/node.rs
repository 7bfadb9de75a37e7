//! One node: where it is, who amiplex is there, and how hard it may lean on it.

use std::path::PathBuf;
use std::time::Duration;

use ami_access::Secret;

use super::Fingerprint;

/// One Asterisk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name towards clients: letters, digits, `.`, `_`, `-`, and not `all`.
    pub name: String,
    /// `host:port`, an IPv6 host in brackets; resolved anew at each connect.
    pub address: String,
    /// The account in the node's manager.conf.
    pub username: String,
    /// Its secret, not empty.
    pub secret: Secret,
    /// How the secret is proved.
    pub auth: Auth,
    /// Whether clients see the node's security events about that account; `false` by default.
    pub own_security_events: bool,
    /// Words that routing rules may refer to.
    pub tags: Vec<String>,
    /// Share of new calls among nodes with the same tags.
    pub weight: u32,
    /// TLS towards the node; `None` for plain TCP.
    pub tls: Option<NodeTls>,
    /// Upstream sessions.
    pub lanes: Lanes,
    /// After how long classes of events that no session wants are left out; more than 0, `None`: never.
    pub narrow_events: Option<Duration>,
    /// Actions that it works on at once.
    pub at_once: AtOnce,
    /// How a silent node is noticed.
    pub keepalive: Keepalive,
    /// Pauses between attempts to connect.
    pub backoff: Backoff,
    /// `astetcdir` of the node: checks of file names in actions are made against it.
    pub config_dir: String,
    /// `astmoddir` of the node, likewise.
    pub module_dir: String,
}

impl Node {
    /// `astetcdir` where the node's configuration does not say otherwise.
    pub const CONFIG_DIR_DEFAULT: &'static str = "/etc/asterisk";
    /// `astmoddir` where the node's configuration does not say otherwise.
    pub const MODULE_DIR_DEFAULT: &'static str = "/usr/lib/asterisk/modules";
    /// Equal shares.
    pub const WEIGHT_DEFAULT: u32 = 1;
}

/// How amiplex proves the secret to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// Challenge and MD5 key: the secret itself does not travel.
    #[default]
    Md5,
    /// The secret as a header; for nodes whose secret is not known to them in plain.
    Plain,
}

/// TLS towards a node: the authority is `ca`, else the system's, else exactly one pinned certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeTls {
    /// PEM file with the authorities that may have signed the node's certificate; it could be opened when read.
    pub ca: Option<PathBuf>,
    /// The name in the node's certificate; `None` for the host of the address.
    pub server_name: Option<String>,
    /// The one certificate that is accepted; never together with `ca`.
    pub pin_sha256: Option<Fingerprint>,
}

/// How many upstream sessions a node gets, besides its event lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// Action lanes kept open; 1 or more.
    pub min: usize,
    /// Action lanes at most; not below `min`.
    pub max: usize,
    /// Further lanes for blocking actions, one action each; 1 or more.
    pub blocking_max: usize,
    /// Actions written to a lane before the first is answered; 1 or more.
    pub depth: usize,
    /// A lane beyond `min`, or for blocking actions, is closed after this long without work; more than 0.
    pub idle: Duration,
}

impl Default for Lanes {
    fn default() -> Self {
        // Each lane costs the PBX some microseconds per event even with events off, so few are kept and few allowed; a blocking
        // action waits for a person to pick up, so those need more.
        Self {
            min: 1,
            max: 8,
            blocking_max: 20,
            depth: 16,
            // Longer than panels pause between two polls, so that their lanes are not opened for each.
            idle: Duration::from_secs(30),
        }
    }
}

/// How many actions of each kind a node works on at once, blocking ones aside. 1 or more each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtOnce {
    /// Actions that look something up.
    pub read: usize,
    /// Actions that change something, or may.
    pub write: usize,
    /// The action Command.
    pub command: usize,
    /// Actions that walk a table of the node.
    pub list: usize,
}

impl Default for AtOnce {
    fn default() -> Self {
        // Lists and commands hold locks that calls wait for; the others are done before the next one is read.
        Self {
            read: 64,
            write: 64,
            command: 4,
            list: 4,
        }
    }
}

/// How a silent node is noticed. More than 0 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence after which the lane is pinged.
    pub interval: Duration,
    /// Time for the answer.
    pub deadline: Duration,
    /// An answer later than this says that the node's events come late; less than `deadline`.
    pub lag: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        // A dead host is noticed within a quarter of a minute; a PBX that reloads its dialplan is not taken for one.
        Self {
            interval: Duration::from_secs(10),
            deadline: Duration::from_secs(5),
            // A panel that is behind for longer is noticed by who looks at it.
            lag: Duration::from_secs(2),
        }
    }
}

/// Pauses between attempts to connect: doubled each time, with jitter. More than 0 each, `max` not below `min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first pause.
    pub min: Duration,
    /// Upper bound of every pause.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        // Back within a second of a restart, and no storm against a host that stays away.
        Self {
            min: Duration::from_millis(250),
            max: Duration::from_secs(30),
        }
    }
}
