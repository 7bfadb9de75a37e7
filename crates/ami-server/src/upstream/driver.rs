//! The task of one node: its sockets, its timers, and the machine that knows what they mean.
//!
//! One `poll` looks at every lane: it writes what is queued, reads what has come and gives it to the machine. Nothing
//! in it waits for a client (I4), and a peer that does not read never stops us reading.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ami_mux::{
    EventBatch, LaneId, LaneLoss, LaneRole, Mail, Node, NodeEffect, NodeId, NodeSettings,
    NodeStatus, Surroundings,
};
use ami_telemetry::NodeMeters;
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::backoff::Backoff;
use super::connect::{ConnectError, NodeAddress, connect};
use super::failure::Failures;
use super::journal::Journal;
use super::record::next_record;
use crate::cluster::NodeCommand;
use crate::fan_out::FanOut;
use crate::inbox::Inbox;
use crate::supervisor::Supervisor;
use crate::transport::Transport;
use crate::world::World;

/// Commands taken before the lanes are looked at again.
const COMMANDS_PER_TURN: usize = 64;
/// Messages taken from one lane before the others are looked at.
const FRAMES_PER_TURN: usize = 256;
/// Room made for one read.
const READ_BYTES: usize = 64 * 1024;
/// With less room than this a read is not worth its system call.
const READ_BYTES_MIN: usize = 4 * 1024;
/// Slices given to one vectored write.
const SLICES_PER_WRITE: usize = 64;
/// How long the node may take to close the lanes when amiplex stops.
const LOGOFF_DEADLINE: Duration = Duration::from_secs(1);
/// A whole connect, name resolution to TLS.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// What a node's task is made of.
#[derive(Debug)]
pub(crate) struct NodeTask {
    pub(crate) settings: NodeSettings,
    /// What is known of it before it was reached.
    pub(crate) status: NodeStatus,
    pub(crate) address: NodeAddress,
    pub(crate) backoff: Backoff,
    pub(crate) nonce: u32,
    pub(crate) commands: mpsc::Receiver<NodeCommand>,
    pub(crate) meters: NodeMeters,
}

pub(super) struct LaneSocket {
    transport: Transport,
    input: BytesMut,
    /// The machine left whole messages in `input` at the end of its turn.
    more: bool,
}

pub(super) struct NodeDriver {
    pub(super) id: NodeId,
    pub(super) machine: Node<Arc<Inbox>>,
    pub(super) lanes: BTreeMap<LaneId, LaneSocket>,
    pub(super) connecting: JoinSet<Result<Transport, ConnectError>>,
    pub(super) connecting_lanes: HashMap<task::Id, LaneId>,
    /// Commands that were taken and not obeyed yet.
    pub(super) taken: VecDeque<NodeCommand>,
    /// Mail for every session that sees the node, of one turn, not posted yet.
    broadcast: Vec<Mail>,
    fan_out: FanOut,
    /// Sessions that wait until the node has been told what they want. One that has gone leaves its sender behind until then.
    hearing: HashMap<u64, oneshot::Sender<()>>,
    address: Arc<NodeAddress>,
    backoff: Backoff,
    pub(super) world: Arc<World>,
    journal: Journal,
}

/// Runs the node until everything stops, and begins anew when its machine fails.
pub(crate) async fn run(task: NodeTask, world: Arc<World>, supervisor: Supervisor) {
    let NodeTask {
        settings,
        status,
        address,
        backoff,
        nonce,
        mut commands,
        meters,
    } = task;
    let journal = Journal::new(Arc::clone(&settings.name), meters);
    let mut driver = NodeDriver {
        id: settings.id,
        machine: Node::begin(status, settings.clone(), nonce, Instant::now().into_std()),
        lanes: BTreeMap::new(),
        connecting: JoinSet::new(),
        connecting_lanes: HashMap::new(),
        taken: VecDeque::with_capacity(COMMANDS_PER_TURN),
        broadcast: Vec::new(),
        fan_out: FanOut::new(supervisor.clone(), Arc::clone(&world.meters)),
        hearing: HashMap::new(),
        address: Arc::new(address),
        backoff,
        world,
        journal,
    };
    let mut failures = Failures::default();
    loop {
        let begun = Instant::now();
        let driven = driver.drive(&mut commands, &supervisor);
        if supervisor.survive("node", driven).await.is_ok() {
            return;
        }
        let attempt = failures.count(begun.elapsed());
        driver
            .begin_anew(&settings, attempt, &mut commands, &supervisor)
            .await;
    }
}

