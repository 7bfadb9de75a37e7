//! From a client's bytes to what an Asterisk reads: nothing but the actions that the client may run, each whole, in
//! order and unchanged; and whoever shares the lane is not touched.
//!
//! The input: eight bytes that choose account and settings, then what the client sends.

use std::collections::BTreeSet;
use std::time::Duration;

use ami_mux::NodeId;
use ami_proto::CommandOutput;

use crate::asterisk::Message;
use crate::cluster::{Cluster, Plan, node_name};
use crate::meaning::meaning;
use crate::messages::{self, header, headers};
use crate::rights::{LEARNED, Rights, Verdict};

/// Whoever shares the lanes; nobody guesses the name.
const OTHER: &str = "0b5f1c8e9d2a";

/// Lines that an account with variables adds to each Originate, and how manager.conf says so.
const VARIABLES: [&[u8]; 2] = [b"Variable: A=1", b"Variable: B=x\\,y"];
const SETVARS: &str = "setvar = A=1\nsetvar = B=x,y\n";

/// Bits of the fifth byte.
const SEVERAL_NODES: u8 = 1;
const HAS_VARIABLES: u8 = 2;
const ALLOW_LIST: u8 = 4;
const DENY_LIST: u8 = 8;
const KNOWS_COMMANDS: u8 = 16;
const DEFAULT_NODE: u8 = 32;
const STRANGER: u8 = 64;
const ANSWERS_LATE: u8 = 128;

/// How a run is set up.
struct Setup {
    rights: Rights,
    options: u8,
    /// Bytes of the client that come at a time.
    said: usize,
    inflight: usize,
    lanes: usize,
    written: usize,
    read: usize,
}

impl Setup {
    fn of([a, b, c, size, options, said, written, read]: [u8; 8]) -> Self {
        let up_to = |byte: u8| {
            if byte == 0 {
                usize::MAX
            } else {
                usize::from(byte) * 7
            }
        };
        Self {
            rights: Rights {
                classes: u32::from_le_bytes([a, b, c, 0]),
                allow: options & ALLOW_LIST != 0,
                deny: options & DENY_LIST != 0,
                learned: options & KNOWS_COMMANDS != 0,
            },
            options,
            said: up_to(said),
            inflight: usize::from(size % 16) + 1,
            lanes: usize::from(size >> 4) % 3 + 1,
            written: up_to(written),
            read: up_to(read),
        }
    }

    fn has(&self, option: u8) -> bool {
        self.options & option != 0
    }

    fn cluster(&self) -> Cluster {
        let mut account = self.rights.lines();
        if self.has(HAS_VARIABLES) {
            account += SETVARS;
        }
        if self.has(DEFAULT_NODE) {
            account += "default_node = pbx1\n";
        }
        if self.has(SEVERAL_NODES) {
            // Answers of different nodes may pass each other, and nothing in them would tell.
            account += "inflight = 1\n";
        }
        let manager_conf = format!(
            "[general]\n[hostile]\nsecret = hostile\nread = all\n{account}[{OTHER}]\nsecret = {OTHER}\nwrite = call\n"
        );
        Cluster::new(Plan {
            manager_conf,
            nodes: 2,
            lanes: self.lanes,
            inflight: self.inflight,
            written: self.written,
            read: self.read,
            marked: false,
            version: "11.0.0",
            command_output: CommandOutput::Native,
            commands: if self.rights.learned { LEARNED } else { "" },
        })
    }

    /// Whether an action may go to that node.
    fn may_go_to(&self, message: &Message, node: u16) -> bool {
        if !self.has(SEVERAL_NODES) {
            return node == 0;
        }
        match named_nodes(message) {
            Some(names) if names.contains(&b',') || names == b"*" => true,
            Some(name) => name == node_name(node).as_bytes(),
            None => true,
        }
    }

    /// The lines that the node is to read, our ActionID left out; `None` when they are more than Asterisk takes.
    fn lines_of(&self, message: &Message) -> Option<Vec<Vec<u8>>> {
        let action = message.action()?;
        let mut own = vec!["Action", "ActionID", "SuppressEvents"];
        if self.has(SEVERAL_NODES) {
            own.extend(["Node", "Server"]);
        }
        let mut lines = vec![[b"Action: ", action].concat()];
        let others = message.lines.iter();
        lines.extend(
            others
                .filter(|line| own.iter().all(|name| header(line, name).is_none()))
                .cloned(),
        );
        if self.has(HAS_VARIABLES) && action.eq_ignore_ascii_case(b"Originate") {
            lines.extend(VARIABLES.map(<[u8]>::to_vec));
        }
        (lines.len() <= 128).then_some(lines)
    }

