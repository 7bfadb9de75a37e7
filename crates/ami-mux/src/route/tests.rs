mod by_node;
mod likeness;
mod service;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use ami_access::manager_conf::MemoryFiles;
use ami_access::{
    AuthorizeContext, Glob, NodeScope, NodeSelector, Proof, authorize, load_from, trial, verify,
};
use ami_proto::{ActionDecoder, Frame, Incoming};
use bytes::{Bytes, BytesMut};

use super::*;
use crate::directory::{DirectoryEntry, NodeState, Service};

/// The action, as an account that may do everything is allowed it; lines are separated by `|`.
fn allowed(text: &str) -> Authorized<Action> {
    let conf = "[general]\n[a]\nsecret = s\nread = all\nwrite = all\n";
    let files = MemoryFiles::default().with("/manager.conf", conf);
    let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
    let proof = Proof::Plain {
        secret: b"s",
        confidential: true,
    };
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let verified = verify(&loaded.accounts, b"a", proof, peer).expect("may log in");
    let principal = verified.proven().expect("a secret without hash");
    let mut buffer = BytesMut::from((text.replace('|', "\r\n") + "\r\n\r\n").as_bytes());
    let Some(Incoming::Action(action)) = ActionDecoder::new().decode(&mut buffer) else {
        panic!("an action");
    };
    authorize(&principal, action, &AuthorizeContext::default()).expect("may be run")
}

/// pbx0, pbx1 and pbx2, all up.
fn directory() -> Directory {
    let entry = |name: &str| {
        let mut entry = DirectoryEntry::new(name);
        entry.status.state = NodeState::Up;
        entry
    };
    Directory::new(vec![entry("pbx0"), entry("pbx1"), entry("pbx2")])
}

fn says(directory: &Directory, node: u16, event: &str) {
    let bytes = Bytes::from(event.replace('|', "\r\n") + "\r\n\r\n");
    let frame = Frame::parse(bytes).expect("a message");
    let entry = directory.entry(NodeId(node)).expect("a node");
    entry.objects.write().observe(&frame);
}

fn channel(directory: &Directory, node: u16, name: &str, uniqueid: &str) {
    let text = format!(
        "Event: Newchannel|Channel: {name}|ChannelState: 6|Uniqueid: {uniqueid}|Linkedid: {uniqueid}"
    );
    says(directory, node, &text);
}

struct Ask<'a> {
    directory: &'a Directory,
    rules: &'a [RouteRule],
    scope: NodeScope,
    default_node: Option<&'a str>,
}

impl<'a> Ask<'a> {
    fn of(directory: &'a Directory) -> Self {
        Self {
            directory,
            rules: &[],
            scope: NodeScope::All,
            default_node: None,
        }
    }

    fn reasoned(&self, text: &str) -> (Route, Reason) {
        let view = View::resolve(self.directory, &self.scope, None, None).expect("nodes");
        let policy = RoutePolicy {
            view: &view,
            select: &["Node".to_owned()],
            account: "a",
            default_node: self.default_node,
            rules: self.rules,
        };
        route(&allowed(text), self.directory, &policy)
    }

    fn route(&self, text: &str) -> Route {
        self.reasoned(text).0
    }

    fn refusal(&self, text: &str) -> String {
        match self.route(text) {
            Route::Refused(message) => message,
            other @ (Route::Node(_) | Route::Several(_) | Route::Denied(_)) => {
                panic!("{text}: {other:?}")
            }
        }
    }
}

fn several(nodes: &[u16]) -> Route {
    Route::Several(nodes.iter().map(|node| NodeId(*node)).collect())
}

