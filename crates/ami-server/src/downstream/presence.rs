//! Every place where a session is known, left when this value is dropped: also when the session's task ends by a bug.

use std::net::IpAddr;
use std::sync::Arc;

use ami_access::{Account, AccountName};
use ami_mux::{Mail, NodeId, SessionId};
use ami_telemetry::CloseReason;
use smallvec::SmallVec;

use crate::cluster::NodeCommand;
use crate::inbox::Inbox;
use crate::registry::UnauthenticatedPlace;
use crate::session_facts::SessionFacts;
use crate::world::World;

/// A session's entries in the registry, the hubs of its nodes, that of security events and the count of its account's logins.
#[derive(Debug)]
pub(super) struct Presence {
    world: Arc<World>,
    session: SessionId,
    facts: Arc<SessionFacts>,
    inbox: Arc<Inbox>,
    place: Option<UnauthenticatedPlace>,
    account: Option<AccountName>,
    nodes: Vec<NodeId>,
    /// Those of them that have been given an action of this session: the others know nothing of it.
    asked: SmallVec<[NodeId; 2]>,
    reads_security: bool,
}

impl Presence {
    /// A connection that has not logged in.
    pub(super) fn new(
        world: Arc<World>,
        facts: SessionFacts,
        inbox: Arc<Inbox>,
        place: UnauthenticatedPlace,
    ) -> Self {
        let facts = Arc::new(facts);
        world
            .registry
            .insert(Arc::clone(&facts), Arc::clone(&inbox));
        Self {
            world,
            session: facts.id,
            facts,
            inbox,
            place: Some(place),
            account: None,
            nodes: Vec::new(),
            asked: SmallVec::new(),
            reads_security: false,
        }
    }

    /// It has: its machine has claimed the login, and from now on it hears its nodes.
    pub(super) fn logged_in(&mut self, account: &Arc<Account>, peer: IpAddr, nodes: Vec<NodeId>) {
        self.place = None;
        self.account = Some(account.name.clone());
        let now = || self.world.accounts.load_full();
        let registry = &self.world.registry;
        registry.logged_in(self.session, Arc::clone(account), peer, now);
        self.facts.logged_in(&account.name, &nodes);
        for node in &nodes {
            if let Some(handle) = self.world.cluster.node(*node) {
                handle.hub.subscribe(self.session, Arc::clone(&self.inbox));
                // It may have booted between the machine's look at it and the subscription.
                self.inbox.post_own(&[Mail::NodeBooted(*node)]);
                // And it may have told what it has.
                let directory = self.world.cluster.directory();
                let status = directory.entry(*node).map(|entry| &entry.status);
                if status.is_some_and(|status| status.is_up() && status.settled) {
                    let (node, has) = (*node, None);
                    self.inbox.post_own(&[Mail::Resynced { node, has }]);
                }
            }
        }
        self.nodes = nodes;
    }

    /// The nodes that the session hears.
    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// An action of the session is given to that node.
    pub(super) fn asks(&mut self, node: NodeId) {
        if !self.asked.contains(&node) {
            self.asked.push(node);
        }
    }

    /// How many of its actions are not answered.
    pub(super) fn inflight(&self, inflight: usize) {
        self.facts.set_inflight(inflight);
    }

    /// Whether the session, which is logged in, has the class `security` in its mask from now on.
    pub(super) fn reads_security(&mut self, reads: bool) {
        let readers = &self.world.security.readers;
        match (self.reads_security, reads) {
            (false, true) => {
                readers.enter(self.session, self.nodes.clone(), Arc::clone(&self.inbox));
            }
            (true, false) => readers.leave(self.session),
            (false, false) | (true, true) => {}
        }
        self.reads_security = reads;
    }

    /// Leaves every place, and has the nodes drop what no lane has taken, and leave out what nobody wants any more. A node whom
    /// neither concerns is not woken.
    pub(super) async fn leave(&mut self) {
        for node in self.forget() {
            if let Some(handle) = self.world.cluster.node(node)
                && (handle.narrows || self.asked.contains(&node))
                && handle
                    .commands
                    .send(NodeCommand::SessionGone(self.session))
                    .await
                    .is_err()
            {
                tracing::debug!("the node's task has ended before its sessions");
            }
        }
    }

    /// Leaves every place but the queues of the nodes, which are given back.
    fn forget(&mut self) -> Vec<NodeId> {
        self.reads_security(false);
        let nodes = std::mem::take(&mut self.nodes);
        for node in &nodes {
            if let Some(handle) = self.world.cluster.node(*node) {
                handle.hub.unsubscribe(self.session);
            }
        }
        self.world.registry.remove(self.session);
        if let Some(account) = self.account.take() {
            self.world.registry.release_login(&account);
        }
        self.place = None;
        nodes
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.forget();
        self.inbox.close(CloseReason::InternalError);
    }
}