    fn destiny(&self, message: &Message) -> Destiny {
        let has_cr = message.lines.iter().any(|line| line.contains(&b'\r'));
        let whole = !message.too_long && !message.too_many && !has_cr;
        let goes_somewhere = (0..2).any(|node| self.may_go_to(message, node));
        let verdict = match message.action() {
            Some(name) if whole && goes_somewhere && self.lines_of(message).is_some() => {
                self.rights.judge(name)
            }
            _ => Verdict::Denied,
        };
        // Where it goes that names no node, or several, the router decides.
        let names_one =
            named_nodes(message).is_some_and(|names| !names.contains(&b',') && names != b"*");
        match verdict {
            Verdict::Permitted if names_one || !self.has(SEVERAL_NODES) => Destiny::Goes,
            Verdict::Permitted | Verdict::Checked => Destiny::MayGo,
            Verdict::Unknown | Verdict::Denied | Verdict::Local => Destiny::Stays,
        }
    }
}

/// What is to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destiny {
    /// No byte of it goes to a node.
    Stays,
    MayGo,
    Goes,
}

/// What the header that chooses nodes says, without blanks around it.
fn named_nodes(message: &Message) -> Option<&[u8]> {
    let headers = ["Node", "Server"].into_iter();
    headers
        .filter_map(|name| message.header(name))
        .find(|value| !value.is_empty())
        .map(<[u8]>::trim_ascii)
}

/// Runs one input; panics when what must hold does not.
pub(crate) fn run(input: &[u8]) {
    let Some((head, said)) = input.split_first_chunk() else {
        return;
    };
    let setup = Setup::of(*head);
    let mut cluster = setup.cluster();
    let other = cluster.log_in(OTHER, Some(NodeId(0)));
    let node = (!setup.has(SEVERAL_NODES)).then_some(NodeId(0));
    let hostile = if setup.has(STRANGER) {
        cluster.connect(node)
    } else {
        cluster.log_in("hostile", node)
    };
    let mut asked = 0;
    let chunk = setup.said.min(said.len().max(1));
    for (number, part) in said.chunks(chunk).enumerate() {
        cluster.say(hostile, part);
        if number % 16 == 0 {
            ask(&mut cluster, other, &mut asked);
        }
        if !setup.has(ANSWERS_LATE) {
            finish(&mut cluster);
        }
    }
    ask(&mut cluster, other, &mut asked);
    finish(&mut cluster);
    cluster.close(hostile);
    finish(&mut cluster);
    assert!(cluster.clients[hostile].closed && cluster.lanes_are_idle());

    let of_other = check_other(&cluster, other, asked);
    let messages = meaning(said);
    let allowed = check_answers(&setup, &cluster, hostile, &messages);
    check_arrived(&setup, &cluster, &allowed, &of_other);
    let mut ids = BTreeSet::new();
    for arrived in cluster.nodes.iter().flat_map(|node| &node.arrived) {
        if let Some(id) = arrived.message.header("ActionID") {
            assert!(ids.insert(id.to_vec()), "an id of ours twice");
        }
    }
}

/// Whoever shares the lane asks its question.
fn ask(cluster: &mut Cluster, other: usize, asked: &mut usize) {
    let question = format!("Action: Getvar\r\nActionID: o{asked}\r\nVariable: V{asked}\r\n\r\n");
    cluster.say(other, question.as_bytes());
    *asked += 1;
}

/// Answers everything; an irregular action ends a second after its answer.
fn finish(cluster: &mut Cluster) {
    while cluster.answer_round() || cluster.wait(Duration::from_secs(2)) {}
}

/// The one who shares the lane got the answers to its own questions.
fn check_other(cluster: &Cluster, other: usize, asked: usize) -> BTreeSet<(usize, usize)> {
    let written = &cluster.clients[other].written;
    assert_eq!(written.len(), asked);
    let mut claimed = BTreeSet::new();
    for (number, written) in written.iter().enumerate() {
        let lines = messages::one(&written.bytes);
        assert_eq!(
            header(&lines[1], "ActionID"),
            Some(format!("o{number}").as_bytes())
        );
        let place = place_of(&lines).expect("its node's answer");
        assert!(claimed.insert(place), "an answer to two actions");
        let arrived = &cluster.nodes[place.0].arrived[place.1].message;
        assert_eq!(
            arrived.header("Variable"),
            Some(format!("V{number}").as_bytes())
        );
        assert_eq!(arrived.lines.len(), 3);
    }
    claimed
}

