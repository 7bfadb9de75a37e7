//! Parts of an answer on their way to those who asked, each in its client's own form.
//!
//! The message itself is shared by all of them; what differs is the ActionID, the label and the form of a Command's output.

use std::collections::VecDeque;

use ami_proto::command_output::convert;
use ami_proto::rewrite::{join, label, restore_action_id};
use ami_proto::{Frame, FrameKind, Slices};
use smallvec::smallvec;

use super::effect::NodeEffect;
use super::node::Node;
use super::pending::{Client, Pending, PendingKey};
use super::settings::NodeSettings;
use crate::mail::{Mail, PartKind};

impl<R: Clone> Node<R> {
    /// Gives a part that is not the last.
    pub(super) fn give(&mut self, key: PendingKey, frame: Option<&Frame>, kind: PartKind) {
        if let Some(pending) = self.pending.entry(key) {
            let part = AnswerPart {
                frame,
                kind,
                last: false,
            };
            deliver(&mut self.effects, &self.settings, pending, part);
        }
    }

    /// Gives the last part of an answer to whom it was not given in the node's stead.
    pub(super) fn answer(&mut self, pending: &Pending<R>, frame: Option<&Frame>, kind: PartKind) {
        if !pending.expired {
            let part = AnswerPart {
                frame,
                kind,
                last: true,
            };
            deliver(&mut self.effects, &self.settings, pending, part);
        }
    }
}

/// A part of an answer; without a message it only says that the answer goes on, or has ended.
#[derive(Clone, Copy)]
struct AnswerPart<'f> {
    frame: Option<&'f Frame>,
    kind: PartKind,
    last: bool,
}

/// To each of those who asked, in its own form. The message itself is shared by all.
fn deliver<R: Clone>(
    effects: &mut VecDeque<NodeEffect<R>>,
    settings: &NodeSettings,
    pending: &Pending<R>,
    part: AnswerPart<'_>,
) {
    let AnswerPart { frame, kind, last } = part;
    for client in pending.clients() {
        let bytes = frame.map_or_else(Slices::new, |frame| {
            for_client(frame, client, &settings.name)
        });
        let mail = Mail::Reply {
            node: settings.id,
            seq: client.seq,
            bytes,
            last,
            kind,
        };
        effects.push_back(NodeEffect::Deliver(client.reply_to.clone(), mail));
    }
}

/// The client's own ActionID in place of ours, and the label on what is an item of a list; the output of a Command in the form
/// that the client wants.
fn for_client<R>(frame: &Frame, client: &Client<R>, node: &str) -> Slices {
    if frame.kind() == FrameKind::Blank {
        return smallvec![frame.bytes().clone()];
    }
    if let Some(bytes) = convert(frame, client.command_output, client.action_id.as_ref()) {
        return smallvec![bytes];
    }
    let restored = restore_action_id(frame, client.action_id.as_ref());
    match (&client.label, frame.kind()) {
        (Some(name), FrameKind::Event) => smallvec![label(&join(restored), name, node)],
        _ => restored,
    }
}
