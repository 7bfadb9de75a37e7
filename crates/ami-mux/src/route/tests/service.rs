//! What the operator wants of a node decides what a rule may send there.

use super::*;

fn serving(services: &[(u16, Service)]) -> Directory {
    let mut directory = directory();
    for (node, service) in services {
        let entry = directory.entry_mut(NodeId(*node)).expect("a node");
        entry.status.service = *service;
    }
    directory
}

#[test]
fn a_node_out_of_service_gets_no_new_calls_by_rule_and_what_names_it() {
    for service in [Service::Draining, Service::Maintenance] {
        let directory = serving(&[(0, service)]);
        channel(&directory, 0, "PJSIP/own-1", "a.1");
        let rules = [rule(
            Choice::LeastCalls(Turns::default()),
            &[(0, 1), (1, 1)],
        )];
        let mut ask = Ask::of(&directory);
        ask.rules = &rules;
        assert_eq!(shares(&ask, 10, |_| ORIGINATE.to_owned()), [0, 10, 0]);
        let here = Route::Node(NodeId(0));
        assert_eq!(ask.route(&format!("{ORIGINATE}|Node: pbx0")), here);
        assert_eq!(ask.route("Action: Hangup|Channel: PJSIP/own-1"), here);
        ask.scope = NodeScope::Only(vec![NodeSelector::Name("pbx0".to_owned())]);
        assert_eq!(ask.route(ORIGINATE), here);
    }
}

/// What answers nothing gets nothing by rule; what names it is refused by its machine.
#[test]
fn a_silent_node_gets_nothing_by_rule() {
    let mut directory = directory();
    directory
        .entry_mut(NodeId(0))
        .expect("a node")
        .status
        .breaker = crate::Breaker::Open;
    let rules = [rule(Choice::Priority, &[(0, 1), (1, 1)])];
    let mut ask = Ask::of(&directory);
    ask.rules = &rules;
    assert_eq!(ask.route(ORIGINATE), Route::Node(NodeId(1)));
    assert_eq!(
        ask.route(&format!("{ORIGINATE}|Node: pbx0")),
        Route::Node(NodeId(0))
    );
}

#[test]
fn a_rule_without_a_node_in_service_says_so() {
    let mut directory = serving(&[(0, Service::Draining), (1, Service::Maintenance)]);
    let rules = [rule(Choice::Priority, &[(0, 1), (1, 1)])];
    let refusal = |directory: &Directory| {
        let mut ask = Ask::of(directory);
        ask.rules = &rules;
        ask.refusal(ORIGINATE)
    };
    assert_eq!(
        refusal(&directory),
        "No node of the rule for this action is in service, action not sent"
    );
    for node in [0, 1] {
        let entry = directory.entry_mut(NodeId(node)).expect("a node");
        entry.status.state = NodeState::Down;
    }
    assert_eq!(
        refusal(&directory),
        "No node of the rule for this action is up, action not sent"
    );
}

/// The account's own node is not named by the client: no new call is made there, everything else goes on.
#[test]
fn a_default_node_that_drains_takes_everything_but_new_calls() {
    let directory = serving(&[(2, Service::Draining)]);
    let mut ask = Ask::of(&directory);
    ask.default_node = Some("pbx2");
    assert_eq!(
        ask.refusal(ORIGINATE),
        "Node pbx2 is draining, action not sent"
    );
    assert_eq!(
        ask.route("Action: Command|Command: core show uptime"),
        Route::Node(NodeId(2))
    );
}

/// How many calls it has is known late: others go first. A hashed value stays.
#[test]
fn a_node_whose_events_come_late_is_the_last_to_be_chosen() {
    let mut directory = directory();
    let late = |directory: &mut Directory, node| {
        directory
            .entry_mut(NodeId(node))
            .expect("a node")
            .status
            .lagging = true;
    };
    late(&mut directory, 0);
    let of = |choice: Choice, directory: &Directory| {
        let rules = [rule(choice, &[(0, 1), (1, 1)])];
        let mut ask = Ask::of(directory);
        ask.rules = &rules;
        shares(&ask, 40, |turn| format!("{ORIGINATE}|Account: a{turn}"))
    };
    for choice in [
        Choice::Priority,
        Choice::Weighted(Turns::default()),
        Choice::LeastCalls(Turns::default()),
    ] {
        assert_eq!(of(choice, &directory), [0, 40, 0]);
    }
    assert!(of(Choice::Hash("Account".to_owned()), &directory)[0] > 0);
    late(&mut directory, 1);
    assert_eq!(
        of(Choice::Priority, &directory),
        [40, 0, 0],
        "better than none"
    );
}
