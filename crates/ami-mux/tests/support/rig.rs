//! A node's machine on a bench: virtual time, and an Asterisk that answers when the test says so.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::manager_conf::MemoryFiles;
use ami_access::{AuthorizeContext, Authorized, Cost, Proof, Secret, authorize, load_from, verify};
use ami_mux::{
    ActionSeq, AtOnce, Coalesce, LaneId, LaneLoss, LaneRole, Mail, Node, NodeEffect, NodeId,
    NodeNote, NodeSettings, NodeStatus, SessionId, Submission,
};
use ami_proto::{Action, ActionDecoder, CommandOutput, Incoming};
use bytes::BytesMut;

/// One lane as the node at its other end sees it.
struct Wire {
    role: LaneRole,
    decoder: ActionDecoder,
    input: BytesMut,
    /// What was read and not answered.
    unanswered: VecDeque<Action>,
    /// The node reads nothing while set.
    stuck: bool,
}

/// The bench.
pub(crate) struct Rig {
    pub(crate) node: Node<u64>,
    pub(crate) now: Instant,
    wires: BTreeMap<LaneId, Wire>,
    /// Lanes that the machine wants and that are not connected.
    pub(crate) opening: VecDeque<(LaneId, LaneRole, u32)>,
    pub(crate) closed: Vec<LaneId>,
    pub(crate) mail: Vec<(u64, Mail)>,
    pub(crate) broadcast: Vec<Mail>,
    pub(crate) notes: Vec<NodeNote>,
    pub(crate) heard: Vec<u64>,
    pub(crate) status: NodeStatus,
    /// Pings are answered at once.
    pub(crate) answers_pings: bool,
    /// ListCommands and GetConfig of amiplex are answered at once.
    pub(crate) answers_questions: bool,
    /// The version with which the node greets.
    greeting: &'static str,
    /// The form in which sessions want the output of Command.
    pub(crate) command_output: CommandOutput,
    /// The sessions that submit have their events off.
    pub(crate) reads_no_events: bool,
    next_seq: u64,
}

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn settings() -> NodeSettings {
    NodeSettings {
        id: NodeId(0),
        name: "pbx1".into(),
        objects: None,
        username: "amiplex".into(),
        secret: Secret::new("s".to_owned()),
        own_security_events: false,
        md5: false,
        lanes_min: 1,
        lanes_max: 3,
        blocking_max: 2,
        depth: 4,
        keepalive_interval: Duration::from_secs(10),
        keepalive_deadline: Duration::from_secs(5),
        keepalive_lag: Duration::from_secs(2),
        action_deadline: DEADLINE,
        lane_idle: Duration::from_secs(30),
        narrow_after: None,
        at_once: AtOnce::UNLIMITED,
        coalesce: Coalesce::default(),
    }
}

/// The action, as an account that may do everything is allowed it.
pub(crate) fn allowed(text: &str) -> Authorized<Action> {
    allowed_with("", text)
}

/// The same for an account with more lines.
pub(crate) fn allowed_with(lines: &str, text: &str) -> Authorized<Action> {
    let account = format!("[general]\n[a]\nsecret = s\nread = all\nwrite = all\n{lines}\n");
    let files = MemoryFiles::default().with("/manager.conf", account);
    let accounts = load_from(&files, Path::new("/manager.conf"), None)
        .expect("valid")
        .accounts;
    let proof = Proof::Plain {
        secret: b"s",
        confidential: true,
    };
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let verified = verify(&accounts, b"a", proof, peer).expect("may log in");
    let principal = verified.proven().expect("a secret without hash");
    let action = action(text);
    let context = AuthorizeContext::default();
    authorize(&principal, action, &context).expect("may be run")
}

