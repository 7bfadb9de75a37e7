//! A client of all nodes that knows what it asked, and keeps a table of channels from what it is told.
//!
//! Answers of different nodes come in no order, so each action has an ActionID; other clients have the same.

use std::collections::{BTreeMap, VecDeque};

use ami_mux::{Mail, Session};
use ami_proto::{Frame, FrameDecoder, FrameKind, Limits, ListMarker};
use bytes::BytesMut;

use crate::NODES;
use crate::asterisk::Row;

/// What kind of action it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Answered by amiplex.
    Own,
    /// Names a channel, and no node.
    ByChannel,
    /// Names a node.
    ByNode(usize),
    /// An Originate, placed by the rule.
    Call,
    /// The channels of all nodes.
    List,
    /// At each of several nodes.
    Each,
}

/// What a client expects next.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) token: String,
    pub(crate) kind: Kind,
    /// How many nodes had gone before.
    downs: u32,
}

/// How an action ended, as the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Error,
    NotSent,
    Unknown,
}

/// One client with its session.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) inbox: VecDeque<Mail>,
    pub(crate) to_session: BytesMut,
    pub(crate) asked: BTreeMap<String, Asked>,
    pub(crate) answered: Vec<(Asked, Outcome)>,
    pub(crate) subscribed: bool,
    /// It takes nothing until then.
    pub(crate) slow_until: Option<std::time::Instant>,
    /// Channels by node and Uniqueid.
    pub(crate) table: BTreeMap<(String, String), Row>,
    /// It was there before all channels, or has seen a list of all nodes since.
    pub(crate) knows_all: bool,
    /// Nodes of whose channels it knows from events alone, from the first on.
    pub(crate) hears_all_of: [bool; NODES],
    /// Events are never behind the lists: then what these nodes tell fits together without exception.
    is_strict: bool,
    from_session: BytesMut,
    decoder: FrameDecoder,
    greeted: bool,
    /// Items of the lists that have begun, by ActionID.
    listing: BTreeMap<String, u64>,
    last_id: u32,
    /// Nodes that have gone, each time.
    downs: u32,
}

impl Client {
    pub(crate) fn new(session: Session, knows_all: bool, is_strict: bool) -> Self {
        Self {
            session,
            inbox: VecDeque::new(),
            to_session: BytesMut::new(),
            asked: BTreeMap::new(),
            answered: Vec::new(),
            subscribed: false,
            slow_until: None,
            table: BTreeMap::new(),
            knows_all,
            hears_all_of: [knows_all; NODES],
            is_strict,
            from_session: BytesMut::new(),
            decoder: FrameDecoder::new(Limits::default()),
            greeted: false,
            listing: BTreeMap::new(),
            last_id: 0,
            downs: 0,
        }
    }

    /// Sends an action whose lines are these, and its token unless it is a list: equal ones may be asked of a node once.
    pub(crate) fn ask(&mut self, token: &str, kind: Kind, lines: &str) {
        self.last_id += 1;
        let id = self.last_id.to_string();
        let line = match kind {
            Kind::List => String::new(),
            _ => format!("Token: {token}/{id}\r\n"),
        };
        let message = format!("{lines}{line}ActionID: {id}\r\n\r\n");
        self.to_session.extend_from_slice(message.as_bytes());
        let token = format!("{token}/{id}");
        let downs = self.downs;
        self.asked.insert(id, Asked { token, kind, downs });
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        assert!(
            !bytes.windows(5).any(|window| window == b"amx1-"),
            "a wire id reached a client"
        );
        self.from_session.extend_from_slice(bytes);
        if !self.greeted {
            let end = self.from_session.iter().position(|byte| *byte == b'\n');
            let Some(end) = end else { return };
            let greeting = self.from_session.split_to(end + 1);
            assert!(greeting.starts_with(b"Asterisk Call Manager/"));
            self.greeted = true;
        }
        while let Some(frame) = self
            .decoder
            .decode(&mut self.from_session)
            .expect("messages")
        {
            match frame.event_name().unwrap_or_default() {
                _ if frame.kind() == FrameKind::Response => self.on_response(&frame),
                b"CoreShowChannel"
                | b"CoreShowChannelsComplete"
                | b"NodeResponse"
                | b"NodeResponseComplete" => self.on_list_event(&frame),
                _ => self.on_event(&frame),
            }
        }
    }

    fn asked(&self, frame: &Frame) -> (String, Asked) {
        let id = text(frame, "ActionID");
        let asked = self.asked.get(&id).cloned();
        let asked = asked.unwrap_or_else(|| panic!("nobody waits for it: {:?}", frame.bytes()));
        (id, asked)
    }

