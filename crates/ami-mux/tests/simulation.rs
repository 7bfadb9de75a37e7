//! Sessions and nodes with virtual time and random faults, joined without sockets.
//!
//! For every seed: each accepted action gets exactly one final answer, in order and to the right client; nothing is executed twice, what was
//! called `not sent` never; no event overtakes the answer of the action that caused it, or reaches an account that may not see it.
//! Replay one with `AMIPLEX_SEED=n cargo test -p ami-mux --test simulation`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::format_push_string,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::cognitive_complexity,
    reason = "a test fails loudly, and its model is read as one piece"
)]

#[path = "simulation/asterisk.rs"]
mod asterisk;
#[path = "simulation/client.rs"]
mod client;
#[path = "support/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::manager_conf::MemoryFiles;
use ami_access::{OnNodeLoss, Secret, load_from};
use ami_mux::{
    AtOnce, CacheRule, Coalesce, Directory, DirectoryEntry, LaneId, LaneLoss, Mail, Node,
    NodeEffect, NodeId, NodeSettings, Session, SessionEffect, SessionId, SessionSettings,
    SessionStart,
};
use asterisk::Asterisk;
use client::{Asked, CACHE_AGE, Client, Outcome};
use world::World;

const MANAGER_CONF: &str = "
[general]
[full]
secret = s
read = all
write = all
[narrow]
secret = s
read = call
write = all
";

struct NodeSim {
    machine: Node<usize>,
    asterisk: Asterisk,
    opening: BTreeMap<LaneId, Instant>,
    open: BTreeSet<LaneId>,
    buffers: BTreeMap<LaneId, bytes::BytesMut>,
}

struct Simulation {
    rng: fastrand::Rng,
    now: Instant,
    world: World,
    nodes: Vec<NodeSim>,
    clients: Vec<Client>,
    next_token: u64,
    epoch: Instant,
    faults: bool,
}

const DEADLINE: Duration = Duration::from_secs(3);

