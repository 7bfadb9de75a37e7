//! Parts of an answer on their way to those who asked, each in its client's own form.
//!
//! The message itself is shared by all of them; what differs is the ActionID, the label and the form of a Command's output.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ami_proto::command_output::convert;
use ami_proto::rewrite::{join, label, restore_action_id};
use ami_proto::{Frame, FrameKind, Slices};
use bytes::Bytes;
use smallvec::smallvec;

use super::effect::{ActionEnd, NodeEffect, NodeNote};
use super::kept::{AGE_HEADER, KeptAnswer};
use super::node::Node;
use super::pending::{Client, Pending, PendingKey};
use super::settings::NodeSettings;
use super::submission::Submission;
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

    /// Gives an answer that was kept, with its age.
    pub(super) fn give_kept(
        &mut self,
        submission: &Submission<R>,
        answer: &KeptAnswer,
        now: Instant,
    ) {
        let client = Client::of(submission);
        let last = answer.parts.len().saturating_sub(1);
        for (place, (frame, kind)) in answer.parts.iter().enumerate() {
            let mut bytes = for_client(frame, &client, &self.settings.name);
            if place == 0 {
                let age = now.saturating_duration_since(answer.asked);
                bytes = with_age(bytes, age);
            }
            let mail = Mail::Reply {
                node: self.settings.id,
                seq: client.seq,
                bytes,
                last: place == last,
                kind: *kind,
            };
            self.effects
                .push_back(NodeEffect::Deliver(client.reply_to.clone(), mail));
        }
        self.note(NodeNote::AnsweredFromCache);
        self.note(NodeNote::Done {
            action: submission.action.spec().map(|spec| spec.name),
            end: ActionEnd::Answered,
            after: None,
        });
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

/// The message with its age in milliseconds as the last header.
fn with_age(mut message: Slices, age: Duration) -> Slices {
    if let Some(end) = message.last_mut() {
        let empty_line = if end.ends_with(b"\r\n") { 2 } else { 1 };
        end.truncate(end.len().saturating_sub(empty_line));
        let age = age.as_millis();
        message.push(Bytes::from(format!("{AGE_HEADER}: {age}\r\n\r\n")));
    }
    message
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
