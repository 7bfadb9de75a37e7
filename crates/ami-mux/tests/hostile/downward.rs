//! From a node's bytes to what clients are sent: each message reaches whom it answers, or those who may see it, whole
//! and under the client's own ActionID; nothing on the event lane answers anybody.
//!
//! The input: one byte of settings, then what the node says. `ff n` turns to lane `n`; `fe n` stands for the wire id of
//! action `n`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ami_mux::{LaneId, LaneRole, Mail, NodeId};
use ami_proto::CommandOutput;

use crate::cluster::{Cluster, MARK, Plan};
use crate::messages::{NodeMessage, NodeReader, header, headers, is_wire_id};

const SEVERAL_NODES: u8 = 1;
const OLD_LISTS: u8 = 2;
const WANTS_OUTPUT: u8 = 4;
const WANTS_FOLLOWS: u8 = 8;

const SEES_ALL: &str = "sees-all";
const SEES_CALLS: &str = "sees-calls";

/// Who asks what, one action each with an answer of another form; a client's own follow each other.
const ASKED: [(usize, &str, &str); 10] = [
    (0, "0a", "Action: Getvar|Variable: x"),
    (0, "0b", "Action: Getvar|Variable: y"),
    (1, "1a", "Action: CoreShowChannels"),
    (
        2,
        "2a",
        "Action: UserEvent|UserEvent: x|Event: Hangup|Response: Success|Privilege: all",
    ),
    (3, "3a", "Action: Originate|Channel: c|Async: true"),
    (4, "4a", "Action: FAXStats"),
    (4, "4b", "Action: JabberSend"),
    (5, "5a", "Action: Originate|Channel: c"),
    (6, "", "Action: QueueReset"),
    (7, "7a", "Action: Command|Command: core show version"),
];

/// An action that is under way, as the test knows it.
struct Asked {
    client: usize,
    id: &'static str,
    /// None for the one that is matched by order.
    wire: Option<Vec<u8>>,
    lane: LaneId,
    /// It has its lane for itself.
    alone: bool,
    /// What it answers is put into another form.
    converted: bool,
    ended: bool,
}

struct Run {
    cluster: Cluster,
    asked: Vec<Asked>,
    readers: BTreeMap<LaneId, NodeReader>,
    /// Messages that came on a lane and have not been seen to have an effect.
    said: BTreeMap<LaneId, Vec<NodeMessage>>,
}

/// Runs one input; panics when what must hold does not.
pub(crate) fn run(input: &[u8]) {
    let Some((options, said)) = input.split_first() else {
        return;
    };
    let mut run = Run::new(*options);
    let lanes: Vec<LaneId> = run.cluster.lanes(0).into_iter().map(|(id, _)| id).collect();
    let mut lane = lanes[0];
    let mut line = Vec::new();
    let mut bytes = said.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            0xff => {
                run.say(lane, &std::mem::take(&mut line));
                lane = lanes[usize::from(bytes.next().unwrap_or_default()) % lanes.len()];
            }
            0xfe => {
                let number = usize::from(bytes.next().unwrap_or_default()) % run.asked.len();
                line.extend(run.asked[number].wire.iter().flatten());
            }
            _ => line.push(byte),
        }
        if byte == b'\n' {
            run.say(lane, &std::mem::take(&mut line));
        }
    }
    run.say(lane, &line);
    for _ in 0..64 {
        if !run.cluster.wait(Duration::from_secs(3)) {
            break;
        }
        run.check_replies();
    }
    run.cluster.lose_all();
    run.check_written(*options);
}

