//! What the tasks of a node share: its world, the seats of its sessions, what it has received.
//!
//! Owner: [`Core`], behind one lock that is never held across an await. Whoever changes the world does it
//! inside [`Core::with`], which hands the raised events to the seats before the lock is released: events
//! have one order for all sessions.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use ami_proto::{Action, ClassSet};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::flood::FloodCount;
use crate::gate::Gate;
use crate::world::{DbKey, Published, World, WorldSetup};
use crate::{Faults, SimOptions, Transcript};

/// A connection of a node, numbered from 1 in the order of arrival; numbers are not reused after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A live connection as a test sees it.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Its number.
    pub id: ConnectionId,
    /// The login name as typed; none before login.
    pub account: Option<String>,
    /// What it receives now: read classes and the asked mask.
    pub mask: ClassSet,
}

/// An action that reached the node.
#[derive(Debug, Clone)]
pub struct Received {
    /// Where it came from.
    pub connection: ConnectionId,
    /// The login name of the connection as typed; none before login.
    pub account: Option<String>,
    /// The action as the node read it.
    pub action: Action,
    /// When it was read.
    pub at: Instant,
}

/// One session's place at the table.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: ConnectionId,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) since: std::time::Duration,
    pub(crate) account: Option<String>,
    pub(crate) read: ClassSet,
    pub(crate) write: ClassSet,
    pub(crate) mask: ClassSet,
    pub(crate) challenge: Option<String>,
    /// Rung when events wait.
    pub(crate) wake: Arc<Notify>,
    /// Rung when the session must end at once.
    pub(crate) kick: Arc<Notify>,
    events: VecDeque<Bytes>,
    event_bytes: usize,
}

impl Seat {
    pub(crate) fn is_logged_in(&self) -> bool {
        self.account.is_some()
    }

    /// Puts bytes in line; a session that lets more than `max` bytes wait is ended.
    pub(crate) fn push(&mut self, bytes: Bytes, max: usize) {
        self.event_bytes += bytes.len();
        if self.event_bytes > max {
            self.kick.notify_one();
            return;
        }
        self.events.push_back(bytes);
        self.wake.notify_one();
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.event_bytes
    }

    pub(crate) fn take_events(&mut self) -> Vec<Bytes> {
        self.event_bytes = 0;
        self.events.drain(..).collect()
    }
}

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) seats: BTreeMap<ConnectionId, Seat>,
    pub(crate) received: VecDeque<Received>,
    pub(crate) received_count: u64,
    pub(crate) placed_before: Vec<crate::PlacedCall>,
    pub(crate) flooded: FloodCount,
    pub(crate) transcript: Option<Transcript>,
    /// False from the end of the node to its restart.
    pub(crate) running: bool,
    connections: u64,
}

/// Received actions kept; of more, the newest.
const RECEIVED_MAX: usize = 100_000;

impl State {
    /// Notes that an action reached the node.
    pub(crate) fn record(&mut self, connection: ConnectionId, action: &Action) {
        if self.received.len() == RECEIVED_MAX {
            self.received.pop_front();
        }
        self.received_count += 1;
        let seat = self.seats.get(&connection);
        self.received.push_back(Received {
            connection,
            account: seat.and_then(|seat| seat.account.clone()),
            action: action.clone(),
            at: Instant::now(),
        });
    }

    /// Queues the transcript that new sessions are to get, if there is one.
    pub(crate) fn play_transcript_to(&mut self, connection: ConnectionId, max: usize) {
        let (Some(seat), Some(transcript)) =
            (self.seats.get_mut(&connection), self.transcript.as_ref())
        else {
            return;
        };
        for piece in transcript.messages() {
            seat.push(piece.clone(), max);
        }
    }
}

/// What every task of a node holds.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: SimOptions,
    pub(crate) gate: Gate,
    pub(crate) faults: watch::Sender<Faults>,
    /// True once the node is asked to stop in an orderly way.
    pub(crate) closing: watch::Sender<bool>,
    /// Counts the changes of the state, for tests that wait for one.
    pub(crate) changes: watch::Sender<u64>,
    /// Rung when the agenda of the world has a new first entry.
    pub(crate) agenda: Notify,
    state: Mutex<State>,
}

impl Core {
    pub(crate) fn new(options: SimOptions) -> Self {
        let world = World::new(setup_of(&options), BTreeMap::new());
        Self {
            gate: Gate::new(),
            faults: watch::Sender::new(options.faults.clone()),
            closing: watch::Sender::new(false),
            changes: watch::Sender::new(0),
            agenda: Notify::new(),
            state: Mutex::new(State {
                world,
                seats: BTreeMap::new(),
                received: VecDeque::new(),
                received_count: 0,
                placed_before: Vec::new(),
                flooded: FloodCount::default(),
                transcript: None,
                running: true,
                connections: 0,
            }),
            options,
        }
    }

    /// Works on the state, then delivers the events it raised.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let due = state.world.next_due();
        let result = work(&mut state);
        for published in state.world.take_outbox() {
            deliver(&mut state, &published, self.options.session_bytes_max);
        }
        if state.world.next_due() != due {
            self.agenda.notify_one();
        }
        drop(state);
        self.changes.send_modify(|count| *count += 1);
        result
    }

    /// Looks at the state without changing it.
    pub(crate) fn look<R>(&self, at: impl FnOnce(&State) -> R) -> R {
        at(&self.state.lock())
    }

    /// A new seat, or none when too many connections wait for login.
    pub(crate) fn seat(&self, peer: SocketAddr, local: SocketAddr) -> Option<ConnectionId> {
        self.with(|state| {
            let waiting = state.seats.values().filter(|s| !s.is_logged_in()).count();
            if waiting >= self.options.auth_limit || !state.running {
                return None;
            }
            state.connections += 1;
            let id = ConnectionId(state.connections);
            let seat = Seat {
                id,
                peer,
                local,
                since: state.world.clock.wall(),
                account: None,
                read: ClassSet::NONE,
                write: ClassSet::NONE,
                mask: ClassSet::NONE,
                challenge: None,
                wake: Arc::new(Notify::new()),
                kick: Arc::new(Notify::new()),
                events: VecDeque::new(),
                event_bytes: 0,
            };
            state.seats.insert(id, seat);
            Some(id)
        })
    }

    /// The world of a freshly started process: only the database, and what was recorded, stays.
    pub(crate) fn begin_again(&self) {
        self.with(|state| {
            let database: BTreeMap<DbKey, Vec<u8>> = std::mem::take(&mut state.world.database);
            state.placed_before.append(&mut state.world.placed);
            state.world = World::new(setup_of(&self.options), database);
            state.seats.clear();
            state.running = true;
        });
        self.gate.set_frozen(false);
        self.closing.send_replace(false);
        self.agenda.notify_one();
    }
}

fn deliver(state: &mut State, published: &Published, max: usize) {
    for seat in state.seats.values_mut() {
        if seat.is_logged_in() && seat.mask.covers(published.classes) {
            seat.push(published.bytes.clone(), max);
        }
    }
}

fn setup_of(options: &SimOptions) -> WorldSetup {
    WorldSetup {
        name: options.name.clone(),
        system_name: options.system_name.clone(),
        timestamp_events: options.timestamp_events,
        boot_after: options.boot_after,
        version: options.version,
        seed: options.seed,
        call_rate: options.call_rate,
        answer_after: options.answer_after,
    }
}
