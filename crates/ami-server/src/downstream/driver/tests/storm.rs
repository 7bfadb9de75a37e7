//! Several nodes and several clients at once, on several threads: sessions rest and rise at any moment, and still every client hears
//! everything once, in its order, and what is counted is what left.

use ami_mux::EventBatch;
use fastrand::Rng;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::*;

const NODES: usize = 2;
/// Times that each node says something.
const ROUNDS: usize = 1_000;
/// Rounds after which it waits until it has been heard: nothing may stay behind until something else moves it.
const ROUNDS_UNTIL_HEARD: usize = 20;
/// What each client asks.
const ACTIONS: usize = 1_000;
/// Questions that it asks before it waits for the answers.
const AHEAD: usize = 8;

/// Often full, and never for long: with less room at the client's side the kernel waits for its own timers.
const BUFFERS: Buffers = Buffers {
    send: 4096,
    receive: 1024 * 1024,
};

/// A client, what it does, and how its events are written.
#[derive(Clone, Copy, Debug)]
struct Kind {
    username: &'static str,
    masks: bool,
    flush: Duration,
}

impl Kind {
    fn sees(&self, node: usize) -> bool {
        let name = format!("@pbx{}", node + 1);
        !self.username.contains('@') || self.username.ends_with(&name)
    }
}

const fn kind(username: &'static str, masks: bool, flush_ms: u64) -> Kind {
    Kind {
        username,
        masks,
        flush: Duration::from_millis(flush_ms),
    }
}

const KINDS: [Kind; 6] = [
    kind("many", false, 0),
    kind("many@pbx1", false, 0),
    kind("many", false, 1),
    kind("many@pbx2", false, 3),
    kind("many", true, 0),
    kind("many@pbx2", true, 1),
];

/// What a client has heard.
#[derive(Debug, Default)]
struct Heard {
    bytes: usize,
    events: usize,
    /// The ActionIDs of the answers.
    answers: Vec<usize>,
    /// The numbers of the events of each node.
    numbers: [Vec<usize>; NODES],
    /// The last answer to `Events` was that there are none.
    off: bool,
    lasts: usize,
}

impl Heard {
    fn take(&mut self, message: &str) {
        let header = |name: &str| {
            let mut lines = message.lines();
            lines.find_map(|line| line.strip_prefix(name))
        };
        if let Some(name) = header("Event: N") {
            assert!(!self.off, "after its end: {message}");
            self.events += 1;
            let mut parts = name.split('.');
            let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
            let node = number().expect("a node");
            self.numbers[node].push(number().expect("a number"));
        } else if header("Event: Last").is_some() {
            self.events += 1;
            self.lasts += 1;
        } else if let Some(id) = header("ActionID: ") {
            self.answers.push(id.parse().expect("ours"));
            if let Some(events) = header("Events: ") {
                self.off = events == "Off";
            }
        }
    }
}

/// How far a client is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    answers: usize,
    /// Events that it has heard of each node.
    events: [usize; NODES],
}

/// A node, with those who hear all that it says.
struct Speaker {
    id: NodeId,
    commands: mpsc::Receiver<NodeCommand>,
    listeners: Vec<watch::Receiver<Progress>>,
}

impl Speaker {
    /// Says what a node says, at every pace, with answers among it. Ends when every client has asked, with how many events it has said.
    async fn speak(
        mut self,
        world: Arc<World>,
        supervisor: Supervisor,
        mut end: watch::Receiver<usize>,
    ) -> usize {
        let mut fan_out = FanOut::new(supervisor, Arc::clone(&world.meters));
        let hub = Arc::clone(&world.cluster.node(self.id).expect("the node").hub);
        let mut random = Rng::with_seed(u64::from(self.id.0));
        let mut number = 0;
        for round in 1..=ROUNDS {
            let mut mail: Vec<Mail> = (0..random.usize(1..5))
                .map(|_| {
                    let filler = "x".repeat(random.usize(..200));
                    let name = format!("N{}.{number}.{filler}", self.id.0);
                    number += 1;
                    event_of(self.id, &name)
                })
                .collect();
            EventBatch::gather(&mut mail);
            fan_out.publish(&hub, &mail);
            while let Ok(command) = self.commands.try_recv() {
                answer(self.id, command);
            }
            for _ in 0..random.usize(..4) {
                yield_now().await;
            }
            if round.is_multiple_of(ROUNDS_UNTIL_HEARD) {
                self.is_heard(number).await;
            }
        }
        let ended = end.wait_for(|ended| *ended == KINDS.len());
        self.answer_until(ended).await.expect("they end");
        fan_out.publish(&hub, &[event_of(self.id, "Last")]);
        number
    }

