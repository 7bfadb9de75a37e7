//! A log of whole lines in a file of its own, the security log and the audit log: a bounded queue and the task that writes it.
//!
//! Sessions never wait for the disk: what finds the queue full is dropped, counted, and said once. The task writes on a thread that may
//! block, all that waits at once.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ami_telemetry::Meters;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::supervisor::Supervisor;

mod file;

use file::{Appended, LogFile};

/// Lines that wait for the disk.
const QUEUE: usize = 4096;
/// Lines of one write.
const BATCH: usize = 256;
/// At the end, how long the disk may take for what is left.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Which log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogKind {
    /// Logins and refusals as Asterisk logs them. Readable by the group, which may be that of a log collector.
    Security,
    /// What clients have done. For its owner alone.
    Audit,
}

impl LogKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Security => "security log",
            Self::Audit => "audit log",
        }
    }

    /// The key of the configuration that names its file.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Security => "security_file",
            Self::Audit => "audit_file",
        }
    }

    const fn mode(self) -> u32 {
        match self {
            Self::Security => 0o640,
            Self::Audit => 0o600,
        }
    }

    fn dropped(self, meters: &Meters, lines: u64) {
        match self {
            Self::Security => meters.security_log_dropped(lines),
            Self::Audit => meters.audit_log_dropped(lines),
        }
    }
}

/// The queue, as the sessions have it.
#[derive(Debug)]
pub(crate) struct LineLog {
    kind: LogKind,
    lines: mpsc::Sender<String>,
    meters: Arc<Meters>,
    /// A line found no room, and that was said.
    overflowed: AtomicBool,
}

/// The task's end of it.
#[derive(Debug)]
pub(crate) struct LineLogTask {
    kind: LogKind,
    lines: mpsc::Receiver<String>,
    /// Lent to the thread that writes.
    file: Option<LogFile>,
    meters: Arc<Meters>,
    /// The last write failed, and that was said.
    failing: bool,
}

impl LineLog {
    /// A log into the file at `path`, and the task that writes it.
    pub(crate) fn open(
        kind: LogKind,
        path: &Path,
        meters: &Arc<Meters>,
    ) -> io::Result<(Self, LineLogTask)> {
        let file = LogFile::open(path, kind.mode())?;
        let (sender, lines) = mpsc::channel(QUEUE);
        let task = LineLogTask {
            kind,
            lines,
            file: Some(file),
            meters: Arc::clone(meters),
            failing: false,
        };
        let log = Self {
            kind,
            lines: sender,
            meters: Arc::clone(meters),
            overflowed: AtomicBool::new(false),
        };
        Ok((log, task))
    }

    /// Takes a whole line; false when there is no room for it.
    pub(crate) fn write(&self, line: String) -> bool {
        let taken = self.lines.try_send(line).is_ok();
        if !taken {
            self.kind.dropped(&self.meters, 1);
            if !self.overflowed.swap(true, Ordering::Relaxed) {
                let log = self.kind.name();
                tracing::error!(
                    log,
                    "lines are dropped, they come faster than they are written"
                );
            }
        }
        taken
    }
}

impl LineLogTask {
    /// The name of the task.
    pub(crate) const fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Writes until everything stops, then what is left.
    pub(crate) async fn run(mut self, supervisor: Supervisor) {
        let mut lines = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = supervisor.stopping() => break,
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
            let log = self.kind.name();
            tracing::warn!(log, "the last lines could not be written in time");
        }
    }

    async fn write(&mut self, lines: &mut Vec<String>) {
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let Some(mut file) = self.file.take() else {
            self.kind.dropped(&self.meters, count);
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
            Err(error) => tracing::error!(log = self.kind.name(), %error, "it ends by a bug"),
        }
    }

    /// A disk that is full stays so for a while: it is said once.
    fn judge(&mut self, appended: Appended, count: u64) {
        if appended.written.is_err() {
            self.kind.dropped(&self.meters, count);
        }
        let log = self.kind.name();
        match appended.written.and(appended.named) {
            Ok(()) if self.failing => {
                self.failing = false;
                tracing::info!(log, "it is written again");
            }
            Ok(()) => {}
            Err(error) => {
                if !self.failing {
                    self.failing = true;
                    tracing::error!(log, %error, "cannot write it");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Nobody takes the lines: as many as fit wait, and the session goes on.
    #[test]
    fn a_log_that_is_not_written_holds_nobody_up() {
        let directory = tempfile::TempDir::new().unwrap();
        let meters = Arc::new(Meters::new("test"));
        let path = directory.path().join("audit.log");
        let (log, _task) = LineLog::open(LogKind::Audit, &path, &meters).unwrap();
        let taken = (0..10_000).filter(|_| log.write("x\n".to_owned())).count();
        assert_eq!(taken, 4096);
    }

    #[test]
    fn what_clients_do_is_for_the_owner_alone() {
        let directory = tempfile::TempDir::new().unwrap();
        let meters = Arc::new(Meters::new("test"));
        for (kind, mode) in [(LogKind::Audit, 0o600), (LogKind::Security, 0o640)] {
            let path = directory.path().join(kind.name());
            LineLog::open(kind, &path, &meters).unwrap();
            let given = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            // The umask may take from it.
            assert_eq!((given & !mode, given & 0o600), (0, 0o600));
        }
    }
}
