//! `[[node]]`: names, addresses, secrets, lanes and times.

use ami_access::Secret;

use super::{Distinct, address};
use crate::check::Check;
use crate::config::{AtOnce, Auth, Backoff, Keepalive, Lanes, Node, NodeTls};
use crate::key::KeyPath;
use crate::raw::{self, SecretText, Words};

/// `user@all` means all nodes, so no node may have that name.
const ALL_NODES: &str = "all";

/// Checks every node. The name is returned apart, so that a listener may refer to a node that has other problems.
pub(super) fn nodes(
    raw: Vec<raw::Node>,
    check: &mut Check<'_>,
) -> Vec<(Option<String>, Option<Node>)> {
    if raw.is_empty() {
        check.problem(&KeyPath::of("node"), "at least one [[node]] is required");
    }
    let mut names = Distinct::default();
    let mut nodes = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = KeyPath::of("node").index(index);
        if let Some(name) = &raw.name {
            names.check(name.to_ascii_lowercase(), &at.key("name"), check);
        }
        nodes.push((raw.name.clone(), node(raw, &at, check)));
    }
    nodes
}

fn node(raw: raw::Node, at: &KeyPath, check: &mut Check<'_>) -> Option<Node> {
    let name = check.required(&at.key("name"), raw.name);
    if let Some(name) = &name {
        node_name(name, &at.key("name"), check);
    }
    let address = check.required(&at.key("address"), raw.address);
    if let Some(address) = &address {
        address::node(&at.key("address"), address, check);
    }
    let username = check.required(&at.key("username"), raw.username);
    if let Some(username) = &username {
        check.header_value(&at.key("username"), username);
    }
    let secret = secret(raw.secret, raw.secret_file.as_deref(), at, check);
    let words = [("md5", Auth::Md5), ("plain", Auth::Plain)];
    let auth = check.word(
        &at.key("auth"),
        raw.auth.as_deref(),
        &words,
        Auth::default(),
    );
    let own_security_events = raw
        .own_security_events
        .is_some_and(|raw::Flag(shown)| shown);
    let tags = tags(raw.tags, &at.key("tags"), check);
    let weight = raw
        .weight
        .map_or(Node::WEIGHT_DEFAULT, |raw::Count(weight)| weight);
    let tls = raw.tls.map(|raw| tls(raw, &at.key("tls"), check));
    let lanes = lanes(&raw.lanes, &at.key("lanes"), check);
    let at_once = at_once(&raw.at_once, &at.key("at_once"), check);
    let narrow_events = raw
        .narrow_events
        .map(|time| check.duration(&at.key("narrow_events"), Some(time), time));
    let keepalive = keepalive(&raw.keepalive, &at.key("keepalive"), check);
    let backoff = backoff(&raw.backoff, &at.key("backoff"), check);
    let config_dir = directory(
        raw.config_dir,
        Node::CONFIG_DIR_DEFAULT,
        &at.key("config_dir"),
        check,
    );
    let module_dir = directory(
        raw.module_dir,
        Node::MODULE_DIR_DEFAULT,
        &at.key("module_dir"),
        check,
    );
    Some(Node {
        name: name?,
        address: address?,
        username: username?,
        secret: secret?,
        auth,
        own_security_events,
        tags,
        weight,
        tls,
        lanes,
        narrow_events,
        at_once,
        keepalive,
        backoff,
        config_dir,
        module_dir,
    })
}

fn node_name(name: &str, at: &KeyPath, check: &mut Check<'_>) {
    check.token(at, name);
    if name.eq_ignore_ascii_case(ALL_NODES) {
        check.problem(at, "must not be \"all\", which means every node");
    }
}

fn secret(
    typed: Option<SecretText>,
    file: Option<&str>,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> Option<Secret> {
    match (typed, file) {
        (Some(SecretText(secret)), None) => {
            check.header_value(&at.key("secret"), secret.expose());
            Some(secret)
        }
        (None, Some(file)) => secret_from_file(file, &at.key("secret_file"), check),
        (Some(_), Some(_)) => {
            check.problem(
                &at.key("secret_file"),
                "give either secret or secret_file, not both",
            );
            None
        }
        (None, None) => {
            check.problem(&at.key("secret"), "is required (or secret_file)");
            None
        }
    }
}

/// The content of the file without one line break at its end, which editors and `echo` put there.
fn secret_from_file(file: &str, at: &KeyPath, check: &mut Check<'_>) -> Option<Secret> {
    let file = check.path(at, file);
    let mut text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            check.problem(at, format!("{} cannot be read: {error}", file.display()));
            return None;
        }
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    let secret = Secret::new(text);
    check.header_value(at, secret.expose());
    Some(secret)
}

