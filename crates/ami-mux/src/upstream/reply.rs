//! What a message on an action lane means for the action that it answers.
//!
//! Messages count only on the lane that wrote the action, and only for an id that is pending there. The end of a list
//! is its `EventList` header, or on old branches the Complete event that the table names; never a guess from a suffix.

use std::borrow::Cow;
use std::time::Instant;

use ami_access::{Irregular, ListForm};
use ami_proto::{AmiVersion, Frame, FrameKind, ListMarker};

use super::effect::{ActionEnd, NodeNote};
use super::lane::LaneRole;
use super::node::Node;
use super::own_items::Shown;
use super::pending::{Asked, Awaiting, Internal, Owner, Pending, PendingKey};
use super::settings::NodeSettings;
use crate::ids::LaneId;
use crate::mail::PartKind;

/// What a message does to its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// More is to come.
    Continues(Awaiting),
    /// More may come; without it the action ends quietly.
    MayContinue(Awaiting),
    /// This was the last part.
    Final,
}

impl<R: Clone> Node<R> {
    /// A message came on `lane`.
    pub(super) fn on_frame(&mut self, lane: LaneId, frame: &Frame, now: Instant) {
        let on_event_lane = self
            .lanes
            .get(&lane)
            .is_some_and(|lane| lane.role == LaneRole::Event);
        // Nothing that is sent on the event lane is answered by an event, but a UserEvent may carry any ActionID.
        let key = if on_event_lane && frame.kind() == FrameKind::Event {
            None
        } else {
            self.key_on_lane(lane, frame)
        };
        match key {
            Some(key) => {
                if !on_event_lane {
                    self.heard_answer(key, now);
                }
                self.on_answer(key, frame, now);
            }
            // One that nobody waits for ends nothing.
            None if frame.kind() == FrameKind::Blank => {}
            None if on_event_lane => self.on_event(frame, now),
            None => self.note(NodeNote::ForeignId),
        }
        if self.survey.is_waiting() {
            self.survey(now);
        }
        if self.queue.len() > 0 {
            self.dispatch(now);
        }
        self.ask_what_is_due(now);
    }

    /// The action on `lane` that the message belongs to.
    fn key_on_lane(&self, lane: LaneId, frame: &Frame) -> Option<PendingKey> {
        let of_lane = |key: &PendingKey| {
            self.pending
                .entry(*key)
                .is_some_and(|pending| pending.lane == lane)
        };
        if let Some(key) = frame.action_id().and_then(|id| self.pending.key_of(id)) {
            return Some(key).filter(of_lane);
        }
        let lane = self.lanes.get(&lane)?;
        if frame.kind() == FrameKind::Blank
            && let Some(key) = lane.written.iter().find(|key| self.may_end_in_blank(**key))
        {
            return Some(*key);
        }
        let head = *lane.written.front()?;
        let pending = self.pending.entry(head)?;
        // Some list handlers forget the ActionID of their items.
        let nameless_item = frame.kind() == FrameKind::Event
            && lane.exclusive
            && matches!(pending.awaiting, Awaiting::ListItems { .. });
        (pending.by_order || nameless_item).then_some(head)
    }

    fn may_end_in_blank(&self, key: PendingKey) -> bool {
        let pending = self.pending.entry(key);
        pending.is_some_and(|pending| matches!(pending.awaiting, Awaiting::Trailing { .. }))
    }

