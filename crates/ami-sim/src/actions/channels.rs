//! Lists of what is alive: channels, bridges, states of extensions and devices.

use super::variables::evaluate;
use super::{Outcome, Turn, reply};
use crate::message::Message;
use crate::world::channel::Channel;

pub(super) fn core_show_channels(turn: &mut Turn<'_>) -> Outcome {
    let items = turn
        .world
        .channels
        .values()
        .map(|channel| {
            let start = Message::event("CoreShowChannel").action_id(turn.id());
            if turn.world.is_legacy() {
                return legacy_item(turn, channel, start);
            }
            channel
                .snapshot(start, "", false)
                .header("Application", &channel.application)
                .header("ApplicationData", &channel.data)
                .header("Duration", clock_face(seconds(turn, channel)))
                .header("BridgeId", bridge_id(turn, channel))
        })
        .collect();
    turn.list(
        "Channels will follow",
        items,
        "CoreShowChannelsComplete",
        &[],
    )
}

/// The item up to Asterisk 11.
fn legacy_item(turn: &Turn<'_>, channel: &Channel, start: Message) -> Message {
    let place = &channel.place;
    start
        .header("Channel", &channel.name)
        .header("UniqueID", &channel.uniqueid)
        .header("Context", &place.context)
        .header("Extension", &place.exten)
        .header("Priority", place.priority.to_string())
        .header("ChannelState", channel.state.code())
        .header("ChannelStateDesc", channel.state.text())
        .header("Application", &channel.application)
        .header("ApplicationData", &channel.data)
        .header("CallerIDnum", &channel.caller.num)
        .header("Duration", clock_face(seconds(turn, channel)))
        .header("AccountCode", &channel.account)
        .header("BridgedChannel", "")
        .header("BridgedUniqueID", "")
}

pub(super) fn status(turn: &mut Turn<'_>) -> Outcome {
    let asked = turn.value("Channel");
    let channels: Vec<&Channel> = if asked.is_empty() {
        turn.world.channels.values().collect()
    } else {
        match turn.world.find_channel(asked) {
            Some(channel) => vec![channel],
            None => return turn.error("No such channel"),
        }
    };
    let items: Vec<Message> = channels
        .into_iter()
        .map(|channel| status_item(turn, channel))
        .collect();
    let count = items.len().to_string();
    turn.list(
        "Channel status will follow",
        items,
        "StatusComplete",
        &[("Items", count)],
    )
}

fn status_item(turn: &Turn<'_>, channel: &Channel) -> Message {
    let start = Message::event("Status").header("Privilege", "Call");
    let mut item = channel
        .snapshot(start, "", false)
        .header("Type", channel.technology())
        .header("DNID", "")
        .header("EffectiveConnectedLineNum", "<unknown>")
        .header("EffectiveConnectedLineName", "<unknown>")
        .header("TimeToHangup", "0")
        .header("BridgeID", bridge_id(turn, channel))
        .header("Application", &channel.application)
        .header("Data", &channel.data)
        .header("Nativeformats", "(ulaw)")
        .header("Readformat", "ulaw")
        .header("Readtrans", "")
        .header("Writeformat", "ulaw")
        .header("Writetrans", "")
        .header("Callgroup", "0")
        .header("Pickupgroup", "0")
        .header("Seconds", seconds(turn, channel).to_string());
    for name in turn.value("Variables").split(|byte| *byte == b',') {
        if !name.is_empty() {
            let value = evaluate(turn, Some(channel.key), name);
            let value = value.unwrap_or_else(|| b"(null)".to_vec());
            item = item.header("Variable", [name, b"=", &value].concat());
        }
    }
    if turn.is_true("AllVariables") {
        for (name, value) in &channel.variables {
            item = item.header("Variable", [name.as_slice(), b"=", value].concat());
        }
    }
    item.action_id(turn.id())
}

pub(super) fn bridge_list(turn: &mut Turn<'_>) -> Outcome {
    let items = turn
        .world
        .bridges
        .values()
        .map(|bridge| bridge.headers(Message::event("BridgeListItem").action_id(turn.id())))
        .collect();
    turn.list(
        "Bridge listing will follow",
        items,
        "BridgeListComplete",
        &[],
    )
}

