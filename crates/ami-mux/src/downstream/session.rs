//! The machine of one client connection.
//!
//! Bytes, mail of the nodes and time come in; what is to be done comes out of [`Session::poll_effect`]. Invariants: nothing
//! goes up before it is authorised; each accepted action gets exactly one final answer, in order (I3); an event is given out
//! only if all its classes are in the mask at that moment (I8).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use ami_access::{OnNodeLoss, Principal};
use ami_proto::banner::greeting;
use ami_proto::{ActionDecoder, AmiVersion, Slices};
use bytes::{Bytes, BytesMut};
use smallvec::smallvec;

use super::effect::{EndReason, SessionEffect, SessionNote};
use super::gate::{EventGate, Held, News};
use super::line::{Part, Work, WorkLine};
use super::local::Waiting;
use super::logged_in::Login;
use super::login::Refusing;
use super::merge::Merge;
use super::settings::{SessionSettings, SessionStart};
use super::surroundings::Surroundings;
use super::verifying::Verifying;
use crate::ids::{ActionSeq, NodeId};
use crate::mail::Mail;
use crate::upstream::Submission;

/// Where a session is in its life.
#[derive(Debug)]
pub(super) enum Phase {
    /// Only Login, Challenge and Logoff are allowed.
    Unauthenticated { until: Instant },
    /// A secret is being checked against its hash.
    Verifying(Box<Verifying>),
    /// The second of a failed login runs.
    Refusing(Refusing),
    /// Logged in.
    Open(Box<Login>),
    /// It ends; nothing is read any more.
    Ended,
}

/// The machine.
#[derive(Debug)]
pub struct Session {
    pub(super) start: SessionStart,
    pub(super) settings: Arc<SessionSettings>,
    pub(super) phase: Phase,
    /// The login of a session that has ended: its driver still has to leave what it entered.
    former: Option<Box<Login>>,
    pub(super) decoder: ActionDecoder,
    pub(super) challenge: Option<ami_proto::Challenge>,
    pub(super) line: WorkLine,
    pub(super) gate: EventGate,
    /// Actions at several nodes at once.
    pub(super) merges: Vec<Merge>,
    /// A WaitEvent that holds everything behind it.
    pub(super) waiting: Option<Waiting>,
    /// Set once no more input is taken; the session ends when its line is empty.
    pub(super) ending: Option<EndReason>,
    /// The session's only node was lost, and it ends with it then.
    pub(super) lost: Option<Instant>,
    /// amiplex stops: every action is refused.
    pub(super) shutting_down: bool,
    pub(super) effects: VecDeque<SessionEffect>,
}

impl Session {
    /// The version of the greeting when neither the configuration nor any node has one yet.
    pub const FALLBACK_VERSION: AmiVersion = AmiVersion::new(5, 0, 0);