    fn on_answer(&mut self, key: PendingKey, frame: &Frame, now: Instant) {
        let legacy = self
            .status
            .version
            .as_ref()
            .is_some_and(|version| *version < uniform_lists());
        let Some(pending) = self.pending.entry_mut(key) else {
            return;
        };
        let progress = progress(frame, pending.awaiting, pending.list, legacy);
        let kind = part_kind(frame, pending.awaiting, progress);
        let shown = shown(
            &mut pending.owner,
            frame,
            kind,
            progress == Progress::Final,
            now,
        );
        match progress {
            Progress::Continues(next) => pending.awaiting = next,
            Progress::MayContinue(next) => {
                pending.awaiting = next;
                pending.deadline = now + NodeSettings::GRACE;
                let deadline = pending.deadline;
                self.arm(deadline);
                self.note_end(key, frame, now);
            }
            Progress::Final => {}
        }
        match shown {
            Shown::Part(frame) if progress == Progress::Final => {
                self.finish(key, &frame, kind, now);
            }
            Shown::Part(frame) => self.pass_on(key, &frame, kind),
            // One that would have ended the action is taken for none: it ends quietly in its time.
            Shown::Hidden { sign_of_life: true } => self.say_it_goes_on(key),
            Shown::Hidden {
                sign_of_life: false,
            } => {}
        }
    }

    fn pass_on(&mut self, key: PendingKey, frame: &Frame, kind: PartKind) {
        let Some(pending) = self.pending.entry(key) else {
            return;
        };
        if pending.expired {
            self.note(NodeNote::LateAnswer);
            return;
        }
        match pending.owner {
            Owner::Internal(Internal::Survey { round, .. }) => {
                return self.on_surveyed(round, frame);
            }
            Owner::Internal(Internal::Queues) => return self.on_queue_listed(frame),
            Owner::Internal(_) | Owner::Clients(_) => {}
        }
        self.record(key, frame, kind);
        self.give(key, Some(frame), kind);
    }

    /// The sessions hear that a list goes on of which they get nothing.
    fn say_it_goes_on(&mut self, key: PendingKey) {
        let is_awaited = |pending: &Pending<R>| !pending.expired;
        if self.pending.entry(key).is_some_and(is_awaited) {
            self.give(key, None, PartKind::Hidden);
        }
    }

    /// Notes how the action went, once.
    fn note_end(&mut self, key: PendingKey, frame: &Frame, now: Instant) {
        let Some(pending) = self.pending.entry_mut(key) else {
            return;
        };
        let Owner::Clients(asked) = &pending.owner else {
            return;
        };
        if pending.noted || pending.expired {
            return;
        }
        let action = asked.table_name;
        let clients = asked.clients.len();
        let after = Some(now.saturating_duration_since(pending.written));
        pending.noted = true;
        let refused = frame.response() == Some(b"Error");
        if refused {
            self.async_ids.forget(key);
        }
        let end = if refused {
            ActionEnd::Refused
        } else {
            ActionEnd::Answered
        };
        for _ in 0..clients {
            self.note(NodeNote::Done { action, end, after });
        }
    }

    fn finish(&mut self, key: PendingKey, frame: &Frame, kind: PartKind, now: Instant) {
        self.note_end(key, frame, now);
        self.record(key, frame, kind);
        let Some(mut pending) = self.pending.remove(key) else {
            return;
        };
        self.off_lane(&pending, key, now);
        self.keep(&mut pending, now);
        self.refresh_after(&pending.owner);
        match &pending.owner {
            Owner::Clients(_) | Owner::Internal(_) if pending.expired => {
                self.note(NodeNote::LateAnswer);
            }
            Owner::Clients(_) => self.answer(&pending, Some(frame), kind),
            Owner::Internal(Internal::Ping) => {
                self.ping_answered(pending.lane, pending.written, now);
            }
            Owner::Internal(internal) => {
                self.on_internal_answer(pending.lane, *internal, frame, now);
            }
        }
        self.release_turn(&pending);
    }

    /// Takes a finished action off its lane.
    pub(super) fn off_lane(&mut self, pending: &Pending<R>, key: PendingKey, now: Instant) {
        let still_overdue = |pending_key: &PendingKey| {
            self.pending
                .entry(*pending_key)
                .is_some_and(|pending| pending.expired)
        };
        let Some(lane) = self.lanes.get_mut(&pending.lane) else {
            return;
        };
        let was_head = lane.written.front() == Some(&key);
        lane.written.retain(|written| *written != key);
        if was_head {
            lane.head_since = now;
        }
        if lane.written.is_empty() {
            lane.exclusive = false;
        }
        // A keepalive Ping is no use of it, or no lane would ever be idle.
        let was_used = matches!(pending.owner, Owner::Clients(_));
        if was_used {
            lane.last_used = now;
        }
        if !lane.written.iter().any(still_overdue) {
            lane.overdue_since = None;
        }
        if was_used {
            self.arm(now + self.settings.lane_idle);
        }
    }

