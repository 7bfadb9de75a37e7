//! What is known of the cluster at one moment, shared by all sessions and replaced as a whole when it changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::{LearnedActions, SeenNode};
use ami_proto::AmiVersion;

use crate::identity::{Likeness, NodeIdentity};
use crate::ids::NodeId;
use crate::objects::SharedObjects;

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It was never reached since amiplex started.
    Connecting,
    /// Logged in, but it has not said FullyBooted yet.
    Booting,
    /// Logged in and booted.
    Up,
    /// It was lost, or could not be reached.
    Down,
}

/// What the operator wants of a node. It outlives the node's connections; events of the node come whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// Everything.
    #[default]
    Open,
    /// No calls that a rule could as well send elsewhere; what names the node goes through.
    Draining,
    /// No actions of clients at all.
    Maintenance,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::Open, Self::Draining, Self::Maintenance];

    /// Its word, in lower case; stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Draining => "draining",
            Self::Maintenance => "maintenance",
        }
    }

    /// The service of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|service| service.as_str() == word)
    }
}

/// Whether a node that is connected is given actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breaker {
    /// It is.
    #[default]
    Closed,
    /// It took actions and answered none: they are refused, until it answers amiplex.
    Open,
}

/// How a node is, in one word: what its connection is, unless the operator has taken it out of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It was never reached since amiplex started.
    Connecting,
    /// Logged in, but it has not said FullyBooted yet.
    Booting,
    /// All is well.
    Up,
    /// The same, but its events come late.
    Lagging,
    /// It is connected, its events come, and it answers no action: none is sent.
    Silent,
    /// It is connected, and the operator lets its calls run out.
    Draining,
    /// The operator has it in maintenance, connected or not: that it goes away then is what is wanted.
    Maintenance,
    /// It was lost, or could not be reached.
    Down,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 8] = [
        Self::Connecting,
        Self::Booting,
        Self::Up,
        Self::Lagging,
        Self::Silent,
        Self::Draining,
        Self::Maintenance,
        Self::Down,
    ];

    /// Its word, in lower case; stable, dashboards depend on it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Booting => "booting",
            Self::Up => "up",
            Self::Lagging => "lagging",
            Self::Silent => "silent",
            Self::Draining => "draining",
            Self::Maintenance => "maintenance",
            Self::Down => "down",
        }
    }
}

/// What the node said of its start, for the FullyBooted that each login gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booted {
    /// When it said so.
    pub heard: Instant,
    /// Its uptime at that moment; `None` up to Asterisk 13, which does not say.
    pub uptime: Option<Duration>,
    /// Time since its last reload at that moment; `None` as above.
    pub since_reload: Option<Duration>,
}

/// One node as its machine sees it.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// State of the event lane.
    pub state: NodeState,
    /// What the operator wants of it.
    pub service: Service,
    /// What was missed of it has been told; not so for a moment after each connect.
    pub settled: bool,
    /// Why it is so, for people.
    pub reason: Arc<str>,
    /// Its events come late.
    pub lagging: bool,
    /// Whether it is given actions.
    pub breaker: Breaker,
    /// Attempts in a row that did not lead to a login on the event lane, or to one that was lost at once.
    pub failures: u32,
    /// Greeting version last seen.
    pub version: Option<AmiVersion>,
    /// Present once the node has booted.
    pub booted: Option<Booted>,
    /// Its answer to ListCommands.
    pub learned: Arc<LearnedActions>,
    /// Whether the node has said what the upstream account may do.
    pub limits_known: bool,
    /// What the upstream account lacks, in sentences.
    pub shortcomings: Arc<[String]>,
    /// Which Asterisk it is; nothing where there is only one node.
    pub identity: NodeIdentity,
}

impl NodeStatus {
    /// A node that was not reached yet.
    pub fn initial() -> Self {
        Self {
            state: NodeState::Connecting,
            service: Service::Open,
            settled: true,
            reason: "not connected yet".into(),
            lagging: false,
            breaker: Breaker::Closed,
            failures: 0,
            version: None,
            booted: None,
            learned: Arc::new(LearnedActions::default()),
            limits_known: false,
            shortcomings: Arc::from([]),
            identity: NodeIdentity::default(),
        }
    }

