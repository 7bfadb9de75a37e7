//! What the admin socket tells, in the form that it has on the wire.

use std::time::Duration;

use ami_mux::DirectoryEntry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::NodeHandle;
use crate::session_facts::SessionFacts;

/// Every node, in the order of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeList {
    /// The nodes.
    pub nodes: Vec<NodeReport>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Configured name.
    pub name: String,
    /// Configured tags.
    pub tags: Vec<String>,
    /// The word for how it is: `connecting`, `booting`, `up`, `lagging`, `silent`, `draining`, `maintenance` or `down`.
    pub state: String,
    /// Whether amiplex is logged in there, whatever the service.
    pub connected: bool,
    /// What the operator wants of it: `open`, `draining` or `maintenance`.
    pub service: String,
    /// Why the connection is as it is, for people.
    pub reason: String,
    /// Attempts in a row to log in that failed.
    pub failures: u32,
    /// When it is tried next, RFC 3339 in UTC; none while it is connected, or tried for the first time.
    pub next_attempt: Option<String>,
    /// Since when `state` is so, RFC 3339 in UTC.
    pub since: String,
    /// The version in its greeting, when it was last seen.
    pub version: Option<String>,
    /// Upstream sessions that are logged in.
    pub lanes: LaneCounts,
    /// Actions written to it and not answered.
    pub pending: usize,
    /// Actions that wait for a lane.
    pub waiting: usize,
}

/// Upstream sessions of a node that are logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCounts {
    /// For events: 0 or 1.
    pub event: usize,
    /// For quick and slow actions.
    pub action: usize,
    /// For blocking actions.
    pub blocking: usize,
}

/// Every session, by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The sessions.
    pub sessions: Vec<SessionReport>,
}

/// One client connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReport {
    /// Its id, as in the log.
    pub id: u64,
    /// Its account; none before it has logged in.
    pub account: Option<String>,
    /// Address and port of the client.
    pub address: String,
    /// Name of the listener.
    pub listener: String,
    /// Names of the nodes that it sees; none before it has logged in.
    pub nodes: Vec<String>,
    /// Since when it is connected, RFC 3339 in UTC.
    pub since: String,
    /// Actions accepted and not answered.
    pub inflight: usize,
    /// Bytes of events and replies that wait for the client.
    pub queued_bytes: usize,
}

/// What was asked has been done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// In words.
    pub done: String,
}

/// What was asked has not been done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Why.
    pub error: String,
}

impl NodeReport {
    pub(super) fn of(entry: &DirectoryEntry, node: &NodeHandle) -> Self {
        let status = &entry.status;
        let figures = *node.figures.lock();
        let waits = !status.is_up() && status.failures > 0;
        Self {
            name: entry.name.to_string(),
            tags: node.tags.to_vec(),
            state: status.condition().as_str().to_owned(),
            connected: status.is_up(),
            service: status.service.as_str().to_owned(),
            reason: status.reason.to_string(),
            failures: status.failures,
            next_attempt: waits.then(|| time(*node.next_attempt.lock())),
            since: time(entry.since),
            version: status.version.map(|version| version.to_string()),
            lanes: LaneCounts {
                event: figures.event_lanes,
                action: figures.action_lanes,
                blocking: figures.blocking_lanes,
            },
            pending: figures.pending,
            waiting: figures.waiting,
        }
    }
}

impl SessionReport {
    /// `name_of` gives the name of a node.
    pub(super) fn of(
        facts: &SessionFacts,
        queued_bytes: usize,
        name_of: impl Fn(ami_mux::NodeId) -> Option<String>,
    ) -> Self {
        let (account, nodes) = facts.login().unzip();
        Self {
            id: facts.id.0,
            account: account.map(|account| account.as_str().to_owned()),
            address: facts.address.to_string(),
            listener: facts.listener.to_string(),
            nodes: nodes
                .unwrap_or_default()
                .into_iter()
                .filter_map(name_of)
                .collect(),
            since: time(facts.since),
            inflight: facts.inflight(),
            queued_bytes,
        }
    }
}

/// `2026-11-21T05:56:48Z`, from the time since 1970.
fn time(since_1970: Duration) -> String {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}