    async fn is_heard(&mut self, number: usize) {
        let at = usize::from(self.id.0);
        for mut listener in self.listeners.clone() {
            let heard = listener.wait_for(|progress| progress.events[at] == number);
            self.answer_until(heard).await.expect("it listens");
        }
    }

    async fn answer_until<T>(&mut self, event: impl Future<Output = T>) -> T {
        let mut event = pin!(event);
        loop {
            tokio::select! {
                come = &mut event => return come,
                Some(command) = self.commands.recv() => answer(self.id, command),
            }
        }
    }
}

fn answer(node: NodeId, command: NodeCommand) {
    if let NodeCommand::Submit(submission) = command {
        let mail = submission.not_sent(node, "pbx");
        submission.reply_to.post(&[mail]);
    }
}

/// Asks; how many answers there are is told by who listens.
async fn ask(
    kind: Kind,
    seed: u64,
    mut socket: OwnedWriteHalf,
    mut progress: watch::Receiver<Progress>,
) {
    let mut random = Rng::with_seed(seed);
    for id in 1..=ACTIONS {
        progress
            .wait_for(|progress| id < progress.answers + AHEAD)
            .await
            .expect("listens");
        let action = match random.u8(..4) {
            _ if id == ACTIONS && kind.masks => "Events\r\nEventMask: on",
            0 if kind.masks => "Events\r\nEventMask: on",
            1 if kind.masks => "Events\r\nEventMask: off",
            2 => "Getvar\r\nVariable: X",
            _ => "Ping",
        };
        let action = format!("Action: {action}\r\nActionID: {id}\r\n\r\n");
        socket.write_all(action.as_bytes()).await.expect("written");
        for _ in 0..random.usize(..15) {
            yield_now().await;
        }
    }
    progress
        .wait_for(|progress| progress.answers >= ACTIONS)
        .await
        .expect("all are answered");
    // Its end would be the end of the session.
    socket.forget();
}

/// Reads in bursts, until the nodes have said their last.
async fn listen(
    nodes: usize,
    seed: u64,
    mut socket: OwnedReadHalf,
    progress: watch::Sender<Progress>,
) -> Heard {
    let mut random = Rng::with_seed(seed);
    let mut heard = Heard::default();
    let mut text = Vec::new();
    while heard.lasts < nodes {
        if random.u8(..8) == 0 {
            for _ in 0..random.usize(..300) {
                yield_now().await;
            }
        }
        let mut piece = vec![0; random.usize(1..8192)];
        let count = socket.read(&mut piece).await.expect("read");
        assert!(count > 0, "closed after {heard:?}");
        heard.bytes += count;
        text.extend_from_slice(&piece[..count]);
        while let Some(end) = text.windows(4).position(|end| end == b"\r\n\r\n") {
            let message: Vec<u8> = text.drain(..end + 4).collect();
            heard.take(&String::from_utf8(message).expect("text"));
        }
        progress.send_replace(Progress {
            answers: heard.answers.len(),
            events: heard.numbers.each_ref().map(Vec::len),
        });
    }
    heard
}

fn assert_heard(kind: Kind, heard: &Heard, said: &[usize]) {
    assert_eq!(heard.answers, (1..=ACTIONS).collect::<Vec<_>>(), "{kind:?}");
    for (node, numbers) in heard.numbers.iter().enumerate() {
        assert!(numbers.is_sorted_by(|a, b| a < b), "{kind:?}: {numbers:?}");
        if !kind.sees(node) {
            assert!(numbers.is_empty(), "{kind:?}: {numbers:?}");
        } else if !kind.masks {
            assert_eq!(numbers.len(), said[node], "{kind:?}");
        }
    }
}

