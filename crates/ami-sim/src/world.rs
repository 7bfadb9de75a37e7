//! The node's inner life: channels, bridges, calls, queues, variables and the database.
//!
//! Owner: the node, behind one lock. Nothing here does I/O or waits: what is to happen later is in the
//! agenda, and what clients shall hear is in the outbox until the node hands it to the sessions.

use std::collections::BTreeMap;

use ami_proto::ClassSet;
use bytes::Bytes;
use tokio::time::Instant;

use crate::SimVersion;
use crate::calls::{Call, Scene};
use crate::classes::SYSTEM;
use crate::clock::Clock;
use crate::message::Message;

pub(crate) mod channel;
pub(crate) mod queue;

use channel::{Bridge, BridgeKey, CallKey, Channel, ChannelKey, ChannelState, Party, Place};
use queue::Queue;

/// A broadcast event on its way to the sessions.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) classes: ClassSet,
    pub(crate) bytes: Bytes,
}

/// Something that happens later.
#[derive(Debug)]
pub(crate) enum Step {
    /// The generator starts its next call.
    Generate,
    /// The node has loaded all its modules.
    Boot,
    /// A call goes on; ignored when the call has ended meanwhile.
    Play(CallKey, Scene),
}

/// What a world starts with.
#[derive(Debug, Clone)]
pub(crate) struct WorldSetup {
    pub(crate) name: String,
    pub(crate) system_name: Option<String>,
    pub(crate) timestamp_events: bool,
    pub(crate) boot_after: std::time::Duration,
    pub(crate) version: SimVersion,
    pub(crate) seed: u64,
    pub(crate) call_rate: f64,
    pub(crate) answer_after: std::time::Duration,
}

/// Family and key of the database.
pub(crate) type DbKey = (Vec<u8>, Vec<u8>);

/// A call that an Originate placed, kept for assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedCall {
    /// The `Channel` header of the Originate.
    pub channel: String,
    /// Its ActionID as it arrived.
    pub action_id: Option<Bytes>,
}

/// State of one node from its start to its end.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) setup: WorldSetup,
    pub(crate) clock: Clock,
    pub(crate) rng: fastrand::Rng,
    pub(crate) channels: BTreeMap<ChannelKey, Channel>,
    pub(crate) bridges: BTreeMap<BridgeKey, Bridge>,
    pub(crate) calls: BTreeMap<CallKey, Call>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) globals: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Survives a restart of the node, as AstDB does.
    pub(crate) database: BTreeMap<DbKey, Vec<u8>>,
    /// False until the node has loaded its modules.
    pub(crate) booted: bool,
    /// What CLI commands print that a test has thought of: whether they succeed, and the text.
    pub(crate) cli: BTreeMap<String, (bool, Vec<u8>)>,
    /// What tells this start of the node from any other.
    pub(crate) process: u128,
    pub(crate) processed_calls: u64,
    pub(crate) placed: Vec<PlacedCall>,
    /// Since the epoch.
    pub(crate) reloaded: std::time::Duration,
    agenda: BTreeMap<(Instant, u64), Step>,
    outbox: Vec<Published>,
    last_number: u64,
    last_channel_suffix: u32,
}

impl World {
    pub(crate) fn new(setup: WorldSetup, database: BTreeMap<DbKey, Vec<u8>>) -> Self {
        let clock = Clock::start();
        let mut world = Self {
            rng: fastrand::Rng::with_seed(setup.seed),
            queues: queue::default_queues(clock.wall().as_secs()),
            booted: setup.boot_after.is_zero(),
            setup,
            clock,
            channels: BTreeMap::new(),
            bridges: BTreeMap::new(),
            calls: BTreeMap::new(),
            globals: BTreeMap::new(),
            database,
            cli: BTreeMap::new(),
            process: fastrand::u128(..),
            processed_calls: 0,
            placed: Vec::new(),
            reloaded: clock.epoch(),
            agenda: BTreeMap::new(),
            outbox: Vec::new(),
            last_number: 0,
            last_channel_suffix: 0,
        };
        world.schedule_generation();
        if !world.booted {
            world.schedule(world.setup.boot_after, Step::Boot);
        }
        world
    }

    /// Everybody hears FullyBooted who logged in before.
    fn boot(&mut self) {
        self.booted = true;
        let start = self.broadcast("FullyBooted", SYSTEM);
        let message = self.booted_headers(start);
        self.publish(SYSTEM, message);
    }