#[test]
fn what_one_node_has_leads_there() {
    let directory = directory();
    channel(&directory, 1, "PJSIP/100-1", "b.1");
    let ask = Ask::of(&directory);
    for text in [
        "Action: Hangup|Channel: PJSIP/100-1",
        "Action: Hangup|Channel: b.1",
        "Action: Redirect|Channel: pjsip/100-1|ExtraChannel: unknown|Context: x|Exten: 1|Priority: 1",
        "Action: Status|Channel: PJSIP/100-1",
        "Action: Setvar|Channel: PJSIP/100-1|Variable: A|Value: 1",
    ] {
        assert_eq!(
            ask.reasoned(text),
            (Route::Node(NodeId(1)), Reason::Located),
            "{text}"
        );
    }
}

#[test]
fn what_nobody_knows_is_never_guessed() {
    let directory = directory();
    let mut ask = Ask::of(&directory);
    for text in [
        "Action: Hangup|Channel: PJSIP/1-1",
        "Action: Hangup|Channel: /.*/",
        "Action: Setvar|Variable: A|Value: 1",
        "Action: DBGet|Family: f|Key: k",
        "Action: UserEvent|UserEvent: x",
        "Action: QueueAdd|Queue: sales|Interface: PJSIP/1",
        "Action: Originate|Channel: PJSIP/1|Context: x|Exten: 1|Priority: 1",
    ] {
        assert_eq!(ask.refusal(text), "Node required", "{text}");
    }
    ask.default_node = Some("pbx2");
    assert_eq!(
        ask.route("Action: UserEvent|UserEvent: x"),
        Route::Node(NodeId(2))
    );
    assert_eq!(ask.refusal("Action: Hangup|Channel: /.*/"), "Node required");
}

#[test]
fn what_is_on_two_nodes_is_an_error() {
    let directory = directory();
    channel(&directory, 0, "PJSIP/100-1", "a.1");
    channel(&directory, 1, "PJSIP/100-1", "b.1");
    let ask = Ask::of(&directory);
    assert_eq!(
        ask.refusal("Action: Hangup|Channel: PJSIP/100-1"),
        "Channel PJSIP/100-1 is on several nodes, name one"
    );
    assert_eq!(
        ask.refusal("Action: Bridge|Channel1: a.1|Channel2: b.1"),
        "What the action names is on different nodes"
    );
    assert_eq!(
        ask.route("Action: Hangup|Channel: PJSIP/100-1|Node: pbx1"),
        Route::Node(NodeId(1))
    );
}

#[test]
fn nodes_that_the_session_may_not_see_count_for_nothing() {
    let directory = directory();
    channel(&directory, 0, "PJSIP/100-1", "a.1");
    channel(&directory, 2, "PJSIP/100-1", "c.1");
    channel(&directory, 2, "PJSIP/200-1", "c.2");
    let mut ask = Ask::of(&directory);
    ask.scope = NodeScope::Only(vec![
        NodeSelector::Name("pbx0".to_owned()),
        NodeSelector::Name("pbx1".to_owned()),
    ]);
    assert_eq!(
        ask.route("Action: Hangup|Channel: PJSIP/100-1"),
        Route::Node(NodeId(0))
    );
    assert_eq!(
        ask.refusal("Action: Hangup|Channel: PJSIP/200-1"),
        "Node required"
    );
    assert_eq!(
        ask.refusal("Action: Hangup|Channel: x|Node: pbx2"),
        "No such node: pbx2"
    );
    assert_eq!(ask.route("Action: CoreShowChannels"), several(&[0, 1]));
}

