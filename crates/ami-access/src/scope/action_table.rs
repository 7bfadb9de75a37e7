//! What an account with `channels` may do with each action, and which of its headers name channels or devices.
//!
//! Owner: the project. Every action of the table of authority has its row here, by the same name; a test sees to it. What
//! is not clearly about objects that the request itself names is refused, unless the account's `allow_actions` names it.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How an action is bound to the account's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Belongs to the session, or tells of the node alone.
    Open,
    /// Must name an object, and whatever it names must be inside.
    Objects,
    /// As `Objects`, and it must be named in `allow_actions`: it does more than its object tells.
    NamedObjects,
    /// A list: items out of scope are left out. Whatever it names must be inside.
    List,
    /// As `List`, and it must name an object.
    ObjectList,
    /// Only when it is named in `allow_actions`, and then as for an account without `channels`.
    Named,
}

/// What the value of an action's header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// The whole name of a channel. The node would take a Uniqueid too, of which nobody here knows whose it is.
    Channel,
    /// The beginning of a channel's name: the node takes any that begins so.
    Beginning,
    /// A device, as it is dialled.
    Device,
    /// A device of that technology, named without it.
    Of(&'static str),
    /// A Uniqueid for a new channel: anything that nobody can take for the name of one.
    NewId,
}

/// Headers that name objects.
type Objects = &'static [(&'static str, Object)];

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActionRule {
    pub(crate) access: Access,
    pub(crate) objects: Objects,
}

/// The row of an action, its name as the table of authority spells it.
pub(crate) fn rule(action: &str) -> ActionRule {
    static BY_NAME: LazyLock<HashMap<&'static str, ActionRule>> =
        LazyLock::new(|| rules().collect());
    BY_NAME.get(action).copied().unwrap_or(ActionRule {
        access: Access::Named,
        objects: &[],
    })
}

/// Every action with its row.
pub(crate) fn rules() -> impl Iterator<Item = (&'static str, ActionRule)> {
    TABLE.iter().flat_map(|(actions, access, objects)| {
        let rule = ActionRule {
            access: *access,
            objects,
        };
        actions
            .split_ascii_whitespace()
            .map(move |action| (action, rule))
    })
}

const CHANNEL: Objects = &[("Channel", Object::Channel)];

const BEGINNING: Objects = &[("Channel", Object::Beginning)];

const CALLER: Objects = &[("Caller", Object::Channel)];

const MEMBER: Objects = &[
    ("Interface", Object::Device),
    ("StateInterface", Object::Device),
];

const ENDPOINT: Objects = &[("Endpoint", Object::Of("PJSIP"))];

const SIP_PEER: Objects = &[("Peer", Object::Of("SIP"))];

const DAHDI: Objects = &[("DAHDIChannel", Object::Of("DAHDI"))];

