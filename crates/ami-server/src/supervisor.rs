//! The one place where tasks are spawned, so that drain can join every one of them (I10).
//!
//! A task that panics ends alone: it is counted and logged, the others go on.

use std::future::Future;
use std::sync::Arc;

use ami_telemetry::Meters;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns and joins tasks.
#[derive(Clone, Debug)]
pub(crate) struct Supervisor {
    tracker: TaskTracker,
    draining: CancellationToken,
    abandoning: CancellationToken,
    stopping: CancellationToken,
    meters: Arc<Meters>,
}

impl Supervisor {
    pub(crate) fn new(meters: Arc<Meters>) -> Self {
        Self {
            tracker: TaskTracker::new(),
            draining: CancellationToken::new(),
            abandoning: CancellationToken::new(),
            stopping: CancellationToken::new(),
            meters,
        }
    }

    /// Runs `task` until it ends. `name` is for the log.
    pub(crate) fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = self.tracker.spawn(task);
        let meters = Arc::clone(&self.meters);
        self.tracker.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                meters.task_panicked();
                tracing::error!(task = name, "a task ended by a bug, the others go on");
            }
        });
    }

    /// Told when nothing new is to be taken.
    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Told when no answer of a node is awaited any more.
    pub(crate) fn abandoning(&self) -> &CancellationToken {
        &self.abandoning
    }

    /// Told when everything is to end at once.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Waits for the end of all tasks.
    pub(crate) async fn join(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
