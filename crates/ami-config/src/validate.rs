//! From the typed text to a [`Config`]: defaults, ranges, and what must hold between keys.

mod address;
mod coalesce;
mod listener;
mod node;
mod route;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;

use crate::check::Check;
use crate::config::{
    Admin, AdminSocket, Config, Labels, Limits, Log, LogFormat, Outbound, Rate, Server,
};
use crate::key::KeyPath;
use crate::raw;

/// Checks everything; `None` only together with problems.
pub(crate) fn config(raw: raw::Document, check: &mut Check<'_>) -> Option<Config> {
    let server = server(raw.server, check);
    let admin = admin(&raw.admin, check);
    let log = log(raw.log, check);
    let limits = limits(&raw.limits, check);
    let outbound = outbound(&raw.outbound, check);
    let labels = labels(raw.labels, check);
    let rate = rate(&raw.rate);
    let coalesce = coalesce::coalesce(raw.coalesce, check);
    let nodes = node::nodes(raw.node, check);
    let listeners = listener::listeners(raw.listener, &nodes, outbound.flush, check);
    let routes = route::routes(raw.route, &nodes, check);
    addresses_distinct(&admin, &listeners, check);
    let nodes: Option<Vec<_>> = nodes.into_iter().map(|(_, node)| node).collect();
    let listeners: Option<Vec<_>> = listeners.into_iter().collect();
    let routes: Option<Vec<_>> = routes.into_iter().collect();
    Some(Config {
        server,
        admin,
        log,
        limits,
        outbound,
        labels,
        rate,
        coalesce,
        listeners: listeners?,
        nodes: nodes?,
        routes: routes?,
    })
}

fn server(raw: raw::Server, check: &mut Check<'_>) -> Server {
    let at = KeyPath::of("server");
    let default = Server::default();
    let manager_conf = raw
        .manager_conf
        .unwrap_or_else(|| default.manager_conf.display().to_string());
    let drain_timeout = check.duration(
        &at.key("drain_timeout"),
        raw.drain_timeout,
        default.drain_timeout,
    );
    let drain_spread = raw.drain_spread.unwrap_or(default.drain_spread);
    if drain_spread >= drain_timeout && !drain_spread.is_zero() {
        let end = format!("must be less than drain_timeout, {drain_timeout:?}");
        check.problem(&at.key("drain_spread"), end);
    }
    Server {
        manager_conf: check.path(&at.key("manager_conf"), &manager_conf),
        acl_conf: raw
            .acl_conf
            .map(|path| check.path(&at.key("acl_conf"), &path)),
        state_dir: raw
            .state_dir
            .map(|path| check.path(&at.key("state_dir"), &path)),
        drain_timeout,
        drain_spread,
    }
}

fn admin(raw: &raw::Admin, check: &mut Check<'_>) -> Admin {
    let at = KeyPath::of("admin");
    let mode = check.word(
        &at.key("socket_mode"),
        raw.socket_mode.as_deref(),
        &[("0600", 0o600), ("0660", 0o660)],
        0o600,
    );
    let socket = raw.socket.as_deref().map(|path| AdminSocket {
        path: check.path(&at.key("socket"), path),
        mode,
    });
    if socket.is_none() && raw.socket_mode.is_some() {
        check.problem(&at.key("socket_mode"), "has no effect without socket");
    }
    Admin {
        listen: raw
            .listen
            .as_deref()
            .and_then(|text| address::bind(&at.key("listen"), text, "127.0.0.1:9155", check)),
        socket,
    }
}

fn log(raw: raw::Log, check: &mut Check<'_>) -> Log {
    let at = KeyPath::of("log");
    let default = Log::default();
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = check.word(
        &at.key("format"),
        raw.format.as_deref(),
        &formats,
        default.format,
    );
    let level = raw.level.unwrap_or(default.level);
    if level.trim().is_empty() {
        check.problem(&at.key("level"), "must not be empty");
    }
    let security_file = raw
        .security_file
        .map(|path| check.path(&at.key("security_file"), &path));
    let audit_file = raw
        .audit_file
        .map(|path| check.path(&at.key("audit_file"), &path));
    Log {
        format,
        level,
        security_file,
        audit_file,
    }
}

