//! The text of `amiplex.toml` as it is typed: every key optional, nothing checked but its type.
//!
//! Unknown keys are errors here; defaults and rules are in [`validate`](crate::validate). Values may also come from the
//! environment, where all are strings, so numbers and lists accept their written form too.

mod scalar;

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

pub(crate) use scalar::{Count, Flag, SecretText, Words};

/// The whole document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Document {
    pub(crate) server: Server,
    pub(crate) admin: Admin,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) outbound: Outbound,
    pub(crate) labels: Labels,
    pub(crate) rate: Rate,
    pub(crate) coalesce: Coalesce,
    pub(crate) listener: Vec<Listener>,
    pub(crate) node: Vec<Node>,
    pub(crate) route: Vec<Route>,
}

/// `[server]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) manager_conf: Option<String>,
    pub(crate) acl_conf: Option<String>,
    pub(crate) state_dir: Option<String>,
    #[serde(with = "humantime_serde")]
    pub(crate) drain_timeout: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(crate) drain_spread: Option<Duration>,
}

/// `[admin]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    pub(crate) listen: Option<String>,
    pub(crate) socket: Option<String>,
    pub(crate) socket_mode: Option<String>,
}

/// `[log]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) format: Option<String>,
    pub(crate) level: Option<String>,
    pub(crate) security_file: Option<String>,
    pub(crate) audit_file: Option<String>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) sessions_max: Option<Count>,
    pub(crate) unauthenticated_max: Option<Count>,
    pub(crate) unauthenticated_per_address: Option<Count>,
    pub(crate) inflight_max: Option<Count>,
    #[serde(with = "humantime_serde")]
    pub(crate) action_deadline: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(crate) list_deadline: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(crate) event_hold_max: Option<Duration>,
}

/// `[outbound]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Outbound {
    pub(crate) reply_bytes: Option<ByteSize>,
    pub(crate) event_bytes: Option<ByteSize>,
    #[serde(with = "humantime_serde")]
    pub(crate) event_age: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(crate) flush: Option<Duration>,
}

/// `[labels]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Labels {
    pub(crate) event: Option<String>,
    pub(crate) select: Option<Words>,
}

/// `[rate]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rate {
    pub(crate) session: Option<Count>,
    pub(crate) account: Option<Count>,
}

/// `[coalesce]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Coalesce {
    pub(crate) enabled: Option<Flag>,
    #[serde(with = "humantime_serde")]
    pub(crate) window: Option<Duration>,
    pub(crate) commands: Option<Words>,
    pub(crate) cache: BTreeMap<String, Age>,
}

/// How old something may be.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Age(#[serde(with = "humantime_serde")] pub(crate) Duration);

/// One `[[listener]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listener {
    pub(crate) name: Option<String>,
    pub(crate) bind: Option<String>,
    pub(crate) node: Option<String>,
    pub(crate) greeting_version: Option<String>,
    pub(crate) on_node_loss: Option<String>,
    pub(crate) command_output: Option<String>,
    #[serde(with = "humantime_serde")]
    pub(crate) flush: Option<Duration>,
    pub(crate) tls: Option<ListenerTls>,
}

/// `tls` of a listener
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListenerTls {
    pub(crate) cert: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) client_ca: Option<String>,
}

/// One `[[node]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Node {
    pub(crate) name: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) secret: Option<SecretText>,
    pub(crate) secret_file: Option<String>,
    pub(crate) auth: Option<String>,
    pub(crate) own_security_events: Option<Flag>,
    pub(crate) tags: Option<Words>,
    pub(crate) weight: Option<Count>,
    pub(crate) tls: Option<NodeTls>,
    pub(crate) lanes: Lanes,
    #[serde(with = "humantime_serde")]
    pub(crate) narrow_events: Option<Duration>,
    pub(crate) at_once: AtOnce,
    pub(crate) keepalive: Keepalive,
    pub(crate) backoff: Backoff,
    pub(crate) config_dir: Option<String>,
    pub(crate) module_dir: Option<String>,
}

/// One `[[route]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Route {
    pub(crate) action: Option<Words>,
    pub(crate) account: Option<Words>,
    pub(crate) r#match: Option<RouteMatch>,
    pub(crate) to: Option<Words>,
    pub(crate) policy: Option<String>,
}

/// `match` of a route
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RouteMatch {
    pub(crate) header: Option<String>,
    pub(crate) like: Option<String>,
}

/// `tls` of a node
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodeTls {
    pub(crate) ca: Option<String>,
    pub(crate) server_name: Option<String>,
    pub(crate) pin_sha256: Option<String>,
}

/// `lanes` of a node
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lanes {
    pub(crate) min: Option<Count>,
    pub(crate) max: Option<Count>,
    pub(crate) blocking_max: Option<Count>,
    pub(crate) depth: Option<Count>,
    #[serde(with = "humantime_serde")]
    pub(crate) idle: Option<Duration>,
}

/// `at_once` of a node
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AtOnce {
    pub(crate) read: Option<Count>,
    pub(crate) write: Option<Count>,
    pub(crate) command: Option<Count>,
    pub(crate) list: Option<Count>,
}

/// `keepalive` of a node
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keepalive {
    #[serde(with = "humantime_serde")]
    pub(crate) lag: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(crate) interval: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(crate) deadline: Option<Duration>,
}

/// `backoff` of a node
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Backoff {
    #[serde(with = "humantime_serde")]
    pub(crate) min: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub(crate) max: Option<Duration>,
}
