//! From a configuration to a running program and back to nothing.
//!
//! Start: everything is bound before anything runs, so that a port in use is told at once. Drain: listeners first, then the
//! sessions' actions in flight up to a limit, then the lanes; every task is joined.

mod coalesce;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ami_access::Accounts;
use ami_config::{Auth, Config};
use ami_mux::{
    AtOnce, Condition, Directory, DirectoryEntry, NodeId, NodeSettings, NodeStatus, Rates,
    RouteRule, SessionSettings, SharedObjects,
};
use ami_telemetry::{ListenerMeters, Meters, NodeMeters};
use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::admin::AdminSocket;
use crate::cluster::{Cluster, NodeHandle};
use crate::downstream::driver::OutboundLimits;
use crate::drain_turns::DrainTurns;
use crate::line_log::{LineLog, LineLogTask, LogKind};
use crate::listener::{self, Listener};
use crate::node_memory::{NodeMemory, NodeMemoryTask};
use crate::rates::AccountRates;
use crate::registry::{SessionLimits, SessionRegistry};
use crate::reload::Reloader;
use crate::routes::route_rules;
use crate::secret_checks::SecretChecks;
use crate::security::SecurityDesk;
use crate::supervisor::Supervisor;
use crate::throttle::AuthThrottle;
use crate::tls::ListenerIdentity;
use crate::upstream::backoff::Backoff;
use crate::upstream::connect::NodeAddress;
use crate::upstream::driver::{self, NodeTask};
use crate::world::World;

