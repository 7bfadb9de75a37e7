//! What is known of a session from its login to its end.

use std::sync::Arc;
use std::time::Instant;

use ami_access::{EventFilters, Principal};
use smallvec::SmallVec;

use super::interest::Interest;
use super::own_bridges::OwnBridges;
use crate::ids::NodeId;
use crate::rate_limit::RateLimit;
use crate::view::View;

/// What is known of a session that is logged in.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) principal: Principal,
    pub(super) view: View,
    /// What the client asked for, within what it may read.
    pub(super) interest: Interest,
    pub(super) label: Option<Arc<str>>,
    /// Headers that choose a node, and so do not go up; none on a session of one node.
    pub(super) strip: Arc<[String]>,
    /// The account's variables, for its Originates.
    pub(super) variables: Arc<[String]>,
    pub(super) no_variables: Arc<[String]>,
    /// The account's filters and those of the Filter action, once there are any.
    pub(super) own_filters: Option<Box<EventFilters>>,
    /// Nodes whose FullyBooted was given or not wanted, each with the moment when the node said it.
    pub(super) told_booted: SmallVec<[(NodeId, Instant); 2]>,
    /// How many of its actions may go to the nodes; `None`: any number.
    pub(super) rate: Option<RateLimit>,
    /// When it began.
    pub(super) since: Instant,
    /// Nodes that were away at the login, and have not told since what they have.
    pub(super) missing: SmallVec<[NodeId; 2]>,
    /// Nodes of these of which it was given events without being told what they have.
    pub(super) overheard: SmallVec<[NodeId; 2]>,
    /// Nodes of these that have told what they had at the beginning of the events that come since, also when those were raised before the login.
    pub(super) told: SmallVec<[NodeId; 2]>,
    /// Of an account with `channels`.
    pub(super) own_bridges: OwnBridges,
}

impl Login {
    /// The filters in force.
    pub(super) fn filters(&self) -> &EventFilters {
        self.own_filters
            .as_deref()
            .unwrap_or(&self.principal.account().event_filters)
    }

    /// The same, to be added to for this session alone.
    pub(super) fn own_filters(&mut self) -> &mut EventFilters {
        let account = self.principal.account();
        self.own_filters
            .get_or_insert_with(|| Box::new(account.event_filters.clone()))
    }
}
