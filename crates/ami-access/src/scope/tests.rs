//! What accounts with `channels` may do: a decision for every action, and requests that try to reach further.

use std::collections::HashSet;

use proptest::prelude::*;

use super::action_table::rules;
use super::*;
use crate::authority::builtin_all;
use crate::authorize::{AuthorizeContext, Authorized, Refusal, authorize};
use crate::fixture::{action, principal_with};

const OWN: &str = "write=all\nchannels=PJSIP/acme-*,PJSIP/*@acme-*,Local/*@acme-*,SIP/acme-*,DAHDI/acme-*,Custom:acme-*";

fn decide_as(account: &str, lines: &[&str]) -> Result<Authorized<Action>, Refusal> {
    let principal = principal_with(account);
    authorize(&principal, action(lines), &AuthorizeContext::default())
        .map_err(|(refusal, _)| refusal)
}

fn permitted(lines: &[&str]) -> bool {
    decide_as(OWN, lines).is_ok()
}

#[test]
fn every_action_has_one_decision() {
    let mut decided = HashSet::new();
    for (name, _) in rules() {
        assert!(decided.insert(name), "{name} twice");
    }
    let all: HashSet<&str> = builtin_all().iter().map(|spec| spec.name).collect();
    let missing: Vec<_> = all.difference(&decided).collect();
    let unknown: Vec<_> = decided.difference(&all).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "{missing:?} {unknown:?}"
    );
}

#[test]
fn what_ends_calls_or_tells_of_all_is_not_open_to_accounts_with_channels() {
    for spec in builtin_all() {
        let rule = rule(spec.name);
        let bare = permitted(&[&format!("Action: {}", spec.name)]);
        let expected = matches!(rule.access, Access::Open | Access::List);
        assert_eq!(bare, expected, "{} without any header", spec.name);
        let needs_objects = matches!(
            rule.access,
            Access::Objects | Access::NamedObjects | Access::ObjectList
        );
        assert!(!needs_objects || !rule.objects.is_empty(), "{}", spec.name);
    }
}

/// A value for a header of the table, of the account's own or of others.
fn value(object: Object, is_own: bool) -> &'static str {
    let (own, foreign) = match object {
        Object::Channel => ("PJSIP/acme-1-0000001a", "PJSIP/other-1-0000001a"),
        Object::Beginning => ("PJSIP/acme-1", "PJSIP/acme"),
        Object::Device => ("PJSIP/acme-2", "PJSIP/other-2"),
        Object::Of(_) => ("acme-1", "other-1"),
        Object::NewId => ("my-id", "PJSIP/other-3-0000001a"),
    };
    if is_own { own } else { foreign }
}

#[test]
fn each_header_that_names_an_object_must_name_one_inside() {
    for (name, rule) in rules() {
        let action = format!("Action: {name}");
        let named = format!("{OWN}\nallow_actions={name}");
        let own: Vec<String> = rule
            .objects
            .iter()
            .map(|(header, object)| format!("{header}: {}", value(*object, true)))
            .collect();
        let request = |changed: usize, with: &str| {
            let mut lines = vec![action.clone()];
            lines.extend(own.iter().enumerate().map(|(at, line)| {
                let (header, object) = rule.objects[at];
                match with {
                    "own" => line.clone(),
                    _ if at != changed => line.clone(),
                    _ => format!("{header}: {}", value(object, false)),
                }
            }));
            lines
        };
        let run = |account: &str, lines: Vec<String>| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            decide_as(account, &lines).is_ok()
        };
        let is_open = !matches!(rule.access, Access::Named | Access::NamedObjects);
        // CreateConfig and the like also check their own headers; with all of an object's headers right only scope is left.
        if !rule.objects.is_empty() {
            assert_eq!(run(OWN, request(0, "own")), is_open, "{name}");
            assert!(run(&named, request(0, "own")), "{name}, named");
        }
        for at in 0..own.len() {
            let (header, _) = rule.objects[at];
            assert!(
                !run(OWN, request(at, "foreign")),
                "{name} with a foreign {header}"
            );
            assert!(
                !run(&named, request(at, "foreign")),
                "{name}, named, with a foreign {header}"
            );
        }
    }
}

#[test]
fn channels_are_named_by_their_names() {
    let hangup = |channel: &str| permitted(&["Action: Hangup", &format!("Channel: {channel}")]);
    assert!(hangup("PJSIP/acme-1-0000001a") && hangup("local/5@ACME-in-0000001a;2"));
    for channel in [
        "",
        "1700000000.5",
        "/^PJSIP\\/acme-/",
        "/PJSIP/acme-1",
        "PJSIP/other-1-0000001a",
        "all",
    ] {
        assert!(!hangup(channel), "{channel}");
    }
    assert!(!permitted(&[
        "Action: Hangup",
        "Channel:",
        "Channel: PJSIP/other-1-0000001a"
    ]));
    assert!(!permitted(&[
        "Action: Hangup",
        "Channel: PJSIP/acme-1-0000001a",
        "Channel: PJSIP/other-1-0000001a",
    ]));
    assert!(
        !permitted(&["Action: Hangup", "Channel : PJSIP/acme-1-0000001a"]),
        "the node sees none"
    );
    // An account of everything may name no Uniqueid either: whose it is cannot be seen.
    assert!(decide_as("write=all\nchannels=*", &["Action: Hangup", "Channel: 1.5"]).is_err());
    assert!(decide_as("write=all\nchannels=*", &["Action: Hangup", "Channel: X/y"]).is_ok());
}