    fn on_response(&mut self, frame: &Frame) {
        let (id, asked) = self.asked(frame);
        if frame.list_marker() == Some(ListMarker::Start) {
            assert!(matches!(asked.kind, Kind::List | Kind::Each));
            assert!(self.listing.insert(id, 0).is_none(), "begun twice");
            return;
        }
        assert!(!self.listing.contains_key(&id), "a response in its list");
        self.finish(&id, outcome(frame));
    }

    fn on_list_event(&mut self, frame: &Frame) {
        let (id, asked) = self.asked(frame);
        let items = self.listing.get_mut(&id).expect("begun");
        if frame.list_marker().is_none() {
            *items += 1;
            if asked.kind == Kind::List && !self.hears_all(frame) {
                let row = (text(frame, "Channel"), text(frame, "ChannelState"));
                self.table.insert(key(frame), row);
            }
            return;
        }
        assert_eq!(text(frame, "ListItems"), items.to_string());
        self.listing.remove(&id);
        let ok: usize = text(frame, "NodesOk").parse().expect("a count");
        let failed = text(frame, "NodesFailed").matches(" (").count();
        assert_eq!(ok + failed, NODES, "{:?}", frame.bytes());
        assert!(failed > 0 || text(frame, "EventList") == "Complete");
        let whole = failed == 0 && asked.downs == self.downs;
        self.knows_all |= whole && asked.kind == Kind::List;
        self.finish(&id, outcome(frame));
    }

    fn hears_all(&self, frame: &Frame) -> bool {
        let (node, _) = key(frame);
        (0..NODES).any(|index| self.hears_all_of[index] && node == format!("pbx{index}"))
    }

    /// The events about channels, in a panel's way: what it does not know it begins to know, what it does not know cannot end.
    fn on_event(&mut self, frame: &Frame) {
        let name = frame.event_name().unwrap_or_default();
        let about_channels = [&b"Newchannel"[..], b"Newstate", b"Rename", b"Hangup"];
        if self.is_strict && about_channels.contains(&name) && self.hears_all(frame) {
            let is_known = self.table.contains_key(&key(frame));
            assert_eq!(is_known, name != b"Newchannel", "{:?}", frame.bytes());
        }
        match name {
            b"Newchannel" | b"Newstate" => {
                let row = (text(frame, "Channel"), text(frame, "ChannelState"));
                self.table.insert(key(frame), row);
            }
            b"Rename" => {
                if let Some(row) = self.table.get_mut(&key(frame)) {
                    row.0 = text(frame, "Newname");
                }
            }
            b"Hangup" => {
                self.table.remove(&key(frame));
            }
            b"NodeDown" => self.lost(&text(frame, "Node")),
            b"OriginateResponse" => {
                let token = text(frame, "Token");
                let id = token.rsplit_once('/').map(|(_, id)| id.to_owned());
                assert_eq!(text(frame, "ActionID"), id.unwrap_or_default());
            }
            _ => {}
        }
    }

    /// A list may have had channels of which amiplex never heard: what it told is not to be trusted any more, and is asked for anew.
    fn lost(&mut self, node: &str) {
        let hears = (0..NODES).find(|index| node == format!("pbx{index}"));
        if !self.hears_all_of[hears.expect("a node")] {
            self.table.retain(|(of, _), _| of != node);
            self.knows_all = false;
            self.downs += 1;
        }
    }

    fn finish(&mut self, id: &str, outcome: Outcome) {
        let asked = self.asked.remove(id).expect("looked at before");
        self.answered.push((asked, outcome));
    }
}

/// The node by its label, which the Uniqueid must agree with, and the Uniqueid.
fn key(frame: &Frame) -> (String, String) {
    let (node, id) = (text(frame, "Node"), text(frame, "Uniqueid"));
    assert!(
        node.strip_prefix("pbx") == id.split('u').next(),
        "another node's: {:?}",
        frame.bytes()
    );
    (node, id)
}

fn text(frame: &Frame, name: &str) -> String {
    String::from_utf8_lossy(frame.header(name).unwrap_or_default()).into_owned()
}

fn outcome(frame: &Frame) -> Outcome {
    match frame.header("Outcome") {
        Some(b"not-sent") => Outcome::NotSent,
        Some(b"unknown") => Outcome::Unknown,
        _ if frame.response() == Some(b"Error") => Outcome::Error,
        _ => Outcome::Success,
    }
}