pub(super) fn bridge_info(turn: &mut Turn<'_>) -> Outcome {
    let asked = turn.value("BridgeUniqueid");
    if asked.is_empty() {
        return turn.error("BridgeUniqueid must be provided");
    }
    let found = turn
        .world
        .bridges
        .values()
        .find(|bridge| bridge.id.as_bytes() == asked);
    let Some(bridge) = found else {
        return turn.error("Bridge not found");
    };
    let items = bridge
        .members
        .iter()
        .filter_map(|member| turn.world.channels.get(member))
        .map(|channel| {
            let start = Message::event("BridgeInfoChannel");
            channel.snapshot(start, "", false).action_id(turn.id())
        })
        .collect();
    turn.list(
        "Bridge channel listing will follow",
        items,
        "BridgeInfoComplete",
        &[("BridgeUniqueid", bridge.id.clone())],
    )
}

/// `true` when some channel of that device is alive.
fn in_use(turn: &Turn<'_>, device: &str) -> bool {
    turn.world.channels.values().any(|c| c.device() == device)
}

pub(super) fn extension_state(turn: &mut Turn<'_>) -> Outcome {
    let exten = turn.text("Exten");
    if exten.is_empty() {
        return turn.error("Extension not specified");
    }
    let device = format!("PJSIP/{exten}");
    let known = hints().any(|hint| hint == exten);
    let (hint, code, text) = match (known, in_use(turn, &device)) {
        (false, _) => ("", "-1", "Unknown"),
        (true, true) => (device.as_str(), "1", "InUse"),
        (true, false) => (device.as_str(), "0", "Idle"),
    };
    reply(
        turn.success()
            .header("Message", "Extension Status")
            .header("Exten", &exten)
            .header("Context", turn.value("Context"))
            .header("Hint", hint)
            .header("Status", code)
            .header("StatusText", text),
    )
}

pub(super) fn extension_state_list(turn: &mut Turn<'_>) -> Outcome {
    let items = hints()
        .map(|exten| {
            let device = format!("PJSIP/{exten}");
            let busy = in_use(turn, &device);
            Message::event("ExtensionStatus")
                .action_id(turn.id())
                .header("Exten", exten)
                .header("Context", "from-internal")
                .header("Hint", &device)
                .header("Status", if busy { "1" } else { "0" })
                .header("StatusText", if busy { "InUse" } else { "Idle" })
        })
        .collect();
    turn.list(
        "Extension Statuses will follow",
        items,
        "ExtensionStateListComplete",
        &[],
    )
}

pub(super) fn device_state_list(turn: &mut Turn<'_>) -> Outcome {
    let items = hints()
        .map(|exten| {
            let device = format!("PJSIP/{exten}");
            let state = if in_use(turn, &device) {
                "INUSE"
            } else {
                "NOT_INUSE"
            };
            Message::event("DeviceStateChange")
                .action_id(turn.id())
                .header("Device", &device)
                .header("State", state)
        })
        .collect();
    turn.list(
        "Device State Changes will follow",
        items,
        "DeviceStateListComplete",
        &[],
    )
}

pub(super) fn pjsip_show_endpoints(turn: &mut Turn<'_>) -> Outcome {
    let items = hints()
        .map(|exten| {
            let device = format!("PJSIP/{exten}");
            let state = if in_use(turn, &device) {
                "In use"
            } else {
                "Not in use"
            };
            let active = turn
                .world
                .channels
                .values()
                .filter(|c| c.device() == device);
            Message::event("EndpointList")
                .action_id(turn.id())
                .header("ObjectType", "endpoint")
                .header("ObjectName", &exten)
                .header("Transport", "transport-udp")
                .header("Aor", &exten)
                .header("Auths", &exten)
                .header("OutboundAuths", "")
                .header("Contacts", "")
                .header("DeviceState", state)
                .header("ActiveChannels", active.count().to_string())
        })
        .collect();
    turn.list(
        "A listing of Endpoints follows, presented as EndpointList events",
        items,
        "EndpointListComplete",
        &[],
    )
}

/// The phones of every simulated node: 1001 to 1008.
fn hints() -> impl Iterator<Item = String> {
    (1001..=1008).map(|number: u32| number.to_string())
}

fn seconds(turn: &Turn<'_>, channel: &Channel) -> u64 {
    let now = turn.world.clock.now();
    now.saturating_duration_since(channel.created).as_secs()
}

fn clock_face(seconds: u64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

fn bridge_id<'a>(turn: &'a Turn<'_>, channel: &Channel) -> &'a str {
    channel
        .bridge
        .and_then(|key| turn.world.bridges.get(&key))
        .map_or("", |bridge| &bridge.id)
}
