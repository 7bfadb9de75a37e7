//! Where an authorised action goes.
//!
//! Only an [`Authorized`] action can be routed (I2). On a session of several nodes the first of these that says something
//! decides: the header that names a node; the one node that has what the action names; a rule of the configuration; for a list
//! that is only read, all nodes together; the account's `default_node`. Else an error: a write is never guessed.
//!
//! Where rights differ by node, an action goes to no node that does not permit it: `*`, lists of all nodes and rules leave such
//! nodes out, and whatever else leads to one of them is denied.

mod choice;
mod location;
mod rule;

use ami_access::{ActionSpec, Authorized, ListForm, Refusal, RouteKind};
use ami_proto::Action;
use smallvec::SmallVec;

use crate::directory::{Directory, Service};
use crate::ids::NodeId;
use crate::view::View;
use location::{Location, locate};

pub use choice::{Choice, Turns};
pub use rule::{RouteRule, RuleTarget};

/// The verdict on one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this node.
    Node(NodeId),
    /// To these nodes, and the answers are put together.
    Several(SmallVec<[NodeId; 4]>),
    /// Nowhere: the account may not run it at the node where it would go.
    Denied(Refusal),
    /// Nowhere; the client gets this `Message`.
    Refused(String),
}

impl Route {
    /// To this node, if the action may be run there.
    fn to(node: NodeId, action: &Authorized<Action>) -> Self {
        action
            .refusal_at(node)
            .map_or(Self::Node(node), Self::Denied)
    }
}

/// What led to a [`Route`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The session sees one node.
    OnlyNode,
    /// The header of this name.
    Header(String),
    /// The node that has what the action names.
    Located,
    /// The rule of this number, from 0.
    Rule(usize),
    /// A list that is only read.
    MergedList,
    /// The account's `default_node`.
    DefaultNode,
    /// Nothing: that is why it is refused.
    Nothing,
}

/// What the router knows of a session.
#[derive(Clone, Copy, Debug)]
pub struct RoutePolicy<'a> {
    /// The session's nodes.
    pub view: &'a View,
    /// Names of the headers that choose a node on sessions of several nodes.
    pub select: &'a [String],
    /// The session's account.
    pub account: &'a str,
    /// The account's `default_node`.
    pub default_node: Option<&'a str>,
    /// The configured rules, in order.
    pub rules: &'a [RouteRule],
}

/// Decides where `action` goes.
///
/// ```
/// # use ami_access::Authorized;
/// # use ami_mux::{Directory, Route, RoutePolicy, route};
/// fn send(action: &Authorized<ami_proto::Action>, nodes: &Directory, policy: &RoutePolicy<'_>) -> Route {
///     route(action, nodes, policy).0
/// }
/// ```
///
/// What was not authorised cannot be routed:
///
/// ```compile_fail,E0308
/// # use ami_mux::{Directory, Route, RoutePolicy, route};
/// fn send(action: &ami_proto::Action, nodes: &Directory, policy: &RoutePolicy<'_>) -> Route {
///     route(action, nodes, policy).0
/// }
/// ```
pub fn route(
    action: &Authorized<Action>,
    directory: &Directory,
    policy: &RoutePolicy<'_>,
) -> (Route, Reason) {
    if let Some(only) = policy.view.single() {
        return (Route::to(only, action), Reason::OnlyNode);
    }
    for name in policy.select {
        if let Some(value) = action
            .action()
            .header(name)
            .filter(|value| !value.is_empty())
        {
            let route = by_header(value, action, directory, policy.view);
            return (route, Reason::Header(name.clone()));
        }
    }
    match locate(action, directory, policy.view) {
        Location::At(node) => return (Route::to(node, action), Reason::Located),
        Location::Unclear(message) => return (Route::Refused(message), Reason::Located),
        Location::Nowhere => {}
    }
    if let Some((index, rule)) = rule::first_match(action, policy) {
        let route = choice::choose(rule, action, directory, policy.view);
        return (route, Reason::Rule(index));
    }
    if is_mergeable(action) {
        return (all_that_permit(action, policy.view), Reason::MergedList);
    }
    match policy.default_node {
        Some(name) => (
            by_default(name, action, directory, policy.view),
            Reason::DefaultNode,
        ),
        None => (Route::Refused("Node required".to_owned()), Reason::Nothing),
    }
}

