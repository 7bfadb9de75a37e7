//! The options of an account, Asterisk's and amiplex's own.

mod at_node;

use std::sync::Arc;
use std::time::Duration;

use ami_proto::{ClassSet, CommandOutput};

use super::super::named_acl::{NamedAcls, sense};
use super::super::report::{Place, Report};
use super::super::section::Variable;
use super::super::value;
use crate::account::{Account, ChannelScope, Names, NodeScope, OnNodeLoss, SlowPolicy};
use crate::event_filter::EventFilter;
use crate::node::NodeSelector;
use crate::secret::Secret;
use crate::secret_hash::SecretHash;

/// Options of amiplex that have no effect yet and restrict nothing.
const WITHOUT_EFFECT: [&str; 1] = ["admin"];

/// Longest setvar that Asterisk keeps, in bytes.
const SETVAR_BYTES_MAX: usize = 255;

/// Applies one line to the account.
pub(super) fn apply(
    account: &mut Account,
    variable: &Variable,
    named_acls: &NamedAcls,
    report: &mut Report,
) {
    let Variable { name, value, at } = variable;
    if let Some(criteria) = name.strip_prefix("eventfilter") {
        return event_filter(account, criteria, value, at, report);
    }
    if let Some(sense) = sense(name) {
        if let Err(error) = account.acl.append(sense, value) {
            report.error(at, format!("{}: {error}", name.to_ascii_lowercase()));
        }
        return;
    }
    if let Some((option, place)) = name.split_once('@') {
        return at_node::apply(account, option, place, variable, report);
    }
    match name.to_ascii_lowercase().as_str() {
        "secret" => account.secret = Some(Secret::new(value.clone())),
        "secret_hash" => match SecretHash::parse(value) {
            Ok(hash) => account.secret_hash = Some(Arc::new(hash)),
            Err(error) => report.error(at, format!("secret_hash: {error}")),
        },
        "read" => account.read = classes(name, value, at, report),
        "write" => account.write = classes(name, value, at, report),
        "acl" => acl(account, value, named_acls, at, report),
        "allowmultiplelogin" => account.allow_multiple_login = value::is_true(value),
        "displayconnects" => account.display_connects = value::is_true(value),
        "writetimeout" => {
            report.notice(
                at,
                "writetimeout is replaced by event_age: a slow client cannot hold anybody up",
            );
        }
        "setvar" => setvar(account, value, at, report),
        lower => own(account, lower, value, at, report),
    }
}

fn event_filter(
    account: &mut Account,
    criteria: &str,
    value: &str,
    at: &Place,
    report: &mut Report,
) {
    let inner = criteria
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    if inner.is_none() && !criteria.is_empty() {
        report.error(
            at,
            "eventfilter: criteria stand in parentheses directly behind the word",
        );
        return;
    }
    match EventFilter::parse(inner, value) {
        Ok(filter) => account.event_filters.push(filter),
        // Asterisk would skip the line, which opens the stream when it is the only one of its kind.
        Err(error) => report.error(at, format!("eventfilter: {error}")),
    }
}

fn classes(name: &str, value: &str, at: &Place, report: &mut Report) -> ClassSet {
    let (classes, unknown) = ClassSet::parse(value);
    for token in unknown {
        let text = format!("{}: {token}", name.to_ascii_lowercase());
        report.notice(at, text);
    }
    classes
}

fn acl(
    account: &mut Account,
    value: &str,
    named_acls: &NamedAcls,
    at: &Place,
    report: &mut Report,
) {
    for name in value.split(',').map(str::trim_start) {
        let rules = named_acls.find(name);
        let shown = name.escape_debug();
        if rules.is_none() {
            report.notice(
                at,
                format!("acl: no list [{shown}] in acl.conf: nobody can log in to this account"),
            );
        }
        if !account.acl.append_named(name, rules) {
            report.error(at, format!("acl: the list [{shown}] is named twice"));
        }
    }
}

fn setvar(account: &mut Account, value: &str, at: &Place, report: &mut Report) {
    match value.split_once('=') {
        _ if value.len() > SETVAR_BYTES_MAX => {
            report.error(at, format!("setvar: longer than {SETVAR_BYTES_MAX} bytes"));
        }
        Some((name, _)) if !name.is_empty() => account.setvars.push(value.to_owned()),
        Some(_) | None => report.notice(at, "setvar: not of the form NAME=value: ignored"),
    }
}

