//! What is known of the nodes over a restart: what the operator wants of each, and the version that it last greeted with.
//!
//! One small file in `server.state_dir`, written whole: beside its name, to the disk, then under its name. Nothing in it is needed to
//! start: a file that cannot be read is told of, put aside, and amiplex begins as if there were none.

mod file;

use std::path::Path;
use std::sync::Arc;

use ami_mux::{Directory, Service};
use ami_proto::AmiVersion;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::spawn_blocking;

pub use file::probe;
use file::{Kept, MemoryFile};

use crate::cluster::Cluster;
use crate::supervisor::Supervisor;
use crate::upstream::driver::NodeTask;
use crate::world::World;

/// Operators who wait for the disk; the door lets in fewer.
const WAITING_MAX: usize = 16;

/// The way to the task that writes.
#[derive(Debug)]
pub(crate) struct NodeMemory {
    changed: Notify,
    waiting: mpsc::Sender<oneshot::Sender<Result<(), String>>>,
}

/// The task that writes.
#[derive(Debug)]
pub(crate) struct NodeMemoryTask {
    /// Lent to the thread that writes.
    file: Option<MemoryFile>,
    /// What is in the file.
    written: Option<Kept>,
    waiting: mpsc::Receiver<oneshot::Sender<Result<(), String>>>,
    /// The last write failed, and that was said.
    failing: bool,
}

impl NodeMemory {
    /// A memory in a file of `directory`, and the task that writes it.
    pub(crate) fn new(directory: &Path) -> (Self, NodeMemoryTask) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let task = NodeMemoryTask {
            file: Some(MemoryFile::in_directory(directory)),
            written: None,
            waiting,
            failing: false,
        };
        let memory = Self {
            changed: Notify::new(),
            waiting: sender,
        };
        (memory, task)
    }

    /// Something that is kept is other than before.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    /// Waits until what is so now is in the file; the error says what and where.
    pub(crate) async fn settled(&self) -> Result<(), String> {
        let (sender, written) = oneshot::channel();
        let ended = || "amiplex is stopping".to_owned();
        self.waiting.send(sender).await.map_err(|_| ended())?;
        written.await.map_err(|_| ended())?
    }
}

impl NodeMemoryTask {
    /// Begins each of `nodes` with what was kept of it. What cannot be read is told, and keeps nobody from starting.
    pub(crate) fn resume(&self, nodes: &mut [NodeTask], cluster: &Cluster) {
        let read = self.file.as_ref().map(MemoryFile::read).transpose();
        let kept = read.unwrap_or_else(|error| {
            tracing::error!(error, "nothing is known of the nodes from before");
            None
        });
        for task in nodes {
            let name = &*task.settings.name;
            let Some(recalled) = kept.as_ref().and_then(|kept| kept.node(name)) else {
                continue;
            };
            task.status.version = recalled.version;
            task.status.service = recalled.service;
            cluster.set_status(task.settings.id, &task.status);
            if recalled.service != Service::Open {
                let service = recalled.service.as_str();
                tracing::warn!(
                    node = name,
                    service,
                    "not in service, as the operator decided before"
                );
            }
        }
    }

    /// Writes at the start, which shows whether it can, and at each change.
    pub(crate) async fn run(mut self, world: Arc<World>, supervisor: Supervisor) {
        let Some(memory) = &world.node_memory else {
            return;
        };
        drop(self.write(&world).await);
        loop {
            tokio::select! {
                () = supervisor.stopping() => break,
                () = memory.changed.notified() => {
                    drop(self.write(&world).await);
                }
                Some(asks) = self.waiting.recv() => {
                    let written = self.write(&world).await;
                    // Whoever asked may have gone.
                    drop(asks.send(written));
                }
            }
        }
        drop(self.write(&world).await);
    }

    async fn write(&mut self, world: &World) -> Result<(), String> {
        let kept = Kept::of(&world.cluster.directory());
        if self.written.as_ref() == Some(&kept) {
            return Ok(());
        }
        let Some(file) = self.file.take() else {
            return Err("what is known of the nodes is not kept any more".to_owned());
        };
        let text = kept.clone();
        let written = spawn_blocking(move || {
            let written = file.write(&text);
            (file, written)
        });
        let written = match written.await {
            Ok((file, written)) => {
                self.file = Some(file);
                written
            }
            Err(error) => Err(format!("a bug ended the write: {error}")),
        };
        match &written {
            Ok(()) => {
                self.written = Some(kept);
                if std::mem::take(&mut self.failing) {
                    tracing::info!("what is known of the nodes is kept again");
                }
            }
            Err(error) => {
                // A disk that is full stays so for a while: it is said once.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(
                        error,
                        "what is known of the nodes is not kept over a restart"
                    );
                }
            }
        }
        written
    }
}

/// What is kept of one node, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recalled {
    /// What the operator wanted of it.
    service: Service,
    /// The version that it last greeted with.
    version: Option<AmiVersion>,
}

impl Kept {
    fn of(directory: &Directory) -> Self {
        let entries = directory.ids().filter_map(|node| directory.entry(node));
        Self::new(entries.map(|entry| {
            let status = &entry.status;
            let recalled = Recalled {
                service: status.service,
                version: status.version,
            };
            (entry.name.to_string(), recalled)
        }))
    }
}