#[test]
fn what_matches_by_its_beginning_needs_a_pattern_with_an_open_end() {
    let one = "write=all\nchannels=PJSIP/acme";
    let bridge = [
        "Action: Bridge",
        "Channel1: PJSIP/acme-0000001a",
        "Channel2: PJSIP/acme-0000001b",
    ];
    assert!(decide_as(one, &bridge).is_err());
    assert!(permitted(&[
        "Action: Bridge",
        "Channel1: PJSIP/acme-1",
        "Channel2: PJSIP/acme-2"
    ]));
    for action in [
        "ConfbridgeMute",
        "ConfbridgeUnmute",
        "ConfbridgeSetSingleVideoSrc",
    ] {
        let named =
            |channel: &str| permitted(&[&format!("Action: {action}"), "Conference: 1", channel]);
        assert!(named("Channel: PJSIP/acme-1-0000001a"));
        for channel in [
            "Channel: all",
            "Channel: participants",
            "Channel: PJSIP/",
            "Channel: PJSIP/acme",
        ] {
            assert!(!named(channel), "{action} {channel}");
        }
    }
}

#[test]
fn calls_begin_at_devices_of_its_own() {
    let call = |lines: &[&str]| {
        let mut all = vec!["Action: Originate"];
        all.extend(lines);
        permitted(&all)
    };
    for channel in [
        "PJSIP/acme-1",
        "PJSIP/555@acme-trunk",
        "Local/5@acme-in/n",
        "SIP/acme-1",
    ] {
        assert!(
            call(&[&format!("Channel: {channel}"), "Context: c", "Exten: 1"]),
            "{channel}"
        );
    }
    for channel in [
        "PJSIP/other-1",
        "Local/5@other/n@acme-in",
        "PJSIP/acme-1@other",
        "PJSIP/acme-1[/]@other",
        "Local/5",
        "PJSIP/acme-1&PJSIP/other-1",
        "",
    ] {
        assert!(
            !call(&[&format!("Channel: {channel}"), "Context: c", "Exten: 1"]),
            "{channel}"
        );
    }
    let own = "Channel: PJSIP/acme-1";
    assert!(!call(&[own, "Channel: PJSIP/other-1"]));
    assert!(call(&[own, "ChannelId: mine", "OtherChannelId: mine-2"]));
    assert!(!call(&[own, "OtherChannelId: PJSIP/other-1-0000001a"]));
    assert!(!call(&["ChannelId: mine"]));
    assert!(!call(&[own, "Application: ChanSpy", "Data: PJSIP/other-1"]));
    assert!(!call(&[own, "Variable: DB(a/b)=1"]));
}

#[test]
fn lists_are_filtered_and_what_was_named_is_not() {
    let items =
        |account: &str, lines: &[&str]| decide_as(account, lines).unwrap().item_scope().is_some();
    assert!(items(OWN, &["Action: CoreShowChannels"]));
    assert!(items(
        OWN,
        &["Action: Status", "Channel: PJSIP/acme-1-0000001a"]
    ));
    assert!(!permitted(&[
        "Action: Status",
        "Channel: PJSIP/other-1-0000001a"
    ]));
    assert!(!permitted(&["Action: CoreShowChannelMap"]));
    assert!(items(
        OWN,
        &["Action: PJSIPShowEndpoint", "Endpoint: acme-1"]
    ));
    assert!(!permitted(&["Action: QueueSummary"]));
    let named = format!("{OWN}\nallow_actions=QueueSummary,CoreShow*");
    assert!(
        !items(&named, &["Action: QueueSummary"]),
        "as without channels"
    );
    assert!(items(&named, &["Action: CoreShowChannels"]));
    assert!(!items("write=all", &["Action: CoreShowChannels"]));
    assert!(
        decide_as("write=all", &["Action: Ping"])
            .unwrap()
            .scope()
            .is_none()
    );
    assert!(decide_as(OWN, &["Action: Ping"]).unwrap().scope().is_some());
}