/// Actions, how they are bound, and the headers that name objects.
const TABLE: &[(&str, Access, Objects)] = &[
    // Of the session itself. CoreSettings tells the version and limits of the node.
    (
        "Challenge CoreSettings Events Filter ListCommands Login Logoff Ping WaitEvent",
        Access::Open,
        &[],
    ),
    // One channel, by its name.
    (
        "AbsoluteTimeout Atxfer BlindTransfer BridgeKick CancelAtxfer ConfbridgeKick ControlPlayback Getvar \
         Hangup LocalOptimizeAway MixMonitorMute MuteAudio PauseMonitor PJSIPHangup PlayDTMF PlayMF SendFlash \
         SendText Setvar StopMixMonitor StopMonitor UnpauseMonitor",
        Access::Objects,
        CHANNEL,
    ),
    // AGI runs any application, MixMonitor a shell command; those that record write where they are told.
    (
        "AGI ChangeMonitor MixMonitor Monitor",
        Access::NamedObjects,
        CHANNEL,
    ),
    // Several channels, or the beginnings of names.
    (
        "ConfbridgeMute ConfbridgeSetSingleVideoSrc ConfbridgeUnmute",
        Access::Objects,
        BEGINNING,
    ),
    (
        "AOCMessage",
        Access::Objects,
        &[
            ("Channel", Object::Channel),
            ("ChannelPrefix", Object::Beginning),
        ],
    ),
    (
        "Bridge",
        Access::Objects,
        &[
            ("Channel1", Object::Beginning),
            ("Channel2", Object::Beginning),
        ],
    ),
    (
        "Park",
        Access::Objects,
        &[
            ("Channel", Object::Channel),
            ("Channel2", Object::Channel),
            ("TimeoutChannel", Object::Channel),
            ("AnnounceChannel", Object::Channel),
        ],
    ),
    (
        "Redirect",
        Access::Objects,
        &[
            ("Channel", Object::Channel),
            ("ExtraChannel", Object::Channel),
        ],
    ),
    (
        "Originate",
        Access::Objects,
        &[
            ("Channel", Object::Device),
            ("ChannelId", Object::NewId),
            ("OtherChannelId", Object::NewId),
        ],
    ),
    // Members and callers of queues.
    (
        "QueueMemberRingInUse QueuePause QueuePenalty QueueRemove",
        Access::Objects,
        MEMBER,
    ),
    // A member gets the calls of the queue, whoever's they are.
    ("QueueAdd", Access::NamedObjects, MEMBER),
    (
        "QueueChangePriorityCaller QueueWithdrawCaller",
        Access::Objects,
        CALLER,
    ),
    // Devices.
    (
        "PJSIPQualify PJSIPSetMaintenance",
        Access::Objects,
        ENDPOINT,
    ),
    ("SIPqualifypeer SIPshowpeer", Access::Objects, SIP_PEER),
    (
        "DAHDIDialOffhook DAHDIDNDoff DAHDIDNDon DAHDIHangup DAHDITransfer",
        Access::Objects,
        DAHDI,
    ),
    // Lists whose items name channels or devices.
    (
        "Agents BridgeInfo ConfbridgeList CoreShowChannels DAHDIShowChannels DeviceStateList ExtensionStateList \
         FAXSessions IAXpeerlist IAXpeers MeetmeList ParkedCalls PJSIPShowContacts PJSIPShowEndpoints \
         PJSIPShowMaintenance PJSIPShowRegistrationInboundContactStatuses PJSIPShowSubscriptionsInbound \
         PJSIPShowSubscriptionsOutbound PresenceStateList QueueStatus SIPpeers",
        Access::List,
        &[],
    ),
    ("Status", Access::List, CHANNEL),
    ("SIPpeerstatus", Access::List, SIP_PEER),
    ("CoreShowChannelMap", Access::ObjectList, CHANNEL),
    ("PJSIPShowEndpoint", Access::ObjectList, ENDPOINT),
    // The whole of a conference, bridge, queue or technology.
    (
        "BridgeDestroy BridgeList BridgeTechnologyList BridgeTechnologySuspend BridgeTechnologyUnsuspend \
         ConfbridgeListRooms ConfbridgeLock ConfbridgeStartRecord ConfbridgeStopRecord ConfbridgeUnlock \
         MeetmeListRooms MeetmeMute MeetmeUnmute Parkinglots QueueLog QueueReload QueueReset QueueRule Queues \
         QueueSummary",
        Access::Named,
        &[],
    ),
    // The node as a whole: its configuration, database, dialplan, modules and sums over everybody's calls.
    (
        "Command CoreStatus CreateConfig DataGet DBDel DBDelTree DBGet DBGetTree DBPut DialplanExtensionAdd \
         DialplanExtensionRemove FAXStats GetConfig GetConfigJSON IAXnetstats ListCategories LoggerRotate \
         ModuleCheck ModuleLoad Reload ShowDialPlan SorceryMemoryCacheExpire SorceryMemoryCacheExpireObject \
         SorceryMemoryCachePopulate SorceryMemoryCacheStale SorceryMemoryCacheStaleObject UpdateConfig",
        Access::Named,
        &[],
    ),
    // Objects by names that belong to no channel or device: extensions, mailboxes, agents, sessions, registrations.
    (
        "AgentLogoff ExtensionState FAXSession IAXregistry JabberSend MailboxCount MailboxStatus MessageSend \
         MWIDelete MWIGet MWIUpdate PJSIPNotify PJSIPRegister PJSIPShowAors PJSIPShowAuths \
         PJSIPShowRegistrationsInbound PJSIPShowRegistrationsOutbound PJSIPShowResourceLists PJSIPUnregister \
         PresenceState SIPnotify SIPshowregistry UserEvent VoicemailBoxSummary VoicemailForward VoicemailMove \
         VoicemailRefresh VoicemailRemove VoicemailUsersList VoicemailUserStatus",
        Access::Named,
        &[],
    ),
    // Spans and drivers.
    (
        "DAHDIRestart DAHDIShowStatus PRIDebugFileSet PRIDebugFileUnset PRIDebugSet PRIShowSpans SKINNYdevices \
         SKINNYlines SKINNYshowdevice SKINNYshowline",
        Access::Named,
        &[],
    ),
];
