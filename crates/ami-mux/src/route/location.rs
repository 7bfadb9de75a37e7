//! The node that has what an action names.
//!
//! Only nodes that the session sees are looked at, so that nothing can be learned of the others. What two of them have, or two
//! things on two of them, is unclear: the client must say which. What none of them has says nothing.

use ami_access::{Authorized, RouteKind};
use ami_proto::Action;

use crate::directory::Directory;
use crate::identity::Likeness;
use crate::ids::NodeId;
use crate::objects::Objects;
use crate::view::View;

/// Headers that name channels, by name or Uniqueid.
const CHANNEL_HEADERS: [&str; 6] = [
    "Channel",
    "ExtraChannel",
    "Channel1",
    "Channel2",
    "TimeoutChannel",
    "AnnounceChannel",
];

/// What is known of the place of an action's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// One node has them.
    At(NodeId),
    /// It names nothing that is known.
    Nowhere,
    /// It cannot be decided; the client gets this `Message`.
    Unclear(String),
}

/// Looks up what `action` names.
pub(super) fn locate(action: &Authorized<Action>, directory: &Directory, view: &View) -> Location {
    let Some(spec) = action.spec() else {
        return Location::Nowhere;
    };
    let action = action.action();
    let search = Search { directory, view };
    match spec.route {
        RouteKind::Channel => search.channels(action),
        RouteKind::Bridge => both(
            search.named(action, "BridgeUniqueid", "Bridge", |objects, id| {
                objects.bridge(id).is_some()
            }),
            || search.channels(action),
        ),
        RouteKind::Conference => both(
            search.named(action, "Conference", "Conference", Objects::has_conference),
            || search.named(action, "Meetme", "Conference", Objects::has_conference),
        ),
        RouteKind::Agent => search.named(action, "Agent", "Agent", Objects::has_agent),
        RouteKind::Queue => search.queue(action),
        RouteKind::Local
        | RouteKind::Parking
        | RouteKind::Originate
        | RouteKind::List
        | RouteKind::NeedsNode
        | RouteKind::Any => Location::Nowhere,
    }
}

/// Two objects of one action must be on one node.
fn both(first: Location, second: impl FnOnce() -> Location) -> Location {
    match first {
        Location::Unclear(_) => first,
        Location::Nowhere => second(),
        Location::At(node) => match second() {
            Location::At(other) if other != node => on_different_nodes(),
            unclear @ Location::Unclear(_) => unclear,
            Location::At(_) | Location::Nowhere => Location::At(node),
        },
    }
}

fn on_different_nodes() -> Location {
    Location::Unclear("What the action names is on different nodes".to_owned())
}

fn on_several(what: &str, name: &[u8]) -> Location {
    let name = String::from_utf8_lossy(name);
    Location::Unclear(format!("{what} {name} is on several nodes, name one"))
}

struct Search<'a> {
    directory: &'a Directory,
    view: &'a View,
}

impl Search<'_> {
    fn nodes_with(&self, has: impl Fn(&Objects) -> bool) -> impl Iterator<Item = NodeId> {
        self.view.nodes().iter().copied().filter(move |node| {
            self.directory
                .entry(*node)
                .is_some_and(|entry| has(&entry.objects.read()))
        })
    }

    fn one(&self, what: &str, name: &[u8], has: impl Fn(&Objects) -> bool) -> Location {
        let mut nodes = self.nodes_with(has);
        match (nodes.next(), nodes.next()) {
            (None, _) => Location::Nowhere,
            (Some(node), None) => Location::At(node),
            (Some(_), Some(_)) => on_several(what, name),
        }
    }

    fn named(
        &self,
        action: &Action,
        header: &str,
        what: &str,
        has: impl Fn(&Objects, &[u8]) -> bool,
    ) -> Location {
        let name = action.header(header).filter(|name| !name.is_empty());
        name.map_or(Location::Nowhere, |name| {
            self.one(what, name, |objects| has(objects, name))
        })
    }

    fn channels(&self, action: &Action) -> Location {
        if action
            .header("Channel")
            .is_some_and(|channel| channel.starts_with(b"/"))
        {
            // An expression may mean channels of every node; that is for the client to say.
            return Location::Unclear("Node required".to_owned());
        }
        let one = |header: &&str| {
            let found = self.named(action, header, "Channel", |objects, name| {
                objects.channel(name).is_some()
            });
            match found {
                Location::At(node) => self.unconfused(action, header, node),
                Location::Nowhere | Location::Unclear(_) => found,
            }
        };
        CHANNEL_HEADERS
            .iter()
            .fold(Location::Nowhere, |found, header| {
                both(found, || one(header))
            })
    }

    /// A Uniqueid of a node whose systemname another node has may have been given by that one.
    fn unconfused(&self, action: &Action, header: &str, node: NodeId) -> Location {
        let name = action.header(header).unwrap_or_default();
        let is_uniqueid = self
            .directory
            .entry(node)
            .is_some_and(|entry| entry.objects.read().by_uniqueid(name).is_some());
        let alike =
            |other: &NodeId| self.directory.likeness(node, *other) == Some(Likeness::SystemName);
        if is_uniqueid && self.view.nodes().iter().any(alike) {
            let name = String::from_utf8_lossy(name);
            let text = format!("Channel {name} may be on several nodes, name one");
            return Location::Unclear(text);
        }
        Location::At(node)
    }

    /// A queue on several nodes is told by the member that the action is about.
    fn queue(&self, action: &Action) -> Location {
        let queue = action.header("Queue").filter(|queue| !queue.is_empty());
        let member = action
            .header("Interface")
            .filter(|member| !member.is_empty());
        match (queue, member) {
            (None, None) => Location::Nowhere,
            (None, Some(member)) => {
                self.one("Member", member, |objects| objects.has_member(None, member))
            }
            (Some(queue), member) => {
                let found = self.one("Queue", queue, |objects| objects.has_queue(queue));
                let (Location::Unclear(_), Some(member)) = (&found, member) else {
                    return found;
                };
                match self.one("Member", member, |objects| {
                    objects.has_member(Some(queue), member)
                }) {
                    Location::Nowhere => found,
                    told @ (Location::At(_) | Location::Unclear(_)) => told,
                }
            }
        }
    }
}