    fn on_internal_answer(
        &mut self,
        lane: LaneId,
        internal: Internal,
        frame: &Frame,
        now: Instant,
    ) {
        match internal {
            Internal::Challenge | Internal::Login => {
                self.on_login_answer(lane, internal, frame, now);
            }
            Internal::Ping => {}
            Internal::EventMask => self.on_event_mask(lane, frame, now),
            Internal::ListCommands => self.on_commands_listed(frame, now),
            Internal::AccountLimits => self.on_account_limits(frame, now),
            Internal::Identity => self.on_identity(frame, now),
            Internal::Queues => self.on_queues_listed(),
            Internal::Survey { round, place } => self.on_survey_end(round, place, frame, now),
        }
    }
}

/// What the owner gets of the message: all of it, unless it is an account with `channels`.
fn shown<'f, R>(
    owner: &mut Owner<R>,
    frame: &'f Frame,
    kind: PartKind,
    last: bool,
    now: Instant,
) -> Shown<'f> {
    match owner {
        Owner::Clients(Asked {
            own_items: Some(own),
            ..
        }) => own.show(frame, kind, last, now),
        Owner::Clients(_) | Owner::Internal(_) => Shown::Part(Cow::Borrowed(frame)),
    }
}

/// What the message is, for an answer that is put together from several nodes'.
fn part_kind(frame: &Frame, awaiting: Awaiting, progress: Progress) -> PartKind {
    let in_list = matches!(
        awaiting,
        Awaiting::ListItems { .. } | Awaiting::ListTail { .. }
    );
    match (frame.kind(), progress) {
        (FrameKind::Response, Progress::Continues(Awaiting::ListItems { .. })) => {
            PartKind::ListStart
        }
        (FrameKind::Response, _) => PartKind::Response {
            success: frame.response() != Some(b"Error"),
        },
        (FrameKind::Event, Progress::Final) if in_list => PartKind::Complete,
        (FrameKind::Event, _) if in_list => PartKind::Item,
        (FrameKind::Event | FrameKind::Text | FrameKind::Blank, _) => PartKind::Rest,
    }
}

/// From 13.2 (AMI 2.7.0) on every list says so itself.
fn uniform_lists() -> AmiVersion {
    AmiVersion::new(2, 7, 0)
}

/// Whether the table names `event` as the one that completes the list.
fn completes(list: ListForm, event: &[u8]) -> bool {
    match list {
        ListForm::List { complete } => complete
            .iter()
            .any(|name| event.eq_ignore_ascii_case(name.as_bytes())),
        ListForm::No | ListForm::ConditionalHangup | ListForm::Irregular(_) | ListForm::Unknown => {
            false
        }
    }
}

fn progress(frame: &Frame, awaiting: Awaiting, list: ListForm, legacy: bool) -> Progress {
    match awaiting {
        Awaiting::Response => match frame.kind() {
            FrameKind::Text if list == ListForm::Irregular(Irregular::TextBlocks) => {
                after_block(frame)
            }
            FrameKind::Text | FrameKind::Blank => after_text(list),
            FrameKind::Response | FrameKind::Event => after_response(frame, list, legacy),
        },
        Awaiting::ListItems { delivered } => in_list(frame, delivered, list),
        Awaiting::ListTail { delivered } => match in_list(frame, delivered, list) {
            Progress::Continues(_) => Progress::MayContinue(Awaiting::ListTail {
                delivered: delivered + 1,
            }),
            ended @ (Progress::MayContinue(_) | Progress::Final) => ended,
        },
        Awaiting::Blocks { blank_lines } => match frame.kind() {
            FrameKind::Text => after_block(frame),
            FrameKind::Blank if blank_lines > 1 => Progress::MayContinue(Awaiting::Blocks {
                blank_lines: blank_lines - 1,
            }),
            FrameKind::Blank | FrameKind::Response | FrameKind::Event => Progress::Final,
        },
        Awaiting::Trailing { parts } if parts > 1 => {
            Progress::MayContinue(Awaiting::Trailing { parts: parts - 1 })
        }
        Awaiting::Trailing { .. } if frame.owes_blank_line() => ONE_MORE,
        Awaiting::Trailing { .. } => Progress::Final,
    }
}

