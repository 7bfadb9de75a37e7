//! A node's machine under any sequence of submissions, writes, answers, losses and time: each submission gets exactly
//! one final answer, nothing reaches the node twice, and what was called `not sent` never does.
//!
//! The input: four bytes of settings, then operations of three bytes each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ami_access::manager_conf::MemoryFiles;
use ami_access::{AuthorizeContext, Principal, Proof, Secret, authorize, load_from, verify};
use ami_mux::{
    ActionSeq, AtOnce, Coalesce, LaneId, LaneLoss, LaneRole, Mail, Node, NodeEffect, NodeId,
    NodeSettings, Outcome, PartKind, SessionId, SharedObjects, Submission,
};
use ami_proto::{Action, ActionDecoder, CommandOutput, Incoming};
use bytes::BytesMut;

use crate::asterisk::{Asterisk, FullBuffer, Message};
use crate::messages::{NodeMessage, headers};

/// One of each kind: quick, slow, blocking, asynchronous, irregular, and without room for an id.
const ACTIONS: [&str; 12] = [
    "Action: Getvar\r\nVariable: x\r\n",
    "Action: Getvar\r\nVariable: y\r\n",
    "Action: QueueAdd\r\nQueue: q\r\n",
    "Action: CoreShowChannels\r\n",
    "Action: Command\r\nCommand: core show version\r\n",
    "Action: Originate\r\nChannel: c\r\nTimeout: 40000\r\n",
    "Action: Originate\r\nChannel: c\r\nAsync: true\r\nTimeout: 1000\r\n",
    "Action: UserEvent\r\nUserEvent: x\r\n",
    "Action: FAXStats\r\n",
    "Action: JabberSend\r\n",
    "Action: IAXnetstats\r\n",
    "Action: QueueReset\r\nX: bad\rvalue\r\n",
];

/// Places of the list, and of those that have a lane for themselves.
const LIST: usize = 3;
const ALONE: std::ops::RangeInclusive<usize> = LIST..=5;

const OPERATIONS_MAX: usize = 400;

/// A submission as the test knows it.
struct Submitted {
    session: u64,
    kind: usize,
    has_id: bool,
    written: bool,
    last: bool,
    succeeded: bool,
    /// Nobody waits for it any more.
    gone: bool,
    arrived: bool,
    not_sent: bool,
    /// Its list has begun and not ended.
    listing: bool,
    /// Its event was given out with the client's id.
    told: bool,
}

/// One lane as the node at its other end sees it.
struct Wire {
    role: LaneRole,
    reader: Asterisk,
    /// What was read and not answered to its end.
    unanswered: Vec<usize>,
}

struct Run {
    node: Node<usize>,
    now: Instant,
    opening: VecDeque<(LaneId, LaneRole)>,
    wires: BTreeMap<LaneId, Wire>,
    submitted: Vec<Submitted>,
    /// Ids of the sessions in four places; one that leaves is followed by another.
    sessions: [u64; 4],
    /// amiplex's own actions are not answered while set.
    mute: bool,
    /// Wire ids of the actions that arrived.
    ids: BTreeMap<usize, String>,
}

/// Runs one input; panics when what must hold does not.
pub(crate) fn run(input: &[u8]) {
    let Some((head, operations)) = input.split_first_chunk() else {
        return;
    };
    let mut run = Run::new(*head);
    for operation in operations.as_chunks().0.iter().take(OPERATIONS_MAX) {
        run.operate(*operation);
        run.check_lanes();
    }
    if head[3] % 2 == 0 {
        run.finish();
    } else {
        run.node.abandon();
        run.carry_out();
    }
    for (number, submitted) in run.submitted.iter().enumerate() {
        assert!(submitted.last || submitted.gone, "no answer to {number}");
    }
    assert_eq!(run.node.figures().waiting, 0);
    assert!(run.node.is_quiet());
}