    /// A connection that was accepted at `now`: greets it, or closes it at once when its node is down and the rule says
    /// `refuse`. The time for the login runs since then.
    pub fn new(
        start: SessionStart,
        settings: Arc<SessionSettings>,
        surroundings: &impl Surroundings,
        now: Instant,
    ) -> Self {
        let directory = surroundings.directory();
        let mut session = Self {
            start,
            phase: Phase::Unauthenticated {
                until: now + settings.auth_timeout,
            },
            former: None,
            settings,
            decoder: ActionDecoder::new(),
            challenge: None,
            line: WorkLine::default(),
            gate: EventGate::default(),
            merges: Vec::new(),
            waiting: None,
            ending: None,
            lost: None,
            shutting_down: false,
            effects: VecDeque::new(),
        };
        let bound = session.settings.node.and_then(|node| directory.entry(node));
        if session.settings.on_node_loss == OnNodeLoss::Refuse
            && bound.is_some_and(|entry| !entry.status.is_up())
        {
            session.end(EndReason::NodeAway);
            return session;
        }
        let version = session
            .settings
            .greeting_version
            .or_else(|| match session.settings.node {
                Some(node) => directory.lowest_version(std::iter::once(node)),
                None => directory.lowest_version(directory.ids()),
            });
        session.write(greeting(&version.unwrap_or(Self::FALLBACK_VERSION)));
        session
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<SessionEffect> {
        self.effects.pop_front()
    }

    /// Whether the driver may read from the client. False pushes back on this client alone, through TCP.
    pub fn wants_input(&self) -> bool {
        let busy = self.line.len() >= self.inflight_max();
        let listens = matches!(self.ending, None | Some(EndReason::Draining));
        listens && !busy && matches!(self.phase, Phase::Unauthenticated { .. } | Phase::Open(_))
    }

    /// Takes whole actions from `buffer` while the session may take more. To be called again when it may.
    pub fn client_input(
        &mut self,
        buffer: &mut BytesMut,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        if self.waiting.is_some() && !buffer.is_empty() {
            self.finish_wait();
            self.advance(surroundings, now);
        }
        while self.wants_input() {
            let Some(incoming) = self.decoder.decode(buffer) else {
                break;
            };
            self.accept(incoming, surroundings, now);
            self.advance(surroundings, now);
        }
    }

    /// The client closed its side. What it sent before is still answered.
    pub fn client_eof(&mut self, surroundings: &impl Surroundings, now: Instant) {
        match self.phase {
            Phase::Verifying(_) | Phase::Refusing(_) => self.end(EndReason::PeerClosed),
            Phase::Unauthenticated { .. } | Phase::Open(_) => {
                self.end_after_line(EndReason::PeerClosed, surroundings, now);
            }
            Phase::Ended => {}
        }
    }

    /// A note of a node.
    pub fn mail(&mut self, mail: Mail, surroundings: &impl Surroundings, now: Instant) {
        match mail {
            Mail::Written { node, seq, list } => {
                let hold = if list {
                    self.settings.list_deadline
                } else {
                    self.settings.event_hold_max
                };
                self.gate.close(node, seq, now + hold);
            }
            Mail::Reply {
                node,
                seq,
                bytes,
                last,
                kind,
            } => {
                if matches!(self.phase, Phase::Ended) {
                    return;
                }
                if kind.is_within_list() && !last {
                    self.gate
                        .extend(node, seq, now + self.settings.list_deadline);
                }
                self.line.answer(seq, Part { bytes, last, kind });
                self.advance(surroundings, now);
            }
            Mail::Event(event) => self.admit_event(event, surroundings, now),
            Mail::Events { batch, .. } => self.admit_events(&batch, surroundings, now),
            Mail::Security(event) => match self.only_node() {
                Some(node) => self.admit(Held::Security(node, event), surroundings, now),
                None => self.give_security(&event),
            },
            Mail::NodeUp(node) => self.admit(Held::News(node, News::Up), surroundings, now),
            Mail::NodeBooted(node) => {
                self.admit(Held::News(node, News::Booted), surroundings, now);
            }
            Mail::Resynced { node, has } => {
                self.admit(Held::Resynced(node, has), surroundings, now);
            }
            // No answer is better than a wrong one: the client sees what a crash of its Asterisk looks like.
            Mail::NodeFailed(node) if self.line.awaits(node) => self.end(EndReason::NodeLost),
            Mail::NodeFailed(_) => {}
            // A session of this node alone ends, and does not wait with it.
            Mail::NodeDown(node) if self.only_node().is_some() => {
                self.on_node_down(node, surroundings, now);
            }
            Mail::NodeDown(node) => self.admit(Held::News(node, News::Down), surroundings, now),
        }
    }

    /// Time has reached [`Session::poll_timeout`].
    pub fn handle_timeout(&mut self, surroundings: &impl Surroundings, now: Instant) {
        if self.gate.expire(now) {
            self.note(SessionNote::GateTimedOut);
        }
        self.leave_silent_nodes(now);
        self.pass_events(surroundings, now);
        if self
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.until.is_some_and(|until| until <= now))
        {
            self.finish_wait();
        }
        self.leave_lost_node(surroundings, now);
        match &self.phase {
            Phase::Unauthenticated { until } if *until <= now => self.end(EndReason::AuthTimeout),
            Phase::Verifying(login) if login.until <= now => self.end(EndReason::AuthTimeout),
            Phase::Refusing(refusing) if refusing.at <= now => self.finish_refusal(),
            Phase::Unauthenticated { .. }
            | Phase::Verifying(_)
            | Phase::Refusing(_)
            | Phase::Open(_)
            | Phase::Ended => {}
        }
        self.advance(surroundings, now);
    }

