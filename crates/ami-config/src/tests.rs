//! Every rule of the configuration, seen from outside: a document in, a `Config` or a report out.

mod committed;
mod environment;
mod files;
mod problems;
mod routes;

use std::time::Duration;

use crate::{Auth, Config, Listener, LogFormat, Node};

/// The least that is a configuration; line numbers in the tests count from its first line.
const LEAST: &str = "\
[[listener]]
name = \"main\"
bind = \"127.0.0.1:5038\"
[[node]]
name = \"pbx1\"
address = \"10.0.0.1:5038\"
username = \"amiplex\"
secret = \"hunter2\"
";

fn with(more: &str) -> String {
    format!("{LEAST}{more}")
}

#[track_caller]
fn accepted(text: &str) -> Config {
    Config::from_toml(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The report, one problem per line.
#[track_caller]
fn refused(text: &str) -> String {
    match Config::from_toml(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(errors) => errors.to_string(),
    }
}

/// What the running program goes on doing otherwise is named, section by section.
#[test]
fn each_section_that_waits_for_a_restart_is_named() {
    let running = accepted(LEAST);
    assert!(running.waiting_for_a_restart(&running).is_empty());
    for (section, line) in [
        ("[server]", "drain_timeout = \"1s\""),
        ("[admin]", "listen = \"127.0.0.1:1\""),
        ("[log]", "level = \"debug\""),
        ("[limits]", "sessions_max = 1"),
        ("[outbound]", "reply_bytes = \"18KiB\""),
        ("[labels]", "event = \"Of\""),
        ("[rate]", "session = 1"),
        ("[coalesce]", "cache = { CoreStatus = \"1s\" }"),
        ("[[route]]", "action = [\"Originate\"]\nto = [\"pbx1\"]"),
    ] {
        let later = accepted(&with(&format!("{section}\n{line}\n")));
        assert_eq!(running.waiting_for_a_restart(&later), [section]);
    }
}

#[test]
fn defaults_are_those_of_the_design() {
    let config = accepted(LEAST);
    assert_eq!(config.server.drain_timeout, Duration::from_secs(30));
    assert_eq!(config.server.acl_conf, None);
    assert_eq!(config.admin.listen, None);
    assert_eq!(
        (config.log.format, config.log.level.as_str()),
        (LogFormat::Text, "info")
    );
    assert_eq!(config.limits.sessions_max, 10_000);
    assert_eq!(config.limits.unauthenticated_max, 2000);
    assert_eq!(config.limits.unauthenticated_per_address, 500);
    assert_eq!(config.limits.inflight_max, 64);
    assert_eq!(config.limits.action_deadline, Duration::from_secs(30));
    assert_eq!(config.limits.list_deadline, Duration::from_secs(4));
    assert_eq!(config.limits.event_hold_max, Duration::from_millis(100));
    assert_eq!(config.outbound.reply_bytes, 16 << 20);
    assert_eq!(config.outbound.event_bytes, 8 << 20);
    assert_eq!(config.outbound.event_age, Duration::from_mins(1));
    assert_eq!(config.labels.event, "Node");
    assert_eq!(config.labels.select, ["Node", "Server"]);
    let listener = &config.listeners[0];
    assert_eq!(
        (listener.node.as_deref(), listener.greeting_version),
        (None, None)
    );
    assert_eq!(listener.on_node_loss, ami_access::OnNodeLoss::Close);
    assert_eq!(listener.command_output, ami_proto::CommandOutput::Native);
    assert!(listener.tls.is_none());
    assert_node_defaults(&config.nodes[0]);
}

fn assert_node_defaults(node: &Node) {
    assert_eq!((node.auth, node.weight, node.tags.len()), (Auth::Md5, 1, 0));
    assert!(node.tls.is_none());
    let lanes = node.lanes;
    assert_eq!(
        (lanes.min, lanes.max, lanes.blocking_max, lanes.depth),
        (1, 8, 20, 16)
    );
    assert_eq!(node.keepalive.interval, Duration::from_secs(10));
    assert_eq!(node.keepalive.deadline, Duration::from_secs(5));
    assert_eq!(node.backoff.min, Duration::from_millis(250));
    assert_eq!(node.backoff.max, Duration::from_secs(30));
    assert_eq!(node.config_dir, "/etc/asterisk");
    assert_eq!(node.module_dir, "/usr/lib/asterisk/modules");
    assert_eq!(node.secret.expose(), "hunter2");
}

#[test]
fn every_key_reaches_its_field() {
    let config = accepted(
        r#"
        [server]
        manager_conf = "/a/manager.conf"
        acl_conf = "/a/acl.conf"
        drain_timeout = "1m 5s"
        [admin]
        listen = "127.0.0.1:9155"
        [log]
        format = "json"
        level = "info,ami_server=debug"
        [limits]
        sessions_max = 11
        unauthenticated_max = 12
        unauthenticated_per_address = 13
        inflight_max = 14
        action_deadline = "15s"
        list_deadline = "16s"
        event_hold_max = "17ms"
        [outbound]
        reply_bytes = "18KiB"
        event_bytes = 19
        event_age = "20s"
        [labels]
        event = "X-Node"
        select = ["Pbx"]
        [[listener]]
        name = "pbx1-only"
        bind = "[::1]:5039"
        node = "PBX1"
        greeting_version = "5.0.5"
        on_node_loss = "refuse"
        command_output = "follows"
        [[node]]
        name = "pbx1"
        address = "[::1]:5038"
        username = "u"
        secret = "s"
        auth = "plain"
        tags = ["eu", "big"]
        weight = 21
        tls = { server_name = "pbx1.example.com", pin_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }
        lanes = { min = 2, max = 3, blocking_max = 4, depth = 5 }
        keepalive = { interval = "6s", deadline = "7s" }
        backoff = { min = "8s", max = "9s" }
        config_dir = "/opt/etc"
        module_dir = "/opt/modules"
        "#,
    );
    assert_sections(&config);
    assert_listener(&config.listeners[0]);
    assert_node(&config.nodes[0]);
}

fn assert_sections(config: &Config) {
    let server = &config.server;
    assert_eq!(server.manager_conf.to_str(), Some("/a/manager.conf"));
    assert_eq!(
        server.acl_conf.as_deref().and_then(|path| path.to_str()),
        Some("/a/acl.conf")
    );
    assert_eq!(server.drain_timeout, Duration::from_secs(65));
    assert_eq!(config.admin.listen, "127.0.0.1:9155".parse().ok());
    assert_eq!(
        (config.log.format, config.log.level.as_str()),
        (LogFormat::Json, "info,ami_server=debug")
    );
    let limits = &config.limits;
    assert_eq!((limits.sessions_max, limits.unauthenticated_max), (11, 12));
    assert_eq!(
        (limits.unauthenticated_per_address, limits.inflight_max),
        (13, 14)
    );
    assert_eq!(
        (limits.action_deadline, limits.list_deadline),
        (Duration::from_secs(15), Duration::from_secs(16))
    );
    assert_eq!(limits.event_hold_max, Duration::from_millis(17));
    assert_eq!(
        (config.outbound.reply_bytes, config.outbound.event_bytes),
        (18 * 1024, 19)
    );
    assert_eq!(config.outbound.event_age, Duration::from_secs(20));
    assert_eq!(
        (
            config.labels.event.as_str(),
            config.labels.select.as_slice()
        ),
        ("X-Node", &["Pbx".to_owned()][..])
    );
}

fn assert_listener(listener: &Listener) {
    assert_eq!(
        (listener.name.as_str(), listener.node.as_deref()),
        ("pbx1-only", Some("pbx1"))
    );
    assert_eq!(listener.bind.to_string(), "[::1]:5039");
    assert_eq!(
        listener
            .greeting_version
            .map(|version| version.to_string())
            .as_deref(),
        Some("5.0.5")
    );
    assert_eq!(listener.on_node_loss, ami_access::OnNodeLoss::Refuse);
    assert_eq!(listener.command_output, ami_proto::CommandOutput::Follows);
}

fn assert_node(node: &Node) {
    assert_eq!(
        (
            node.address.as_str(),
            node.username.as_str(),
            node.secret.expose()
        ),
        ("[::1]:5038", "u", "s")
    );
    assert_eq!(
        (node.auth, node.weight, node.tags.join(" ").as_str()),
        (Auth::Plain, 21, "eu big")
    );
    let tls = node.tls.as_ref().expect("given");
    assert_eq!(tls.server_name.as_deref(), Some("pbx1.example.com"));
    assert!(
        tls.pin_sha256
            .expect("given")
            .to_string()
            .starts_with("e3b0c442")
    );
    let lanes = node.lanes;
    assert_eq!(
        (lanes.min, lanes.max, lanes.blocking_max, lanes.depth),
        (2, 3, 4, 5)
    );
    assert_eq!(
        (node.keepalive.interval, node.keepalive.deadline),
        (Duration::from_secs(6), Duration::from_secs(7))
    );
    assert_eq!(
        (node.backoff.min, node.backoff.max),
        (Duration::from_secs(8), Duration::from_secs(9))
    );
    assert_eq!(
        (node.config_dir.as_str(), node.module_dir.as_str()),
        ("/opt/etc", "/opt/modules")
    );
}

#[test]
fn debug_of_a_config_shows_no_secret() {
    let shown = format!("{:?}", accepted(LEAST));
    assert!(
        shown.contains("pbx1") && !shown.contains("hunter2"),
        "{shown}"
    );
}
