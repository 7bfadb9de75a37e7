//! Fan-out: what one event costs from the node's bytes to the sessions' effects, in time and in allocations.
//!
//! An event is to be copied once and not once per client (I7), so the allocations per iteration must not grow with the
//! number of sessions: read them off the `alloc` lines. The queues between the tasks belong to the server and
//! are measured by `end_to_end`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::manager_conf::MemoryFiles;
use ami_access::{AccountName, Accounts, OnNodeLoss, load_from};
use ami_mux::{
    Directory, DirectoryEntry, EventBatch, Mail, NodeEvent, NodeId, NodeState, NodeStatus, Session,
    SessionEffect, SessionId, SessionSettings, SessionStart, Surroundings,
};
use ami_proto::{ClassSet, Frame, FrameDecoder, Limits};
use bytes::{Bytes, BytesMut};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// A recorded call: 41 messages in 21 kB.
const CALL: &[u8] = include_bytes!("../crates/ami-proto/tests/wire/recorded/call.out.ami");

const MANAGER_CONF: &str = "
[general]
[calls]
secret = s
read = call
write = call
[logs]
secret = s
read = log
[filtered]
secret = s
read = call
eventfilter = !Event: VarSet
";

const SESSIONS: [usize; 3] = [1, 100, 1000];

fn main() {
    divan::main();
}

/// The events of the call, cut out of one buffer as a node's task does.
fn frames() -> Vec<Frame> {
    let mut decoder = FrameDecoder::new(Limits::default());
    let mut buffer = BytesMut::from(CALL);
    let all = std::iter::from_fn(|| decoder.decode(&mut buffer).ok().flatten());
    all.filter(|frame| frame.event_name().is_some()).collect()
}

fn node_name() -> Arc<str> {
    "pbx1".into()
}

/// The event as a node's machine makes it: classified, with its own copy of the bytes.
fn event(name: &Arc<str>, frame: &Frame) -> Arc<NodeEvent> {
    let bytes = Bytes::copy_from_slice(frame.bytes());
    Arc::new(NodeEvent::new(NodeId(0), Arc::clone(name), frame, bytes))
}

/// An event of class call, of average length.
fn newstate() -> Option<Frame> {
    let mut frames = frames().into_iter();
    frames.find(|frame| frame.event_name() == Some(b"Newstate"))
}

/// Making the event, per event.
#[divan::bench]
fn made(bencher: Bencher<'_, '_>) {
    let (frames, name) = (frames(), node_name());
    bencher.counter(ItemsCount::new(frames.len())).bench(|| {
        for frame in &frames {
            black_box(event(&name, frame));
        }
    });
}

/// Whether a session may see it, which is asked for every session before anything is queued.
#[divan::bench]
fn judged(bencher: Bencher<'_, '_>) {
    let event = newstate().map(|frame| event(&node_name(), &frame));
    let mask = ClassSet::ALL;
    bencher.bench(|| {
        black_box(&event)
            .as_ref()
            .map(|event| event.visible_to(black_box(mask)))
    });
}

/// The rendering with the node's name for so many sessions: made for the first, shared by the others.
#[divan::bench(args = SESSIONS)]
fn labelled(bencher: Bencher<'_, '_>, sessions: usize) {
    let (frame, name) = (newstate(), node_name());
    bencher
        .counter(ItemsCount::new(sessions))
        .with_inputs(|| frame.as_ref().map(|frame| event(&name, frame)))
        .bench_values(|event| {
            for _ in 0..sessions {
                black_box(event.as_ref().map(|event| event.labelled("Node")));
            }
            event
        });
}

/// One event to sessions that all want it.
#[divan::bench(args = SESSIONS)]
fn mailed_to_all(bencher: Bencher<'_, '_>, sessions: usize) {
    mailed(bencher, &Sessions::new(sessions, 1, "calls", 1));
}

/// The same where one in twenty wants it: the others are passed over before they are woken.
#[divan::bench(args = SESSIONS)]
fn mailed_to_one_in_twenty(bencher: Bencher<'_, '_>, sessions: usize) {
    mailed(bencher, &Sessions::new(sessions, 20, "calls", 1));
}