/// Two more blank lines end blocks of text, but one `No queues.` or `No such queue: x.`.
fn after_block(frame: &Frame) -> Progress {
    let blank_lines = if frame.bytes().starts_with(b"No ") {
        1
    } else {
        2
    };
    Progress::MayContinue(Awaiting::Blocks { blank_lines })
}

/// One more part may come.
const ONE_MORE: Progress = Progress::MayContinue(Awaiting::Trailing { parts: 1 });

/// Blank lines may follow.
fn after_text(list: ListForm) -> Progress {
    match list {
        ListForm::Irregular(Irregular::TextThenBlank) => ONE_MORE,
        ListForm::Irregular(Irregular::TextThenBlanks) => {
            Progress::MayContinue(Awaiting::Trailing { parts: 2 })
        }
        ListForm::No
        | ListForm::List { .. }
        | ListForm::ConditionalHangup
        | ListForm::Irregular(_)
        | ListForm::Unknown => Progress::Final,
    }
}

fn after_response(frame: &Frame, list: ListForm, legacy: bool) -> Progress {
    if frame.list_marker() == Some(ListMarker::Start) {
        return Progress::Continues(Awaiting::ListItems { delivered: 0 });
    }
    let error = frame.response() == Some(b"Error");
    match list {
        ListForm::List { .. } if legacy && !error && announces_more(frame) => {
            Progress::Continues(Awaiting::ListItems { delivered: 0 })
        }
        ListForm::Irregular(Irregular::NoCompletion) if !error => ONE_MORE,
        ListForm::Irregular(Irregular::TwoResponses | Irregular::TrailingBlank) => ONE_MORE,
        ListForm::Irregular(Irregular::BlankAfterError) if error => ONE_MORE,
        ListForm::Irregular(Irregular::ThreeResponses) => {
            Progress::MayContinue(Awaiting::Trailing { parts: 2 })
        }
        ListForm::No
        | ListForm::List { .. }
        | ListForm::ConditionalHangup
        | ListForm::Irregular(_)
        | ListForm::Unknown
            if frame.owes_blank_line() =>
        {
            ONE_MORE
        }
        ListForm::No
        | ListForm::List { .. }
        | ListForm::ConditionalHangup
        | ListForm::Irregular(_)
        | ListForm::Unknown => Progress::Final,
    }
}

/// An old list begins with a plain Success that says so, as `Queue status will follow` does. One that says that there is
/// nothing, as that of VoicemailUsersList without users, is all that comes.
fn announces_more(frame: &Frame) -> bool {
    let text = frame.header("Message").unwrap_or_default();
    let word = b"follow";
    text.windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word))
}

fn in_list(frame: &Frame, delivered: u64, list: ListForm) -> Progress {
    let completed = matches!(
        frame.list_marker(),
        Some(ListMarker::Complete | ListMarker::Cancelled)
    ) || frame.event_name().is_some_and(|name| completes(list, name));
    if completed {
        return if frame.owes_blank_line() {
            ONE_MORE
        } else {
            Progress::Final
        };
    }
    match frame.kind() {
        FrameKind::Response => Progress::MayContinue(Awaiting::ListTail { delivered }),
        FrameKind::Blank => Progress::Continues(Awaiting::ListItems { delivered }),
        FrameKind::Event | FrameKind::Text => Progress::Continues(Awaiting::ListItems {
            delivered: delivered + 1,
        }),
    }
}
