//! The security log: a bounded queue of records and the task that writes them.
//!
//! Sessions never wait for the disk: what finds the queue full is dropped and counted. The task writes on a thread that may
//! block, all that waits at once.

use std::sync::Arc;
use std::time::Duration;

use ami_telemetry::Meters;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::file::{Appended, LogFile};
use crate::supervisor::Supervisor;

/// Records that wait for the disk.
const QUEUE: usize = 4096;
/// Records of one write.
const BATCH: usize = 256;
/// At the end, how long the disk may take for what is left.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// The queue, as the sessions have it.
#[derive(Debug)]
pub(crate) struct SecurityLog {
    lines: mpsc::Sender<String>,
}

/// The task's end of it.
#[derive(Debug)]
pub(crate) struct SecurityLogTask {
    lines: mpsc::Receiver<String>,
    /// Lent to the thread that writes.
    file: Option<LogFile>,
    meters: Arc<Meters>,
    /// The last write failed, and that was said.
    failing: bool,
}

impl SecurityLog {
    /// A log into `file`, and the task that writes it.
    pub(crate) fn new(file: LogFile, meters: Arc<Meters>) -> (Self, SecurityLogTask) {
        let (sender, lines) = mpsc::channel(QUEUE);
        let task = SecurityLogTask {
            lines,
            file: Some(file),
            meters,
            failing: false,
        };
        (Self { lines: sender }, task)
    }

    /// Takes a whole line; false when there is no room for it.
    pub(super) fn write(&self, line: String) -> bool {
        self.lines.try_send(line).is_ok()
    }
}

impl SecurityLogTask {
    /// Writes until everything stops, then what is left.
    pub(crate) async fn run(mut self, supervisor: Supervisor) {
        let mut lines = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = supervisor.stopping().cancelled() => break,
                count = self.lines.recv_many(&mut lines, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.write(&mut lines).await;
                }
            }
        }
        self.lines.close();
        let rest = async {
            while self.lines.recv_many(&mut lines, BATCH).await > 0 {
                self.write(&mut lines).await;
            }
        };
        if timeout(LAST_WRITES, rest).await.is_err() {
            tracing::warn!("the last records of the security log could not be written in time");
        }
    }

    async fn write(&mut self, lines: &mut Vec<String>) {
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let Some(mut file) = self.file.take() else {
            self.meters.security_log_dropped(count);
            lines.clear();
            return;
        };
        let bytes = lines.concat();
        lines.clear();
        let written = spawn_blocking(move || {
            let appended = file.append(bytes.as_bytes());
            (file, appended)
        });
        match written.await {
            Ok((file, appended)) => {
                self.file = Some(file);
                self.judge(appended, count);
            }
            Err(error) => tracing::error!(%error, "the security log ends by a bug"),
        }
    }

    /// A disk that is full stays so for a while: it is said once.
    fn judge(&mut self, appended: Appended, count: u64) {
        if appended.written.is_err() {
            self.meters.security_log_dropped(count);
        }
        match appended.written.and(appended.named) {
            Ok(()) if self.failing => {
                self.failing = false;
                tracing::info!("the security log is written again");
            }
            Ok(()) => {}
            Err(error) => {
                if !self.failing {
                    self.failing = true;
                    tracing::error!(%error, "cannot write the security log");
                }
            }
        }
    }
}
