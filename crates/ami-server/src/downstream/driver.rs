//! The task of one client connection: its socket, its timers, its inbox, and the machine that knows what they mean.
//!
//! Writing is a branch of its loop, never an await inside a handler: a client that does not read its answers is still
//! heard, and its own queues fill until they end it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ami_access::SecretCheck;
use ami_mux::{
    Mail, NodeId, SecurityEvent, Session, SessionEffect, SessionSettings, SessionStart, Submission,
};
use ami_proto::ClassSet;
use ami_telemetry::CloseReason;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep_until, timeout};

use super::journal::{Journal, close_reason};
use super::outbound::Outbound;
use super::presence::Presence;
use crate::cluster::NodeCommand;
use crate::inbox::{Budget, Inbox};
use crate::registry::UnauthenticatedPlace;
use crate::secret_checks::{Outcome, arrival};
use crate::security::Origin;
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

/// When nothing is due, the loop looks up this often.
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
}

struct Driver {
    session: Session,
    transport: Transport,
    input: BytesMut,
    eof: bool,
    inbox: Arc<Inbox>,
    mail: VecDeque<Mail>,
    backlog: Backlog,
    outbound: Outbound,
    /// Actions that their node's queue had no room for, in order.
    unsent: VecDeque<(NodeId, Box<Submission<()>>)>,
    /// Nodes that are to tell this session what they have, and had no room for the word yet.
    replays: Vec<NodeId>,
    /// A secret that is to be checked.
    unchecked: Option<SecretCheck>,
    event_age: Duration,
    reply_bytes: usize,
    closing: Option<CloseReason>,
    /// amiplex stops: the socket is looked at a last time then.
    drain_at: Option<Instant>,
    /// That look is due; then the session is told to end.
    last_look: bool,
    presence: Presence,
    world: Arc<World>,
    journal: Journal,
    start: SessionStart,
    origin: Box<Origin>,
}

/// Bytes of mail that was taken from the inbox and not given to the machine yet.
#[derive(Debug, Default)]
struct Backlog {
    events: usize,
    replies: usize,
}

/// What the socket did.
enum Io {
    Quiet,
    Wrote(super::outbound::Written),
    Read(usize),
    Failed(io::Error),
}

/// Runs a connection from its greeting to its end.
pub(crate) async fn run(connection: Connection, world: Arc<World>, supervisor: Supervisor) {
    let mut driver = Driver::new(connection, world);
    let reason = driver.drive(&supervisor).await;
    driver.finish(reason).await;
}

impl Driver {
    fn new(connection: Connection, world: Arc<World>) -> Self {
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
        Self {
            session: Session::new(start, settings, &*world, accepted.into_std()),
            transport,
            input: BytesMut::new(),
            eof: false,
            presence: Presence::new(Arc::clone(&world), start.id, Arc::clone(&inbox), place),
            inbox,
            mail: VecDeque::new(),
            backlog: Backlog::default(),
            outbound: Outbound::default(),
            unsent: VecDeque::new(),
            replays: Vec::new(),
            unchecked: None,
            event_age: outbound.event_age,
            reply_bytes: outbound.reply_bytes,
            closing: None,
            drain_at: None,
            last_look: false,
            journal: Journal::new(start, listener, Arc::clone(&world.meters)),
            world,
            start,
            origin,
        }
    }

    async fn drive(&mut self, supervisor: &Supervisor) -> CloseReason {
        let mut draining = false;
        let mut check: Option<Outcome> = None;
        loop {
            self.carry_out();
            if let Some(reason) = self.closing {
                return reason;
            }
            if let Some(due) = self.unchecked.take() {
                check = Some(self.world.secret_checks.outcome(due));
            }
            let inbox = Arc::clone(&self.inbox);
            let world = Arc::clone(&self.world);
            let wake = self.wake_at();
            let unsent = self.unsent.front().map(|(node, _)| *node);
            let has_room = !self.outbound.is_full();
            let has_mail = !self.mail.is_empty();
            // In no fixed order: a client that never stops sending must not keep its own mail and timers waiting.
            tokio::select! {
                () = supervisor.stopping().cancelled() => return CloseReason::Drain,
                () = supervisor.draining().cancelled(), if !draining => {
                    draining = true;
                    self.session.refuse_new();
                    self.drain_at = Some(Instant::now() + LAST_LOOK);
                }
                io = std::future::poll_fn(|cx| self.poll_io_or_quiet(cx)) => self.on_io(io),
                () = std::future::ready(()), if has_room && has_mail => self.take_mail(),
                () = inbox.ended() => self.fetch_mail(),
                () = inbox.posted(), if has_room && !has_mail => self.fetch_mail(),
                permit = reserve(&world, unsent), if unsent.is_some() => self.send_one(permit),
                is_right = arrival(&mut check), if check.is_some() => {
                    check = None;
                    self.session.verified(is_right, &*world, Instant::now().into_std());
                    self.feed();
                }
                () = sleep_until(wake) => self.on_time(),
            }
        }
    }

