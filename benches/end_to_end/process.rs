//! The processes of the bench: started, asked for their address, ended with their handle.
//!
//! Node and floors print their address as their first line and live until their standard input closes, so that none
//! outlives the bench. amiplex says its address in its log.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ami_sim::SimClient;
use tempfile::TempDir;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::cpu::CpuClock;
use crate::node::{self, NodeProcess};
use crate::{Outcome, say};

/// Account of the clients at amiplex. At the node it is [`node::USER`].
pub(crate) const USER: &str = "bench";
pub(crate) const SECRET: &str = "bench";

/// How long a process may take until it serves.
const READY_DEADLINE: Duration = Duration::from_secs(10);

/// What stands between node and clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program.
    Amiplex,
    /// One read, a write to every client.
    FanOutFloor,
    /// A connection to the node for every client, bytes copied both ways.
    RelayFloor,
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
        let accounts = format!("[general]\n[{USER}]\nsecret = {SECRET}\nread = all\nwrite = all\n");
        std::fs::write(directory.path().join("manager.conf"), accounts)?;
        std::fs::write(
            directory.path().join("amiplex.toml"),
            configuration(node.address)?,
        )?;
        Ok(Self { node, directory })
    }

    pub(crate) async fn put(&self, kind: Kind) -> Outcome<Middle> {
        match kind {
            Kind::Amiplex => amiplex(self.directory.path().join("amiplex.toml")).await,
            Kind::FanOutFloor | Kind::RelayFloor => floor(kind, self.node.address).await,
        }
    }
}

fn configuration(node: SocketAddr) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "[server]\nmanager_conf = \"manager.conf\"")?;
    writeln!(
        text,
        "[log]\nformat = \"json\"\nlevel = \"warn,amiplex=info\""
    )?;
    writeln!(
        text,
        "[[listener]]\nname = \"bench\"\nbind = \"127.0.0.1:0\""
    )?;
    let (user, secret) = (node::USER, node::SECRET);
    writeln!(text, "[[node]]\nname = \"pbx1\"\naddress = \"{node}\"")?;
    writeln!(text, "username = \"{user}\"\nsecret = \"{secret}\"")?;
    Ok(text)
}

async fn amiplex(configuration: PathBuf) -> Outcome<Middle> {
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
    until_answered(address).await?;
    Ok(Middle {
        kind: Kind::Amiplex,
        address,
        child,
        _input: None,
        _log: log,
    })
}

/// The address in the line that says where amiplex listens.
async fn logged_address(lines: &mut Lines<impl AsyncBufRead + Unpin>) -> Outcome<SocketAddr> {
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        let found = line
            .split_once("\"address\":\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        if let Some((address, _)) = found {
            return Ok(address.parse()?);
        }
        said.push_str(&line);
    }
    Err(format!("amiplex did not say where it listens, but: {said}").into())
}

/// Waits until an action comes back from the node.
async fn until_answered(address: SocketAddr) -> Outcome<()> {
    let deadline = Instant::now() + READY_DEADLINE;
    let mut client = SimClient::connect(address).await?;
    client.login_with(USER, SECRET, &["Events: off"]).await?;
    loop {
        let answer = client
            .action(&["Action: Getvar", "Variable: READY"])
            .await?;
        if answer.response() == Some(b"Success") {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err("amiplex does not reach the node".into());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn floor(kind: Kind, node: SocketAddr) -> Outcome<Middle> {
    let mode = if kind == Kind::RelayFloor {
        "relay-floor"
    } else {
        "fan-out-floor"
    };
    let own = own_mode(&[mode, &node.to_string()]).await?;
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
