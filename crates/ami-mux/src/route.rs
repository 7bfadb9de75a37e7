//! Where an authorised action goes.
//!
//! Only an [`Authorized`] action can be routed (I2). Rules, first match wins: the session's only node; the header that
//! names a node; the account's `default_node`; else an error: a write is never guessed. Learned locations, merged
//! lists and routing rules have their place between the header and the default.

use ami_access::Authorized;
use ami_proto::Action;

use crate::directory::Directory;
use crate::ids::NodeId;
use crate::view::View;

/// The verdict on one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this node.
    Node(NodeId),
    /// Nowhere; the client gets this `Message`.
    Refused(String),
}

/// What the router knows of a session.
#[derive(Clone, Copy, Debug)]
pub struct RoutePolicy<'a> {
    /// The session's nodes.
    pub view: &'a View,
    /// Names of the headers that choose a node on sessions of several nodes.
    pub select: &'a [String],
    /// The account's `default_node`.
    pub default_node: Option<&'a str>,
}

/// Decides where `action` goes.
///
/// ```
/// # use ami_access::Authorized;
/// # use ami_mux::{Directory, Route, RoutePolicy, route};
/// fn send(action: &Authorized<ami_proto::Action>, nodes: &Directory, policy: &RoutePolicy<'_>) -> Route {
///     route(action, nodes, policy)
/// }
/// ```
///
/// What was not authorised cannot be routed:
///
/// ```compile_fail,E0308
/// # use ami_mux::{Directory, Route, RoutePolicy, route};
/// fn send(action: &ami_proto::Action, nodes: &Directory, policy: &RoutePolicy<'_>) -> Route {
///     route(action, nodes, policy)
/// }
/// ```
pub fn route(
    action: &Authorized<Action>,
    directory: &Directory,
    policy: &RoutePolicy<'_>,
) -> Route {
    if let Some(only) = policy.view.single() {
        return Route::Node(only);
    }
    for name in policy.select {
        if let Some(value) = action
            .action()
            .header(name)
            .filter(|value| !value.is_empty())
        {
            return by_name(value, directory, policy.view);
        }
    }
    policy.default_node.map_or_else(
        || Route::Refused("Node required".to_owned()),
        |name| by_name(name.as_bytes(), directory, policy.view),
    )
}

/// An unknown node and one that the session may not see get the same answer.
fn by_name(value: &[u8], directory: &Directory, view: &View) -> Route {
    if value == b"*" || value.contains(&b',') {
        return Route::Refused("An action to several nodes is not supported, name one".to_owned());
    }
    match directory
        .find(value.trim_ascii())
        .filter(|node| view.contains(*node))
    {
        Some(node) => Route::Node(node),
        None => Route::Refused(format!("No such node: {}", String::from_utf8_lossy(value))),
    }
}
