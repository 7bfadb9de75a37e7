//! The processes of the bench: started, asked for their address, ended with their handle.
//!
//! Node and floors print their address as their first line and live until their standard input closes, so that none
//! outlives the bench. amiplex says its address in its log.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use ami_sim::SimClient;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;

use crate::cpu::CpuClock;
use crate::node::{self, NodeProcess};
use crate::serving::{logged_address, until_answered};
use crate::{Outcome, say, tls};

/// Account of the clients at amiplex. At the node it is [`node::USER`].
pub(crate) const USER: &str = "bench";
/// An account whose events may wait for 5 ms.
pub(crate) const FLUSHED: &str = "flushed";
/// An account whose filters want every tenth event.
pub(crate) const TENTH: &str = "tenth";
/// An account that wants none of the events.
pub(crate) const NOTHING: &str = "nothing";
pub(crate) const SECRET: &str = "bench";

const PLAIN: &str = "amiplex.toml";
const OVER_TLS: &str = "amiplex-tls.toml";

/// What stands between node and clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program.
    Amiplex,
    /// The program, with TLS towards the clients.
    AmiplexTls,
    /// One read, a write to every client.
    FanOutFloor,
    /// The same, of every tenth event.
    TenthFloor,
    /// The first with a task for each client.
    TasksFloor,
    /// The first over TLS.
    TlsFloor,
    /// A connection to the node for every client, bytes copied both ways.
    RelayFloor,
    /// One connection to the node for all clients.
    MuxFloor,
    /// Fixed answers to login and logoff.
    LoginFloor,
    /// The same over TLS.
    LoginTlsFloor,
}

impl Kind {
    /// The word that makes this binary a floor.
    fn mode(self) -> Option<&'static str> {
        match self {
            Self::Amiplex | Self::AmiplexTls => None,
            Self::FanOutFloor => Some("fan-out-floor"),
            Self::TenthFloor => Some("tenth-floor"),
            Self::TasksFloor => Some("tasks-floor"),
            Self::TlsFloor => Some("tls-floor"),
            Self::RelayFloor => Some("relay-floor"),
            Self::MuxFloor => Some("mux-floor"),
            Self::LoginFloor => Some("login-floor"),
            Self::LoginTlsFloor => Some("login-tls-floor"),
        }
    }

    /// What it is called in a row.
    pub(crate) fn name(self) -> &'static str {
        self.mode().unwrap_or("amiplex")
    }

    /// Whether clients speak TLS to it.
    pub(crate) fn is_tls(self) -> bool {
        matches!(
            self,
            Self::AmiplexTls | Self::TlsFloor | Self::LoginTlsFloor
        )
    }

    /// Whether it is amiplex, and not what amiplex is compared with.
    pub(crate) fn is_amiplex(self) -> bool {
        self.mode().is_none()
    }
}

/// A process between node and clients.
pub(crate) struct Middle {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    child: Child,
    /// Its closing ends a floor.
    _input: Option<ChildStdin>,
    _log: JoinSet<()>,
}

impl Middle {
    /// The CPU time that the process has had.
    pub(crate) fn cpu(&self) -> Outcome<CpuClock> {
        CpuClock::read(
            self.child
                .id()
                .ok_or("the process in the middle has ended")?,
        )
    }

    /// Bytes of memory that the process holds.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        let id = self.child.id().ok_or("the process has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.ok_or("no VmRSS")?.parse::<u64>()? * 1024)
    }

    /// A client of it that has read the greeting.
    pub(crate) async fn client(&self, directory: &Path) -> Outcome<SimClient> {
        let stream = TcpStream::connect(self.address).await?;
        if self.kind.is_tls() {
            let stream = tls::client(directory, stream).await?;
            return Ok(SimClient::over(stream).await?);
        }
        Ok(SimClient::over(stream).await?)
    }
}

/// The node and what is needed to put something before it.
pub(crate) struct Bed {
    pub(crate) node: NodeProcess,
    directory: TempDir,
}

