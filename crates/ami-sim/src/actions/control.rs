//! Actions that change calls: hanging up, redirecting, bridging, tones.

use std::time::Duration;

use super::{Outcome, Turn};
use crate::calls::{Call, Scene, originate::duration_of};
use crate::classes::{CALL, DTMF};
use crate::events::Cause;
use crate::message::Message;
use crate::world::channel::{ChannelKey, Place};
use crate::world::{Step, World};

pub(super) fn hangup(turn: &mut Turn<'_>) -> Outcome {
    let asked = turn.text("Channel");
    if asked.is_empty() {
        return turn.error("No channel specified");
    }
    let cause = Cause::from_header(&turn.text("Cause")).unwrap_or(Cause::Normal);
    if let Some(pattern) = asked.strip_prefix('/').and_then(|p| p.strip_suffix('/')) {
        let pattern = pattern.to_owned();
        return hangup_matching(turn, &pattern, cause);
    }
    let Some(channel) = turn.world.find_channel(asked.as_bytes()) else {
        return turn.error("No such channel");
    };
    let (key, call) = (channel.key, channel.call);
    request_hangup(turn.world, key, cause);
    turn.world.end_call(call, cause);
    turn.done("Channel Hungup")
}

fn request_hangup(world: &mut World, key: ChannelKey, cause: Cause) {
    let code = cause.code();
    world.channel_event("HangupRequest", CALL, key, &[("Cause", code.as_bytes())]);
}

/// Of the regular expression only `^` and `$` at its ends are understood; the rest is a literal.
fn hangup_matching(turn: &mut Turn<'_>, pattern: &str, cause: Cause) -> Outcome {
    let start = pattern.strip_prefix('^');
    let bare = start.unwrap_or(pattern);
    let end = bare.strip_suffix('$');
    let literal = end.unwrap_or(bare);
    let fits = |name: &str| match (start.is_some(), end.is_some()) {
        (true, true) => name == literal,
        (true, false) => name.starts_with(literal),
        (false, true) => name.ends_with(literal),
        (false, false) => name.contains(literal),
    };
    let hit: Vec<(ChannelKey, u64, String)> = turn
        .world
        .channels
        .values()
        .filter(|channel| fits(&channel.name))
        .map(|channel| (channel.key, channel.call, channel.name.clone()))
        .collect();
    let items = hit
        .iter()
        .map(|(_, _, name)| {
            Message::event("ChannelHungup")
                .header("Channel", name)
                .action_id(turn.id())
        })
        .collect();
    for (key, call, _) in &hit {
        request_hangup(turn.world, *key, cause);
        turn.world.end_call(*call, cause);
    }
    turn.list(
        "Channels hung up will follow",
        items,
        "ChannelsHungupListComplete",
        &[],
    )
}

/// The channel leaves its call for the dialplan; whoever it leaves alone hangs up.
pub(super) fn redirect(turn: &mut Turn<'_>) -> Outcome {
    let asked = turn.text("Channel");
    if asked.is_empty() {
        return turn.error("Channel not specified");
    }
    let (context, exten) = (turn.text("Context"), turn.text("Exten"));
    if context.is_empty() || exten.is_empty() || turn.value("Priority").is_empty() {
        return turn.error("Context, Exten and Priority are required");
    }
    let Some(key) = turn.world.find_channel(asked.as_bytes()).map(|c| c.key) else {
        return turn.error("Channel does not exist");
    };
    detach(turn.world, key);
    if let Some(channel) = turn.world.channel_mut(key) {
        channel.place = Place::new(&context, &exten);
    }
    turn.world.run_application(key, "Wait", "10");
    let lasts = duration_of("Wait", "10");
    if let Some(call) = turn.world.channels.get(&key).map(|c| c.call) {
        let end = Step::Play(call, Scene::End(Cause::Normal));
        turn.world.schedule(lasts, end);
    }
    turn.done("Redirect successful")
}

/// Gives a channel a call of its own and ends what it was part of.
fn detach(world: &mut World, key: ChannelKey) {
    let Some(old) = world.channels.get(&key).map(|channel| channel.call) else {
        return;
    };
    world.leave_bridge(key);
    let new = world.next_number();
    let call = Call {
        legs: vec![key],
        ..Call::default()
    };
    world.calls.insert(new, call);
    if let Some(channel) = world.channel_mut(key) {
        channel.call = new;
    }
    let alone = world.calls.get_mut(&old).map(|call| {
        call.legs.retain(|leg| *leg != key);
        call.legs.len()
    });
    if alone.is_some() {
        world.end_call(old, Cause::Normal);
    }
}