fn far_future() -> Instant {
    Instant::now() + Duration::from_hours(1)
}

impl NodeDriver {
    async fn drive(&mut self, commands: &mut mpsc::Receiver<NodeCommand>, supervisor: &Supervisor) {
        let mut taken = Vec::with_capacity(COMMANDS_PER_TURN);
        let mut abandoned = false;
        self.hearing.clear();
        self.tell_what_is_wanted();
        let stopping = pin!(supervisor.stopping());
        let mut stopping = supervisor.signal(stopping);
        let abandoning = pin!(supervisor.abandoning());
        let mut abandoning = supervisor.signal(abandoning);
        // Armed for the earliest moment that was ever needed, and moved only when it is too late or past.
        let mut timer = pin!(sleep_until(far_future()));
        loop {
            self.obey();
            self.carry_out();
            let wake = self
                .machine
                .poll_timeout()
                .map_or_else(far_future, Instant::from_std);
            if wake < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(wake);
            }
            // In no fixed order: a flood of events must not keep the sessions' actions and the deadlines waiting.
            tokio::select! {
                () = &mut stopping => break,
                () = &mut abandoning, if !abandoned => {
                    abandoned = true;
                    self.machine.abandon();
                }
                () = std::future::poll_fn(|cx| self.poll_sockets(cx)) => {}
                count = commands.recv_many(&mut taken, COMMANDS_PER_TURN) => {
                    if count == 0 {
                        break;
                    }
                    self.taken.extend(taken.drain(..));
                }
                () = &mut timer => self.machine.handle_timeout(Instant::now().into_std()),
            }
        }
        if !abandoned {
            self.machine.abandon();
        }
        self.log_off().await;
    }

    /// Waits until the node has closed every lane that was logged off, for a moment.
    async fn log_off(&mut self) {
        let closed = async {
            self.carry_out();
            while !self.lanes.is_empty() {
                std::future::poll_fn(|cx| self.poll_sockets(cx)).await;
                self.carry_out();
            }
        };
        if timeout(LOGOFF_DEADLINE, closed).await.is_err() {
            self.journal.not_logged_off();
        }
    }

    fn obey(&mut self) {
        let now = Instant::now().into_std();
        while let Some(command) = self.taken.pop_front() {
            match command {
                NodeCommand::Submit(submission) => self.machine.submit(*submission, now),
                NodeCommand::Replay(inbox) => self.machine.replay(&inbox),
                NodeCommand::SessionGone(session) => {
                    self.machine.session_gone(session);
                    self.tell_what_is_wanted();
                }
                NodeCommand::Interest(done) => {
                    if let Some(ticket) = self.tell_what_is_wanted() {
                        self.hearing.insert(ticket, done);
                    }
                }
                NodeCommand::Service(service, done) => {
                    self.machine.set_service(service);
                    self.carry_out();
                    drop(done);
                }
                #[cfg(test)]
                NodeCommand::Panic => std::panic::resume_unwind(Box::new("as the test asked")),
            }
        }
    }

    /// Gives what the machine gives for those who have to wait.
    fn tell_what_is_wanted(&mut self) -> Option<u64> {
        let node = self
            .world
            .cluster
            .node(self.id)
            .filter(|node| node.narrows)?;
        let now = Instant::now().into_std();
        self.machine.set_wanted(node.hub.wanted(), now)
    }

    fn connected(
        &mut self,
        joined: Result<(task::Id, Result<Transport, ConnectError>), task::JoinError>,
    ) {
        let now = Instant::now().into_std();
        let (id, outcome) = match joined {
            Ok((id, Ok(transport))) => (id, Ok(transport)),
            Ok((id, Err(error))) => {
                self.journal.connect_failed(&error);
                (id, Err(error.to_string()))
            }
            Err(error) => {
                tracing::error!(%error, "a connect task ended by a bug");
                (error.id(), Err(error.to_string()))
            }
        };
        let Some(lane) = self.connecting_lanes.remove(&id) else {
            return;
        };
        match outcome {
            // The machine may have given the lane up meanwhile: then nobody would ever close this connection.
            Ok(_) if self.machine.lane_output(lane).is_none() => {}
            Ok(transport) => {
                let socket = LaneSocket {
                    transport,
                    input: BytesMut::new(),
                    more: false,
                };
                self.lanes.insert(lane, socket);
                self.machine.lane_opened(lane, now);
            }
            Err(reason) => {
                self.machine
                    .lane_lost(lane, &LaneLoss::ConnectFailed(reason), now);
            }
        }
    }

    pub(super) fn carry_out(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            // Events that come together are posted together. Nothing else may overtake them, and notes are for people only.
            if !matches!(effect, NodeEffect::Broadcast(_) | NodeEffect::Note(_)) {
                self.publish();
            }
            match effect {
                NodeEffect::Open {
                    lane,
                    role,
                    attempt,
                } => self.open(lane, role, attempt),
                NodeEffect::Close(lane) => {
                    self.lanes.remove(&lane);
                }
                NodeEffect::Deliver(inbox, mail) => inbox.post(&[mail]),
                NodeEffect::Broadcast(mail) => self.broadcast.push(mail),
                NodeEffect::Heard(ticket) => drop(self.hearing.remove(&ticket)),
                NodeEffect::Status(status) => {
                    self.journal.status(&status);
                    self.set_status(&status);
                    let alike = self.world.cluster.alike();
                    self.world.meters.nodes_alike(alike);
                }
                NodeEffect::Note(note) => self.journal.note(note),
            }
        }
        self.publish();
        let figures = self.machine.figures();
        if self.journal.figures(figures)
            && let Some(node) = self.world.cluster.node(self.id)
        {
            *node.figures.lock() = figures;
        }
    }

    /// Posts what is for every session that sees the node.
    fn publish(&mut self) {
        if self.broadcast.is_empty() {
            return;
        }
        let raised = |mail: &&Mail| matches!(mail, Mail::Event(event) if !event.is_made_up());
        let raised = self.broadcast.iter().filter(raised).count();
        self.journal.events_in(raised);
        EventBatch::gather(&mut self.broadcast);
        if let Some(node) = self.world.cluster.node(self.id) {
            self.fan_out.publish(&node.hub, &self.broadcast);
        }
        self.broadcast.clear();
    }

    /// Shows everybody how the node is.
    pub(super) fn set_status(&self, status: &NodeStatus) {
        let lasting = self.world.cluster.set_status(self.id, status);
        if lasting && let Some(memory) = &self.world.node_memory {
            memory.changed();
        }
    }

    fn open(&mut self, lane: LaneId, role: LaneRole, attempt: u32) {
        let address = Arc::clone(&self.address);
        let delay = self.backoff.delay(attempt, fastrand::f64());
        if attempt > 0 {
            self.journal.reconnecting(role, attempt, delay);
        }
        if role == LaneRole::Event
            && let Some(node) = self.world.cluster.node(self.id)
        {
            *node.next_attempt.lock() = self.world.wall_clock() + delay;
        }
        let task = self.connecting.spawn(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            connect(&address, CONNECT_DEADLINE).await
        });
        self.connecting_lanes.insert(task.id(), lane);
    }

    /// Looks at every connection, open or being opened; ready when anything happened.
    fn poll_sockets(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut progress = false;
        while let Poll::Ready(Some(joined)) = self.connecting.poll_join_next_with_id(cx) {
            self.connected(joined);
            progress = true;
        }
        match self.poll_lanes(cx) {
            Poll::Pending if progress => Poll::Ready(()),
            polled @ (Poll::Ready(()) | Poll::Pending) => polled,
        }
    }

    /// Looks at every lane once; ready when anything happened.
    fn poll_lanes(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now().into_std();
        let stamps = self.world.accounts.load().general().timestamp_events;
        self.machine
            .stamp_events(stamps.then(|| self.world.wall_clock()));
        let mut progress = false;
        let mut lost: Vec<(LaneId, LaneLoss)> = Vec::new();
        for (id, socket) in &mut self.lanes {
            match socket.write_out(*id, &mut self.machine, &mut self.journal, cx) {
                Ok(wrote) => progress |= wrote,
                Err(loss) => {
                    lost.push((*id, loss));
                    continue;
                }
            }
            match socket.read_in(*id, &mut self.machine, &mut self.journal, cx) {
                Ok(read) => progress |= read,
                Err(loss) => lost.push((*id, loss)),
            }
        }
        for (id, loss) in lost {
            progress = true;
            self.lanes.remove(&id);
            self.machine.lane_lost(id, &loss, now);
        }
        if progress {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl LaneSocket {
    fn write_out(
        &mut self,
        id: LaneId,
        machine: &mut Node<Arc<Inbox>>,
        journal: &mut Journal,
        cx: &mut Context<'_>,
    ) -> Result<bool, LaneLoss> {
        let mut progress = false;
        while let Some(queue) = machine.lane_output(id).filter(|queue| !queue.is_empty()) {
            match self.poll_write(queue, cx) {
                Poll::Ready(Ok(0)) => return Err(LaneLoss::Eof),
                Poll::Ready(Ok(count)) => {
                    machine.lane_wrote(id, count, Instant::now().into_std());
                    journal.bytes_out(count);
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(LaneLoss::Io(error.to_string())),
                Poll::Pending => return Ok(progress),
            }
        }
        match Pin::new(&mut self.transport).poll_flush(cx) {
            Poll::Ready(Err(error)) => Err(LaneLoss::Io(error.to_string())),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(progress),
        }
    }

    /// Hands the front of `queue` to the socket.
    fn poll_write(
        &mut self,
        queue: &VecDeque<Bytes>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut transport = Pin::new(&mut self.transport);
        if transport.is_tls() {
            // Flushed first, so that the record is taken whole.
            ready!(transport.as_mut().poll_flush(cx))?;
            return transport.poll_write(cx, &next_record(queue.iter()));
        }
        // Filled where it lies: collected, a kilobyte would be moved.
        let mut slices: SmallVec<[IoSlice<'_>; SLICES_PER_WRITE]> = SmallVec::new();
        let front = queue.iter().take(SLICES_PER_WRITE);
        slices.extend(front.map(|bytes: &Bytes| IoSlice::new(bytes)));
        transport.poll_write_vectored(cx, &slices)
    }

    fn read_in(
        &mut self,
        id: LaneId,
        machine: &mut Node<Arc<Inbox>>,
        journal: &mut Journal,
        cx: &mut Context<'_>,
    ) -> Result<bool, LaneLoss> {
        if self.more {
            self.more = machine.lane_input(
                id,
                &mut self.input,
                FRAMES_PER_TURN,
                Instant::now().into_std(),
            );
            return Ok(true);
        }
        if self.input.capacity() - self.input.len() < READ_BYTES_MIN {
            self.input.reserve(READ_BYTES);
        }
        let read = pin!(self.transport.read_buf(&mut self.input));
        match read.poll(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(LaneLoss::Io(error.to_string())),
            Poll::Ready(Ok(0)) => Err(LaneLoss::Eof),
            Poll::Ready(Ok(count)) => {
                journal.bytes_in(count);
                self.more = machine.lane_input(
                    id,
                    &mut self.input,
                    FRAMES_PER_TURN,
                    Instant::now().into_std(),
                );
                Ok(true)
            }
        }
    }
}
