//! A cluster with virtual time and random faults: several nodes with calls of their own, several clients of all of them, no sockets.
//!
//! For every seed: each action gets exactly one final answer, at the right client; none arrives twice or where it was not
//! meant to; what names a channel arrives at the channel's node alone; and when all has come to rest, the table of channels that a client has from
//! its events is that of the nodes together, as is amiplex's own. Replay one seed with `AMIPLEX_SEED=n cargo test -p ami-mux --test cluster`; run more
//! with `AMIPLEX_SEEDS=from..to`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::format_push_string,
    clippy::struct_excessive_bools,
    reason = "a test fails loudly"
)]

#[path = "cluster/asterisk.rs"]
mod asterisk;
#[path = "cluster/client.rs"]
mod client;
#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/network.rs"]
mod network;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use ami_mux::NodeId;
use client::{Asked, Kind, Outcome};
use faults::Faults;
use network::Network;

/// Nodes of the cluster.
pub(crate) const NODES: usize = 4;
/// Clients that are there from the beginning, and those that come later.
const CLIENTS: (usize, usize) = (6, 2);
/// Milliseconds in which something happens.
const BUSY: usize = 5_000;
/// Milliseconds after which all must have come to rest.
const REST: usize = 60_000;
/// So long nothing must have happened then.
const QUIET: Duration = Duration::from_secs(1);

/// Seeds that have found something.
const FOUND: [u64; 2] = [41, 111];

struct Simulation {
    network: Network,
    faults: Faults,
    tokens: u32,
}

impl Simulation {
    fn new(seed: u64, faults: bool) -> Self {
        let mut network = Network::new(seed);
        for _ in 0..CLIENTS.0 {
            network.connect(true);
        }
        // Whoever logs in now has seen every channel begin.
        for _ in 0..50 {
            network.tick();
        }
        Self {
            network,
            faults: if faults {
                Faults::often()
            } else {
                Faults::none()
            },
            tokens: 0,
        }
    }

    fn run(&mut self) {
        for site in &mut self.network.sites {
            site.asterisk.is_busy = true;
        }
        for _ in 0..BUSY {
            self.network.tick();
            self.faults.maybe(&mut self.network);
            if self.network.rng.usize(0..BUSY / 4) == 0
                && self.network.clients.len() < CLIENTS.0 + CLIENTS.1
            {
                self.network.connect(false);
            }
            for index in 0..self.network.clients.len() {
                if self.network.rng.u8(0..80) == 0 {
                    self.ask(index);
                }
            }
        }
        self.come_to_rest();
        self.check_actions();
        self.check_tables();
    }

    /// A random action.
    fn ask(&mut self, index: usize) {
        let rng = &mut self.network.rng;
        self.tokens += 1;
        let token = format!("t{}c{index}", self.tokens);
        let node = rng.usize(0..NODES);
        let (kind, body) = match rng.u8(0..14) {
            0..5 => match self.some_channel(node) {
                Some(channel) => (Kind::ByChannel, channel),
                None => (Kind::Own, "Action: Ping\r\n".to_owned()),
            },
            5 => (
                Kind::ByNode(node),
                format!("Action: CoreStatus\r\nNode: pbx{node}\r\n"),
            ),
            6 => (Kind::Each, "Action: CoreStatus\r\nNode: *\r\n".to_owned()),
            7 => (Kind::Own, "Action: Ping\r\n".to_owned()),
            8..10 => (Kind::List, "Action: CoreShowChannels\r\n".to_owned()),
            number => {
                let is_async = number % 2 == 0;
                let body = format!(
                    "Action: Originate\r\nChannel: c\r\nAsync: {is_async}\r\nTimeout: 1000\r\n"
                );
                (Kind::Call, body)
            }
        };
        self.network.clients[index].ask(&token, kind, &body);
    }

    /// An action about a channel of that node, by name or Uniqueid.
    fn some_channel(&mut self, node: usize) -> Option<String> {
        let rng = &mut self.network.rng;
        let channels: Vec<_> = self.network.sites[node].asterisk.channels.iter().collect();
        let (id, (name, _)) = rng.choice(channels)?;
        let channel = if rng.bool() { id } else { name };
        Some(if rng.bool() {
            format!("Action: Setvar\r\nChannel: {channel}\r\nVariable: v\r\nValue: 1\r\n")
        } else {
            format!(
                "Action: Redirect\r\nChannel: {channel}\r\nContext: c\r\nExten: s\r\nPriority: 1\r\n"
            )
        })
    }

    /// No more faults and calls; everything has its answer, and nothing has happened for a while.
    fn come_to_rest(&mut self) {
        self.faults = Faults::none();
        for site in &mut self.network.sites {
            site.asterisk.is_busy = false;
        }
        for _ in 0..REST {
            if self.is_at_rest() {
                return;
            }
            self.network.tick();
            for index in 0..self.network.clients.len() {
                let client = &self.network.clients[index];
                if !client.knows_all && client.asked.is_empty() {
                    let list = "Action: CoreShowChannels\r\n";
                    self.network.clients[index].ask("first", Kind::List, list);
                }
            }
        }
        for client in &self.network.clients {
            let open: Vec<&Asked> = client.asked.values().collect();
            assert!(open.is_empty(), "never answered: {open:?}");
        }
        panic!("never at rest");
    }

    fn is_at_rest(&self) -> bool {
        let network = &self.network;
        let quiet = network.sites.iter().all(|site| {
            let node = &site.asterisk;
            node.is_well(network.now) && node.last_event + QUIET <= network.now
        });
        let answered = network
            .clients
            .iter()
            .all(|client| client.asked.is_empty() && client.inbox.is_empty() && client.knows_all);
        quiet && answered && network.is_settled()
    }

