//! The core's status and settings, reloads, modules, mailboxes, and lists of a node without such objects.

use ami_proto::ClassSet;

use super::{Outcome, Turn, reply};
use crate::classes::SYSTEM;
use crate::clock::Clock;
use crate::message::Message;
use crate::options::SimAccount;

pub(super) fn core_status(turn: &mut Turn<'_>) -> Outcome {
    let (date, time) = Clock::date_and_time(turn.world.clock.epoch());
    let (reload_date, reload_time) = Clock::date_and_time(turn.world.reloaded);
    reply(
        turn.success()
            .header("CoreStartupDate", date)
            .header("CoreStartupTime", time)
            .header("CoreReloadDate", reload_date)
            .header("CoreReloadTime", reload_time)
            .header("CoreCurrentCalls", turn.world.calls.len().to_string())
            .header("CoreProcessedCalls", turn.world.processed_calls.to_string()),
    )
}

pub(super) fn core_settings(turn: &mut Turn<'_>) -> Outcome {
    let system = turn.world.setup.system_name.clone().unwrap_or_default();
    reply(
        turn.success()
            .header("AMIversion", turn.options.version.greeting())
            .header("AsteriskVersion", turn.options.version.release())
            .header("SystemName", system)
            .header("CoreMaxCalls", "0")
            .header("CoreMaxLoadAvg", "0.000000")
            .header("CoreRunUser", "asterisk")
            .header("CoreRunGroup", "asterisk")
            .header("CoreMaxFilehandles", "0")
            .header("CoreRealTimeEnabled", "No")
            .header("CoreCDRenabled", "Yes")
            .header("CoreHTTPenabled", "No"),
    )
}

/// The modules every simulated node has.
const MODULES: [&str; 8] = [
    "app_dial",
    "app_playback",
    "app_queue",
    "cdr_manager",
    "chan_pjsip",
    "manager",
    "pbx_config",
    "res_parking",
];

fn is_module(name: &str) -> bool {
    MODULES.contains(&name.strip_suffix(".so").unwrap_or(name))
}

pub(super) fn reload(turn: &mut Turn<'_>) -> Outcome {
    let module = turn.text("Module");
    let known = module.is_empty() || is_module(&module);
    let shown = if module.is_empty() { "All" } else { &module };
    let message = turn
        .world
        .broadcast("Reload", SYSTEM)
        .header("Module", shown)
        .header("Status", if known { "0" } else { "2" });
    turn.world.publish(SYSTEM, message);
    if !known {
        return turn.error("No such module");
    }
    turn.world.reloaded = turn.world.clock.wall();
    turn.done("Module Reloaded")
}

pub(super) fn module_load(turn: &mut Turn<'_>) -> Outcome {
    let (module, kind) = (turn.text("Module"), turn.text("LoadType"));
    if kind.is_empty() {
        // Two answers: a defect of Asterisk that a multiplexer must survive.
        let first = Message::response("Error", turn.id())
            .header("Message", "Incomplete ModuleLoad action.")
            .end();
        let second = Message::response("Error", turn.id())
            .header("Message", "Incomplete ModuleLoad action.")
            .end();
        return Outcome::Reply(vec![first, second]);
    }
    if !is_module(&module) {
        return turn.error("Module not found.");
    }
    let (event, text) = match kind.to_ascii_lowercase().as_str() {
        "load" => ("Load", "Module loaded."),
        "unload" => ("Unload", "Module unloaded."),
        "reload" => ("Reload", "Module reloaded."),
        _ => return turn.error("Incomplete ModuleLoad action."),
    };
    let message = turn
        .world
        .broadcast(event, SYSTEM)
        .header("Module", &module)
        .header("Status", if event == "Reload" { "0" } else { "Success" });
    turn.world.publish(SYSTEM, message);
    turn.done(text)
}

pub(super) fn module_check(turn: &mut Turn<'_>) -> Outcome {
    if is_module(&turn.text("Module")) {
        reply(turn.success().header("Version", ""))
    } else {
        turn.error("Module not loaded")
    }
}