    /// What FullyBooted says after its first headers; the uptime since Asterisk 14.
    pub(crate) fn booted_headers(&self, message: Message) -> Message {
        let reload = self.clock.wall().saturating_sub(self.reloaded);
        let message = if self.setup.version.command_follows() {
            message
        } else {
            message
                .header("Uptime", self.clock.uptime().as_secs().to_string())
                .header("LastReload", reload.as_secs().to_string())
        };
        message.header("Status", "Fully Booted")
    }

    pub(crate) fn is_legacy(&self) -> bool {
        self.setup.version.is_legacy()
    }

    /// Takes the events raised since the last time.
    pub(crate) fn take_outbox(&mut self) -> Vec<Published> {
        std::mem::take(&mut self.outbox)
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.agenda.keys().next().map(|(due, _)| *due)
    }

    /// Does everything that is due by now.
    pub(crate) fn advance(&mut self) {
        let now = self.clock.now();
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > now {
                break;
            }
            match entry.remove() {
                Step::Generate => {
                    self.generate_call();
                    self.schedule_generation();
                }
                Step::Boot => self.boot(),
                Step::Play(call, scene) => self.play(call, scene),
            }
        }
    }

    pub(crate) fn schedule(&mut self, after: std::time::Duration, step: Step) {
        let number = self.next_number();
        self.agenda.insert((self.clock.now() + after, number), step);
    }

    fn schedule_generation(&mut self) {
        let rate = self.setup.call_rate;
        if rate > 0.0 {
            let jitter = 0.5 + self.rng.f64();
            self.schedule(
                std::time::Duration::from_secs_f64(jitter / rate),
                Step::Generate,
            );
        }
    }

    /// A number no other object of this world has.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A broadcast event with its first headers.
    pub(crate) fn broadcast(&self, name: &str, classes: ClassSet) -> Message {
        let timestamp = self.setup.timestamp_events.then(|| self.clock.timestamp());
        Message::broadcast(name, classes, timestamp, self.setup.system_name.as_deref())
    }

    pub(crate) fn publish(&mut self, classes: ClassSet, message: Message) {
        self.publish_bytes(classes, message.end());
    }

    pub(crate) fn publish_bytes(&mut self, classes: ClassSet, bytes: Bytes) {
        self.outbox.push(Published { classes, bytes });
    }

    /// The next `-0000001a` of a channel name; both halves of a Local channel share one.
    pub(crate) fn next_suffix(&mut self) -> String {
        self.last_channel_suffix = self.last_channel_suffix.wrapping_add(1);
        format!("{:08x}", self.last_channel_suffix)
    }

    /// Makes a channel of `call` and announces it with Newchannel.
    pub(crate) fn new_channel(
        &mut self,
        call: CallKey,
        name: String,
        state: ChannelState,
        caller: Party,
        place: Place,
    ) -> ChannelKey {
        let key = self.next_number();
        let uniqueid = format!("{}-{}.{key}", self.setup.name, self.clock.wall().as_secs());
        let linkedid = self
            .calls
            .get(&call)
            .and_then(|call| call.legs.first())
            .and_then(|first| self.channels.get(first))
            .map_or_else(|| uniqueid.clone(), |first| first.linkedid.clone());
        let channel = Channel {
            key,
            call,
            name,
            state,
            caller,
            connected: Party::default(),
            account: String::new(),
            place,
            uniqueid,
            linkedid,
            application: String::new(),
            data: String::new(),
            created: self.clock.now(),
            bridge: None,
            variables: BTreeMap::new(),
        };
        self.channels.insert(key, channel);
        if let Some(call) = self.calls.get_mut(&call) {
            call.legs.push(key);
        }
        self.announce_new_channel(key);
        key
    }

    /// A new, empty call.
    pub(crate) fn new_call(&mut self) -> CallKey {
        let key = self.next_number();
        self.calls.insert(key, Call::default());
        self.processed_calls += 1;
        key
    }

    /// A live channel by name (without regard to ASCII case) or Uniqueid.
    pub(crate) fn find_channel(&self, name: &[u8]) -> Option<&Channel> {
        self.channels.values().find(|channel| {
            channel.name.as_bytes().eq_ignore_ascii_case(name)
                || channel.uniqueid.as_bytes() == name
        })
    }

    pub(crate) fn channel_mut(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        self.channels.get_mut(&key)
    }

    pub(crate) fn find_queue(&mut self, name: &[u8]) -> Option<&mut Queue> {
        self.queues
            .iter_mut()
            .find(|queue| queue.name.as_bytes().eq_ignore_ascii_case(name))
    }
}
