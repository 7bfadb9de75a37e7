//! What became of an action that its node did not answer, in the words that a client sees.
//!
//! Every failed action says whether its bytes may have reached the node: a frozen Asterisk *does* run what it has
//! read, so only `not sent` is safe to repeat.

use ami_proto::rewrite::label;
use ami_proto::{ClientActionId, EventBuilder, ResponseBuilder};
use bytes::Bytes;

/// Whether a byte of the action was written to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No byte was written: the node cannot have seen it.
    NotSent,
    /// It was written, wholly or in part: the node may have run it.
    Unknown,
}

/// Why an action has no answer of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The node is away, or its lane was lost.
    NodeDown,
    /// The operator has the node in maintenance.
    Maintenance,
    /// The node takes actions and answers none.
    Silent,
    /// The action's deadline passed.
    Deadline,
    /// Too many asynchronous actions of this node wait for their event.
    TooManyPending,
    /// amiplex is stopping.
    Draining,
    /// It was not authorised for this node. A session hands over no such action: this is the second lock of the door.
    NotPermitted,
}

/// The end that amiplex gives to an action in its node's stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether the node may have seen the action.
    pub outcome: Outcome,
    /// What happened.
    pub cause: Cause,
}

impl Failure {
    /// The text of the `Message` header.
    pub(crate) fn message(self, node: &str) -> String {
        let end = match self.outcome {
            Outcome::NotSent => "action not sent",
            Outcome::Unknown => "outcome unknown",
        };
        match self.cause {
            Cause::NodeDown => format!("Node {node} is down, {end}"),
            Cause::Maintenance => format!("Node {node} is in maintenance, {end}"),
            Cause::Silent => format!("Node {node} does not answer, {end}"),
            Cause::Deadline => format!("Deadline passed, {end}"),
            Cause::TooManyPending => format!("Too many actions pending on node {node}, {end}"),
            Cause::Draining => "Asterisk is shutting down".to_owned(),
            Cause::NotPermitted => "Permission denied".to_owned(),
        }
    }

    /// The value of the `Outcome` header.
    pub(crate) fn header(self) -> &'static str {
        match self.outcome {
            Outcome::NotSent => "not-sent",
            Outcome::Unknown => "unknown",
        }
    }

    /// The error response that ends an action which had no response yet.
    pub(crate) fn response(self, node: &str, action_id: Option<&ClientActionId>) -> Bytes {
        ResponseBuilder::new("Error")
            .action_id(action_id)
            .text("Message", self.message(node))
            .text("Outcome", self.header())
            .finish()
    }

    /// The Complete event that ends a list which had already begun: never a second response.
    pub(crate) fn cancelled_list(self, node: &str, list: &CancelledList<'_>) -> Bytes {
        let items = list.items.to_string();
        let headers: [(&'static str, &[u8]); 4] = [
            ("EventList", b"Cancelled"),
            ("ListItems", items.as_bytes()),
            ("Message", &self.message(node).into_bytes()),
            ("Outcome", self.header().as_bytes()),
        ];
        let mut event = EventBuilder::new(list.complete).action_id(list.action_id);
        for (name, value) in headers {
            event = event.text(name, value);
        }
        let bytes = event.finish();
        list.label
            .map_or_else(|| bytes.clone(), |name| label(&bytes, name, node))
    }
}

/// What is needed to end a list in its node's stead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CancelledList<'a> {
    /// Name of the list's own Complete event.
    pub(crate) complete: &'a str,
    /// The client's ActionID.
    pub(crate) action_id: Option<&'a ClientActionId>,
    /// Items that were delivered.
    pub(crate) items: u64,
    /// Name of the label header, on sessions of several nodes.
    pub(crate) label: Option<&'a str>,
}
