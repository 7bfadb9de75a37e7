//! A model of one Asterisk: as little as the properties need, with the order that a real one keeps.
//!
//! One action at a time per connection, answers in order; events go to the event connection at once, so they can overtake
//! the answer that is still being written on another connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ami_mux::LaneId;
use ami_proto::{Action, ActionDecoder, Incoming};
use bytes::BytesMut;

/// One connection to it.
struct Connection {
    decoder: ActionDecoder,
    input: BytesMut,
    waiting: VecDeque<Action>,
    /// The action under way, with the moment of its answer.
    running: Option<(Instant, Action)>,
    /// When that one began.
    begun: Instant,
    output: BytesMut,
    events: bool,
}

/// The node.
pub(crate) struct Asterisk {
    connections: BTreeMap<LaneId, Connection>,
    later: Vec<(Instant, String)>,
    /// Tokens of actions that were executed, with the time in microseconds.
    pub(crate) executed: Vec<(String, u128)>,
    /// How often the question was answered that clients share.
    pub(crate) polls: usize,
    /// Where its times begin.
    epoch: Instant,
    pub(crate) frozen_until: Option<Instant>,
    pub(crate) dead_until: Option<Instant>,
}

impl Asterisk {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            polls: 0,
            epoch,
            connections: BTreeMap::new(),
            later: Vec::new(),
            executed: Vec::new(),
            frozen_until: None,
            dead_until: None,
        }
    }

    pub(crate) fn is_dead(&self, now: Instant) -> bool {
        self.dead_until.is_some_and(|until| until > now)
    }

    fn is_frozen(&self, now: Instant) -> bool {
        self.frozen_until.is_some_and(|until| until > now)
    }

    pub(crate) fn accept(&mut self, lane: LaneId) {
        let connection = Connection {
            decoder: ActionDecoder::new(),
            input: BytesMut::new(),
            waiting: VecDeque::new(),
            running: None,
            begun: self.epoch,
            output: BytesMut::from("Asterisk Call Manager/11.0.0\r\n"),
            events: false,
        };
        self.connections.insert(lane, connection);
    }

    pub(crate) fn drop_connection(&mut self, lane: LaneId) {
        self.connections.remove(&lane);
    }

    /// The socket's buffer takes bytes also while the process is frozen.
    pub(crate) fn input(&mut self, lane: LaneId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&lane) {
            connection.input.extend_from_slice(bytes);
        }
    }

    pub(crate) fn output(&mut self, lane: LaneId) -> Option<&mut BytesMut> {
        self.connections
            .get_mut(&lane)
            .map(|connection| &mut connection.output)
    }

    pub(crate) fn tick(&mut self, rng: &mut fastrand::Rng, now: Instant) {
        if self.is_frozen(now) || self.is_dead(now) {
            return;
        }
        let due: Vec<String> = self
            .later
            .extract_if(.., |(at, _)| *at <= now)
            .map(|(_, event)| event)
            .collect();
        for event in due {
            self.raise(&event);
        }
        let lanes: Vec<LaneId> = self.connections.keys().copied().collect();
        for lane in lanes {
            self.run(lane, rng, now);
        }
    }

    fn run(&mut self, lane: LaneId, rng: &mut fastrand::Rng, now: Instant) {
        let Some(connection) = self.connections.get_mut(&lane) else {
            return;
        };
        while let Some(Incoming::Action(action)) = connection.decoder.decode(&mut connection.input)
        {
            connection.waiting.push_back(action);
        }
        if let Some((at, _)) = &connection.running
            && *at <= now
            && let Some((_, action)) = connection.running.take()
        {
            let answer = self.answer(lane, &action, rng);
            if let Some(connection) = self.connections.get_mut(&lane) {
                connection.output.extend_from_slice(answer.as_bytes());
            }
        }
        let Some(connection) = self.connections.get_mut(&lane) else {
            return;
        };
        if connection.running.is_none()
            && let Some(action) = connection.waiting.pop_front()
        {
            let answer_at = now + duration(&action, rng);
            self.begin(&action, rng, now);
            if let Some(connection) = self.connections.get_mut(&lane) {
                connection.running = Some((answer_at, action));
                connection.begun = now;
            }
        }
    }

    /// What the action does happens when it begins; its answer comes later.
    fn begin(&mut self, action: &Action, rng: &mut fastrand::Rng, now: Instant) {
        let token = text(action, "Token");
        if !token.is_empty() {
            let at = now.duration_since(self.epoch).as_micros();
            self.executed.push((token.clone(), at));
        }
        match &*name(action) {
            "queueadd" => self.raise(&format!(
                "Event: QueueMemberAdded\r\nPrivilege: agent,all\r\nQueue: {token}\r\n\r\n"
            )),
            "originate" if text(action, "Async") == "true" => {
                let id = text(action, "ActionID");
                let event = format!(
                    "Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: {id}\r\nResponse: Success\r\nToken: {token}\r\n\r\n"
                );
                self.later
                    .push((now + Duration::from_millis(rng.u64(0..80)), event));
            }
            _ => {}
        }
    }

    fn raise(&mut self, event: &str) {
        for connection in self
            .connections
            .values_mut()
            .filter(|connection| connection.events)
        {
            connection.output.extend_from_slice(event.as_bytes());
        }
    }

    fn answer(&mut self, lane: LaneId, action: &Action, rng: &mut fastrand::Rng) -> String {
        let id = text(action, "ActionID");
        let token = text(action, "Token");
        let success = |rest: &str| format!("Response: Success\r\nActionID: {id}\r\n{rest}\r\n");
        match &*name(action) {
            "challenge" => success("Challenge: 123456789\r\n"),
            "login" => {
                let events = text(action, "Events") == "on";
                if let Some(connection) = self.connections.get_mut(&lane) {
                    connection.events = events;
                }
                let booted = "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 9\r\nLastReload: 9\r\nStatus: Fully Booted\r\n\r\n";
                let tail = if events { booted } else { "" };
                success("Message: Authentication accepted\r\n") + tail
            }
            "getvar" => success(&format!("Variable: {token}\r\nValue: {token}\r\n")),
            "coreshowchannels" => {
                let mut list = success("EventList: start\r\nMessage: Channels will follow\r\n");
                let items = rng.usize(0..4);
                for _ in 0..items {
                    list += &format!(
                        "Event: CoreShowChannel\r\nActionID: {id}\r\nToken: {token}\r\n\r\n"
                    );
                }
                list + &format!(
                    "Event: CoreShowChannelsComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: {items}\r\n\r\n"
                )
            }
            "queuesummary" => {
                self.polls += 1;
                let begun = self
                    .connections
                    .get(&lane)
                    .map_or(self.epoch, |lane| lane.begun);
                let begun = begun.duration_since(self.epoch).as_micros();
                success("EventList: start\r\n")
                    + &format!("Event: QueueSummary\r\nActionID: {id}\r\nBegun: {begun}\r\n\r\n")
                    + &format!(
                        "Event: QueueSummaryComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
                    )
            }
            _ => success(&format!("Message: done\r\nToken: {token}\r\n")),
        }
    }
}

fn duration(action: &Action, rng: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(match &*name(action) {
        "getvar" | "setvar" | "queueadd" | "ping" => rng.u64(0..20),
        "originate" if text(action, "Async") != "true" => rng.u64(100..1500),
        "command" | "coreshowchannels" | "queuesummary" => rng.u64(0..300),
        _ => rng.u64(0..5),
    })
}

fn name(action: &Action) -> String {
    action
        .name()
        .map(|name| name.as_str_lossy().to_ascii_lowercase())
        .unwrap_or_default()
}

fn text(action: &Action, header: &str) -> String {
    String::from_utf8_lossy(action.header(header).unwrap_or_default()).into_owned()
}