#[test]
fn queues_and_members_route_only_from_one_node() {
    let directory = directory();
    for node in [0, 1] {
        says(
            &directory,
            node,
            "Event: QueueMemberAdded|Queue: both|MemberName: x|Interface: PJSIP/0",
        );
    }
    says(
        &directory,
        1,
        "Event: QueueMemberAdded|Queue: both|MemberName: x|Interface: PJSIP/1",
    );
    says(
        &directory,
        1,
        "Event: QueueMemberAdded|Queue: one|MemberName: x|Interface: PJSIP/2",
    );
    let ask = Ask::of(&directory);
    assert_eq!(
        ask.route("Action: QueueAdd|Queue: one|Interface: PJSIP/9"),
        Route::Node(NodeId(1))
    );
    assert_eq!(
        ask.route("Action: QueuePause|Queue: both|Interface: PJSIP/1|Paused: 1"),
        Route::Node(NodeId(1))
    );
    assert_eq!(
        ask.route("Action: QueuePause|Interface: PJSIP/2|Paused: 1"),
        Route::Node(NodeId(1))
    );
    assert_eq!(
        ask.refusal("Action: QueuePause|Queue: both|Interface: PJSIP/0|Paused: 1"),
        "Member PJSIP/0 is on several nodes, name one"
    );
    assert_eq!(
        ask.refusal("Action: QueueReset|Queue: both"),
        "Queue both is on several nodes, name one"
    );
    // As Asterisk compares them.
    assert_eq!(
        ask.refusal("Action: QueueReset|Queue: BOTH"),
        "Queue BOTH is on several nodes, name one"
    );
    assert_eq!(
        ask.route("Action: QueuePause|Queue: Both|Interface: pjsip/1|Paused: 1"),
        Route::Node(NodeId(1))
    );
    assert_eq!(
        ask.refusal("Action: QueuePause|Interface: pjsip/0|Paused: 1"),
        "Member pjsip/0 is on several nodes, name one"
    );
    assert_eq!(
        ask.refusal("Action: QueuePause|Queue: none|Interface: PJSIP/9|Paused: 1"),
        "Node required"
    );
}

#[test]
fn reading_lists_are_merged_and_others_are_not() {
    let directory = directory();
    let ask = Ask::of(&directory);
    for text in [
        "Action: CoreShowChannels",
        "Action: Status",
        "Action: QueueStatus",
        "Action: ParkedCalls",
        "Action: PJSIPShowEndpoints",
    ] {
        assert_eq!(
            ask.reasoned(text),
            (several(&[0, 1, 2]), Reason::MergedList),
            "{text}"
        );
    }
    assert_eq!(ask.refusal("Action: QueueRule"), "Node required");
    assert_eq!(
        ask.route("Action: CoreShowChannels|Node: pbx2, pbx0"),
        several(&[2, 0])
    );
    assert_eq!(
        ask.route("Action: Command|Command: core show uptime|Node: *"),
        several(&[0, 1, 2])
    );
    assert_eq!(
        ask.route("Action: Command|Command: core show uptime|Node: pbx1,pbx1"),
        Route::Node(NodeId(1))
    );
    let refusal = ask.refusal("Action: Originate|Channel: PJSIP/1|Application: Wait|Node: *");
    assert_eq!(refusal, "A call is made on one node, name one");
    assert!(
        ask.refusal("Action: QueueRule|Node: *")
            .starts_with("The answers of several nodes")
    );
}

fn rule(choice: Choice, targets: &[(u16, u32)]) -> RouteRule {
    let target = |(node, weight): &(u16, u32)| RuleTarget {
        node: NodeId(*node),
        weight: *weight,
    };
    RouteRule {
        actions: vec![Glob::new("originate").expect("a glob")],
        accounts: Vec::new(),
        matches: None,
        targets: targets.iter().map(target).collect(),
        choice,
    }
}

const ORIGINATE: &str = "Action: Originate|Channel: PJSIP/1|Context: x|Exten: 1|Priority: 1";

fn shares(ask: &Ask<'_>, turns: usize, text: impl Fn(usize) -> String) -> [usize; 3] {
    let mut shares = [0; 3];
    for turn in 0..turns {
        let Route::Node(node) = ask.route(&text(turn)) else {
            panic!("a node");
        };
        shares[node.index()] += 1;
    }
    shares
}

