//! The table of actions: name, classes, releases, handler, synopsis.
//!
//! In alphabetical order, as ListCommands shows it. Classes are those of the newest release; the releases are those in whose source
//! the action is, a branch as a whole: `V13_0` means Asterisk 12 or 13.

use ami_proto::{ActionName, Class, ClassSet};

use super::{
    Outcome, Turn, channels, command, config, control, database, lists, originate, plain, queues,
    session, variables,
};
use crate::SimVersion;

/// An action of the simulator.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) synopsis: &'static str,
    pub(super) classes: ClassSet,
    since: SimVersion,
    /// The last release that has it.
    until: SimVersion,
    pub(super) run: fn(&mut Turn<'_>) -> Outcome,
}

/// The actions a release knows.
pub(super) fn known(version: SimVersion) -> impl Iterator<Item = &'static Entry> {
    let is_known = move |entry: &&Entry| entry.since <= version && version <= entry.until;
    ENTRIES.iter().filter(is_known)
}

pub(super) fn find(name: &ActionName, version: SimVersion) -> Option<&'static Entry> {
    known(version).find(|entry| name.is(entry.name))
}

macro_rules! last {
    () => {
        SimVersion::NEWEST
    };
    ($until:ident) => {
        SimVersion::$until
    };
}

macro_rules! table {
    ($($name:literal [$($class:ident)*] $since:ident .. $($until:ident)? => $run:path, $synopsis:literal;)*) => {
        &[$(Entry {
            name: $name,
            synopsis: $synopsis,
            classes: ClassSet::NONE$(.union(ClassSet::of(Class::$class)))*,
            since: SimVersion::$since,
            until: last!($($until)?),
            run: $run,
        }),*]
    };
}

