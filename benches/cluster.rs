//! Many nodes behind one login: what the index of a node's objects costs per event and in memory, and what choosing the node
//! costs per action, with a hundred thousand live channels at each of three nodes.
//!
//! Read memory off the `max alloc` line of `memory`: what is alive at the end, for that many channels.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ami_access::manager_conf::MemoryFiles;
use ami_access::{
    Accounts, AuthorizeContext, Authorized, Glob, NodeScope, Proof, authorize, load_from, verify,
};
use ami_mux::{
    Choice, Directory, DirectoryEntry, NodeId, NodeState, Objects, RoutePolicy, RouteRule,
    RuleTarget, Turns, View, route,
};
use ami_proto::{Action, ActionDecoder, Frame, Incoming};
use bytes::{Bytes, BytesMut};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const CHANNELS: [usize; 3] = [100, 10_000, 100_000];
const NODES: u16 = 3;

fn main() {
    divan::main();
}

/// Lines as a node writes them for a channel, all but the first that tells what happened.
fn event(first: &str, node: u16, number: usize, more: &str) -> Option<Frame> {
    let text = format!(
        "{first}\r\nPrivilege: call,all\r\nSystemName: pbx{node}\r\nChannel: PJSIP/{number:07}-{number:08x}\r\nChannelState: 6\r\n\
        ChannelStateDesc: Up\r\nCallerIDNum: {number:07}\r\nCallerIDName: Somebody\r\nConnectedLineNum: 4711\r\n\
        ConnectedLineName: <unknown>\r\nLanguage: en\r\nAccountCode: \r\nContext: default\r\nExten: 4711\r\nPriority: 1\r\n\
        Uniqueid: pbx{node}-1795222166.{number}\r\nLinkedid: pbx{node}-1795222166.{number}\r\n{more}\r\n"
    );
    Frame::parse(Bytes::from(text))
}

/// What a node has that was told of so many channels, numbered from `first`.
fn objects(node: u16, first: usize, count: usize) -> Objects {
    let mut objects = Objects::default();
    for number in first..first + count {
        if let Some(event) = event("Event: Newchannel", node, number, "") {
            objects.observe(&event);
        }
    }
    objects
}

/// Bytes for so many channels: `max alloc` divided by the argument.
#[divan::bench(args = CHANNELS, sample_count = 3, sample_size = 1)]
fn memory(count: usize) -> Objects {
    objects(0, 0, count)
}

/// What comes most and says nothing of objects.
#[divan::bench(args = CHANNELS)]
fn event_without_objects(bencher: Bencher<'_, '_>, count: usize) {
    let mut objects = objects(0, 0, count);
    let event = event("Event: VarSet", 0, count / 2, "Variable: A\r\nValue: 1\r\n");
    bencher.bench_local(|| {
        if let Some(event) = &event {
            objects.observe(black_box(event));
        }
    });
}

/// Channels that are known change, each time another.
#[divan::bench(args = CHANNELS)]
fn event_of_a_channel(bencher: Bencher<'_, '_>, count: usize) {
    let mut objects = objects(0, 0, count);
    let step = (count / 2_000).max(1);
    let numbers = (0..count).step_by(step);
    let all: Vec<Frame> = numbers
        .filter_map(|number| event("Event: Newexten", 0, number, "Application: Dial\r\n"))
        .collect();
    let mut events = all.iter().cycle();
    bencher.bench_local(|| {
        if let Some(event) = events.next() {
            objects.observe(black_box(event));
        }
    });
}

/// A channel's whole life: it comes, enters a bridge, leaves it, ends. Four events.
#[divan::bench(args = CHANNELS)]
fn life_of_a_channel(bencher: Bencher<'_, '_>, count: usize) {
    let mut objects = objects(0, 0, count);
    let bridge = "BridgeUniqueid: 5d2c-1\r\nBridgeType: basic\r\n";
    let life: Vec<Frame> = [
        ("Event: Newchannel", ""),
        ("Event: BridgeEnter", bridge),
        ("Event: BridgeLeave", bridge),
        ("Event: Hangup", "Cause: 16\r\n"),
    ]
    .into_iter()
    .filter_map(|(first, more)| event(first, 0, count + 1, more))
    .collect();
    bencher.bench_local(|| {
        for event in &life {
            objects.observe(black_box(event));
        }
    });
}