impl Simulation {
    fn new(seed: u64, nodes: usize, clients: usize, faults: bool) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let files = MemoryFiles::default().with("/manager.conf", MANAGER_CONF);
        let accounts = Arc::new(
            load_from(&files, Path::new("/manager.conf"), None)
                .expect("valid")
                .accounts,
        );
        let entries = (0..nodes).map(|index| DirectoryEntry::new(&format!("pbx{index}")));
        let world = World {
            accounts,
            directory: Arc::new(Directory::new(entries.collect())),
            throttles: false,
        };
        let node_sims = (0..nodes).map(|index| NodeSim {
            machine: Node::new(settings(index), 0xfeed + u32::try_from(index).unwrap(), now),
            asterisk: Asterisk::new(now),
            opening: BTreeMap::new(),
            open: BTreeSet::new(),
            buffers: BTreeMap::new(),
        });
        let mut simulation = Self {
            rng: fastrand::Rng::with_seed(seed),
            now,
            world,
            nodes: node_sims.collect(),
            clients: Vec::new(),
            next_token: 0,
            epoch: now,
            faults,
        };
        // Let the nodes come up before clients connect, so that views are stable.
        for _ in 0..50 {
            simulation.tick();
        }
        for index in 0..clients {
            simulation.connect(index);
        }
        simulation
    }

    fn connect(&mut self, index: usize) {
        let node = NodeId(u16::try_from(index % self.nodes.len()).unwrap());
        let settings = SessionSettings {
            rates: ami_mux::Rates::default(),
            inflight_max: 16,
            action_deadline: DEADLINE,
            list_deadline: DEADLINE,
            event_hold_max: Duration::from_millis(100),
            auth_timeout: Duration::from_secs(30),
            label: "Node".into(),
            select: Arc::from(["Node".to_owned()]),
            routes: Arc::from([]),
            node: Some(node),
            greeting_version: None,
            on_node_loss: OnNodeLoss::Keep,
            command_output: ami_proto::CommandOutput::Native,
        };
        let start = SessionStart {
            id: SessionId(index as u64),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: false,
        };
        let session = Session::new(start, Arc::new(settings), &self.world, self.now);
        let full = index % 3 != 2;
        let mut client = Client::new(session, full, !self.faults);
        let user = if full { "full" } else { "narrow" };
        let login =
            format!("Action: Login\r\nActionID: l\r\nUsername: {user}\r\nSecret: s\r\n\r\n");
        client.to_session.extend_from_slice(login.as_bytes());
        client.asked.push_back(Asked {
            id: Some("l".into()),
            token: "login".into(),
            kind: "login",
            quiet: false,
        });
        self.clients.push(client);
    }

    fn tick(&mut self) {
        self.now += Duration::from_millis(1);
        for index in 0..self.nodes.len() {
            self.tick_node(index);
        }
        for index in 0..self.clients.len() {
            self.tick_client(index);
        }
    }

    fn tick_node(&mut self, index: usize) {
        let now = self.now;
        let rng = &mut self.rng;
        let node = &mut self.nodes[index];
        node.asterisk.tick(rng, now);
        let due: Vec<LaneId> = node
            .opening
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(lane, _)| *lane)
            .collect();
        for lane in due {
            node.opening.remove(&lane);
            if node.asterisk.is_dead(now) {
                node.machine
                    .lane_lost(lane, &LaneLoss::ConnectFailed("refused".into()), now);
            } else {
                node.asterisk.accept(lane);
                node.open.insert(lane);
                node.buffers.insert(lane, bytes::BytesMut::new());
                node.machine.lane_opened(lane, now);
            }
        }
        let lanes: Vec<LaneId> = node.open.iter().copied().collect();
        for lane in lanes {
            // A frozen node's buffers take some bytes, not all of them.
            let queued: usize = node
                .machine
                .lane_output(lane)
                .map_or(0, |queue| queue.iter().map(bytes::Bytes::len).sum());
            let count = rng.usize(0..=queued);
            if count > 0 {
                let bytes: Vec<u8> = node
                    .machine
                    .lane_output(lane)
                    .unwrap()
                    .iter()
                    .flat_map(|slice| slice.iter().copied())
                    .take(count)
                    .collect();
                node.asterisk.input(lane, &bytes);
                node.machine.lane_wrote(lane, count, now);
            }
            let Some(output) = node.asterisk.output(lane) else {
                continue;
            };
            let count = rng.usize(0..=output.len());
            let bytes = output.split_to(count);
            let buffer = node.buffers.get_mut(&lane).unwrap();
            buffer.extend_from_slice(&bytes);
            while node.machine.lane_input(lane, buffer, 3, now) {}
        }
        if node.machine.poll_timeout().is_some_and(|at| at <= now) {
            node.machine.handle_timeout(now);
        }
        self.carry_out(index);
    }

    fn carry_out(&mut self, index: usize) {
        let now = self.now;
        while let Some(effect) = self.nodes[index].machine.poll_effect() {
            match effect {
                NodeEffect::Open { lane, attempt, .. } => {
                    let delay = Duration::from_millis(2 + 20 * u64::from(attempt.min(10)));
                    self.nodes[index].opening.insert(lane, now + delay);
                }
                NodeEffect::Close(lane) => {
                    self.nodes[index].asterisk.drop_connection(lane);
                    self.nodes[index].open.remove(&lane);
                    self.nodes[index].opening.remove(&lane);
                }
                NodeEffect::Deliver(client, mail) => self.clients[client].inbox.push_back(mail),
                NodeEffect::Broadcast(mail) => self.broadcast(index, &mail),
                NodeEffect::Status(status) => {
                    let mut directory = Directory::clone(&self.world.directory);
                    directory
                        .entry_mut(NodeId(u16::try_from(index).unwrap()))
                        .unwrap()
                        .status = status;
                    self.world.directory = Arc::new(directory);
                }
                NodeEffect::Note(_) | NodeEffect::Heard(_) => {}
            }
        }
    }

    fn broadcast(&mut self, node: usize, mail: &Mail) {
        let nodes = self.nodes.len();
        for (index, client) in self.clients.iter_mut().enumerate() {
            if client.subscribed && index % nodes == node {
                client.inbox.push_back(mail.clone());
            }
        }
    }

    fn tick_client(&mut self, index: usize) {
        let now = self.now;
        let client = &mut self.clients[index];
        client
            .session
            .client_input(&mut client.to_session, &self.world, now);
        let count = self.rng.usize(0..=client.inbox.len());
        for _ in 0..count {
            let mail = client.inbox.pop_front().unwrap();
            client.session.mail(mail, &self.world, now);
        }
        if client.session.poll_timeout().is_some_and(|at| at <= now) {
            client.session.handle_timeout(&self.world, now);
        }
        client
            .session
            .client_input(&mut client.to_session, &self.world, now);
        while let Some(effect) = client.session.poll_effect() {
            match effect {
                SessionEffect::Write { bytes, .. } => {
                    for slice in bytes {
                        client.receive(&slice);
                    }
                }
                SessionEffect::Submit(node, submission) => {
                    self.nodes[node.index()]
                        .machine
                        .submit(submission.addressed_to(index), now);
                }
                SessionEffect::LoggedIn { .. } => client.subscribed = true,
                SessionEffect::Close(_) => client.ended = true,
                SessionEffect::Replay(node) => self.nodes[node.index()].machine.replay(&index),
                SessionEffect::Interest(_)
                | SessionEffect::Verify(_)
                | SessionEffect::Security(_)
                | SessionEffect::Note(_) => {}
            }
        }
    }

    fn ask(&mut self, index: usize) {
        self.next_token += 1;
        let id = match self.rng.u8(0..4) {
            0 => None,
            number => Some(number.to_string()),
        };
        let token = format!("t{}/{}", self.next_token, id.as_deref().unwrap_or_default());
        let kind = self.rng.u8(0..16);
        match kind {
            12..15 => return self.poll(index, id),
            15.. => return self.toggle_events(index, id),
            _ => {}
        }
        let (kind, body) = match kind {
            0..4 => ("getvar", "Action: Getvar\r\nVariable: X\r\n"),
            4..6 => (
                "queueadd",
                "Action: QueueAdd\r\nQueue: q\r\nInterface: i\r\n",
            ),
            6..8 => (
                "async",
                "Action: Originate\r\nChannel: c\r\nAsync: true\r\nTimeout: 1000\r\n",
            ),
            8 => (
                "sync",
                "Action: Originate\r\nChannel: c\r\nTimeout: 1000\r\n",
            ),
            9 => ("list", "Action: CoreShowChannels\r\n"),
            10 => (
                "command",
                "Action: Command\r\nCommand: core show version\r\n",
            ),
            _ => ("ping", "Action: Ping\r\n"),
        };
        let id_line = id
            .as_ref()
            .map(|id| format!("ActionID: {id}\r\n"))
            .unwrap_or_default();
        let message = format!("{body}{id_line}Token: {token}\r\n\r\n");
        let client = &mut self.clients[index];
        client.to_session.extend_from_slice(message.as_bytes());
        let quiet = client.quiet;
        client.asked.push_back(Asked {
            id,
            token,
            kind,
            quiet,
        });
    }

    /// Asks what others ask too: nothing in it is the client's own but the id.
    fn poll(&mut self, index: usize, id: Option<String>) {
        let token = self.now.duration_since(self.epoch).as_micros().to_string();
        let id_line = id
            .as_ref()
            .map(|id| format!("ActionID: {id}\r\n"))
            .unwrap_or_default();
        let message = format!("Action: QueueSummary\r\n{id_line}\r\n");
        let client = &mut self.clients[index];
        client.to_session.extend_from_slice(message.as_bytes());
        client.asked.push_back(Asked {
            id,
            token,
            kind: "poll",
            quiet: client.quiet,
        });
    }

    /// Some of the clients turn their events off and on.
    fn toggle_events(&mut self, index: usize, id: Option<String>) {
        if index.is_multiple_of(3) {
            return;
        }
        let client = &mut self.clients[index];
        client.quiet = !client.quiet;
        let mask = if client.quiet { "off" } else { "on" };
        let id_line = id
            .as_ref()
            .map(|id| format!("ActionID: {id}\r\n"))
            .unwrap_or_default();
        let message = format!("Action: Events\r\nEventMask: {mask}\r\n{id_line}\r\n");
        client.to_session.extend_from_slice(message.as_bytes());
        client.asked.push_back(Asked {
            id,
            token: "events".into(),
            kind: "events",
            quiet: client.quiet,
        });
    }

    fn maybe_fault(&mut self) {
        if !self.faults || self.rng.u32(0..700) != 0 {
            return;
        }
        let now = self.now;
        let index = self.rng.usize(0..self.nodes.len());
        let until = now + Duration::from_millis(self.rng.u64(50..2500));
        let kind = self.rng.u8(0..3);
        let lanes: Vec<LaneId> = self.nodes[index].open.iter().copied().collect();
        let Some(one) = self.rng.choice(&lanes).copied() else {
            return;
        };
        let node = &mut self.nodes[index];
        let lost = match kind {
            0 => {
                node.asterisk.frozen_until = Some(until);
                return;
            }
            1 => vec![one],
            _ => {
                node.asterisk.dead_until = Some(until);
                lanes
            }
        };
        for lane in lost {
            node.asterisk.drop_connection(lane);
            node.open.remove(&lane);
            node.machine.lane_lost(lane, &LaneLoss::Eof, now);
        }
    }

    fn run(&mut self) {
        for _ in 0..6_000 {
            self.tick();
            self.maybe_fault();
            for index in 0..self.clients.len() {
                if self.rng.u8(0..90) == 0 {
                    self.ask(index);
                }
            }
        }
        self.faults = false;
        for _ in 0..25_000 {
            if self.clients.iter().all(|client| client.asked.is_empty()) {
                break;
            }
            self.tick();
        }
        self.check();
    }

    fn check(&self) {
        let mut executed = BTreeMap::new();
        for node in &self.nodes {
            for (token, at) in &node.asterisk.executed {
                let before = executed.insert(token.clone(), *at);
                assert_eq!(before, None, "{token} was executed twice");
            }
        }
        for client in &self.clients {
            let open: Vec<_> = client
                .asked
                .iter()
                .map(|asked| (&asked.token, asked.kind))
                .collect();
            assert!(open.is_empty(), "never answered: {open:?}");
            for (token, kind, outcome) in &client.answered {
                let local = matches!(*kind, "ping" | "login" | "poll" | "events");
                match outcome {
                    Outcome::Success => assert!(
                        local || executed.contains_key(token),
                        "{token} succeeded unexecuted"
                    ),
                    Outcome::NotSent => assert!(
                        !executed.contains_key(token),
                        "{token} was called not sent, and ran"
                    ),
                    Outcome::Unknown => {}
                }
            }
            for kept in &client.kept {
                let (before, _) = client.answered.split_at(kept.after);
                let writes = before.iter().filter(|(_, kind, _)| *kind != "list");
                for at in writes.filter_map(|(token, ..)| executed.get(token)) {
                    assert!(kept.begun > *at, "an answer from before its own write");
                }
            }
        }
    }
}

