//! `amiplex route`: where an action would go, and why. And what `check` says of rules that can never decide.

use std::path::Path;

use ami_access::{Accounts, AuthorizeContext, Glob, RouteKind, builtin_all, trial};
use ami_config::Config;
use ami_mux::{Directory, DirectoryEntry, NodeState, Reason, Route, RoutePolicy, View, route};
use ami_proto::{Action, ActionDecoder, Incoming};
use bytes::BytesMut;

use crate::say;
use crate::start::{Failure, load};

pub(crate) fn explain(path: &Path, account: &str, lines: &[String]) -> Result<(), Failure> {
    let loads = load(path)?;
    let config = &loads.config;
    let action = parse(lines)?;
    let (name, suffix) = named(&loads.accounts, account);
    let Some(found) = loads.accounts.find(name.as_bytes()) else {
        return Err(Failure::Configuration(format!(
            "there is no account {account}"
        )));
    };
    let directory = directory_of(config);
    let Some(view) = View::resolve(&directory, &found.nodes, None, suffix) else {
        return Err(Failure::Configuration(format!(
            "account {account} sees no node"
        )));
    };
    let nodes = view.nodes().iter();
    let dirs: Vec<&str> = nodes
        .filter_map(|node| Some(&*directory.entry(*node)?.config_dir))
        .collect();
    let context = AuthorizeContext {
        config_dirs: &dirs,
        ..AuthorizeContext::default()
    };
    let authorized = match trial(found, view.seen(&directory), action, &context) {
        Ok(authorized) => authorized,
        Err((refusal, action)) => {
            return say(&format!("refused: {}", refusal.message(action.name())));
        }
    };
    if authorized.route() == RouteKind::Local {
        return say("answered by amiplex itself");
    }
    let rules = ami_server::route_rules(config, &directory);
    let policy = RoutePolicy {
        view: &view,
        select: &config.labels.select,
        account: found.name.as_str(),
        default_node: found.default_node.as_deref(),
        rules: &rules,
    };
    let (decided, reason) = route(&authorized, &directory, &policy);
    let names = |nodes: &[ami_mux::NodeId]| {
        let name =
            |node: &ami_mux::NodeId| directory.entry(*node).map(|entry| entry.name.to_string());
        nodes.iter().filter_map(name).collect::<Vec<_>>().join(", ")
    };
    let place = match &decided {
        Route::Node(node) => format!("to {}", names(&[*node])),
        Route::Several(nodes) => format!("to {}, the answers put together", names(nodes)),
        Route::Denied(refusal) => {
            let name = authorized.action().name();
            format!("nowhere: {}", refusal.message(name))
        }
        Route::Refused(message) => format!("nowhere: {message}"),
    };
    say(&format!("{place}; {}", because(&reason)))?;
    if may_be_located(authorized.route()) && !matches!(reason, Reason::OnlyNode | Reason::Header(_))
    {
        say(
            "before that: if one visible node has what the action names, it goes there; if several have it, it is an error",
        )?;
    }
    Ok(())
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::OnlyNode => "the session sees no other".to_owned(),
        Reason::Header(name) => format!("its header {name} says so"),
        Reason::Located => "what it names decides".to_owned(),
        Reason::Rule(index) => format!("by [[route]] number {}", index + 1),
        Reason::MergedList => "a list that is only read is asked of all".to_owned(),
        Reason::DefaultNode => "by the account's default_node".to_owned(),
        Reason::Nothing => "nothing says where".to_owned(),
    }
}

fn may_be_located(kind: RouteKind) -> bool {
    matches!(
        kind,
        RouteKind::Channel
            | RouteKind::Bridge
            | RouteKind::Conference
            | RouteKind::Queue
            | RouteKind::Agent
    )
}

/// The lines of an action as they are typed, one argument each.
fn parse(lines: &[String]) -> Result<Action, Failure> {
    let mut text = BytesMut::new();
    for line in lines {
        text.extend_from_slice(line.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    match ActionDecoder::new().decode(&mut text) {
        Some(Incoming::Action(action)) if text.is_empty() => Ok(action),
        _ => Err(Failure::Configuration(
            "give the lines of one action, such as 'Action: Originate' 'Channel: PJSIP/100'"
                .to_owned(),
        )),
    }
}

/// The account and what follows its `@`, as at a login.
fn named<'a>(accounts: &Accounts, login: &'a str) -> (&'a str, Option<&'a str>) {
    match login.rsplit_once('@') {
        Some((name, node)) if accounts.find(login.as_bytes()).is_none() => (name, Some(node)),
        _ => (login, None),
    }
}

/// Every node as if it were up and had nothing.
fn directory_of(config: &Config) -> Directory {
    let entries = config.nodes.iter().map(|node| {
        let mut entry = DirectoryEntry::new(&node.name);
        entry.tags = node.tags.iter().map(|tag| tag.as_str().into()).collect();
        entry.config_dir = node.config_dir.as_str().into();
        entry.status.state = NodeState::Up;
        entry
    });
    Directory::new(entries.collect())
}

/// Rules that can never decide, each with the reason.
pub(crate) fn never_matching(config: &Config, accounts: &Accounts) -> Vec<String> {
    let mut notices = Vec::new();
    for (index, rule) in config.routes.iter().enumerate() {
        let mut notice = |text: String| {
            notices.push(format!(
                "[[route]] number {} can never decide: {text}",
                index + 1
            ));
        };
        let known: Vec<_> = builtin_all()
            .iter()
            .filter(|spec| any(&rule.actions, spec.name))
            .collect();
        if !known.is_empty() && known.iter().all(|spec| spec.is_local()) {
            notice("amiplex answers such actions itself".to_owned());
        } else if known.is_empty() && !rule.actions.iter().any(Glob::is_open_ended) {
            notice("no Asterisk has an action of that name".to_owned());
        }
        let mut meant = accounts.iter().filter(|account| {
            rule.accounts.is_empty() || any(&rule.accounts, account.name.as_str())
        });
        if meant.next().is_none() {
            notice("there is no such account".to_owned());
        }
        let earlier = config
            .routes
            .iter()
            .take(index)
            .position(|other| covers(other, rule));
        if let Some(earlier) = earlier {
            notice(format!(
                "number {} comes first and is about all of it",
                earlier + 1
            ));
        }
    }
    notices
}

fn any(globs: &[Glob], name: &str) -> bool {
    globs.iter().any(|glob| glob.matches(name.as_bytes()))
}

/// Whether the first rule decides whatever the second is about, as far as their texts tell.
fn covers(first: &ami_config::Route, second: &ami_config::Route) -> bool {
    let within = |wide: &[Glob], narrow: &[Glob]| {
        narrow.iter().all(|name| {
            wide.iter().any(|glob| {
                glob.is_everything() || glob == name || glob.matches(name.to_string().as_bytes())
            })
        })
    };
    let accounts = first.accounts.is_empty()
        || (!second.accounts.is_empty() && within(&first.accounts, &second.accounts));
    let matches = first.matches.is_none() || first.matches == second.matches;
    accounts && matches && within(&first.actions, &second.actions)
}