pub(super) fn mailbox_count(turn: &mut Turn<'_>) -> Outcome {
    let mailbox = turn.text("Mailbox");
    if mailbox.is_empty() {
        return turn.error("Mailbox not specified");
    }
    reply(
        turn.success()
            .header("Message", "Mailbox Message Count")
            .header("Mailbox", mailbox)
            .header("UrgMessages", "0")
            .header("NewMessages", "2")
            .header("OldMessages", "1"),
    )
}

pub(super) fn mailbox_status(turn: &mut Turn<'_>) -> Outcome {
    let mailbox = turn.text("Mailbox");
    if mailbox.is_empty() {
        return turn.error("Mailbox not specified");
    }
    reply(
        turn.success()
            .header("Message", "Mailbox Status")
            .header("Mailbox", mailbox)
            .header("Waiting", "1"),
    )
}

pub(super) fn parked_calls(turn: &mut Turn<'_>) -> Outcome {
    let total = [("Total", "0".to_owned())];
    turn.list(
        "Parked calls will follow",
        Vec::new(),
        "ParkedCallsComplete",
        &total,
    )
}

pub(super) fn parking_lots(turn: &mut Turn<'_>) -> Outcome {
    let item = Message::event("Parkinglot")
        .action_id(turn.id())
        .header("Name", "default")
        .header("StartSpace", "701")
        .header("StopSpace", "720")
        .header("Timeout", "45");
    turn.list(
        "Parking lots will follow",
        vec![item],
        "ParkinglotsComplete",
        &[],
    )
}

pub(super) fn agents(turn: &mut Turn<'_>) -> Outcome {
    turn.list("Agents will follow", Vec::new(), "AgentsComplete", &[])
}

pub(super) fn confbridge_list_rooms(turn: &mut Turn<'_>) -> Outcome {
    turn.error("No active conferences.")
}

pub(super) fn presence_state_list(turn: &mut Turn<'_>) -> Outcome {
    let text = "Presence State Changes will follow";
    turn.list(text, Vec::new(), "PresenceStateListComplete", &[])
}

/// As an operator writes it: a Privilege header ends in `all` whatever the classes.
fn as_configured(classes: ClassSet) -> String {
    let rendered = classes.render();
    if classes == ClassSet::ALL {
        return "all".to_owned();
    }
    rendered
        .strip_suffix(",all")
        .unwrap_or(&rendered)
        .to_owned()
}

/// manager.conf alone can be read, and of it what describes an account.
pub(super) fn get_config(turn: &mut Turn<'_>) -> Outcome {
    let (file, category) = (turn.text("Filename"), turn.text("Category"));
    if file.is_empty() {
        return turn.error("Filename not specified");
    }
    if file.contains('/') {
        return turn.error("File requires escalated privileges");
    }
    if file != "manager.conf" {
        return turn.error("Config file not found");
    }
    let wanted = |account: &&SimAccount| category.is_empty() || account.user == category;
    let accounts: Vec<SimAccount> = turn
        .options
        .accounts
        .iter()
        .filter(wanted)
        .cloned()
        .collect();
    let mut message = turn.success();
    for (index, account) in accounts.iter().enumerate() {
        message = message.header(&format!("Category-{index:06}"), &account.user);
        let multiple = if account.multiple_login { "yes" } else { "no" };
        let lines = [
            format!("secret={}", account.secret),
            format!("read={}", as_configured(account.read)),
            format!("write={}", as_configured(account.write)),
            "writetimeout=5000".to_owned(),
            format!("allowmultiplelogin={multiple}"),
        ];
        for (line, text) in lines.iter().enumerate() {
            message = message.header(&format!("Line-{index:06}-{line:06}"), text);
        }
    }
    reply(message)
}

pub(super) fn message_send(turn: &mut Turn<'_>) -> Outcome {
    if turn.value("To").is_empty() && turn.value("Destination").is_empty() {
        return turn.error("No 'To' address specified.");
    }
    turn.done("Message successfully sent")
}