static ENTRIES: &[Entry] = table! {
    "AbsoluteTimeout" [System Call] V1_8 .. => control::absolute_timeout, "Limit the life of a channel.";
    "Agents" [Agent] V1_8 .. => config::agents, "Agents and what they do.";
    "AGI" [Agi] V1_8 .. => plain::agi, "Queue an AGI command.";
    "Atxfer" [Call] V1_8 .. => control::atxfer, "Transfer with consultation.";
    "BlindTransfer" [Call] V13_0 .. => control::blind_transfer, "Transfer without consultation.";
    "Bridge" [Call] V1_8 .. => control::bridge, "Connect two live channels.";
    "BridgeInfo" [] V13_0 .. => channels::bridge_info, "Channels of a bridge.";
    "BridgeList" [] V13_0 .. => channels::bridge_list, "Bridges of the node.";
    "BridgeTechnologyList" [] V13_0 .. => plain::bridge_technology_list, "Ways to bridge channels.";
    "Challenge" [] V1_8 .. => session::challenge, "Challenge for a login by digest.";
    "Command" [Command] V1_8 .. => command::command, "Run a CLI command.";
    "ConfbridgeList" [Reporting] V11 .. => lists::of_one, "Members of a conference.";
    "ConfbridgeListRooms" [Reporting] V11 .. => config::confbridge_list_rooms, "Conferences in progress.";
    "CoreSettings" [System Reporting] V1_8 .. => config::core_settings, "Versions and settings of the core.";
    "CoreShowChannelMap" [System Reporting] V18 .. => plain::core_show_channel_map, "Channels connected to a channel.";
    "CoreShowChannels" [System Reporting] V1_8 .. => channels::core_show_channels, "Channels of the node.";
    "CoreStatus" [System Reporting] V1_8 .. => config::core_status, "Start, reload and calls of the core.";
    "DAHDIShowChannels" [] V1_8 .. => lists::of_one, "DAHDI channels of the node.";
    "DAHDIShowStatus" [] V18 .. => lists::of_one, "DAHDI spans of the node.";
    "DBDel" [System] V1_8 .. => database::db_del, "Delete a database entry.";
    "DBDelTree" [System] V1_8 .. => database::db_del_tree, "Delete a family of database entries.";
    "DBGet" [System Reporting] V1_8 .. => database::db_get, "Read a database entry.";
    "DBGetTree" [System Reporting] V16 .. => database::db_get_tree, "Read a family of database entries.";
    "DBPut" [System] V1_8 .. => database::db_put, "Write a database entry.";
    "DeviceStateList" [Call Reporting] V13_0 .. => channels::device_state_list, "States of all devices.";
    "Events" [] V1_8 .. => session::events, "Choose the events of this session.";
    "ExtensionState" [Call Reporting] V1_8 .. => channels::extension_state, "State of an extension.";
    "ExtensionStateList" [Call Reporting] V13_0 .. => channels::extension_state_list, "States of all extensions.";
    "FAXSessions" [Call] V13_0 .. => lists::of_one, "Fax sessions in progress.";
    "GetConfig" [System Config] V1_8 .. => config::get_config, "Read a configuration file.";
    "Getvar" [Call Reporting] V1_8 .. => variables::getvar, "Read a variable or function.";
    "Hangup" [System Call] V1_8 .. => control::hangup, "End a channel.";
    "IAXnetstats" [System Reporting] V1_8 .. => plain::iax_netstats, "Traffic of IAX peers.";
    "IAXpeerlist" [System Reporting] V1_8 .. => lists::of_one, "IAX peers of the node.";
    "IAXpeers" [System Reporting] V1_8 .. => lists::of_one, "IAX peers of the node.";
    "IAXregistry" [System Reporting] V1_8 .. => lists::of_one, "IAX registrations of the node.";
    "ListCommands" [] V1_8 .. => session::list_commands, "The actions this session may run.";
    "LocalOptimizeAway" [System Call] V1_8 .. => plain::local_optimize_away, "Let a Local channel be optimized away.";
    "LoggerRotate" [System Reporting] V13_0 .. => plain::logger_rotate, "Rotate the log files.";
    "Login" [] V1_8 .. => session::login, "Log in.";
    "Logoff" [] V1_8 .. => session::logoff, "Leave.";
    "MailboxCount" [Call Reporting] V1_8 .. => config::mailbox_count, "Count the messages of a mailbox.";
    "MailboxStatus" [Call Reporting] V1_8 .. => config::mailbox_status, "Whether a mailbox has messages.";
    "MeetmeList" [Reporting] V1_8 .. => lists::of_one, "Members of conferences.";
    "MeetmeListRooms" [Reporting] V11 .. => lists::of_one, "Conferences in progress.";
    "MessageSend" [Message] V11 .. => config::message_send, "Send a message outside of calls.";
    "MixMonitor" [System] V11 .. => plain::mix_monitor, "Record a call.";
    "ModuleCheck" [System] V1_8 .. => config::module_check, "Whether a module is loaded.";
    "ModuleLoad" [System] V1_8 .. => config::module_load, "Load, unload or reload a module.";
    "MuteAudio" [System] V1_8 .. => plain::mute_audio, "Mute a channel.";
    "MWIGet" [Call Reporting] V13_0 .. => lists::of_one, "Mailboxes of others.";
    "Originate" [Originate] V1_8 .. => originate::originate, "Place a call.";
    "Park" [Call] V1_8 .. => plain::park, "Park a channel.";
    "ParkedCalls" [Call] V1_8 .. => config::parked_calls, "Calls in parking lots.";
    "Parkinglots" [Call] V11 .. => config::parking_lots, "Parking lots of the node.";
    "Ping" [] V1_8 .. => session::ping, "Sign of life.";
    "PJSIPShowAors" [System] V16 .. => lists::of_one, "PJSIP addresses of record.";
    "PJSIPShowAuths" [System] V16 .. => lists::of_one, "PJSIP credentials.";
    "PJSIPShowContacts" [System] V16 .. => plain::pjsip_show_contacts, "PJSIP contacts of the node.";
    "PJSIPShowEndpoint" [System] V13_0 .. => plain::pjsip_show_endpoint, "One PJSIP endpoint in detail.";
    "PJSIPShowEndpoints" [System] V13_0 .. => channels::pjsip_show_endpoints, "PJSIP endpoints of the node.";
    "PJSIPShowMaintenance" [System Reporting] V20 .. => lists::of_one, "PJSIP endpoints in maintenance.";
    "PJSIPShowRegistrationInboundContactStatuses" [System] V13_0 .. => lists::of_one, "States of registered contacts.";
    "PJSIPShowRegistrationsInbound" [System] V13_0 .. => lists::of_one, "Registrations at the node.";
    "PJSIPShowRegistrationsOutbound" [System Reporting] V13_0 .. => lists::of_one, "Registrations of the node elsewhere.";
    "PJSIPShowResourceLists" [System] V13_0 .. => lists::of_one, "PJSIP resource lists.";
    "PJSIPShowSubscriptionsInbound" [System] V13_0 .. => lists::of_one, "Subscriptions at the node.";
    "PJSIPShowSubscriptionsOutbound" [System] V13_0 .. => lists::of_one, "Subscriptions of the node elsewhere.";
    "PlayDTMF" [Call] V1_8 .. => control::play_dtmf, "Play a digit on a channel.";
    "PresenceStateList" [Call Reporting] V13_0 .. => config::presence_state_list, "States of all presences.";
    "PRIShowSpans" [] V11 .. => lists::of_one, "PRI spans of the node.";
    "QueueAdd" [Agent] V1_8 .. => queues::queue_add, "Put a member into a queue.";
    "QueueLog" [Agent] V1_8 .. => queues::queue_log, "Write a line to the queue log.";
    "QueuePause" [Agent] V1_8 .. => queues::queue_pause, "Pause a queue member or let it go on.";
    "QueuePenalty" [Agent] V1_8 .. => queues::queue_penalty, "Change the penalty of a queue member.";
    "QueueReload" [] V1_8 .. => plain::queue_reload, "Reload queues.";
    "QueueRemove" [Agent] V1_8 .. => queues::queue_remove, "Take a member out of a queue.";
    "QueueReset" [] V1_8 .. => queues::queue_reset, "Forget the statistics of a queue.";
    "QueueRule" [] V1_8 .. => queues::queue_rule, "Penalty rules of the queues.";
    "Queues" [] V1_8 .. V13 => plain::queues, "Queues as the CLI shows them.";
    "QueueStatus" [] V1_8 .. => queues::queue_status, "Queues with members and callers.";
    "QueueSummary" [] V1_8 .. => queues::queue_summary, "Queues in numbers.";
    "Redirect" [Call] V1_8 .. => control::redirect, "Send a channel elsewhere.";
    "Reload" [System Config] V1_8 .. => config::reload, "Reload a module or all.";
    "SendText" [Call] V1_8 .. => control::send_text, "Send text to a channel.";
    "Setvar" [Call] V1_8 .. => variables::setvar, "Set a variable or function.";
    "ShowDialPlan" [Config Reporting] V1_8 .. => lists::of_one, "Dialplan of the node.";
    "SIPpeers" [System Reporting] V1_8 .. V20 => lists::of_one, "SIP peers of the node.";
    "SIPpeerstatus" [System] V11 .. V20 => lists::of_one, "States of SIP peers.";
    "SIPshowregistry" [System Reporting] V1_8 .. V20 => lists::of_one, "SIP registrations of the node.";
    "SKINNYdevices" [System Reporting] V1_8 .. V20 => lists::of_one, "SKINNY devices of the node.";
    "SKINNYlines" [System Reporting] V1_8 .. V20 => lists::of_one, "SKINNY lines of the node.";
    "Status" [System Call Reporting] V1_8 .. => channels::status, "Channels in detail.";
    "StopMixMonitor" [System Call] V11 .. => plain::stop_mix_monitor, "End the recording of a call.";
    "UpdateConfig" [Config] V1_8 .. => plain::update_config, "Change a configuration file.";
    "UserEvent" [User] V1_8 .. => session::user_event, "Raise an event of your own.";
    "VoicemailBoxSummary" [Call Reporting] V18 .. => lists::of_one, "Messages of a mailbox.";
    "VoicemailUsersList" [Call Reporting] V1_8 .. => plain::voicemail_users_list, "Voicemail users.";
    "VoicemailUserStatus" [Call Reporting] V16 .. => lists::of_one, "State of a mailbox.";
    "WaitEvent" [] V1_8 .. => session::wait_event, "Wait until there is an event.";
};
