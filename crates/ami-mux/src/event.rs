//! An event of a node, as it is shared by every session that may see it.
//!
//! Made once by the node's machine, never changed afterwards. Invariants: the bytes are a copy of the event alone (a
//! waiting event never pins a read buffer), no wire ActionID is left in them, and there are at most two renderings
//! for the default label (I7 of ARCHITECTURE.md).

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ami_access::{ChannelScope, EventObjects};
use ami_proto::rewrite::label;
use ami_proto::{ClassSet, Frame};
use bytes::Bytes;

use crate::ids::NodeId;

/// Events that tell of an end, also by their names up to Asterisk 11.
const ENDS: [&[u8]; 6] = [
    b"Hangup",
    b"BridgeLeave",
    b"BridgeDestroy",
    b"QueueCallerLeave",
    b"Leave",
    b"QueueMemberRemoved",
];

/// The classes that the event names, if they are all known.
pub(crate) fn classes_of(event: &Frame) -> Option<ClassSet> {
    let privilege = event.header("Privilege");
    privilege.and_then(ClassSet::parse_privilege)
}

/// A broadcast event of one node.
#[derive(Debug)]
pub struct NodeEvent {
    node: NodeId,
    node_name: Arc<str>,
    classes: Option<ClassSet>,
    is_shutdown: bool,
    is_made_up: bool,
    /// When its node raised it, where it waited before it was told.
    heard: Option<Instant>,
    plain: Bytes,
    labelled: OnceLock<(Box<str>, Bytes)>,
    /// What it is about, once somebody asked who may not see everything.
    objects: OnceLock<EventObjects>,
    /// The channels of the account whose action it answers.
    asked_by: Option<Arc<ChannelScope>>,
}

impl NodeEvent {
    /// Classifies `frame` by its *first* `Privilege` header: what a UserEvent's author wrote further down is text.
    pub fn new(node: NodeId, node_name: Arc<str>, frame: &Frame, bytes: Bytes) -> Self {
        Self::classed(node, node_name, frame, classes_of(frame), bytes)
    }

    /// The same, of which the classes are known already.
    pub(crate) fn classed(
        node: NodeId,
        node_name: Arc<str>,
        frame: &Frame,
        classes: Option<ClassSet>,
        bytes: Bytes,
    ) -> Self {
        Self {
            node,
            node_name,
            classes,
            is_shutdown: frame.event_name() == Some(b"Shutdown"),
            is_made_up: false,
            heard: None,
            plain: bytes,
            labelled: OnceLock::new(),
            objects: OnceLock::new(),
            asked_by: None,
        }
    }

    /// The same, which answers an action of an account with these channels.
    #[must_use]
    pub(crate) fn asked_by(mut self, scope: Option<Arc<ChannelScope>>) -> Self {
        self.asked_by = scope;
        self
    }

    /// The same, known to be made up by amiplex for what was missed.
    #[must_use]
    pub(crate) fn made_up(mut self) -> Self {
        self.is_made_up = true;
        self
    }

    /// The same, which waits from now on.
    #[must_use]
    pub(crate) fn heard_at(mut self, now: Instant) -> Self {
        self.heard = Some(now);
        self
    }

    /// Whether its node raised it before then, and it waited.
    pub(crate) fn was_heard_before(&self, moment: Instant) -> bool {
        self.heard.is_some_and(|heard| heard < moment)
    }

    /// Whether amiplex made it up for what was missed of its node.
    pub fn is_made_up(&self) -> bool {
        self.is_made_up
    }

    /// Whether it waited before it was told.
    pub(crate) fn has_waited(&self) -> bool {
        self.heard.is_some()
    }

    /// Whether it tells of the end of something, as far as events are made up for that.
    pub(crate) fn is_end(&self) -> bool {
        let name = self.plain.strip_prefix(b"Event: ").unwrap_or_default();
        ENDS.iter().any(|end| {
            name.strip_prefix(*end)
                .is_some_and(|rest| rest.starts_with(b"\r\n"))
        })
    }

    /// The node it came from.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Its node says that it stops. To a session of several nodes that would read as if the cluster stopped.
    pub fn is_shutdown(&self) -> bool {
        self.is_shutdown
    }

    /// Bytes of the event as its node sent it.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The event rule of Asterisk: every class of the event must be in `mask`. An event without a known class is
    /// for those who see everything.
    pub fn visible_to(&self, mask: ClassSet) -> bool {
        Self::are_visible_to(self.classes, mask)
    }

    /// The same of any event with these classes.
    pub(crate) fn are_visible_to(classes: Option<ClassSet>, mask: ClassSet) -> bool {
        classes.map_or(mask == ClassSet::ALL, |needed| mask.covers(needed))
    }

    /// Its classes, if it names only known ones.
    pub(crate) fn classes(&self) -> Option<ClassSet> {
        self.classes
    }

    /// Whether every session that has the rights may see it, however long it has been there and whatever it missed.
    pub(crate) fn is_ordinary(&self) -> bool {
        !self.is_shutdown && !self.is_made_up && self.heard.is_none()
    }

    /// Whether an account with these channels may see it: it is about one of them, or answers an action of the account.
    pub fn is_inside(&self, scope: &ChannelScope) -> bool {
        self.asked_by.as_deref() == Some(scope) || self.objects().concern(scope)
    }

    /// What it is about, read once for all who ask.
    pub fn objects(&self) -> &EventObjects {
        self.objects.get_or_init(|| EventObjects::of(&self.plain))
    }

    /// The rendering with `name: <node>` as its last header, made once for the first name asked for.
    pub fn labelled(&self, name: &str) -> Bytes {
        let (made_for, bytes) = self
            .labelled
            .get_or_init(|| (name.into(), label(&self.plain, name, &self.node_name)));
        if &**made_for == name {
            bytes.clone()
        } else {
            label(&self.plain, name, &self.node_name)
        }
    }
}
