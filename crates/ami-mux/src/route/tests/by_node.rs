//! Rights that differ by node: an action never goes where its account may not run it.

use super::*;

/// Three nodes, the last two tagged `lab`, and an account of these lines.
struct Bench {
    directory: Directory,
    account: &'static str,
    rules: Vec<RouteRule>,
    scope: NodeScope,
}

impl Bench {
    fn of(account: &'static str) -> Self {
        let mut directory = directory();
        for node in [1, 2] {
            directory.entry_mut(NodeId(node)).expect("a node").tags = Arc::from(["lab".into()]);
        }
        Self {
            directory,
            account,
            rules: Vec::new(),
            scope: NodeScope::All,
        }
    }

    fn decided(&self, text: &str) -> Route {
        let view = View::resolve(&self.directory, &self.scope, None, None).expect("nodes");
        let conf = format!("[general]\n[a]\nsecret = s\n{}\n", self.account);
        let files = MemoryFiles::default().with("/manager.conf", conf.as_str());
        let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
        let account = loaded.accounts.find(b"a").expect("there");
        let mut buffer = BytesMut::from((text.replace('|', "\r\n") + "\r\n\r\n").as_bytes());
        let Some(Incoming::Action(action)) = ActionDecoder::new().decode(&mut buffer) else {
            panic!("an action");
        };
        let cx = AuthorizeContext::default();
        let authorized = trial(account, view.seen(&self.directory), action, &cx);
        let policy = RoutePolicy {
            view: &view,
            select: &["Node".to_owned()],
            account: "a",
            default_node: account.default_node.as_deref(),
            rules: &self.rules,
        };
        match authorized {
            Ok(authorized) => route(&authorized, &self.directory, &policy).0,
            Err((refusal, _)) => Route::Denied(refusal),
        }
    }

    fn assert(&self, rows: &[(&str, Route)]) {
        for (text, expected) in rows {
            assert_eq!(self.decided(text), *expected, "{}: {text}", self.account);
        }
    }
}

fn one(node: u16) -> Route {
    Route::Node(NodeId(node))
}

const DENIED: Route = Route::Denied(Refusal::Denied);

#[test]
fn a_named_node_must_permit_the_action() {
    let bench = Bench::of("write = agent\nwrite@pbx0 = originate,call");
    let unknown = Route::Refused("No such node: pbx9".to_owned());
    bench.assert(&[
        ("Action: Originate|Channel: A/1|Node: pbx0", one(0)),
        ("Action: Originate|Channel: A/1|Node: pbx1", DENIED),
        ("Action: Originate|Channel: A/1|Node: pbx9", unknown),
        ("Action: Originate|Channel: A/1|Node: pbx0,pbx1", DENIED),
        ("Action: QueueReset|Queue: q|Node: pbx0", one(0)),
        (
            "Action: QueuePause|Interface: A/1|Paused: 1|Node: pbx0",
            DENIED,
        ),
        (
            "Action: QueuePause|Interface: A/1|Paused: 1|Node: pbx2",
            one(2),
        ),
        ("Action: DBPut|Family: f|Key: k|Node: pbx0", DENIED),
    ]);
}

#[test]
fn the_node_that_has_the_channel_must_permit_the_action() {
    let bench = Bench::of("write = agent\nwrite@pbx0 = call\nwrite@tag:lab = reporting");
    channel(&bench.directory, 0, "PJSIP/100-1", "a.1");
    channel(&bench.directory, 1, "PJSIP/200-1", "b.1");
    bench.assert(&[
        ("Action: Hangup|Channel: PJSIP/100-1", one(0)),
        ("Action: Hangup|Channel: PJSIP/200-1", DENIED),
        ("Action: Hangup|Channel: b.1", DENIED),
    ]);
}

#[test]
fn all_nodes_are_those_that_permit_the_action() {
    let bench = Bench::of(
        "write@pbx0 = reporting\nwrite@tag:lab = reporting,user\ndeny_actions@pbx2 = QueueStatus",
    );
    bench.assert(&[
        ("Action: QueueStatus", several(&[0, 1])),
        ("Action: QueueStatus|Node: *", several(&[0, 1])),
        ("Action: QueueStatus|Node: pbx2", DENIED),
        ("Action: UserEvent|UserEvent: x|Node: *", several(&[1, 2])),
        ("Action: CoreShowChannels", several(&[0, 1, 2])),
        ("Action: DBPut|Family: f|Key: k|Node: *", DENIED),
    ]);
    let bench = Bench::of("write = user\nwrite@pbx1 = originate,reporting");
    bench.assert(&[
        // A list that one node alone gives is still a list of the session; a call at the one node that may make it is no guess.
        ("Action: CoreShowChannels", several(&[1])),
        ("Action: Originate|Channel: A/1|Node: *", one(1)),
    ]);
}

