//! Nodes, clients and amiplex's machines between them, moved on by the millisecond. Bytes are carried in pieces of any size, so that one lane is ahead
//! of another by any time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::manager_conf::MemoryFiles;
use ami_access::{Glob, OnNodeLoss, Secret, load_from};
use ami_mux::{
    AtOnce, Choice, Coalesce, Directory, DirectoryEntry, LaneId, LaneLoss, Mail, Node, NodeEffect,
    NodeId, NodeSettings, RouteRule, RuleTarget, Session, SessionEffect, SessionId,
    SessionSettings, SessionStart, Turns,
};
use bytes::BytesMut;

use crate::NODES;
use crate::asterisk::Asterisk;
use crate::client::{Client, Kind};
use crate::world::World;

const MANAGER_CONF: &str = "[general]\n[a]\nsecret = s\nread = all\nwrite = all\n";

const DEADLINE: Duration = Duration::from_secs(3);

/// A node: amiplex's machine, the Asterisk, and the lanes between.
pub(crate) struct Site {
    pub(crate) machine: Node<usize>,
    pub(crate) asterisk: Asterisk,
    opening: BTreeMap<LaneId, Instant>,
    pub(crate) open: BTreeSet<LaneId>,
    buffers: BTreeMap<LaneId, BytesMut>,
}

impl Site {
    /// The lanes are lost, at both ends.
    pub(crate) fn lose(&mut self, lanes: &[LaneId], now: Instant) {
        for lane in lanes {
            self.asterisk.drop_connection(*lane);
            self.open.remove(lane);
            self.machine.lane_lost(*lane, &LaneLoss::Eof, now);
        }
    }
}

/// All of it.
pub(crate) struct Network {
    pub(crate) rng: fastrand::Rng,
    pub(crate) now: Instant,
    pub(crate) world: World,
    pub(crate) sites: Vec<Site>,
    pub(crate) clients: Vec<Client>,
    settings: Arc<SessionSettings>,
    /// What a node says on its event lane is there before what it says on others.
    pub(crate) is_strict: bool,
}

