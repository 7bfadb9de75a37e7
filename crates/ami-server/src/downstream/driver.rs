//! The task of one client connection: its socket, its timers, its inbox, and the machine that knows what they mean.
//!
//! Writing is a part of its turns (`driver/turn.rs`), never an await inside a handler: a client that does not read its answers is still
//! heard, and its own queues fill until they end it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ami_mux::{
    Interest, Mail, NodeId, SecurityEvent, SecurityReport, Session, SessionEffect, SessionSettings,
    SessionStart, Submission, Surroundings as _,
};
use ami_telemetry::CloseReason;
use bytes::BytesMut;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep, timeout};

use turn::Signals;

use super::audit::SessionAudit;
use super::hearing::{self, Hearing, Telling};
use super::journal::{Journal, close_reason};
use super::presence::Presence;
use super::wire::Wire;
use crate::cluster::NodeCommand;
use crate::inbox::{Budget, Inbox};
use crate::registry::UnauthenticatedPlace;
use crate::secret_checks::Outcome;
use crate::security::Origin;
use crate::session_facts::SessionFacts;
use crate::supervisor::Supervisor;
use crate::transport::Transport;
use crate::world::World;

/// Mail taken before the socket is looked at again.
const MAIL_PER_TURN: usize = 256;
/// Room made for one read.
const READ_BYTES: usize = 4 * 1024;
/// When amiplex stops, what clients had sent before is still read for so long, and refused.
const LAST_LOOK: Duration = Duration::from_millis(50);
/// How long the last bytes of a closed session may take to leave.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// When nothing is due, the task looks up this often.
const QUIET: Duration = Duration::from_hours(1);

/// What a connection's task is made of.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) start: SessionStart,
    /// The time for the login runs since then: a TLS handshake is part of it.
    pub(crate) accepted: Instant,
    pub(crate) origin: Box<Origin>,
    pub(crate) settings: Arc<SessionSettings>,
    pub(crate) transport: Transport,
    pub(crate) place: UnauthenticatedPlace,
    pub(crate) outbound: OutboundLimits,
    pub(crate) listener: Arc<str>,
}

/// Bounds of what waits for a client, unless its account says otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboundLimits {
    pub(crate) event_bytes: usize,
    pub(crate) reply_bytes: usize,
    pub(crate) event_age: Duration,
    /// How long an event may wait for others to share a write with.
    pub(crate) flush: Duration,
}

struct Driver {
    session: Session,
    input: BytesMut,
    eof: bool,
    inbox: Arc<Inbox>,
    mail: VecDeque<Mail>,
    backlog: Backlog,
    /// Actions that their node's queue had no room for, in order.
    unsent: VecDeque<(NodeId, Box<Submission<()>>)>,
    /// Nodes that are to tell this session what they have, and had no room for the word yet.
    replays: Vec<NodeId>,
    /// A place in the queue of the node of the first of them, which is awaited.
    place: Option<Place>,
    /// A secret that is being checked.
    check: Option<Outcome>,
    /// What follows is said when the nodes have heard what the session wants.
    hearing: Option<Hearing>,
    /// Nodes that have not heard it in time, and still must.
    telling: Option<Telling>,
    event_age: Duration,
    reply_bytes: usize,
    closing: Option<CloseReason>,
    drain: Drain,
    presence: Presence,
    world: Arc<World>,
    journal: Journal,
    /// Present where there is an audit log.
    audit: Option<Box<SessionAudit>>,
    start: SessionStart,
    origin: Box<Origin>,
}

/// The session's way to its end when amiplex stops.
#[derive(Clone, Copy, Debug)]
enum Drain {
    /// amiplex does not stop.
    No,
    /// It does, and the session goes on as ever until its turn.
    Turn(Instant),
    /// New actions are refused. Then the socket is looked at a last time.
    Refusing(Instant),
    /// That look is due; then the session is told to end.
    LastLook,
    /// It has been told.
    Told,
}

type Place = Pin<Box<dyn Future<Output = Option<OwnedPermit<NodeCommand>>> + Send>>;

/// Bytes of mail that was taken from the inbox and not given to the machine yet.
#[derive(Debug, Default)]
struct Backlog {
    events: usize,
    replies: usize,
}

/// Runs a connection from its greeting to its end.
pub(crate) fn run(
    connection: Connection,
    world: Arc<World>,
    supervisor: Supervisor,
) -> impl Future<Output = ()> + Send {
    // Made here and boxed, so that the task holds it once: a future keeps room for each place that a value is moved through.
    let (driver, wire) = Driver::new(connection, world);
    let mut driver = Box::new(driver);
    async move {
        let (reason, wire) = driver.drive(wire, &supervisor).await;
        Box::pin(driver.finish(reason, wire)).await;
    }
}