impl Bed {
    pub(crate) async fn start() -> Outcome<Self> {
        let node = NodeProcess::start().await?;
        let directory = TempDir::new()?;
        std::fs::write(directory.path().join("manager.conf"), accounts())?;
        tls::make(directory.path())?;
        let tls = format!("tls = {{ cert = {:?}, key = {:?} }}", tls::CERT, tls::KEY);
        for (file, tls) in [(PLAIN, ""), (OVER_TLS, tls.as_str())] {
            let text = configuration(node.address, tls)?;
            std::fs::write(directory.path().join(file), text)?;
        }
        Ok(Self { node, directory })
    }

    pub(crate) async fn put(&self, kind: Kind) -> Outcome<Middle> {
        match kind.mode() {
            None => amiplex(kind, self.directory.path()).await,
            Some(mode) => {
                let directory = self.directory.path().to_string_lossy();
                floor(kind, &[mode, &self.node.address.to_string(), &directory]).await
            }
        }
    }

    /// Where the certificate is.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn accounts() -> String {
    let account = |name: &str, lines: &str| format!("[{name}]\nsecret = {SECRET}\n{lines}\n");
    let tenth = "read = all\neventfilter(action(include),header(Sequence),method(ends_with)) = 7";
    [
        "[general]\n".to_owned(),
        account(USER, "read = all\nwrite = all"),
        account(FLUSHED, "read = all\nwrite = all\nflush = 5ms"),
        account(TENTH, tenth),
        account(NOTHING, "read = log"),
    ]
    .concat()
}

fn configuration(node: SocketAddr, tls: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "[server]\nmanager_conf = \"manager.conf\"")?;
    writeln!(
        text,
        "[log]\nformat = \"json\"\nlevel = \"warn,amiplex=info\""
    )?;
    let limits =
        "sessions_max = 20000\nunauthenticated_max = 20000\nunauthenticated_per_address = 20000";
    writeln!(text, "[limits]\n{limits}")?;
    writeln!(
        text,
        "[[listener]]\nname = \"bench\"\nbind = \"127.0.0.1:0\"\n{tls}"
    )?;
    let (user, secret) = (node::USER, node::SECRET);
    writeln!(text, "[[node]]\nname = \"pbx1\"\naddress = \"{node}\"")?;
    writeln!(text, "username = \"{user}\"\nsecret = \"{secret}\"")?;
    Ok(text)
}

async fn amiplex(kind: Kind, directory: &Path) -> Outcome<Middle> {
    let configuration = directory.join(if kind.is_tls() { OVER_TLS } else { PLAIN });
    let mut child = Command::new(env!("CARGO_BIN_EXE_amiplex"))
        .args(["run", "--config"])
        .arg(configuration)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stderr = child.stderr.take().ok_or("amiplex has no standard error")?;
    let mut lines = BufReader::new(stderr).lines();
    let address = logged_address(&mut lines).await?;
    let mut log = JoinSet::new();
    log.spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            // What amiplex warns of belongs to the result, but not to its figures.
            drop(say(&line));
        }
    });
    let middle = Middle {
        kind,
        address,
        child,
        _input: None,
        _log: log,
    };
    let client = middle.client(directory).await?;
    until_answered(client, USER, SECRET).await?;
    Ok(middle)
}

async fn floor(kind: Kind, arguments: &[&str]) -> Outcome<Middle> {
    let own = own_mode(arguments).await?;
    Ok(Middle {
        kind,
        address: own.address,
        child: own.child,
        _input: Some(own.input),
        _log: JoinSet::new(),
    })
}

/// This binary, running as something else.
pub(crate) struct OwnMode {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) input: ChildStdin,
    pub(crate) output: Lines<BufReader<ChildStdout>>,
}

pub(crate) async fn own_mode(arguments: &[&str]) -> Outcome<OwnMode> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let input = child.stdin.take().ok_or("no standard input")?;
    let mut output = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
    let address = output
        .next_line()
        .await?
        .ok_or("it ended before it served")?
        .parse()?;
    Ok(OwnMode {
        child,
        address,
        input,
        output,
    })
}