impl Network {
    /// Nodes that are up and have no channels, and no clients.
    pub(crate) fn new(seed: u64) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let files = MemoryFiles::default().with("/manager.conf", MANAGER_CONF);
        let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
        let entries = (0..NODES).map(|index| DirectoryEntry::new(&format!("pbx{index}")));
        let entries: Vec<DirectoryEntry> = entries.collect();
        let sites = entries.iter().zip(0..).map(|(entry, index)| Site {
            machine: Node::new(node_settings(index, entry), 0xfeed + u32::from(index), now),
            asterisk: Asterisk::new(usize::from(index), now),
            opening: BTreeMap::new(),
            open: BTreeSet::new(),
            buffers: BTreeMap::new(),
        });
        let mut network = Self {
            rng: fastrand::Rng::with_seed(seed),
            now,
            sites: sites.collect(),
            world: World {
                accounts: Arc::new(loaded.accounts),
                directory: Arc::new(Directory::new(entries)),
                throttles: false,
            },
            clients: Vec::new(),
            settings: Arc::new(session_settings(seed)),
            is_strict: seed.is_multiple_of(2),
        };
        while !network.is_settled() {
            network.tick();
        }
        network
    }

    /// Every node is up and amiplex knows what it has.
    pub(crate) fn is_settled(&self) -> bool {
        self.sites.iter().all(|site| {
            let status = site.machine.status();
            status.is_up() && status.booted.is_some() && status.settled && site.machine.is_quiet()
        })
    }

    /// A client logs in. Who comes first knows of all channels from the events alone.
    pub(crate) fn connect(&mut self, knows_all: bool) {
        let start = SessionStart {
            id: SessionId(self.clients.len() as u64),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: false,
        };
        let session = Session::new(start, Arc::clone(&self.settings), &self.world, self.now);
        let mut client = Client::new(session, knows_all, self.is_strict);
        let login = "Action: Login\r\nUsername: a\r\nSecret: s\r\n";
        client.ask("login", Kind::Own, login);
        self.clients.push(client);
    }

    pub(crate) fn tick(&mut self) {
        self.now += Duration::from_millis(1);
        for index in 0..self.sites.len() {
            self.tick_site(index);
        }
        for index in 0..self.clients.len() {
            self.tick_client(index);
        }
    }

    fn tick_site(&mut self, index: usize) {
        let (now, rng) = (self.now, &mut self.rng);
        let site = &mut self.sites[index];
        site.asterisk.tick(rng, now);
        let opening = std::mem::take(&mut site.opening);
        for (lane, at) in opening {
            if at > now {
                site.opening.insert(lane, at);
            } else if site.asterisk.is_away(now) {
                let refused = LaneLoss::ConnectFailed("refused".into());
                site.machine.lane_lost(lane, &refused, now);
            } else {
                site.asterisk.accept(lane);
                site.open.insert(lane);
                site.buffers.insert(lane, BytesMut::new());
                site.machine.lane_opened(lane, now);
            }
        }
        let events = site.asterisk.event_lane().filter(|_| self.is_strict);
        if let Some(lane) = events {
            carry_all(site, lane, now);
        }
        let lanes: Vec<LaneId> = site.open.iter().copied().collect();
        for lane in lanes {
            carry(site, lane, rng, now);
        }
        if site.machine.poll_timeout().is_some_and(|at| at <= now) {
            site.machine.handle_timeout(now);
        }
        self.carry_out(index);
    }

    fn carry_out(&mut self, index: usize) {
        let now = self.now;
        while let Some(effect) = self.sites[index].machine.poll_effect() {
            match effect {
                NodeEffect::Open { lane, attempt, .. } => {
                    let delay = Duration::from_millis(2 + 20 * u64::from(attempt.min(10)));
                    self.sites[index].opening.insert(lane, now + delay);
                }
                NodeEffect::Close(lane) => {
                    let site = &mut self.sites[index];
                    site.asterisk.drop_connection(lane);
                    site.open.remove(&lane);
                    site.opening.remove(&lane);
                }
                NodeEffect::Deliver(client, mail) => self.clients[client].inbox.push_back(mail),
                NodeEffect::Broadcast(mail) => self.broadcast(&mail),
                NodeEffect::Status(status) => {
                    let mut directory = Directory::clone(&self.world.directory);
                    let entry = directory.entry_mut(node_id(index)).expect("a node");
                    entry.status = status;
                    self.world.directory = Arc::new(directory);
                }
                NodeEffect::Note(_) | NodeEffect::Heard(_) => {}
            }
        }
    }

    fn broadcast(&mut self, mail: &Mail) {
        for client in self.clients.iter_mut().filter(|client| client.subscribed) {
            client.inbox.push_back(mail.clone());
        }
    }

    fn tick_client(&mut self, index: usize) {
        let now = self.now;
        let client = &mut self.clients[index];
        if client.slow_until.is_some_and(|until| until > now) {
            return;
        }
        let (session, world) = (&mut client.session, &self.world);
        session.client_input(&mut client.to_session, world, now);
        for _ in 0..self.rng.usize(0..=client.inbox.len()) {
            let mail = client.inbox.pop_front().expect("counted");
            session.mail(mail, world, now);
        }
        if session.poll_timeout().is_some_and(|at| at <= now) {
            session.handle_timeout(world, now);
        }
        session.client_input(&mut client.to_session, world, now);
        while let Some(effect) = client.session.poll_effect() {
            match effect {
                SessionEffect::Write { bytes, .. } => {
                    bytes.iter().for_each(|slice| client.receive(slice));
                }
                SessionEffect::Submit(node, submission) => {
                    let site = &mut self.sites[node.index()];
                    site.machine.submit(submission.addressed_to(index), now);
                }
                SessionEffect::LoggedIn { .. } => {
                    client.subscribed = true;
                    for (index, hears) in client.hears_all_of.iter_mut().enumerate() {
                        let status = self.world.directory.entry(node_id(index));
                        let status = &status.expect("a node").status;
                        *hears |= !status.is_up() || !status.settled;
                    }
                }
                SessionEffect::Replay(node) => self.sites[node.index()].machine.replay(&index),
                SessionEffect::Close(reason) => panic!("closed: {reason:?}"),
                SessionEffect::Interest(_)
                | SessionEffect::Verify(_)
                | SessionEffect::Security(_)
                | SessionEffect::Note(_) => {}
            }
        }
    }
}

