//! Calls that wait in a queue for a member.
//!
//! Owner: the world. A caller is listed in its queue from QueueCallerJoin to QueueCallerLeave, and the
//! member it talks to is in use from AgentConnect to AgentComplete.

use std::time::Duration;

use tokio::time::Instant;

use super::Scene;
use crate::classes::AGENT;
use crate::events::Cause;
use crate::message::Message;
use crate::world::channel::{CallKey, ChannelKey, ChannelState, Party};
use crate::world::queue::Caller;
use crate::world::{Step, World};

/// A caller's way through a queue.
#[derive(Debug)]
pub(crate) struct QueueTurn {
    queue: String,
    /// Interface of the member that was called.
    member: Option<String>,
    joined: Instant,
    connected: bool,
}

/// So often a caller is tried again on a member.
const RETRY: Duration = Duration::from_millis(500);
/// A caller gives up after this.
const PATIENCE: Duration = Duration::from_secs(15);

impl World {
    pub(crate) fn start_queue_call(&mut self, caller: Party) {
        let open: Vec<String> = self
            .queues
            .iter()
            .filter(|queue| !queue.members.is_empty())
            .map(|queue| queue.name.clone())
            .collect();
        let Some(queue) = self.rng.choice(open.iter()).cloned() else {
            return;
        };
        let call = self.new_call();
        let from = self.new_trunk_channel(call, caller, &queue);
        self.set_state(from, ChannelState::Up);
        self.run_application(from, "Queue", &queue);
        self.join_queue(call, from, &queue);
        let talk = self.some_millis(2_000..15_000);
        let wait = self.some_millis(100..1_500);
        self.schedule(wait, Step::Play(call, Scene::CallMember { talk }));
    }

    fn join_queue(&mut self, call: CallKey, channel: ChannelKey, queue: &str) {
        let joined = self.clock.now();
        let Some(state) = self.find_queue(queue.as_bytes()) else {
            return;
        };
        state.callers.push(Caller { channel, joined });
        let count = state.callers.len().to_string();
        if let Some(call) = self.calls.get_mut(&call) {
            call.queue = Some(QueueTurn {
                queue: queue.to_owned(),
                member: None,
                joined,
                connected: false,
            });
        }
        let name = if self.is_legacy() {
            "Join"
        } else {
            "QueueCallerJoin"
        };
        let rest: [(&str, &[u8]); 3] = [
            ("Queue", queue.as_bytes()),
            ("Position", count.as_bytes()),
            ("Count", count.as_bytes()),
        ];
        self.channel_event(name, AGENT, channel, &rest);
    }

    pub(crate) fn call_member(&mut self, call: CallKey, talk: Duration) {
        let Some((queue, joined)) = self
            .calls
            .get(&call)
            .and_then(|call| call.queue.as_ref())
            .map(|turn| (turn.queue.clone(), turn.joined))
        else {
            return;
        };
        let free = self.find_queue(queue.as_bytes()).and_then(|queue| {
            let member = queue.members.iter_mut().find(|member| member.is_free())?;
            member.in_call = true;
            Some((member.interface.clone(), member.name.clone()))
        });
        let Some((interface, member_name)) = free else {
            let waited = self.clock.now().saturating_duration_since(joined);
            if waited > PATIENCE {
                self.end_call(call, Cause::Normal);
            } else {
                self.schedule(RETRY, Step::Play(call, Scene::CallMember { talk }));
            }
            return;
        };
        let Some(from) = self
            .calls
            .get(&call)
            .and_then(|call| call.legs.first().copied())
        else {
            return;
        };
        let exten = interface.rsplit('/').next().unwrap_or_default().to_owned();
        let caller = self
            .channels
            .get(&from)
            .map(|channel| channel.caller.clone())
            .unwrap_or_default();
        let to = self.dial_phone(call, from, &exten, caller);
        self.member_event(
            "AgentCalled",
            from,
            to,
            &queue,
            &interface,
            &member_name,
            &[],
        );
        self.ring(from, to, &exten);
        if let Some(turn) = self
            .calls
            .get_mut(&call)
            .and_then(|call| call.queue.as_mut())
        {
            turn.member = Some(interface);
        }
        let ring = self.some_millis(200..2_500);
        self.schedule(ring, Step::Play(call, Scene::MemberAnswers { talk }));
    }

    pub(crate) fn member_answers(&mut self, call: CallKey, talk: Duration) {
        let Some(state) = self.calls.get_mut(&call) else {
            return;
        };
        let legs = state.legs.clone();
        let (Some(turn), [from, to, ..]) = (state.queue.as_mut(), legs.as_slice()) else {
            return;
        };
        turn.connected = true;
        let (queue, member) = (turn.queue.clone(), turn.member.clone().unwrap_or_default());
        let held = self
            .clock
            .now()
            .saturating_duration_since(turn.joined)
            .as_secs();
        self.remove_caller(&queue, *from);
        let epoch = self.clock.wall().as_secs();
        let mut name = String::new();
        if let Some(queue) = self.find_queue(queue.as_bytes()) {
            queue.hold_time = held;
            if let Some(member) = queue.member_mut(member.as_bytes()) {
                member.calls_taken += 1;
                member.last_call = epoch;
                name = member.name.clone();
            }
        }
        self.answer(call, *from, *to, talk);
        let held = held.to_string();
        let rest: [(&str, &[u8]); 2] = [("HoldTime", held.as_bytes()), ("RingTime", b"0")];
        self.member_event("AgentConnect", *from, *to, &queue, &member, &name, &rest);
        self.member_status(&queue, &member);
    }

