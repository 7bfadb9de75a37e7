//! Calls that an Originate places: dialling, ringing, the outcome, and what the answered channel then does.
//!
//! Owner: the world. Each accepted order gets exactly one outcome: the sync reply or the OriginateResponse.
//! The dialled name decides: `noans...` rings until the timeout, `busy...` and `cong...` refuse, `nosuch...`
//! and the context `nowhere` do not exist, everything else answers.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Scene;
use crate::classes::CALL;
use crate::events::Cause;
use crate::message::Message;
use crate::world::channel::{CallKey, ChannelKey, ChannelState, Party, Place, shown};
use crate::world::{PlacedCall, Step, World};

/// What an Originate asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub(crate) channel: String,
    pub(crate) application: String,
    pub(crate) data: String,
    pub(crate) context: String,
    pub(crate) exten: String,
    pub(crate) caller: Party,
    pub(crate) account: String,
    pub(crate) timeout: Duration,
    /// In the order they are set.
    pub(crate) variables: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) action_id: Option<Bytes>,
}

/// An order without outcome yet.
#[derive(Debug)]
pub(crate) struct Placing {
    order: Order,
    /// The sync action that waits; an async one gets the broadcast instead.
    reply: Option<oneshot::Sender<bool>>,
}

/// How long refusals and unknown extensions take.
const REFUSAL: Duration = Duration::from_millis(5);
/// How long an application lasts that says nothing about it.
const APPLICATION: Duration = Duration::from_secs(10);

impl World {
    /// Carries out an order; its outcome comes by `reply`, or as OriginateResponse when there is none.
    pub(crate) fn place(&mut self, order: &Order, reply: Option<oneshot::Sender<bool>>) {
        self.placed.push(PlacedCall {
            channel: order.channel.clone(),
            action_id: order.action_id.clone(),
        });
        let (technology, resource) = order.channel.split_once('/').unwrap_or_default();
        let known = ["Local", "PJSIP", "SIP", "IAX2", "DAHDI"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(technology));
        let placing = Placing {
            order: order.clone(),
            reply,
        };
        if !known {
            self.announce_outcome(placing, None, Cause::Unknown);
            return;
        }
        let (exten, context) = dialled(resource);
        let call = self.new_call();
        if let Some(state) = self.calls.get_mut(&call) {
            state.placing = Some(placing);
        }
        let local = technology.eq_ignore_ascii_case("Local");
        self.new_legs(call, order, local, &exten, &context);
        let first = self.calls.get(&call).and_then(|c| c.legs.first().copied());
        let Some(first) = first else { return };
        for (name, value) in order.variables.iter().rev() {
            self.set_variable(Some(first), name, value);
        }
        self.dial_begin(None, first, resource);
        let (after, scene) = self.outcome_of(&exten, &context, order.timeout);
        if matches!(scene, Scene::Placed | Scene::NotPlaced(Cause::NoAnswer)) {
            self.set_state(first, ChannelState::Ringing);
        }
        self.schedule(after, Step::Play(call, scene));
    }

    fn new_legs(&mut self, call: CallKey, order: &Order, local: bool, exten: &str, context: &str) {
        let suffix = self.next_suffix();
        let place = Place::new(context, exten);
        let names = if local {
            vec![
                (
                    format!("Local/{exten}@{context}-{suffix};1"),
                    ChannelState::Down,
                ),
                (
                    format!("Local/{exten}@{context}-{suffix};2"),
                    ChannelState::Ring,
                ),
            ]
        } else {
            let device = order.channel.split('@').next().unwrap_or_default();
            vec![(format!("{device}-{suffix}"), ChannelState::Down)]
        };
        for (name, state) in names {
            let key = self.new_channel(call, name, state, order.caller.clone(), place.clone());
            if let Some(channel) = self.channel_mut(key) {
                channel.account.clone_from(&order.account);
                "AppDial2".clone_into(&mut channel.application);
                "(Outgoing Line)".clone_into(&mut channel.data);
            }
        }
    }

    fn outcome_of(&self, exten: &str, context: &str, timeout: Duration) -> (Duration, Scene) {
        if context == "nowhere" || exten.starts_with("nosuch") {
            (REFUSAL, Scene::NotPlaced(Cause::Unknown))
        } else if exten.starts_with("busy") {
            (REFUSAL, Scene::NotPlaced(Cause::Busy))
        } else if exten.starts_with("cong") {
            (REFUSAL, Scene::NotPlaced(Cause::Congestion))
        } else if exten.starts_with("noans") || timeout < self.setup.answer_after {
            (timeout, Scene::NotPlaced(Cause::NoAnswer))
        } else {
            (self.setup.answer_after, Scene::Placed)
        }
    }

