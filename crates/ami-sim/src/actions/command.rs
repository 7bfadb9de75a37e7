//! Command: a few CLI commands, in the output form of the release.

use bytes::Bytes;

use super::{Outcome, Turn, reply};
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
    match cli(turn, &lower) {
        Some(lines) => output(turn, true, &lines),
        None => {
            let near = words.get(..3).unwrap_or(&words).join(" ");
            let line = format!(
                "No such command '{text}' (type 'core show help {near}' for other possible commands)"
            );
            output(turn, false, &[line])
        }
    }
}

/// The lines a command prints; none when there is no such command.
fn cli(turn: &Turn<'_>, command: &str) -> Option<Vec<String>> {
    match command {
        "core show version" => Some(vec![format!(
            "Asterisk {} simulated by ami-sim",
            turn.options.version.release()
        )]),
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

fn output(turn: &Turn<'_>, success: bool, lines: &[String]) -> Outcome {
    if turn.options.version.command_follows() {
        return follows(turn, lines);
    }
    let kind = if success { "Success" } else { "Error" };
    let mut message =
        Message::response(kind, turn.id()).header("Message", "Command output follows");
    for line in lines {
        message = message.header("Output", line);
    }
    if lines.is_empty() {
        message = message.header("Output", "");
    }
    reply(message)
}

/// The form up to Asterisk 13: raw text with LF, ended by a marker that follows the text at once.
fn follows(turn: &Turn<'_>, lines: &[String]) -> Outcome {
    let mut bytes = b"Response: Follows\r\nPrivilege: Command\r\n".to_vec();
    if let Some(id) = turn.id() {
        bytes.extend_from_slice(b"ActionID: ");
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(b"\r\n");
    }
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"--END COMMAND--\r\n\r\n");
    Outcome::Reply(vec![Bytes::from(bytes)])
}
