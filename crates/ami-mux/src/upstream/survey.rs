//! What a node has, asked of itself after each connect, and what its viewers missed meanwhile.
//!
//! While the lists are taken, the node's events wait, so that what was missed can be told before what comes now. Both bounded: with
//! too many events, or lists that take too long, the events go on and nothing is known of the node's objects until the next
//! connect. Before a node's first survey nothing is known either; then everything it has is news.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_proto::{AmiVersion, Frame};
use bytes::Bytes;

use super::effect::{NodeEffect, NodeNote};
use super::lane::{Lane, LaneRole};
use super::node::Node;
use super::pending::Internal;
use super::queue_refresh::QueueRefresh;
use crate::event::NodeEvent;
use crate::ids::LaneId;
use crate::mail::Mail;
use crate::objects::{Objects, difference, in_old_words};

/// Bytes of events that wait for the lists, at most.
const HELD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long the lists may take together.
const DEADLINE: Duration = Duration::from_secs(10);
/// Events about what was missed that are told at a time, so that the sessions can write between.
const TOLD_PER_TURN: usize = 256;
/// The pause between two such turns.
const TURN: Duration = Duration::from_millis(2);

/// The lists, in the order in which they are asked: channels name the bridges they are in.
const LISTS: [&str; 6] = [
    "BridgeList",
    "CoreShowChannels",
    "QueueStatus",
    "ConfbridgeListRooms",
    "MeetmeListRooms",
    "Agents",
];

/// Without this list nothing is known of what matters most.
const NEEDED: &str = "CoreShowChannels";

/// Where the survey stands.
#[derive(Debug, Default)]
enum Stage {
    /// Nothing to do; events go on at once.
    #[default]
    Done,
    /// The list of that place is asked next, or is on its way.
    Asking(usize),
    /// What was missed is being told.
    Telling {
        missed: VecDeque<Bytes>,
        /// All that the node had when its events began to wait.
        has: Arc<[Arc<NodeEvent>]>,
    },
}

/// A survey of one node.
#[derive(Debug, Default)]
pub(super) struct Survey {
    stage: Stage,
    /// Counts the beginnings: what an earlier one asked shows the node as it was before the events that wait now.
    round: u64,
    /// The lane that a list is asked on.
    lane: Option<LaneId>,
    listed: Objects,
    held: VecDeque<NodeEvent>,
    held_bytes: usize,
    until: Option<Instant>,
}

impl Survey {
    /// A list is to be asked and found no lane yet.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Asking(_)) && self.lane.is_none()
    }

    pub(super) fn is_on(&self) -> bool {
        !matches!(self.stage, Stage::Done)
    }

    /// The lane of a list is gone: the lists are taken anew, since they must be of one time.
    pub(super) fn lane_lost(&mut self, lane: LaneId) {
        if self.lane == Some(lane) {
            self.lane = None;
            if matches!(self.stage, Stage::Asking(_)) {
                self.stage = Stage::Asking(0);
                self.round += 1;
                self.listed = Objects::default();
            }
        }
    }
}

/// The name of the list of that place.
pub(super) fn list_name(place: usize) -> &'static str {
    LISTS.get(place).copied().unwrap_or_default()
}

impl<R: Clone> Node<R> {
    /// The node is there, again or for the first time.
    pub(super) fn begin_survey(&mut self, now: Instant) {
        if self.settings.objects.is_none() {
            return;
        }
        let until = now + DEADLINE;
        self.queue_refresh = QueueRefresh::default();
        self.survey = Survey {
            stage: Stage::Asking(0),
            until: Some(until),
            round: self.survey.round + 1,
            ..Survey::default()
        };
        self.arm(until);
        self.status.settled = false;
    }

    /// Asks for the next list, if one is due and a lane is free for it.
    pub(super) fn survey(&mut self, now: Instant) {
        let Stage::Asking(place) = self.survey.stage else {
            return;
        };
        if self.survey.lane.is_some() || self.inquiry.asks_for_commands() {
            return;
        }
        if !self.has_list(place) {
            self.after_list(place, now);
            return;
        }
        let round = self.survey.round;
        let question = Internal::Survey { round, place };
        if let Some(id) = self.lane_for_a_list(now)
            && self.send_internal(id, question, &[], now).is_ok()
        {
            self.survey.lane = Some(id);
        }
    }

    /// At best one at rest, else one beside the quick actions of clients: those may never pause.
    pub(super) fn lane_for_a_list(&self, now: Instant) -> Option<LaneId> {
        let depth = self.settings.depth;
        let usable = |lane: &&Lane| {
            lane.role == LaneRole::Action && (lane.is_idle() || lane.has_room(depth, now))
        };
        let lanes = self.lanes.values().filter(usable);
        let chosen = lanes.min_by_key(|lane| lane.written.len());
        chosen.map(|lane| lane.id)
    }

    /// An item of a list.
    pub(super) fn on_surveyed(&mut self, round: u64, item: &Frame) {
        if matches!(self.survey.stage, Stage::Asking(_)) && round == self.survey.round {
            self.survey.listed.list(item);
        }
    }

    /// A list has ended, or was refused.
    pub(super) fn on_survey_end(&mut self, round: u64, place: usize, last: &Frame, now: Instant) {
        let is_asked = matches!(self.survey.stage, Stage::Asking(asked) if asked == place);
        if !is_asked || round != self.survey.round {
            return;
        }
        self.survey.lane = None;
        if list_name(place) == NEEDED && last.response().is_some() {
            self.give_up_survey("it does not list its channels");
        } else {
            self.after_list(place, now);
        }
    }

    /// What a node does not have is not asked for: it would tell those who watch over its security.
    fn has_list(&self, place: usize) -> bool {
        let name = list_name(place);
        let learned = &self.status.learned;
        name == NEEDED || learned.iter().any(|action| action.name() == name)
    }