    /// State and service in one word.
    pub fn condition(&self) -> Condition {
        match (self.service, self.state) {
            (Service::Maintenance, _) => Condition::Maintenance,
            (_, NodeState::Connecting) => Condition::Connecting,
            (_, NodeState::Down) => Condition::Down,
            (_, NodeState::Booting | NodeState::Up) if self.is_silent() => Condition::Silent,
            (Service::Draining, NodeState::Booting | NodeState::Up) => Condition::Draining,
            (Service::Open, NodeState::Booting) => Condition::Booting,
            (Service::Open, NodeState::Up) if self.lagging => Condition::Lagging,
            (Service::Open, NodeState::Up) => Condition::Up,
        }
    }

    /// Whether it is connected.
    pub fn is_up(&self) -> bool {
        matches!(self.state, NodeState::Up | NodeState::Booting)
    }

    /// Whether it is connected and answers no actions: none is sent.
    pub fn is_silent(&self) -> bool {
        self.breaker == Breaker::Open
    }

    /// Whether a rule may send an action here that could go elsewhere.
    pub fn takes_routed(&self) -> bool {
        self.is_up() && !self.is_silent() && self.service == Service::Open
    }
}

/// A node's fixed facts and its latest status.
#[derive(Clone, Debug)]
pub struct DirectoryEntry {
    /// Configured name.
    pub name: Arc<str>,
    /// Configured tags.
    pub tags: Arc<[Arc<str>]>,
    /// Its configuration directory, for the path checks of configuration actions.
    pub config_dir: Arc<str>,
    /// Its module directory, for ModuleLoad.
    pub module_dir: Arc<str>,
    /// What it has at the moment.
    pub objects: SharedObjects,
    /// Latest status.
    pub status: NodeStatus,
    /// When its [`Condition`] last changed, as the wall clock since 1970.
    pub since: Duration,
}

impl DirectoryEntry {
    /// A node that was not reached yet, with Asterisk's usual directories.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            tags: Arc::default(),
            config_dir: "/etc/asterisk".into(),
            module_dir: "/usr/lib/asterisk/modules".into(),
            objects: SharedObjects::default(),
            status: NodeStatus::initial(),
            since: Duration::ZERO,
        }
    }
}

/// All nodes, indexed by [`NodeId`].
#[derive(Clone, Debug, Default)]
pub struct Directory {
    entries: Vec<DirectoryEntry>,
}

impl Directory {
    /// A directory of `entries`; the first is `NodeId(0)`.
    pub fn new(entries: Vec<DirectoryEntry>) -> Self {
        Self { entries }
    }

    /// The entry of `node`.
    pub fn entry(&self, node: NodeId) -> Option<&DirectoryEntry> {
        self.entries.get(node.index())
    }

    /// The entry of `node`, to be replaced.
    pub fn entry_mut(&mut self, node: NodeId) -> Option<&mut DirectoryEntry> {
        self.entries.get_mut(node.index())
    }

    /// What accounts can call `node` by.
    pub fn seen(&self, node: NodeId) -> Option<SeenNode<'_>> {
        self.entry(node).map(|entry| SeenNode {
            id: node,
            name: &entry.name,
            tags: &entry.tags,
        })
    }

    /// The node of that exact name.
    pub fn find(&self, name: &[u8]) -> Option<NodeId> {
        let index = self
            .entries
            .iter()
            .position(|entry| entry.name.as_bytes() == name)?;
        u16::try_from(index).ok().map(NodeId)
    }

    /// Pairs of nodes that are up and are one or can be confused, the earlier first.
    pub fn likenesses(&self) -> Vec<(NodeId, NodeId, Likeness)> {
        let pairs = self
            .ids()
            .flat_map(|one| self.ids().map(move |other| (one, other)));
        let alike = |(one, other): (NodeId, NodeId)| {
            let likeness = (one < other).then(|| self.likeness(one, other))??;
            Some((one, other, likeness))
        };
        pairs.filter_map(alike).collect()
    }

    /// What two nodes that are up have in common. One that is away is confused with none, and none with itself.
    pub(crate) fn likeness(&self, one: NodeId, other: NodeId) -> Option<Likeness> {
        if one == other {
            return None;
        }
        let (one, other) = (&self.entry(one)?.status, &self.entry(other)?.status);
        let both_up = one.is_up() && other.is_up();
        both_up.then(|| one.identity.likeness(&other.identity))?
    }

    /// Every node.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u16::try_from(self.entries.len()).unwrap_or(u16::MAX)).map(NodeId)
    }

    /// The lowest greeting version last seen among `nodes`.
    pub fn lowest_version(&self, nodes: impl Iterator<Item = NodeId>) -> Option<AmiVersion> {
        nodes
            .filter_map(|node| self.entry(node)?.status.version)
            .min()
    }
}
