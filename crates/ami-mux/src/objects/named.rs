//! A set of names: conferences with members, agents that are logged in.

use std::collections::HashSet;

use ami_proto::Frame;

/// Names of one kind.
#[derive(Debug, Default)]
pub(super) struct Named {
    names: HashSet<Box<[u8]>>,
}

impl Named {
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.names.contains(name)
    }

    /// The name in that header of the event is there.
    pub(super) fn add(&mut self, event: &Frame, header: &str) {
        if let Some(name) = event.header(header).filter(|name| !name.is_empty()) {
            self.names.insert(name.into());
        }
    }

    /// It is there no longer.
    pub(super) fn remove(&mut self, event: &Frame, header: &str) {
        if let Some(name) = event.header(header) {
            self.names.remove(name);
        }
    }
}