    fn after_list(&mut self, place: usize, now: Instant) {
        let next = place + 1;
        if next < LISTS.len() {
            self.survey.stage = Stage::Asking(next);
            self.survey(now);
        } else {
            self.tell_what_was_missed(now);
        }
    }

    /// Publishes an event, or keeps it until what came before it has been told.
    pub(super) fn pass_event(&mut self, event: NodeEvent, frame: &Frame, now: Instant) {
        if !self.survey.is_on() {
            self.observe(frame);
            self.happened_meanwhile(frame);
            self.publish_event(event);
            return;
        }
        self.survey.held_bytes += event.plain().len();
        self.survey.held.push_back(event.heard_at(now));
        if self.survey.held_bytes > HELD_BYTES_MAX {
            self.give_up_survey("too many events came while it listed what it has");
        }
    }

    /// Time passes for the survey.
    pub(super) fn survey_timeout(&mut self, now: Instant) {
        match &self.survey.stage {
            Stage::Done => {}
            Stage::Telling { .. } => self.tell_some(now),
            Stage::Asking(_) => match self.survey.until {
                Some(until) if until <= now => self.give_up_survey("its lists took too long"),
                Some(until) => self.arm(until),
                None => {}
            },
        }
    }

    /// Lets the events go on, with those that waited. When the node is gone, they are the last that was heard of it.
    pub(super) fn end_survey(&mut self) {
        if !self.status.settled {
            self.status.settled = true;
            self.publish_status();
        }
        let stage = std::mem::take(&mut self.survey.stage);
        self.survey.lane = None;
        self.survey.listed = Objects::default();
        self.survey.held_bytes = 0;
        match stage {
            Stage::Telling { missed, .. } => {
                for bytes in missed {
                    self.tell_missed(bytes);
                }
            }
            Stage::Asking(_) => self.learn_from_held(),
            Stage::Done => {}
        }
        for event in std::mem::take(&mut self.survey.held) {
            if let Some(frame) = Frame::parse(event.plain().clone()) {
                self.observe(&frame);
            }
            self.publish_event(event);
        }
    }

    /// The lists came to nothing, and the events that waited for them are told without. What was there before them, as far as they show it, is known
    /// from now on: those who are told must be told of its end too.
    fn learn_from_held(&mut self) {
        let Some(objects) = self.settings.objects.clone() else {
            return;
        };
        let held = self.held_frames();
        objects.write().rewind(held.iter());
    }

    fn held_frames(&self) -> Vec<Frame> {
        let held = self.survey.held.iter();
        held.filter_map(|event| Frame::parse(event.plain().clone()))
            .collect()
    }

    /// Everything the node has, for a session that came just when the others were told.
    pub fn replay(&mut self, reply_to: &R) {
        let Some(objects) = self.settings.objects.clone() else {
            return;
        };
        let events = self.all_of(&objects.read());
        for event in events.iter() {
            let mail = Mail::Event(Arc::clone(event));
            self.effects
                .push_back(NodeEffect::Deliver(reply_to.clone(), mail));
        }
    }

    /// The events that tell all of this to somebody who knows nothing.
    fn all_of(&self, objects: &Objects) -> Arc<[Arc<NodeEvent>]> {
        let events = difference(&Objects::default(), objects).into_iter();
        events
            .filter_map(|bytes| self.made_up(bytes).map(Arc::new))
            .collect()
    }

    fn tell_what_was_missed(&mut self, now: Instant) {
        let Some(objects) = self.settings.objects.clone() else {
            return;
        };
        let held = self.held_frames();
        let mut now_there = std::mem::take(&mut self.survey.listed);
        now_there.rewind(held.iter());
        let missed = difference(&objects.read(), &now_there);
        let has = self.all_of(&now_there);
        *objects.write() = now_there;
        self.note(NodeNote::Surveyed {
            missed: missed.len(),
        });
        let missed = missed.into();
        self.survey.stage = Stage::Telling { missed, has };
        self.tell_some(now);
    }

    fn tell_some(&mut self, now: Instant) {
        for _ in 0..TOLD_PER_TURN {
            let Stage::Telling { missed, has } = &mut self.survey.stage else {
                return;
            };
            let Some(bytes) = missed.pop_front() else {
                let has = Some(Arc::clone(has));
                let node = self.settings.id;
                // Before the word goes out: who logs in between must find one of them.
                self.status.settled = true;
                self.publish_status();
                let told = Mail::Resynced { node, has };
                self.effects.push_back(NodeEffect::Broadcast(told));
                self.end_survey();
                return;
            };
            self.tell_missed(bytes);
        }
        self.arm(now + TURN);
    }

    fn tell_missed(&mut self, bytes: Bytes) {
        if let Some(event) = self.made_up(bytes) {
            let mail = Mail::Event(Arc::new(event));
            self.effects.push_back(NodeEffect::Broadcast(mail));
        }
    }

    fn made_up(&self, bytes: Bytes) -> Option<NodeEvent> {
        let old = |version: AmiVersion| version < AmiVersion::new(2, 0, 0);
        let bytes = if self.status.version.is_some_and(old) {
            in_old_words(bytes)
        } else {
            bytes
        };
        let frame = Frame::parse(bytes.clone())?;
        let name = Arc::clone(&self.settings.name);
        Some(NodeEvent::new(self.settings.id, name, &frame, bytes).made_up())
    }

    /// What the node has is not known: nothing is better than what may be wrong.
    fn give_up_survey(&mut self, reason: &str) {
        if let Some(objects) = &self.settings.objects {
            *objects.write() = Objects::default();
        }
        self.note(NodeNote::SurveyFailed {
            reason: reason.to_owned(),
        });
        self.end_survey();
    }
}