/// Logs in; how many bytes that was answered with.
async fn log_in(client: &mut TcpStream, username: &str) -> usize {
    let login = format!("Action: Login\r\nUsername: {username}\r\nSecret: s\r\n\r\n");
    client.write_all(login.as_bytes()).await.expect("written");
    let mut heard = vec![0; 4096];
    let mut count = 0;
    while !String::from_utf8_lossy(&heard[..count]).contains("accepted\r\n\r\n") {
        let more = client.read(&mut heard[count..]).await.expect("read");
        assert!(more > 0, "closed");
        count += more;
    }
    count
}

fn assert_figure(figures: &str, name: &str, value: usize) {
    let line = format!("{name} {value}");
    let found = figures.lines().any(|have| have == line);
    assert!(found, "no {line} in:\n{figures}");
}

/// A client under way.
struct Client {
    kind: Kind,
    /// Bytes that it had heard when it was logged in.
    before: usize,
    progress: watch::Receiver<Progress>,
    listening: JoinHandle<Heard>,
}

/// A client that asks until it counts as one that has `ended`, and listens until the nodes have said their last.
#[expect(clippy::disallowed_methods, reason = "a test joins its tasks itself")]
async fn client(
    kind: Kind,
    seed: u64,
    ended: Arc<watch::Sender<usize>>,
    world: &Arc<World>,
    supervisor: &Supervisor,
) -> Client {
    let start = SessionStart {
        id: SessionId(seed),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        tls: false,
    };
    let link = Link {
        since: Instant::now(),
        flush: kind.flush,
        buffers: BUFFERS,
    };
    let (mut socket, _) = connect(start, link, world, supervisor).await;
    let before = log_in(&mut socket, kind.username).await;
    let (reader, writer) = socket.into_split();
    let (tell, progress) = watch::channel(Progress::default());
    let asking = ask(kind, seed, writer, progress.clone());
    tokio::spawn(async move {
        asking.await;
        ended.send_modify(|ended| *ended += 1);
    });
    let nodes = (0..NODES).filter(|node| kind.sees(*node)).count();
    Client {
        kind,
        before,
        progress,
        listening: tokio::spawn(listen(nodes, seed, reader, tell)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::disallowed_methods, reason = "a test joins its tasks itself")]
async fn everybody_hears_everything_once_and_in_order_whoever_writes_it() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    let meters = Arc::new(metrics::with_local_recorder(&recorder, || {
        Meters::new("test")
    }));
    let (senders, queues): (Vec<_>, Vec<_>) = (0..NODES).map(|_| mpsc::channel(8)).unzip();
    let world = Arc::new(world(senders, Arc::clone(&meters)));
    let supervisor = Supervisor::new(meters);
    let (ended, end) = watch::channel(0);
    let ended = Arc::new(ended);
    let mut clients = Vec::new();
    for (seed, kind) in (1..).zip(KINDS) {
        clients.push(client(kind, seed, Arc::clone(&ended), &world, &supervisor).await);
    }
    let mut nodes = Vec::new();
    for (at, commands) in queues.into_iter().enumerate() {
        let hears_all = |client: &&Client| client.kind.sees(at) && !client.kind.masks;
        let listeners = clients.iter().filter(hears_all);
        let speaker = Speaker {
            id: NodeId(u16::try_from(at).expect("few")),
            commands,
            listeners: listeners.map(|client| client.progress.clone()).collect(),
        };
        let speaks = speaker.speak(Arc::clone(&world), supervisor.clone(), end.clone());
        nodes.push(tokio::spawn(speaks));
    }
    let heard = async {
        let mut said = Vec::new();
        for node in nodes {
            said.push(node.await.expect("ends"));
        }
        let (mut bytes, mut events) = (0, 0);
        for client in clients {
            let heard = client.listening.await.expect("ends");
            assert_heard(client.kind, &heard, &said);
            bytes += client.before + heard.bytes;
            events += heard.events;
        }
        (bytes, events)
    };
    let (bytes, events) = timeout(PATIENCE, heard).await.expect("in time");
    // What a session has written is counted when its turn goes on.
    supervisor.stop();
    while world.registry.len() > 0 {
        yield_now().await;
    }
    supervisor.join().await;
    let figures = figures.render();
    let bytes_out = "amiplex_downstream_bytes_total{direction=\"out\"}";
    assert_figure(&figures, bytes_out, bytes);
    assert_figure(&figures, "amiplex_events_delivered_total", events);
}
