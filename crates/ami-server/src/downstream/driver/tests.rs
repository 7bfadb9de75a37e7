use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ami_access::OnNodeLoss;
use ami_access::manager_conf::MemoryFiles;
use ami_mux::{Directory, DirectoryEntry, NodeEvent, NodeState, NodeStatus, SessionId};
use ami_proto::Frame;
use ami_telemetry::Meters;
use arc_swap::ArcSwap;
use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};

use super::*;
use crate::cluster::{Cluster, NodeHandle};
use crate::drain_turns::DrainTurns;
use crate::fan_out::FanOut;
use crate::hub::EventHub;
use crate::rates::AccountRates;
use crate::registry::{SessionLimits, SessionRegistry};
use crate::secret_checks::SecretChecks;
use crate::security::{Origin, SecurityDesk};
use crate::throttle::AuthThrottle;

const MANAGER_CONF: &str = "[general]\n[one]\nsecret = s\nread = all\nwrite = all\nallowmultiplelogin = no\n\
    [many]\nsecret = s\nread = call\nwrite = all\nevent_bytes = 67108864\n[hashed]\nread = all\n\
    secret_hash = $argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$TvJZjSjEyaTxaRflA27IE3+/2/M2EI/A3lqcozmYpVQ\n";
const LOGIN: &str = "Action: Login\r\nUsername: one\r\nSecret: s\r\n\r\n";
/// Far more than any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The sessions end over so long when amiplex stops; the first at once.
const SPREAD: Duration = Duration::from_secs(8);

struct Bench {
    world: Arc<World>,
    commands: Option<mpsc::Receiver<NodeCommand>>,
    client: TcpStream,
    task: JoinHandle<()>,
    fan_out: FanOut,
    supervisor: Supervisor,
}

/// What the sessions share, with a node for each of these queues.
fn world(commands: Vec<mpsc::Sender<NodeCommand>>, meters: Arc<Meters>) -> World {
    let files = MemoryFiles::default().with("/manager.conf", MANAGER_CONF);
    let loaded = ami_access::load_from(&files, Path::new("/manager.conf"), None);
    let status = NodeStatus {
        state: NodeState::Up,
        ..NodeStatus::initial()
    };
    let entry = |number| DirectoryEntry {
        status: status.clone(),
        ..DirectoryEntry::new(&format!("pbx{number}"))
    };
    let entries = (1..=commands.len()).map(entry).collect();
    let nodes = commands
        .into_iter()
        .map(|commands| NodeHandle::new(commands, Arc::from([])));
    World {
        accounts: ArcSwap::from_pointee(loaded.expect("valid").accounts),
        cluster: Cluster::new(nodes.collect(), Directory::new(entries)),
        registry: Arc::new(SessionRegistry::new(SessionLimits {
            sessions: 10,
            unauthenticated: 10,
            unauthenticated_per_address: 10,
        })),
        throttle: AuthThrottle::default(),
        rates: AccountRates::default(),
        secret_checks: SecretChecks::default(),
        security: SecurityDesk::new(None, Arc::clone(&meters)),
        audit_log: None,
        node_memory: None,
        drain_turns: DrainTurns::over(SPREAD),
        meters,
    }
}

async fn bench() -> Bench {
    bench_of(IpAddr::V4(Ipv4Addr::LOCALHOST), Instant::now()).await
}

/// A connection of a client that is said to be there, accepted then.
async fn bench_of(peer: IpAddr, since: Instant) -> Bench {
    bench_with(peer, since, Duration::ZERO).await
}

/// The same whose events may wait for so long.
async fn bench_with(peer: IpAddr, since: Instant, flush: Duration) -> Bench {
    let meters = Arc::new(Meters::new("test"));
    let (commands, receiver) = mpsc::channel(8);
    let world = Arc::new(world(vec![commands], Arc::clone(&meters)));
    let supervisor = Supervisor::new(meters);
    let start = SessionStart {
        id: SessionId(1),
        peer,
        tls: false,
    };
    let link = Link {
        since,
        flush,
        buffers: Buffers::TINY,
    };
    let (client, task) = connect(start, link, &world, &supervisor).await;
    Bench {
        fan_out: FanOut::new(supervisor.clone(), Arc::clone(&world.meters)),
        world,
        commands: Some(receiver),
        client,
        task,
        supervisor,
    }
}

/// How a client is connected.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// When it was accepted.
    since: Instant,
    /// For how long its events may wait.
    flush: Duration,
    /// Sizes of the connection's buffers, in bytes.
    buffers: Buffers,
}

#[derive(Clone, Copy, Debug)]
struct Buffers {
    /// Of what amiplex has written and the client's side has not taken.
    send: u32,
    /// Of what the client has not read.
    receive: u32,
}

impl Buffers {
    /// Full at once. More than a few of them would pass at the pace of the kernel's timers.
    const TINY: Self = Self {
        send: 4096,
        receive: 4096,
    };
}