    fn check_actions(&self) {
        let mut arrived: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
        for (node, site) in self.network.sites.iter().enumerate() {
            for one in &site.asterisk.arrived {
                let places = arrived.entry(&one.token).or_default();
                places.push((node, &one.channel));
            }
        }
        let answered = self
            .network
            .clients
            .iter()
            .flat_map(|client| &client.answered);
        for (asked, outcome) in answered {
            let places = arrived.remove(&*asked.token).unwrap_or_default();
            check_places(asked, *outcome, &places);
        }
        assert!(arrived.is_empty(), "nobody asked for {arrived:?}");
    }

    fn check_tables(&self) {
        let mut all = BTreeMap::new();
        for (index, site) in self.network.sites.iter().enumerate() {
            let directory = &self.network.world.directory;
            let id = NodeId(u16::try_from(index).expect("few nodes"));
            let objects = directory.entry(id).expect("a node").objects.read();
            let known: Vec<_> = objects
                .channels()
                .map(|channel| text(channel.uniqueid()))
                .collect();
            let mut known: Vec<&str> = known.iter().map(|id| &**id).collect();
            known.sort_unstable();
            let mut own: Vec<&str> = site.asterisk.channels.keys().map(|id| &**id).collect();
            own.sort_unstable();
            assert_eq!(known, own, "what amiplex knows of pbx{index}");
            for (id, row) in &site.asterisk.channels {
                let known = objects
                    .by_uniqueid(id.as_bytes())
                    .expect("looked at before");
                assert_eq!(text(known.name()), row.0, "a name at pbx{index}");
                all.insert((format!("pbx{index}"), id.clone()), row.clone());
            }
        }
        for (index, client) in self.network.clients.iter().enumerate() {
            let wrong = |(id, row): &(&_, &_)| all.get(*id) != Some(*row);
            let wrong: Vec<_> = client.table.iter().filter(wrong).collect();
            let missing = |(id, _): &(&_, &_)| !client.table.contains_key(*id);
            let missing: Vec<_> = all.iter().filter(missing).collect();
            assert!(
                wrong.is_empty() && missing.is_empty(),
                "client {index} has {wrong:?}, and has not {missing:?}"
            );
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where one action arrived.
fn check_places(asked: &Asked, outcome: Outcome, places: &[(usize, &str)]) {
    let what = format!("{asked:?}, told {outcome:?}, arrived at {places:?}");
    match asked.kind {
        Kind::Own | Kind::List => assert!(places.is_empty(), "{what}"),
        Kind::Each => {
            let mut nodes: Vec<usize> = places.iter().map(|(node, _)| *node).collect();
            nodes.dedup();
            assert_eq!(nodes.len(), places.len(), "{what}");
        }
        Kind::ByChannel | Kind::ByNode(_) | Kind::Call => {
            assert!(places.len() <= 1, "{what}");
            let wanted = match outcome {
                Outcome::Success => 1..=1,
                Outcome::NotSent => 0..=0,
                Outcome::Unknown | Outcome::Error => 0..=1,
            };
            assert!(wanted.contains(&places.len()), "{what}");
        }
    }
    for (node, channel) in places {
        let meant = match asked.kind {
            Kind::ByNode(meant) => meant,
            // The digit in which names and Uniqueids begin.
            Kind::ByChannel => channel
                .trim_start_matches("PJSIP/")
                .get(..1)
                .and_then(|digit| digit.parse().ok())
                .expect("a channel"),
            _ => continue,
        };
        assert_eq!(*node, meant, "{what}");
    }
}

/// The seeds to be run: one, a range, or those of every day.
fn seeds(count: u64) -> Vec<u64> {
    let variable = |name| std::env::var(name).ok();
    if let Some(seed) = variable("AMIPLEX_SEED") {
        return vec![seed.parse().expect("a number")];
    }
    let Some(range) = variable("AMIPLEX_SEEDS") else {
        return (1..=count).chain(FOUND).collect();
    };
    let (from, to) = range.split_once("..").expect("from..to");
    (from.parse().expect("a number")..to.parse().expect("a number")).collect()
}

fn simulate(count: u64, faults: bool) -> Vec<(Asked, Outcome)> {
    let mut answered = Vec::new();
    for seed in seeds(count) {
        println!("seed {seed}");
        let mut simulation = Simulation::new(seed, faults);
        simulation.run();
        let clients = simulation.network.clients;
        answered.extend(clients.into_iter().flat_map(|client| client.answered));
    }
    answered
}

#[test]
fn nothing_is_lost_doubled_or_misrouted_and_tables_are_right_while_nodes_come_and_go() {
    let answered = simulate(5, true);
    for kind in [Kind::ByChannel, Kind::Call, Kind::List, Kind::Each] {
        for outcome in [Outcome::Success, Outcome::NotSent] {
            let of_kind = answered.iter().filter(|(asked, _)| asked.kind == kind);
            let count = of_kind.filter(|(_, told)| *told == outcome).count();
            println!("{kind:?} {outcome:?}: {count}");
        }
    }
    let done = answered
        .iter()
        .filter(|(_, told)| *told == Outcome::Success);
    assert!(done.count() > answered.len() / 2, "most is done");
}

#[test]
fn without_faults_every_action_succeeds() {
    for (asked, outcome) in simulate(2, false) {
        // A channel may have ended meanwhile.
        let may_fail = asked.kind == Kind::ByChannel && outcome == Outcome::Error;
        assert!(
            outcome == Outcome::Success || may_fail,
            "{asked:?}: {outcome:?}"
        );
    }
}