/// The options that only amiplex has.
fn own(account: &mut Account, name: &str, value: &str, at: &Place, report: &mut Report) {
    let accepted = match name {
        "nodes" => nodes(account, value),
        "default_node" => text(&mut account.default_node, value),
        "resync" => set_some(&mut account.resync, Some(value::is_true(value))),
        "strict" => {
            account.strict = value::is_true(value);
            Some(())
        }
        "rate" => set_some(&mut account.rate, value.parse().ok()),
        "rate_account" => set_some(&mut account.rate_account, value.parse().ok()),
        "coalesce" => {
            account.coalesce = value::is_true(value);
            Some(())
        }
        "label" if value::is_header_name(value) => text(&mut account.label, value),
        "slow" => set(&mut account.slow, slow_policy(value)),
        "event_age" => set_some(&mut account.event_age, value::duration(value)),
        "event_bytes" => set_some(&mut account.event_bytes, value::size(value)),
        "flush" => set_some(&mut account.flush, flush(value)),
        "inflight" => set_some(&mut account.inflight, value::positive(value)),
        "on_node_loss" => set_some(&mut account.on_node_loss, on_node_loss(value)),
        "command_output" => set_some(&mut account.command_output, CommandOutput::parse(value)),
        "allow_actions" => account.actions.allow(value).ok(),
        "deny_actions" => account.actions.deny(value).ok(),
        "allow_commands" => account.commands.allow(value),
        "channels" => set_some(
            &mut account.channels,
            ChannelScope::parse(value).map(Arc::new),
        ),
        "contexts" => names(&mut account.limits.contexts, value),
        "files" => names(&mut account.limits.files, value),
        "db_families" => names(&mut account.limits.db_families, value),
        "variables" => names(&mut account.limits.variables, value),
        "safe" => {
            account.limits.safe = value::is_true(value);
            Some(())
        }
        "label" => None,
        _ => return unsupported(name, at, report),
    };
    if accepted.is_none() {
        report.error(at, format!("{name}: {}", expected(name)));
    }
}

fn unsupported(name: &str, at: &Place, report: &mut Report) {
    if WITHOUT_EFFECT.contains(&name) {
        report.notice(
            at,
            format!("{name} has no effect in this version of amiplex"),
        );
    } else {
        report.notice(
            at,
            format!("unknown option {}: ignored", name.escape_debug()),
        );
    }
}

fn expected(name: &str) -> &'static str {
    match name {
        "nodes" => {
            "`all`, or names of nodes separated by commas, `tag:` and a tag for all that have it"
        }
        "default_node" => "the name of a node",
        "label" => "the name of a header: letters, digits, `-` and `_`",
        "slow" => "`disconnect` or `drop-oldest`",
        "event_age" => "a time above zero such as `60s`",
        "event_bytes" => "a size above zero such as `8MiB`",
        "flush" => "a time up to `1s` such as `5ms`, or `0`",
        "inflight" => "a number from 1",
        "rate" | "rate_account" => "a number of actions in a second, 0 for any number",
        "on_node_loss" => "`close`, `keep` or `refuse`",
        "command_output" => "`native`, `output` or `follows`",
        "allow_commands" => "beginnings of CLI commands separated by commas",
        "contexts" | "files" | "db_families" | "variables" => {
            "names separated by commas, `*` for any text"
        }
        "channels" => {
            "names of channels separated by commas, such as `PJSIP/acme-*`: `*` stands for any text"
        }
        _ => "names of actions separated by commas, `*` only at the end of a name",
    }
}

/// An empty list would be a typo that grants all or nothing: neither is guessed.
fn nodes(account: &mut Account, value: &str) -> Option<()> {
    let names: Vec<&str> = value::list(value).collect();
    account.nodes = match *names {
        [] => return None,
        [name] if name.eq_ignore_ascii_case("all") || name == "*" => NodeScope::All,
        _ => {
            let selectors: Option<_> = names.iter().map(|name| NodeSelector::parse(name)).collect();
            NodeScope::Only(selectors?)
        }
    };
    Some(())
}

fn flush(value: &str) -> Option<Duration> {
    if value == "0" {
        return Some(Duration::ZERO);
    }
    value::duration(value).filter(|time| *time <= Account::FLUSH_MAX)
}

fn slow_policy(value: &str) -> Option<SlowPolicy> {
    match value.to_ascii_lowercase().as_str() {
        "disconnect" => Some(SlowPolicy::Disconnect),
        "drop-oldest" => Some(SlowPolicy::DropOldest),
        _ => None,
    }
}

fn on_node_loss(value: &str) -> Option<OnNodeLoss> {
    match value.to_ascii_lowercase().as_str() {
        "close" => Some(OnNodeLoss::Close),
        "keep" => Some(OnNodeLoss::Keep),
        "refuse" => Some(OnNodeLoss::Refuse),
        _ => None,
    }
}

/// Patterns of several lines add up.
fn names(field: &mut Option<Names>, value: &str) -> Option<()> {
    let more = Names::parse(value)?;
    match field {
        Some(known) => known.extend(more),
        None => *field = Some(more),
    }
    Some(())
}

fn text(field: &mut Option<String>, value: &str) -> Option<()> {
    set_some(field, (!value.is_empty()).then(|| value.to_owned()))
}

fn set<T>(field: &mut T, value: Option<T>) -> Option<()> {
    value.map(|value| *field = value)
}

fn set_some<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    value.map(|value| *field = Some(value))
}
