//! The event hub of a node: who sees it.
//!
//! Subscribed to by sessions at login, posted to by the node's task. The lock is held for a pass over the subscribers at
//! most, never across an await.

use std::sync::Arc;

use ami_mux::{Mail, SessionId};
use ami_proto::ClassSet;
use parking_lot::RwLock;

use crate::inbox::Inbox;

/// Sessions that see one node.
#[derive(Debug, Default)]
pub(crate) struct EventHub {
    subscribers: RwLock<Vec<(SessionId, Arc<Inbox>)>>,
}

impl EventHub {
    /// From now on the session gets what the node says.
    pub(crate) fn subscribe(&self, session: SessionId, inbox: Arc<Inbox>) {
        self.subscribers.write().push((session, inbox));
    }

    /// The session has gone.
    pub(crate) fn unsubscribe(&self, session: SessionId) {
        let mut subscribers = self.subscribers.write();
        if let Some(at) = subscribers.iter().position(|(id, _)| *id == session) {
            subscribers.swap_remove(at);
        }
    }

    /// The classes that its subscribers want together.
    pub(crate) fn wanted(&self) -> ClassSet {
        let subscribers = self.subscribers.read();
        let wanted = subscribers.iter().map(|(_, inbox)| inbox.wanted());
        wanted.fold(ClassSet::NONE, ClassSet::union)
    }

    /// Posts to every subscriber, in order.
    pub(crate) fn publish(&self, mail: &[Mail]) {
        for (_, inbox) in self.subscribers.read().iter() {
            inbox.post(mail);
        }
    }
}
