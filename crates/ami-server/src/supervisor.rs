//! The one place where tasks are spawned, so that drain can join every one of them (I10).
//!
//! A task that panics ends alone: it is counted and logged, the others go on.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use ami_telemetry::Meters;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

/// One of the supervisor's signals, for a task with many turns: asked once, so that it knows whom to wake, and again only when something
/// ends. Every other look would take a lock that all tasks share.
#[derive(Debug)]
pub(crate) struct Signal<'p, 's> {
    supervisor: &'s Supervisor,
    given: Pin<&'p mut WaitForCancellationFuture<'s>>,
    asked: bool,
}

impl Future for Signal<'_, '_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.asked && !self.supervisor.is_ending() {
            return Poll::Pending;
        }
        self.asked = true;
        self.given.as_mut().poll(cx)
    }
}

/// A part of a task ended by a bug.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panicked;

/// Nobody may trust what `step` had borrowed after a panic.
fn caught<T>(step: impl FnOnce() -> T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(step))
}

/// Spawns and joins tasks.
#[derive(Clone, Debug)]
pub(crate) struct Supervisor {
    tracker: TaskTracker,
    draining: CancellationToken,
    abandoning: CancellationToken,
    stopping: CancellationToken,
    /// One of the three has been given.
    ending: Arc<AtomicBool>,
    meters: Arc<Meters>,
}

impl Supervisor {
    pub(crate) fn new(meters: Arc<Meters>) -> Self {
        Self {
            tracker: TaskTracker::new(),
            draining: CancellationToken::new(),
            abandoning: CancellationToken::new(),
            stopping: CancellationToken::new(),
            ending: Arc::new(AtomicBool::new(false)),
            meters,
        }
    }

    /// Runs `task` until it ends. `name` is for the log.
    pub(crate) fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut task = Some(Box::pin(task));
        let meters = Arc::clone(&self.meters);
        self.tracker.spawn(poll_fn(move |cx| {
            let polled = caught(|| {
                let polled = task.as_mut().map(|task| task.as_mut().poll(cx));
                let ended = polled.is_none_or(|polled| polled.is_ready());
                if ended {
                    task = None;
                }
                ended
            });
            if let Ok(ended) = polled {
                return if ended {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                };
            }
            meters.task_panicked();
            tracing::error!(task = name, "a task ended by a bug, the others go on");
            // What it leaves behind is as suspect as itself, and must not hide that it was counted.
            drop(caught(|| task = None));
            Poll::Ready(())
        }));
    }

    /// Runs `task`, which soon ends, without another that waits for it.
    pub(crate) fn spawn_brief<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let supervisor = self.clone();
        self.tracker.spawn(async move {
            // Counted and logged where it is met.
            supervisor.survive(name, task).await.ok();
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
            let polled = caught(|| part.as_mut().poll(cx));
            polled.map_or(Poll::Ready(Err(Panicked)), |poll| poll.map(Ok))
        });
        let outcome = outcome.await;
        if outcome.is_err() {
            self.meters.task_panicked();
            tracing::error!(task = name, "a task met a bug and begins anew");
        }
        outcome
    }

    /// Runs a step on behalf of somebody else, whose bug must not be that of the task: a panic ends `step` alone, counted and logged.
    pub(crate) fn attempt<T>(
        &self,
        name: &'static str,
        step: impl FnOnce() -> T,
    ) -> Result<T, Panicked> {
        let outcome = caught(step).map_err(|_| Panicked);
        if outcome.is_err() {
            self.meters.task_panicked();
            tracing::error!(task = name, "a step ended by a bug, the task goes on");
        }
        outcome
    }

    /// Nothing new is taken from now on.
    pub(crate) fn drain(&self) {
        self.ending.store(true, Ordering::Release);
        self.draining.cancel();
    }

    /// No answer of a node is awaited any more.
    pub(crate) fn abandon(&self) {
        self.ending.store(true, Ordering::Release);
        self.abandoning.cancel();
    }

    /// Everything ends at once.
    pub(crate) fn stop(&self) {
        self.ending.store(true, Ordering::Release);
        self.stopping.cancel();
    }

    /// Ready from [`Supervisor::drain`] on.
    pub(crate) fn draining(&self) -> WaitForCancellationFuture<'_> {
        self.draining.cancelled()
    }

    /// Ready from [`Supervisor::abandon`] on.
    pub(crate) fn abandoning(&self) -> WaitForCancellationFuture<'_> {
        self.abandoning.cancelled()
    }

    /// Ready from [`Supervisor::stop`] on.
    pub(crate) fn stopping(&self) -> WaitForCancellationFuture<'_> {
        self.stopping.cancelled()
    }

    /// The given one of its futures, for a task that would ask it again and again.
    pub(crate) fn signal<'p, 's>(
        &'s self,
        given: Pin<&'p mut WaitForCancellationFuture<'s>>,
    ) -> Signal<'p, 's> {
        Signal {
            supervisor: self,
            given,
            asked: false,
        }
    }

    /// False as long as none of [`Supervisor::drain`], [`Supervisor::abandon`] and [`Supervisor::stop`] has woken anybody.
    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Waits for the end of all tasks.
    pub(crate) async fn join(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests;
