//! The events of channels, bridges and variables, with the headers a real node gives them.
//!
//! Owner: the world raises them; each function writes one kind of event.

use crate::classes::{CALL, CDR, DIALPLAN};
use crate::clock::Clock;
use crate::world::World;
use crate::world::channel::{BridgeKey, ChannelKey, ChannelState};

impl World {
    /// An event whose body is the snapshot of one channel and then `rest`.
    pub(crate) fn channel_event(
        &mut self,
        name: &str,
        classes: ami_proto::ClassSet,
        key: ChannelKey,
        rest: &[(&str, &[u8])],
    ) {
        let Some(channel) = self.channels.get(&key) else {
            return;
        };
        let start = self.broadcast(name, classes);
        let mut message = channel.snapshot(start, "", self.is_legacy());
        for (header, value) in rest {
            message = message.header(header, value);
        }
        self.publish(classes, message);
    }

    pub(crate) fn announce_new_channel(&mut self, key: ChannelKey) {
        if !self.is_legacy() {
            self.channel_event("Newchannel", CALL, key, &[]);
            return;
        }
        let Some(channel) = self.channels.get(&key) else {
            return;
        };
        let (exten, context) = (channel.place.exten.clone(), channel.place.context.clone());
        let rest: [(&str, &[u8]); 2] =
            [("Exten", exten.as_bytes()), ("Context", context.as_bytes())];
        self.channel_event("Newchannel", CALL, key, &rest);
    }

    /// Changes the state and says so.
    pub(crate) fn set_state(&mut self, key: ChannelKey, state: ChannelState) {
        if let Some(channel) = self.channels.get_mut(&key) {
            channel.state = state;
        }
        self.channel_event("Newstate", CALL, key, &[]);
    }

    /// The channel runs an application at its place in the dialplan.
    pub(crate) fn run_application(&mut self, key: ChannelKey, application: &str, data: &str) {
        let Some(channel) = self.channels.get_mut(&key) else {
            return;
        };
        application.clone_into(&mut channel.application);
        data.clone_into(&mut channel.data);
        let exten = channel.place.exten.clone();
        self.channel_event(
            "Newexten",
            DIALPLAN,
            key,
            &[
                ("Extension", exten.as_bytes()),
                ("Application", application.as_bytes()),
                ("AppData", data.as_bytes()),
            ],
        );
    }

    /// Sets a channel variable, or a global one, and says so.
    pub(crate) fn set_variable(&mut self, key: Option<ChannelKey>, name: &[u8], value: &[u8]) {
        let rest: [(&str, &[u8]); 2] = [("Variable", name), ("Value", value)];
        if let Some(key) = key {
            if let Some(channel) = self.channels.get_mut(&key) {
                channel.variables.insert(name.to_vec(), value.to_vec());
            }
            self.channel_event("VarSet", DIALPLAN, key, &rest);
        } else {
            self.globals.insert(name.to_vec(), value.to_vec());
            let message = self
                .broadcast("VarSet", DIALPLAN)
                .header("Channel", "none")
                .header("Uniqueid", "none")
                .header("Variable", name)
                .header("Value", value);
            self.publish(DIALPLAN, message);
        }
    }

    /// DialBegin, or `Dial` with SubEvent Begin in Asterisk 11.
    pub(crate) fn dial_begin(&mut self, from: Option<ChannelKey>, to: ChannelKey, dial: &str) {
        self.dial_event("DialBegin", from, to, "DialString", dial);
    }

    /// DialEnd with its status: ANSWER, BUSY, NOANSWER, CONGESTION, CANCEL.
    pub(crate) fn dial_end(&mut self, from: Option<ChannelKey>, to: ChannelKey, status: &str) {
        self.dial_event("DialEnd", from, to, "DialStatus", status);
    }

    fn dial_event(
        &mut self,
        name: &str,
        from: Option<ChannelKey>,
        to: ChannelKey,
        header: &str,
        value: &str,
    ) {
        let Some(dest) = self.channels.get(&to) else {
            return;
        };
        let source = from.and_then(|key| self.channels.get(&key));
        let message = if self.is_legacy() {
            let begin = name == "DialBegin";
            let start = self
                .broadcast("Dial", CALL)
                .header("SubEvent", if begin { "Begin" } else { "End" })
                .header("Channel", source.map_or("", |source| &source.name))
                .header("UniqueID", source.map_or("", |source| &source.uniqueid));
            let start = if begin {
                start
                    .header("Destination", &dest.name)
                    .header("DestUniqueID", &dest.uniqueid)
            } else {
                start
            };
            start.header(if begin { "Dialstring" } else { header }, value)
        } else {
            let mut message = self.broadcast(name, CALL);
            if let Some(source) = source {
                message = source.snapshot(message, "", false);
            }
            dest.snapshot(message, "Dest", false).header(header, value)
        };
        self.publish(CALL, message);
    }

