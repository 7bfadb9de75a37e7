//! One connection: greeting, actions one at a time, events between them.
//!
//! Owner: its task, which alone reads and writes the socket. All output of an action is written before
//! any event that waits, so a list is contiguous and an answer precedes what it caused.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ami_proto::{Action, ActionDecoder, AmiVersion, ClientActionId, Incoming, banner};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::actions::{self, Outcome};
use crate::classes::{CALL, USER};
use crate::message::Message;
use crate::state::{ConnectionId, Core, Seat};
use crate::{DropPoint, Faults};

/// Any byte stream a session can run over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The wait after a failed login.
const PENALTY: Duration = Duration::from_secs(1);
/// Messages at least this long are written by themselves, shorter ones are joined.
const JOIN_BELOW_BYTES: usize = 16 * 1024;

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Close,
}

/// Serves a connection until it ends; its seat is free afterwards.
pub(crate) async fn serve(core: Arc<Core>, stream: Box<dyn Stream>, id: ConnectionId) {
    let Some((wake, kick)) = core.with(|state| {
        let seat = state.seats.get(&id)?;
        Some((Arc::clone(&seat.wake), Arc::clone(&seat.kick)))
    }) else {
        return;
    };
    let seat = TakenSeat {
        core: Arc::clone(&core),
        id,
    };
    let session = Session {
        faults: core.faults.subscribe(),
        closing: core.closing.subscribe(),
        deadline: core
            .options
            .auth_timeout
            .map(|after| Instant::now() + after),
        core,
        stream,
        id,
        wake,
        decoder: ActionDecoder::new(),
        buffer: BytesMut::with_capacity(8 * 1024),
        logged_in: false,
        actions: 0,
        suppressed: false,
    };
    tokio::select! {
        // A lost connection needs no report: the seat's end is all there is to say.
        ended = session.run() => drop(ended),
        () = kick.notified() => {}
    }
    drop(seat);
}

/// Frees the seat however the task ends.
struct TakenSeat {
    core: Arc<Core>,
    id: ConnectionId,
}

impl Drop for TakenSeat {
    fn drop(&mut self) {
        self.core.with(|state| state.seats.remove(&self.id));
    }
}

struct Session {
    core: Arc<Core>,
    stream: Box<dyn Stream>,
    id: ConnectionId,
    wake: Arc<Notify>,
    faults: watch::Receiver<Faults>,
    closing: watch::Receiver<bool>,
    /// By when the login must have happened.
    deadline: Option<Instant>,
    decoder: ActionDecoder,
    buffer: BytesMut,
    logged_in: bool,
    /// Actions since login.
    actions: u64,
    /// The last action asked that waiting events stay where they are.
    suppressed: bool,
}

impl Session {
    async fn run(mut self) -> io::Result<()> {
        let version = AmiVersion::parse(self.core.options.version.greeting());
        let version = version.unwrap_or(AmiVersion::new(1, 0, 0));
        self.write(&[banner::greeting(&version)]).await?;
        loop {
            self.core.gate.pass().await;
            if !std::mem::take(&mut self.suppressed) {
                self.write_events().await?;
            }
            if *self.closing.borrow() {
                return Ok(());
            }
            let next = if self.faults.borrow().stop_reading {
                None
            } else {
                self.decoder.decode(&mut self.buffer)
            };
            let flow = match next {
                Some(incoming) => self.answer(incoming).await?,
                None => self.wait().await?,
            };
            if flow == Flow::Close {
                return Ok(());
            }
        }
    }

