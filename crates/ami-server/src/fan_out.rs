//! What a node says to all its sessions: posted to each, and written at once to the clients of those that are at rest.
//!
//! Owned by the node's task. Posting is done before it returns, so that nothing the node says later overtakes it; writing to many is
//! shared among short tasks, which the idle threads take. Nothing in it waits for a client (I4).

use std::sync::Arc;
use std::time::Duration;

use ami_mux::{JointView, Mail};
use ami_telemetry::{CloseReason, Meters};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::downstream::outbound::Written;
use crate::hub::EventHub;
use crate::inbox::{Inbox, Posted, TOGETHER};
use crate::supervisor::Supervisor;

/// Clients that one task writes to, one after the other. Tests have few.
const CLIENTS_PER_TASK: usize = if cfg!(test) { 2 } else { 64 };

/// It.
#[derive(Debug)]
pub(crate) struct FanOut {
    writers: Writers,
    /// Sessions at rest with something to be written; empty between two calls.
    leaving: Vec<Arc<Inbox>>,
    /// Those whose events wait for each other, by how long they do.
    waiting: Vec<(Duration, Waiting)>,
}

/// Sessions whose events wait, each with the end of its wait; in the order in which they began to, so that one may stay for another that began
/// before it, yet nothing waits for longer than it may. A task waits for the first as long as there is any.
type Waiting = Arc<Mutex<Vec<(Instant, Arc<Inbox>)>>>;

/// Who writes.
#[derive(Clone, Debug)]
struct Writers {
    supervisor: Supervisor,
    meters: Arc<Meters>,
}

impl FanOut {
    pub(crate) fn new(supervisor: Supervisor, meters: Arc<Meters>) -> Self {
        Self {
            writers: Writers { supervisor, meters },
            leaving: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Posts to every subscriber, in order, and has written what can be.
    pub(crate) fn publish(&mut self, hub: &EventHub, mail: &[Mail]) {
        let now = Instant::now();
        hub.for_each(|inbox| match inbox.post_broadcast(mail, now) {
            Posted::Done => {}
            Posted::Leaves => self.leaving.push(Arc::clone(inbox)),
            Posted::Waits(flush, until) => self.wait(flush, until, inbox),
        });
        self.writers.write(&mut self.leaving, now);
    }

    fn wait(&mut self, flush: Duration, until: Instant, inbox: &Arc<Inbox>) {
        let known = self.waiting.iter().find(|(other, _)| *other == flush);
        let waiting = match known {
            Some((_, waiting)) => waiting,
            None => {
                self.waiting.push((flush, Waiting::default()));
                let Some((_, waiting)) = self.waiting.last() else {
                    return;
                };
                waiting
            }
        };
        let mut list = waiting.lock();
        list.push((until, Arc::clone(inbox)));
        if list.len() == 1 {
            let (writers, waiting) = (self.writers.clone(), Arc::clone(waiting));
            let task = writers.clone().write_in_time(waiting, until);
            writers.supervisor.spawn("flush", task);
        }
    }
}

impl Writers {
    /// Writes what waits in these, which are none afterwards.
    fn write(&self, leaving: &mut Vec<Arc<Inbox>>, now: Instant) {
        while leaving.len() > CLIENTS_PER_TASK {
            let part: Vec<_> = leaving.drain(..CLIENTS_PER_TASK).collect();
            let writers = self.clone();
            self.supervisor
                .spawn_brief("fan-out", async move { writers.write_all(&part, now) });
        }
        self.write_all(leaving, now);
        leaving.clear();
    }

    fn write_all(&self, leaving: &[Arc<Inbox>], now: Instant) {
        let mut all = Written::default();
        let mut joint = JointView::default();
        for inbox in leaving {
            // The others would never be written to: each of them waits for this one task.
            let leaving = || inbox.leave(&mut joint, now);
            let Ok(written) = self.supervisor.attempt("fan-out", leaving) else {
                joint = JointView::default();
                inbox.close(CloseReason::InternalError);
                continue;
            };
            all.bytes += written.bytes;
            all.events += written.events;
        }
        if all.bytes > 0 {
            self.meters
                .bytes_out(u64::try_from(all.bytes).unwrap_or(u64::MAX));
            self.meters.events_delivered(all.events);
        }
    }

    /// Writes what waits when its time has come, until nothing waits.
    async fn write_in_time(self, waiting: Waiting, first: Instant) {
        let mut next = Some(first);
        while let Some(at) = next {
            tokio::select! {
                () = sleep_until(at) => {}
                // Nobody waits for it: every session ends.
                () = self.supervisor.stopping() => return,
            }
            let now = Instant::now();
            let mut due: Vec<_>;
            {
                let mut list = waiting.lock();
                let count = list
                    .iter()
                    .take_while(|(at, _)| *at <= now + TOGETHER)
                    .count();
                due = list.drain(..count).map(|(_, inbox)| inbox).collect();
                // Whoever adds to an empty list starts another task.
                next = list.first().map(|(at, _)| *at);
            }
            self.write(&mut due, now);
        }
    }
}
