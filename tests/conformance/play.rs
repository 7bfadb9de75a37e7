//! One exchange at one place, step by step, and what came of it.

use ami_proto::Frame;
use ami_proto::challenge::md5_key;
use ami_sim::SimClient;

use super::connection::{Connection, Received};
use super::masks::{Shared, masked, shared_list};
use super::message::{Message, contains, replaced};
use super::place::Place;
use super::script::{Exchange, Sending, Step, secret_of};
use crate::support::watch::{direct, token};

/// In the name of everything that the suite has at the nodes.
const SUITE: &[u8] = b"conformance";

/// What the Pings behind each step are called.
const MARK: &[u8] = b"ActionID: conformance-mark\r\n";
const PING: &[u8] = b"Action: Ping\r\nActionID: conformance-mark\r\n\r\n";

struct Play<'a> {
    exchange: &'a Exchange,
    place: &'a mut Place,
    client: Connection,
    beside: Option<SimClient>,
    /// Further sessions in the same place, with their accounts.
    sessions: Vec<(String, SimClient)>,
    /// What the other client got by its last step.
    brought: Vec<Frame>,
    /// What is told apart by name: the word of the run first, addresses, and what was kept. Value, placeholder.
    known: Vec<(Vec<u8>, Vec<u8>)>,
    seen: Vec<Message>,
    /// Where in `seen` the last step began.
    step: usize,
    challenge: Vec<u8>,
    closed: bool,
    /// The events waited for so far: of the same name, so many must have come.
    awaited: Vec<String>,
    /// UserEvents with the word of the run that the client has asked for.
    asked: usize,
    /// Those that the node has raised.
    raised: usize,
}

/// A word of the run, always as long, so that it changes no length.
fn word() -> String {
    let counted = token("");
    let (process, number) = counted.split_once('x').unwrap_or_default();
    format!("cf{process:0>7}q{number:0>6}")
}

/// How many of these actions may raise a UserEvent with that word.
fn user_events(actions: &[u8], word: &[u8]) -> usize {
    let lower = actions.to_ascii_lowercase();
    let text = String::from_utf8_lossy(&lower).into_owned();
    let word = String::from_utf8_lossy(word).into_owned();
    let named = |action: &&str| action.contains("action: userevent") && action.contains(&word);
    text.split("\r\n\r\n").filter(named).count()
}

/// Whether it has the word of any run.
fn has_word(message: &Message) -> bool {
    let is_word = |part: &[u8]| {
        let expected = b"cf0000000q000000";
        let mut pairs = part.iter().zip(expected);
        pairs.all(|(one, like)| one == like || (like.is_ascii_digit() && one.is_ascii_digit()))
    };
    message.0.windows(16).any(is_word)
}

/// Plays the exchange; what came, each message as text, without what belongs to others and what is masked. An error is one of the
/// exchange itself: the other client was refused, or nothing is there to be kept.
pub async fn play(exchange: &Exchange, place: &mut Place) -> Result<Vec<String>, String> {
    let (client, greeting) = Connection::open(place.address).await;
    let mut known = vec![(word().into_bytes(), b"@RUN@".to_vec())];
    if exchange.addresses {
        known.push((client.address(), b"@CLIENT@".to_vec()));
    }
    let mut play = Play {
        exchange,
        place,
        client,
        beside: None,
        sessions: Vec::new(),
        brought: Vec::new(),
        known,
        seen: vec![Message(greeting)],
        step: 0,
        challenge: Vec::new(),
        closed: false,
        awaited: Vec::new(),
        asked: 0,
        raised: 0,
    };
    let mut played = Ok(());
    for step in &exchange.steps {
        played = played.and(play.step(step).await);
    }
    let cleaned = play.clean_up().await;
    played.and(cleaned)?;
    play.told()
}