    pub(crate) fn bridge_event(&mut self, name: &str, key: BridgeKey, member: Option<ChannelKey>) {
        let Some(bridge) = self.bridges.get(&key) else {
            return;
        };
        let mut message = bridge.headers(self.broadcast(name, CALL));
        if let Some(channel) = member.and_then(|member| self.channels.get(&member)) {
            message = channel.snapshot(message, "", false);
        }
        self.publish(CALL, message);
    }

    /// Asterisk 11's word for two bridged channels.
    pub(crate) fn legacy_link(&mut self, name: &str, one: ChannelKey, two: ChannelKey) {
        let (Some(one), Some(two)) = (self.channels.get(&one), self.channels.get(&two)) else {
            return;
        };
        let message = self
            .broadcast(name, CALL)
            .header("Bridgestate", "Link")
            .header("Bridgetype", "core")
            .header("Channel1", &one.name)
            .header("Channel2", &two.name)
            .header("Uniqueid1", &one.uniqueid)
            .header("Uniqueid2", &two.uniqueid)
            .header("CallerID1", &one.caller.num)
            .header("CallerID2", &two.caller.num);
        self.publish(CALL, message);
    }

    pub(crate) fn device_state(&mut self, device: &str, state: &str) {
        if self.is_legacy() {
            return;
        }
        let message = self
            .broadcast("DeviceStateChange", CALL)
            .header("Device", device)
            .header("State", state);
        self.publish(CALL, message);
    }

    /// Hangup: the last event of a channel.
    pub(crate) fn announce_hangup(&mut self, key: ChannelKey, cause: Cause) {
        let code = cause.code();
        let rest: [(&str, &[u8]); 2] = [
            ("Cause", code.as_bytes()),
            ("Cause-txt", cause.text().as_bytes()),
        ];
        self.channel_event("Hangup", CALL, key, &rest);
    }

    /// The call detail record of a channel that is about to end.
    pub(crate) fn announce_cdr(&mut self, key: ChannelKey, peer: Option<&str>, cause: Cause) {
        let Some(channel) = self.channels.get(&key) else {
            return;
        };
        let seconds = self
            .clock
            .now()
            .saturating_duration_since(channel.created)
            .as_secs();
        let wall = self.clock.wall();
        let (end_date, end_time) = Clock::date_and_time(wall);
        let (date, time) = Clock::date_and_time(std::time::Duration::from_secs(
            wall.as_secs().saturating_sub(seconds),
        ));
        let start = format!("{date} {time}");
        let answered = channel.state == ChannelState::Up;
        let message = self
            .broadcast("Cdr", CDR)
            .header("AccountCode", &channel.account)
            .header("Source", &channel.caller.num)
            .header("Destination", &channel.place.exten)
            .header("DestinationContext", &channel.place.context)
            .header(
                "CallerID",
                format!("\"{}\" <{}>", channel.caller.name, channel.caller.num),
            )
            .header("Channel", &channel.name)
            .header("DestinationChannel", peer.unwrap_or_default())
            .header("LastApplication", &channel.application)
            .header("LastData", &channel.data)
            .header("StartTime", &start)
            .header("AnswerTime", if answered { start.as_str() } else { "" })
            .header("EndTime", format!("{end_date} {end_time}"))
            .header("Duration", seconds.to_string())
            .header(
                "BillableSeconds",
                if answered { seconds } else { 0 }.to_string(),
            )
            .header("Disposition", cause.disposition(answered))
            .header("AMAFlags", "DOCUMENTATION")
            .header("UniqueID", &channel.uniqueid)
            .header("UserField", "");
        self.publish(CDR, message);
    }
}

/// Why a channel ended, as Q.850 cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Unknown,
    Normal,
    Busy,
    NoAnswer,
    Congestion,
    /// A number the client chose.
    Other(u8),
}

impl Cause {
    pub(crate) fn code(self) -> String {
        match self {
            Self::Unknown => 0,
            Self::Normal => 16,
            Self::Busy => 17,
            Self::NoAnswer => 19,
            Self::Congestion => 34,
            Self::Other(code) => code,
        }
        .to_string()
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Unknown | Self::Other(_) => "Unknown",
            Self::Normal => "Normal Clearing",
            Self::Busy => "User busy",
            Self::NoAnswer => "User alerting, no answer",
            Self::Congestion => "Circuit/channel congestion",
        }
    }

    /// From a Hangup's `Cause` header; 1 to 127 as in Asterisk.
    pub(crate) fn from_header(value: &str) -> Option<Self> {
        match value.parse::<u8>().ok()? {
            16 => Some(Self::Normal),
            17 => Some(Self::Busy),
            19 => Some(Self::NoAnswer),
            34 => Some(Self::Congestion),
            code @ 1..=127 => Some(Self::Other(code)),
            _ => None,
        }
    }

    fn disposition(self, answered: bool) -> &'static str {
        match self {
            Self::Busy => "BUSY",
            Self::Congestion => "CONGESTION",
            Self::Unknown | Self::Normal | Self::NoAnswer | Self::Other(_) if answered => {
                "ANSWERED"
            }
            Self::Unknown | Self::Normal | Self::NoAnswer | Self::Other(_) => "NO ANSWER",
        }
    }
}
