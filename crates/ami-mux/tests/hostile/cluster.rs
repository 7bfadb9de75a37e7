//! Sessions and nodes joined without sockets. What goes up each lane is read by models of both forms of Asterisk's
//! reader, which must agree byte for byte.
//!
//! The models answer amiplex's own actions; what clients asked is kept, and answered when the test says so.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::manager_conf::MemoryFiles;
use ami_access::{OnNodeLoss, Secret, load_from};
use ami_mux::{
    AtOnce, Coalesce, Directory, DirectoryEntry, LaneId, LaneLoss, LaneRole, Mail, Node,
    NodeEffect, NodeId, NodeSettings, Session, SessionEffect, SessionId, SessionSettings,
    SessionStart,
};
use ami_proto::CommandOutput;
use bytes::{Bytes, BytesMut};

use crate::asterisk::{Asterisk, FullBuffer, Message};
use crate::world::World;

/// Longer than any test: what must end by itself must not need a deadline.
const NEVER: Duration = Duration::from_hours(24);

/// Name of the header by which clients' actions are known.
pub(crate) const MARK: &str = "Mark";

/// What differs between runs.
pub(crate) struct Plan {
    pub(crate) manager_conf: String,
    pub(crate) nodes: u16,
    /// Lanes for quick and slow actions at each node.
    pub(crate) lanes: usize,
    /// Actions of one session under way, at most.
    pub(crate) inflight: usize,
    /// Bytes that a lane's socket takes at a time.
    pub(crate) written: usize,
    /// Bytes that one read of Asterisk brings at most.
    pub(crate) read: usize,
    /// Each action of a client has a header [`MARK`]; what has none is amiplex's own, and is not answered.
    pub(crate) marked: bool,
    /// Version in the nodes' greeting.
    pub(crate) version: &'static str,
    /// The form of Command's output that clients want.
    pub(crate) command_output: CommandOutput,
    /// Lines of the nodes' answer to ListCommands.
    pub(crate) commands: &'static str,
}

/// What a client was sent.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) bytes: Bytes,
    /// A broadcast event of a node.
    pub(crate) event: bool,
}

/// A client's message as the node read it.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) lane: LaneId,
    pub(crate) message: Message,
}

struct Lane {
    role: LaneRole,
    keeps: Asterisk,
    discards: Asterisk,
    logged_in: bool,
    /// What the node has said and the machine has not taken.
    said: BytesMut,
}

/// One node: amiplex's machine and the Asterisk at the other end of its lanes.
pub(crate) struct NodeSide {
    pub(crate) machine: Node<usize>,
    lanes: BTreeMap<LaneId, Lane>,
    /// Everything that clients made arrive here, in order.
    pub(crate) arrived: Vec<Arrived>,
    unanswered: VecDeque<usize>,
}

/// One client: its session, and what it was sent.
pub(crate) struct ClientSide {
    pub(crate) session: Session,
    buffer: BytesMut,
    pub(crate) written: Vec<Written>,
    /// Mail that nodes sent to this session alone, as it came.
    pub(crate) mail: Vec<Mail>,
    pub(crate) closed: bool,
    view: Vec<NodeId>,
}

/// All of it.
pub(crate) struct Cluster {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<NodeSide>,
    pub(crate) clients: Vec<ClientSide>,
    /// Broadcast mail of each node, as it came.
    pub(crate) broadcast: Vec<(NodeId, Mail)>,
    world: World,
    plan: Plan,
    started: bool,
}

