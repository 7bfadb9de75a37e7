//! Recorded exchanges, sent again to a real node directly and through amiplex: the answers are the same bytes.
//!
//! `transcripts/NAME.in` is what a client sent. `@RUN@` in it stands for a word of the run, by which its own events are told from
//! those of other tests; `@KEY@` for the MD5 key of the challenge it was given. As the recorded client did, a message is sent when the
//! one before it is answered, unless the file is among those that were sent at once.

use std::path::PathBuf;
use std::time::Duration;

use ami_proto::challenge::md5_key;
use ami_proto::{Frame, FrameKind, Line, ListMarker};
use ami_sim::{ClientError, SimClient};

use crate::support::Setup;
use crate::support::asterisk;
use crate::support::watch::{assert_no_wire_id, direct, mark, stream, succeeds, token};

/// What lies behind the login went out at once.
const AT_ONCE: [&str; 3] = [
    "pipelined",
    "logoff-pipelined",
    "originate-sync-blocks-session",
];
/// What went out byte by byte.
const IN_BYTES: [&str; 1] = ["split-writes"];
/// Files that wait for the OriginateResponse of each async Originate.
const AWAITS_ORIGINATE: [&str; 4] = [
    "originate-async",
    "originate-async-noid",
    "originate-fail",
    "variable-headers",
];

/// Values that change from moment to moment, whoever is asked.
const VOLATILE: &[&str] = &[
    "Timestamp",
    "Challenge",
    "Uptime",
    "LastReload",
    "CoreStartupTime",
    "CoreStartupDate",
    "CoreReloadTime",
    "CoreReloadDate",
    "CoreCurrentCalls",
    "CoreProcessedCalls",
    "ListItems",
    "Items",
    "Calls",
    "Holdtime",
    "TalkTime",
    "Completed",
    "Abandoned",
    "ServicelevelPerf",
    "ServicelevelPerf2",
    "CallsTaken",
    "LastCall",
    "LastPause",
    "LoginTime",
    "InCall",
    "Status",
    "LoggedIn",
    "Available",
    "Callers",
    "HoldTime",
    "LongestHoldTime",
    "Channel",
    "Uniqueid",
    "CurrentDeviceState",
];
/// Items about what other tests do at the same time.
const OF_OTHERS: &[&[u8]] = &[
    b"CoreShowChannel",
    b"Status",
    b"BridgeListItem",
    b"QueueEntry",
    b"ParkedCall",
    b"DeviceStateChange",
    b"ConfbridgeListRooms",
];
/// Events that are the run's own when they have its word. Those of channels come from several threads of the node, in no fixed order.
const OWN_EVENTS: &[&[u8]] = &[
    b"UserEvent",
    b"OriginateResponse",
    b"QueueMemberAdded",
    b"QueueMemberRemoved",
    b"QueueMemberPause",
    b"QueueMemberPenalty",
    b"VarSet",
];

/// Replayed at 22 alone: filters run in amiplex, by the rules of 22 for nodes of every version.
const RULES_OF_22: [&str; 1] = ["filter-action"];

/// A line that is answered otherwise on purpose: where, what directly, what through amiplex, and why.
struct Difference {
    transcript: &'static str,
    nodes: &'static [&'static str],
    directly: &'static str,
    through: &'static str,
    #[expect(dead_code, reason = "for the reader of this table")]
    why: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        transcript: "malformed",
        nodes: &["pbx1", "pbx2"],
        directly: "Ping\rActionID: cronly\r\r.",
        through: "Ping?ActionID: cronly??.",
        why: "a CR from outside is never written, not even where it is data (I12)",
    },
    Difference {
        transcript: "getconfig",
        nodes: &["pbx1", "pbx2"],
        directly: "ActionID: 6\nMessage: Config file not found",
        through: "ActionID: 6\nMessage: File requires escalated privileges",
        why: "amiplex judges a file outside the node's configuration by its name and does not ask whether it exists",
    },
];

/// The recorded messages: up to and with each blank line.
fn messages(text: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let Some(last) = all.last_mut() {
            last.extend_from_slice(line);
        }
        if line == b"\n" || line == b"\r\n" {
            all.push(Vec::new());
        }
    }
    all.retain(|message| !message.is_empty());
    all
}

/// One end of the comparison: a way to reach a node, with a client that makes marks and one that sees them.
struct Way {
    address: std::net::SocketAddr,
    actor: SimClient,
    watcher: SimClient,
}

/// A recording under way.
struct Replay<'a> {
    name: &'a str,
    word: String,
    client: SimClient,
    way: &'a mut Way,
    seen: Vec<Frame>,
    challenge: String,
    closed: bool,
}

const PINGS: &str = "replayed";