fn settings(index: usize) -> NodeSettings {
    NodeSettings {
        id: NodeId(u16::try_from(index).unwrap()),
        name: format!("pbx{index}").into(),
        objects: None,
        username: "amiplex".into(),
        secret: Secret::new("s".to_owned()),
        own_security_events: false,
        md5: index == 0,
        lanes_min: 1,
        lanes_max: 3,
        blocking_max: 2,
        depth: 4,
        keepalive_interval: Duration::from_secs(1),
        keepalive_deadline: Duration::from_millis(700),
        keepalive_lag: Duration::from_millis(300),
        action_deadline: DEADLINE,
        lane_idle: Duration::from_millis(500),
        narrow_after: None,
        at_once: AtOnce::UNLIMITED,
        coalesce: Coalesce {
            window: Duration::from_millis(20) * u32::from(index == 1),
            cache: Arc::from([CacheRule {
                action: "QueueSummary".into(),
                command: None,
                age: CACHE_AGE,
            }]),
            ..Coalesce::default()
        },
    }
}

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("AMIPLEX_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => vec![seed],
        None => (1..=count).collect(),
    }
}

fn simulate(count: u64, faults: bool) -> usize {
    let mut answered = 0;
    for seed in seeds(count) {
        println!("seed {seed}");
        let mut simulation = Simulation::new(seed, 2, 6, faults);
        simulation.run();
        answered += simulation
            .clients
            .iter()
            .map(|client| client.answered.len())
            .sum::<usize>();
    }
    answered
}