/// Each message of the client got one answer: its node's if it went up, else ours. Gives those that may have gone up.
fn check_answers<'m>(
    setup: &Setup,
    cluster: &Cluster,
    hostile: usize,
    messages: &'m [Message],
) -> Vec<&'m Message> {
    let mut answers = Vec::new();
    for written in &cluster.clients[hostile].written {
        assert!(!written.bytes.contains(&0), "a NUL");
        let lines = messages::one(&written.bytes);
        if header(&lines[0], "Response").is_some() {
            answers.push(lines);
        }
    }
    let mut allowed = Vec::new();
    let mut logged_in = !setup.has(STRANGER);
    let mut ended = false;
    let mut answers = answers.iter();
    for message in messages {
        let Some(lines) = answers.next() else {
            assert!(ended || !logged_in, "no answer to {message:?}");
            return allowed;
        };
        assert!(!ended, "an answer behind the end");
        check_id(message, lines);
        let destiny = if logged_in {
            setup.destiny(message)
        } else {
            Destiny::Stays
        };
        let place = place_of(lines);
        match (destiny, place) {
            (Destiny::Stays, None) | (Destiny::MayGo, _) => {}
            (Destiny::Goes, Some(_)) => assert_eq!(lines[0], b"Response: Success"),
            _ => panic!("{destiny:?}, {place:?}: {message:?}, {lines:?}"),
        }
        if let Some((node, number)) = place {
            let arrived = &cluster.nodes[node].arrived[number].message;
            assert_eq!(
                own_lines(arrived),
                setup.lines_of(message).expect("it went up")
            );
        }
        if destiny != Destiny::Stays {
            allowed.push(message);
        }
        logged_in |= lines.contains(&b"Message: Authentication accepted".to_vec());
        ended |= lines[0] == b"Response: Goodbye";
    }
    assert_eq!(answers.next(), None, "an answer to nothing");
    allowed
}

/// Every action that a node read is one of the client's that may go there, as it was sent, in order and once.
fn check_arrived(
    setup: &Setup,
    cluster: &Cluster,
    allowed: &[&Message],
    of_other: &BTreeSet<(usize, usize)>,
) {
    for (index, node) in (0..).zip(&cluster.nodes) {
        let mut expected = allowed
            .iter()
            .filter(|message| setup.may_go_to(message, index));
        for (number, arrived) in node.arrived.iter().enumerate() {
            if of_other.contains(&(usize::from(index), number)) {
                continue;
            }
            let lines = own_lines(&arrived.message);
            let found = expected.find(|message| setup.lines_of(message).as_ref() == Some(&lines));
            let message = found.unwrap_or_else(|| panic!("nobody's: {:?}", arrived.message));
            assert_eq!(arrived.message.action(), message.action());
        }
    }
}

/// The answer carries the client's own ActionID, and only that.
fn check_id(message: &Message, answer: &[Vec<u8>]) {
    let sent = message
        .header("ActionID")
        .filter(|id| !id.is_empty() && !id.contains(&b'\r'));
    let got: Vec<&[u8]> = headers(answer, "ActionID").collect();
    assert_eq!(got, sent.into_iter().collect::<Vec<_>>(), "{message:?}");
}

/// The lines that a node read without our ActionID, which is the second.
fn own_lines(arrived: &Message) -> Vec<Vec<u8>> {
    let mut lines = arrived.lines.clone();
    let ids: Vec<&[u8]> = headers(&lines, "ActionID").collect();
    match *ids {
        [id] => {
            assert!(
                id.len() <= 32 && id.starts_with(b"amx1-0000fee"),
                "{arrived:?}"
            );
            assert!(header(&lines[1], "ActionID").is_some(), "{arrived:?}");
            lines.remove(1);
        }
        // With 128 lines of the client there is no room for one.
        _ => assert!(ids.is_empty() && lines.len() == 128, "{arrived:?}"),
    }
    lines
}

/// Which action the node says that this answers.
fn place_of(answer: &[Vec<u8>]) -> Option<(usize, usize)> {
    let number = headers(answer, "Number").next()?;
    let number = std::str::from_utf8(number).expect("ours");
    let (node, number) = number.split_once('/').expect("ours");
    Some((node.parse().expect("ours"), number.parse().expect("ours")))
}