/// A client, and the task of its session.
#[expect(clippy::disallowed_methods, reason = "a test joins its tasks itself")]
async fn connect(
    start: SessionStart,
    link: Link,
    world: &Arc<World>,
    supervisor: &Supervisor,
) -> (TcpStream, JoinHandle<()>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("bound");
    let listener = socket.listen(1).expect("listening");
    let client = TcpSocket::new_v4().expect("a socket");
    client
        .set_recv_buffer_size(link.buffers.receive)
        .expect("set");
    let (client, accepted) = tokio::join!(
        client.connect(listener.local_addr().expect("bound")),
        listener.accept()
    );
    let (stream, _) = accepted.expect("accepted");
    stream.set_nodelay(true).expect("no delay");
    SockRef::from(&stream)
        .set_send_buffer_size(usize::try_from(link.buffers.send).expect("a size"))
        .expect("set");
    let settings = SessionSettings {
        rates: ami_mux::Rates::default(),
        inflight_max: 16,
        action_deadline: PATIENCE,
        list_deadline: PATIENCE,
        event_hold_max: Duration::from_millis(100),
        auth_timeout: PATIENCE,
        label: "Node".into(),
        select: Arc::from(["Node".to_owned()]),
        routes: Arc::from([]),
        node: None,
        greeting_version: None,
        on_node_loss: OnNodeLoss::Keep,
        command_output: ami_proto::CommandOutput::Native,
    };
    let connection = Connection {
        start,
        accepted: link.since,
        origin: Box::new(Origin::new(
            start.id,
            stream.peer_addr().expect("connected"),
            false,
        )),
        settings: Arc::new(settings),
        transport: Transport::plain(stream),
        place: world.registry.admit(start.peer).expect("a place"),
        outbound: OutboundLimits {
            event_bytes: 512 * 1024,
            reply_bytes: 512 * 1024,
            event_age: Duration::from_hours(1),
            flush: link.flush,
        },
        listener: "test".into(),
    };
    let task = tokio::spawn(run(connection, Arc::clone(world), supervisor.clone()));
    (client.expect("connected"), task)
}

impl Bench {
    fn hub(&self) -> Arc<EventHub> {
        let node = self.world.cluster.node(NodeId(0)).expect("the node");
        Arc::clone(&node.hub)
    }

    /// What the node says to everybody.
    fn publish(&mut self, mail: &[Mail]) {
        let hub = self.hub();
        self.fan_out.publish(&hub, mail);
    }

    async fn says(&mut self, text: &str) {
        let written = self.client.write_all(text.as_bytes()).await;
        written.expect("written");
    }

    async fn hears(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        let hear = async {
            while !String::from_utf8_lossy(&heard).contains(end) {
                let count = self.client.read_buf(&mut heard).await.expect("read");
                assert!(count > 0, "closed without {end:?}: {heard:?}");
            }
        };
        let done = timeout(PATIENCE, hear).await;
        done.expect("heard in time");
        String::from_utf8_lossy(&heard).into_owned()
    }
}

fn event() -> Mail {
    event_named(&"x".repeat(200))
}

fn event_named(name: &str) -> Mail {
    event_of(NodeId(0), name)
}

fn event_of(node: NodeId, name: &str) -> Mail {
    let bytes = Bytes::from(format!("Event: {name}\r\nPrivilege: call,all\r\n\r\n"));
    let frame = Frame::parse(bytes.clone()).expect("a message");
    let event = NodeEvent::new(node, "pbx1".into(), &frame, bytes);
    Mail::Event(Arc::new(event))
}

#[tokio::test]
async fn a_login_whose_logoff_came_with_it_frees_its_account() {
    let mut bench = bench().await;
    bench.says(&format!("{LOGIN}Action: Logoff\r\n\r\n")).await;
    bench.hears("Thanks for all the fish.\r\n\r\n").await;
    bench.task.await.expect("ends");
    assert!(!bench.world.registry.is_logged_in(&"one".into()));
    assert_eq!(bench.world.registry.len(), 0);
}

/// A node whom nothing of the session concerns is not woken when it leaves.
#[tokio::test]
async fn a_node_is_told_of_the_end_of_those_sessions_alone_that_asked_it_something() {
    for (action, told) in [("", false), ("Action: Getvar\r\nVariable: X\r\n\r\n", true)] {
        let mut bench = bench().await;
        bench.says(&format!("{LOGIN}{action}")).await;
        bench.hears("accepted\r\n\r\n").await;
        let mut commands = bench.commands.take().expect("the node");
        if told {
            let first = commands.recv().await;
            assert!(matches!(first, Some(NodeCommand::Submit(_))), "{first:?}");
        }
        bench.client.shutdown().await.expect("half closed");
        bench.supervisor.stop();
        bench.task.await.expect("ends");
        let mut heard = Vec::new();
        while let Ok(command) = commands.try_recv() {
            heard.push(command);
        }
        match (told, heard.as_slice()) {
            (true, [NodeCommand::SessionGone(session)]) => assert_eq!(*session, SessionId(1)),
            (false, []) => {}
            (told, heard) => panic!("told: {told}, but {heard:?}"),
        }
    }
}