/// Reads one message; lines are separated by `|`.
pub(crate) fn action(text: &str) -> Action {
    let bytes = text.replace('|', "\r\n") + "\r\n\r\n";
    let mut buffer = BytesMut::from(bytes.as_bytes());
    match ActionDecoder::new().decode(&mut buffer) {
        Some(Incoming::Action(action)) => action,
        other => panic!("not an action: {other:?}"),
    }
}

impl Rig {
    pub(crate) fn new(settings: NodeSettings) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let mut rig = Self {
            node: Node::new(settings, 0xfeed, now),
            now,
            wires: BTreeMap::new(),
            opening: VecDeque::new(),
            closed: Vec::new(),
            mail: Vec::new(),
            broadcast: Vec::new(),
            notes: Vec::new(),
            heard: Vec::new(),
            status: NodeStatus::initial(),
            answers_pings: true,
            answers_questions: true,
            greeting: "11.0.0",
            command_output: CommandOutput::Native,
            reads_no_events: false,
            next_seq: 0,
        };
        rig.pump();
        rig
    }

    /// A node that is up, with its least number of lanes and all questions answered.
    pub(crate) fn up(settings: NodeSettings) -> Self {
        Self::up_as(settings, "11.0.0")
    }

    /// The same of another version.
    pub(crate) fn up_as(settings: NodeSettings, greeting: &'static str) -> Self {
        let mut rig = Self::new(settings);
        rig.greeting = greeting;
        rig.connect_all();
        let event = rig.event_lane();
        rig.says(event, FULLY_BOOTED);
        rig.connect_all();
        assert!(rig.status.is_up());
        rig.broadcast.clear();
        rig.notes.clear();
        rig
    }

    /// Carries out what the machine wants, and answers what is amiplex's own.
    pub(crate) fn pump(&mut self) {
        loop {
            while let Some(effect) = self.node.poll_effect() {
                self.carry_out(effect);
            }
            let ids: Vec<LaneId> = self.wires.keys().copied().collect();
            if !ids.into_iter().any(|id| self.exchange(id)) {
                return;
            }
        }
    }

    fn carry_out(&mut self, effect: NodeEffect<u64>) {
        match effect {
            NodeEffect::Open {
                lane,
                role,
                attempt,
            } => self.opening.push_back((lane, role, attempt)),
            NodeEffect::Close(lane) => {
                self.wires.remove(&lane);
                self.opening.retain(|(opening, ..)| *opening != lane);
                self.closed.push(lane);
            }
            NodeEffect::Deliver(to, mail) => self.mail.push((to, mail)),
            NodeEffect::Broadcast(mail) => self.broadcast.push(mail),
            NodeEffect::Status(status) => self.status = status,
            NodeEffect::Heard(ticket) => self.heard.push(ticket),
            NodeEffect::Note(note) => self.notes.push(note),
        }
    }

    /// Takes the lane's bytes; true when something of amiplex's own was answered.
    fn exchange(&mut self, id: LaneId) -> bool {
        let Some(wire) = self.wires.get_mut(&id) else {
            return false;
        };
        if wire.stuck {
            return false;
        }
        let bytes: Vec<u8> = self
            .node
            .lane_output(id)
            .map(|queue| queue.iter().flat_map(|slice| slice.to_vec()).collect())
            .unwrap_or_default();
        if bytes.is_empty() {
            return false;
        }
        wire.input.extend_from_slice(&bytes);
        self.node.lane_wrote(id, bytes.len(), self.now);
        let mut own = Vec::new();
        while let Some(incoming) = wire.decoder.decode(&mut wire.input) {
            let Incoming::Action(action) = incoming else {
                panic!("a lane carries whole actions");
            };
            match own_answer(&action, self.answers_pings, self.answers_questions) {
                Some(answer) => own.push(answer),
                None => wire.unanswered.push_back(action),
            }
        }
        for answer in own {
            self.feed(id, &answer);
        }
        true
    }

    fn feed(&mut self, id: LaneId, text: &str) {
        let mut buffer = BytesMut::from(text.as_bytes());
        while self.node.lane_input(id, &mut buffer, 8, self.now) {}
        assert!(buffer.is_empty(), "whole messages only");
    }

    /// The node says exactly this on the lane.
    pub(crate) fn raw(&mut self, id: LaneId, text: &str) {
        self.feed(id, text);
        self.pump();
    }

    /// The node says this on the lane; lines are separated by `|`.
    pub(crate) fn says(&mut self, id: LaneId, text: &str) {
        self.feed(id, &(text.replace('|', "\r\n") + "\r\n\r\n"));
        self.pump();
    }

    /// Connects everything that is wanted, and logs it in.
    pub(crate) fn connect_all(&mut self) {
        while let Some((lane, role, _)) = self.opening.pop_front() {
            self.connect(lane, role);
        }
    }

    fn connect(&mut self, lane: LaneId, role: LaneRole) {
        let wire = Wire {
            role,
            decoder: ActionDecoder::new(),
            input: BytesMut::new(),
            unanswered: VecDeque::new(),
            stuck: false,
        };
        self.wires.insert(lane, wire);
        self.node.lane_opened(lane, self.now);
        self.feed(
            lane,
            &format!("Asterisk Call Manager/{}\r\n", self.greeting),
        );
        self.pump();
    }

    /// No wanted lane can be had.
    pub(crate) fn refuse_all(&mut self) {
        for (lane, ..) in std::mem::take(&mut self.opening) {
            let loss = LaneLoss::ConnectFailed("refused".to_owned());
            self.node.lane_lost(lane, &loss, self.now);
        }
        self.pump();
    }

    pub(crate) fn lose(&mut self, lane: LaneId) {
        self.wires.remove(&lane);
        self.node.lane_lost(lane, &LaneLoss::Eof, self.now);
        self.pump();
    }

    /// The node reads nothing on this lane any more.
    pub(crate) fn stick(&mut self, lane: LaneId) {
        self.wires.get_mut(&lane).expect("connected").stuck = true;
    }

    pub(crate) fn event_lane(&self) -> LaneId {
        self.lanes(LaneRole::Event)[0]
    }

    pub(crate) fn lanes(&self, role: LaneRole) -> Vec<LaneId> {
        let of_role = self.wires.iter().filter(|(_, wire)| wire.role == role);
        of_role.map(|(id, _)| *id).collect()
    }

    /// Submits for the session and gives the place in its order.
    pub(crate) fn submit(&mut self, session: u64, text: &str) -> ActionSeq {
        let action = allowed(text);
        let cost = action.cost();
        self.submit_as(session, action, cost)
    }

    pub(crate) fn submit_as(
        &mut self,
        session: u64,
        action: Authorized<Action>,
        cost: Cost,
    ) -> ActionSeq {
        self.submit_with(session, action, cost, &[])
    }

    /// The same for an account with variables.
    pub(crate) fn submit_with(
        &mut self,
        session: u64,
        action: Authorized<Action>,
        cost: Cost,
        variables: &[&str],
    ) -> ActionSeq {
        let seq = ActionSeq(self.next_seq);
        self.next_seq += 1;
        let submission = Submission {
            reply_to: session,
            session: SessionId(session),
            seq,
            action,
            cost,
            label: None,
            command_output: self.command_output,
            strip: Arc::from([]),
            variables: variables.iter().map(ToString::to_string).collect(),
            reads_no_events: self.reads_no_events,
            deadline: self.now + DEADLINE,
        };
        self.node.submit(submission, self.now);
        self.pump();
        seq
    }

    /// Moves time on in steps, so that every timer fires when it is due.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.node.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.node.handle_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    /// `Variable` or `Command` of what is unanswered on the lane, in order.
    pub(crate) fn unanswered(&self, lane: LaneId) -> Vec<String> {
        let Some(wire) = self.wires.get(&lane) else {
            return Vec::new();
        };
        wire.unanswered.iter().map(tag).collect()
    }

    /// The lane on which the action of that tag is unanswered.
    pub(crate) fn lane_of(&self, wanted: &str) -> Option<LaneId> {
        let holds = |wire: &Wire| wire.unanswered.iter().any(|action| tag(action) == wanted);
        let mut lanes = self.wires.iter().filter(|(_, wire)| holds(wire));
        lanes.next().map(|(id, _)| *id)
    }

    /// The oldest unanswered action of the lane, taken off.
    pub(crate) fn take(&mut self, lane: LaneId) -> Action {
        let wire = self.wires.get_mut(&lane).expect("connected");
        wire.unanswered.pop_front().expect("something unanswered")
    }

    /// Answers the oldest unanswered action of the lane.
    pub(crate) fn answer(&mut self, lane: LaneId) {
        let action = self.take(lane);
        let text = format!(
            "Response: Success|ActionID: {}|Tag: {}",
            wire_id(&action),
            tag(&action)
        );
        self.says(lane, &text);
    }

    /// The last parts of answers, as `session seq text`, taken off.
    pub(crate) fn finals(&mut self) -> Vec<(u64, ActionSeq, String)> {
        let mail = std::mem::take(&mut self.mail);
        let last = mail.into_iter().filter_map(|(to, mail)| match mail {
            Mail::Reply {
                seq,
                bytes,
                last: true,
                ..
            } => Some((to, seq, text_of(&bytes))),
            _ => None,
        });
        last.collect()
    }

    /// Texts of the broadcast events, taken off.
    pub(crate) fn events(&mut self) -> Vec<String> {
        let mail = std::mem::take(&mut self.broadcast);
        let events = mail.into_iter().filter_map(|mail| match mail {
            Mail::Event(event) => Some(String::from_utf8_lossy(event.plain()).into_owned()),
            _ => None,
        });
        events.collect()
    }
}