/// The same to all, of a cluster of two nodes: each session gets the labelled rendering.
#[divan::bench(args = SESSIONS)]
fn mailed_to_all_with_label(bencher: Bencher<'_, '_>, sessions: usize) {
    mailed(bencher, &Sessions::new(sessions, 1, "calls", 2));
}

/// The same to all, each with an event filter.
#[divan::bench(args = SESSIONS)]
fn mailed_to_all_with_filter(bencher: Bencher<'_, '_>, sessions: usize) {
    mailed(bencher, &Sessions::new(sessions, 1, "filtered", 1));
}

/// Events that come together.
const TOGETHER: usize = 50;

/// So many events to sessions that all want them, in one piece.
#[divan::bench(args = SESSIONS)]
fn mailed_together(bencher: Bencher<'_, '_>, sessions: usize) {
    together(bencher, &Sessions::new(sessions, 1, "calls", 1));
}

/// The same, each with an event filter.
#[divan::bench(args = SESSIONS)]
fn mailed_together_with_filter(bencher: Bencher<'_, '_>, sessions: usize) {
    together(bencher, &Sessions::new(sessions, 1, "filtered", 1));
}

fn together(bencher: Bencher<'_, '_>, sessions: &Sessions) {
    let (frame, name) = (newstate(), node_name());
    let mut opened = sessions.open();
    let mut publish = || {
        let events = (0..TOGETHER).filter_map(|_| frame.as_ref());
        let mut mail: Vec<Mail> = events
            .map(|frame| Mail::Event(event(&name, frame)))
            .collect();
        EventBatch::gather(&mut mail);
        mail.iter().map(|mail| opened.give(mail)).sum::<usize>()
    };
    assert_eq!(publish(), sessions.count * TOGETHER, "all of them get it");
    bencher
        .counter(ItemsCount::new(sessions.count * TOGETHER))
        .bench_local(publish);
}

/// An action from its bytes to what the node's task is given, and its answer from there to what is written.
#[divan::bench]
fn action(bencher: Bencher<'_, '_>) {
    let sessions = Sessions::new(1, 1, "calls", 1);
    let mut opened = sessions.open();
    let mut act = || opened.act("Action: Getvar\r\nActionID: 1\r\nVariable: X\r\n\r\n");
    assert!(act(), "it is answered");
    bencher.bench_local(act);
}

fn mailed(bencher: Bencher<'_, '_>, sessions: &Sessions) {
    let (frame, name) = (newstate(), node_name());
    let wanting = sessions.count.div_ceil(sessions.nth);
    let mut opened = sessions.open();
    let mut publish = || {
        let event = frame.as_ref().map(|frame| event(&name, frame));
        event.map(|event| opened.publish(&event))
    };
    assert_eq!(publish(), Some(wanting), "all who want the event get it");
    bencher
        .counter(ItemsCount::new(sessions.count))
        .bench_local(publish);
}

/// So many sessions, of which one in `nth` has the account `who` and the others see other events.
struct Sessions {
    count: usize,
    nth: usize,
    who: &'static str,
    world: World,
}

/// Sessions that are logged in, each with the classes that it wants.
struct Opened<'w> {
    all: Vec<(ClassSet, Session)>,
    world: &'w World,
    now: Instant,
}

impl Sessions {
    fn new(count: usize, nth: usize, who: &'static str, nodes: usize) -> Self {
        let world = World::new(nodes);
        Self {
            count,
            nth,
            who,
            world,
        }
    }

    fn open(&self) -> Opened<'_> {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves: no timer runs here"
        )]
        let now = Instant::now();
        let one = |index: usize| {
            let who = if index.is_multiple_of(self.nth) {
                self.who
            } else {
                "logs"
            };
            self.world.log_in(index, who, now)
        };
        Opened {
            all: (0..self.count).map(one).collect(),
            world: &self.world,
            now,
        }
    }
}

