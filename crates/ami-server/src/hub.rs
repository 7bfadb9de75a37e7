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

    /// Posts what is no event to every subscriber.
    pub(crate) fn publish(&self, mail: &[Mail]) {
        self.for_each(|inbox| inbox.post(mail));
    }

    /// Goes through its subscribers.
    pub(crate) fn for_each(&self, mut tell: impl FnMut(&Arc<Inbox>)) {
        for (_, inbox) in self.subscribers.read().iter() {
            tell(inbox);
        }
    }
}
