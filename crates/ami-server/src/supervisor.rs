//! The one place where tasks are spawned, so that drain can join every one of them (I10).
//!
//! A task that panics ends alone: it is counted and logged, the others go on.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use ami_telemetry::Meters;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A part of a task ended by a bug.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panicked;

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

    /// Runs a part of a task that must survive its bugs: a panic ends `part` alone, counted and logged.
    pub(crate) async fn survive<F: Future>(
        &self,
        name: &'static str,
        part: F,
    ) -> Result<F::Output, Panicked> {
        let mut part = pin!(part);
        let outcome = poll_fn(|cx| {
            // Nobody looks at `part` again after a panic, and its owner mistrusts whatever it had borrowed.
            let polled = catch_unwind(AssertUnwindSafe(|| part.as_mut().poll(cx)));
            polled.map_or(Poll::Ready(Err(Panicked)), |poll| poll.map(Ok))
        });
        let outcome = outcome.await;
        if outcome.is_err() {
            self.meters.task_panicked();
            tracing::error!(task = name, "a task met a bug and begins anew");
        }
        outcome
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
