//! The built-in table: every action of Asterisk 1.8 to 24.
//!
//! Owner: the project. A row is `name [classes] cost form => route`, and `shareable` where the answer is the same
//! for everybody. Rows are in alphabetical order without regard to case. SKINNYdevices and SKINNYlines are no lists to be merged: no blank
//! line ends their items, so that a whole list is one message.

use std::collections::HashMap;
use std::sync::LazyLock;

use ami_proto::{ActionName, Class, ClassSet};

use super::{ActionSpec, Cost, Irregular, ListForm, RouteKind, folded};

/// The row of an action, whatever the case of its name.
pub fn builtin(name: &ActionName) -> Option<&'static ActionSpec> {
    static BY_NAME: LazyLock<HashMap<String, &'static ActionSpec>> = LazyLock::new(|| {
        TABLE
            .iter()
            .map(|spec| (spec.name.to_ascii_lowercase(), spec))
            .collect()
    });
    BY_NAME.get(&folded(name)).copied()
}

/// All rows in alphabetical order.
pub fn builtin_all() -> &'static [ActionSpec] {
    TABLE
}

macro_rules! form {
    (No) => {
        ListForm::No
    };
    (ConditionalHangup) => {
        ListForm::ConditionalHangup
    };
    (list($complete:literal)) => {
        ListForm::List {
            complete: &[$complete],
        }
    };
    (irregular($kind:ident)) => {
        ListForm::Irregular(Irregular::$kind)
    };
}

macro_rules! is_shareable {
    () => {
        false
    };
    (shareable) => {
        true
    };
}

macro_rules! table {
    ($($name:literal [$($class:ident)*] $cost:ident $form:ident $(($arg:tt))? => $route:ident $($share:ident)?;)*) => {
        &[$(ActionSpec {
            name: $name,
            classes: ClassSet::NONE$(.union(ClassSet::of(Class::$class)))*,
            cost: Cost::$cost,
            list: form!($form $(($arg))?),
            route: RouteKind::$route,
            shareable: is_shareable!($($share)?),
        }),*]
    };
}