fn tags(raw: Option<Words>, at: &KeyPath, check: &mut Check<'_>) -> Vec<String> {
    let tags = raw.map_or_else(Vec::new, |Words(tags)| tags);
    for (index, tag) in tags.iter().enumerate() {
        check.token(&at.index(index), tag);
    }
    tags
}

fn tls(raw: raw::NodeTls, at: &KeyPath, check: &mut Check<'_>) -> NodeTls {
    if raw.ca.is_some() && raw.pin_sha256.is_some() {
        check.problem(
            &at.key("ca"),
            "has no effect together with pin_sha256; give one of them",
        );
    }
    let ca = raw.ca.map(|path| check.readable(&at.key("ca"), &path));
    if let Some(name) = &raw.server_name {
        check.token(&at.key("server_name"), name);
    }
    let pin_sha256 = raw.pin_sha256.and_then(|text| match text.parse() {
        Ok(fingerprint) => Some(fingerprint),
        Err(error) => {
            check.problem(
                &at.key("pin_sha256"),
                crate::config::NoFingerprint::to_string(&error),
            );
            None
        }
    });
    NodeTls {
        ca,
        server_name: raw.server_name,
        pin_sha256,
    }
}

fn lanes(raw: &raw::Lanes, at: &KeyPath, check: &mut Check<'_>) -> Lanes {
    let default = Lanes::default();
    let lanes = Lanes {
        min: check.count(&at.key("min"), raw.min, default.min),
        max: check.count(&at.key("max"), raw.max, default.max),
        blocking_max: check.count(
            &at.key("blocking_max"),
            raw.blocking_max,
            default.blocking_max,
        ),
        depth: check.count(&at.key("depth"), raw.depth, default.depth),
        idle: check.duration(&at.key("idle"), raw.idle, default.idle),
    };
    if lanes.max < lanes.min {
        check.problem(
            &at.key("max"),
            format!(
                "is {}, must not be below min, which is {}",
                lanes.max, lanes.min
            ),
        );
    }
    lanes
}

fn at_once(raw: &raw::AtOnce, at: &KeyPath, check: &mut Check<'_>) -> AtOnce {
    let default = AtOnce::default();
    AtOnce {
        read: check.count(&at.key("read"), raw.read, default.read),
        write: check.count(&at.key("write"), raw.write, default.write),
        command: check.count(&at.key("command"), raw.command, default.command),
        list: check.count(&at.key("list"), raw.list, default.list),
    }
}

fn keepalive(raw: &raw::Keepalive, at: &KeyPath, check: &mut Check<'_>) -> Keepalive {
    let default = Keepalive::default();
    let deadline = check.duration(&at.key("deadline"), raw.deadline, default.deadline);
    // Who shortens the deadline alone need not know of the other.
    let usual = default.lag.min(deadline / 2);
    let lag = check.duration(&at.key("lag"), raw.lag, usual);
    if lag >= deadline {
        check.problem(
            &at.key("lag"),
            format!("is {lag:?}, must be below deadline, which is {deadline:?}"),
        );
    }
    Keepalive {
        interval: check.duration(&at.key("interval"), raw.interval, default.interval),
        deadline,
        lag,
    }
}

fn backoff(raw: &raw::Backoff, at: &KeyPath, check: &mut Check<'_>) -> Backoff {
    let default = Backoff::default();
    let backoff = Backoff {
        min: check.duration(&at.key("min"), raw.min, default.min),
        max: check.duration(&at.key("max"), raw.max, default.max),
    };
    if backoff.max < backoff.min {
        check.problem(
            &at.key("max"),
            format!(
                "is {:?}, must not be below min, which is {:?}",
                backoff.max, backoff.min
            ),
        );
    }
    backoff
}

/// A directory on the node, not here: only its form can be checked.
fn directory(raw: Option<String>, default: &str, at: &KeyPath, check: &mut Check<'_>) -> String {
    let directory = raw.unwrap_or_else(|| default.to_owned());
    if !directory.starts_with('/') {
        check.problem(
            at,
            format!("{directory:?} is no absolute path (it is a directory on the node)"),
        );
    }
    directory
}
