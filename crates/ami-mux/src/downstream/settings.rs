//! What a session is told when it starts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ami_access::OnNodeLoss;
use ami_proto::{AmiVersion, CommandOutput};

use super::rate::Rates;
use crate::ids::{NodeId, SessionId};
use crate::route::RouteRule;

/// Limits and names that hold for every session of a listener.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Accepted and unfinished actions, at most; further ones wait in the client's socket.
    pub inflight_max: usize,
    /// Deadline of an action, from its turn to its writing and again to its answer.
    pub action_deadline: Duration,
    /// How long a list holds the events of its node.
    pub list_deadline: Duration,
    /// How long any other action holds them.
    pub event_hold_max: Duration,
    /// Until then a client must have logged in.
    pub auth_timeout: Duration,
    /// Name of the label header of events, on sessions of several nodes.
    pub label: Arc<str>,
    /// Names of the headers that choose a node.
    pub select: Arc<[String]>,
    /// Where actions go that name nothing a node is known to have.
    pub routes: Arc<[RouteRule]>,
    /// The node that the listener is bound to.
    pub node: Option<NodeId>,
    /// A configured greeting version.
    pub greeting_version: Option<AmiVersion>,
    /// The listener's rule for single-node sessions whose node is lost.
    pub on_node_loss: OnNodeLoss,
    /// Actions in a second that may go to the nodes.
    pub rates: Rates,
    /// The listener's form of the output of Command.
    pub command_output: CommandOutput,
}

/// Who connected.
#[derive(Clone, Copy, Debug)]
pub struct SessionStart {
    /// Its id.
    pub id: SessionId,
    /// Its address.
    pub peer: IpAddr,
    /// Whether it came over TLS.
    pub tls: bool,
}

impl SessionStart {
    /// Whether a secret may be sent in clear: nobody between can read it. What comes from this machine passes no network, and is
    /// often what ends TLS in front of amiplex.
    pub(crate) fn is_confidential(&self) -> bool {
        self.tls || self.peer.is_loopback()
    }
}
