//! Command: a few CLI commands, in the output form of the release.

use bytes::Bytes;

use super::{Outcome, Turn};
use crate::clock::Clock;
use crate::message::Message;

pub(super) fn command(turn: &mut Turn<'_>) -> Outcome {
    let text = turn.text("Command");
    if text.is_empty() {
        return turn.error("No command provided");
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let lower = words.join(" ").to_ascii_lowercase();
    let blacklisted = ["module load", "module unload", "restart gracefully"];
    if blacklisted.iter().any(|start| lower.starts_with(start)) {
        return turn.error("Command blacklisted");
    }
    if let Some((success, text)) = turn.world.cli.get(&lower) {
        return output(turn, *success, text);
    }
    let (success, lines) = match cli(turn, &lower) {
        Some(lines) => (true, lines),
        None => {
            let near = words.get(..3).unwrap_or(&words).join(" ");
            let line = format!(
                "No such command '{text}' (type 'core show help {near}' for other possible commands)"
            );
            (false, vec![line])
        }
    };
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    output(turn, success, text.as_bytes())
}

/// The lines a command prints; none when there is no such command.
fn cli(turn: &Turn<'_>, command: &str) -> Option<Vec<String>> {
    match command {
        "core show version" => Some(vec![format!(
            "Asterisk {} simulated by ami-sim",
            turn.options.version.release()
        )]),
        "core show settings" => Some(settings(turn)),
        "core show uptime" => Some(uptime(turn)),
        "core show channels" => Some(channels(turn)),
        "core show channels concise" => Some(concise(turn)),
        "database show" => Some(database(turn)),
        "manager show connected" => Some(vec![
            "  Username         IP Address                                               Start       Elapsed     FileDes   HttpCnt   ReadPerms   WritePerms"
                .to_owned(),
        ]),
        _ => None,
    }
}

/// What tells one Asterisk from another. The UUID is that of this start.
fn settings(turn: &Turn<'_>) -> Vec<String> {
    let system = turn.world.setup.system_name.as_deref().unwrap_or_default();
    let (_, time) = Clock::date_and_time(turn.world.clock.epoch());
    let (version, process) = (turn.options.version.release(), turn.world.process);
    vec![
        String::new(),
        "PBX Core settings".to_owned(),
        "-----------------".to_owned(),
        format!("  Version:                     {version}"),
        format!("  Startup time:                {time}"),
        format!("  System name:                 {system}"),
        "  Entity ID:                   02:00:00:00:00:01".to_owned(),
        format!("  PBX UUID:                    {process:032x}"),
        String::new(),
    ]
}

fn uptime(turn: &Turn<'_>) -> Vec<String> {
    let up = turn.world.clock.uptime().as_secs();
    let reload = turn.world.clock.wall().saturating_sub(turn.world.reloaded);
    vec![
        format!("System uptime: {up} seconds"),
        format!("Last reload: {} seconds", reload.as_secs()),
    ]
}

fn channels(turn: &Turn<'_>) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<64} {:<32} {:<7} {:<30}",
        "Channel", "Location", "State", "Application(Data)"
    )];
    for channel in turn.world.channels.values() {
        let place = &channel.place;
        let location = format!("{}@{}:{}", place.exten, place.context, place.priority);
        let application = format!("{}({})", channel.application, channel.data);
        let state = channel.state.text();
        lines.push(format!(
            "{:<64} {location:<32} {state:<7} {application:<30}",
            channel.name
        ));
    }
    lines.push(format!("{} active channels", turn.world.channels.len()));
    lines.push(format!("{} active calls", turn.world.calls.len()));
    lines.push(format!("{} calls processed", turn.world.processed_calls));
    lines
}

fn concise(turn: &Turn<'_>) -> Vec<String> {
    let line = |channel: &crate::world::channel::Channel| {
        let place = &channel.place;
        format!(
            "{}!{}!{}!{}!{}!{}!{}!{}!!!3!0!!{}",
            channel.name,
            place.context,
            place.exten,
            place.priority,
            channel.state.text(),
            channel.application,
            channel.data,
            channel.caller.num,
            channel.uniqueid
        )
    };
    turn.world.channels.values().map(line).collect()
}

fn database(turn: &Turn<'_>) -> Vec<String> {
    let line = |((family, key), value): (&(Vec<u8>, Vec<u8>), &Vec<u8>)| {
        let path = format!(
            "/{}/{}",
            String::from_utf8_lossy(family),
            String::from_utf8_lossy(key)
        );
        format!("{path:<50}: {:<25}", String::from_utf8_lossy(value))
    };
    let mut lines: Vec<String> = turn.world.database.iter().map(line).collect();
    lines.push(format!("{} results found.", lines.len()));
    lines
}

fn output(turn: &Turn<'_>, success: bool, text: &[u8]) -> Outcome {
    let bytes = if turn.options.version.command_follows() {
        follows(turn, text)
    } else {
        headers(turn, success, text)
    };
    Outcome::Reply(vec![Bytes::from(bytes)])
}

/// The form from Asterisk 14 on: a header for each line, whatever is in it; the last line feed is dropped.
fn headers(turn: &Turn<'_>, success: bool, text: &[u8]) -> Vec<u8> {
    let kind = if success { "Success" } else { "Error" };
    let head = Message::response(kind, turn.id()).header("Message", "Command output follows");
    let head = head.end();
    let mut bytes = head.strip_suffix(b"\r\n").unwrap_or(&head).to_vec();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n') {
        bytes.extend_from_slice(b"Output: ");
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The form up to Asterisk 13: the text as it is, ended by a marker that follows it at once.
fn follows(turn: &Turn<'_>, text: &[u8]) -> Vec<u8> {
    let mut bytes = b"Response: Follows\r\nPrivilege: Command\r\n".to_vec();
    if let Some(id) = turn.id() {
        bytes.extend_from_slice(b"ActionID: ");
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(text);
    bytes.extend_from_slice(b"--END COMMAND--\r\n\r\n");
    bytes
}