fn accounts() -> Option<Accounts> {
    let conf = "[general]\n[a]\nsecret = s\nread = all\nwrite = all\n";
    let files = MemoryFiles::default().with("/manager.conf", conf);
    let loaded = load_from(&files, Path::new("/manager.conf"), None).ok()?;
    Some(loaded.accounts)
}

fn allowed(lines: &[&str]) -> Option<Authorized<Action>> {
    let proof = Proof::Plain {
        secret: b"s",
        confidential: true,
    };
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let principal = verify(&accounts()?, b"a", proof, peer).ok()?.proven()?;
    let mut buffer = BytesMut::from((lines.join("\r\n") + "\r\n\r\n").as_bytes());
    let Some(Incoming::Action(action)) = ActionDecoder::new().decode(&mut buffer) else {
        return None;
    };
    authorize(&principal, action, &AuthorizeContext::default()).ok()
}

/// Three nodes, each with so many channels of its own.
fn cluster(count: usize) -> Directory {
    let entry = |node: u16| {
        let mut entry = DirectoryEntry::new(&format!("pbx{node}"));
        entry.status.state = NodeState::Up;
        entry.objects = objects(node, usize::from(node) * count, count).into();
        entry
    };
    Directory::new((0..NODES).map(entry).collect())
}

fn routed(bencher: Bencher<'_, '_>, count: usize, lines: &[&str], rules: &[RouteRule]) {
    let directory = cluster(count);
    let view = View::resolve(&directory, &NodeScope::All, None, None);
    let action = allowed(lines);
    let select = ["Node".to_owned()];
    let (Some(view), Some(action)) = (view, action) else {
        return;
    };
    let policy = RoutePolicy {
        view: &view,
        select: &select,
        account: "a",
        default_node: None,
        rules,
    };
    bencher.bench_local(|| route(black_box(&action), &directory, &policy));
}

/// By the channel that it names, which the last node has.
#[divan::bench(args = CHANNELS)]
fn action_by_channel(bencher: Bencher<'_, '_>, count: usize) {
    let number = 2 * count + count / 2;
    let channel = format!("Channel: PJSIP/{number:07}-{number:08x}");
    routed(bencher, count, &["Action: Hangup", &channel], &[]);
}

/// A channel that nobody has.
#[divan::bench(args = CHANNELS)]
fn action_of_an_unknown_channel(bencher: Bencher<'_, '_>, count: usize) {
    routed(
        bencher,
        count,
        &["Action: Hangup", "Channel: PJSIP/nobody-0"],
        &[],
    );
}

/// By the header that names a node.
#[divan::bench(args = CHANNELS)]
fn action_by_header(bencher: Bencher<'_, '_>, count: usize) {
    routed(
        bencher,
        count,
        &["Action: Getvar", "Node: pbx1", "Variable: A"],
        &[],
    );
}

/// A call that a rule sends to the node with the fewest.
#[divan::bench(args = CHANNELS)]
fn originate_by_least_calls(bencher: Bencher<'_, '_>, count: usize) {
    let lines = [
        "Action: Originate",
        "Channel: PJSIP/4711",
        "Context: default",
        "Exten: 100",
        "Priority: 1",
    ];
    let rule = RouteRule {
        actions: Glob::new("Originate").into_iter().collect(),
        accounts: Vec::new(),
        matches: None,
        targets: (0..NODES)
            .map(|node| RuleTarget {
                node: NodeId(node),
                weight: 1,
            })
            .collect(),
        choice: Choice::LeastCalls(Turns::default()),
    };
    routed(bencher, count, &lines, &[rule]);
}