    /// When [`Session::handle_timeout`] must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Unauthenticated { until } => Some(*until),
            Phase::Verifying(login) => Some(login.until),
            Phase::Refusing(refusing) => Some(refusing.at),
            Phase::Open(_) | Phase::Ended => None,
        };
        let waiting = self.waiting.as_ref().and_then(|waiting| waiting.until);
        [
            phase,
            self.gate.next_expiry(),
            waiting,
            self.merges_expire(),
            self.lost,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Bytes of events that wait behind an answer; they count in the event budget.
    pub fn held_event_bytes(&self) -> usize {
        self.gate.held_bytes()
    }

    /// Accepted and unfinished actions.
    pub fn inflight(&self) -> usize {
        self.line.len()
    }

    /// Whether it is over.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// The login, once there was one; also of a session that is over.
    pub fn principal(&self) -> Option<&Principal> {
        match &self.phase {
            Phase::Open(login) => Some(&login.principal),
            Phase::Ended => self.former.as_ref().map(|login| &login.principal),
            Phase::Unauthenticated { .. } | Phase::Verifying(_) | Phase::Refusing(_) => None,
        }
    }

    /// Runs what is at the front and answered here, then starts what may start.
    pub(super) fn advance(&mut self, surroundings: &impl Surroundings, now: Instant) {
        while !matches!(self.phase, Phase::Ended) && self.waiting.is_none() {
            match self.line.take_local() {
                Some(Work::Ready(bytes)) => self.write(bytes),
                Some(Work::Refused(bytes, report)) => {
                    self.write(bytes);
                    self.report(*report);
                }
                Some(Work::Local(action)) => self.run_local(action, surroundings, now),
                Some(Work::Node { .. }) | None => {
                    let Some((node, seq, part)) = self.line.release() else {
                        break;
                    };
                    self.give_part(node, seq, part, now);
                    self.pass_events(surroundings, now);
                }
            }
        }
        if matches!(self.phase, Phase::Ended) || self.waiting.is_some() {
            return;
        }
        self.start_work(now);
        if self.line.is_empty()
            && let Some(reason) = self.ending
        {
            self.end(reason);
        }
    }

    fn give_part(&mut self, node: NodeId, seq: ActionSeq, part: Part, now: Instant) {
        let last = part.last;
        if let Some(part) = self.merge_part(seq, part, now)
            && !part.bytes.is_empty()
        {
            self.write_slices(part.bytes);
        }
        if last {
            self.gate.open(node, seq);
        }
    }

    pub(super) fn write_slices(&mut self, bytes: Slices) {
        self.effects
            .push_back(SessionEffect::Write { bytes, events: 0 });
    }

    fn start_work(&mut self, now: Instant) {
        let Phase::Open(login) = &self.phase else {
            return;
        };
        let label = login.label.clone();
        for start in self.line.start() {
            for merge in &mut self.merges {
                merge.started(start.seq, now);
            }
            let originates = start
                .action
                .action()
                .name()
                .is_some_and(|name| name.is("Originate"));
            let command_output = self.command_output(&start.action, start.seq);
            let submission = Submission {
                reply_to: (),
                session: self.start.id,
                seq: start.seq,
                action: *start.action,
                cost: start.cost,
                label: label.clone(),
                command_output,
                strip: Arc::clone(&login.strip),
                variables: Arc::clone(if originates {
                    &login.variables
                } else {
                    &login.no_variables
                }),
                reads_no_events: !start.behind_local && login.interest.at(start.node).is_empty(),
                deadline: now + self.settings.action_deadline,
            };
            self.effects
                .push_back(SessionEffect::Submit(start.node, Box::new(submission)));
        }
    }

    pub(super) fn write(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.effects.push_back(SessionEffect::Write {
                bytes: smallvec![bytes],
                events: 0,
            });
        }
    }

    pub(super) fn note(&mut self, note: SessionNote) {
        self.effects.push_back(SessionEffect::Note(note));
    }

    /// Ends now; what is queued for the client is still written.
    pub(super) fn end(&mut self, reason: EndReason) {
        if !matches!(self.phase, Phase::Ended) {
            if let Phase::Open(login) = std::mem::replace(&mut self.phase, Phase::Ended) {
                self.former = Some(login);
            }
            self.effects.push_back(SessionEffect::Close(reason));
        }
    }

    /// Takes no more input, and ends when everything accepted is answered. A wait ends here, so what stood behind it runs.
    pub(super) fn end_after_line(
        &mut self,
        reason: EndReason,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        self.finish_wait();
        if self.line.is_empty() {
            self.end(reason);
        } else {
            self.ending.get_or_insert(reason);
            self.advance(surroundings, now);
        }
    }

    fn inflight_max(&self) -> usize {
        let own = match &self.phase {
            Phase::Open(login) => login.principal.account().inflight,
            Phase::Unauthenticated { .. }
            | Phase::Verifying(_)
            | Phase::Refusing(_)
            | Phase::Ended => None,
        };
        own.and_then(|own| usize::try_from(own).ok())
            .unwrap_or(self.settings.inflight_max)
            .max(1)
    }

    /// The node of a session of one node.
    fn only_node(&self) -> Option<NodeId> {
        match &self.phase {
            Phase::Open(login) => login.view.single(),
            Phase::Unauthenticated { .. }
            | Phase::Verifying(_)
            | Phase::Refusing(_)
            | Phase::Ended => None,
        }
    }
}
