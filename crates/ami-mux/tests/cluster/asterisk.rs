//! A model of one Asterisk with calls of its own: what it has, what it was told to do, and what it says.
//!
//! One action at a time per connection, answers in order. Events go to the connections that read them at the moment when
//! something happens. Names and Uniqueids tell which node made them, so that everybody can say where a channel belongs.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ami_mux::LaneId;
use ami_proto::{Action, ActionDecoder, Incoming};
use bytes::BytesMut;

/// A channel as tables show it: name and state.
pub(crate) type Row = (String, String);

/// One connection to it.
struct Connection {
    decoder: ActionDecoder,
    input: BytesMut,
    waiting: VecDeque<Action>,
    /// The action under way, with the moment of its answer.
    running: Option<(Instant, Action)>,
    output: BytesMut,
    events: bool,
}

/// An action of a client that the node has begun.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) token: String,
    pub(crate) channel: String,
}

/// The node.
pub(crate) struct Asterisk {
    index: usize,
    /// Counts its starts.
    life: u32,
    born: u32,
    connections: BTreeMap<LaneId, Connection>,
    /// By Uniqueid.
    pub(crate) channels: BTreeMap<String, Row>,
    /// Calls that are made, and the event that tells of those made asynchronously.
    calls: Vec<(Instant, Option<String>)>,
    pub(crate) arrived: Vec<Arrived>,
    pub(crate) frozen_until: Option<Instant>,
    /// It takes no connections: the network is gone, or it does not run.
    pub(crate) away_until: Option<Instant>,
    /// It does not run.
    pub(crate) is_dead: bool,
    /// Calls come and go.
    pub(crate) is_busy: bool,
    pub(crate) last_event: Instant,
}

impl Asterisk {
    pub(crate) fn new(index: usize, now: Instant) -> Self {
        Self {
            index,
            life: 1,
            born: 0,
            connections: BTreeMap::new(),
            channels: BTreeMap::new(),
            calls: Vec::new(),
            arrived: Vec::new(),
            frozen_until: None,
            away_until: None,
            is_dead: false,
            is_busy: false,
            last_event: now,
        }
    }

    pub(crate) fn is_away(&self, now: Instant) -> bool {
        self.away_until.is_some_and(|until| until > now)
    }

    pub(crate) fn is_well(&self, now: Instant) -> bool {
        !self.is_away(now) && self.frozen_until.is_none_or(|until| until <= now)
    }

    /// The process ends, and with it every call; it starts again when it is there again.
    pub(crate) fn dies(&mut self) {
        self.is_dead = true;
        self.life += 1;
        self.channels.clear();
        self.calls.clear();
        self.connections.clear();
    }

    pub(crate) fn accept(&mut self, lane: LaneId) {
        let connection = Connection {
            decoder: ActionDecoder::new(),
            input: BytesMut::new(),
            waiting: VecDeque::new(),
            running: None,
            output: BytesMut::from("Asterisk Call Manager/11.0.0\r\n"),
            events: false,
        };
        self.connections.insert(lane, connection);
    }

    pub(crate) fn drop_connection(&mut self, lane: LaneId) {
        self.connections.remove(&lane);
    }

    /// The connection on which it tells what happens.
    pub(crate) fn event_lane(&self) -> Option<LaneId> {
        let mut lanes = self.connections.iter();
        lanes
            .find(|(_, connection)| connection.events)
            .map(|(lane, _)| *lane)
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
        if self.frozen_until.is_some_and(|until| until > now) {
            return;
        }
        if self.is_dead {
            if self.is_away(now) {
                return;
            }
            self.is_dead = false;
        }
        self.live(rng, now);
        let lanes: Vec<LaneId> = self.connections.keys().copied().collect();
        for lane in lanes {
            self.run(lane, rng, now);
        }
    }