impl Run {
    fn new(head: [u8; 4]) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let lanes_min = usize::from(head[0] % 3);
        let settings = NodeSettings {
            id: NodeId(0),
            name: "pbx0".into(),
            objects: (head[3] & 2 != 0).then(SharedObjects::default),
            username: "amiplex".into(),
            secret: Secret::new("s".to_owned()),
            md5: false,
            lanes_min,
            lanes_max: lanes_min.max(1) + usize::from(head[1] % 3),
            blocking_max: 1 + usize::from(head[1] >> 4) % 2,
            depth: 1 + usize::from(head[2] % 4),
            keepalive_interval: Duration::from_secs(10),
            keepalive_deadline: Duration::from_secs(5),
            keepalive_lag: Duration::from_secs(2),
            action_deadline: Duration::from_secs(30),
            lane_idle: Duration::from_secs(30),
            narrow_after: None,
            at_once: AtOnce::UNLIMITED,
            coalesce: Coalesce::default(),
            own_security_events: false,
        };
        let mut run = Self {
            node: Node::new(settings, 0xfeed, now),
            now,
            opening: VecDeque::new(),
            wires: BTreeMap::new(),
            submitted: Vec::new(),
            sessions: [0, 1, 2, 3],
            mute: false,
            ids: BTreeMap::new(),
        };
        run.carry_out();
        run.settle();
        run
    }

    fn operate(&mut self, [operation, a, b]: [u8; 3]) {
        let (low, high) = (usize::from(a), usize::from(b));
        match operation % 16 {
            0..=3 => self.submit(low % 4, high % ACTIONS.len(), b & 0x80 == 0),
            4 => self.write(low, if b == 0 { usize::MAX } else { high }),
            5 | 6 => {
                self.answer(low, high);
            }
            7 => self.answer_late(low, high),
            8 => self.raise(low, high),
            9 => self.lose(low),
            10 => self.open(a % 2 == 0),
            11 => self.wait(Duration::from_millis(u64::from(a) * u64::from(b))),
            12 => self.leave(low % 4),
            13 => self.mute = a % 2 == 1,
            _ => self.settle(),
        }
        self.carry_out();
    }

    fn submit(&mut self, place: usize, kind: usize, has_id: bool) {
        let number = self.submitted.len();
        let id = if has_id {
            format!("ActionID: c{number}\r\n")
        } else {
            String::new()
        };
        let text = format!("{}Mark: {number}\r\n{id}\r\n", ACTIONS[kind]);
        let action = read(&text);
        let context = AuthorizeContext::default();
        let action = authorize(principal(), action, &context).expect("it may do everything");
        let session = self.sessions[place];
        self.submitted.push(Submitted {
            session,
            kind,
            has_id,
            written: false,
            last: false,
            succeeded: false,
            gone: false,
            arrived: false,
            not_sent: false,
            listing: false,
            told: false,
        });
        let submission = Submission {
            reply_to: number,
            session: SessionId(session),
            seq: ActionSeq(number as u64),
            cost: action.cost(),
            action,
            label: None,
            command_output: CommandOutput::Native,
            strip: Arc::from([]),
            variables: Arc::from([]),
            reads_no_events: false,
            deadline: self.now + Duration::from_secs(30),
        };
        self.node.submit(submission, self.now);
    }

    fn lane(&self, number: usize) -> Option<LaneId> {
        let count = self.wires.len().max(1);
        self.wires.keys().nth(number % count).copied()
    }

    /// The socket of a lane takes some bytes.
    fn write(&mut self, lane: usize, count: usize) {
        // As the driver does: what is announced comes before what is written.
        self.carry_out();
        let Some(id) = self.lane(lane) else { return };
        let queue = self.node.lane_output(id).into_iter().flatten();
        let bytes: Vec<u8> = queue.flat_map(|piece| piece.to_vec()).take(count).collect();
        if bytes.is_empty() {
            return;
        }
        self.node.lane_wrote(id, bytes.len(), self.now);
        let wire = self.wires.get_mut(&id).expect("a lane");
        for message in wire.reader.read_all(&bytes, usize::MAX) {
            self.arrive(id, &message);
        }
    }

    fn arrive(&mut self, lane: LaneId, message: &Message) {
        assert!(!message.too_long && !message.too_many, "{message:?}");
        let Some(mark) = message.header("Mark") else {
            if !self.mute {
                self.answer_own(lane, message);
            }
            return;
        };
        let number: usize = String::from_utf8_lossy(mark).parse().expect("ours");
        let submitted = &mut self.submitted[number];
        assert!(!submitted.arrived, "{number} arrived twice");
        assert!(!submitted.not_sent, "{number} was called not sent");
        assert!(submitted.written, "{number} was not announced");
        submitted.arrived = true;
        let session = submitted.session;
        let mut earlier = self.submitted[number + 1..].iter();
        let in_order = !earlier.any(|later| later.session == session && later.arrived);
        assert!(in_order, "{number} came behind a later one of its session");
        let id = message.header("ActionID").expect("an ActionID");
        self.ids
            .insert(number, String::from_utf8_lossy(id).into_owned());
        let wire = self.wires.get_mut(&lane).expect("a lane");
        wire.unanswered.push(number);
    }

    fn answer_own(&mut self, lane: LaneId, message: &Message) {
        let id = message.header("ActionID").expect("an ActionID");
        let id = String::from_utf8_lossy(id).into_owned();
        let mut answer = format!("Response: Success\r\nActionID: {id}\r\n");
        if message.action() == Some(b"CoreShowChannels") {
            let complete = "Event: CoreShowChannelsComplete\r\nEventList: Complete\r\nListItems: 1";
            answer += "EventList: start\r\n\r\n";
            answer += &format!(
                "Event: CoreShowChannel\r\nActionID: {id}\r\nChannel: c\r\nUniqueid: 1\r\n\r\n"
            );
            answer += &format!("{complete}\r\nActionID: {id}\r\n");
        }
        answer += "\r\n";
        let is_login = message.action() == Some(b"Login");
        if is_login
            && self
                .wires
                .get(&lane)
                .is_some_and(|wire| wire.role == LaneRole::Event)
        {
            answer += "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 9\r\nLastReload: 9\r\nStatus: Fully Booted\r\n\r\n";
        }
        self.says(lane, &answer);
    }

    fn says(&mut self, lane: LaneId, text: &str) {
        let mut buffer = BytesMut::from(text.as_bytes());
        while self.node.lane_input(lane, &mut buffer, 8, self.now) {}
        self.carry_out();
    }

    /// The node answers the oldest action of a lane, in one of several forms; false when there is none.
    fn answer(&mut self, lane: usize, form: usize) -> bool {
        let Some(id) = self.lane(lane) else {
            return false;
        };
        let wire = self.wires.get_mut(&id).expect("a lane");
        // In order, as an Asterisk does.
        let Some(number) = wire.unanswered.first().copied() else {
            return false;
        };
        let submitted = &mut self.submitted[number];
        let body = match (submitted.listing, form % 4) {
            (true, 0..=1) => "Event: Item",
            (true, _) => "Event: CoreShowChannelsComplete\r\nEventList: Complete\r\nListItems: 1",
            (false, 0) if submitted.kind == LIST => "Response: Success\r\nEventList: start",
            (false, 1) => "Response: Error",
            (false, _) => "Response: Success",
        };
        submitted.listing = body.ends_with("start") || body.ends_with("Item");
        if !submitted.listing {
            wire.unanswered.remove(0);
        }
        self.say_answer(id, number, body);
        true
    }

    fn say_answer(&mut self, lane: LaneId, number: usize, body: &str) {
        let id = self.ids[&number].clone();
        self.says(
            lane,
            &format!("{body}\r\nActionID: {id}\r\nMark: {number}\r\n\r\n"),
        );
    }

    /// The node says something of an action that it may have answered before, on any lane.
    fn answer_late(&mut self, lane: usize, number: usize) {
        let Some(id) = self.lane(lane) else { return };
        let count = self.ids.len().max(1);
        let Some(number) = self.ids.keys().nth(number % count).copied() else {
            return;
        };
        let body = [
            "Response: Success",
            "Response: Success\r\nEventList: start",
            "Event: Item",
            "Response: Error",
        ][lane / 16 % 4];
        let unanswered = |wire: &Wire| wire.unanswered.contains(&number);
        if !self.wires.values().any(unanswered) {
            self.say_answer(id, number, body);
        }
    }

    /// An event that carries the id of some action.
    fn raise(&mut self, number: usize, form: usize) {
        let event_lane = self
            .wires
            .iter()
            .find(|(_, wire)| wire.role == LaneRole::Event);
        let Some(lane) = event_lane.map(|(id, _)| *id) else {
            return;
        };
        let name = ["OriginateResponse", "UserEvent", "Newchannel", "Load"][form % 4];
        let count = self.ids.len().max(1);
        let id = self.ids.iter().nth(number % count);
        let (mark, id) = id.map_or_else(Default::default, |(mark, id)| {
            (mark.to_string(), id.clone())
        });
        self.says(
            lane,
            &format!("Event: {name}\r\nPrivilege: call,all\r\nUserEvent: x\r\nChannel: c\r\nUniqueid: 1\r\nMark: {mark}\r\nActionID: {id}\r\n\r\n"),
        );
    }

    fn lose(&mut self, lane: usize) {
        let Some(id) = self.lane(lane) else { return };
        self.wires.remove(&id);
        self.node.lane_lost(id, &LaneLoss::Eof, self.now);
    }

    /// The oldest lane that is wanted is connected, or cannot be.
    fn open(&mut self, can: bool) {
        let Some((id, role)) = self.opening.pop_front() else {
            return;
        };
        if !can {
            let loss = LaneLoss::ConnectFailed("refused".to_owned());
            self.node.lane_lost(id, &loss, self.now);
            return;
        }
        let wire = Wire {
            role,
            reader: Asterisk::new(FullBuffer::KeepLastByte),
            unanswered: Vec::new(),
        };
        self.wires.insert(id, wire);
        self.node.lane_opened(id, self.now);
        self.says(id, "Asterisk Call Manager/11.0.0\r\n");
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.node.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.node.handle_timeout(self.now);
            let next = self.node.poll_timeout();
            assert!(
                next.is_none_or(|next| next > self.now),
                "a timer that never rests"
            );
            self.carry_out();
        }
        self.now = end;
    }

    fn leave(&mut self, place: usize) {
        let session = self.sessions[place];
        self.node.session_gone(SessionId(session));
        for submitted in &mut self.submitted {
            submitted.gone |= submitted.session == session;
        }
        self.sessions[place] = session + 4;
    }

    /// Connects what is wanted and writes everything.
    fn settle(&mut self) {
        loop {
            self.carry_out();
            let waits = |id: &LaneId| {
                let queue = self.node.lane_output(*id);
                queue.is_some_and(|queue| !queue.is_empty())
            };
            let lane = self.wires.keys().position(waits);
            match lane {
                Some(lane) => self.write(lane, usize::MAX),
                None if self.opening.is_empty() => return,
                None => self.open(true),
            }
        }
    }

    /// The node answers everything from now on, so that all must end; then it is as good as new.
    fn finish(&mut self) {
        self.mute = false;
        self.answer_all();
        // What amiplex asked while the node was mute is never answered: its lanes go when that is due.
        for _ in 0..40 {
            self.wait(Duration::from_millis(900));
            self.answer_all();
        }
        let probes = self.submitted.len()..self.submitted.len() + self.sessions.len();
        for place in 0..self.sessions.len() {
            self.submit(place, 0, true);
        }
        self.answer_all();
        let succeeded = self.submitted[probes].iter().all(|probe| probe.succeeded);
        assert!(succeeded, "a session that was left behind");
    }

    fn answer_all(&mut self) {
        for _ in 0..200 {
            self.settle();
            for lane in 0..self.wires.len() {
                while self.answer(lane, 3) {}
            }
            let up = self.node.status().is_up() && self.node.is_quiet();
            if up && self.submitted.iter().all(|one| one.last || one.gone) {
                return;
            }
            self.wait(Duration::from_millis(900));
        }
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.node.poll_effect() {
            match effect {
                NodeEffect::Open { lane, role, .. } => self.opening.push_back((lane, role)),
                NodeEffect::Close(lane) => {
                    self.wires.remove(&lane);
                    self.opening.retain(|(opening, _)| *opening != lane);
                }
                NodeEffect::Deliver(number, mail) => self.on_mail(number, &mail),
                NodeEffect::Broadcast(Mail::Event(event)) => self.on_event(event.plain()),
                NodeEffect::Broadcast(_)
                | NodeEffect::Status(_)
                | NodeEffect::Note(_)
                | NodeEffect::Heard(_) => {}
            }
        }
    }

    fn on_mail(&mut self, number: usize, mail: &Mail) {
        let submitted = &mut self.submitted[number];
        assert!(!submitted.last, "{number}: {mail:?} after the last answer");
        match mail {
            Mail::Written { seq, .. } => {
                assert_eq!(seq.0, number as u64);
                assert!(
                    !std::mem::replace(&mut submitted.written, true),
                    "{number} written twice"
                );
            }
            Mail::Reply {
                seq,
                bytes,
                last,
                kind,
                ..
            } => {
                assert_eq!(seq.0, number as u64);
                submitted.last = *last;
                submitted.succeeded |= *kind == PartKind::Response { success: true };
                if let PartKind::Ended(failure) = kind {
                    submitted.not_sent = failure.outcome == Outcome::NotSent;
                    assert!(*last);
                    assert!(
                        !submitted.not_sent || !submitted.arrived,
                        "{number} had arrived"
                    );
                }
                let bytes: Vec<u8> = bytes.iter().flat_map(|piece| piece.to_vec()).collect();
                if !bytes.is_empty() {
                    let message = NodeMessage::of(&bytes);
                    let own = format!("c{number}");
                    let own = submitted.has_id.then_some(own.as_bytes());
                    let ids: Vec<&[u8]> = headers(&message.lines, "ActionID").collect();
                    assert_eq!(
                        ids,
                        own.into_iter().collect::<Vec<_>>(),
                        "{number}: {message:?}"
                    );
                    let mark = headers(&message.lines, "Mark").next();
                    assert!(
                        mark.is_none_or(|mark| mark == number.to_string().as_bytes()),
                        "{message:?}"
                    );
                }
            }
            _ => {
                panic!("{mail:?} for one session")
            }
        }
    }

    /// An event shows the ActionID of the action that caused it, and once only; or none.
    fn on_event(&mut self, bytes: &[u8]) {
        let event = NodeMessage::of(bytes);
        let mark = headers(&event.lines, "Mark").next().unwrap_or_default();
        let ids: Vec<&[u8]> = headers(&event.lines, "ActionID")
            .filter(|id| !id.is_empty())
            .collect();
        let Some(id) = ids.first() else { return };
        let number: usize = String::from_utf8_lossy(mark).parse().expect("ours");
        let submitted = &mut self.submitted[number];
        assert_eq!(*id, format!("c{number}").as_bytes(), "{event:?}");
        assert!(matches!(submitted.kind, 6 | 7), "{event:?}");
        assert!(!std::mem::replace(&mut submitted.told, true), "{event:?}");
    }

    /// No session has actions on two lanes at once that it still waits for, and no lane has more than it may.
    fn check_lanes(&self) {
        let mut seen = BTreeMap::new();
        let mut events = 0;
        for (id, wire) in &self.wires {
            events += usize::from(wire.role == LaneRole::Event);
            let unanswered: Vec<&Submitted> = wire
                .unanswered
                .iter()
                .map(|number| &self.submitted[*number])
                .collect();
            let awaited = unanswered.iter().filter(|one| !one.last);
            let sessions: BTreeSet<u64> = awaited.map(|one| one.session).collect();
            for session in sessions {
                let other = seen.insert(session, *id);
                assert_eq!(other, None, "session {session} is on two lanes");
            }
            let alone = unanswered.iter().any(|one| ALONE.contains(&one.kind));
            assert!(unanswered.len() < 2 || !alone, "not alone");
        }
        assert!(events <= 1);
    }
}

/// Somebody who may do everything.
fn principal() -> &'static Principal {
    static PRINCIPAL: OnceLock<Principal> = OnceLock::new();
    PRINCIPAL.get_or_init(|| {
        let conf = "[general]\n[a]\nsecret = s\nread = all\nwrite = all\n";
        let files = MemoryFiles::default().with("/manager.conf", conf);
        let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let proof = Proof::Plain {
            secret: b"s",
            confidential: true,
        };
        let verified = verify(&loaded.accounts, b"a", proof, peer).expect("may log in");
        verified.proven().expect("a secret without hash")
    })
}

fn read(text: &str) -> Action {
    match ActionDecoder::new().decode(&mut BytesMut::from(text.as_bytes())) {
        Some(Incoming::Action(action)) => action,
        other => panic!("not an action: {other:?}"),
    }
}
