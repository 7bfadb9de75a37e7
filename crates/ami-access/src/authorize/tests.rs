//! Decisions, their order and texts, and what the headers say of the run.

use ami_proto::Class;
use proptest::prelude::*;

use super::*;
use crate::authority::builtin_all;
use crate::fixture::{action, principal, principal_with};

fn learned(lines: &[(&str, &str)]) -> LearnedActions {
    LearnedActions::parse(
        lines
            .iter()
            .map(|(name, text)| (name.as_bytes(), text.as_bytes())),
    )
}

fn decide_with(
    write: &str,
    lines: &[&str],
    nodes: &[&LearnedActions],
) -> Result<Authorized<Action>, Refusal> {
    let cx = AuthorizeContext {
        learned: nodes,
        ..AuthorizeContext::default()
    };
    authorize(&principal(write), action(lines), &cx).map_err(|(refusal, _)| refusal)
}

fn decide(write: &str, lines: &[&str]) -> Result<Authorized<Action>, Refusal> {
    decide_with(write, lines, &[])
}

#[test]
fn an_action_needs_any_of_its_classes() {
    assert!(decide("call", &["Action: Getvar", "Variable: X"]).is_ok());
    assert!(decide("reporting", &["Action: GETVAR", "Variable: X"]).is_ok());
    assert_eq!(
        decide("user", &["Action: Getvar", "Variable: X"]),
        Err(Refusal::Denied)
    );
    assert!(
        decide("", &["Action: QueueReload"]).is_ok(),
        "authority 0 is open to everybody"
    );
    assert_eq!(decide("", &["ActionID: 1"]), Err(Refusal::MissingAction));
}

#[test]
fn the_action_comes_back_with_the_refusal() {
    let (refusal, back) = authorize(
        &principal(""),
        action(&["Action: Originate", "ActionID: 7"]),
        &AuthorizeContext::default(),
    )
    .unwrap_err();
    assert_eq!(refusal, Refusal::Denied);
    assert_eq!(back.header("ActionID"), Some(&b"7"[..]));
}

#[test]
fn texts_are_asterisks() {
    let name = ActionName::from("Nonsense");
    let text = |refusal: Refusal| refusal.message(&name);
    assert_eq!(
        text(Refusal::Unknown),
        "Invalid/unknown command: Nonsense. Use Action: ListCommands to show available commands."
    );
    assert_eq!(text(Refusal::Denied), "Permission denied");
    assert_eq!(
        Refusal::MissingAction.message(None),
        "Missing action in request"
    );
    assert_eq!(
        text(Refusal::Check("Command blacklisted")),
        "Command blacklisted"
    );
    let long = ActionName::new(format!("a{}", "é".repeat(400)).into_bytes());
    assert_eq!(
        Refusal::Unknown.message(&long).len(),
        510,
        "cut at 511 bytes, never inside a character"
    );
}

#[test]
fn learned_actions_are_judged_by_what_the_nodes_say() {
    let a = learned(&[
        ("Custom", "x  (Priv: call,all)"),
        ("Open", "x  (Priv: <none>)"),
    ]);
    let b = learned(&[("Custom", "x  (Priv: system,all)")]);
    let custom = decide_with("call", &["Action: custom"], &[&a]).unwrap();
    assert_eq!(
        (custom.cost(), custom.list(), custom.route()),
        (Cost::Slow, ListForm::Unknown, RouteKind::Any)
    );
    assert_eq!(custom.classes(), ClassSet::of(Class::Call));
    assert!(custom.spec().is_none());
    assert_eq!(
        decide_with("user", &["Action: Custom"], &[&a]),
        Err(Refusal::Denied)
    );
    assert_eq!(
        decide_with("call", &["Action: Custom"], &[&a, &b]),
        Err(Refusal::Denied),
        "nodes disagree"
    );
    assert!(decide_with("call,system", &["Action: Custom"], &[&a, &b]).is_ok());
    assert!(decide_with("", &["Action: Open"], &[&a]).is_ok());
    assert_eq!(
        decide_with("all", &["Action: Other"], &[&a]),
        Err(Refusal::Unknown)
    );
    assert_eq!(
        decide_with("all", &["Action: Other"], &[]),
        Err(Refusal::Unknown)
    );
}

#[test]
fn what_no_node_has_is_unknown_to_those_who_may_not_run_it() {
    let node = learned(&[("Ping", "x  (Priv: <none>)")]);
    let empty = LearnedActions::default();
    assert_eq!(
        decide_with("call", &["Action: SIPpeers"], &[&node]),
        Err(Refusal::Unknown)
    );
    assert_eq!(
        decide_with("call", &["Action: SIPpeers"], &[&node, &empty]),
        Err(Refusal::Denied)
    );
    assert_eq!(
        decide_with("call", &["Action: SIPpeers"], &[]),
        Err(Refusal::Denied)
    );
    assert_eq!(
        decide_with("call", &["Action: Filter"], &[&node]),
        Err(Refusal::Denied),
        "answered here"
    );
    assert!(
        decide_with("system", &["Action: SIPpeers"], &[&node]).is_ok(),
        "the node answers that it is unknown"
    );
}

