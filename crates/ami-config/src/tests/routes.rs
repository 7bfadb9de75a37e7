//! `[[route]]`: what is accepted, and what is said of what is not.

use super::{accepted, refused};
use crate::Policy;

const NODES: &str = "\
[[listener]]
name = \"main\"
bind = \"127.0.0.1:5038\"
[[node]]
name = \"pbx1\"
address = \"10.0.0.1:5038\"
username = \"amiplex\"
secret = \"hunter2\"
tags = [\"eu\"]
[[node]]
name = \"pbx2\"
address = \"10.0.0.2:5038\"
username = \"amiplex\"
secret = \"hunter2\"
tags = [\"eu\", \"spare\"]
";

fn route(text: &str) -> String {
    format!("{NODES}[[route]]\n{text}")
}

#[test]
fn nodes_are_named_by_name_tag_or_all_each_once() {
    for (to, expected) in [
        ("[\"pbx2\", \"pbx1\"]", &["pbx2", "pbx1"][..]),
        ("[\"tag:spare\", \"tag:EU\"]", &["pbx2", "pbx1"]),
        ("\"all\"", &["pbx1", "pbx2"]),
        ("[\"PBX2\", \"all\", \"pbx1\"]", &["pbx2", "pbx1"]),
    ] {
        let config = accepted(&route(&format!(
            "action = \"Originate\"\nto = {to}\npolicy = \"weighted\"\n"
        )));
        assert_eq!(config.routes[0].to, expected, "{to}");
    }
}

#[test]
fn a_rule_has_all_its_parts() {
    let config = accepted(&route(
        "action = [\"Originate\", \"Message*\"]\naccount = \"dialer\"\n\
         match = { header = \"Channel\", like = \"PJSIP/*@berlin\" }\nto = \"tag:eu\"\npolicy = \"hash: Account\"\n",
    ));
    let rule = &config.routes[0];
    assert!(rule.actions[1].matches(b"messagesend") && rule.accounts[0].matches(b"Dialer"));
    let (header, like) = rule.matches.as_ref().expect("a match");
    assert!(header == "Channel" && like.matches(b"PJSIP/5@berlin"));
    assert_eq!(rule.policy, Policy::Hash("Account".to_owned()));
}

#[test]
fn one_node_needs_no_policy_and_lists_go_to_all() {
    let config = accepted(&route("action = \"DBPut\"\nto = \"pbx1\"\n"));
    assert_eq!(config.routes[0].policy, Policy::Priority);
    let config = accepted(&route("action = \"QueueStatus\"\nto = \"all\"\n"));
    assert_eq!(config.routes[0].policy, Policy::All);
}

#[test]
fn what_cannot_be_a_rule_is_said_with_its_place() {
    for (text, expected) in [
        ("to = \"pbx1\"\n", "route[0].action: is required"),
        ("action = \"DBPut\"\n", "route[0].to: is required"),
        (
            "action = []\nto = \"pbx1\"\n",
            "route[0].action: must name at least one",
        ),
        (
            "action = \"DBPut\"\nto = []\n",
            "route[0].to: must name at least one node",
        ),
        (
            "action = \"DBPut\"\nto = \"pbx9\"\n",
            "route[0].to: \"pbx9\" is neither a node",
        ),
        (
            "action = \"DBPut\"\nto = \"tag:us\"\n",
            "route[0].to: \"tag:us\" is neither a node",
        ),
        (
            "action = \"DBPut\"\nto = \"all\"\n",
            "route[0].policy: is required: only lists can go to several nodes at once",
        ),
        (
            "action = \"DBPut\"\nto = \"all\"\npolicy = \"random\"\n",
            "route[0].policy: \"random\" is not known",
        ),
        (
            "action = \"DBPut\"\nto = \"all\"\npolicy = \"hash:\"\n",
            "route[0].policy: \"hash:\" is not known",
        ),
        (
            "action = \"DBPut\"\nto = \"pbx1\"\nmatch = { header = \"A B\", like = \"x\" }\n",
            "route[0].match.header: ",
        ),
        (
            "action = \"DBPut\"\nto = \"pbx1\"\nmatch = { header = \"A\", like = \"\" }\n",
            "route[0].match.like: must not be empty",
        ),
        (
            "action = \"DBPut\"\nto = \"pbx1\"\nnode = \"pbx1\"\n",
            "route[0].node: unknown key",
        ),
    ] {
        let report = refused(&route(text));
        assert!(report.contains(expected), "{text}: {report}");
    }
}