impl Driver {
    fn new(connection: Connection, world: Arc<World>) -> (Self, Box<Wire>) {
        let Connection {
            start,
            accepted,
            origin,
            settings,
            transport,
            place,
            outbound,
            listener,
        } = connection;
        let budget = Budget {
            event_bytes: outbound.event_bytes,
            reply_bytes: outbound.reply_bytes,
            policy: ami_access::SlowPolicy::Disconnect,
        };
        let inbox = Arc::new(Inbox::new(budget));
        let facts = SessionFacts::new(
            start.id,
            origin.peer(),
            Arc::clone(&listener),
            world.wall_clock(),
        );
        let wire = Box::new(Wire::new(transport, outbound.flush));
        let driver = Self {
            session: Session::new(start, settings, &*world, accepted.into_std()),
            input: BytesMut::new(),
            eof: false,
            presence: Presence::new(Arc::clone(&world), facts, Arc::clone(&inbox), place),
            inbox,
            mail: VecDeque::new(),
            backlog: Backlog::default(),
            unsent: VecDeque::new(),
            replays: Vec::new(),
            place: None,
            check: None,
            hearing: None,
            telling: None,
            event_age: outbound.event_age,
            reply_bytes: outbound.reply_bytes,
            closing: None,
            drain: Drain::No,
            audit: SessionAudit::of(&world, start.id.0, origin.peer()),
            journal: Journal::new(start, listener, Arc::clone(&world.meters)),
            world,
            start,
            origin,
        };
        (driver, wire)
    }

    /// To the end. Between its turns the wire lies in the inbox whenever the session is at rest.
    async fn drive(
        &mut self,
        wire: Box<Wire>,
        supervisor: &Supervisor,
    ) -> (CloseReason, Box<Wire>) {
        let (stopping, draining) = (supervisor.stopping(), supervisor.draining());
        let (stopping, draining) = (pin!(stopping), pin!(draining));
        let mut signals = Signals {
            stopping: supervisor.signal(stopping),
            draining: supervisor.signal(draining),
            timer: pin!(sleep(QUIET)),
        };
        let mut own = Some(wire);
        poll_fn(|cx| {
            let Some(mut wire) = own.take().or_else(|| self.inbox.rise()) else {
                return Poll::Pending;
            };
            if let Poll::Ready(reason) = self.poll_turns(&mut wire, cx, &mut signals) {
                return Poll::Ready((reason, wire));
            }
            own = self.rest(wire, cx, &mut signals);
            Poll::Pending
        })
        .await
    }

    /// Gives the machine what has been read, as far as it takes it.
    fn feed(&mut self) {
        let now = Instant::now().into_std();
        self.session
            .client_input(&mut self.input, &*self.world, now);
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        // Wanting more with nothing whole left means that everything sent before the end was taken.
        if self.eof && self.session.wants_input() {
            self.session.client_eof(&*self.world, now);
        }
    }

    fn carry_out(&mut self, wire: &mut Wire) {
        // Looked at for those effects that need it: mostly there is none.
        let mut moment = None;
        let mut now = || *moment.get_or_insert_with(Instant::now);
        while self.hearing.is_none()
            && let Some(effect) = self.session.poll_effect()
        {
            match effect {
                SessionEffect::Write { bytes, events } => wire.outbound.push(bytes, events, now()),
                SessionEffect::Submit(node, submission) => {
                    if let Some(audit) = &mut self.audit {
                        audit.submitted(node, &submission);
                    }
                    self.submit(node, submission);
                }
                SessionEffect::Verify(check) => {
                    self.check = Some(self.world.secret_checks.outcome(check));
                }
                SessionEffect::LoggedIn { nodes, interest } => {
                    self.origin.logged_in();
                    // First: what comes between the subscription and this would be thrown away.
                    self.inbox.set_interest(interest.clone());
                    self.logged_in(wire, nodes);
                    self.set_interest(&interest);
                    self.tell_nodes();
                }
                SessionEffect::Interest(interest) => {
                    self.set_interest(&interest);
                    self.tell_nodes();
                }
                SessionEffect::Security(report) => self.report(wire, *report, now()),
                SessionEffect::Replay(node) => self.replays.push(node),
                SessionEffect::Close(reason) => {
                    self.closing.get_or_insert_with(|| close_reason(reason));
                }
                SessionEffect::Note(note) => {
                    if let Some(audit) = &mut self.audit {
                        audit.note(&note);
                    }
                    self.journal.note(note);
                }
            }
        }
        self.ask_for_replays();
        let (events, replies) = self.waiting(wire);
        self.inbox.set_drained(events, replies);
    }

    fn report(&mut self, wire: &Wire, report: SecurityReport, now: Instant) {
        let security = &self.world.security;
        if security.is_heeded() {
            self.origin.arrived_at(|| wire.transport.local_addr());
            let stamped = self.world.accounts.load().general().timestamp_events;
            security.report(report, &mut self.origin, stamped, now.into_std());
        }
    }

    /// Bytes of events and of replies that were taken from the inbox and are not written.
    fn waiting(&self, wire: &Wire) -> (usize, usize) {
        let events =
            wire.outbound.event_bytes() + self.session.held_event_bytes() + self.backlog.events;
        (events, wire.outbound.reply_bytes() + self.backlog.replies)
    }