impl Opened<'_> {
    /// Gives what came together to every session; the number of deliveries.
    fn give(&mut self, mail: &Mail) -> usize {
        let mut written = 0;
        for (_, session) in &mut self.all {
            session.mail(mail.clone(), self.world, self.now);
            while let Some(effect) = session.poll_effect() {
                if let SessionEffect::Write { events, .. } = effect {
                    written += events;
                }
            }
        }
        written
    }

    /// The first session sends this, and its node answers at once; whether the client is given the answer.
    fn act(&mut self, text: &str) -> bool {
        let Some((_, session)) = self.all.first_mut() else {
            return false;
        };
        session.client_input(&mut BytesMut::from(text), self.world, self.now);
        let (mut submitted, mut answered) = (false, false);
        while let Some(effect) = session.poll_effect() {
            if let SessionEffect::Submit(node, submission) = effect {
                submitted = true;
                let answer = submission.not_sent(node, "pbx1");
                session.mail(answer, self.world, self.now);
            } else if matches!(effect, SessionEffect::Write { .. }) {
                answered = submitted;
            }
        }
        answered
    }

    /// As hub and drivers do it, without the queue between them; the number of deliveries.
    fn publish(&mut self, event: &Arc<NodeEvent>) -> usize {
        let mut written = 0;
        for (interest, session) in &mut self.all {
            if !event.visible_to(*interest) {
                continue;
            }
            session.mail(Mail::Event(Arc::clone(event)), self.world, self.now);
            while let Some(effect) = session.poll_effect() {
                if let SessionEffect::Write { events, .. } = effect {
                    written += events;
                }
            }
        }
        written
    }
}

/// A process without sockets.
struct World {
    accounts: Arc<Accounts>,
    directory: Arc<Directory>,
    settings: Arc<SessionSettings>,
}

impl World {
    fn new(nodes: usize) -> Self {
        let files = MemoryFiles::default().with("/manager.conf", MANAGER_CONF);
        let loaded = load_from(&files, Path::new("/manager.conf"), None);
        let entry = |index| DirectoryEntry {
            status: NodeStatus {
                state: NodeState::Up,
                ..NodeStatus::initial()
            },
            ..DirectoryEntry::new(&format!("pbx{index}"))
        };
        let settings = SessionSettings {
            rates: ami_mux::Rates::default(),
            inflight_max: 64,
            action_deadline: Duration::from_secs(30),
            list_deadline: Duration::from_secs(4),
            event_hold_max: Duration::from_millis(100),
            auth_timeout: Duration::from_secs(30),
            label: "Node".into(),
            select: Arc::from(["Node".to_owned()]),
            routes: Arc::from([]),
            node: None,
            greeting_version: None,
            on_node_loss: OnNodeLoss::Keep,
            command_output: ami_proto::CommandOutput::Native,
        };
        Self {
            accounts: Arc::new(loaded.map(|loaded| loaded.accounts).unwrap_or_default()),
            directory: Arc::new(Directory::new((1..=nodes).map(entry).collect())),
            settings: Arc::new(settings),
        }
    }

    fn log_in(&self, index: usize, who: &str, now: Instant) -> (ClassSet, Session) {
        let id = SessionId(u64::try_from(index).unwrap_or(0));
        let start = SessionStart {
            id,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: false,
        };
        let mut session = Session::new(start, Arc::clone(&self.settings), self, now);
        let login = format!("Action: Login\r\nUsername: {who}\r\nSecret: s\r\n\r\n");
        session.client_input(&mut BytesMut::from(&*login), self, now);
        let mut wanted = ClassSet::NONE;
        while let Some(effect) = session.poll_effect() {
            if let SessionEffect::LoggedIn { interest, .. } = effect {
                wanted = interest.somewhere();
            }
        }
        (wanted, session)
    }
}

impl Surroundings for World {
    fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(&self.accounts)
    }

    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory)
    }

    fn is_throttled(&self, _: &[u8], _: IpAddr, _: Instant) -> bool {
        false
    }

    fn login_failed(&self, _: &[u8], _: IpAddr, _: Instant) {}

    fn login_succeeded(&self, _: &[u8], _: IpAddr) {}

    fn claim_login(&self, _: &AccountName, _: bool) -> bool {
        true
    }

    fn is_logged_in(&self, _: &AccountName) -> bool {
        false
    }

    fn heeds_security(&self) -> bool {
        false
    }

    fn is_within_account_rate(&self, _: &str, _: u32, _: Instant) -> bool {
        true
    }
    fn challenge_bits(&self) -> Option<u32> {
        Some(7)
    }

    fn wall_clock(&self) -> Duration {
        Duration::ZERO
    }
}
