//! `[[listener]]`: names, addresses, the node it is bound to, its certificates.

use std::time::Duration;

use ami_access::OnNodeLoss;
use ami_proto::{AmiVersion, CommandOutput};

use super::{Distinct, address};
use crate::check::Check;
use crate::config::{Listener, ListenerTls, Node};
use crate::key::KeyPath;
use crate::raw;

/// Checks every listener; one that could not be made is `None` and has its problems reported.
pub(super) fn listeners(
    raw: Vec<raw::Listener>,
    nodes: &[(Option<String>, Option<Node>)],
    flush: Duration,
    check: &mut Check<'_>,
) -> Vec<Option<Listener>> {
    if raw.is_empty() {
        check.problem(
            &KeyPath::of("listener"),
            "at least one [[listener]] is required",
        );
    }
    let mut names = Distinct::default();
    let mut listeners = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = KeyPath::of("listener").index(index);
        if let Some(name) = &raw.name {
            names.check(name.to_ascii_lowercase(), &at.key("name"), check);
        }
        listeners.push(listener(raw, &at, nodes, flush, check));
    }
    listeners
}

fn listener(
    raw: raw::Listener,
    at: &KeyPath,
    nodes: &[(Option<String>, Option<Node>)],
    flush: Duration,
    check: &mut Check<'_>,
) -> Option<Listener> {
    let name = check.required(&at.key("name"), raw.name);
    if let Some(name) = &name {
        check.token(&at.key("name"), name);
    }
    let bind = check.required(&at.key("bind"), raw.bind);
    let bind = bind.and_then(|text| address::bind(&at.key("bind"), &text, "0.0.0.0:5038", check));
    let node = raw
        .node
        .map(|node| node_named(node, &at.key("node"), nodes, check));
    let greeting_version = raw
        .greeting_version
        .and_then(|text| greeting_version(&at.key("greeting_version"), &text, check));
    let losses = [
        ("close", OnNodeLoss::Close),
        ("keep", OnNodeLoss::Keep),
        ("refuse", OnNodeLoss::Refuse),
    ];
    let on_node_loss = check.word(
        &at.key("on_node_loss"),
        raw.on_node_loss.as_deref(),
        &losses,
        OnNodeLoss::Close,
    );
    let command_output = check.word(
        &at.key("command_output"),
        raw.command_output.as_deref(),
        &CommandOutput::WORDS,
        CommandOutput::Native,
    );
    let flush = check.flush(&at.key("flush"), raw.flush, flush);
    let tls = raw.tls.and_then(|raw| tls(raw, &at.key("tls"), check));
    Some(Listener {
        name: name?,
        bind: bind?,
        node,
        greeting_version,
        on_node_loss,
        command_output,
        flush,
        tls,
    })
}

/// The node's name as its own section spells it.
fn node_named(
    wanted: String,
    at: &KeyPath,
    nodes: &[(Option<String>, Option<Node>)],
    check: &mut Check<'_>,
) -> String {
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|(name, _)| name.as_deref())
        .collect();
    if let Some(name) = names.iter().find(|name| name.eq_ignore_ascii_case(&wanted)) {
        return (*name).to_owned();
    }
    check.problem(
        at,
        format!(
            "there is no [[node]] named {wanted:?}; the nodes are: {}",
            names.join(", ")
        ),
    );
    wanted
}

fn greeting_version(at: &KeyPath, text: &str, check: &mut Check<'_>) -> Option<AmiVersion> {
    let version = text.parse().ok();
    if version.is_none() {
        check.problem(
            at,
            format!("{text:?} is no AMI version, such as \"11.0.0\""),
        );
    }
    version
}

fn tls(raw: raw::ListenerTls, at: &KeyPath, check: &mut Check<'_>) -> Option<ListenerTls> {
    let cert = check
        .required(&at.key("cert"), raw.cert)
        .map(|path| check.readable(&at.key("cert"), &path));
    let key = check
        .required(&at.key("key"), raw.key)
        .map(|path| check.readable(&at.key("key"), &path));
    let client_ca = raw
        .client_ca
        .map(|path| check.readable(&at.key("client_ca"), &path));
    Some(ListenerTls {
        cert: cert?,
        key: key?,
        client_ca,
    })
}