#[test]
fn a_nodes_own_classes_do_not_loosen_the_table() {
    let node = learned(&[("ConfbridgeStopRecord", "x  (Priv: call,all)")]);
    assert_eq!(
        decide_with("call", &["Action: ConfbridgeStopRecord"], &[&node]),
        Err(Refusal::Denied)
    );
}

#[test]
fn lists_of_actions_narrow_the_classes() {
    let run = |lines: &str, name: &str| {
        let action = action(&[&format!("Action: {name}")]);
        authorize(&principal_with(lines), action, &AuthorizeContext::default())
            .map_err(|(refusal, _)| refusal)
            .is_ok()
    };
    let lines = "write=all\nallow_actions=Ping,Queue*\ndeny_actions=QueueReset";
    for (name, allowed) in [
        ("Ping", true),
        ("QueueAdd", true),
        ("QueueReset", false),
        ("Status", false),
        ("Logoff", true),
    ] {
        assert_eq!(run(lines, name), allowed, "{name}");
    }
    assert!(
        !run("write=call\nallow_actions=*", "Originate"),
        "a list never widens"
    );
}

#[test]
fn headers_decide_the_cost() {
    let rows: &[(&[&str], Cost)] = &[
        (&["Action: Getvar", "Variable: X"], Cost::Quick),
        (&["Action: Getvar", "Variable: CHANNEL(state)"], Cost::Slow),
        (
            &["Action: Setvar", "Variable: X", "Value: (y)"],
            Cost::Quick,
        ),
        (
            &["Action: Setvar", "Variable: DB(a/b)", "Value: y"],
            Cost::Slow,
        ),
        (&["Action: Originate", "Async: true"], Cost::Quick),
        (&["Action: Originate", "Async: no"], Cost::Blocking),
        (
            &["Action: Originate", "Async:", "Async: true"],
            Cost::Blocking,
        ),
        (
            &[
                "Action: Originate",
                "Async: 1",
                "Variable: A=1",
                "Variable: CDR(x)=1",
            ],
            Cost::Slow,
        ),
        (&["Action: PlayDTMF", "Receive: yes"], Cost::Quick),
        (&["Action: PlayDTMF"], Cost::Blocking),
        (&["Action: PlayMF", "Receive: yes"], Cost::Blocking),
        (&["Action: Hangup", "Channel: SIP/a-1"], Cost::Quick),
        (&["Action: Hangup", "Channel: /SIP/"], Cost::Slow),
    ];
    for (lines, cost) in rows {
        assert_eq!(decide("all", lines).unwrap().cost(), *cost, "{lines:?}");
    }
}

#[test]
fn hangup_is_a_list_only_by_expression() {
    let list = |channel: &str| decide("call", &["Action: Hangup", channel]).unwrap().list();
    assert_eq!(list("Channel: SIP/a-1"), ListForm::No);
    assert_eq!(
        list("Channel: /^SIP/"),
        ListForm::List {
            complete: &["ChannelsHungupListComplete"]
        }
    );
}

#[test]
fn an_actions_own_time() {
    let time = |lines: &[&str]| {
        let authorized = decide("all", lines).unwrap();
        (
            authorized.own_time().map(|time| time.as_millis()),
            authorized.is_async_originate(),
        )
    };
    assert_eq!(time(&["Action: Originate"]), (Some(30_000), false));
    assert_eq!(
        time(&["Action: Originate", "Timeout: 1500", "Async: yes"]),
        (Some(1500), true)
    );
    assert_eq!(
        time(&["Action: Originate", "Timeout: -1"]),
        (Some(0), false)
    );
    assert_eq!(
        time(&["Action: PlayDTMF", "Duration: 25000"]),
        (Some(25_000), false)
    );
    assert_eq!(time(&["Action: PlayDTMF"]), (Some(100), false));
    assert_eq!(
        time(&["Action: PlayDTMF", "Receive: yes", "Duration: 5000"]),
        (None, false)
    );
    assert_eq!(time(&["Action: QueueAdd"]), (None, false));
}

proptest! {
    #[test]
    fn never_allows_what_the_table_forbids(bits in any::<u32>(), at in 0usize..171) {
        let write = ClassSet::from_bits(bits & ClassSet::ALL.bits() & !(1 << 14));
        let spec = builtin_all()[at];
        let labels = write.render().replace("<none>", "").replace(",all", "");
        let decided = decide(&labels, &[&format!("Action: {}", spec.name)]);
        let granted = principal(&labels).account().write;
        if decided.is_ok() {
            prop_assert!(spec.classes.is_empty() || granted.intersects(spec.classes));
        } else {
            prop_assert_eq!(decided, Err(Refusal::Denied));
            prop_assert!(!spec.classes.is_empty() && !granted.intersects(spec.classes));
        }
    }
}
