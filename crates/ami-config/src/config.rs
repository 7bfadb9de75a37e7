//! The validated configuration: what the rest of the program reads.
//!
//! A [`Config`] only comes from [`load`](crate::load) or [`Config::from_toml`], so every value in it keeps the ranges stated
//! here. Each section's `Default` is what applies when the key is not given.

mod coalesce;
mod fingerprint;
mod node;
mod route;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ami_access::OnNodeLoss;
use ami_proto::{AmiVersion, CommandOutput};

pub use coalesce::{CacheRule, Coalesce};
pub use fingerprint::{Fingerprint, NoFingerprint};
pub use node::{AtOnce, Auth, Backoff, Keepalive, Lanes, Node, NodeTls};
pub use route::{Policy, Route};

/// All of `amiplex.toml`, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[admin]`
    pub admin: Admin,
    /// `[log]`
    pub log: Log,
    /// `[limits]`
    pub limits: Limits,
    /// `[outbound]`
    pub outbound: Outbound,
    /// `[labels]`
    pub labels: Labels,
    /// `[rate]`
    pub rate: Rate,
    /// `[coalesce]`
    pub coalesce: Coalesce,
    /// Every `[[listener]]`, at least one; names and addresses are distinct.
    pub listeners: Vec<Listener>,
    /// Every `[[node]]`, at least one; names are distinct, ASCII case aside.
    pub nodes: Vec<Node>,
    /// Every `[[route]]`, in order.
    pub routes: Vec<Route>,
}

impl Config {
    /// The sections in which `later` says something else, but for what can change while amiplex runs: where the accounts
    /// are, and the certificates of a listener.
    pub fn waiting_for_a_restart(&self, later: &Self) -> Vec<&'static str> {
        let mut server = self.server.clone();
        server.manager_conf.clone_from(&later.server.manager_conf);
        server.acl_conf.clone_from(&later.server.acl_conf);
        let mut listeners = self.listeners.clone();
        for (ours, theirs) in listeners.iter_mut().zip(&later.listeners) {
            if ours.name == theirs.name && ours.tls.is_some() && theirs.tls.is_some() {
                ours.tls.clone_from(&theirs.tls);
            }
        }
        let sections = [
            ("[server]", server == later.server),
            ("[admin]", self.admin == later.admin),
            ("[log]", self.log == later.log),
            ("[limits]", self.limits == later.limits),
            ("[outbound]", self.outbound == later.outbound),
            ("[labels]", self.labels == later.labels),
            ("[rate]", self.rate == later.rate),
            ("[coalesce]", self.coalesce == later.coalesce),
            ("[[listener]]", listeners == later.listeners),
            ("[[node]]", self.nodes == later.nodes),
            ("[[route]]", self.routes == later.routes),
        ];
        let changed = sections.into_iter().filter(|(_, same)| !same);
        changed.map(|(name, _)| name).collect()
    }
}

/// Files and times of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The accounts, in Asterisk's dialect. Relative paths start at the directory of `amiplex.toml`.
    pub manager_conf: PathBuf,
    /// Named ACLs that the accounts refer to.
    pub acl_conf: Option<PathBuf>,
    /// Where a small file keeps what is known of the nodes over a restart; `None` for nowhere.
    pub state_dir: Option<PathBuf>,
    /// How long a drain waits for actions in flight; more than 0.
    pub drain_timeout: Duration,
    /// Over how long a drain spreads the ends of the sessions that are logged in; less than `drain_timeout`, 0 for all at once.
    pub drain_spread: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            manager_conf: PathBuf::from("manager.conf"),
            acl_conf: None,
            state_dir: None,
            // As long as an action may take by default, so that none is cut off by a restart.
            drain_timeout: Duration::from_secs(30),
            drain_spread: Duration::ZERO,
        }
    }
}

/// How operators look in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admin {
    /// Where `GET /metrics` is answered, over plain HTTP and without a login; `None` turns metrics off.
    pub listen: Option<SocketAddr>,
    /// Where `amiplex status` and the like ask; `None` for nowhere.
    pub socket: Option<AdminSocket>,
}