impl Run {
    fn new(options: u8) -> Self {
        let account = |name: &str, read: &str| {
            format!("[{name}]\nsecret = {name}\nread = {read}\nwrite = all\ndefault_node = pbx0\n")
        };
        let mut cluster = Cluster::new(Plan {
            manager_conf: format!(
                "[general]\n{}{}",
                account(SEES_ALL, "all"),
                account(SEES_CALLS, "call")
            ),
            nodes: 2,
            lanes: 5,
            inflight: 4,
            written: usize::MAX,
            read: usize::MAX,
            marked: true,
            version: if options & OLD_LISTS != 0 {
                "2.5.0"
            } else {
                "11.0.0"
            },
            command_output: command_output(options),
            commands: "",
        });
        let node = (options & SEVERAL_NODES == 0).then_some(NodeId(0));
        for client in 0..8 {
            cluster.log_in(name_of(client), node);
        }
        for (client, id, text) in ASKED {
            let mut lines: Vec<String> = text.split('|').map(ToOwned::to_owned).collect();
            lines.push(format!("{MARK}: {client}{id}"));
            if id.is_empty() {
                lines.resize(128, "Filler: x".to_owned());
            } else {
                lines.push(format!("ActionID: {id}"));
            }
            cluster.say(client, (lines.join("\r\n") + "\r\n\r\n").as_bytes());
        }
        let asked = ASKED.map(|(client, id, _)| {
            let mark = format!("{client}{id}");
            let mut arrived = cluster.nodes[0].arrived.iter();
            let arrived = arrived
                .find(|arrived| arrived.message.header(MARK) == Some(mark.as_bytes()))
                .expect("everything is under way");
            Asked {
                client,
                id,
                wire: arrived.message.header("ActionID").map(<[u8]>::to_vec),
                lane: arrived.lane,
                alone: ["1a", "5a", "", "7a"].contains(&id),
                converted: id == "7a" && command_output(options) != CommandOutput::Native,
                ended: false,
            }
        });
        for client in &mut cluster.clients {
            client.mail.clear();
            client.written.clear();
        }
        Self {
            cluster,
            asked: asked.into(),
            readers: BTreeMap::new(),
            said: BTreeMap::new(),
        }
    }

    /// The node says at most one line.
    fn say(&mut self, lane: LaneId, bytes: &[u8]) {
        let reader = self.readers.entry(lane).or_default();
        if let Some(message) = reader.read(bytes) {
            self.said.entry(lane).or_default().push(message);
        }
        self.cluster.node_says(0, lane, bytes);
        self.cluster.settle();
        self.check_replies();
        self.check_events();
    }

    /// What a session was sent answers its own action, on that action's lane.
    fn check_replies(&mut self) {
        for client in 0..self.cluster.clients.len() {
            for mail in std::mem::take(&mut self.cluster.clients[client].mail) {
                if let Mail::Reply {
                    seq, bytes, last, ..
                } = mail
                {
                    let bytes: Vec<u8> = bytes.iter().flat_map(|slice| slice.to_vec()).collect();
                    let number = usize::try_from(seq.0).expect("few actions");
                    self.check_reply(client, number, &bytes, last);
                }
            }
        }
    }

    fn check_reply(&mut self, client: usize, number: usize, bytes: &[u8], last: bool) {
        let wires: BTreeSet<Vec<u8>> = self
            .asked
            .iter()
            .filter_map(|asked| asked.wire.clone())
            .collect();
        let mut of_client = self.asked.iter_mut().filter(|asked| asked.client == client);
        let asked = of_client.nth(number).expect("an action of that session");
        assert!(!asked.ended, "an answer after the last one");
        asked.ended = last;
        // Of a message with nothing but our id a blank line is left; no Asterisk sends one.
        if bytes.trim_ascii().is_empty() {
            assert!(last || !bytes.is_empty());
            return;
        }
        let reply = NodeMessage::of(bytes);
        let said = self.said.entry(asked.lane).or_default();
        // What has no id of an action under way answers the one that went up without, or is an item of the only list.
        let nameless = |message: &NodeMessage| {
            let is_item = asked.alone && header(&message.lines[0], "Event").is_some();
            let is_free = message.wire_id().is_none_or(|id| !wires.contains(id));
            is_free && (asked.wire.is_none() || is_item)
        };
        let is_it = |message: &NodeMessage| {
            let by_id = message.wire_id().is_some() && message.wire_id() == asked.wire.as_deref();
            (by_id || nameless(message))
                && (asked.converted || message.under(asked.id).is_as(&reply))
        };
        let found = said.iter().position(is_it);
        let found = found.unwrap_or_else(|| panic!("{}: {reply:?} of {said:?}", asked.id));
        // What came before it on this lane had no effect, or it would have been seen.
        said.drain(..=found);
    }

