//! Who reads the class `security`: sessions that have it in their mask now, and no others.
//!
//! Owner: the sessions' tasks enter and leave; whoever reports posts. The lock is held for a pass over the readers at most, never
//! across an await, and makes the order the same for all of them. The bound is that of the sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ami_mux::{Mail, NodeId, SecurityEvent, SessionId};
use parking_lot::Mutex;

use crate::inbox::Inbox;

/// The readers.
#[derive(Debug, Default)]
pub(crate) struct SecurityHub {
    readers: Mutex<Vec<Reader>>,
    /// How many there are, to be asked without the lock.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Reader {
    session: SessionId,
    nodes: Vec<NodeId>,
    inbox: Arc<Inbox>,
}

impl SecurityHub {
    /// From now on the session, which sees these nodes, gets what concerns them.
    pub(crate) fn enter(&self, session: SessionId, nodes: Vec<NodeId>, inbox: Arc<Inbox>) {
        let mut readers = self.readers.lock();
        readers.push(Reader {
            session,
            nodes,
            inbox,
        });
        self.count.store(readers.len(), Ordering::Release);
    }

    /// The session reads them no more.
    pub(crate) fn leave(&self, session: SessionId) {
        let mut readers = self.readers.lock();
        if let Some(at) = readers.iter().position(|reader| reader.session == session) {
            readers.swap_remove(at);
        }
        self.count.store(readers.len(), Ordering::Release);
    }

    /// Whether nobody would read an event.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Posts to every reader whom it concerns.
    pub(super) fn post(&self, event: SecurityEvent) {
        let event = Arc::new(event);
        let mail = [Mail::Security(Arc::clone(&event))];
        for reader in self.readers.lock().iter() {
            if event.concerns(&reader.nodes) {
                reader.inbox.post(&mail);
            }
        }
    }
}
