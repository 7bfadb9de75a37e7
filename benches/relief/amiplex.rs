//! amiplex before the Asterisk, as a process of its own.

use std::net::SocketAddr;
use std::process::Stdio;

use ami_sim::SimClient;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::cpu::CpuClock;
use crate::serving::{logged_address, until_answered};
use crate::{Outcome, say};

/// Account of the clients at amiplex.
pub(crate) const USER: &str = "bench";
pub(crate) const SECRET: &str = "bench";

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
        let address = logged_address(&mut lines).await?;
        let mut log = JoinSet::new();
        log.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // What amiplex warns of belongs to the result, but not to its figures.
                if line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\"") {
                    drop(say(&line));
                }
            }
        });
        until_answered(SimClient::connect(address).await?, USER, SECRET).await?;
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