#[test]
fn rules_choose_among_nodes_that_permit_the_action() {
    let mut bench = Bench::of("write@pbx2 = originate\nwrite@pbx1 = user");
    let target = |node| RuleTarget {
        node: NodeId(node),
        weight: 1,
    };
    let rule = |nodes: &[u16], choice| RouteRule {
        actions: vec![Glob::new("Originate").expect("a pattern")],
        accounts: Vec::new(),
        matches: None,
        targets: nodes.iter().map(|node| target(*node)).collect(),
        choice,
    };
    let text = "Action: Originate|Channel: A/1";
    for choice in [
        Choice::Priority,
        Choice::Hash("Channel".to_owned()),
        Choice::LeastCalls(Turns::default()),
        Choice::Weighted(Turns::default()),
        Choice::All,
    ] {
        bench.rules = vec![rule(&[0, 1, 2], choice)];
        bench.assert(&[(text, one(2)), (text, one(2)), (text, one(2))]);
    }
    bench.rules = vec![rule(&[1, 0], Choice::Priority)];
    bench.assert(&[(text, DENIED)]);
}

#[test]
fn the_default_node_must_permit_the_action() {
    let bench = Bench::of("default_node = pbx0\nwrite@pbx1 = user");
    bench.assert(&[
        ("Action: UserEvent|UserEvent: x", DENIED),
        ("Action: UserEvent|UserEvent: x|Node: pbx1", one(1)),
    ]);
}

#[test]
fn checks_inside_an_action_are_those_of_its_node() {
    let blacklisted = || Route::Denied(Refusal::Check("Command blacklisted"));
    let bench = Bench::of(
        "write = command\nallow_commands = queue show\nallow_commands@pbx1 = core\nwrite@pbx2 = call",
    );
    let uptime = |node: &str| {
        bench.decided(&format!(
            "Action: Command|Command: core show uptime|Node: {node}"
        ))
    };
    assert_eq!(uptime("pbx1"), one(1));
    assert_eq!(uptime("pbx0"), blacklisted());
    assert_eq!(uptime("pbx2"), DENIED);
    bench.assert(&[
        ("Action: Command|Command: module reload|Node: pbx1", DENIED),
        ("Action: Command|Command: queue show|Node: *", one(0)),
    ]);
    let bench =
        Bench::of("write = originate,call\nwrite@pbx1 = originate,call,system\nwrite@pbx2 = all");
    for (action, permitted) in [
        (
            "Originate|Channel: A/1|Application: System|Data: x",
            [false, true, true],
        ),
        (
            "Setvar|Channel: A/1|Variable: SHELL(id)|Value: x",
            [false, false, true],
        ),
        (
            "Getvar|Variable: AST_CONFIG(manager.conf,a,secret)",
            [false, false, true],
        ),
    ] {
        for (node, permitted) in permitted.into_iter().enumerate() {
            let decided = bench.decided(&format!("Action: {action}|Node: pbx{node}"));
            assert_eq!(
                !matches!(decided, Route::Denied(_)),
                permitted,
                "{action} at pbx{node}: {decided:?}"
            );
        }
    }
}

#[test]
fn nothing_is_told_of_a_node_that_is_not_seen() {
    let mut bench = Bench::of("write = all\nwrite@pbx2 = all\nread@tag:lab = all");
    bench.scope = NodeScope::Only(vec![
        NodeSelector::Name("pbx0".to_owned()),
        NodeSelector::Name("pbx1".to_owned()),
    ]);
    channel(&bench.directory, 0, "PJSIP/100-1", "a.1");
    channel(&bench.directory, 2, "PJSIP/100-1", "c.1");
    let unknown = Route::Refused("No such node: pbx2".to_owned());
    bench.assert(&[
        ("Action: Hangup|Channel: PJSIP/100-1", one(0)),
        ("Action: Hangup|Channel: PJSIP/100-1|Node: pbx2", unknown),
        ("Action: CoreShowChannels", several(&[0, 1])),
        ("Action: QueueReset|Queue: q|Node: *", several(&[0, 1])),
    ]);
}