    pub(crate) fn originate_answered(&mut self, call: CallKey) {
        let Some(state) = self.calls.get_mut(&call) else {
            return;
        };
        state.answered = Some(self.clock.now());
        let legs = state.legs.clone();
        let order = state.placing.as_ref().map(|placing| placing.order.clone());
        let (Some(first), Some(order)) = (legs.first().copied(), order) else {
            return;
        };
        for leg in legs.iter().rev() {
            self.set_state(*leg, ChannelState::Up);
        }
        self.device_change(first, "INUSE");
        self.dial_end(None, first, "ANSWER");
        self.resolve_placing(call, true, Cause::Normal);
        if order.application.is_empty() {
            if let Some(channel) = self.channel_mut(first) {
                channel.place = Place::new(&order.context, &order.exten);
            }
            self.run_application(first, "Wait", "10");
        } else {
            self.run_application(first, &order.application, &order.data);
        }
        let lasts = duration_of(&order.application, &order.data);
        self.schedule(lasts, Step::Play(call, Scene::End(Cause::Normal)));
    }

    pub(crate) fn originate_failed(&mut self, call: CallKey, cause: Cause) {
        let first = self.calls.get(&call).and_then(|c| c.legs.first().copied());
        if let Some(first) = first {
            if cause == Cause::Busy {
                self.set_state(first, ChannelState::Busy);
            }
            let status = match cause {
                Cause::Busy => "BUSY",
                Cause::Congestion => "CONGESTION",
                Cause::NoAnswer => "NOANSWER",
                Cause::Unknown | Cause::Normal | Cause::Other(_) => "CHANUNAVAIL",
            };
            self.dial_end(None, first, status);
        }
        self.end_call(call, cause);
    }

    /// Gives the order of `call` its outcome, once.
    pub(crate) fn resolve_placing(&mut self, call: CallKey, success: bool, cause: Cause) {
        let Some(state) = self.calls.get_mut(&call) else {
            return;
        };
        let first = state.legs.first().copied();
        if let Some(placing) = state.placing.take() {
            self.announce_outcome(placing, first.filter(|_| success), cause);
        }
    }

    /// `answered` is the channel that answered, none when the order failed.
    fn announce_outcome(&mut self, placing: Placing, answered: Option<ChannelKey>, cause: Cause) {
        let Placing { order, reply } = placing;
        if let Some(reply) = reply {
            if reply.send(answered.is_some()).is_err() {
                // The session is gone, so nobody waits for the outcome.
            }
            return;
        }
        let channel = answered.and_then(|key| self.channels.get(&key));
        let start = self
            .broadcast("OriginateResponse", CALL)
            .action_id(order.action_id.as_deref())
            .header(
                "Response",
                if channel.is_some() {
                    "Success"
                } else {
                    "Failure"
                },
            )
            .header(
                "Channel",
                channel.map_or(&order.channel, |channel| &channel.name),
            );
        let message = target_headers(start, &order)
            .header("Reason", reason(channel.is_some(), cause))
            .header(
                "Uniqueid",
                channel.map_or("<unknown>", |channel| &channel.uniqueid),
            )
            .header("CallerIDNum", shown(&order.caller.num))
            .header("CallerIDName", shown(&order.caller.name));
        self.publish(CALL, message);
    }
}

fn target_headers(message: Message, order: &Order) -> Message {
    if order.application.is_empty() {
        message
            .header("Context", &order.context)
            .header("Exten", &order.exten)
    } else {
        message
            .header("Application", &order.application)
            .header("Data", &order.data)
    }
}

/// Asterisk's number for the outcome: the control frame that decided it.
fn reason(success: bool, cause: Cause) -> &'static str {
    if success {
        return "4";
    }
    match cause {
        Cause::Busy => "5",
        Cause::Congestion => "8",
        Cause::NoAnswer => "3",
        Cause::Unknown | Cause::Normal | Cause::Other(_) => "0",
    }
}

/// Extension and context of `100@rig/n`; a device has no context of its own.
fn dialled(resource: &str) -> (String, String) {
    let resource = resource.split('/').next().unwrap_or_default();
    let (exten, context) = resource.split_once('@').unwrap_or((resource, "default"));
    (exten.to_owned(), context.to_owned())
}

/// How long an answered channel stays in an application.
pub(crate) fn duration_of(application: &str, data: &str) -> Duration {
    if application.eq_ignore_ascii_case("Hangup") {
        return Duration::ZERO;
    }
    if application.eq_ignore_ascii_case("Wait")
        && let Ok(seconds) = data.trim().parse::<u32>()
    {
        return Duration::from_secs(seconds.into());
    }
    if application.eq_ignore_ascii_case("Playback") {
        return Duration::from_secs(3);
    }
    APPLICATION
}
