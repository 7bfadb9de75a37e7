//! The table of actions: name, synopsis, classes, first release, handler.
//!
//! In alphabetical order, as ListCommands shows it. Classes are those of the newest release.

use ami_proto::{ActionName, ClassSet};

use super::{
    Outcome, Turn, channels, command, config, control, database, originate, plain, queues, session,
    variables,
};
use crate::SimVersion;
use crate::classes::{
    AGENT, AGI, CALL, COMMAND, CONFIG, MESSAGE, NONE, ORIGINATE, REPORTING, SYSTEM, USER,
};

/// An action of the simulator.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) synopsis: &'static str,
    pub(super) classes: ClassSet,
    since: SimVersion,
    pub(super) run: fn(&mut Turn<'_>) -> Outcome,
}

/// The actions a release knows.
pub(super) fn known(version: SimVersion) -> impl Iterator<Item = &'static Entry> {
    ENTRIES.iter().filter(move |entry| entry.since <= version)
}

pub(super) fn find(name: &ActionName, version: SimVersion) -> Option<&'static Entry> {
    known(version).find(|entry| name.is(entry.name))
}

const fn entry(
    name: &'static str,
    synopsis: &'static str,
    classes: ClassSet,
    run: fn(&mut Turn<'_>) -> Outcome,
) -> Entry {
    Entry {
        name,
        synopsis,
        classes,
        since: SimVersion::V11,
        run,
    }
}

/// An action that Asterisk 11 does not have.
const fn newer(entry: Entry) -> Entry {
    Entry {
        since: SimVersion::V13,
        ..entry
    }
}

const SYSTEM_CALL: ClassSet = SYSTEM.union(CALL);
const SYSTEM_REPORTING: ClassSet = SYSTEM.union(REPORTING);
const CALL_REPORTING: ClassSet = CALL.union(REPORTING);
const SYSTEM_CONFIG: ClassSet = SYSTEM.union(CONFIG);
const SYSTEM_CALL_REPORTING: ClassSet = SYSTEM_CALL.union(REPORTING);

static ENTRIES: [Entry; 70] = [
    entry(
        "AbsoluteTimeout",
        "Limit the life of a channel.",
        SYSTEM_CALL,
        control::absolute_timeout,
    ),
    entry("Agents", "Agents and what they do.", AGENT, config::agents),
    entry("AGI", "Queue an AGI command.", AGI, plain::agi),
    entry(
        "Atxfer",
        "Transfer with consultation.",
        CALL,
        control::atxfer,
    ),
    newer(entry(
        "BlindTransfer",
        "Transfer without consultation.",
        CALL,
        control::blind_transfer,
    )),
    entry(
        "Bridge",
        "Connect two live channels.",
        CALL,
        control::bridge,
    ),
    newer(entry(
        "BridgeInfo",
        "Channels of a bridge.",
        NONE,
        channels::bridge_info,
    )),
    newer(entry(
        "BridgeList",
        "Bridges of the node.",
        NONE,
        channels::bridge_list,
    )),
    newer(entry(
        "BridgeTechnologyList",
        "Ways to bridge channels.",
        NONE,
        plain::bridge_technology_list,
    )),
    entry(
        "Challenge",
        "Challenge for a login by digest.",
        NONE,
        session::challenge,
    ),
    entry("Command", "Run a CLI command.", COMMAND, command::command),
    entry(
        "ConfbridgeListRooms",
        "Conferences in progress.",
        REPORTING,
        config::confbridge_list_rooms,
    ),
    entry(
        "CoreSettings",
        "Versions and settings of the core.",
        SYSTEM_REPORTING,
        config::core_settings,
    ),
    newer(entry(
        "CoreShowChannelMap",
        "Channels connected to a channel.",
        SYSTEM_REPORTING,
        plain::core_show_channel_map,
    )),
    entry(
        "CoreShowChannels",
        "Channels of the node.",
        SYSTEM_REPORTING,
        channels::core_show_channels,
    ),
    entry(
        "CoreStatus",
        "Start, reload and calls of the core.",
        SYSTEM_REPORTING,
        config::core_status,
    ),
    entry(
        "DBDel",
        "Delete a database entry.",
        SYSTEM,
        database::db_del,
    ),
    entry(
        "DBDelTree",
        "Delete a family of database entries.",
        SYSTEM,
        database::db_del_tree,
    ),
    entry(
        "DBGet",
        "Read a database entry.",
        SYSTEM_REPORTING,
        database::db_get,
    ),
    newer(entry(
        "DBGetTree",
        "Read a family of database entries.",
        SYSTEM_REPORTING,
        database::db_get_tree,
    )),
    entry("DBPut", "Write a database entry.", SYSTEM, database::db_put),
    newer(entry(
        "DeviceStateList",
        "States of all devices.",
        CALL_REPORTING,
        channels::device_state_list,
    )),
    entry(
        "Events",
        "Choose the events of this session.",
        NONE,
        session::events,
    ),
    entry(
        "ExtensionState",
        "State of an extension.",
        CALL_REPORTING,
        channels::extension_state,
    ),
    newer(entry(
        "ExtensionStateList",
        "States of all extensions.",
        CALL_REPORTING,
        channels::extension_state_list,
    )),
    entry(
        "GetConfig",
        "Read a configuration file.",
        SYSTEM_CONFIG,
        config::get_config,
    ),
    entry(
        "Getvar",
        "Read a variable or function.",
        CALL_REPORTING,
        variables::getvar,
    ),
    entry("Hangup", "End a channel.", SYSTEM_CALL, control::hangup),
    entry(
        "ListCommands",
        "The actions this session may run.",
        NONE,
        session::list_commands,
    ),
    entry(
        "LocalOptimizeAway",
        "Let a Local channel be optimized away.",
        SYSTEM_CALL,
        plain::local_optimize_away,
    ),
    newer(entry(
        "LoggerRotate",
        "Rotate the log files.",
        SYSTEM_REPORTING,
        plain::logger_rotate,
    )),
    entry("Login", "Log in.", NONE, session::login),
    entry("Logoff", "Leave.", NONE, session::logoff),
    entry(
        "MailboxCount",
        "Count the messages of a mailbox.",
        CALL_REPORTING,
        config::mailbox_count,
    ),
    entry(
        "MailboxStatus",
        "Whether a mailbox has messages.",
        CALL_REPORTING,
        config::mailbox_status,
    ),
    newer(entry(
        "MessageSend",
        "Send a message outside of calls.",
        MESSAGE,
        config::message_send,
    )),
    entry("MixMonitor", "Record a call.", SYSTEM, plain::mix_monitor),
    entry(
        "ModuleCheck",
        "Whether a module is loaded.",
        SYSTEM,
        config::module_check,
    ),
    entry(
        "ModuleLoad",
        "Load, unload or reload a module.",
        SYSTEM,
        config::module_load,
    ),
    entry("MuteAudio", "Mute a channel.", SYSTEM, plain::mute_audio),
    entry(
        "Originate",
        "Place a call.",
        ORIGINATE,
        originate::originate,
    ),
    entry("Park", "Park a channel.", CALL, plain::park),
    entry(
        "ParkedCalls",
        "Calls in parking lots.",
        CALL,
        config::parked_calls,
    ),
    entry(
        "Parkinglots",
        "Parking lots of the node.",
        CALL,
        config::parking_lots,
    ),
    entry("Ping", "Sign of life.", NONE, session::ping),
    newer(entry(
        "PJSIPShowContacts",
        "PJSIP contacts of the node.",
        SYSTEM,
        plain::pjsip_show_contacts,
    )),
    newer(entry(
        "PJSIPShowEndpoint",
        "One PJSIP endpoint in detail.",
        SYSTEM,
        plain::pjsip_show_endpoint,
    )),
    newer(entry(
        "PJSIPShowEndpoints",
        "PJSIP endpoints of the node.",
        SYSTEM,
        channels::pjsip_show_endpoints,
    )),
    entry(
        "PlayDTMF",
        "Play a digit on a channel.",
        CALL,
        control::play_dtmf,
    ),
    newer(entry(
        "PresenceStateList",
        "States of all presences.",
        CALL_REPORTING,
        config::presence_state_list,
    )),
    entry(
        "QueueAdd",
        "Put a member into a queue.",
        AGENT,
        queues::queue_add,
    ),
    entry(
        "QueueLog",
        "Write a line to the queue log.",
        AGENT,
        queues::queue_log,
    ),
    entry(
        "QueuePause",
        "Pause a queue member or let it go on.",
        AGENT,
        queues::queue_pause,
    ),
    entry(
        "QueuePenalty",
        "Change the penalty of a queue member.",
        AGENT,
        queues::queue_penalty,
    ),
    entry("QueueReload", "Reload queues.", NONE, plain::queue_reload),
    entry(
        "QueueRemove",
        "Take a member out of a queue.",
        AGENT,
        queues::queue_remove,
    ),
    entry(
        "QueueReset",
        "Forget the statistics of a queue.",
        NONE,
        queues::queue_reset,
    ),
    entry(
        "QueueRule",
        "Penalty rules of the queues.",
        NONE,
        queues::queue_rule,
    ),
    entry(
        "QueueStatus",
        "Queues with members and callers.",
        NONE,
        queues::queue_status,
    ),
    entry(
        "QueueSummary",
        "Queues in numbers.",
        NONE,
        queues::queue_summary,
    ),
    entry(
        "Redirect",
        "Send a channel elsewhere.",
        CALL,
        control::redirect,
    ),
    entry(
        "Reload",
        "Reload a module or all.",
        SYSTEM_CONFIG,
        config::reload,
    ),
    entry(
        "SendText",
        "Send text to a channel.",
        CALL,
        control::send_text,
    ),
    entry(
        "Setvar",
        "Set a variable or function.",
        CALL,
        variables::setvar,
    ),
    entry(
        "Status",
        "Channels in detail.",
        SYSTEM_CALL_REPORTING,
        channels::status,
    ),
    entry(
        "StopMixMonitor",
        "End the recording of a call.",
        SYSTEM_CALL,
        plain::stop_mix_monitor,
    ),
    entry(
        "UpdateConfig",
        "Change a configuration file.",
        CONFIG,
        plain::update_config,
    ),
    entry(
        "UserEvent",
        "Raise an event of your own.",
        USER,
        session::user_event,
    ),
    entry(
        "VoicemailUsersList",
        "Voicemail users.",
        CALL_REPORTING,
        plain::voicemail_users_list,
    ),
    entry(
        "WaitEvent",
        "Wait until there is an event.",
        NONE,
        session::wait_event,
    ),
];