    /// Takes a caller out of its queue, with QueueCallerLeave.
    fn remove_caller(&mut self, queue: &str, channel: ChannelKey) {
        let Some(state) = self.find_queue(queue.as_bytes()) else {
            return;
        };
        let position = state.callers.iter().position(|c| c.channel == channel);
        state.callers.retain(|caller| caller.channel != channel);
        let count = state.callers.len().to_string();
        let position = position.map_or(1, |index| index + 1).to_string();
        let name = if self.is_legacy() {
            "Leave"
        } else {
            "QueueCallerLeave"
        };
        let rest: [(&str, &[u8]); 3] = [
            ("Queue", queue.as_bytes()),
            ("Position", position.as_bytes()),
            ("Count", count.as_bytes()),
        ];
        self.channel_event(name, AGENT, channel, &rest);
    }

    /// The queue's side of a call's end.
    pub(crate) fn leave_queue(&mut self, call: CallKey) {
        let Some(state) = self.calls.get_mut(&call) else {
            return;
        };
        let (Some(turn), legs) = (state.queue.take(), state.legs.clone()) else {
            return;
        };
        let Some(from) = legs.first().copied() else {
            return;
        };
        let now = self.clock.now();
        let talked = self
            .calls
            .get(&call)
            .and_then(|call| call.answered)
            .map_or(0, |at| now.saturating_duration_since(at).as_secs());
        let mut member_name = String::new();
        if let Some(queue) = self.find_queue(turn.queue.as_bytes()) {
            if turn.connected {
                queue.completed += 1;
                queue.talk_time = talked;
            } else {
                queue.abandoned += 1;
            }
            let member = turn.member.as_deref().unwrap_or_default();
            if let Some(member) = queue.member_mut(member.as_bytes()) {
                member.in_call = false;
                member_name = member.name.clone();
            }
        }
        let member = turn.member.unwrap_or_default();
        if turn.connected {
            let talked = talked.to_string();
            let rest: [(&str, &[u8]); 3] = [
                ("HoldTime", b"0"),
                ("TalkTime", talked.as_bytes()),
                ("Reason", b"agent"),
            ];
            let to = legs.get(1).copied().unwrap_or(from);
            self.member_event(
                "AgentComplete",
                from,
                to,
                &turn.queue,
                &member,
                &member_name,
                &rest,
            );
        } else {
            let waited = now
                .saturating_duration_since(turn.joined)
                .as_secs()
                .to_string();
            let rest: [(&str, &[u8]); 4] = [
                ("Queue", turn.queue.as_bytes()),
                ("Position", b"1"),
                ("OriginalPosition", b"1"),
                ("HoldTime", waited.as_bytes()),
            ];
            self.channel_event("QueueCallerAbandon", AGENT, from, &rest);
            self.remove_caller(&turn.queue, from);
        }
        if !member.is_empty() {
            self.member_status(&turn.queue, &member);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is one header of the event; a struct would be built at every call and read once"
    )]
    fn member_event(
        &mut self,
        name: &str,
        from: ChannelKey,
        to: ChannelKey,
        queue: &str,
        interface: &str,
        member: &str,
        rest: &[(&str, &[u8])],
    ) {
        let (Some(source), Some(dest)) = (self.channels.get(&from), self.channels.get(&to)) else {
            return;
        };
        let legacy = self.is_legacy();
        let message = source.snapshot(self.broadcast(name, AGENT), "", legacy);
        let mut message = dest
            .snapshot(message, "Dest", legacy)
            .header("Queue", queue)
            .header("Interface", interface)
            .header("MemberName", member);
        for (header, value) in rest {
            message = message.header(header, value);
        }
        self.publish(AGENT, message);
    }

    /// QueueMemberStatus: the state of a member changed.
    pub(crate) fn member_status(&mut self, queue: &str, interface: &str) {
        self.queue_member_event("QueueMemberStatus", queue, interface);
    }

    /// One of the QueueMember... events, with the member as it is now.
    pub(crate) fn queue_member_event(&mut self, name: &str, queue: &str, interface: &str) {
        let start: Message = self.broadcast(name, AGENT).header("Queue", queue);
        let Some(member) = self
            .find_queue(queue.as_bytes())
            .and_then(|queue| queue.member_mut(interface.as_bytes()))
        else {
            return;
        };
        let message = member.event_headers(start);
        self.publish(AGENT, message);
    }
}
