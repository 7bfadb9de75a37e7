//! What happens when a node's machine meets a bug: everyone who waits for it is answered, and another takes its place.
//!
//! The failed machine is asked once more for what it owes, as far as it can still say. A session that is owed more than it can say is
//! closed: it must not wait for ever, and nothing true can be told to it.

use std::time::Duration;

use ami_mux::{Mail, Node, NodeSettings, NodeState};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::driver::NodeDriver;
use crate::cluster::NodeCommand;
use crate::supervisor::Supervisor;

/// What viewers and the log are told.
const REASON: &str = "amiplex met a bug and connects anew";
/// A machine that ran for longer says nothing against starting the next at once.
const RAN_WELL: Duration = Duration::from_mins(1);

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Failures(u32);

impl Failures {
    /// One more, of a machine that had run for so long.
    pub(super) fn count(&mut self, ran: Duration) -> u32 {
        self.0 = if ran >= RAN_WELL {
            1
        } else {
            self.0.saturating_add(1)
        };
        self.0
    }
}

impl NodeDriver {
    /// Ends the failed machine and makes another.
    pub(super) async fn begin_anew(
        &mut self,
        settings: &NodeSettings,
        attempt: u32,
        commands: &mut mpsc::Receiver<NodeCommand>,
        supervisor: &Supervisor,
    ) {
        // Each may meet the bug again; the next is tried all the same.
        let failed = supervisor.survive("node", async { self.machine.fail(REASON) });
        let failed = failed.await.is_ok();
        let told = supervisor.survive("node", async { self.carry_out() });
        if !(told.await.is_ok() && failed) {
            tracing::error!(
                node = &*settings.name,
                "not everyone who waited for it could be answered"
            );
        }
        while let Ok(command) = commands.try_recv() {
            self.taken.push_back(command);
        }
        let mut status = self.machine.status().clone();
        let service = status.service;
        let mut asked = Vec::new();
        for command in std::mem::take(&mut self.taken) {
            match command {
                NodeCommand::Submit(submission) => {
                    let mail = submission.not_sent(self.id, &settings.name);
                    submission.reply_to.post(&[mail]);
                }
                NodeCommand::Service(service, done) => {
                    status.service = service;
                    asked.push(done);
                }
                NodeCommand::Replay(_) | NodeCommand::SessionGone(_) | NodeCommand::Interest(_) => {
                }
                #[cfg(test)]
                NodeCommand::Panic => {}
            }
        }
        let node = self.world.cluster.node(self.id);
        if status.is_up() {
            // It could not even say so.
            status.state = NodeState::Down;
            status.reason = REASON.into();
            status.booted = None;
            status.lagging = false;
            status.settled = true;
            self.set_status(&status);
            node.inspect(|node| node.hub.publish(&[Mail::NodeDown(self.id)]));
        } else if status.service != service {
            self.set_status(&status);
        }
        drop(asked);
        node.inspect(|node| node.hub.publish(&[Mail::NodeFailed(self.id)]));
        self.lanes.clear();
        self.connecting = JoinSet::new();
        self.connecting_lanes.clear();
        let nonce = getrandom::u32().unwrap_or_else(|_| fastrand::u32(..));
        let now = Instant::now().into_std();
        self.machine = Node::in_place_of(status, settings.clone(), nonce, attempt, now);
    }
}