    /// Waits for input, events, or a change of the node.
    async fn wait(&mut self) -> io::Result<Flow> {
        let reads = !self.faults.borrow().stop_reading;
        let deadline = self.deadline.filter(|_| !self.logged_in);
        tokio::select! {
            () = self.wake.notified() => {}
            () = self.core.gate.shut() => {}
            changed = self.faults.changed() => drop(changed),
            changed = self.closing.changed() => drop(changed),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                return Ok(Flow::Close);
            }
            read = self.stream.read_buf(&mut self.buffer), if reads => {
                if read? == 0 {
                    return Ok(Flow::Close);
                }
            }
        }
        Ok(Flow::Continue)
    }

    async fn answer(&mut self, incoming: Incoming) -> io::Result<Flow> {
        match incoming {
            Incoming::Action(action) => self.run_action(&action).await,
            Incoming::TooLong { action_id } => {
                let id = action_id.as_ref().map(ClientActionId::as_bytes);
                let text = "Failed to parse message: line too long";
                self.refuse(id, text).await
            }
            Incoming::TooManyLines { action_id } => {
                let id = action_id.as_ref().map(ClientActionId::as_bytes);
                let text = "Too many lines in message or allocation failure";
                self.refuse(id, text).await
            }
        }
    }

    async fn refuse(&mut self, id: Option<&[u8]>, text: &str) -> io::Result<Flow> {
        let message = Message::response("Error", id).header("Message", text);
        self.write(&[message.end()]).await?;
        Ok(Flow::Continue)
    }

    async fn run_action(&mut self, action: &Action) -> io::Result<Flow> {
        if self.logged_in {
            self.actions += 1;
        }
        let dropped =
            self.faults
                .borrow()
                .drops(&name_of(action), self.actions, DropPoint::BeforeRunning);
        let (id, core) = (self.id, Arc::clone(&self.core));
        let outcome = core.with(|state| {
            state.record(id, action);
            if dropped && self.logged_in {
                return None;
            }
            let outcome = actions::run(state, &core.options, id, action);
            let now_in = state.seats.get(&id).is_some_and(Seat::is_logged_in);
            if now_in && !self.logged_in {
                self.logged_in = true;
                state.play_transcript_to(id, core.options.session_bytes_max);
            }
            outcome
        });
        let Some(outcome) = outcome else {
            return Ok(Flow::Close);
        };
        self.suppressed = action
            .header("SuppressEvents")
            .is_some_and(|value| !value.is_empty());
        self.complete(action, outcome).await
    }

    async fn complete(&mut self, action: &Action, outcome: Outcome) -> io::Result<Flow> {
        match outcome {
            Outcome::Reply(messages) => self.give(action, &messages).await,
            Outcome::Goodbye(messages) => {
                self.give(action, &messages).await?;
                Ok(Flow::Close)
            }
            Outcome::Penalty(messages) => {
                sleep(PENALTY).await;
                self.write(&messages).await?;
                Ok(Flow::Close)
            }
            Outcome::Placing {
                outcome,
                success,
                failure,
            } => {
                // The call's end always resolves it; a lost sender can only mean the call is gone.
                let answered = outcome.await.unwrap_or(false);
                let message = if answered { success } else { failure };
                self.give(action, &[message]).await
            }
            Outcome::InLine { lasts, messages } => {
                sleep(lasts).await;
                self.give(action, &messages).await
            }
            Outcome::WaitEvent {
                timeout: limit,
                head,
                tail,
            } => {
                let flow = self.wait_for_event(limit).await?;
                let mut messages = vec![head];
                messages.extend(self.take_events());
                messages.push(tail);
                self.give(action, &messages).await?;
                Ok(flow)
            }
        }
    }

    /// Until an event waits, the client sends anything, or the time is over.
    async fn wait_for_event(&mut self, limit: Option<Duration>) -> io::Result<Flow> {
        let search = self.wait_for_event_or_input();
        match limit {
            None => search.await,
            Some(limit) => timeout(limit, search).await.unwrap_or(Ok(Flow::Continue)),
        }
    }

    async fn wait_for_event_or_input(&mut self) -> io::Result<Flow> {
        // A wake-up may be about events that are already written, so what counts is what is there.
        while !self.has_events() && self.buffer.is_empty() {
            self.core.gate.pass().await;
            if *self.closing.borrow() || self.wait().await? == Flow::Close {
                return Ok(Flow::Close);
            }
        }
        Ok(Flow::Continue)
    }

    /// Writes the answer of an action, as far as the faults let it.
    async fn give(&mut self, action: &Action, messages: &[Bytes]) -> io::Result<Flow> {
        let name = name_of(action);
        let faults = self.faults.borrow().clone();
        if let Some(by) = faults.delay_of(&name) {
            sleep(by).await;
        }
        self.wait_while(|faults| faults.is_held(&name)).await;
        let drops = |point| faults.drops(&name, self.actions, point);
        if drops(DropPoint::BeforeAnswer) {
            return Ok(Flow::Close);
        }
        if faults.is_unanswered(&name) {
            return Ok(Flow::Continue);
        }
        let (first, rest) = messages.split_at(messages.len().div_ceil(2));
        if drops(DropPoint::MidAnswer) {
            self.write(first).await?;
            return Ok(Flow::Close);
        }
        let ends = drops(DropPoint::AfterAnswer);
        if faults.is_stalled(&name) {
            self.write(first).await?;
            self.wait_while(|faults| faults.is_stalled(&name)).await;
            self.write(rest).await?;
        } else {
            self.write(messages).await?;
        }
        if faults.is_answered_twice(&name) {
            self.write(messages).await?;
        }
        if ends {
            return Ok(Flow::Close);
        }
        if faults.foreign_ids && self.logged_in {
            self.publish_foreign();
        }
        Ok(Flow::Continue)
    }

    /// Stands still for as long as a fault asks for it.
    async fn wait_while(&mut self, holds: impl Fn(&Faults) -> bool) {
        // The sender lives as long as the node; without it nothing could lift the fault.
        drop(self.faults.wait_for(|faults| !holds(faults)).await);
    }

    /// Events with an ActionID as another multiplexer on this node would have chosen it.
    fn publish_foreign(&self) {
        self.core.with(|state| {
            let world = &mut state.world;
            let id = format!("amx1-0badcafe-{:x}-1", world.next_number());
            let response = world
                .broadcast("OriginateResponse", CALL)
                .header("ActionID", &id)
                .header("Response", "Failure")
                .header("Channel", "Local/foreign@default")
                .header("Application", "Wait")
                .header("Data", "1")
                .header("Reason", "0")
                .header("Uniqueid", "<unknown>")
                .header("CallerIDNum", "<unknown>")
                .header("CallerIDName", "<unknown>");
            world.publish(CALL, response);
            let user = world
                .broadcast("UserEvent", USER)
                .header("UserEvent", "Foreign")
                .header("ActionID", &id);
            world.publish(USER, user);
        });
    }

    fn has_events(&self) -> bool {
        let id = self.id;
        self.core
            .look(|state| state.seats.get(&id).is_some_and(|s| s.waiting_bytes() > 0))
    }

    fn take_events(&self) -> Vec<Bytes> {
        let id = self.id;
        self.core.with(|state| {
            let seat = state.seats.get_mut(&id);
            seat.map(Seat::take_events).unwrap_or_default()
        })
    }

    async fn write_events(&mut self) -> io::Result<()> {
        let events = self.take_events();
        self.write(&events).await
    }

    async fn write(&mut self, messages: &[Bytes]) -> io::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        self.core.gate.pass().await;
        let (single, blank) = {
            let faults = self.faults.borrow();
            (faults.single_bytes, faults.blank_lines)
        };
        let mut joined = BytesMut::new();
        for message in messages {
            let is_greeting = message.starts_with(b"Asterisk Call Manager/");
            for _ in 0..if is_greeting { 0 } else { blank } {
                joined.extend_from_slice(b"\r\n");
            }
            if message.len() < JOIN_BELOW_BYTES || single {
                joined.extend_from_slice(message);
            } else {
                self.stream.write_all(&joined.split()).await?;
                self.stream.write_all(message).await?;
            }
        }
        if single {
            for byte in joined {
                self.stream.write_all(&[byte]).await?;
                self.stream.flush().await?;
            }
            return Ok(());
        }
        self.stream.write_all(&joined).await?;
        self.stream.flush().await
    }
}

fn name_of(action: &Action) -> String {
    let name = action.name();
    name.map(|name| name.as_str_lossy().into_owned())
        .unwrap_or_default()
}
