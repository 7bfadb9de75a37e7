//! Getvar and Setvar, the functions they know, and how a `Variable` header is cut into assignments.

use super::{Outcome, Turn, reply};
use crate::world::channel::ChannelKey;

pub(super) fn getvar(turn: &mut Turn<'_>) -> Outcome {
    let name = turn.value("Variable").to_vec();
    if name.is_empty() {
        return turn.error("No variable specified");
    }
    let Ok(channel) = channel(turn) else {
        return turn.error("No such channel");
    };
    let value = evaluate(turn, channel, &name).unwrap_or_default();
    reply(
        turn.success()
            .header("Variable", name)
            .header("Value", value),
    )
}

pub(super) fn setvar(turn: &mut Turn<'_>) -> Outcome {
    let name = turn.value("Variable").to_vec();
    if name.is_empty() {
        return turn.error("No variable specified");
    }
    let Ok(channel) = channel(turn) else {
        return turn.error("No such channel");
    };
    let value = turn.value("Value").to_vec();
    match function(&name) {
        None => turn.world.set_variable(channel, &name, &value),
        Some(("GLOBAL", inner)) => {
            let inner = inner.to_vec();
            turn.world.set_variable(None, &inner, &value);
        }
        Some(("DEVICE_STATE", inner)) => {
            let device = String::from_utf8_lossy(inner).into_owned();
            let state = String::from_utf8_lossy(&value).into_owned();
            turn.world.device_state(&device, &state);
        }
        Some(("DB", inner)) => {
            let Some(key) = db_key(inner) else {
                return turn.error("Variable not set");
            };
            turn.world.database.insert(key, value);
        }
        Some(_) => return turn.error("Variable not set"),
    }
    turn.done("Variable Set")
}

/// The channel the action names; `Err` when it is not there.
fn channel(turn: &Turn<'_>) -> Result<Option<ChannelKey>, ()> {
    let name = turn.value("Channel");
    if name.is_empty() {
        return Ok(None);
    }
    match turn.world.find_channel(name) {
        Some(channel) => Ok(Some(channel.key)),
        None => Err(()),
    }
}

/// The value of a variable or function, as Getvar and Status see it.
pub(super) fn evaluate(
    turn: &Turn<'_>,
    channel: Option<ChannelKey>,
    name: &[u8],
) -> Option<Vec<u8>> {
    let world = &turn.world;
    let channel = channel.and_then(|key| world.channels.get(&key));
    let text = |value: &str| Some(value.as_bytes().to_vec());
    match function(name) {
        Some(("GLOBAL", inner)) => return world.globals.get(inner).cloned(),
        Some(("DB", inner)) => return world.database.get(&db_key(inner)?).cloned(),
        Some(("CHANNEL", inner)) => {
            let channel = channel?;
            return match inner {
                b"state" => text(channel.state.text()),
                b"name" => text(&channel.name),
                b"uniqueid" => text(&channel.uniqueid),
                b"linkedid" => text(&channel.linkedid),
                b"channeltype" => text(channel.technology()),
                _ => None,
            };
        }
        Some(("CALLERID", inner)) => {
            let channel = channel?;
            return match inner {
                b"num" => text(&channel.caller.num),
                b"name" => text(&channel.caller.name),
                _ => None,
            };
        }
        Some(_) => return None,
        None => {}
    }
    let Some(channel) = channel else {
        return world.globals.get(name).cloned();
    };
    match name {
        b"EXTEN" => text(&channel.place.exten),
        b"CONTEXT" => text(&channel.place.context),
        b"PRIORITY" => text(&channel.place.priority.to_string()),
        b"UNIQUEID" => text(&channel.uniqueid),
        b"CHANNEL" => text(&channel.name),
        _ => channel
            .variables
            .get(name)
            .or_else(|| world.globals.get(name))
            .cloned(),
    }
}

/// Name and argument of `NAME(argument)`.
fn function(name: &[u8]) -> Option<(&str, &[u8])> {
    let inner = name.strip_suffix(b")")?;
    let open = inner.iter().position(|byte| *byte == b'(')?;
    let (function, argument) = inner.split_at_checked(open)?;
    Some((str::from_utf8(function).ok()?, argument.get(1..)?))
}

/// Family and key of `family/key`.
fn db_key(inner: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let slash = inner.iter().position(|byte| *byte == b'/')?;
    let (family, key) = inner.split_at_checked(slash)?;
    Some((family.to_vec(), key.get(1..)?.to_vec()))
}

/// Most parts of one `Variable` header.
const PARTS_MAX: usize = 64;

/// Cuts a `Variable` header at its commas, which quotes, parentheses, brackets and backslashes protect, and each part
/// at its first `=`. Parts without `=` or name are dropped.
pub(super) fn assignments(value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for byte in value {
        let plain = !escaped && !quoted && depth == 0;
        if *byte == b',' && plain && parts.len() < PARTS_MAX {
            parts.push(Vec::new());
            continue;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' => {
                escaped = true;
                continue;
            }
            b'"' => {
                quoted = !quoted;
                continue;
            }
            b'(' | b'[' if !quoted => depth += 1,
            b')' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(*byte);
        }
    }
    parts.iter().filter_map(|part| assignment(part)).collect()
}

fn assignment(part: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = part.iter().position(|byte| *byte == b'=')?;
    let (name, value) = part.split_at_checked(at)?;
    if name.is_empty() {
        return None;
    }
    Some((name.to_vec(), value.get(1..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::assignments;

    #[test]
    fn commas_cut_unless_protected() {
        let cut = |text: &str| {
            assignments(text.as_bytes())
                .into_iter()
                .map(|(name, value)| {
                    (
                        String::from_utf8(name).unwrap(),
                        String::from_utf8(value).unwrap(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(cut("A=1,B=2"), [pair("A", "1"), pair("B", "2")]);
        assert_eq!(cut("A=\"1,2\",B=x=y"), [pair("A", "1,2"), pair("B", "x=y")]);
        assert_eq!(cut("A=f(1,2),noequals,=3"), [pair("A", "f(1,2)")]);
        assert_eq!(cut("A=1\\,2"), [pair("A", "1,2")]);
    }
}