pub(super) fn bridge(turn: &mut Turn<'_>) -> Outcome {
    let find = |name: &str| turn.world.find_channel(turn.value(name)).map(|c| c.key);
    if turn.value("Channel1").is_empty() || turn.value("Channel2").is_empty() {
        return turn.error("Missing channel parameter in request");
    }
    let Some(one) = find("Channel1") else {
        return turn.error("Channel1 does not exist");
    };
    let Some(two) = find("Channel2") else {
        return turn.error("Channel2 does not exist");
    };
    if one == two {
        return turn.error("Unable to bridge a channel with itself");
    }
    // Asterisk takes both out of what they do; here each becomes a call of its own first.
    detach(turn.world, one);
    detach(turn.world, two);
    let (first, second) = (
        turn.world.channels.get(&one).map(|c| c.call),
        turn.world.channels.get(&two).map(|c| c.call),
    );
    let (Some(first), Some(second)) = (first, second) else {
        return turn.error("Channel1 does not exist");
    };
    turn.world.calls.remove(&second);
    if let Some(call) = turn.world.calls.get_mut(&first) {
        call.legs.push(two);
    }
    if let Some(channel) = turn.world.channel_mut(two) {
        channel.call = first;
    }
    turn.world.build_bridge(first, one, two);
    turn.done("Channels have been bridged")
}

pub(super) fn play_dtmf(turn: &mut Turn<'_>) -> Outcome {
    let Some(key) = turn
        .world
        .find_channel(turn.value("Channel"))
        .map(|c| c.key)
    else {
        return turn.error("Channel not found");
    };
    let digit = turn.text("Digit");
    if digit.is_empty() {
        return turn.error("No digit specified");
    }
    let rest: [(&str, &[u8]); 2] = [("Digit", digit.as_bytes()), ("Direction", b"Received")];
    turn.world.channel_event("DTMFBegin", DTMF, key, &rest);
    let rest: [(&str, &[u8]); 3] = [
        ("Digit", digit.as_bytes()),
        ("DurationMs", b"100"),
        ("Direction", b"Received"),
    ];
    turn.world.channel_event("DTMFEnd", DTMF, key, &rest);
    // Without `Receive: yes` the digit is played inside the session, which does nothing else meanwhile.
    let lasts = match turn.text("Duration").parse::<u32>() {
        Ok(ms) if !turn.is_true("Receive") => Duration::from_millis(ms.max(100).into()),
        _ => return turn.done("DTMF successfully queued"),
    };
    let message = turn
        .success()
        .header("Message", "DTMF successfully queued")
        .end();
    Outcome::InLine {
        lasts,
        messages: vec![message],
    }
}

/// Actions on a channel that the simulator only acknowledges.
fn acknowledged(turn: &Turn<'_>, missing: &str, text: &str) -> Outcome {
    match turn.world.find_channel(turn.value("Channel")) {
        Some(_) => turn.done(text),
        None => turn.error(missing),
    }
}

pub(super) fn send_text(turn: &mut Turn<'_>) -> Outcome {
    acknowledged(turn, "No such channel", "Success")
}

pub(super) fn absolute_timeout(turn: &mut Turn<'_>) -> Outcome {
    let Some(call) = turn
        .world
        .find_channel(turn.value("Channel"))
        .map(|c| c.call)
    else {
        return turn.error("No such channel");
    };
    let Ok(seconds) = turn.text("Timeout").parse::<u32>() else {
        return turn.error("No timeout specified");
    };
    let after = Duration::from_secs(seconds.into());
    let end = Step::Play(call, Scene::End(Cause::Normal));
    turn.world.schedule(after, end);
    turn.done("Timeout Set")
}

pub(super) fn atxfer(turn: &mut Turn<'_>) -> Outcome {
    acknowledged(
        turn,
        "Channel specified does not exist",
        "Atxfer successfully queued",
    )
}

pub(super) fn blind_transfer(turn: &mut Turn<'_>) -> Outcome {
    match turn.world.find_channel(turn.value("Channel")) {
        Some(channel) if channel.bridge.is_some() => redirect_like(turn),
        Some(_) => turn.error("Channel specified is not bridged"),
        None => turn.error("Channel specified does not exist"),
    }
}

/// The transferee goes to the extension, the transferer hangs up.
fn redirect_like(turn: &mut Turn<'_>) -> Outcome {
    let (context, exten) = (turn.text("Context"), turn.text("Exten"));
    let Some(channel) = turn.world.find_channel(turn.value("Channel")) else {
        return turn.error("Channel specified does not exist");
    };
    let (own, call) = (channel.key, channel.call);
    let peer = turn
        .world
        .calls
        .get(&call)
        .and_then(|call| call.legs.iter().copied().find(|leg| *leg != own));
    if let Some(peer) = peer {
        detach(turn.world, peer);
        if let Some(channel) = turn.world.channel_mut(peer) {
            channel.place = Place::new(&context, &exten);
        }
        turn.world.run_application(peer, "Wait", "10");
        if let Some(call) = turn.world.channels.get(&peer).map(|c| c.call) {
            let end = Step::Play(call, Scene::End(Cause::Normal));
            turn.world.schedule(duration_of("Wait", "10"), end);
        }
    }
    turn.done("Transfer succeeded")
}