/// Whether the answers of several nodes make one list.
pub(crate) fn is_mergeable(action: &Authorized<Action>) -> bool {
    action.spec().is_some_and(ActionSpec::is_mergeable)
        && matches!(action.list(), ListForm::List { .. })
}

/// `*`, one name, or several with commas between.
fn by_header(
    value: &[u8],
    action: &Authorized<Action>,
    directory: &Directory,
    view: &View,
) -> Route {
    let mut nodes: SmallVec<[NodeId; 4]> = SmallVec::new();
    for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        if name == b"*" {
            return match all_that_permit(action, view) {
                Route::Several(nodes) => together(nodes, action),
                other @ (Route::Node(_) | Route::Denied(_) | Route::Refused(_)) => other,
            };
        }
        match by_name(name, action, directory, view) {
            Route::Node(node) if nodes.contains(&node) => {}
            Route::Node(node) => nodes.push(node),
            // Whoever names a node means it: the others are not asked without it.
            refused @ (Route::Several(_) | Route::Denied(_) | Route::Refused(_)) => return refused,
        }
    }
    together(nodes, action)
}

fn together(nodes: SmallVec<[NodeId; 4]>, action: &Authorized<Action>) -> Route {
    if let [only] = *nodes {
        return Route::Node(only);
    }
    match goes_to_several(action) {
        Ok(()) => Route::Several(nodes),
        Err(message) => Route::Refused(message.to_owned()),
    }
}

/// All nodes of the view that permit the action. Those that do not are, for this action, not there.
fn all_that_permit(action: &Authorized<Action>, view: &View) -> Route {
    let nodes = view.nodes().iter().copied();
    let nodes: SmallVec<[NodeId; 4]> = nodes.filter(|node| action.permits(*node)).collect();
    if nodes.is_empty() {
        return Route::Denied(Refusal::Denied);
    }
    Route::Several(nodes)
}

/// Whether the action may be sent to more than one node at all.
fn goes_to_several(action: &Authorized<Action>) -> Result<(), &'static str> {
    if is_originate(action) {
        return Err("A call is made on one node, name one");
    }
    match action.list() {
        ListForm::No => Ok(()),
        ListForm::List { .. } if is_mergeable(action) => Ok(()),
        ListForm::List { .. }
        | ListForm::ConditionalHangup
        | ListForm::Irregular(_)
        | ListForm::Unknown => {
            Err("The answers of several nodes to this action cannot be put together, name one")
        }
    }
}

fn is_originate(action: &Authorized<Action>) -> bool {
    action
        .spec()
        .is_some_and(|spec| spec.route == RouteKind::Originate)
}

/// The client has not named this node: no new call is made there while it drains, like one of a rule.
fn by_default(
    name: &str,
    action: &Authorized<Action>,
    directory: &Directory,
    view: &View,
) -> Route {
    let route = by_name(name.as_bytes(), action, directory, view);
    let drains = |node| {
        let entry = directory.entry(node);
        entry.is_some_and(|entry| entry.status.service == Service::Draining)
    };
    match route {
        Route::Node(node) if drains(node) && is_originate(action) => {
            Route::Refused(format!("Node {name} is draining, action not sent"))
        }
        Route::Node(_) | Route::Several(_) | Route::Denied(_) | Route::Refused(_) => route,
    }
}

/// An unknown node and one that the session may not see get the same answer.
fn by_name(value: &[u8], action: &Authorized<Action>, directory: &Directory, view: &View) -> Route {
    match directory
        .find(value.trim_ascii())
        .filter(|node| view.contains(*node))
    {
        Some(node) => Route::to(node, action),
        None => Route::Refused(format!("No such node: {}", String::from_utf8_lossy(value))),
    }
}

#[cfg(test)]
mod tests;
