//! A node from its start to its end, and everything a test can do to it.
//!
//! Owner: the test or the demo. Dropping a node ends all its tasks; its sockets close with them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ami_proto::ClassSet;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until, timeout};

use crate::classes::SYSTEM;
use crate::session::{self, Stream};
use crate::state::{ConnectionId, ConnectionInfo, Core, Received};
use crate::tasks::Tasks;
use crate::{Faults, FloodCount, PlacedCall, SimOptions, SimVersion, Transcript, flood};

/// How long [`SimNode::stop`] lets sessions write what they have.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// A simulated Asterisk node that listens on a socket.
#[derive(Debug)]
pub struct SimNode {
    core: Arc<Core>,
    tasks: Arc<Tasks>,
    floods: Tasks,
    address: SocketAddr,
}

impl SimNode {
    /// Binds and starts; must be called inside a tokio runtime. Errors are those of binding.
    pub async fn start(options: SimOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.bind).await?;
        let node = Self {
            address: listener.local_addr()?,
            core: Arc::new(Core::new(options)),
            tasks: Arc::new(Tasks::default()),
            floods: Tasks::default(),
        };
        node.run(listener);
        Ok(node)
    }

    fn run(&self, listener: TcpListener) {
        let (core, tasks) = (Arc::clone(&self.core), Arc::downgrade(&self.tasks));
        self.tasks.start(accept(core, tasks, listener));
        self.tasks.start(keep_agenda(Arc::clone(&self.core)));
    }

    /// Where it listens; the same after a restart.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.core.options.name
    }

    /// The release it plays.
    pub fn version(&self) -> SimVersion {
        self.core.options.version
    }

    /// Runs a session over any stream: an in-memory pipe, or a TLS stream after its handshake. The stream is closed at
    /// once when too many connections wait for login.
    pub fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 0));
        if let Some(id) = self.core.seat(nobody, self.address) {
            let core = Arc::clone(&self.core);
            self.tasks.start(session::serve(core, Box::new(stream), id));
        }
    }

    /// Stops in an orderly way: `Shutdown` event, what is waiting is written for at most a second, everything closes.
    pub async fn stop(&self) {
        self.core.with(|state| {
            let message = state
                .world
                .broadcast("Shutdown", SYSTEM)
                .header("Shutdown", "Cleanly")
                .header("Restart", "False");
            state.world.publish(SYSTEM, message);
        });
        self.core.with(|state| state.running = false);
        self.core.closing.send_replace(true);
        self.floods.end().await;
        // Whoever is not done by then is aborted with the dropped future.
        drop(timeout(STOP_GRACE, self.tasks.join()).await);
    }

    /// Dies as by `kill -9`: when this returns, every socket is closed, half-written messages included.
    pub async fn kill(&self) {
        self.core.with(|state| state.running = false);
        self.floods.end().await;
        self.tasks.end().await;
    }

    /// Starts again on the same port, killing it first when it still runs. The world is new: no channels, no globals, no
    /// dynamic queue members; the database stays, and so does what was recorded. Floods do not go on.
    pub async fn restart(&self) -> io::Result<()> {
        self.kill().await;
        self.core.begin_again();
        let listener = TcpListener::bind(self.address).await?;
        self.run(listener);
        Ok(())
    }

    /// Stands still as after SIGSTOP: the kernel still accepts connections, nothing is read, answered or emitted.
    pub fn freeze(&self) {
        self.core.gate.set_frozen(true);
    }

    /// Goes on as after SIGCONT: what was sent meanwhile is read and executed, what was due happens.
    pub fn thaw(&self) {
        self.core.gate.set_frozen(false);
    }

    /// Every action that reached the node, over restarts too, in the order in which they were read; those of one connection in
    /// the order they were sent. Of very many only the newest are kept: see [`SimNode::received_count`].
    pub fn received(&self) -> Vec<Received> {
        self.core
            .look(|state| state.received.iter().cloned().collect())
    }

    /// Of these, the actions of that name.
    pub fn received_named(&self, name: &str) -> Vec<Received> {
        let mut all = self.received();
        all.retain(|one| one.action.name().is_some_and(|own| own.is(name)));
        all
    }

    /// How many actions ever reached it.
    pub fn received_count(&self) -> u64 {
        self.core.look(|state| state.received_count)
    }

    /// Every call that an Originate really placed, over restarts too.
    pub fn placed(&self) -> Vec<PlacedCall> {
        self.core.look(|state| {
            let mut all = state.placed_before.clone();
            all.extend(state.world.placed.iter().cloned());
            all
        })
    }

    /// The live connections, oldest first.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.core.look(|state| {
            let info = |seat: &crate::state::Seat| ConnectionInfo {
                id: seat.id,
                account: seat.account.clone(),
                mask: seat.mask,
            };
            state.seats.values().map(info).collect()
        })
    }

    /// Names of the live channels, oldest first.
    pub fn channels(&self) -> Vec<String> {
        self.core.look(|state| {
            let channels = state.world.channels.values();
            channels.map(|channel| channel.name.clone()).collect()
        })
    }

    /// Drops one connection; false when it is not there.
    pub fn drop_connection(&self, id: ConnectionId) -> bool {
        self.core.look(|state| {
            let seat = state.seats.get(&id);
            seat.is_some_and(|seat| {
                seat.kick.notify_one();
                true
            })
        })
    }

    /// Waits until the condition holds, looking again after every change of the node: without sleeping, and without a limit
    /// (let the test runner have one).
    pub async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.core.changes.subscribe();
        // The sender lives in the node, so waiting cannot fail.
        while !condition(self) && changes.changed().await.is_ok() {}
    }

    /// Waits until so many actions of that name have reached the node, over its whole life.
    pub async fn until_received(&self, name: &str, count: usize) {
        self.until(|node| node.received_named(name).len() >= count)
            .await;
    }

    /// Waits until exactly so many sessions are logged in.
    pub async fn until_logged_in(&self, count: usize) {
        self.until(|node| {
            let connections = node.connections();
            let logged_in = connections.iter().filter(|one| one.account.is_some());
            logged_in.count() == count
        })
        .await;
    }

    /// From now on these faults, instead of those before.
    pub fn set_faults(&self, faults: Faults) {
        self.core.faults.send_replace(faults);
    }

    /// Starts one generated call now, whatever the rate.
    pub fn make_call(&self) {
        self.core.with(|state| state.world.generate_call());
    }

    /// Broadcasts an event with these headers, under these classes. Line breaks in values become blanks.
    pub fn emit(&self, name: &str, classes: ClassSet, headers: &[(&str, &str)]) {
        self.core.with(|state| {
            let mut message = state.world.broadcast(name, classes);
            for (header, value) in headers {
                message = message.header(header, value);
            }
            state.world.publish(classes, message);
        });
    }

    /// Sends bytes as they are, valid or not, to every session whose mask covers the classes.
    pub fn emit_raw(&self, classes: ClassSet, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.core
            .with(|state| state.world.publish_bytes(classes, bytes));
    }

    /// From now to its next start, the CLI command of that name succeeds or fails with this text: lines that end in LF, and whatever
    /// else a command may print.
    pub fn cli_prints(&self, command: &str, succeeds: bool, text: impl Into<Vec<u8>>) {
        let text = text.into();
        let command = command.to_ascii_lowercase();
        self.core
            .with(|state| state.world.cli.insert(command, (succeeds, text)));
    }

    /// Plays a transcript to every session that is logged in, whatever its mask.
    pub fn play(&self, transcript: &Transcript) {
        let max = self.core.options.session_bytes_max;
        self.core.with(|state| {
            for seat in state.seats.values_mut().filter(|s| s.is_logged_in()) {
                for piece in transcript.messages() {
                    seat.push(piece.clone(), max);
                }
            }
        });
    }

    /// Plays a transcript to every session right after its login, from the next one on; `None` ends that.
    pub fn play_after_login(&self, transcript: Option<Transcript>) {
        self.core.with(|state| state.transcript = transcript);
    }

    /// Makes so many events per second of about so many bytes for every session with class call, numbered by `Sequence` and
    /// stamped by `Sent` (microseconds since the epoch). Replaces an earlier flood; a rate of 0 ends it.
    pub async fn flood(&self, events_per_second: u32, bytes: usize) {
        self.flood_in_batches(events_per_second, bytes, flood::TICK)
            .await;
    }

    /// The same with so much time between two batches; 1 ms at least.
    pub async fn flood_in_batches(&self, events_per_second: u32, bytes: usize, gap: Duration) {
        self.floods.end().await;
        if events_per_second > 0 {
            let core = Arc::clone(&self.core);
            self.floods
                .start(flood::run(core, events_per_second, bytes, gap));
        }
    }

    /// What all floods have done.
    pub fn flooded(&self) -> FloodCount {
        self.core.look(|state| state.flooded)
    }
}

async fn accept(core: Arc<Core>, tasks: Weak<Tasks>, listener: TcpListener) {
    let mut closing = core.closing.subscribe();
    loop {
        core.gate.pass().await;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = core.gate.shut() => continue,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        // A failed accept is about that connection only.
        let Ok((stream, peer)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let (Ok(()), Ok(local)) = (stream.set_nodelay(true), stream.local_addr()) else {
            continue;
        };
        let (Some(id), Some(tasks)) = (core.seat(peer, local), tasks.upgrade()) else {
            continue;
        };
        let stream: Box<dyn Stream> = Box::new(stream);
        tasks.start(session::serve(Arc::clone(&core), stream, id));
    }
}

/// Does what the world has planned, when it is due.
async fn keep_agenda(core: Arc<Core>) {
    let mut closing = core.closing.subscribe();
    loop {
        core.gate.pass().await;
        let due = core.with(|state| {
            state.world.advance();
            state.world.next_due()
        });
        tokio::select! {
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            () = core.agenda.notified() => {}
            () = core.gate.shut() => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}
