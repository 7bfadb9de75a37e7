//! What an account with `channels` gets of a list: the items about channels and devices of its own, and an end that counts
//! those alone.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::{Authorized, ChannelScope, EventObjects};
use ami_proto::encode::error;
use ami_proto::{Action, Frame, FrameKind, ListMarker};
use bytes::{BufMut, BytesMut};

use crate::mail::PartKind;

/// While a list goes on without an item for the client, its session hears of it this often: events wait for the list, and
/// other nodes' lists with it.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// Headers of a Complete event that say nothing of what was left out. Others are sums over everybody's, or of the bridge
/// that was asked for.
const KEPT: [&str; 3] = ["Event", "ActionID", "EventList"];

/// Headers of a Complete event that count its items, in one branch or another.
const COUNTERS: [&str; 3] = ["ListItems", "Items", "Total"];

/// A list that is being filtered.
#[derive(Debug)]
pub(super) struct OwnItems {
    scope: Arc<ChannelScope>,
    given: u64,
    heard: Instant,
}

/// What becomes of a part of the answer.
#[derive(Debug)]
pub(super) enum Shown<'f> {
    /// The client gets this.
    Part(Cow<'f, Frame>),
    /// It is about others.
    Hidden {
        /// The session is told that the list goes on.
        sign_of_life: bool,
    },
}

impl OwnItems {
    /// Of an action whose items are to be filtered.
    pub(super) fn of(action: &Authorized<Action>, now: Instant) -> Option<Self> {
        Some(Self {
            scope: Arc::clone(action.item_scope()?),
            given: 0,
            heard: now,
        })
    }

    /// Items that the client got.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// Looks at one message, the `last` one of the answer or not. Whatever is an event and not the end of the list must be about
    /// an object inside.
    pub(super) fn show<'f>(
        &mut self,
        frame: &'f Frame,
        kind: PartKind,
        last: bool,
        now: Instant,
    ) -> Shown<'f> {
        let is_end = kind == PartKind::Complete
            || matches!(
                frame.list_marker(),
                Some(ListMarker::Complete | ListMarker::Cancelled)
            );
        match frame.kind() {
            FrameKind::Response | FrameKind::Blank => Shown::Part(Cow::Borrowed(frame)),
            FrameKind::Event if is_end => Shown::Part(Cow::Owned(self.complete(frame))),
            FrameKind::Event if EventObjects::of(frame.bytes()).concern(&self.scope) => {
                self.given += 1;
                self.heard = now;
                Shown::Part(Cow::Borrowed(frame))
            }
            FrameKind::Text if last => Shown::Part(Cow::Owned(unreadable(frame))),
            FrameKind::Event | FrameKind::Text => {
                let sign_of_life = now.saturating_duration_since(self.heard) >= SIGN_OF_LIFE;
                if sign_of_life {
                    self.heard = now;
                }
                Shown::Hidden { sign_of_life }
            }
        }
    }

    /// The end of the list with the number of items that were given, and without what else it tells.
    fn complete(&self, frame: &Frame) -> Frame {
        let mut out = BytesMut::new();
        for line in frame.lines() {
            let is_one_of = |names: &[&str]| names.iter().any(|name| line.is(name));
            if is_one_of(&KEPT) {
                out.put_slice(line.raw);
            } else if is_one_of(&COUNTERS) {
                out.put_slice(line.name.unwrap_or_default());
                out.put_slice(format!(": {}", self.given).as_bytes());
            } else {
                continue;
            }
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"\r\n");
        Frame::parse(out.freeze()).unwrap_or_else(|| unreadable(frame))
    }
}

/// In the place of what cannot be filtered.
fn unreadable(frame: &Frame) -> Frame {
    let message = error(None, "The node's answer is not readable");
    Frame::parse(message).unwrap_or_else(|| frame.clone())
}
