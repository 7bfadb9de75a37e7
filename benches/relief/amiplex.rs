//! amiplex before the Asterisk, as a process of its own.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use ami_sim::SimClient;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::cpu::CpuClock;
use crate::{Outcome, say};

/// Account of the clients at amiplex.
pub(crate) const USER: &str = "bench";
pub(crate) const SECRET: &str = "bench";

/// How long it may take until it serves.
const READY_DEADLINE: Duration = Duration::from_secs(10);

/// Ended when it is dropped.
pub(crate) struct Amiplex {
    pub(crate) address: SocketAddr,
    child: Child,
    _directory: TempDir,
    _log: JoinSet<()>,
}

impl Amiplex {
    pub(crate) async fn start(asterisk: SocketAddr, sharing: bool) -> Outcome<Self> {
        let directory = TempDir::new()?;
        let accounts = format!("[general]\n[{USER}]\nsecret = {SECRET}\nread = all\nwrite = all\n");
        std::fs::write(directory.path().join("manager.conf"), accounts)?;
        let file = directory.path().join("amiplex.toml");
        std::fs::write(&file, configuration(asterisk, sharing))?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_amiplex"))
            .args(["run", "--config"])
            .arg(file)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = child.stderr.take().ok_or("amiplex has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next_line().await?;
            let line =
                line.ok_or_else(|| format!("amiplex did not say where it listens, but: {said}"))?;
            if let Some((_, rest)) = line.split_once("\"address\":\"") {
                break rest.split('"').next().unwrap_or_default().parse()?;
            }
            said.push_str(&line);
        };
        let mut log = JoinSet::new();
        log.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // What amiplex warns of belongs to the result, but not to its figures.
                if line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\"") {
                    drop(say(&line));
                }
            }
        });
        until_answered(address).await?;
        Ok(Self {
            address,
            child,
            _directory: directory,
            _log: log,
        })
    }

    /// The CPU time that it has had.
    pub(crate) fn cpu(&self) -> Outcome<CpuClock> {
        CpuClock::read(self.child.id().ok_or("amiplex has ended")?)
    }
}

fn configuration(asterisk: SocketAddr, sharing: bool) -> String {
    let sharing = if sharing {
        "[coalesce]\nwindow = \"20ms\"\n"
    } else {
        ""
    };
    format!(
        "[server]\nmanager_conf = \"manager.conf\"\n[log]\nformat = \"json\"\nlevel = \"warn,amiplex=info\"\n{sharing}\
        [[listener]]\nname = \"bench\"\nbind = \"127.0.0.1:0\"\n\
        [[node]]\nname = \"pbx1\"\naddress = \"{asterisk}\"\nusername = \"amiplex\"\nsecret = \"amiplex-secret\"\n"
    )
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
