//! The end of a node's machine: amiplex stops, or the machine itself failed.
//!
//! Either way each client is told whether its action was written, and nothing is done for the node afterwards.

use std::time::Instant;

use bytes::Bytes;

use super::effect::NodeEffect;
use super::lane::Phase;
use super::node::Node;
use super::settings::NodeSettings;
use crate::directory::NodeStatus;
use crate::outcome::{Cause, Failure, Outcome};

const LOGOFF: &[u8] = b"Action: Logoff\r\n\r\n";

impl<R: Clone> Node<R> {
    /// A machine in the place of one that failed. `status` is the last of that one; `attempt` counts such failures in a row and
    /// makes the first connect wait.
    pub fn in_place_of(
        status: NodeStatus,
        settings: NodeSettings,
        nonce: u32,
        attempt: u32,
        now: Instant,
    ) -> Self {
        Self::with_status(status, settings, nonce, attempt, now)
    }

    /// Ends everything that is under way, because amiplex itself ends. Lanes at rest are logged off, to be closed by the node;
    /// on others bytes may wait that must never leave now.
    pub fn abandon(&mut self) {
        self.draining = true;
        self.refuse_waiting(Cause::Draining);
        for (id, mut lane) in std::mem::take(&mut self.lanes) {
            let orderly = lane.is_ready() && lane.out().is_empty();
            self.fail_written(&lane, Cause::Draining);
            if orderly {
                lane.written.clear();
                lane.phase = Phase::Leaving;
                lane.queue_bytes([Bytes::from_static(LOGOFF)]);
                self.lanes.insert(id, lane);
            } else {
                self.effects.push_back(NodeEffect::Close(id));
            }
        }
    }

    /// Ends everything, because this machine met a bug: what it knows is not to be relied on any more, but those who wait for it
    /// must not wait for ever.
    pub fn fail(&mut self, reason: &str) {
        self.draining = true;
        self.refuse_waiting(Cause::NodeDown);
        for (id, lane) in std::mem::take(&mut self.lanes) {
            self.effects.push_back(NodeEffect::Close(id));
            self.fail_written(&lane, Cause::NodeDown);
        }
        for key in self.pending.keys() {
            let failure = Failure {
                outcome: Outcome::Unknown,
                cause: Cause::NodeDown,
            };
            self.fail_pending(key, failure);
        }
        self.say_down(reason);
    }
}