#[test]
fn every_action_is_answered_once_while_nodes_freeze_and_die() {
    let answered = simulate(40, true);
    assert!(
        answered > seeds(40).len() * 250,
        "only {answered} answers: the simulation does not do what it should"
    );
}

#[test]
fn without_faults_every_action_succeeds() {
    let (mut asked, mut worked, mut kept) = (0, 0, 0);
    for seed in seeds(10) {
        let mut simulation = Simulation::new(seed, 2, 6, false);
        simulation.run();
        for client in &simulation.clients {
            let failed: Vec<_> = client
                .answered
                .iter()
                .filter(|(.., outcome)| *outcome != Outcome::Success)
                .collect();
            assert!(failed.is_empty(), "seed {seed}: {failed:?}");
        }
        let clients = simulation.clients.iter();
        let answered = clients.flat_map(|client| &client.answered);
        asked += answered.filter(|(_, kind, _)| *kind == "poll").count();
        let clients = simulation.clients.iter();
        kept += clients.map(|client| client.kept.len()).sum::<usize>();
        let nodes = simulation.nodes.iter();
        worked += nodes.map(|node| node.asterisk.polls).sum::<usize>();
    }
    assert!(kept > 0, "nothing was kept");
    assert!(worked + kept < asked, "nothing was shared");
}