/// Commands that wait for a node's task. A session that finds it full waits with its action, and reads no more.
const NODE_QUEUE: usize = 1024;
/// How long the sessions have to tell their clients what is not answered any more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why amiplex cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address of a listener cannot be had.
    #[error("listener {name}: cannot listen on {address}: {source}")]
    Bind {
        /// The listener's name.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A certificate or key cannot be used.
    #[error("{place}: {problem}")]
    Tls {
        /// Which listener or node.
        place: String,
        /// What is wrong, and with which file.
        problem: String,
    },
    /// The admin socket cannot be had.
    #[error("admin.socket: cannot listen at {path}: {source}")]
    AdminSocket {
        /// The file.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A log with a file of its own cannot be opened.
    #[error("log.{key}: cannot open {path}: {source}")]
    Log {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The system gives no random bits.
    #[error("the system gives no random bits: {0}")]
    Random(String),
    /// More nodes than can be numbered.
    #[error("too many nodes")]
    TooManyNodes,
}

/// A program that is bound and not running yet.
pub struct App {
    world: Arc<World>,
    supervisor: Supervisor,
    listeners: Vec<Listener>,
    nodes: Vec<NodeTask>,
    routes: Arc<[RouteRule]>,
    logs: Vec<LineLogTask>,
    admin: Option<AdminSocket>,
    node_memory: Option<NodeMemoryTask>,
    drain_timeout: Duration,
}

impl App {
    /// Binds every listener of `config` and prepares its nodes.
    pub fn build(
        config: &Config,
        accounts: Accounts,
        meters: Arc<Meters>,
    ) -> Result<Self, StartError> {
        let security_file = config.log.security_file.as_deref();
        let security = line_log(LogKind::Security, security_file, &meters)?;
        let (security_log, security_task) = security.unzip();
        let audit_file = config.log.audit_file.as_deref();
        let (audit_log, audit_task) = line_log(LogKind::Audit, audit_file, &meters)?.unzip();
        let state_dir = config.server.state_dir.as_deref();
        let (memory, memory_task) = state_dir.map(NodeMemory::new).unzip();
        let logs = (security_log, audit_log);
        let mut app = Self::assemble(config, accounts, meters, logs, memory)?;
        app.logs
            .extend([security_task, audit_task].into_iter().flatten());
        if let Some(memory) = &memory_task {
            memory.resume(&mut app.nodes, &app.world.cluster);
        }
        app.node_memory = memory_task;
        let next_session = Arc::new(AtomicU64::new(1));
        for listener in &config.listeners {
            let bound = app.bind(config, listener, &next_session)?;
            app.listeners.push(bound);
        }
        if let Some(socket) = &config.admin.socket {
            let bound = AdminSocket::bind(&socket.path, socket.mode);
            app.admin = Some(bound.map_err(|source| StartError::AdminSocket {
                path: socket.path.display().to_string(),
                source,
            })?);
        }
        Ok(app)
    }

    /// The nodes alone, to look at them.
    pub fn without_listeners(
        config: &Config,
        accounts: Accounts,
        meters: Arc<Meters>,
    ) -> Result<Self, StartError> {
        Self::assemble(config, accounts, meters, (None, None), None)
    }

    /// What takes in a changed configuration while the app runs.
    pub fn reloader(&self) -> Reloader {
        let identities = self
            .listeners
            .iter()
            .filter_map(|listener| Some((listener.name.to_string(), listener.tls.clone()?)));
        Reloader::new(Arc::clone(&self.world), identities.collect())
    }

    fn assemble(
        config: &Config,
        accounts: Accounts,
        meters: Arc<Meters>,
        (security_log, audit_log): (Option<LineLog>, Option<LineLog>),
        node_memory: Option<NodeMemory>,
    ) -> Result<Self, StartError> {
        let nonce = getrandom::u32().map_err(|error| StartError::Random(error.to_string()))?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut handles = Vec::new();
        let mut entries = Vec::new();
        let mut nodes = Vec::new();
        for (index, node) in config.nodes.iter().enumerate() {
            let id = NodeId(u16::try_from(index).map_err(|_| StartError::TooManyNodes)?);
            let name: Arc<str> = node.name.as_str().into();
            let (commands, receiver) = mpsc::channel(NODE_QUEUE);
            let mut handle = NodeHandle::new(commands, node.tags.clone().into());
            handle.narrows = node.narrow_events.is_some();
            handles.push(handle);
            let entry = DirectoryEntry {
                tags: node.tags.iter().map(|tag| tag.as_str().into()).collect(),
                config_dir: node.config_dir.as_str().into(),
                module_dir: node.module_dir.as_str().into(),
                since: now,
                ..DirectoryEntry::new(&name)
            };
            // With one node nobody has to be told where anything is.
            let objects = (config.nodes.len() > 1).then(|| entry.objects.clone());
            entries.push(entry);
            nodes.push(NodeTask {
                status: NodeStatus::initial(),
                settings: node_settings(id, node, objects, config),
                address: node_address(node)?,
                backoff: Backoff::new(node.backoff.min, node.backoff.max),
                nonce,
                commands: receiver,
                meters: NodeMeters::new(&node.name, &Condition::ALL.map(Condition::as_str)),
            });
        }
        // An explicit authlimit of manager.conf is the operator's word, as it is on Asterisk.
        let authlimit = accounts
            .general()
            .authlimit
            .and_then(|limit| usize::try_from(limit).ok());
        let registry = SessionRegistry::new(SessionLimits {
            sessions: config.limits.sessions_max,
            unauthenticated: authlimit.unwrap_or(config.limits.unauthenticated_max),
            unauthenticated_per_address: authlimit
                .unwrap_or(config.limits.unauthenticated_per_address),
        });
        let supervisor = Supervisor::new(Arc::clone(&meters));
        let world = World {
            accounts: ArcSwap::from_pointee(accounts),
            cluster: Cluster::new(handles, Directory::new(entries)),
            registry: Arc::new(registry),
            throttle: AuthThrottle::default(),
            rates: AccountRates::default(),
            secret_checks: SecretChecks::default(),
            security: SecurityDesk::new(security_log, Arc::clone(&meters)),
            audit_log,
            node_memory,
            drain_turns: DrainTurns::over(config.server.drain_spread),
            meters,
        };
        let routes = route_rules(config, &world.cluster.directory());
        Ok(Self {
            world: Arc::new(world),
            supervisor,
            listeners: Vec::new(),
            nodes,
            routes: routes.into(),
            logs: Vec::new(),
            admin: None,
            node_memory: None,
            drain_timeout: config.server.drain_timeout,
        })
    }

    /// Whether the certificates of the listeners can be used, without binding anything.
    pub fn check_listeners(config: &Config) -> Result<(), StartError> {
        config
            .listeners
            .iter()
            .try_for_each(|listener| identity(listener).map(|_| ()))
    }

    /// Name and address of every listener, with the port that the system chose for port 0.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let address = |listener: &Listener| {
            Some((
                listener.name.to_string(),
                listener.socket.local_addr().ok()?,
            ))
        };
        self.listeners.iter().filter_map(address).collect()
    }

    /// A view of the nodes that stays valid while the app runs.
    pub fn watch(&self) -> ClusterWatch {
        ClusterWatch {
            world: Arc::clone(&self.world),
        }
    }

    /// Runs until `shutdown` says so the first time, then drains; a second time skips to the end.
    pub async fn run<F, S>(self, shutdown: F)
    where
        F: Fn() -> S,
        S: Future<Output = ()>,
    {
        let Self {
            world,
            supervisor,
            listeners,
            nodes,
            routes: _,
            logs,
            admin,
            node_memory,
            drain_timeout,
        } = self;
        if let Some(memory) = node_memory {
            supervisor.spawn(
                "node memory",
                memory.run(Arc::clone(&world), supervisor.clone()),
            );
        }
        if let Some(socket) = admin {
            supervisor.spawn(
                "admin",
                crate::admin::run(socket, Arc::clone(&world), supervisor.clone()),
            );
        }
        for log in logs {
            supervisor.spawn(log.name(), log.run(supervisor.clone()));
        }
        for node in nodes {
            supervisor.spawn(
                "node",
                driver::run(node, Arc::clone(&world), supervisor.clone()),
            );
        }
        for listener in listeners {
            supervisor.spawn(
                "listener",
                listener::run(listener, Arc::clone(&world), supervisor.clone()),
            );
        }
        shutdown().await;
        tracing::info!(sessions = world.registry.len(), "draining");
        world.drain_turns.begin(world.registry.members());
        supervisor.drain();
        tokio::select! {
            ended = timeout(drain_timeout, sessions_gone(&world)) => {
                if ended.is_err() {
                    tracing::warn!(sessions = world.registry.len(), "drain_timeout passed, closing what is left");
                }
            }
            () = shutdown() => tracing::info!("told twice, closing at once"),
        }
        // What no node has answered by now ends with an error: no client is left without a word.
        supervisor.abandon();
        if timeout(LAST_WORDS, sessions_gone(&world)).await.is_err() {
            tracing::debug!(sessions = world.registry.len(), "not all could be told");
        }
        supervisor.stop();
        supervisor.join().await;
        tracing::info!("stopped");
    }

    fn bind(
        &self,
        config: &Config,
        listener: &ami_config::Listener,
        next_session: &Arc<AtomicU64>,
    ) -> Result<Listener, StartError> {
        let tls = identity(listener)?.map(Arc::new);
        let socket = listener::bind(listener.bind).map_err(|source| StartError::Bind {
            name: listener.name.clone(),
            address: listener.bind,
            source,
        })?;
        Ok(Listener {
            name: listener.name.as_str().into(),
            socket,
            tls,
            settings: Arc::new(self.session_settings(config, listener)),
            outbound: OutboundLimits {
                event_bytes: usize::try_from(config.outbound.event_bytes).unwrap_or(usize::MAX),
                reply_bytes: usize::try_from(config.outbound.reply_bytes).unwrap_or(usize::MAX),
                event_age: config.outbound.event_age,
                flush: listener.flush,
            },
            meters: Arc::new(ListenerMeters::new(&listener.name)),
            next_session: Arc::clone(next_session),
        })
    }

    fn session_settings(
        &self,
        config: &Config,
        listener: &ami_config::Listener,
    ) -> SessionSettings {
        let directory = self.world.cluster.directory();
        SessionSettings {
            inflight_max: usize::try_from(config.limits.inflight_max).unwrap_or(usize::MAX),
            action_deadline: config.limits.action_deadline,
            list_deadline: config.limits.list_deadline,
            event_hold_max: config.limits.event_hold_max,
            auth_timeout: self.world.accounts.load().general().authtimeout,
            label: config.labels.event.as_str().into(),
            select: config.labels.select.clone().into(),
            routes: Arc::clone(&self.routes),
            node: listener
                .node
                .as_ref()
                .and_then(|name| directory.find(name.as_bytes())),
            greeting_version: listener.greeting_version,
            on_node_loss: listener.on_node_loss,
            command_output: listener.command_output,
            rates: Rates {
                session: Some(config.rate.session),
                account: Some(config.rate.account),
            },
        }
    }
}