#[test]
fn only_a_whole_name_opens_what_is_closed() {
    for (list, is_open) in [
        ("DBGet", true),
        ("dbget", true),
        ("DBGet*", false),
        ("*", false),
        ("DB*,DBGet", true),
    ] {
        let account = format!("{OWN}\nallow_actions={list}");
        let request = ["Action: DBGet", "Family: f", "Key: k"];
        assert_eq!(decide_as(&account, &request).is_ok(), is_open, "{list}");
    }
    let denied = format!("{OWN}\nallow_actions=DBGet\ndeny_actions=DB*");
    assert!(decide_as(&denied, &["Action: DBGet"]).is_err());
    // A name does not take the check of channels away.
    let named = format!("{OWN}\nallow_actions=Hangup,Getvar,QueueAdd");
    assert!(
        decide_as(
            &named,
            &["Action: Hangup", "Channel: PJSIP/other-1-0000001a"]
        )
        .is_err()
    );
    assert!(decide_as(&named, &["Action: Getvar", "Variable: X"]).is_err());
    let join =
        |interface: &str| decide_as(&named, &["Action: QueueAdd", "Queue: q", interface]).is_ok();
    assert!(join("Interface: PJSIP/acme-1") && !join("Interface: PJSIP/other-1"));
}

#[test]
fn a_list_of_variables_opens_what_it_names() {
    let own = "Channel: PJSIP/acme-1-0000001a";
    let reads = |list: &str, variable: &str| {
        let account = format!("{OWN}\nvariables={list}");
        decide_as(&account, &["Action: Getvar", own, variable]).is_ok()
    };
    assert!(
        reads("DB(acme/*)", "Variable: DB(acme/x)")
            && !reads("DB(acme/*)", "Variable: DB(other/x)")
    );
    assert!(
        !reads("*", "Variable: DB(acme/x)"),
        "a pattern without parenthesis is no function"
    );
    let account = format!("{OWN}\nvariables=*(*)");
    let spy = [
        "Action: Originate",
        "Channel: PJSIP/acme-1",
        "Application: ChanSpy",
    ];
    assert!(decide_as(&account, &spy).is_err());
}

#[test]
fn actions_that_no_table_knows_are_closed() {
    let learned =
        crate::LearnedActions::parse([(&b"Custom"[..], &b"x  (Priv: call,all)"[..])].into_iter());
    let context = AuthorizeContext {
        learned: &[&learned],
        ..AuthorizeContext::default()
    };
    let run = |account: &str| {
        let request = action(&["Action: custom", "Channel: PJSIP/acme-1-0000001a"]);
        authorize(&principal_with(account), request, &context).is_ok()
    };
    assert!(!run(OWN));
    assert!(run(&format!("{OWN}\nallow_actions=Custom")));
    assert!(run("write=call"));
}

#[test]
fn refusals_say_what_asterisk_says_to_those_who_may_not() {
    let refusal = |lines: &[&str]| decide_as(OWN, lines).unwrap_err();
    assert_eq!(
        refusal(&["Action: Hangup", "Channel: PJSIP/other-1-0000001a"]),
        Refusal::Denied
    );
    assert_eq!(
        refusal(&["Action: Command", "Command: core show channels"]),
        Refusal::Denied
    );
}

proptest! {
    /// The list of what an account may do never promises less than it may.
    #[test]
    fn what_may_be_run_is_listed(at in 0usize..171, names in "(DBGet|QueueAdd|AGI|[*])") {
        let spec = builtin_all()[at];
        let account = format!("{OWN}\nallow_actions=*,{names}");
        let principal = principal_with(&account);
        let mut lines = vec![format!("Action: {}", spec.name)];
        lines.extend(
            rule(spec.name)
                .objects
                .iter()
                .map(|(header, object)| format!("{header}: {}", value(*object, true))),
        );
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        if decide_as(&account, &lines).is_ok() {
            prop_assert!(may_ever(principal.account(), spec.name));
        }
    }

    /// Whatever one header names, an action is permitted only if a channel of the account's own is what the node finds.
    #[test]
    fn nothing_foreign_is_reached_by_a_name(
        name in "(PJSIP|Local|pjsip|/)?/?(acme-1|other|5@acme-in|5@other)(-0000001a)?(;1)?(/n)?(@acme-in|@other)?",
    ) {
        if permitted(&["Action: Hangup", &format!("Channel: {name}")]) {
            let lower = name.to_ascii_lowercase();
            let is_own = lower.starts_with("pjsip/acme-")
                || (lower.starts_with("pjsip/") && lower.contains("@acme-"))
                || (lower.starts_with("local/") && lower.contains("@acme-"));
            prop_assert!(is_own);
        }
        if permitted(&["Action: Originate", &format!("Channel: {name}")]) {
            let lower = name.to_ascii_lowercase();
            let resource = lower.split('/').nth(1).unwrap_or_default();
            let dialled = if lower.starts_with("local/") {
                resource.split_once('@').map_or("default", |(_, context)| context)
            } else {
                resource.rsplit('@').next().unwrap_or_default()
            };
            prop_assert!(dialled.starts_with("acme-"), "{}", name);
        }
    }
}