impl Cluster {
    /// Nodes that are up, and nobody connected.
    pub(crate) fn new(plan: Plan) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let files = MemoryFiles::default().with("/manager.conf", plan.manager_conf.as_str());
        let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
        let entries: Vec<DirectoryEntry> = (0..plan.nodes)
            .map(|index| DirectoryEntry::new(&node_name(index)))
            .collect();
        let nodes = entries.iter().zip(0..).map(|(entry, index)| NodeSide {
            machine: Node::new(
                node_settings(index, entry, plan.lanes),
                0xfeed + u32::from(index),
                now,
            ),
            lanes: BTreeMap::new(),
            arrived: Vec::new(),
            unanswered: VecDeque::new(),
        });
        let mut cluster = Self {
            now,
            nodes: nodes.collect(),
            clients: Vec::new(),
            broadcast: Vec::new(),
            world: World {
                accounts: Arc::new(loaded.accounts),
                directory: Arc::new(Directory::new(entries)),
                throttles: false,
            },
            plan,
            started: false,
        };
        cluster.settle();
        assert!(
            cluster
                .nodes
                .iter()
                .all(|node| node.machine.status().is_up())
        );
        cluster.started = true;
        cluster.broadcast.clear();
        cluster
    }

    /// A client connects; bound to one node, or to none.
    pub(crate) fn connect(&mut self, node: Option<NodeId>) -> usize {
        let settings = SessionSettings {
            rates: ami_mux::Rates::default(),
            inflight_max: self.plan.inflight,
            action_deadline: NEVER,
            list_deadline: Duration::from_millis(500),
            event_hold_max: Duration::from_millis(100),
            auth_timeout: NEVER,
            label: "Node".into(),
            select: Arc::from(["Node".to_owned(), "Server".to_owned()]),
            routes: Arc::from([]),
            node,
            greeting_version: None,
            on_node_loss: OnNodeLoss::Keep,
            command_output: self.plan.command_output,
        };
        let start = SessionStart {
            id: SessionId(self.clients.len() as u64),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: false,
        };
        self.clients.push(ClientSide {
            session: Session::new(start, Arc::new(settings), &self.world, self.now),
            buffer: BytesMut::new(),
            written: Vec::new(),
            mail: Vec::new(),
            closed: false,
            view: Vec::new(),
        });
        self.settle();
        let index = self.clients.len() - 1;
        let greeting = self.clients[index].written.remove(0);
        assert!(greeting.bytes.starts_with(b"Asterisk Call Manager/"));
        index
    }

    /// A client connects and logs in, its name being its secret; what it was sent until then is taken off.
    pub(crate) fn log_in(&mut self, name: &str, node: Option<NodeId>) -> usize {
        let index = self.connect(node);
        let login = format!("Action: Login\r\nUsername: {name}\r\nSecret: {name}\r\n\r\n");
        self.say(index, login.as_bytes());
        let client = &mut self.clients[index];
        let answer = std::mem::take(&mut client.written);
        assert!(answer[0].bytes.starts_with(b"Response: Success\r\n"));
        index
    }

    /// The client's bytes come in.
    pub(crate) fn say(&mut self, client: usize, bytes: &[u8]) {
        self.clients[client].buffer.extend_from_slice(bytes);
        self.settle();
    }

    /// The client closes its side.
    pub(crate) fn close(&mut self, client: usize) {
        let session = &mut self.clients[client].session;
        session.client_eof(&self.world, self.now);
        self.settle();
    }

    /// Carries everything out until nothing moves.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut moved = false;
            for index in 0..self.clients.len() {
                moved |= self.run_client(index);
            }
            for index in 0..self.nodes.len() {
                moved |= self.run_node(index);
            }
            if !moved {
                return;
            }
        }
    }

    /// Answers the oldest unanswered action of each node; false when there is none.
    pub(crate) fn answer_round(&mut self) -> bool {
        let mut answered = false;
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            let Some(number) = node.unanswered.pop_front() else {
                continue;
            };
            answered = true;
            let arrived = &node.arrived[number];
            let id = arrived.message.header("ActionID").map(|id| {
                let id = String::from_utf8_lossy(id);
                format!("ActionID: {id}\r\n")
            });
            let answer = format!(
                "Response: Success\r\n{}Number: {index}/{number}\r\n\r\n",
                id.unwrap_or_default()
            );
            let lane = arrived.lane;
            self.node_says(index, lane, answer.as_bytes());
            self.settle();
        }
        answered
    }

    /// All lanes of all nodes are lost, and none can be had again.
    pub(crate) fn lose_all(&mut self) {
        for index in 0..self.nodes.len() {
            let side = &mut self.nodes[index];
            for lane in std::mem::take(&mut side.lanes).into_keys() {
                side.machine.lane_lost(lane, &LaneLoss::Eof, self.now);
            }
            while let Some(effect) = self.nodes[index].machine.poll_effect() {
                if !matches!(effect, NodeEffect::Open { .. }) {
                    self.carry_out(index, effect);
                }
            }
        }
        self.settle();
    }

    /// The node's bytes come in on the lane.
    pub(crate) fn node_says(&mut self, node: usize, lane: LaneId, bytes: &[u8]) {
        let side = &mut self.nodes[node];
        let Some(open) = side.lanes.get_mut(&lane) else {
            return;
        };
        open.said.extend_from_slice(bytes);
        while side.machine.lane_input(lane, &mut open.said, 8, self.now) {}
    }

    /// Lets time pass until the next timer, if one is due within `within`.
    pub(crate) fn wait(&mut self, within: Duration) -> bool {
        let timers = self
            .clients
            .iter()
            .filter_map(|client| client.session.poll_timeout());
        let nodes = self
            .nodes
            .iter()
            .filter_map(|node| node.machine.poll_timeout());
        let Some(at) = timers.chain(nodes).min() else {
            return false;
        };
        if at > self.now + within {
            return false;
        }
        self.now = self.now.max(at);
        let now = self.now;
        for client in &mut self.clients {
            if client.session.poll_timeout().is_some_and(|at| at <= now) {
                client.session.handle_timeout(&self.world, now);
            }
        }
        for node in &mut self.nodes {
            if node.machine.poll_timeout().is_some_and(|at| at <= now) {
                node.machine.handle_timeout(now);
            }
        }
        self.settle();
        true
    }

    /// The lanes of a node, the event lane first.
    pub(crate) fn lanes(&self, node: usize) -> Vec<(LaneId, LaneRole)> {
        let lanes = &self.nodes[node].lanes;
        lanes.iter().map(|(id, lane)| (*id, lane.role)).collect()
    }

    /// Nothing of an unfinished message is left on any lane.
    pub(crate) fn lanes_are_idle(&self) -> bool {
        let mut lanes = self.nodes.iter().flat_map(|node| node.lanes.values());
        lanes.all(|lane| lane.keeps.is_idle() && lane.discards.is_idle())
    }

    fn run_client(&mut self, index: usize) -> bool {
        let now = self.now;
        let client = &mut self.clients[index];
        let before = client.buffer.len();
        client
            .session
            .client_input(&mut client.buffer, &self.world, now);
        let mut moved = client.buffer.len() != before;
        while let Some(effect) = client.session.poll_effect() {
            moved = true;
            match effect {
                SessionEffect::Write { bytes, events } => {
                    let bytes = ami_proto::rewrite::join(bytes);
                    let event = events > 0;
                    client.written.push(Written { bytes, event });
                }
                SessionEffect::Submit(node, submission) => {
                    assert!(client.view.contains(&node), "a node that it may not see");
                    self.nodes[node.index()]
                        .machine
                        .submit(submission.addressed_to(index), now);
                }
                SessionEffect::LoggedIn { nodes, .. } => client.view = nodes,
                SessionEffect::Close(_) => client.closed = true,
                SessionEffect::Interest(_)
                | SessionEffect::Verify(_)
                | SessionEffect::Note(_)
                | SessionEffect::Security(_)
                | SessionEffect::Replay(_) => {}
            }
        }
        moved
    }

    fn run_node(&mut self, index: usize) -> bool {
        let mut moved = false;
        while let Some(effect) = self.nodes[index].machine.poll_effect() {
            moved = true;
            self.carry_out(index, effect);
        }
        let lanes: Vec<LaneId> = self.nodes[index].lanes.keys().copied().collect();
        for lane in lanes {
            moved |= self.run_lane(index, lane);
        }
        moved
    }

    fn carry_out(&mut self, index: usize, effect: NodeEffect<usize>) {
        let now = self.now;
        let id = NodeId(u16::try_from(index).expect("few nodes"));
        let side = &mut self.nodes[index];
        match effect {
            NodeEffect::Open { lane, role, .. } => {
                let open = Lane {
                    role,
                    keeps: Asterisk::new(FullBuffer::KeepLastByte),
                    discards: Asterisk::new(FullBuffer::Discard),
                    logged_in: false,
                    said: BytesMut::new(),
                };
                side.lanes.insert(lane, open);
                side.machine.lane_opened(lane, now);
                let greeting = format!("Asterisk Call Manager/{}\r\n", self.plan.version);
                self.node_says(index, lane, greeting.as_bytes());
            }
            NodeEffect::Close(lane) => {
                side.lanes.remove(&lane);
            }
            NodeEffect::Deliver(client, mail) => {
                let client = &mut self.clients[client];
                client.mail.push(mail.clone());
                client.session.mail(mail, &self.world, now);
            }
            NodeEffect::Broadcast(mail) => {
                for client in &mut self.clients {
                    if client.view.contains(&id) {
                        client.session.mail(mail.clone(), &self.world, now);
                    }
                }
                self.broadcast.push((id, mail));
            }
            NodeEffect::Status(status) => {
                let mut directory = Directory::clone(&self.world.directory);
                directory.entry_mut(id).expect("a node").status = status;
                self.world.directory = Arc::new(directory);
            }
            NodeEffect::Note(_) | NodeEffect::Heard(_) => {}
        }
    }

    /// Takes what the machine has for the lane, in pieces as a socket would.
    fn run_lane(&mut self, index: usize, id: LaneId) -> bool {
        let side = &mut self.nodes[index];
        let Some(queue) = side.machine.lane_output(id) else {
            return false;
        };
        let pieces = queue.iter().flat_map(|piece| piece.iter().copied());
        let bytes: Vec<u8> = pieces.take(self.plan.written).collect();
        if bytes.is_empty() {
            return false;
        }
        side.machine.lane_wrote(id, bytes.len(), self.now);
        let lane = side.lanes.get_mut(&id).expect("an open lane");
        let read = lane.keeps.read_all(&bytes, self.plan.read);
        assert_eq!(
            read,
            lane.discards.read_all(&bytes, self.plan.read),
            "old and new releases read the same"
        );
        for message in read {
            assert!(!message.too_long && !message.too_many, "{message:?}");
            self.on_message(index, id, message);
        }
        true
    }

    fn on_message(&mut self, index: usize, id: LaneId, message: Message) {
        let side = &mut self.nodes[index];
        let lane = side.lanes.get_mut(&id).expect("an open lane");
        let own = !std::mem::replace(&mut lane.logged_in, true) || !self.started;
        if !own && self.plan.marked && message.header(MARK).is_none() {
            return;
        }
        if !own {
            assert_ne!(lane.role, LaneRole::Event, "{message:?}");
            let number = side.arrived.len();
            side.arrived.push(Arrived { lane: id, message });
            side.unanswered.push_back(number);
            return;
        }
        let event_lane = lane.role == LaneRole::Event;
        let action = String::from_utf8_lossy(message.action().expect("an action")).into_owned();
        let action_id = message.header("ActionID").expect("an ActionID");
        let action_id = String::from_utf8_lossy(action_id).into_owned();
        let mut answer = format!("Response: Success\r\nActionID: {action_id}\r\n");
        match &*action {
            "Login" => answer += "Message: Authentication accepted\r\n",
            "ListCommands" => answer += self.plan.commands,
            "GetConfig" => answer += "Message: nothing\r\n",
            "Command" => answer += "Message: Command output follows\r\nOutput: \r\n",
            "CoreShowChannels" => {
                answer += "EventList: start\r\n\r\n";
                answer += &format!(
                    "Event: CoreShowChannelsComplete\r\nActionID: {action_id}\r\nEventList: Complete\r\nListItems: 0\r\n"
                );
            }
            other => panic!("{other} is no action of amiplex's own"),
        }
        answer += "\r\n";
        if event_lane {
            answer += "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 9\r\nLastReload: 9\r\nStatus: Fully Booted\r\n\r\n";
        }
        self.node_says(index, id, answer.as_bytes());
    }
}

/// Nodes are called `pbx0`, `pbx1` and so on.
pub(crate) fn node_name(index: u16) -> String {
    format!("pbx{index}")
}

fn node_settings(index: u16, entry: &DirectoryEntry, lanes: usize) -> NodeSettings {
    NodeSettings {
        id: NodeId(index),
        name: Arc::clone(&entry.name),
        objects: Some(entry.objects.clone()),
        username: "amiplex".into(),
        secret: Secret::new("s".to_owned()),
        md5: false,
        lanes_min: 1,
        lanes_max: lanes,
        blocking_max: 1,
        depth: 8,
        keepalive_interval: NEVER,
        keepalive_deadline: NEVER,
        keepalive_lag: NEVER,
        own_security_events: false,
        action_deadline: NEVER,
        lane_idle: NEVER,
        narrow_after: None,
        at_once: AtOnce::UNLIMITED,
        coalesce: Coalesce::default(),
    }
}