    fn wake_at(&self) -> Instant {
        let machine = self.session.poll_timeout().map(Instant::from_std);
        let overdue = self.outbound.overdue_at(self.event_age);
        [machine, overdue, self.drain_at]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| Instant::now() + QUIET)
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self
            .outbound
            .overdue_at(self.event_age)
            .is_some_and(|at| at <= now)
        {
            self.closing = Some(CloseReason::EventAge);
            return;
        }
        self.session.handle_timeout(&*self.world, now.into_std());
        self.last_look |= self.drain_at.take_if(|at| *at <= now).is_some();
        self.feed();
    }

    /// The last look finds nothing, or something; it does not wait.
    fn poll_io_or_quiet(&mut self, cx: &mut Context<'_>) -> Poll<Io> {
        match self.poll_io(cx) {
            Poll::Pending if self.last_look => Poll::Ready(Io::Quiet),
            polled @ (Poll::Ready(_) | Poll::Pending) => polled,
        }
    }

    /// Writes what is queued, then reads while the session may take more.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<Io> {
        if !self.outbound.is_empty() {
            match self.outbound.poll_write(&mut self.transport, cx) {
                Poll::Ready(Ok(written)) => return Poll::Ready(Io::Wrote(written)),
                Poll::Ready(Err(error)) => return Poll::Ready(Io::Failed(error)),
                Poll::Pending => {}
            }
        }
        if self.eof || !self.session.wants_input() || !self.unsent.is_empty() {
            return Poll::Pending;
        }
        if self.input.capacity() - self.input.len() < READ_BYTES / 4 {
            self.input.reserve(READ_BYTES);
        }
        let read = pin!(self.transport.read_buf(&mut self.input));
        match read.poll(cx) {
            Poll::Ready(Ok(count)) => Poll::Ready(Io::Read(count)),
            Poll::Ready(Err(error)) => Poll::Ready(Io::Failed(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn on_io(&mut self, io: Io) {
        let looked = self.last_look && !matches!(io, Io::Wrote(_));
        match io {
            Io::Quiet => {}
            Io::Wrote(written) => self.journal.wrote(written),
            Io::Read(0) => {
                self.eof = true;
                self.feed();
            }
            Io::Read(count) => {
                self.journal.read(count);
                self.feed();
            }
            Io::Failed(error) => {
                self.journal.io_failed(&error);
                self.closing = Some(CloseReason::IoError);
            }
        }
        if looked {
            self.last_look = false;
            self.session.drain(&*self.world, Instant::now().into_std());
        }
    }

    /// Gives the machine what has been read, as far as it takes it.
    fn feed(&mut self) {
        let now = Instant::now().into_std();
        self.session
            .client_input(&mut self.input, &*self.world, now);
        // Wanting more with nothing whole left means that everything sent before the end was taken.
        if self.eof && self.session.wants_input() {
            self.session.client_eof(&*self.world, now);
        }
    }

    fn fetch_mail(&mut self) {
        let drained = self.inbox.drain();
        if let Some(reason) = drained.closed {
            self.closing = Some(reason);
            return;
        }
        if drained.dropped > 0 {
            self.journal.dropped(drained.dropped);
            self.session.events_dropped(drained.dropped, &*self.world);
        }
        self.backlog.events += drained.event_bytes;
        self.backlog.replies += drained.reply_bytes;
        if self.mail.is_empty() {
            self.mail = drained.mail;
        } else {
            self.mail.extend(drained.mail);
        }
        self.take_mail();
    }

    fn take_mail(&mut self) {
        let now = Instant::now().into_std();
        for _ in 0..MAIL_PER_TURN {
            let Some(mail) = self.mail.pop_front() else {
                break;
            };
            self.backlog.leaves(&mail);
            self.session.mail(mail, &*self.world, now);
        }
        self.feed();
    }

    fn carry_out(&mut self) {
        let now = Instant::now();
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                SessionEffect::Write { bytes, event } => self.outbound.push(bytes, event, now),
                SessionEffect::Submit(node, submission) => self.submit(node, submission),
                SessionEffect::Verify(check) => self.unchecked = Some(check),
                SessionEffect::LoggedIn { nodes, interest } => {
                    self.origin.logged_in();
                    // First: what comes between the subscription and this would be thrown away.
                    self.inbox.set_interest(interest);
                    self.logged_in(nodes);
                    self.set_interest(interest);
                }
                SessionEffect::Interest(interest) => self.set_interest(interest),
                SessionEffect::Security(report) => {
                    let stamped = self.world.accounts.load().general().timestamp_events;
                    let security = &self.world.security;
                    security.report(*report, &mut self.origin, stamped, now.into_std());
                }
                SessionEffect::Replay(node) => self.replays.push(node),
                SessionEffect::Close(reason) => {
                    self.closing.get_or_insert_with(|| close_reason(reason));
                }
                SessionEffect::Note(note) => self.journal.note(note),
            }
        }
        self.ask_for_replays();
        let events =
            self.outbound.event_bytes() + self.session.held_event_bytes() + self.backlog.events;
        self.journal
            .waiting(events + self.outbound.reply_bytes() + self.backlog.replies);
        self.inbox
            .set_drained(events, self.outbound.reply_bytes() + self.backlog.replies);
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
            Ok(permit) => permit.send(self.addressed(submission)),
            Err(TrySendError::Full(())) => self.unsent.push_back((node, submission)),
            Err(TrySendError::Closed(())) => self.refuse(node, &submission),
        }
    }

    fn send_one(&mut self, permit: Option<tokio::sync::mpsc::OwnedPermit<NodeCommand>>) {
        let Some((node, submission)) = self.unsent.pop_front() else {
            return;
        };
        match permit {
            Some(permit) => {
                let command = self.addressed(submission);
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
        let now = Instant::now().into_std();
        self.session.mail(mail, &*self.world, now);
    }

    fn addressed(&self, submission: Box<Submission<()>>) -> NodeCommand {
        NodeCommand::Submit(Box::new(submission.addressed_to(Arc::clone(&self.inbox))))
    }

    fn logged_in(&mut self, nodes: Vec<NodeId>) {
        let Some(principal) = self.session.principal() else {
            return;
        };
        let account = principal.account();
        let size = |own: Option<u64>| own.and_then(|own| usize::try_from(own).ok());
        if let Some(age) = account.event_age {
            self.event_age = age;
        }
        let default = self.inbox.budget().event_bytes;
        self.inbox.set_budget(Budget {
            event_bytes: size(account.event_bytes).unwrap_or(default),
            reply_bytes: self.reply_bytes,
            policy: account.slow,
        });
        self.journal.logged_in(account);
        self.presence.logged_in(account.name.as_str(), nodes);
    }

    fn set_interest(&mut self, interest: ClassSet) {
        self.inbox.set_interest(interest);
        self.presence
            .reads_security(SecurityEvent::visible_to(interest));
    }

    /// Leaves every place where the session is known, and gives the last bytes a moment to go.
    async fn finish(mut self, reason: CloseReason) {
        self.inbox.close(reason);
        self.presence.leave().await;
        let orderly = !matches!(
            reason,
            CloseReason::IoError | CloseReason::SlowConsumer | CloseReason::EventAge
        );
        if orderly && timeout(FLUSH_DEADLINE, self.flush()).await.is_err() {
            tracing::debug!(session = %self.start.id, "the last bytes could not be written in time");
        }
        self.journal.closed(reason);
    }

    /// Writes what is left and closes the socket in order.
    async fn flush(&mut self) {
        let transport = &mut self.transport;
        let outbound = &mut self.outbound;
        while !outbound.is_empty() {
            let written = std::future::poll_fn(|cx| outbound.poll_write(transport, cx));
            if written.await.is_err() {
                return;
            }
        }
        if let Err(error) = transport.shutdown().await {
            tracing::trace!(%error, "the peer had closed already");
        }
    }
}

/// A place in the node's queue; `None` when its task has ended.
async fn reserve(
    world: &World,
    node: Option<NodeId>,
) -> Option<tokio::sync::mpsc::OwnedPermit<NodeCommand>> {
    let sender = world.cluster.node(node?)?.commands.clone();
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

#[cfg(test)]
mod tests;
