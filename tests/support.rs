//! Starting amiplex in front of nodes, and finding the real Asterisks.

pub(crate) mod relay;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ami_proto::Frame;
use ami_sim::{SimAccount, SimClient, SimNode, SimOptions};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long anything that must happen may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The accounts that most tests use: those of `tests/asterisk/README.md`, and one for a single node.
pub const MANAGER_CONF: &str = include_str!("asterisk/amiplex/manager.conf");

/// A node as the configuration names it.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    pub name: String,
    pub address: SocketAddr,
    /// More lines of its section.
    pub more: String,
}

/// A real Asterisk that `tests/asterisk/up` started.
pub fn asterisk(name: &str) -> NodeSpec {
    let port = variable(&format!("AMIPLEX_TEST_{}_PORT", name.to_uppercase()));
    let home = variable(&format!("AMIPLEX_TEST_{}_HOME", name.to_uppercase()));
    let address = format!("127.0.0.1:{port}").parse().expect("a port");
    let more =
        format!("config_dir = \"{home}/etc\"\nbackoff = {{ min = \"50ms\", max = \"500ms\" }}\n");
    NodeSpec {
        name: name.to_owned(),
        address,
        more,
    }
}

/// A simulated node that amiplex can log in to.
pub fn simulation(name: &str) -> SimOptions {
    SimOptions::new(name).account(SimAccount::admin("amiplex", "amiplex-secret"))
}

/// How amiplex finds a simulated node.
pub fn simulated(node: &SimNode) -> NodeSpec {
    at_address(node.name(), node.address())
}

/// A node that is whatever listens at `address`.
pub fn at_address(name: &str, address: SocketAddr) -> NodeSpec {
    NodeSpec {
        name: name.to_owned(),
        address,
        more: "backoff = { min = \"10ms\", max = \"100ms\" }\n".to_owned(),
    }
}

/// A header of a message as text, empty when it is missing.
pub fn header(frame: &Frame, name: &str) -> String {
    String::from_utf8_lossy(frame.header(name).unwrap_or_default()).into_owned()
}

/// The last header line of a message.
pub fn last_line(frame: &Frame) -> String {
    let line = frame.lines().last().map(|line| line.raw.to_vec());
    String::from_utf8_lossy(&line.unwrap_or_default()).into_owned()
}

/// What `tests/asterisk/env` exports.
pub fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: start Asterisk with tests/asterisk/up and eval \"$(tests/asterisk/env)\""))
}

/// Runs one of the commands of `tests/asterisk`, for instance `kill pbx3`.
pub async fn control_asterisk(command: &str, name: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/asterisk")
        .join(command);
    let status = Command::new(&script)
        .arg(name)
        .stdout(Stdio::null())
        .status()
        .await
        .expect("the script starts");
    assert!(status.success(), "{} {name} failed", script.display());
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Setup {
    pub nodes: Vec<NodeSpec>,
    pub manager_conf: String,
    /// More of its section `[server]`.
    pub server: String,
    /// More of `amiplex.toml`, before the listeners.
    pub more: String,
    /// `level` of the log.
    pub level: String,
    /// How long the end may take.
    pub drain_timeout: String,
    /// Name and further lines of each listener; the address is chosen by the system.
    pub listeners: Vec<(String, String)>,
}

impl Setup {
    /// One listener `all` for every node, and one bound to each node under the node's name.
    pub fn new(nodes: Vec<NodeSpec>) -> Self {
        let bound = nodes
            .iter()
            .map(|node| (node.name.clone(), format!("node = \"{}\"\n", node.name)));
        let listeners = std::iter::once(("all".to_owned(), String::new()))
            .chain(bound)
            .collect();
        Self {
            nodes,
            manager_conf: MANAGER_CONF.to_owned(),
            server: String::new(),
            more: String::new(),
            level: "info".to_owned(),
            drain_timeout: "2s".to_owned(),
            listeners,
        }
    }

    /// pbx1 (22) and pbx2 (16).
    pub fn over_asterisk() -> Self {
        Self::new(vec![asterisk("pbx1"), asterisk("pbx2")])
    }

    pub fn more(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self
    }

    /// More lines of the section of every node.
    pub fn nodes_more(mut self, lines: &str) -> Self {
        for node in &mut self.nodes {
            node.more.push_str(lines);
        }
        self
    }

    /// A log with more or less in it.
    pub fn log_level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.level);
        self
    }

    /// One more listener.
    pub fn listener(mut self, name: &str, lines: &str) -> Self {
        self.listeners.push((name.to_owned(), lines.to_owned()));
        self
    }

    /// Other accounts.
    pub fn accounts(mut self, manager_conf: &str) -> Self {
        manager_conf.clone_into(&mut self.manager_conf);
        self
    }

    /// Writes the configuration; the path of `amiplex.toml`.
    pub fn write(&self, directory: &Path) -> PathBuf {
        let mut text =
            "[server]\nmanager_conf = \"manager.conf\"\nacl_conf = \"acl.conf\"\n".to_owned();
        text.push_str(&self.server);
        text.push_str(&format!(
            "drain_timeout = \"{}\"\n[log]\nformat = \"json\"\nlevel = \"{}\"\n",
            self.drain_timeout, self.level
        ));
        text.push_str(&self.more);
        for (index, (name, more)) in self.listeners.iter().enumerate() {
            // Each listener has a loopback address of its own, so that all may ask for any port.
            let bind = format!("127.0.{}.{}:0", 10 + index / 200, 1 + index % 200);
            text.push_str(&format!(
                "[[listener]]\nname = \"{name}\"\nbind = \"{bind}\"\n{more}"
            ));
        }
        for NodeSpec {
            name,
            address,
            more,
        } in &self.nodes
        {
            text.push_str(&format!(
                "[[node]]\nname = \"{name}\"\naddress = \"{address}\"\nusername = \"amiplex\"\nsecret = \"amiplex-secret\"\n{more}"
            ));
        }
        std::fs::write(directory.join("manager.conf"), &self.manager_conf).expect("written");
        std::fs::write(
            directory.join("acl.conf"),
            include_str!("asterisk/amiplex/acl.conf"),
        )
        .expect("written");
        let path = directory.join("amiplex.toml");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Starts amiplex and waits until it listens and every node is up.
    pub async fn start(self) -> Amiplex {
        let nodes = self.nodes.len();
        let amiplex = self.start_without_nodes().await;
        amiplex.wait_for_log("node is up", nodes).await;
        amiplex
    }

    /// Starts amiplex and waits until it listens.
    pub async fn start_without_nodes(self) -> Amiplex {
        let directory = TempDir::new().expect("a directory");
        let config = self.write(directory.path());
        let mut child = Command::new(env!("CARGO_BIN_EXE_amiplex"))
            .args(["run", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("amiplex starts");
        let log = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
        collect(
            child.stdout.take().expect("piped"),
            std::sync::Arc::clone(&log),
        );
        collect(
            child.stderr.take().expect("piped"),
            std::sync::Arc::clone(&log),
        );
        let mut amiplex = Amiplex {
            child,
            log,
            listeners: BTreeMap::new(),
            directory,
        };
        amiplex
            .wait_for_log("\"listening\"", self.listeners.len())
            .await;
        amiplex.read_addresses();
        amiplex
    }
}

/// Runs amiplex to its end with these arguments: exit code, and all that it wrote.
pub async fn run_amiplex(arguments: &[&str]) -> (i32, String) {
    let running = Command::new(env!("CARGO_BIN_EXE_amiplex"))
        .args(arguments)
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, running)
        .await
        .expect("ends")
        .expect("amiplex starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("not killed"), text)
}

fn collect(
    stream: impl tokio::io::AsyncRead + Send + Unpin + 'static,
    log: std::sync::Arc<parking_lot::Mutex<Vec<String>>>,
) {
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the process whose output it reads"
    )]
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log.lock().push(line);
        }
    });
}