    /// What happens without being asked for.
    fn live(&mut self, rng: &mut fastrand::Rng, now: Instant) {
        let due: Vec<_> = self.calls.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, event) in due {
            self.is_born(now);
            if let Some(event) = event {
                self.raise(&event, now);
            }
        }
        if !self.is_busy || rng.u8(0..40) != 0 {
            return;
        }
        let ids: Vec<String> = self.channels.keys().cloned().collect();
        let Some(id) = rng.choice(&ids).cloned() else {
            self.is_born(now);
            return;
        };
        match rng.u8(0..7) {
            0..3 if ids.len() < 12 => self.is_born(now),
            0..4 => self.hang_up(&id, now),
            4 => self.rename(&id, now),
            _ => self.change(&id, &rng.u8(1..7).to_string(), now),
        }
    }

    fn is_born(&mut self, now: Instant) {
        self.born += 1;
        let (index, life, born) = (self.index, self.life, self.born);
        let id = format!("{index}u{life}.{born}");
        let row = (format!("PJSIP/{index}x{life}-{born:08x}"), "0".to_owned());
        self.channels.insert(id.clone(), row);
        self.tell("Newchannel", &id, "", now);
    }

    fn change(&mut self, id: &str, state: &str, now: Instant) {
        if let Some(row) = self.channels.get_mut(id) {
            state.clone_into(&mut row.1);
            self.tell("Newstate", id, "", now);
        }
    }

    fn rename(&mut self, id: &str, now: Instant) {
        let Some(row) = self.channels.get_mut(id) else {
            return;
        };
        let before = row.0.clone();
        row.0.push('r');
        let event = format!(
            "Event: Rename\r\nPrivilege: call,all\r\nChannel: {before}\r\nNewname: {}\r\nUniqueid: {id}\r\n\r\n",
            row.0
        );
        self.raise(&event, now);
    }

    fn hang_up(&mut self, id: &str, now: Instant) {
        if self.channels.contains_key(id) {
            self.tell("Hangup", id, "Cause: 16\r\n", now);
            self.channels.remove(id);
        }
    }

    fn headers(&self, id: &str) -> String {
        let (name, state) = &self.channels[id];
        format!(
            "Channel: {name}\r\nChannelState: {state}\r\nChannelStateDesc: s{state}\r\nCallerIDNum: 1\r\nUniqueid: {id}\r\nLinkedid: {id}\r\n"
        )
    }

    fn tell(&mut self, name: &str, id: &str, more: &str, now: Instant) {
        let headers = self.headers(id);
        let event = format!("Event: {name}\r\nPrivilege: call,all\r\n{headers}{more}\r\n");
        self.raise(&event, now);
    }

    fn raise(&mut self, event: &str, now: Instant) {
        self.last_event = now;
        let readers = self.connections.values_mut();
        for connection in readers.filter(|connection| connection.events) {
            connection.output.extend_from_slice(event.as_bytes());
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
        if let Some((_, action)) = connection.running.take_if(|(at, _)| *at <= now) {
            let answer = self.answer(lane, &action);
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
            connection.running = Some((now + duration(&action, rng), action.clone()));
            self.begin(&action, rng, now);
        }
    }

    /// The Uniqueid of the channel that the action names.
    fn named(&self, action: &Action) -> Option<String> {
        let wanted = text(action, "Channel");
        let mut channels = self.channels.iter();
        channels
            .find(|(id, row)| **id == wanted || row.0 == wanted)
            .map(|(id, _)| id.clone())
    }

    /// What the action does happens when it begins; its answer comes later.
    fn begin(&mut self, action: &Action, rng: &mut fastrand::Rng, now: Instant) {
        let token = text(action, "Token");
        if !token.is_empty() {
            let channel = text(action, "Channel");
            self.arrived.push(Arrived {
                token: token.clone(),
                channel,
            });
        }
        match &*name(action) {
            "originate" => {
                let at = now + Duration::from_millis(rng.u64(0..80));
                let id = text(action, "ActionID");
                let event = format!(
                    "Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: {id}\r\nResponse: Success\r\nToken: {token}\r\n\r\n"
                );
                let is_async = text(action, "Async") == "true";
                self.calls.push((at, is_async.then_some(event)));
            }
            "redirect" => {
                if let Some(id) = self.named(action) {
                    self.change(&id, "6", now);
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, lane: LaneId, action: &Action) -> String {
        let id = text(action, "ActionID");
        let token = text(action, "Token");
        let success = |rest: &str| format!("Response: Success\r\nActionID: {id}\r\n{rest}\r\n");
        match &*name(action) {
            "login" => {
                let events = text(action, "Events") == "on";
                if let Some(connection) = self.connections.get_mut(&lane) {
                    connection.events = events;
                }
                let booted = "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 9\r\nLastReload: 9\r\nStatus: Fully Booted\r\n\r\n";
                let tail = if events { booted } else { "" };
                success("Message: Authentication accepted\r\n") + tail
            }
            "listcommands" => success(COMMANDS),
            "coreshowchannels" => self.list_of_channels(&id),
            "bridgelist" | "queuestatus" | "agents" => {
                let name = action.name().map(ToString::to_string).unwrap_or_default();
                success("EventList: start\r\n") + &complete(&name, &id, 0)
            }
            "setvar" | "redirect" if self.named(action).is_none() => {
                format!("Response: Error\r\nActionID: {id}\r\nMessage: No such channel\r\n\r\n")
            }
            _ => success(&format!("Message: done\r\nToken: {token}\r\n")),
        }
    }

    fn list_of_channels(&self, id: &str) -> String {
        let mut list = format!(
            "Response: Success\r\nActionID: {id}\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
        );
        for channel in self.channels.keys() {
            let headers = self.headers(channel);
            list +=
                &format!("Event: CoreShowChannel\r\nActionID: {id}\r\n{headers}BridgeId: \r\n\r\n");
        }
        list + &complete("CoreShowChannels", id, self.channels.len())
    }
}

const COMMANDS: &str = "Agents: x (Priv: agent,all)\r\nBridgeList: x (Priv: <none>)\r\nCoreShowChannels: x (Priv: system,reporting,all)\r\n\
    CoreStatus: x (Priv: system,reporting,all)\r\nOriginate: x (Priv: originate,all)\r\nQueueStatus: x (Priv: <none>)\r\n\
    Redirect: x (Priv: call,all)\r\nSetvar: x (Priv: call,all)\r\n";

fn complete(name: &str, id: &str, items: usize) -> String {
    format!(
        "Event: {name}Complete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: {items}\r\n\r\n"
    )
}

fn duration(action: &Action, rng: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(match &*name(action) {
        "setvar" | "redirect" | "corestatus" | "ping" => rng.u64(0..20),
        "originate" if text(action, "Async") != "true" => rng.u64(80..800),
        "coreshowchannels" => rng.u64(0..150),
        _ => rng.u64(0..5),
    })
}

fn name(action: &Action) -> String {
    let name = action
        .name()
        .map(|name| name.as_str_lossy().to_ascii_lowercase());
    name.unwrap_or_default()
}

fn text(action: &Action, header: &str) -> String {
    String::from_utf8_lossy(action.header(header).unwrap_or_default()).into_owned()
}