static TABLE: &[ActionSpec] = table! {
    "AbsoluteTimeout" [System Call] Quick No => Channel;
    "AgentLogoff" [Agent] Quick No => Agent;
    "Agents" [Agent] Slow list("AgentsComplete") => List shareable;
    "AGI" [Agi] Quick No => Channel;
    "AOCMessage" [Aoc] Quick irregular(TwoResponses) => Channel;
    "Atxfer" [Call] Quick No => Channel;
    "BlindTransfer" [Call] Quick No => Channel;
    "Bridge" [Call] Quick No => Channel;
    "BridgeDestroy" [] Quick No => Bridge;
    "BridgeInfo" [] Quick list("BridgeInfoComplete") => Bridge shareable;
    "BridgeKick" [] Quick No => Bridge;
    "BridgeList" [] Slow list("BridgeListComplete") => List shareable;
    "BridgeTechnologyList" [] Quick list("BridgeTechnologyListComplete") => List shareable;
    "BridgeTechnologySuspend" [] Quick No => NeedsNode;
    "BridgeTechnologyUnsuspend" [] Quick No => NeedsNode;
    "CancelAtxfer" [Call] Quick No => Channel;
    "Challenge" [] Quick No => Local;
    "ChangeMonitor" [Call] Quick No => Channel;
    "Command" [Command] Slow No => NeedsNode;
    "ConfbridgeKick" [Call] Quick No => Conference;
    "ConfbridgeList" [Reporting] Quick list("ConfbridgeListComplete") => Conference shareable;
    "ConfbridgeListRooms" [Reporting] Quick list("ConfbridgeListRoomsComplete") => List shareable;
    "ConfbridgeLock" [Call] Quick No => Conference;
    "ConfbridgeMute" [Call] Quick No => Conference;
    "ConfbridgeSetSingleVideoSrc" [Call] Quick No => Conference;
    "ConfbridgeStartRecord" [System] Quick No => Conference;
    "ConfbridgeStopRecord" [System] Quick No => Conference;
    "ConfbridgeUnlock" [Call] Quick No => Conference;
    "ConfbridgeUnmute" [Call] Quick No => Conference;
    "ControlPlayback" [Call] Quick No => Channel;
    "CoreSettings" [System Reporting] Quick No => NeedsNode shareable;
    "CoreShowChannelMap" [System Reporting] Slow list("CoreShowChannelMapComplete") => Channel shareable;
    "CoreShowChannels" [System Reporting] Slow list("CoreShowChannelsComplete") => List shareable;
    "CoreStatus" [System Reporting] Quick No => NeedsNode shareable;
    "CreateConfig" [Config] Slow No => NeedsNode;
    "DAHDIDialOffhook" [] Quick No => NeedsNode;
    "DAHDIDNDoff" [] Quick No => NeedsNode;
    "DAHDIDNDon" [] Quick No => NeedsNode;
    "DAHDIHangup" [] Quick No => NeedsNode;
    "DAHDIRestart" [] Slow No => NeedsNode;
    "DAHDIShowChannels" [] Slow list("DAHDIShowChannelsComplete") => List shareable;
    "DAHDIShowStatus" [] Slow list("DAHDIShowStatusComplete") => List shareable;
    "DAHDITransfer" [] Quick No => NeedsNode;
    "DataGet" [] Slow irregular(Uncorrelatable) => NeedsNode;
    "DBDel" [System] Quick No => NeedsNode;
    "DBDelTree" [System] Slow No => NeedsNode;
    "DBGet" [System Reporting] Quick list("DBGetComplete") => NeedsNode shareable;
    "DBGetTree" [System Reporting] Slow list("DBGetTreeComplete") => NeedsNode shareable;
    "DBPut" [System] Quick No => NeedsNode;
    "DeviceStateList" [Call Reporting] Slow list("DeviceStateListComplete") => List shareable;
    "DialplanExtensionAdd" [System] Quick No => NeedsNode;
    "DialplanExtensionRemove" [System] Quick No => NeedsNode;
    "Events" [] Quick No => Local;
    "ExtensionState" [Call Reporting] Quick No => NeedsNode shareable;
    "ExtensionStateList" [Call Reporting] Slow list("ExtensionStateListComplete") => List shareable;
    "FAXSession" [Call] Quick irregular(NoCompletion) => NeedsNode;
    "FAXSessions" [Call] Slow list("FAXSessionsComplete") => List shareable;
    "FAXStats" [Reporting] Quick irregular(NoCompletion) => NeedsNode shareable;
    "Filter" [System] Quick No => Local;
    "GetConfig" [System Config] Slow No => NeedsNode shareable;
    "GetConfigJSON" [System Config] Slow No => NeedsNode shareable;
    "Getvar" [Call Reporting] Quick No => Channel;
    "Hangup" [System Call] Quick ConditionalHangup => Channel;
    "IAXnetstats" [System Reporting] Slow irregular(Uncorrelatable) => NeedsNode;
    "IAXpeerlist" [System Reporting] Slow list("PeerlistComplete") => List shareable;
    "IAXpeers" [System Reporting] Slow list("PeerlistComplete") => List shareable;
    "IAXregistry" [System Reporting] Slow list("RegistrationsComplete") => List shareable;
    "JabberSend" [System] Quick irregular(TwoResponses) => NeedsNode;
    "ListCategories" [Config] Slow No => NeedsNode shareable;
    "ListCommands" [] Quick No => Local;
    "LocalOptimizeAway" [System Call] Quick No => Channel;
    "LoggerRotate" [System Reporting] Slow No => NeedsNode;
    "Login" [] Quick No => Local;
    "Logoff" [] Quick No => Local;
    "MailboxCount" [Call Reporting] Slow No => NeedsNode shareable;
    "MailboxStatus" [Call Reporting] Slow No => NeedsNode shareable;
    "MeetmeList" [Reporting] Quick list("MeetmeListComplete") => Conference shareable;
    "MeetmeListRooms" [Reporting] Quick list("MeetmeListRoomsComplete") => List shareable;
    "MeetmeMute" [Call] Quick No => Conference;
    "MeetmeUnmute" [Call] Quick No => Conference;
    "MessageSend" [Message] Quick No => NeedsNode;
    "MixMonitor" [System] Quick No => Channel;
    "MixMonitorMute" [System Call] Quick No => Channel;
    "ModuleCheck" [System] Slow No => NeedsNode shareable;
    "ModuleLoad" [System] Slow irregular(ThreeResponses) => NeedsNode;
    "Monitor" [Call] Quick No => Channel;
    "MuteAudio" [System] Quick No => Channel;
    "MWIDelete" [Call] Quick No => NeedsNode;
    "MWIGet" [Call Reporting] Quick list("MWIGetComplete") => List shareable;
    "MWIUpdate" [Call] Quick No => NeedsNode;
    "Originate" [Originate] Blocking No => Originate;
    "Park" [Call] Quick No => Channel;
    "ParkedCalls" [Call] Quick list("ParkedCallsComplete") => Parking shareable;
    "Parkinglots" [Call] Quick list("ParkinglotsComplete") => List shareable;
    "PauseMonitor" [Call] Quick No => Channel;
    "Ping" [] Quick No => Local;
    "PJSIPHangup" [System Call] Quick ConditionalHangup => Channel;
    "PJSIPNotify" [System] Quick No => NeedsNode;
    "PJSIPQualify" [System Reporting] Slow No => NeedsNode;
    "PJSIPRegister" [System Reporting] Slow No => NeedsNode;
    "PJSIPSetMaintenance" [System] Quick No => NeedsNode;
    "PJSIPShowAors" [System] Slow list("AorListComplete") => List shareable;
    "PJSIPShowAuths" [System] Slow list("AuthListComplete") => List shareable;
    "PJSIPShowContacts" [System] Slow list("ContactListComplete") => List shareable;
    "PJSIPShowEndpoint" [System] Slow list("EndpointDetailComplete") => List shareable;
    "PJSIPShowEndpoints" [System] Slow list("EndpointListComplete") => List shareable;
    "PJSIPShowMaintenance" [System Reporting] Slow list("PJSIPMaintenanceStatusComplete") => List shareable;
    "PJSIPShowRegistrationInboundContactStatuses" [System] Slow list("ContactStatusDetailComplete") => List shareable;
    "PJSIPShowRegistrationsInbound" [System] Slow list("InboundRegistrationDetailComplete") => List shareable;
    "PJSIPShowRegistrationsOutbound" [System Reporting] Slow list("OutboundRegistrationDetailComplete") => List shareable;
    "PJSIPShowResourceLists" [System] Slow list("ResourceListDetailComplete") => List shareable;
    "PJSIPShowSubscriptionsInbound" [System] Slow list("InboundSubscriptionDetailComplete") => List shareable;
    "PJSIPShowSubscriptionsOutbound" [System] Slow list("OutboundSubscriptionDetailComplete") => List shareable;
    "PJSIPUnregister" [System Reporting] Slow No => NeedsNode;
    "PlayDTMF" [Call] Blocking No => Channel;
    "PlayMF" [Call] Blocking No => Channel;
    "PresenceState" [Call Reporting] Quick No => NeedsNode shareable;
    "PresenceStateList" [Call Reporting] Slow list("PresenceStateListComplete") => List shareable;
    "PRIDebugFileSet" [System] Quick irregular(TwoResponses) => NeedsNode;
    "PRIDebugFileUnset" [] Quick No => NeedsNode;
    "PRIDebugSet" [] Quick irregular(TwoResponses) => NeedsNode;
    "PRIShowSpans" [] Slow list("PRIShowSpansComplete") => List shareable;
    "QueueAdd" [Agent] Quick No => Queue;
    "QueueChangePriorityCaller" [] Quick No => Queue;
    "QueueLog" [Agent] Quick No => Queue;
    "QueueMemberRingInUse" [Agent] Quick No => Queue;
    "QueuePause" [Agent] Quick No => Queue;
    "QueuePenalty" [Agent] Quick No => Queue;
    "QueueReload" [] Slow No => Queue;
    "QueueRemove" [Agent] Quick No => Queue;
    "QueueReset" [] Quick No => Queue;
    "QueueRule" [] Slow irregular(TrailingBlank) => NeedsNode shareable;
    "Queues" [] Slow irregular(TextBlocks) => NeedsNode;
    "QueueStatus" [] Slow list("QueueStatusComplete") => List shareable;
    "QueueSummary" [] Slow list("QueueSummaryComplete") => List shareable;
    "QueueWithdrawCaller" [] Quick No => Queue;
    "Redirect" [Call] Quick No => Channel;
    "Reload" [System Config] Slow No => NeedsNode;
    "SendFlash" [Call] Quick No => Channel;
    "SendText" [Call] Quick No => Channel;
    "Setvar" [Call] Quick No => Channel;
    "ShowDialPlan" [Config Reporting] Slow list("ShowDialPlanComplete") => List shareable;
    "SIPnotify" [System] Quick No => NeedsNode;
    "SIPpeers" [System Reporting] Slow list("PeerlistComplete") => List shareable;
    "SIPpeerstatus" [System] Slow list("SIPpeerstatusComplete") => List shareable;
    "SIPqualifypeer" [System Reporting] Quick No => NeedsNode;
    "SIPshowpeer" [System Reporting] Quick irregular(BlankAfterError) => NeedsNode shareable;
    "SIPshowregistry" [System Reporting] Slow list("RegistrationsComplete") => List shareable;
    "SKINNYdevices" [System Reporting] Slow list("DevicelistComplete") => NeedsNode shareable;
    "SKINNYlines" [System Reporting] Slow list("LinelistComplete") => NeedsNode shareable;
    "SKINNYshowdevice" [System Reporting] Slow irregular(TextThenBlank) => NeedsNode shareable;
    "SKINNYshowline" [System Reporting] Slow irregular(TextThenBlanks) => NeedsNode shareable;
    "SorceryMemoryCacheExpire" [System] Slow No => NeedsNode;
    "SorceryMemoryCacheExpireObject" [System] Slow No => NeedsNode;
    "SorceryMemoryCachePopulate" [System] Slow No => NeedsNode;
    "SorceryMemoryCacheStale" [System] Slow No => NeedsNode;
    "SorceryMemoryCacheStaleObject" [System] Slow No => NeedsNode;
    "Status" [System Call Reporting] Slow list("StatusComplete") => Channel shareable;
    "StopMixMonitor" [System Call] Quick No => Channel;
    "StopMonitor" [Call] Quick No => Channel;
    "UnpauseMonitor" [Call] Quick No => Channel;
    "UpdateConfig" [Config] Slow No => NeedsNode;
    "UserEvent" [User] Quick No => NeedsNode;
    "VoicemailBoxSummary" [Call Reporting] Slow list("VoicemailBoxDetailComplete") => List shareable;
    "VoicemailForward" [User] Slow No => NeedsNode;
    "VoicemailMove" [User] Slow No => NeedsNode;
    "VoicemailRefresh" [User] Slow No => NeedsNode;
    "VoicemailRemove" [User] Slow No => NeedsNode;
    "VoicemailUsersList" [Call Reporting] Slow list("VoicemailUserEntryComplete") => List shareable;
    "VoicemailUserStatus" [Call Reporting] Slow list("VoicemailUserDetailComplete") => List shareable;
    "WaitEvent" [] Blocking No => Local;
};
