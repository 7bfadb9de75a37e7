//! The simulated node: its process, and the handle by which the bench commands it.
//!
//! A command is a line `RATE BYTES MILLISECONDS`, the last for the time between two batches; the answer is a line `MADE SKIPPED`, the events of all floods before this one.

use std::io::{BufRead, Write, stdin, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use ami_sim::{SimAccount, SimNode, SimOptions};
use tokio::io::AsyncWriteExt;

use crate::Outcome;
use crate::process::{OwnMode, own_mode};

/// Account of amiplex and of the floors.
pub(crate) const USER: &str = "amiplex";
pub(crate) const SECRET: &str = "upstream";

/// Clients that log in at once through the relay.
const UNAUTHENTICATED_MAX: usize = 1_000;

/// The node's side: serves until its standard input closes.
pub(crate) fn serve() -> Outcome<()> {
    // A worker for the node; this thread waits for commands.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut options = SimOptions::new("pbx1").account(SimAccount::admin(USER, SECRET));
    options.auth_limit = UNAUTHENTICATED_MAX;
    let node = runtime.block_on(SimNode::start(options))?;
    writeln!(stdout(), "{}", node.address())?;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [rate, bytes, gap] = *words else {
            return Err("a command is RATE BYTES MILLISECONDS".into());
        };
        let (rate, bytes) = (u32::try_from(rate)?, usize::try_from(bytes)?);
        let gap = Duration::from_millis(gap.max(1));
        let made = runtime.block_on(async {
            // In two steps, so that what the old flood made is whole before the new one begins.
            node.flood(0, 0).await;
            let made = node.flooded();
            node.flood_in_batches(rate, bytes, gap).await;
            made
        });
        writeln!(stdout(), "{} {}", made.made, made.skipped)?;
    }
    Ok(())
}

/// The bench's side.
pub(crate) struct NodeProcess {
    pub(crate) address: SocketAddr,
    own: OwnMode,
}

/// What the floods until now made and left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flooded {
    pub(crate) made: u64,
    pub(crate) skipped: u64,
}

impl NodeProcess {
    pub(crate) async fn start() -> Outcome<Self> {
        let own = own_mode(&["node"]).await?;
        Ok(Self {
            address: own.address,
            own,
        })
    }

    /// Begins a flood in place of the one before; 0 per second ends it.
    pub(crate) async fn flood(
        &mut self,
        per_second: u32,
        bytes: usize,
        gap: Duration,
    ) -> Outcome<Flooded> {
        let command = format!("{per_second} {bytes} {}\n", gap.as_millis());
        self.own.input.write_all(command.as_bytes()).await?;
        let answer = self.own.output.next_line().await?;
        let answer = answer.ok_or("the node has ended")?;
        let (made, skipped) = answer.split_once(' ').ok_or("the node does not count")?;
        Ok(Flooded {
            made: made.parse()?,
            skipped: skipped.parse()?,
        })
    }
}