fn limits(raw: &raw::Limits, check: &mut Check<'_>) -> Limits {
    let at = KeyPath::of("limits");
    let default = Limits::default();
    let inflight_max = raw
        .inflight_max
        .map_or(default.inflight_max, |raw::Count(count)| count);
    if inflight_max == 0 {
        check.problem(&at.key("inflight_max"), "must be 1 or more");
    }
    Limits {
        sessions_max: check.count(
            &at.key("sessions_max"),
            raw.sessions_max,
            default.sessions_max,
        ),
        unauthenticated_max: check.count(
            &at.key("unauthenticated_max"),
            raw.unauthenticated_max,
            default.unauthenticated_max,
        ),
        unauthenticated_per_address: check.count(
            &at.key("unauthenticated_per_address"),
            raw.unauthenticated_per_address,
            default.unauthenticated_per_address,
        ),
        inflight_max,
        action_deadline: check.duration(
            &at.key("action_deadline"),
            raw.action_deadline,
            default.action_deadline,
        ),
        list_deadline: check.duration(
            &at.key("list_deadline"),
            raw.list_deadline,
            default.list_deadline,
        ),
        event_hold_max: check.duration(
            &at.key("event_hold_max"),
            raw.event_hold_max,
            default.event_hold_max,
        ),
    }
}

fn rate(raw: &raw::Rate) -> Rate {
    let default = Rate::default();
    let number = |given: &Option<raw::Count>, default| {
        given.as_ref().map_or(default, |raw::Count(rate)| *rate)
    };
    Rate {
        session: number(&raw.session, default.session),
        account: number(&raw.account, default.account),
    }
}

fn outbound(raw: &raw::Outbound, check: &mut Check<'_>) -> Outbound {
    let at = KeyPath::of("outbound");
    let default = Outbound::default();
    let reply_bytes = raw
        .reply_bytes
        .map_or(default.reply_bytes, |bytes| bytes.as_u64());
    let event_bytes = raw
        .event_bytes
        .map_or(default.event_bytes, |bytes| bytes.as_u64());
    for (key, bytes) in [("reply_bytes", reply_bytes), ("event_bytes", event_bytes)] {
        if bytes == 0 {
            check.problem(&at.key(key), "must be more than 0");
        }
    }
    let event_age = check.duration(&at.key("event_age"), raw.event_age, default.event_age);
    let flush = check.flush(&at.key("flush"), raw.flush, default.flush);
    Outbound {
        reply_bytes,
        event_bytes,
        event_age,
        flush,
    }
}

/// Headers whose meaning AMI fixes; using one as a label would break clients.
const RESERVED_HEADERS: [&str; 9] = [
    "Action",
    "ActionID",
    "Response",
    "Event",
    "Privilege",
    "Message",
    "EventList",
    "ListItems",
    "Variable",
];

fn labels(raw: raw::Labels, check: &mut Check<'_>) -> Labels {
    let at = KeyPath::of("labels");
    let default = Labels::default();
    let event = raw.event.unwrap_or(default.event);
    header_name(&at.key("event"), &event, check);
    let select = raw.select.map_or(default.select, |raw::Words(words)| words);
    if select.is_empty() {
        check.problem(&at.key("select"), "must name at least one header");
    }
    let mut seen = Distinct::default();
    for (index, name) in select.iter().enumerate() {
        let at = at.key("select").index(index);
        header_name(&at, name, check);
        seen.check(name.to_ascii_lowercase(), &at, check);
    }
    Labels { event, select }
}

fn header_name(at: &KeyPath, name: &str, check: &mut Check<'_>) {
    check.token(at, name);
    if RESERVED_HEADERS
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
    {
        check.problem(at, format!("{name:?} has a meaning of its own in AMI"));
    }
}

/// Port 0 lets the system choose, so any number of them are distinct.
fn addresses_distinct(admin: &Admin, listeners: &[Option<crate::Listener>], check: &mut Check<'_>) {
    let mut seen: Distinct<SocketAddr> = Distinct::default();
    let admin = admin
        .listen
        .map(|address| (address, KeyPath::of("admin").key("listen")));
    let binds = listeners
        .iter()
        .enumerate()
        .filter_map(|(index, listener)| {
            let at = KeyPath::of("listener").index(index).key("bind");
            listener.as_ref().map(|listener| (listener.bind, at))
        });
    for (address, at) in admin
        .into_iter()
        .chain(binds)
        .filter(|(address, _)| address.port() != 0)
    {
        seen.check(address, &at, check);
    }
}

/// Values that must not occur twice.
struct Distinct<T>(HashMap<T, KeyPath>);

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Hash + Eq> Distinct<T> {
    fn check(&mut self, value: T, at: &KeyPath, check: &mut Check<'_>) {
        match self.0.get(&value) {
            Some(first) => check.problem(at, format!("is the same as {first}")),
            None => {
                self.0.insert(value, at.clone());
            }
        }
    }
}