impl Replay<'_> {
    async fn frame(&mut self) -> Option<Frame> {
        match self.client.next_frame().await {
            Ok(frame) => {
                if let Some(challenge) = frame.header("Challenge") {
                    self.challenge = String::from_utf8_lossy(challenge).into_owned();
                }
                self.seen.push(frame.clone());
                Some(frame)
            }
            Err(ClientError::Closed) => {
                self.closed = true;
                None
            }
            Err(error) => panic!("{}: {error} after {:?}", self.name, self.seen.last()),
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// Reads the answer of a message, with the list that it begins.
    async fn answer(&mut self, message: &[u8]) {
        let Some(response) = self
            .until(|frame| frame.kind() == FrameKind::Response)
            .await
        else {
            return;
        };
        if response.list_marker() == Some(ListMarker::Start) {
            self.until(|frame| {
                frame.list_marker() == Some(ListMarker::Complete)
                    && frame.header("Privilege").is_none()
            })
            .await;
        }
        let is_async = message.windows(11).any(|part| part == b"Async: true");
        let accepted = response.response() == Some(b"Success");
        if is_async && accepted && AWAITS_ORIGINATE.contains(&self.name) {
            let word = self.word.clone();
            self.until(|frame| {
                frame.event_name() == Some(b"OriginateResponse")
                    && frame.header("CallerIDNum") == Some(word.as_bytes())
            })
            .await;
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        match self.client.send_raw(bytes).await {
            Err(ClientError::Closed) => self.closed = true,
            sent => sent.expect("sent"),
        }
    }

    /// Waits until every event that was raised so far has come or will not come.
    async fn settle(&mut self) {
        let word = format!("{PINGS}{}", token("m"));
        mark(&mut self.way.actor, &word).await;
        stream(&mut self.way.watcher, &[&word]).await;
        for _ in 0..3 {
            self.send(format!("Action: Ping\r\nActionID: {PINGS}\r\n\r\n").as_bytes())
                .await;
            self.until(|frame| frame.kind() == FrameKind::Response)
                .await;
        }
    }

    fn filled_in(&self, message: &[u8]) -> Vec<u8> {
        let key = md5_key(&self.challenge, b"adminpw");
        let filled = replaced(message, b"@RUN@", self.word.as_bytes());
        let filled = replaced(&filled, b"@KEY@", key.as_bytes());
        replaced(&filled, b"@UPPERKEY@", key.to_uppercase().as_bytes())
    }

    async fn run(&mut self, text: &[u8]) {
        let messages = messages(text);
        let events = !text.windows(11).any(|part| part == b"Events: off")
            || text.windows(14).any(|part| part == b"Action: Events");
        let logs_in = text.windows(13).any(|part| part == b"Action: Login");
        let turns = if AT_ONCE.contains(&self.name) {
            1
        } else {
            messages.len()
        };
        for message in messages.iter().take(turns) {
            let bytes = self.filled_in(message);
            if IN_BYTES.contains(&self.name) {
                for byte in bytes.chunks(1) {
                    self.send(byte).await;
                }
            } else {
                self.send(&bytes).await;
            }
            self.answer(message).await;
            if self.closed {
                return;
            }
            if events && logs_in {
                self.settle().await;
            }
        }
        let rest: Vec<&Vec<u8>> = messages.iter().skip(turns).collect();
        let bytes: Vec<u8> = rest
            .iter()
            .flat_map(|message| self.filled_in(message))
            .collect();
        self.send(&bytes).await;
        for message in rest {
            self.answer(message).await;
        }
        if !self.closed {
            self.settle().await;
        }
    }

    /// Takes back what the recording leaves at the node.
    async fn clean_up(&mut self, text: &[u8]) {
        let mentions = |part: &[u8]| text.windows(part.len()).any(|at| at == part);
        if mentions(b"Family: @RUN@") {
            let family = format!("Family: {}", self.word);
            // An Error when the recording has deleted everything itself.
            let deleted = self.way.actor.action(&["Action: DBDelTree", &family]).await;
            deleted.expect("answered");
        }
        if mentions(b"Variable: @RUN@") {
            let variable = format!("Variable: {}", self.word);
            succeeds(
                &mut self.way.actor,
                &["Action: Setvar", &variable, "Value:"],
            )
            .await;
        }
    }

    /// What came, each message as text, without what belongs to other tests and what changes by itself.
    fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self
            .seen
            .iter()
            .filter(|frame| self.is_own(frame))
            .map(|frame| self.masked(frame))
            .collect();
        told.insert(0, format!("greeting {}", self.client.version()));
        if self.closed {
            told.push("closed".to_owned());
        }
        told
    }

    fn is_own(&self, frame: &Frame) -> bool {
        let contains = |word: &str| {
            let mut parts = frame.bytes().windows(word.len());
            parts.any(|part| part == word.as_bytes())
        };
        if contains(PINGS) {
            return false;
        }
        let Some(name) = frame.event_name() else {
            return true;
        };
        if OF_OTHERS.contains(&name) {
            return false;
        }
        if name == b"QueueMember" {
            return contains("Alice") || contains("Bob") || contains(&self.word);
        }
        if name == b"VarSet" && frame.header("Channel") != Some(b"none") {
            return false;
        }
        let broadcast = frame.header("Privilege").is_some() && name != b"FullyBooted";
        !broadcast || (OWN_EVENTS.contains(&name) && contains(&self.word))
    }

    fn masked(&self, frame: &Frame) -> String {
        let volatile = |line: &Line<'_>| VOLATILE.iter().any(|name| line.is(name));
        let lines = frame.lines().map(|line| {
            let raw = replaced(line.raw, self.word.as_bytes(), b"@RUN@");
            let raw = String::from_utf8_lossy(&raw).into_owned();
            match raw.split_once(':') {
                Some((name, _)) if volatile(&line) => format!("{name}: ..."),
                _ => raw,
            }
        });
        lines.map(|line| line + "\n").collect()
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = behind;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

async fn replay(name: &str, text: &[u8], way: &mut Way, way_is_through: bool) -> Vec<String> {
    let mut client = SimClient::connect(way.address).await.expect("greeted");
    client.set_patience(Duration::from_secs(20));
    let mut replay = Replay {
        name,
        word: token("7"),
        client,
        way,
        seen: Vec::new(),
        challenge: String::new(),
        closed: false,
    };
    replay.run(text).await;
    if way_is_through {
        assert_no_wire_id(&replay.seen);
    }
    replay.clean_up(text).await;
    replay.told()
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(directory()).expect("the directory of transcripts");
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text");
            name.strip_suffix(".in").map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

/// What is told directly, as amiplex should tell it.
fn expected(name: &str, node: &str, directly: &[String]) -> Vec<String> {
    let known = DIFFERENCES
        .iter()
        .filter(|known| known.transcript == name && known.nodes.contains(&node));
    let mut told = directly.to_vec();
    for known in known {
        let mut found = false;
        for message in &mut told {
            found |= message.contains(known.directly);
            *message = message.replace(known.directly, known.through);
        }
        assert!(
            found,
            "{name}: a difference that is none: {}",
            known.directly
        );
    }
    told
}

/// Replays every `step`th file from `first` on, one after the other.
async fn compare(
    node: &str,
    listener: std::net::SocketAddr,
    first: usize,
    step: usize,
) -> Vec<String> {
    let mut ways = Vec::new();
    for address in [asterisk(node).address, listener] {
        let mut watcher = SimClient::connect(address).await.expect("greeted");
        watcher
            .login_with("admin", "adminpw", &["Events: agent"])
            .await
            .expect("logged in");
        let actor = direct(node, "writeonly", "writepw").await;
        ways.push(Way {
            address,
            actor,
            watcher,
        });
    }
    let mut wrong = Vec::new();
    for name in names().iter().skip(first).step_by(step) {
        if node == "pbx2" && RULES_OF_22.contains(&name.as_str()) {
            continue;
        }
        let text = std::fs::read(directory().join(format!("{name}.in"))).expect("readable");
        let mut told = Vec::new();
        for (index, way) in ways.iter_mut().enumerate() {
            told.push(replay(name, &text, way, index == 1).await);
        }
        let through = told.pop().expect("two ways");
        let expected = expected(name, node, &told.pop().expect("two ways"));
        let at =
            (0..through.len().max(expected.len())).find(|at| through.get(*at) != expected.get(*at));
        if let Some(at) = at {
            wrong.push(format!(
                "{node} {name}, message {at}:\ndirectly {:#?}\nthrough  {:#?}",
                expected.get(at),
                through.get(at)
            ));
        }
    }
    wrong
}

async fn replay_all(node: &str) {
    let amiplex = Setup::over_asterisk().start().await;
    let listener = amiplex.address(node);
    assert!(names().len() >= 30, "the transcripts are there");
    let (a, b, c, d) = tokio::join!(
        compare(node, listener, 0, 4),
        compare(node, listener, 1, 4),
        compare(node, listener, 2, 4),
        compare(node, listener, 3, 4),
    );
    let wrong = [a, b, c, d].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn recorded_exchanges_have_the_same_answers_on_22() {
    replay_all("pbx1").await;
}

#[tokio::test]
async fn recorded_exchanges_have_the_same_answers_on_16() {
    replay_all("pbx2").await;
}
