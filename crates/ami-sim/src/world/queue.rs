//! Call queues, their members and waiting callers.
//!
//! Owner: the world. A caller is in at most one queue, and leaves it before its channel ends.

use tokio::time::Instant;

use super::channel::ChannelKey;
use crate::message::Message;

/// A member of a queue.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) interface: String,
    pub(crate) state_interface: String,
    pub(crate) dynamic: bool,
    pub(crate) penalty: u32,
    pub(crate) calls_taken: u64,
    /// Seconds since the epoch; 0 = never.
    pub(crate) last_call: u64,
    /// Seconds since the epoch; 0 = never.
    pub(crate) last_pause: u64,
    /// Seconds since the epoch.
    pub(crate) login_time: u64,
    pub(crate) in_call: bool,
    pub(crate) paused: bool,
    pub(crate) paused_reason: String,
}

impl Member {
    pub(crate) fn new(name: &str, interface: &str, login_time: u64) -> Self {
        Self {
            name: name.to_owned(),
            interface: interface.to_owned(),
            state_interface: interface.to_owned(),
            dynamic: false,
            penalty: 0,
            calls_taken: 0,
            last_call: 0,
            last_pause: 0,
            login_time,
            in_call: false,
            paused: false,
            paused_reason: String::new(),
        }
    }

    /// Asterisk's device state numbers: 1 not in use, 2 in use.
    fn status(&self) -> &'static str {
        if self.in_call { "2" } else { "1" }
    }

    pub(crate) fn is_free(&self) -> bool {
        !self.paused && !self.in_call
    }

    /// The headers of a QueueMember item, after `Queue`.
    pub(crate) fn item_headers(&self, message: Message) -> Message {
        let message = message
            .header("Name", &self.name)
            .header("Location", &self.interface);
        self.state_headers(message).header("Wrapuptime", "0")
    }

    /// The headers of the QueueMember... events, after `Queue`.
    pub(crate) fn event_headers(&self, message: Message) -> Message {
        let message = message
            .header("MemberName", &self.name)
            .header("Interface", &self.interface);
        self.state_headers(message)
            .header("Ringinuse", "1")
            .header("Wrapuptime", "0")
    }

    fn state_headers(&self, message: Message) -> Message {
        message
            .header("StateInterface", &self.state_interface)
            .header(
                "Membership",
                if self.dynamic { "dynamic" } else { "static" },
            )
            .header("Penalty", self.penalty.to_string())
            .header("CallsTaken", self.calls_taken.to_string())
            .header("LastCall", self.last_call.to_string())
            .header("LastPause", self.last_pause.to_string())
            .header("LoginTime", self.login_time.to_string())
            .header("InCall", flag(self.in_call))
            .header("Status", self.status())
            .header("Paused", flag(self.paused))
            .header("PausedReason", &self.paused_reason)
    }
}

/// Asterisk's `1` and `0`.
pub(crate) fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

/// A caller that waits.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) channel: ChannelKey,
    pub(crate) joined: Instant,
}

/// A queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) strategy: &'static str,
    pub(crate) members: Vec<Member>,
    pub(crate) callers: Vec<Caller>,
    pub(crate) completed: u64,
    pub(crate) abandoned: u64,
    /// Seconds, of the last answered caller.
    pub(crate) hold_time: u64,
    /// Seconds, of the last completed call.
    pub(crate) talk_time: u64,
}

impl Queue {
    fn new(name: &str, strategy: &'static str, members: Vec<Member>) -> Self {
        Self {
            name: name.to_owned(),
            strategy,
            members,
            callers: Vec::new(),
            completed: 0,
            abandoned: 0,
            hold_time: 0,
            talk_time: 0,
        }
    }

    pub(crate) fn member_mut(&mut self, interface: &[u8]) -> Option<&mut Member> {
        self.members
            .iter_mut()
            .find(|member| member.interface.as_bytes().eq_ignore_ascii_case(interface))
    }

    /// The headers of a QueueParams item.
    pub(crate) fn params(&self, message: Message) -> Message {
        message
            .header("Queue", &self.name)
            .header("Max", "0")
            .header("Strategy", self.strategy)
            .header("Calls", self.callers.len().to_string())
            .header("Holdtime", self.hold_time.to_string())
            .header("TalkTime", self.talk_time.to_string())
            .header("Completed", self.completed.to_string())
            .header("Abandoned", self.abandoned.to_string())
            .header("ServiceLevel", "0")
            .header("ServicelevelPerf", "0.0")
            .header("ServicelevelPerf2", "0.0")
            .header("Weight", "0")
    }
}

/// `support` and `sales` with members, `empty` without.
pub(crate) fn default_queues(login_time: u64) -> Vec<Queue> {
    let member = |name: &str, exten: u32| Member::new(name, &format!("PJSIP/{exten}"), login_time);
    vec![
        Queue::new(
            "support",
            "rrmemory",
            vec![
                member("Alice", 1001),
                member("Bob", 1002),
                member("Carol", 1003),
            ],
        ),
        Queue::new(
            "sales",
            "random",
            vec![member("Dave", 1004), member("Erin", 1005)],
        ),
        Queue::new("empty", "ringall", Vec::new()),
    ]
}
