//! A client that knows what it asked and checks what it gets.

use std::collections::VecDeque;
use std::time::Duration;

use ami_mux::{Mail, Session};
use ami_proto::{Frame, FrameDecoder, FrameKind, Limits, ListMarker};
use bytes::BytesMut;

/// So old may an answer be that is given to a client without events.
pub(crate) const CACHE_AGE: Duration = Duration::from_millis(300);

/// What a client expects next.
pub(crate) struct Asked {
    pub(crate) id: Option<String>,
    pub(crate) token: String,
    pub(crate) kind: &'static str,
    /// The client had its events off when it asked.
    pub(crate) quiet: bool,
}

/// An answer that was kept for somebody else.
pub(crate) struct Kept {
    /// When the node began it, in microseconds.
    pub(crate) begun: u128,
    /// How many actions of this client had been answered before.
    pub(crate) after: usize,
}

/// One client with its session.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) inbox: VecDeque<Mail>,
    pub(crate) to_session: BytesMut,
    pub(crate) asked: VecDeque<Asked>,
    pub(crate) subscribed: bool,
    pub(crate) sees_agents: bool,
    /// No answer is later than the gate holds.
    pub(crate) strict_gate: bool,
    pub(crate) ended: bool,
    from_session: BytesMut,
    decoder: FrameDecoder,
    greeted: bool,
    /// Tokens whose action was answered, with the outcome, in order.
    pub(crate) answered: Vec<(String, &'static str, Outcome)>,
    pub(crate) kept: Vec<Kept>,
    /// The age that the list tells which is coming, in microseconds.
    age: Option<u128>,
    /// The client has its events off.
    pub(crate) quiet: bool,
    /// A list whose Complete is awaited.
    listing: Option<u64>,
}

/// How an action ended, as the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    NotSent,
    Unknown,
}

impl Client {
    pub(crate) fn new(session: Session, sees_agents: bool, strict_gate: bool) -> Self {
        Self {
            session,
            inbox: VecDeque::new(),
            to_session: BytesMut::new(),
            asked: VecDeque::new(),
            subscribed: false,
            sees_agents,
            strict_gate,
            ended: false,
            from_session: BytesMut::new(),
            decoder: FrameDecoder::new(Limits::default()),
            greeted: false,
            answered: Vec::new(),
            kept: Vec::new(),
            age: None,
            quiet: false,
            listing: None,
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        assert!(
            !bytes.windows(5).any(|window| window == b"amx1-"),
            "a wire id reached a client"
        );
        self.from_session.extend_from_slice(bytes);
        if !self.greeted {
            let Some(end) = self.from_session.iter().position(|byte| *byte == b'\n') else {
                return;
            };
            let greeting = self.from_session.split_to(end + 1);
            assert!(greeting.starts_with(b"Asterisk Call Manager/"));
            self.greeted = true;
        }
        while let Some(frame) = self
            .decoder
            .decode(&mut self.from_session)
            .expect("well-formed")
        {
            self.on_frame(&frame);
        }
    }

    fn on_frame(&mut self, frame: &Frame) {
        if frame.kind() == FrameKind::Response {
            self.on_response(frame);
        } else if self.listing.is_some() && (self.strict_gate || is_of_list(frame)) {
            // The output of a list is contiguous: nothing else may come before its end.
            self.on_list_event(frame);
        } else {
            self.on_event(frame);
        }
    }

    fn on_response(&mut self, frame: &Frame) {
        assert!(self.listing.is_none(), "a response in the middle of a list");
        let asked = self.asked.front().expect("an answer to nothing");
        let id = frame
            .action_id()
            .map(|id| String::from_utf8_lossy(id).into_owned());
        assert_eq!(id, asked.id, "the answer of somebody else, or out of order");
        if frame.list_marker() == Some(ListMarker::Start) {
            assert!(matches!(asked.kind, "list" | "poll"));
            self.listing = Some(0);
            self.age = frame.header("CacheAge").map(|age| {
                assert!(asked.quiet, "an old answer beside events");
                let age: u128 = String::from_utf8_lossy(age).parse().expect("a number");
                assert!(age <= CACHE_AGE.as_millis(), "too old: {age}");
                age * 1000
            });
            return;
        }
        if frame.response() == Some(b"Success") && asked.kind == "getvar" {
            assert_eq!(
                frame.header("Value"),
                Some(asked.token.as_bytes()),
                "another's value"
            );
        }
        self.finish(outcome(frame));
    }

    fn on_list_event(&mut self, frame: &Frame) {
        let asked = self.asked.front().expect("a list of nobody");
        let id = frame
            .action_id()
            .map(|id| String::from_utf8_lossy(id).into_owned());
        assert_eq!(id, asked.id, "an event in the middle of a list");
        match frame.list_marker() {
            None if asked.kind == "poll" => {
                let begun = String::from_utf8_lossy(frame.header("Begun").expect("a time"));
                let begun: u128 = begun.parse().expect("a number");
                let asked_at: u128 = asked.token.parse().expect("when it was asked");
                let age = self.age.unwrap_or_default();
                assert!(begun + age >= asked_at, "an answer older than it may be");
                if self.age.is_some() {
                    self.kept.push(Kept {
                        begun,
                        after: self.answered.len(),
                    });
                }
                self.listing = self.listing.map(|items| items + 1);
            }
            None => {
                assert_eq!(
                    frame.header("Token"),
                    Some(asked.token.as_bytes()),
                    "an item of another's list"
                );
                self.listing = self.listing.map(|items| items + 1);
            }
            Some(_) => {
                let items = String::from_utf8_lossy(frame.header("ListItems").expect("a count"))
                    .into_owned();
                assert_eq!(items, self.listing.unwrap_or_default().to_string());
                self.listing = None;
                self.finish(outcome(frame));
            }
        }
    }

    fn on_event(&mut self, frame: &Frame) {
        match frame.event_name() {
            Some(b"QueueMemberAdded") => {
                assert!(self.sees_agents, "an event that this account may not see");
                let token =
                    String::from_utf8_lossy(frame.header("Queue").unwrap_or_default()).into_owned();
                let own = self.asked.iter().any(|asked| asked.token == token);
                assert!(
                    !(own && self.strict_gate),
                    "an event before the answer of the action that caused it"
                );
            }
            Some(b"OriginateResponse") => {
                let token =
                    String::from_utf8_lossy(frame.header("Token").unwrap_or_default()).into_owned();
                let expected = token
                    .rsplit_once('/')
                    .map(|(_, id)| id.to_owned())
                    .filter(|id| !id.is_empty());
                let id = frame
                    .action_id()
                    .map(|id| String::from_utf8_lossy(id).into_owned());
                assert_eq!(id, expected, "the original ActionID, for everyone");
                let own = self.asked.iter().any(|asked| asked.token == token);
                assert!(
                    !(own && self.strict_gate),
                    "an OriginateResponse before its answer"
                );
            }
            _ => {}
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        let asked = self.asked.pop_front().expect("checked above");
        self.answered.push((asked.token, asked.kind, outcome));
    }
}

/// A list that takes longer than its deadline does not hold events any more.
fn is_of_list(frame: &Frame) -> bool {
    frame.event_name().is_some_and(|name| {
        name.starts_with(b"CoreShowChannel") || name.starts_with(b"QueueSummary")
    })
}

fn outcome(frame: &Frame) -> Outcome {
    match frame.header("Outcome") {
        Some(b"not-sent") => Outcome::NotSent,
        Some(b"unknown") => Outcome::Unknown,
        _ => Outcome::Success,
    }
}
