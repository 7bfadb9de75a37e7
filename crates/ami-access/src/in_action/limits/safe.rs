//! `safe`: everything that leads beyond what an account's classes seem to say is closed, unless one of its lists opens it.
//!
//! The list is that of `docs/accounts.md`. Naming an action in `allow_actions` without a star opens that action, not what may be in it.

use ami_proto::Action;

use super::{contexts, variables};
use crate::account::Account;

/// Actions that change something and need no class, or lead to files, programs, secrets or everybody's data.
const CLOSED: [&str; 45] = [
    // Without a class in Asterisk.
    "BridgeDestroy",
    "BridgeKick",
    "BridgeTechnologySuspend",
    "BridgeTechnologyUnsuspend",
    "DAHDIDialOffhook",
    "DAHDIDNDoff",
    "DAHDIDNDon",
    "DAHDIHangup",
    "DAHDIRestart",
    "DAHDITransfer",
    "PRIDebugFileUnset",
    "PRIDebugSet",
    "QueueChangePriorityCaller",
    "QueueReload",
    "QueueReset",
    "QueueWithdrawCaller",
    // Programs, files and configuration.
    "AGI",
    "ChangeMonitor",
    "ConfbridgeStartRecord",
    "CreateConfig",
    "DialplanExtensionAdd",
    "DialplanExtensionRemove",
    "GetConfig",
    "GetConfigJSON",
    "ListCategories",
    "LoggerRotate",
    "MixMonitor",
    "ModuleLoad",
    "Monitor",
    "PRIDebugFileSet",
    "Reload",
    "UpdateConfig",
    // Credentials.
    "PJSIPShowAuths",
    "PJSIPShowEndpoint",
    "PJSIPShowRegistrationsOutbound",
    // Anybody's mail, anybody's telephone, anybody's log.
    "JabberSend",
    "MessageSend",
    "MWIDelete",
    "MWIUpdate",
    "PJSIPNotify",
    "QueueLog",
    "SIPnotify",
    "VoicemailForward",
    "VoicemailMove",
    "VoicemailRemove",
];

/// Header names that Asterisk writes itself: in a UserEvent they would pass for its own.
const FORGEABLE: [&str; 7] = [
    "Event",
    "EventList",
    "Privilege",
    "Response",
    "SequenceNumber",
    "SystemName",
    "Timestamp",
];

/// Whether the action may be run at all, whatever it names.
pub(super) fn opens(name: &str, account: &Account) -> bool {
    let limits = &account.limits;
    let by_list = match name {
        "GetConfig" | "GetConfigJSON" | "ListCategories" | "CreateConfig" | "UpdateConfig" => {
            limits.files.is_some()
        }
        "Command" => account.commands.is_limited(),
        "DBGet" | "DBPut" | "DBDel" | "DBDelTree" | "DBGetTree" => limits.db_families.is_some(),
        "Redirect" | "BlindTransfer" | "Atxfer" => limits.contexts.is_some(),
        _ => !CLOSED.contains(&name),
    };
    by_list || account.actions.names(name)
}

pub(super) fn permit(name: &str, action: &Action, account: &Account) -> bool {
    let limits = &account.limits;
    if !opens(name, account) {
        return false;
    }
    match name {
        "Hangup" | "PJSIPHangup" => !action
            .headers("Channel")
            .any(|channel| channel.starts_with(b"/")),
        "Originate" => originate(action, account),
        "QueueAdd" => {
            limits.contexts.is_some() || !action.headers("Interface").any(contexts::is_local)
        }
        "Getvar" | "Setvar" | "Status" => {
            let functions = variables::texts(name, action).any(variables::calls_any);
            let of_all = name == "Setvar" && variables::is_global(name, action);
            limits.variables.is_some() || !(functions || of_all)
        }
        "UserEvent" => !forges(action),
        _ => true,
    }
}

/// A call to a context of the list, or with an application that reaches nobody.
fn originate(action: &Action, account: &Account) -> bool {
    let limits = &account.limits;
    let application = action.header("Application").unwrap_or_default();
    let functions = action.headers("Variable").any(variables::calls_any);
    let dialplan = application.is_empty()
        || action.headers("Channel").any(contexts::is_local)
        || action.header("PreDialGoSub").is_some();
    (application.is_empty() || contexts::is_harmless(application))
        && (!functions || limits.variables.is_some())
        && (!dialplan || limits.contexts.is_some())
}

/// Whether a line of the event would pass for one of Asterisk's.
fn forges(action: &Action) -> bool {
    let lines = |name: &str| action.headers(name).count();
    FORGEABLE.iter().any(|name| lines(name) > 0) || lines("ActionID") > 1
}