pub(crate) const FULLY_BOOTED: &str =
    "Event: FullyBooted|Privilege: system,all|Uptime: 9|LastReload: 9|Status: Fully Booted";

pub(crate) fn wire_id(action: &Action) -> String {
    String::from_utf8_lossy(action.header("ActionID").unwrap_or_default()).into_owned()
}

pub(crate) fn text_of(slices: &[bytes::Bytes]) -> String {
    let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
    String::from_utf8_lossy(&all).into_owned()
}

fn tag(action: &Action) -> String {
    let value = ["Variable", "Command", "Channel", "UserEvent"]
        .iter()
        .find_map(|name| action.header(name));
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

fn own_answer(action: &Action, answers_pings: bool, answers_questions: bool) -> Option<String> {
    let id = wire_id(action);
    let name = action.name()?;
    if name.is("Login") {
        Some(format!(
            "Response: Success\r\nActionID: {id}\r\nMessage: Authentication accepted\r\n\r\n"
        ))
    } else if name.is("ListCommands") && answers_questions {
        let lists = ["BridgeList", "CoreShowChannels", "QueueStatus", "Agents"];
        let lines = lists.map(|list| format!("{list}: x (Priv: <none>)\r\n"));
        Some(format!(
            "Response: Success\r\nActionID: {id}\r\n{}\r\n",
            lines.concat()
        ))
    } else if name.is("Ping") && answers_pings {
        Some(format!(
            "Response: Success\r\nActionID: {id}\r\nPing: Pong\r\n\r\n"
        ))
    } else if action.header("Command") == Some(b"core show settings") && answers_questions {
        Some(format!(
            "Response: Success\r\nActionID: {id}\r\nOutput:   System name:    pbx\r\nOutput:   PBX UUID:   1-2-3\r\n\r\n"
        ))
    } else if name.is("GetConfig") && answers_questions {
        Some(format!(
            "Response: Error\r\nActionID: {id}\r\nMessage: Permission denied\r\n\r\n"
        ))
    } else {
        None
    }
}
