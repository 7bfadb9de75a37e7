//! The freeze switch of a node: while it is shut, no task of the node does anything, as a process
//! does after SIGSTOP.
//!
//! Owner: the node; every task holds a clone and passes the gate before it acts.

use tokio::sync::watch;

/// Shut or open; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    frozen: watch::Sender<bool>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            frozen: watch::Sender::new(false),
        }
    }

    /// Shuts or opens it; tasks that wait go on at once when it opens.
    pub(crate) fn set_frozen(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    /// Returns as soon as the gate is open.
    pub(crate) async fn pass(&self) {
        let mut watch = self.frozen.subscribe();
        // The sender lives in `self`, so waiting cannot fail while we wait.
        drop(watch.wait_for(|frozen| !*frozen).await);
    }

    /// Returns when the gate is shut: for a task that waits for something else meanwhile.
    pub(crate) async fn shut(&self) {
        let mut watch = self.frozen.subscribe();
        drop(watch.wait_for(|frozen| *frozen).await);
    }
}