/// A running amiplex; killed when dropped.
pub struct Amiplex {
    child: Child,
    log: std::sync::Arc<parking_lot::Mutex<Vec<String>>>,
    listeners: BTreeMap<String, SocketAddr>,
    directory: TempDir,
}

impl Amiplex {
    /// Address of a listener.
    pub fn address(&self, listener: &str) -> SocketAddr {
        *self
            .listeners
            .get(listener)
            .unwrap_or_else(|| panic!("no listener {listener}"))
    }

    /// A client of that listener that has read the greeting.
    pub async fn client(&self, listener: &str) -> SimClient {
        SimClient::connect(self.address(listener))
            .await
            .expect("greeted")
    }

    /// A client that is logged in.
    pub async fn login(&self, listener: &str, user: &str, secret: &str) -> SimClient {
        let mut client = self.client(listener).await;
        let reply = client.login(user, secret).await.expect("answered");
        assert_eq!(
            reply.response(),
            Some(&b"Success"[..]),
            "{user} logs in: {:?}",
            reply.bytes()
        );
        client
    }

    /// Waits until amiplex knows the actions of the node that a listener is bound to. It asks for them when the node is up; until then the
    /// built-in table speaks for the node.
    pub async fn has_learned(&self, listener: &str) {
        let mut client = self.login(listener, "admin", "adminpw").await;
        let knows = |answer: &Frame| {
            let ping = answer.header("Ping").unwrap_or_default();
            ping.starts_with(b"Keepalive")
        };
        let waited = timeout(PATIENCE, async {
            while !knows(
                &client
                    .action(&["Action: ListCommands"])
                    .await
                    .expect("answered"),
            ) {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{listener}: actions never learned");
    }

    /// Where its configuration is.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a verb of the program against it: exit code, and all that it wrote.
    pub async fn operate(&self, words: &[&str]) -> (i32, String) {
        let config = self.directory().join("amiplex.toml");
        let config = ["--config", config.to_str().expect("text")];
        run_amiplex(&[words, &config].concat()).await
    }

    /// Everything it has logged.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// Waits until `count` log lines contain `text`.
    pub async fn wait_for_log(&self, text: &str, count: usize) {
        let seen = || {
            self.log
                .lock()
                .iter()
                .filter(|line| line.contains(text))
                .count()
                >= count
        };
        let waited = timeout(PATIENCE, async {
            while !seen() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(
            waited.await.is_ok(),
            "never logged {count} times: {text}\n{}",
            self.log().join("\n")
        );
    }

    /// Writes one of its files anew, such as `manager.conf`; it is not told.
    pub fn rewrite(&self, file: &str, text: &str) {
        std::fs::write(self.directory.path().join(file), text).expect("written");
    }

    /// What that file says.
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(file)).expect("there")
    }

    /// Sends it a signal, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status()
            .await
            .expect("kill starts");
        assert!(status.success(), "SIG{name} is delivered");
    }

    /// Process id, for signals and figures.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("running")
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> std::process::ExitStatus {
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("ends")
            .expect("an exit status")
    }

    fn read_addresses(&mut self) {
        let value = |line: &str, key: &str| {
            let (_, rest) = line.split_once(&format!("\"{key}\":\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        for line in self.log() {
            if let (Some(name), Some(address)) = (value(&line, "listener"), value(&line, "address"))
            {
                self.listeners
                    .insert(name, address.parse().expect("an address"));
            }
        }
    }
}
