//! Every task of a node, in one place, so that ending a node ends all of them.
//!
//! Owner: the node. A `JoinSet` aborts what is left when it is dropped, so no task outlives its node.

use std::future::Future;

use parking_lot::Mutex;
use tokio::task::JoinSet;

/// The running tasks of a node.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    set: Mutex<JoinSet<()>>,
}

impl Tasks {
    /// Starts a task; must be called inside a tokio runtime.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock();
        // Results of ended tasks are collected here, or a node with many short connections would keep them all.
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }

    /// Aborts every task and waits until each has let go of its socket.
    pub(crate) async fn end(&self) {
        let mut set = std::mem::take(&mut *self.set.lock());
        set.shutdown().await;
    }

    /// Waits for every task to end by itself.
    pub(crate) async fn join(&self) {
        let mut set = std::mem::take(&mut *self.set.lock());
        while set.join_next().await.is_some() {}
    }
}
