//! Actions without effect on the simulated world: acknowledged, refused, or answered with an empty list,
//! in the words and with the oddities of a real node.

use bytes::Bytes;

use super::{Outcome, Turn, reply};
use crate::message::Message;

pub(super) fn logger_rotate(turn: &mut Turn<'_>) -> Outcome {
    turn.done("Reloaded the logger and rotated log files")
}

pub(super) fn queue_reload(turn: &mut Turn<'_>) -> Outcome {
    turn.done("Queue reloaded successfully")
}

pub(super) fn local_optimize_away(turn: &mut Turn<'_>) -> Outcome {
    on_channel(turn, "Queued channel to be optimized away")
}

/// Answers without a `Message`.
pub(super) fn mute_audio(turn: &mut Turn<'_>) -> Outcome {
    match turn.world.find_channel(turn.value("Channel")) {
        Some(_) => reply(turn.success()),
        None => turn.error("Channel not found."),
    }
}

pub(super) fn mix_monitor(turn: &mut Turn<'_>) -> Outcome {
    on_channel(turn, "MixMonitor started")
}

pub(super) fn stop_mix_monitor(turn: &mut Turn<'_>) -> Outcome {
    on_channel(turn, "MixMonitor stopped")
}

pub(super) fn agi(turn: &mut Turn<'_>) -> Outcome {
    on_channel(turn, "Added AGI command to queue")
}

/// Text without Response and ActionID: a block for each queue, with a blank line behind each and two at the end.
pub(super) fn queues(turn: &mut Turn<'_>) -> Outcome {
    let mut text = Vec::new();
    for queue in &turn.world.queues {
        let line = format!(
            "{:<12} has {} calls (max unlimited) in 'ringall' strategy\r\n",
            queue.name,
            queue.callers.len()
        );
        text.extend_from_slice(line.as_bytes());
        text.extend_from_slice(b"   Members: \r\n");
        for member in &queue.members {
            let line = format!("      {} ({})\r\n", member.name, member.interface);
            text.extend_from_slice(line.as_bytes());
        }
        text.extend_from_slice(b"   No Callers\r\n\r\n");
    }
    if text.is_empty() {
        text.extend_from_slice(b"No queues.\r\n");
    }
    text.extend_from_slice(b"\r\n\r\n");
    Outcome::Reply(vec![Bytes::from(text)])
}

/// Rows that end in LF, without Response and ActionID, and one blank line.
pub(super) fn iax_netstats(_: &mut Turn<'_>) -> Outcome {
    let rows = "                                -------- LOCAL ---------------------  -------- REMOTE --------------------\n\
                Channel               RTT  Jit  Del  Lost   %  Drop  OOO  Kpkts  Jit  Del  Lost   %  Drop  OOO  Kpkts\n\
                0 active IAX channels\n\r\n";
    Outcome::Reply(vec![Bytes::from_static(rows.as_bytes())])
}

fn on_channel(turn: &Turn<'_>, text: &str) -> Outcome {
    match turn.world.find_channel(turn.value("Channel")) {
        Some(_) => turn.done(text),
        None => turn.error("No such channel"),
    }
}

/// An Error whose text ends in a line feed, so that an empty message follows: as a real node does.
fn with_line_feed(turn: &Turn<'_>, text: &str) -> Outcome {
    let head = Message::response("Error", turn.id()).end();
    let head = head.strip_suffix(b"\r\n").unwrap_or(&head);
    let bytes = [head, b"Message: ", text.as_bytes(), b"\n\r\n\r\n"].concat();
    Outcome::Reply(vec![Bytes::from(bytes)])
}

pub(super) fn pjsip_show_contacts(turn: &mut Turn<'_>) -> Outcome {
    with_line_feed(turn, "No Contacts found")
}

pub(super) fn park(turn: &mut Turn<'_>) -> Outcome {
    with_line_feed(turn, "Could not park channel")
}

/// Starts the list before it looks for the channel; the completion follows the error.
pub(super) fn core_show_channel_map(turn: &mut Turn<'_>) -> Outcome {
    if turn.value("Channel").is_empty() {
        return with_line_feed(turn, "No channel specified");
    }
    let text = "Channel map will follow";
    turn.list(text, Vec::new(), "CoreShowChannelMapComplete", &[])
}

/// Starts the list, then says that there is no such endpoint, and still completes it.
pub(super) fn pjsip_show_endpoint(turn: &mut Turn<'_>) -> Outcome {
    let wanted = turn.text("Endpoint");
    let start = turn
        .success()
        .header("EventList", "start")
        .header(
            "Message",
            "Following are Events for each object associated with the Endpoint",
        )
        .end();
    let known = (1001..=1008).any(|number: u32| number.to_string() == wanted);
    let middle = if known {
        Message::event("EndpointDetail")
            .action_id(turn.id())
            .header("ObjectType", "endpoint")
            .header("ObjectName", &wanted)
    } else {
        Message::response("Error", turn.id())
            .header("Message", format!("Unable to retrieve endpoint {wanted}"))
    };
    let end = Message::event("EndpointDetailComplete")
        .action_id(turn.id())
        .header("EventList", "Complete")
        .header("ListItems", if known { "1" } else { "0" });
    Outcome::Reply(vec![start, middle.end(), end.end()])
}

pub(super) fn bridge_technology_list(turn: &mut Turn<'_>) -> Outcome {
    let items = [
        ("holding_bridge", "Holding", "50"),
        ("simple_bridge", "1to1Mix", "50"),
        ("softmix", "MultiMix", "10"),
    ]
    .into_iter()
    .map(|(technology, kind, priority)| {
        Message::event("BridgeTechnologyListItem")
            .header("BridgeTechnology", technology)
            .header("BridgeType", kind)
            .header("BridgePriority", priority)
            .header("BridgeSuspended", "No")
            .action_id(turn.id())
    })
    .collect();
    let text = "Bridge technology listing will follow";
    turn.list(text, items, "BridgeTechnologyListComplete", &[])
}

pub(super) fn voicemail_users_list(turn: &mut Turn<'_>) -> Outcome {
    let item = Message::event("VoicemailUserEntry")
        .action_id(turn.id())
        .header("VMContext", "default")
        .header("VoiceMailbox", "1001")
        .header("Fullname", "Alice")
        .header("NewMessageCount", "2")
        .header("OldMessageCount", "1");
    let text = "Voicemail user list will follow";
    turn.list(text, vec![item], "VoicemailUserEntryComplete", &[])
}

/// Answers without a `Message`.
pub(super) fn update_config(turn: &mut Turn<'_>) -> Outcome {
    if turn.value("SrcFilename").is_empty() || turn.value("DstFilename").is_empty() {
        return turn.error("Filename not specified");
    }
    reply(turn.success())
}