#[tokio::test]
async fn a_hashed_secret_is_checked_and_what_came_behind_it_is_answered() {
    let mut bench = bench().await;
    let login = "Action: Login\r\nUsername: hashed\r\nSecret: password\r\n\r\n";
    bench.says(&format!("{login}Action: Logoff\r\n\r\n")).await;
    let heard = bench.hears("Thanks for all the fish.\r\n\r\n").await;
    assert!(heard.contains("Authentication accepted"), "{heard}");
    bench.task.await.expect("ends");
    assert!(!bench.world.registry.is_logged_in(&"hashed".into()));
}

#[tokio::test]
async fn a_hashed_secret_that_came_in_clear_over_a_network_is_refused() {
    let mut bench = bench_of(IpAddr::from([192, 0, 2, 1]), Instant::now()).await;
    bench
        .says("Action: Login\r\nUsername: hashed\r\nSecret: password\r\n\r\n")
        .await;
    let heard = bench.hears("\r\n\r\n").await;
    assert!(
        heard.ends_with("Message: Authentication failed\r\n\r\n"),
        "{heard}"
    );
    bench.task.await.expect("ends");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_when_its_budget_is_used_up() {
    let mut bench = bench().await;
    bench.says(LOGIN).await;
    bench.hears("accepted\r\n\r\n").await;
    let node = bench.world.cluster.node(NodeId(0)).expect("the node");
    let flood = async {
        while bench.world.registry.len() > 0 {
            node.hub.publish(&[event()]);
            yield_now().await;
        }
    };
    let closed = timeout(PATIENCE, flood).await;
    closed.expect("closed by its budget, long before the age of its events");
}

#[tokio::test]
async fn an_action_whose_node_has_no_task_any_more_is_answered() {
    let mut bench = bench().await;
    bench.says(LOGIN).await;
    bench.hears("accepted\r\n\r\n").await;
    drop(bench.commands.take());
    bench
        .says("Action: Getvar\r\nActionID: 7\r\nVariable: X\r\n\r\n")
        .await;
    let reply = bench.hears("Outcome: not-sent").await;
    assert!(reply.contains("ActionID: 7\r\n"), "{reply}");
}

/// The answer of a node may be what ends a session, and nothing else wakes its task then.
#[tokio::test]
async fn a_session_whose_client_has_gone_ends_with_its_last_answer() {
    let mut bench = bench().await;
    bench
        .says(&format!("{LOGIN}Action: Getvar\r\nVariable: X\r\n\r\n"))
        .await;
    bench.client.shutdown().await.expect("half closed");
    let commands = bench.commands.as_mut().expect("the node");
    let (submission, inbox) = loop {
        if let Some(NodeCommand::Submit(submission)) = commands.recv().await {
            break (submission.not_sent(NodeId(0), "pbx1"), submission.reply_to);
        }
    };
    inbox.post(&[submission]);
    timeout(PATIENCE, bench.task)
        .await
        .expect("ends in time")
        .expect("ends");
}

/// The clock stands still until nothing is left to do, so what lies in the socket is found before the session's end.
#[tokio::test]
async fn what_a_client_sent_before_amiplex_stopped_is_refused() {
    for login in [LOGIN, ""] {
        let mut bench = bench().await;
        if !login.is_empty() {
            bench.says(login).await;
            bench.hears("accepted\r\n\r\n").await;
        }
        tokio::time::pause();
        bench.says("Action: Ping\r\nActionID: 7\r\n\r\n").await;
        bench.supervisor.drain();
        let reply = bench.hears("is shutting down\r\n\r\n").await;
        assert!(reply.contains("ActionID: 7\r\n"), "{reply}");
        bench.task.await.expect("ends");
        tokio::time::resume();
    }
}

/// A slow TLS handshake leaves so much less time for the login.
#[tokio::test]
async fn the_time_for_the_login_runs_since_the_connection_was_accepted() {
    tokio::time::pause();
    tokio::time::advance(PATIENCE).await;
    let accepted = Instant::now();
    tokio::time::advance(PATIENCE).await;
    let mut bench = bench_of(IpAddr::V4(Ipv4Addr::LOCALHOST), accepted).await;
    bench.hears("Asterisk Call Manager").await;
    let closed = timeout(Duration::from_secs(1), bench.task).await;
    closed
        .expect("at once, not a whole authtimeout later")
        .expect("ends");
}

#[tokio::test]
async fn a_task_that_ends_by_a_bug_leaves_nothing_behind() {
    let mut bench = bench().await;
    bench.says(LOGIN).await;
    while !bench.world.registry.is_logged_in(&"one".into()) {
        yield_now().await;
    }
    bench.task.abort();
    assert!((&mut bench.task).await.expect_err("aborted").is_cancelled());
    assert!(
        !bench.world.registry.is_logged_in(&"one".into()),
        "the account can log in again"
    );
    assert_eq!(bench.world.registry.len(), 0);
}

mod at_rest;
mod drain;
mod flush;
mod storm;
