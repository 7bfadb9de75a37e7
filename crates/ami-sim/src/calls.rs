//! Calls: what happens to a group of channels from the first Newchannel to the last Hangup.
//!
//! Owner: the world. A call plays scenes; each scene raises its events and schedules the next. Ending a
//! call is the same whoever ends it, so that bridges, queues and pending Originates never outlive it.

use std::time::Duration;

use tokio::time::Instant;

use crate::classes::CALL;
use crate::events::Cause;
use crate::world::channel::{Bridge, BridgeKey, CallKey, ChannelKey, ChannelState, Party, Place};
use crate::world::{Step, World};

pub(crate) mod originate;
mod queued;

use originate::Placing;
use queued::QueueTurn;

/// A group of channels that live and end together.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) legs: Vec<ChannelKey>,
    pub(crate) bridge: Option<BridgeKey>,
    pub(crate) queue: Option<QueueTurn>,
    /// Present until an Originate's outcome is known.
    pub(crate) placing: Option<Placing>,
    pub(crate) answered: Option<Instant>,
}

/// What a call does next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scene {
    /// The dialled phone answers and both talk so long.
    Answer {
        /// Time until the call ends.
        talk: Duration,
    },
    /// The dialled phone is busy, or rings out.
    Refuse(Cause),
    /// A free member of the queue is called.
    CallMember {
        /// Time until the call ends.
        talk: Duration,
    },
    /// The called member answers.
    MemberAnswers {
        /// Time until the call ends.
        talk: Duration,
    },
    /// The dialled channel of an Originate answers.
    Placed,
    /// The Originate failed.
    NotPlaced(Cause),
    /// Everybody hangs up.
    End(Cause),
}

const CALLERS: [(&str, &str); 6] = [
    ("5550100", "Anna Berg"),
    ("5550123", "Zoë Ågren"),
    ("5550142", ""),
    ("5550177", "Miller, Tom"),
    ("5550188", "C. Díaz"),
    ("5550199", "Front Desk"),
];

impl World {
    /// Starts one call of the generator: most are answered, some busy, some ring out, some go to a queue.
    pub(crate) fn generate_call(&mut self) {
        let (num, name) = *self.rng.choice(CALLERS.iter()).unwrap_or(&("", ""));
        let caller = Party::new(num, name);
        match self.rng.u32(0..10) {
            0..3 => self.start_queue_call(caller),
            3..8 => {
                let talk = self.some_millis(2_000..20_000);
                self.start_direct_call(caller, Scene::Answer { talk });
            }
            8 => self.start_direct_call(caller, Scene::Refuse(Cause::Busy)),
            _ => self.start_direct_call(caller, Scene::Refuse(Cause::NoAnswer)),
        }
    }