    /// The task is about to wait: what did not leave in this turn counts.
    fn count_waiting(&mut self, wire: &Wire) {
        let (events, replies) = self.waiting(wire);
        self.inbox.set_drained(events, replies);
        self.journal.waiting(events + replies);
        self.presence.inflight(self.session.inflight());
    }

    fn ask_for_replays(&mut self) {
        let Self {
            replays,
            world,
            inbox,
            ..
        } = self;
        replays.retain(|node| {
            let Some(handle) = world.cluster.node(*node) else {
                return false;
            };
            let command = NodeCommand::Replay(Arc::clone(inbox));
            matches!(
                handle.commands.try_send(command),
                Err(TrySendError::Full(_))
            )
        });
    }

    fn submit(&mut self, node: NodeId, submission: Box<Submission<()>>) {
        if !self.unsent.is_empty() {
            self.unsent.push_back((node, submission));
            return;
        }
        let world = Arc::clone(&self.world);
        let Some(handle) = world.cluster.node(node) else {
            return;
        };
        match handle.commands.try_reserve() {
            Ok(permit) => permit.send(self.addressed(node, submission)),
            Err(TrySendError::Full(())) => self.unsent.push_back((node, submission)),
            Err(TrySendError::Closed(())) => self.refuse(node, &submission),
        }
    }

    fn send_one(&mut self, permit: Option<OwnedPermit<NodeCommand>>) {
        let Some((node, submission)) = self.unsent.pop_front() else {
            return;
        };
        match permit {
            Some(permit) => {
                let command = self.addressed(node, submission);
                permit.send(command);
            }
            None => self.refuse(node, &submission),
        }
    }

    /// The node's task has ended, and this action never reached it.
    fn refuse(&mut self, node: NodeId, submission: &Submission<()>) {
        let directory = self.world.cluster.directory();
        let name = directory.entry(node).map_or("", |entry| &*entry.name);
        let mail = submission.not_sent(node, name);
        if let Some(audit) = &mut self.audit {
            audit.mail(&mail);
        }
        let now = Instant::now().into_std();
        self.session.mail(mail, &*self.world, now);
    }

    fn addressed(&mut self, node: NodeId, submission: Box<Submission<()>>) -> NodeCommand {
        self.presence.asks(node);
        NodeCommand::Submit(Box::new(submission.addressed_to(Arc::clone(&self.inbox))))
    }

    fn logged_in(&mut self, wire: &mut Wire, nodes: Vec<NodeId>) {
        let Some(principal) = self.session.principal() else {
            return;
        };
        let account = principal.account();
        let size = |own: Option<u64>| own.and_then(|own| usize::try_from(own).ok());
        if let Some(age) = account.event_age {
            self.event_age = age;
        }
        if let Some(flush) = account.flush {
            wire.flush = flush;
        }
        let default = self.inbox.budget().event_bytes;
        self.inbox.set_budget(Budget {
            event_bytes: size(account.event_bytes).unwrap_or(default),
            reply_bytes: self.reply_bytes,
            policy: account.slow,
        });
        self.journal.logged_in(account);
        if let Some(audit) = &mut self.audit {
            audit.logged_in(account.name.as_str());
        }
        self.presence.logged_in(account, self.start.peer, nodes);
    }

    /// What the session wants now takes the place of what it wanted before.
    fn tell_nodes(&mut self) {
        self.telling = None;
        self.hearing = hearing::tell(&self.world.cluster, self.presence.nodes());
    }

    fn set_interest(&mut self, interest: &Interest) {
        self.inbox.set_interest(interest.clone());
        self.presence
            .reads_security(SecurityEvent::visible_to(interest.somewhere()));
    }

    /// Leaves every place where the session is known, and gives the last bytes a moment to go.
    async fn finish(mut self: Box<Self>, reason: CloseReason, mut wire: Box<Wire>) {
        self.inbox.close(reason);
        self.presence.leave().await;
        let orderly = !matches!(
            reason,
            CloseReason::IoError
                | CloseReason::SlowConsumer
                | CloseReason::EventAge
                | CloseReason::InternalError
        );
        if orderly && timeout(FLUSH_DEADLINE, wire.end()).await.is_err() {
            tracing::debug!(session = %self.start.id, "the last bytes could not be written in time");
        }
        self.journal.closed(reason);
        if let Some(audit) = &mut self.audit {
            audit.closed(reason);
        }
    }
}

/// A place in the node's queue; `None` when its task has ended.
async fn reserve(world: Arc<World>, node: NodeId) -> Option<OwnedPermit<NodeCommand>> {
    let sender = world.cluster.node(node)?.commands.clone();
    sender.reserve_owned().await.ok()
}

impl Backlog {
    fn leaves(&mut self, mail: &Mail) {
        self.events -= mail.event_bytes().unwrap_or_default();
        if let Mail::Reply { bytes, .. } = mail {
            self.replies -= bytes.iter().map(bytes::Bytes::len).sum::<usize>();
        }
    }
}

mod turn;

#[cfg(test)]
mod tests;