    /// What all sessions are told was said on the event lane, as an event.
    fn check_events(&mut self) {
        let (event_lane, role) = self.cluster.lanes(0)[0];
        assert_eq!(role, LaneRole::Event);
        for (_, mail) in std::mem::take(&mut self.cluster.broadcast) {
            let Mail::Event(event) = mail else { continue };
            let event = NodeMessage::of(event.plain());
            assert!(header(&event.lines[0], "Event").is_some(), "{event:?}");
            let said = self.said.entry(event_lane).or_default();
            let found = said
                .iter()
                .position(|message| message.without_ids().is_as(&event.without_ids()));
            let found = found.unwrap_or_else(|| panic!("{event:?} of {said:?}"));
            said.drain(..=found);
        }
    }

    /// What clients were sent at last.
    fn check_written(&self, options: u8) {
        for (number, client) in self.cluster.clients.iter().enumerate() {
            assert_eq!(client.session.inflight(), 0, "an action without an end");
            let mut own = self.asked.iter().filter(|asked| asked.client == number);
            let mut answering = own.next().expect("each asks");
            for written in &client.written {
                if written.bytes.trim_ascii().is_empty() {
                    continue;
                }
                let message = NodeMessage::of(&written.bytes);
                let ids: Vec<&[u8]> = headers(&message.lines, "ActionID").collect();
                let leaks = ids.iter().any(|id| is_wire_id(id));
                assert!(!leaks || message.is_follows(), "{message:?}");
                if written.event {
                    check_event(&message, number, options);
                } else if header(&message.lines[0], "Response").is_some() {
                    let id = ids.first().copied().unwrap_or_default();
                    let is_it = |asked: &&Asked| asked.wire.is_none() || asked.id.as_bytes() == id;
                    let found = Some(answering).filter(is_it).or_else(|| own.find(is_it));
                    answering = found.unwrap_or_else(|| panic!("{number}: {message:?}"));
                }
            }
        }
    }
}

/// An event that a client sees is one that it may see, labelled where it sees several nodes.
fn check_event(message: &NodeMessage, client: usize, options: u8) {
    assert!(header(&message.lines[0], "Event").is_some(), "{message:?}");
    if name_of(client) == SEES_CALLS {
        let privilege = headers(&message.lines, "Privilege").next();
        let privilege = String::from_utf8_lossy(privilege.unwrap_or_else(|| panic!("{message:?}")));
        let labels = privilege.strip_suffix(",all").unwrap_or(&privilege);
        let visible = labels == "<none>" || labels.split(',').all(|label| label == "call");
        assert!(visible, "{message:?}");
    }
    if options & SEVERAL_NODES != 0 {
        let labels: Vec<&[u8]> = headers(&message.lines, "Node").collect();
        assert!(matches!(*labels, [b"pbx0" | b"pbx1"]), "{message:?}");
    }
}

fn command_output(options: u8) -> CommandOutput {
    if options & WANTS_OUTPUT != 0 {
        CommandOutput::Output
    } else if options & WANTS_FOLLOWS != 0 {
        CommandOutput::Follows
    } else {
        CommandOutput::Native
    }
}

fn name_of(client: usize) -> &'static str {
    if client.is_multiple_of(2) {
        SEES_ALL
    } else {
        SEES_CALLS
    }
}