    pub(crate) fn some_millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(range))
    }

    fn start_direct_call(&mut self, caller: Party, next: Scene) {
        let exten = (1001 + self.rng.u32(0..8)).to_string();
        let call = self.new_call();
        let from = self.new_trunk_channel(call, caller.clone(), &exten);
        let dial = format!("PJSIP/{exten},30");
        self.run_application(from, "Dial", &dial);
        let to = self.dial_phone(call, from, &exten, caller);
        self.ring(from, to, &exten);
        let ring = self.some_millis(200..4_000);
        self.schedule(ring, Step::Play(call, next));
    }

    /// An incoming channel from the trunk that has the dialplan's attention.
    pub(crate) fn new_trunk_channel(
        &mut self,
        call: CallKey,
        caller: Party,
        exten: &str,
    ) -> ChannelKey {
        let name = format!("PJSIP/trunk-{}", self.next_suffix());
        let place = Place::new("from-trunk", exten);
        let key = self.new_channel(call, name, ChannelState::Ring, caller, place);
        self.set_variable(Some(key), b"DIRECTION", b"inbound");
        key
    }

    /// The channel towards a phone, down as yet.
    pub(crate) fn dial_phone(
        &mut self,
        call: CallKey,
        from: ChannelKey,
        exten: &str,
        caller: Party,
    ) -> ChannelKey {
        let name = format!("PJSIP/{exten}-{}", self.next_suffix());
        let place = Place::new("from-internal", exten);
        let to = self.new_channel(call, name, ChannelState::Down, Party::new(exten, ""), place);
        if let Some(channel) = self.channel_mut(to) {
            channel.connected = caller;
            "AppDial".clone_into(&mut channel.application);
            "(Outgoing Line)".clone_into(&mut channel.data);
        }
        if let Some(channel) = self.channel_mut(from) {
            channel.connected = Party::new(exten, "");
        }
        self.channel_event("NewConnectedLine", CALL, to, &[]);
        to
    }

    pub(crate) fn ring(&mut self, from: ChannelKey, to: ChannelKey, dial: &str) {
        self.dial_begin(Some(from), to, dial);
        self.set_state(to, ChannelState::Ringing);
        self.device_change(to, "RINGING");
    }

    pub(crate) fn device_change(&mut self, key: ChannelKey, state: &str) {
        let Some(device) = self.channels.get(&key).map(|c| c.device().to_owned()) else {
            return;
        };
        self.device_state(&device, state);
    }

    /// Plays a scene of a call that is still there.
    pub(crate) fn play(&mut self, call: CallKey, scene: Scene) {
        let Some(legs) = self.calls.get(&call).map(|call| call.legs.clone()) else {
            return;
        };
        match scene {
            Scene::Answer { talk } => {
                if let [from, to, ..] = legs.as_slice() {
                    self.answer(call, *from, *to, talk);
                }
            }
            Scene::Refuse(cause) => {
                if let [from, to, ..] = legs.as_slice() {
                    let status = dial_status(cause);
                    self.dial_end(Some(*from), *to, status);
                    self.set_variable(Some(*from), b"DIALSTATUS", status.as_bytes());
                }
                self.end_call(call, cause);
            }
            Scene::CallMember { talk } => self.call_member(call, talk),
            Scene::MemberAnswers { talk } => self.member_answers(call, talk),
            Scene::Placed => self.originate_answered(call),
            Scene::NotPlaced(cause) => self.originate_failed(call, cause),
            Scene::End(cause) => self.end_call(call, cause),
        }
    }

    /// The called phone takes the call: both up, in a bridge, for `talk`.
    pub(crate) fn answer(
        &mut self,
        call: CallKey,
        from: ChannelKey,
        to: ChannelKey,
        talk: Duration,
    ) {
        self.set_state(to, ChannelState::Up);
        self.device_change(to, "INUSE");
        self.dial_end(Some(from), to, "ANSWER");
        self.set_variable(Some(from), b"DIALSTATUS", b"ANSWER");
        self.set_state(from, ChannelState::Up);
        if let Some(state) = self.calls.get_mut(&call) {
            state.answered = Some(self.clock.now());
        }
        self.build_bridge(call, from, to);
        self.schedule(talk, Step::Play(call, Scene::End(Cause::Normal)));
    }

    /// Puts two channels in a new bridge that belongs to `call`.
    pub(crate) fn build_bridge(&mut self, call: CallKey, one: ChannelKey, two: ChannelKey) {
        if self.is_legacy() {
            self.legacy_link("Bridge", one, two);
            return;
        }
        let key = self.next_number();
        let (high, low) = (self.rng.u64(..), self.rng.u64(..));
        let hex = format!("{high:016x}{low:016x}");
        let id = [0..8, 8..12, 12..16, 16..20, 20..32]
            .into_iter()
            .filter_map(|part| hex.get(part))
            .collect::<Vec<_>>()
            .join("-");
        let members = Vec::new();
        self.bridges.insert(key, Bridge { id, members });
        self.bridge_event("BridgeCreate", key, None);
        if let Some(state) = self.calls.get_mut(&call) {
            state.bridge = Some(key);
        }
        self.enter_bridge(key, two);
        self.enter_bridge(key, one);
    }

    fn enter_bridge(&mut self, key: BridgeKey, member: ChannelKey) {
        if let Some(bridge) = self.bridges.get_mut(&key) {
            bridge.members.push(member);
        }
        if let Some(channel) = self.channels.get_mut(&member) {
            channel.bridge = Some(key);
        }
        self.bridge_event("BridgeEnter", key, Some(member));
    }

    pub(crate) fn leave_bridge(&mut self, member: ChannelKey) {
        let bridge = self.channels.get_mut(&member).and_then(|c| c.bridge.take());
        let Some(key) = bridge else { return };
        if let Some(bridge) = self.bridges.get_mut(&key) {
            bridge.members.retain(|other| *other != member);
        }
        self.bridge_event("BridgeLeave", key, Some(member));
        if self.bridges.get(&key).is_some_and(|b| b.members.is_empty()) {
            self.bridge_event("BridgeDestroy", key, None);
            self.bridges.remove(&key);
        }
    }

    /// Ends a call and everything that hangs on it.
    pub(crate) fn end_call(&mut self, call: CallKey, cause: Cause) {
        let Some(state) = self.calls.get_mut(&call) else {
            return;
        };
        let legs = state.legs.clone();
        if state.placing.is_some() {
            self.resolve_placing(call, false, cause);
        }
        self.leave_queue(call);
        if self.is_legacy()
            && let [one, two, ..] = legs.as_slice()
            && self.calls.get(&call).is_some_and(|c| c.answered.is_some())
        {
            self.legacy_link("Unlink", *one, *two);
        }
        for leg in legs.iter().rev() {
            self.leave_bridge(*leg);
        }
        let peer = legs
            .get(1)
            .and_then(|key| self.channels.get(key))
            .map(|channel| channel.name.clone());
        if let Some(first) = legs.first() {
            let code = cause.code();
            self.channel_event(
                "SoftHangupRequest",
                CALL,
                *first,
                &[("Cause", code.as_bytes())],
            );
            self.announce_cdr(*first, peer.as_deref(), cause);
        }
        for leg in legs.iter().rev() {
            self.announce_hangup(*leg, cause);
            self.device_change(*leg, "NOT_INUSE");
            self.channels.remove(leg);
        }
        self.calls.remove(&call);
    }
}

/// The DIALSTATUS of a call that was not answered.
fn dial_status(cause: Cause) -> &'static str {
    match cause {
        Cause::Busy => "BUSY",
        Cause::Congestion => "CONGESTION",
        Cause::NoAnswer => "NOANSWER",
        Cause::Unknown | Cause::Normal | Cause::Other(_) => "CANCEL",
    }
}
