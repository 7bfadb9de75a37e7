//! Channels and bridges as a node knows them, and the snapshot headers that events show of them.
//!
//! Owner: the world. A channel belongs to exactly one call for as long as it lives.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::message::Message;

/// Key of a channel in the world: the number at the end of its Uniqueid.
pub(crate) type ChannelKey = u64;
/// Key of a bridge in the world.
pub(crate) type BridgeKey = u64;
/// Key of a call in the world.
pub(crate) type CallKey = u64;

/// Asterisk's channel states that the simulator uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelState {
    Down,
    Ring,
    Ringing,
    Up,
    Busy,
}

impl ChannelState {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Down => "0",
            Self::Ring => "4",
            Self::Ringing => "5",
            Self::Up => "6",
            Self::Busy => "7",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Down => "Down",
            Self::Ring => "Ring",
            Self::Ringing => "Ringing",
            Self::Up => "Up",
            Self::Busy => "Busy",
        }
    }
}

/// Number and name of a party; empty shows as `<unknown>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) num: String,
    pub(crate) name: String,
}

impl Party {
    pub(crate) fn new(num: &str, name: &str) -> Self {
        Self {
            num: num.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// Where in the dialplan a channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) context: String,
    pub(crate) exten: String,
    pub(crate) priority: u32,
}

impl Place {
    pub(crate) fn new(context: &str, exten: &str) -> Self {
        Self {
            context: context.to_owned(),
            exten: exten.to_owned(),
            priority: 1,
        }
    }
}

/// A live channel.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) key: ChannelKey,
    pub(crate) call: CallKey,
    pub(crate) name: String,
    pub(crate) state: ChannelState,
    pub(crate) caller: Party,
    pub(crate) connected: Party,
    pub(crate) account: String,
    pub(crate) place: Place,
    pub(crate) uniqueid: String,
    pub(crate) linkedid: String,
    pub(crate) application: String,
    pub(crate) data: String,
    pub(crate) created: Instant,
    pub(crate) bridge: Option<BridgeKey>,
    pub(crate) variables: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Channel {
    /// `PJSIP` of `PJSIP/1001-00000003`.
    pub(crate) fn technology(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The name without the number of the call: the device.
    pub(crate) fn device(&self) -> &str {
        self.name.rsplit_once('-').map_or(&self.name, |(d, _)| d)
    }

    /// Adds the channel's headers, each name with `prefix` in front (`Dest` in Dial events).
    pub(crate) fn snapshot(&self, message: Message, prefix: &str, legacy: bool) -> Message {
        if legacy {
            return self.legacy_snapshot(message, prefix);
        }
        message
            .prefixed(prefix, "Channel", &self.name)
            .prefixed(prefix, "ChannelState", self.state.code())
            .prefixed(prefix, "ChannelStateDesc", self.state.text())
            .prefixed(prefix, "CallerIDNum", shown(&self.caller.num))
            .prefixed(prefix, "CallerIDName", shown(&self.caller.name))
            .prefixed(prefix, "ConnectedLineNum", shown(&self.connected.num))
            .prefixed(prefix, "ConnectedLineName", shown(&self.connected.name))
            .prefixed(prefix, "Language", "en")
            .prefixed(prefix, "AccountCode", &self.account)
            .prefixed(prefix, "Context", &self.place.context)
            .prefixed(prefix, "Exten", &self.place.exten)
            .prefixed(prefix, "Priority", self.place.priority.to_string())
            .prefixed(prefix, "Uniqueid", &self.uniqueid)
            .prefixed(prefix, "Linkedid", &self.linkedid)
    }

    /// The channel headers of Asterisk 11.
    fn legacy_snapshot(&self, message: Message, prefix: &str) -> Message {
        message
            .prefixed(prefix, "Channel", &self.name)
            .prefixed(prefix, "ChannelState", self.state.code())
            .prefixed(prefix, "ChannelStateDesc", self.state.text())
            .prefixed(prefix, "CallerIDNum", &self.caller.num)
            .prefixed(prefix, "CallerIDName", &self.caller.name)
            .prefixed(prefix, "ConnectedLineNum", &self.connected.num)
            .prefixed(prefix, "ConnectedLineName", &self.connected.name)
            .prefixed(prefix, "AccountCode", &self.account)
            .prefixed(prefix, "Uniqueid", &self.uniqueid)
    }
}

/// How Asterisk shows a party value that may be missing.
pub(crate) fn shown(value: &str) -> &str {
    if value.is_empty() { "<unknown>" } else { value }
}

/// A live bridge.
#[derive(Debug, Clone)]
pub(crate) struct Bridge {
    pub(crate) id: String,
    pub(crate) members: Vec<ChannelKey>,
}

impl Bridge {
    /// The headers every bridge event and list item carries.
    pub(crate) fn headers(&self, message: Message) -> Message {
        message
            .header("BridgeUniqueid", &self.id)
            .header("BridgeType", "basic")
            .header("BridgeTechnology", "simple_bridge")
            .header("BridgeCreator", "<unknown>")
            .header("BridgeName", "<unknown>")
            .header("BridgeNumChannels", self.members.len().to_string())
            .header("BridgeVideoSourceMode", "none")
    }
}
