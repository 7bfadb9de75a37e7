//! `[[route]]`: names that must be known, and policies that must fit their targets.

use ami_access::{ActionSpec, Glob, ListForm, builtin_all};

use crate::check::Check;
use crate::config::{Node, Policy, Route};
use crate::key::KeyPath;
use crate::raw;

/// Checks every rule; one that could not be made is `None` and has its problems reported.
pub(super) fn routes(
    raw: Vec<raw::Route>,
    nodes: &[(Option<String>, Option<Node>)],
    check: &mut Check<'_>,
) -> Vec<Option<Route>> {
    let at = KeyPath::of("route");
    raw.into_iter()
        .enumerate()
        .map(|(index, raw)| route(raw, &at.index(index), nodes, check))
        .collect()
}

fn route(
    raw: raw::Route,
    at: &KeyPath,
    nodes: &[(Option<String>, Option<Node>)],
    check: &mut Check<'_>,
) -> Option<Route> {
    let actions = check.required(&at.key("action"), raw.action);
    let actions = actions.map(|raw::Words(words)| globs(&at.key("action"), &words, check));
    let accounts = raw
        .account
        .map(|raw::Words(words)| globs(&at.key("account"), &words, check))
        .unwrap_or_default();
    let matches = raw
        .r#match
        .and_then(|raw| header_match(raw, &at.key("match"), check));
    let to = check.required(&at.key("to"), raw.to);
    let to = to.map(|raw::Words(words)| targets(&at.key("to"), &words, nodes, check))?;
    let actions = actions?;
    let policy = policy(raw.policy.as_deref(), &actions, to.len(), at, check);
    Some(Route {
        actions,
        accounts,
        matches,
        to,
        policy,
    })
}

fn globs(at: &KeyPath, words: &[String], check: &mut Check<'_>) -> Vec<Glob> {
    if words.is_empty() {
        check.problem(at, "must name at least one");
    }
    words.iter().filter_map(|word| Glob::new(word)).collect()
}

fn header_match(
    raw: raw::RouteMatch,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> Option<(String, Glob)> {
    let header = check.required(&at.key("header"), raw.header);
    if let Some(header) = &header {
        check.token(&at.key("header"), header);
    }
    let like = check.required(&at.key("like"), raw.like)?;
    let glob = Glob::new(&like);
    if glob.is_none() {
        check.problem(&at.key("like"), "must not be empty");
    }
    Some((header?, glob?))
}

/// Names, `tag:` and a tag, or `all`; each node once, at its first place.
fn targets(
    at: &KeyPath,
    words: &[String],
    nodes: &[(Option<String>, Option<Node>)],
    check: &mut Check<'_>,
) -> Vec<String> {
    let known = || {
        nodes
            .iter()
            .filter_map(|(name, node)| Some((name.as_ref()?, node.as_ref())))
    };
    let mut names: Vec<String> = Vec::new();
    if words.is_empty() {
        check.problem(at, "must name at least one node");
    }
    for word in words {
        let before = names.len();
        let tag = word.strip_prefix("tag:");
        for (name, node) in known() {
            let tagged = |tag: &str| {
                node.is_some_and(|node| node.tags.iter().any(|own| own.eq_ignore_ascii_case(tag)))
            };
            let meant = match tag {
                Some(tag) => tagged(tag),
                None => word.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case(word),
            };
            if meant && !names.contains(name) {
                names.push(name.clone());
            }
        }
        let repeated = known().any(|(name, _)| name.eq_ignore_ascii_case(word));
        if names.len() == before && !repeated {
            check.problem(
                at,
                format!("{word:?} is neither a node, nor `tag:` and the tag of one, nor `all`"),
            );
        }
    }
    names
}

fn policy(
    text: Option<&str>,
    actions: &[Glob],
    targets: usize,
    at: &KeyPath,
    check: &mut Check<'_>,
) -> Policy {
    let at = at.key("policy");
    let Some(text) = text else {
        if targets <= 1 {
            return Policy::Priority;
        }
        if !only_lists(actions) {
            check.problem(
                &at,
                "is required: only lists can go to several nodes at once",
            );
        }
        return Policy::All;
    };
    match text.split_once(':') {
        Some(("hash", header)) if !header.trim().is_empty() => {
            return Policy::Hash(header.trim().to_owned());
        }
        Some(_) => {}
        None => {
            let words = [
                ("priority", Policy::Priority),
                ("least-calls", Policy::LeastCalls),
                ("weighted", Policy::Weighted),
            ];
            if let Some((_, policy)) = words.into_iter().find(|(word, _)| *word == text) {
                return policy;
            }
        }
    }
    check.problem(
        &at,
        format!("{text:?} is not known, expected \"priority\" or \"weighted\" or \"least-calls\" or \"hash:<header>\""),
    );
    Policy::Priority
}

/// Whether every action of the table that the patterns mean is a list.
fn only_lists(actions: &[Glob]) -> bool {
    let meant = |spec: &&ActionSpec| {
        actions
            .iter()
            .any(|glob| glob.matches(spec.name.as_bytes()))
    };
    builtin_all()
        .iter()
        .filter(meant)
        .all(|spec| matches!(spec.list, ListForm::List { .. }))
}