/// The Unix socket for operators. Whoever may open it may do everything there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSocket {
    /// Its file. A relative path starts at the directory of `amiplex.toml`.
    pub path: PathBuf,
    /// Its mode: 0600, or 0660 for the group too.
    pub mode: u32,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// A level, or a list of `target=level`; not empty, otherwise checked by the logger.
    pub level: String,
    /// The security log; `None` for none. A relative path starts at the directory of `amiplex.toml`.
    pub security_file: Option<PathBuf>,
    /// The audit log; `None` for none. As above.
    pub audit_file: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
            security_file: None,
            audit_file: None,
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What clients may use up. Counts are 1 or more, times more than 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Client sessions at once.
    pub sessions_max: usize,
    /// Sessions at once that have not logged in.
    pub unauthenticated_max: usize,
    /// The same from one address.
    pub unauthenticated_per_address: usize,
    /// Actions of one session without an answer; when reached, amiplex stops reading that client.
    pub inflight_max: u32,
    /// How long an action may take that states no time of its own.
    pub action_deadline: Duration,
    /// How long a merged list waits for its slowest node.
    pub list_deadline: Duration,
    /// How long a session's events wait behind its own action.
    pub event_hold_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Two file descriptors and some 100 KiB each are well within one host.
            sessions_max: 10_000,
            // A restart of many applications at once stays below this; a flood does not.
            unauthenticated_max: 2_000,
            // Applications share hosts, and behind NAT hosts share addresses.
            unauthenticated_per_address: 500,
            // More than client libraries pipeline, small enough that one client cannot fill a node's queue.
            inflight_max: 64,
            // Asterisk's own default for the longest wait, a synchronous Originate.
            action_deadline: Duration::from_secs(30),
            // Panels poll every five seconds; the answer to one poll should come before the next.
            list_deadline: Duration::from_secs(4),
            // An order of magnitude above a quick action's time, below what a person notices.
            event_hold_max: Duration::from_millis(100),
        }
    }
}

/// What may wait for a client. More than 0 each, but for `flush`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// Bytes of replies, on top of the events.
    pub reply_bytes: u64,
    /// Bytes of events.
    pub event_bytes: u64,
    /// Age of the oldest event.
    pub event_age: Duration,
    /// How long an event may wait for others to share a write with, at most [`ami_access::Account::FLUSH_MAX`]; zero: not at all. Listeners
    /// and accounts may override it.
    pub flush: Duration,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            // The largest lists of real systems, several times over.
            reply_bytes: 16 * 1024 * 1024,
            // About 20,000 events: seconds of a busy PBX, and 80 GiB only if all 10,000 clients stall at once.
            event_bytes: 8 * 1024 * 1024,
            // A client that is a minute behind shows calls that have ended.
            event_age: Duration::from_mins(1),
            flush: Duration::ZERO,
        }
    }
}

/// Actions in a second that go to the nodes, where an account does not say; 0: any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Of each session.
    pub session: u32,
    /// Of all sessions of an account together.
    pub account: u32,
}

/// Header names that say which node is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The header added to events for sessions with several nodes.
    pub event: String,
    /// The headers of an action that choose its node; at least one, distinct.
    pub select: Vec<String>,
}

impl Default for Labels {
    fn default() -> Self {
        // `Server` is what astmanproxy called it; its clients still send that.
        Self {
            event: "Node".to_owned(),
            select: vec!["Node".to_owned(), "Server".to_owned()],
        }
    }
}

/// A port for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// For logs, metrics and the command line; a plain token.
    pub name: String,
    /// Where it listens.
    pub bind: SocketAddr,
    /// The one node that sessions of this listener see, a name in [`Config::nodes`]; `None` for what the account allows.
    pub node: Option<String>,
    /// The AMI version in the greeting; `None` for the version of the nodes.
    pub greeting_version: Option<AmiVersion>,
    /// What happens to single-node sessions when their node goes; accounts may override it.
    pub on_node_loss: OnNodeLoss,
    /// The form of the output of Command; accounts may override it.
    pub command_output: CommandOutput,
    /// [`Outbound::flush`] of its sessions; accounts may override it.
    pub flush: Duration,
    /// TLS from the first byte; `None` for plain TCP.
    pub tls: Option<ListenerTls>,
}

/// Certificates of a listener. The files existed and could be opened when the configuration was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// PEM file with the certificate and its chain, leaf first.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// PEM file with the authorities whose client certificates are demanded; `None` demands none.
    pub client_ca: Option<PathBuf>,
}