impl Play<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Send(_) | Step::Until(_) | Step::HalfClose | Step::Closed if self.closed => {}
            Step::Send(sending) => self.send(sending).await,
            Step::Beside(bytes) => self.beside(bytes).await?,
            Step::Stranger(bytes) => self.stranger(bytes).await,
            Step::Until(event) => self.until(event).await,
            Step::UntilBeside(event) => self.until_beside(event).await?,
            Step::UntilThere(channel) => self.until_there(channel).await?,
            Step::Keep { name, header } => self.keep(name, header)?,
            Step::HalfClose => self.client.close_writing().await,
            Step::LoginBeside(account) => self.login_beside(account).await?,
            Step::Closed => while self.message().await.is_some() {},
        }
        Ok(())
    }

    async fn send(&mut self, sending: &Sending) {
        self.step = self.seen.len();
        let bytes = self.filled_in(&sending.bytes);
        self.asked += user_events(&bytes, &self.known[0].0);
        if sending.in_bytes {
            for byte in bytes.chunks(1) {
                self.client.send(byte).await;
            }
        } else {
            self.client.send(&bytes).await;
        }
        for _ in 0..sending.answers {
            self.answer().await;
        }
        if sending.mark {
            self.mark().await;
            if self.exchange.events && !self.closed {
                self.settle().await;
            }
        }
    }

    /// Reads a response, with the list that it begins. A few actions answer with text or a blank line alone.
    async fn answer(&mut self) {
        let mut in_list = false;
        while let Some(message) = self.message().await {
            if message.begins_list() {
                in_list = true;
            } else if message.event().is_none() || (in_list && message.ends_list()) {
                return;
            }
        }
    }

    /// A Ping: everything before its answer belongs to what was sent before.
    async fn mark(&mut self) {
        if self.closed {
            return;
        }
        self.client.send(PING).await;
        while let Some(message) = self.message().await {
            if message.response().is_some() && message.contains(MARK) {
                if message.header("Ping").is_some() {
                    self.seen.pop();
                }
                return;
            }
        }
    }

    /// Waits until every event that was raised so far has come. A Ping that is there when they are may be answered first.
    async fn settle(&mut self) {
        self.user_events_are_raised().await;
        self.place.settle().await;
        for _ in 0..3 {
            self.mark().await;
        }
    }

    /// A node acknowledges a UserEvent before it raises it: what another session does may come between.
    async fn user_events_are_raised(&mut self) {
        let accepted = self.seen.iter().filter(|message| {
            message.response().is_some() && message.contains(b"Message: Event Sent\r\n")
        });
        let accepted = accepted.count();
        let word = self.known[0].0.clone();
        let is_own = |frame: &Frame| {
            frame.event_name() == Some(b"UserEvent") && contains(frame.bytes(), &word)
        };
        while self.raised < accepted.min(self.asked) {
            let raised = self.place.listener.next_where("the UserEvent", is_own);
            raised
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", self.exchange.name));
            self.raised += 1;
        }
    }

    async fn message(&mut self) -> Option<Message> {
        match self.client.message().await {
            Received::Message(bytes) => {
                let message = Message(bytes);
                if let Some(challenge) = message.header("Challenge") {
                    self.challenge = challenge.to_vec();
                }
                self.seen.push(message.clone());
                Some(message)
            }
            Received::Closed(rest) => {
                self.closed = true;
                if !rest.is_empty() {
                    self.seen.push(Message(rest));
                }
                self.seen.push(Message(b"(closed)\r\n".to_vec()));
                None
            }
            Received::Late => {
                self.seen.push(Message(b"(nothing came)\r\n".to_vec()));
                None
            }
        }
    }

    /// Waits until as many of these events have come as were waited for in all.
    async fn until(&mut self, event: &str) {
        self.awaited.push(event.to_owned());
        let wanted = self.awaited.iter().filter(|one| *one == event).count();
        let came = |play: &Self| {
            let own = play.seen.iter().filter(|message| {
                message.event() == Some(event.as_bytes()) && play.is_own(message)
            });
            own.count() >= wanted
        };
        while !came(self) {
            if self.message().await.is_none() {
                return;
            }
        }
        self.settle().await;
    }

    async fn other(&mut self) -> &mut SimClient {
        if self.beside.is_none() {
            self.beside = Some(direct(&self.place.node, "admin", "adminpw").await);
        }
        self.beside.as_mut().expect("just made")
    }

    async fn beside(&mut self, bytes: &[u8]) -> Result<(), String> {
        let frames = self.ask_beside(bytes).await?;
        let first = frames.first();
        if first.and_then(Frame::response) != Some(b"Success") {
            let (sent, got) = (bytes.escape_ascii(), first.map(Frame::bytes));
            return Err(format!("the other client sent {sent} and got {got:?}"));
        }
        self.brought = frames;
        if self.exchange.events && !self.closed {
            // Once it is answered, all is done that was asked before.
            self.ask_beside(PING).await?;
            self.settle().await;
        }
        Ok(())
    }

    async fn ask_beside(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, String> {
        let text = String::from_utf8(self.filled_in(bytes)).expect("text");
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let answered = self.other().await.list(&lines).await;
        answered.map_err(|error| format!("the other client sent {lines:?}: {error}"))
    }

    /// Security events name who did it by his address, so it is known from then on.
    async fn stranger(&mut self, bytes: &[u8]) {
        let (mut stranger, _) = Connection::open(self.place.address).await;
        self.known
            .push((stranger.address(), b"@STRANGER@".to_vec()));
        stranger.send(&self.filled_in(bytes)).await;
        while let Received::Message(bytes) = stranger.message().await {
            if Message(bytes).response().is_some() {
                break;
            }
        }
        if self.exchange.events {
            self.settle().await;
        }
    }

    async fn login_beside(&mut self, account: &str) -> Result<(), String> {
        let mut client = SimClient::connect(self.place.address)
            .await
            .expect("greeted");
        client
            .login_with(account, &secret_of(account), &["Events: off"])
            .await
            .map_err(|error| format!("{account}: {error}"))?;
        self.sessions.push((account.to_owned(), client));
        Ok(())
    }

    /// Ends the further sessions, and waits until the place knows that they are gone.
    async fn end_sessions(&mut self) {
        for (account, mut client) in self.sessions.drain(..) {
            client.action(&["Action: Logoff"]).await.expect("answered");
            let username = format!("Username: {account}");
            loop {
                let mut probe = SimClient::connect(self.place.address)
                    .await
                    .expect("greeted");
                let lines = ["Action: Challenge", "AuthType: MD5", &username];
                let answer = probe.action(&lines).await.expect("answered");
                if answer.response() == Some(b"Success") {
                    break;
                }
            }
        }
    }

    async fn until_beside(&mut self, event: &str) -> Result<(), String> {
        let word = self.known[0].0.clone();
        let found = self
            .other()
            .await
            .next_where(event, |frame| {
                frame.event_name() == Some(event.as_bytes()) && contains(frame.bytes(), &word)
            })
            .await
            .map_err(|error| error.to_string())?;
        self.brought = vec![found];
        Ok(())
    }

    async fn until_there(&mut self, channel: &str) -> Result<(), String> {
        let channel = self.filled_in(channel.as_bytes());
        let is_there = |frame: &Frame| {
            frame.event_name() == Some(b"Newexten")
                && frame.header("Uniqueid") == Some(&*channel)
                && frame.header("Application") != Some(b"Answer")
        };
        let what = format!("{} in its application", channel.escape_ascii());
        let found = self.other().await.next_where(&what, is_there).await;
        found.map_err(|error| error.to_string()).map(|_| ())
    }

    /// Hangs a channel up and waits until it is gone. It may never have been.
    async fn hang_up(&mut self, channel: &str) -> Result<(), String> {
        let lines = format!("Action: Hangup\r\nChannel: {channel}\r\n");
        let answer = self.ask_beside(lines.as_bytes()).await?;
        if answer.first().and_then(Frame::response) != Some(b"Success") {
            return Ok(());
        }
        let channel = self.filled_in(channel.as_bytes());
        let is_gone = |frame: &Frame| {
            frame.event_name() == Some(b"Hangup") && frame.header("Uniqueid") == Some(&*channel)
        };
        let what = format!("the end of {}", channel.escape_ascii());
        let found = self.other().await.next_where(&what, is_gone).await;
        found.map_err(|error| error.to_string()).map(|_| ())
    }

    fn keep(&mut self, name: &str, header: &str) -> Result<(), String> {
        let brought = self.brought.iter().find_map(|frame| frame.header(header));
        let own = || {
            let step = self.seen.get(self.step..).unwrap_or_default();
            step.iter().find_map(|message| message.header(header))
        };
        let value = brought
            .or_else(own)
            .ok_or_else(|| format!("no {header} to keep"))?;
        let known = (value.to_vec(), format!("@{name}@").into_bytes());
        self.known.push(known);
        Ok(())
    }

    /// Takes back what the exchange leaves at the node; what is not there any more is an error that does no harm.
    async fn clean_up(&mut self) -> Result<(), String> {
        for channel in &self.exchange.channels {
            self.hang_up(channel).await?;
        }
        for bytes in &self.exchange.cleaning {
            self.ask_beside(bytes).await?;
        }
        self.end_sessions().await;
        Ok(())
    }

    fn filled_in(&self, bytes: &[u8]) -> Vec<u8> {
        let key = md5_key(&String::from_utf8_lossy(&self.challenge), b"adminpw");
        let mut filled = replaced(bytes, b"@KEY@", key.as_bytes());
        filled = replaced(&filled, b"@UPPERKEY@", key.to_uppercase().as_bytes());
        for (value, placeholder) in &self.known {
            filled = replaced(&filled, placeholder, value);
        }
        filled
    }

    fn is_own(&self, message: &Message) -> bool {
        self.known.iter().any(|(value, _)| message.contains(value))
    }

    /// Whether the message belongs to this exchange: all but broadcast events and items about others.
    fn belongs(&self, message: &Message) -> bool {
        match shared_list(message) {
            Some(Shared::ByExchange) => return self.is_own(message),
            Some(Shared::BySuite) => return self.is_own(message) || message.contains(SUITE),
            Some(Shared::ButRuns) if !message.is_broadcast() => {
                return self.is_own(message) || !has_word(message);
            }
            Some(Shared::ButRuns) | None => {}
        }
        let at_login = message.event() == Some(b"FullyBooted");
        !message.is_broadcast() || at_login || self.is_own(message)
    }

    fn is_compared(&self, message: &Message) -> bool {
        let compared = &self.exchange.compared;
        let named = || compared.contains(&message.kind());
        !message.is_broadcast() || compared.is_empty() || named()
    }

    fn told(&self) -> Result<Vec<String>, String> {
        // Each message as text, and whether it is of a list in the order of a hash table.
        let mut told: Vec<(bool, String)> = Vec::new();
        let mut events = Vec::new();
        let mut items = 0;
        // A stray blank line behind an event of others is theirs, too.
        let mut behind_others = false;
        for message in &self.seen {
            if self.place.through && message.contains(b"amx1-") {
                let text = message.0.escape_ascii();
                return Err(format!("an id of amiplex is seen: {text}"));
            }
            if message.begins_list() {
                items = 0;
            } else if message.event().is_some() && !message.is_broadcast() && !message.ends_list() {
                items += 1;
            }
            if message.is_blank() && behind_others {
                continue;
            }
            behind_others = message.is_broadcast() && !self.belongs(message);
            if !self.belongs(message) || !self.is_compared(message) {
                continue;
            }
            let mut text = message.0.clone();
            for (value, placeholder) in &self.known {
                text = replaced(&text, value, placeholder);
            }
            let text = masked(&Message(text), items);
            if self.exchange.unordered && message.is_broadcast() {
                events.push(text);
            } else {
                let hashed = shared_list(message) == Some(Shared::ByExchange);
                told.push((hashed, text));
            }
        }
        for run in told.chunk_by_mut(|one, next| one.0 && next.0) {
            if run[0].0 {
                run.sort();
            }
        }
        events.sort();
        Ok(told
            .into_iter()
            .map(|(_, text)| text)
            .chain(events)
            .collect())
    }
}