/// A log in a file of its own and its task, when there is to be one.
fn line_log(
    kind: LogKind,
    path: Option<&Path>,
    meters: &Arc<Meters>,
) -> Result<Option<(LineLog, LineLogTask)>, StartError> {
    let open = |path: &Path| {
        LineLog::open(kind, path, meters).map_err(|source| StartError::Log {
            key: kind.key(),
            path: path.display().to_string(),
            source,
        })
    };
    path.map(open).transpose()
}

/// Looks at the nodes of a running app.
#[derive(Clone, Debug)]
pub struct ClusterWatch {
    world: Arc<World>,
}

impl ClusterWatch {
    /// The nodes as last seen.
    pub fn directory(&self) -> Arc<Directory> {
        self.world.cluster.directory()
    }
}

async fn sessions_gone(world: &World) {
    while world.registry.len() > 0 {
        sleep(Duration::from_millis(20)).await;
    }
}

fn identity(listener: &ami_config::Listener) -> Result<Option<ListenerIdentity>, StartError> {
    let made = listener.tls.as_ref().map(ListenerIdentity::new);
    made.transpose().map_err(|error| StartError::Tls {
        place: format!("listener {}", listener.name),
        problem: error.to_string(),
    })
}

/// Binds a listener's socket.
pub(crate) fn node_settings(
    id: NodeId,
    node: &ami_config::Node,
    objects: Option<SharedObjects>,
    config: &Config,
) -> NodeSettings {
    NodeSettings {
        id,
        name: node.name.as_str().into(),
        objects,
        username: node.username.clone(),
        secret: node.secret.clone(),
        own_security_events: node.own_security_events,
        md5: node.auth == Auth::Md5,
        lanes_min: node.lanes.min,
        lanes_max: node.lanes.max,
        blocking_max: node.lanes.blocking_max,
        lane_idle: node.lanes.idle,
        depth: node.lanes.depth,
        keepalive_interval: node.keepalive.interval,
        keepalive_deadline: node.keepalive.deadline,
        keepalive_lag: node.keepalive.lag,
        action_deadline: config.limits.action_deadline,
        narrow_after: node.narrow_events,
        at_once: AtOnce {
            read: node.at_once.read,
            write: node.at_once.write,
            command: node.at_once.command,
            list: node.at_once.list,
        },
        coalesce: coalesce::coalesce(config),
    }
}

fn node_address(node: &ami_config::Node) -> Result<NodeAddress, StartError> {
    NodeAddress::new(node).map_err(|error| StartError::Tls {
        place: format!("node {}", node.name),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