/// Some bytes of what is queued, in both directions.
fn carry(site: &mut Site, lane: LaneId, rng: &mut fastrand::Rng, now: Instant) {
    let queue: Option<&VecDeque<bytes::Bytes>> = site.machine.lane_output(lane);
    let queued: Vec<u8> = queue.into_iter().flatten().flatten().copied().collect();
    let count = rng.usize(0..=queued.len());
    if count > 0 {
        site.asterisk.input(lane, &queued[..count]);
        site.machine.lane_wrote(lane, count, now);
    }
    let Some(output) = site.asterisk.output(lane) else {
        return;
    };
    let count = rng.usize(0..=output.len());
    let bytes = output.split_to(count);
    carry_up(site, lane, &bytes, now);
}

/// All that the node has said there.
fn carry_all(site: &mut Site, lane: LaneId, now: Instant) {
    let said = site.asterisk.output(lane).map(BytesMut::split);
    carry_up(site, lane, &said.unwrap_or_default(), now);
}

fn carry_up(site: &mut Site, lane: LaneId, bytes: &[u8], now: Instant) {
    let buffer = site.buffers.get_mut(&lane).expect("open");
    buffer.extend_from_slice(bytes);
    while site.machine.lane_input(lane, buffer, 3, now) {}
}

fn node_id(index: usize) -> NodeId {
    NodeId(u16::try_from(index).expect("few nodes"))
}

fn node_settings(index: u16, entry: &DirectoryEntry) -> NodeSettings {
    NodeSettings {
        id: NodeId(index),
        name: Arc::clone(&entry.name),
        objects: Some(entry.objects.clone()),
        username: "amiplex".into(),
        secret: Secret::new("s".to_owned()),
        own_security_events: false,
        md5: false,
        lanes_min: 1,
        lanes_max: 3,
        blocking_max: 2,
        depth: 4,
        keepalive_interval: Duration::from_secs(1),
        keepalive_deadline: Duration::from_millis(700),
        action_deadline: DEADLINE,
        lane_idle: Duration::from_millis(500),
        keepalive_lag: Duration::from_millis(300),
        narrow_after: None,
        at_once: AtOnce::UNLIMITED,
        coalesce: Coalesce {
            window: Duration::from_millis(20) * u32::from(index % 2),
            ..Coalesce::default()
        },
    }
}

/// Calls are placed by a rule; of which kind depends on the seed.
fn session_settings(seed: u64) -> SessionSettings {
    let choice = match seed % 4 {
        0 => Choice::Priority,
        1 => Choice::Hash("Token".to_owned()),
        2 => Choice::LeastCalls(Turns::default()),
        _ => Choice::Weighted(Turns::default()),
    };
    let targets = (0..NODES).map(|index| RuleTarget {
        node: node_id(index),
        weight: 1 + u32::try_from(index).expect("few nodes"),
    });
    let rule = RouteRule {
        actions: vec![Glob::new("Originate").expect("a name")],
        accounts: Vec::new(),
        matches: None,
        targets: targets.collect(),
        choice,
    };
    SessionSettings {
        inflight_max: 16,
        action_deadline: DEADLINE,
        list_deadline: DEADLINE,
        event_hold_max: Duration::from_millis(100),
        auth_timeout: Duration::from_secs(30),
        label: "Node".into(),
        select: Arc::from(["Node".to_owned()]),
        routes: Arc::from([rule]),
        node: None,
        greeting_version: None,
        on_node_loss: OnNodeLoss::Keep,
        command_output: ami_proto::CommandOutput::Native,
        rates: ami_mux::Rates::default(),
    }
}