#[test]
fn a_rule_must_be_about_the_action_the_account_and_the_header() {
    let directory = directory();
    let mut with_match = rule(Choice::Priority, &[(1, 1)]);
    with_match.matches = Some((
        "Channel".to_owned(),
        Glob::new("Local/*@out").expect("a glob"),
    ));
    with_match.accounts = vec![Glob::new("a").expect("a glob")];
    let mut of_other = rule(Choice::Priority, &[(2, 1)]);
    of_other.accounts = vec![Glob::new("b").expect("a glob")];
    let rules = [with_match, of_other];
    let mut ask = Ask::of(&directory);
    ask.rules = &rules;
    let matching = "Action: Originate|Channel: Local/1@out|Application: Wait";
    assert_eq!(
        ask.reasoned(matching),
        (Route::Node(NodeId(1)), Reason::Rule(0))
    );
    assert_eq!(ask.refusal(ORIGINATE), "Node required");
}

#[test]
fn priority_takes_the_first_that_takes_calls() {
    let mut directory = directory();
    let rules = [rule(Choice::Priority, &[(2, 1), (0, 1)])];
    let set = |directory: &mut Directory, state, service| {
        let status = &mut directory.entry_mut(NodeId(2)).expect("a node").status;
        (status.state, status.service) = (state, service);
    };
    let routed = |directory: &Directory| {
        let mut ask = Ask::of(directory);
        ask.rules = &rules;
        ask.route(ORIGINATE)
    };
    assert_eq!(routed(&directory), Route::Node(NodeId(2)));
    set(&mut directory, NodeState::Up, Service::Draining);
    assert_eq!(routed(&directory), Route::Node(NodeId(0)));
    set(&mut directory, NodeState::Down, Service::Open);
    assert_eq!(routed(&directory), Route::Node(NodeId(0)));
    directory.entry_mut(NodeId(0)).expect("a node").status.state = NodeState::Down;
    let refused =
        Route::Refused("No node of the rule for this action is up, action not sent".to_owned());
    assert_eq!(routed(&directory), refused);
}

#[test]
fn a_hash_keeps_its_node_and_moves_only_what_it_must() {
    let mut directory = directory();
    let rules = [rule(
        Choice::Hash("Account".to_owned()),
        &[(0, 1), (1, 1), (2, 2)],
    )];
    let text = |turn: usize| format!("{ORIGINATE}|Account: customer{turn}");
    let before: Vec<Route> = {
        let mut ask = Ask::of(&directory);
        ask.rules = &rules;
        let shares = shares(&ask, 400, text);
        assert!(
            shares[2] > 150 && shares[0] > 60 && shares[1] > 60,
            "{shares:?}"
        );
        (0..50).map(|turn| ask.route(&text(turn))).collect()
    };
    directory.entry_mut(NodeId(1)).expect("a node").status.state = NodeState::Down;
    let mut ask = Ask::of(&directory);
    ask.rules = &rules;
    for (turn, before) in before.iter().enumerate() {
        let after = ask.route(&text(turn));
        assert!(
            after == *before || *before == Route::Node(NodeId(1)),
            "{turn}"
        );
        assert_ne!(after, Route::Node(NodeId(1)));
    }
}

#[test]
fn weights_are_shares() {
    let directory = directory();
    let rules = [rule(
        Choice::Weighted(Turns::default()),
        &[(0, 1), (1, 2), (2, 5)],
    )];
    let mut ask = Ask::of(&directory);
    ask.rules = &rules;
    assert_eq!(shares(&ask, 80, |_| ORIGINATE.to_owned()), [10, 20, 50]);
}

#[test]
fn least_calls_counts_channels_and_calls_on_their_way() {
    let directory = directory();
    for index in 0..6 {
        channel(
            &directory,
            0,
            &format!("PJSIP/{index}-1"),
            &format!("a.{index}"),
        );
    }
    let rules = [rule(
        Choice::LeastCalls(Turns::default()),
        &[(0, 1), (1, 1)],
    )];
    let mut ask = Ask::of(&directory);
    ask.rules = &rules;
    // Three calls of two channels each make the nodes equal; then they take turns.
    assert_eq!(shares(&ask, 3, |_| ORIGINATE.to_owned()), [0, 3, 0]);
    assert_eq!(shares(&ask, 20, |_| ORIGINATE.to_owned()), [10, 10, 0]);
}
