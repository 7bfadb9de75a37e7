//! Actions about the session itself: login, mask, keepalive, the list of commands, waiting for events,
//! user events; and the security events that logins and refusals raise.

use std::time::Duration;

use ami_proto::challenge::md5_key;
use ami_proto::{Challenge, ClassSet, EventMask, parse_event_mask};

use super::catalogue::known;
use super::{Outcome, Turn, permitted, reply};
use crate::classes::{SECURITY, SYSTEM, USER};
use crate::clock::Clock;
use crate::message::Message;
use crate::{SimAccount, SimVersion};

pub(super) fn challenge(turn: &mut Turn<'_>) -> Outcome {
    if !turn.value("AuthType").eq_ignore_ascii_case(b"MD5") {
        return turn.error("Must specify AuthType");
    }
    if turn.seat.challenge.is_none() {
        let number = turn.world.rng.u32(..);
        turn.seat.challenge = Some(Challenge::from_random(number).to_string());
    }
    let challenge = turn.seat.challenge.clone().unwrap_or_default();
    reply(turn.success().header("Challenge", challenge))
}

pub(super) fn login(turn: &mut Turn<'_>) -> Outcome {
    if turn.seat.is_logged_in() {
        return turn.done("Already authenticated");
    }
    let user = turn.text("Username");
    let account = turn
        .options
        .accounts
        .iter()
        .find(|account| account.user.eq_ignore_ascii_case(&user));
    if turn.user_is_live && account.is_some_and(|account| !account.multiple_login) {
        security(turn, "SessionLimit", false, &user, &[]);
        return penalty(turn, "Login Already In Use");
    }
    let Some(account) = account.filter(|_| !user.is_empty()) else {
        if !user.is_empty() {
            security(turn, "InvalidAccountID", false, &user, &[]);
        }
        return penalty(turn, "Authentication failed");
    };
    match prove(turn, account) {
        Ok(()) => {}
        Err(Unproven::Silently) => return penalty(turn, "Authentication failed"),
        Err(Unproven::Secret) => {
            security(turn, "InvalidPassword", false, &user, &[]);
            return penalty(turn, "Authentication failed");
        }
        Err(Unproven::Key(rest)) => {
            let rest = rest.each_ref().map(|(name, value)| (*name, value.as_str()));
            security(turn, "ChallengeResponseFailed", false, &user, &rest);
            return penalty(turn, "Authentication failed");
        }
    }
    let mask = match turn.value("Events") {
        b"" => account.read,
        asked => match parse_event_mask(asked) {
            EventMask::Off | EventMask::Invalid => ClassSet::NONE,
            EventMask::All => account.read,
            EventMask::Set(classes) => account.read.intersection(classes),
        },
    };
    turn.seat.account = Some(user.clone());
    turn.seat.read = account.read;
    turn.seat.write = account.write;
    turn.seat.mask = mask;
    security(
        turn,
        "SuccessfulAuth",
        true,
        &user,
        &[("UsingPassword", "0")],
    );
    let mut output = vec![
        turn.success()
            .header("Message", "Authentication accepted")
            .end(),
    ];
    if mask.covers(SYSTEM) && turn.world.booted {
        let booted = Message::event("FullyBooted").header("Privilege", SYSTEM.render());
        output.push(turn.world.booted_headers(booted).end());
    }
    Outcome::Reply(output)
}

/// Why a login failed.
enum Unproven {
    /// Without a security event.
    Silently,
    /// Wrong secret.
    Secret,
    /// Wrong key; what the event discloses.
    Key([(&'static str, String); 3]),
}

/// Checks what the client offers.
fn prove(turn: &Turn<'_>, account: &SimAccount) -> Result<(), Unproven> {
    if !turn.value("AuthType").eq_ignore_ascii_case(b"MD5") {
        let good = turn.value("Secret") == account.secret.as_bytes();
        return good.then_some(()).ok_or(Unproven::Secret);
    }
    let key = turn.value("Key");
    let Some(challenge) = turn.seat.challenge.as_deref().filter(|_| !key.is_empty()) else {
        return Err(Unproven::Silently);
    };
    let expected = md5_key(challenge, account.secret.as_bytes());
    if expected.as_bytes() == key {
        return Ok(());
    }
    Err(Unproven::Key([
        ("Challenge", challenge.to_owned()),
        ("Response", turn.text("Key")),
        ("ExpectedResponse", expected),
    ]))
}

fn penalty(turn: &Turn<'_>, text: &str) -> Outcome {
    let message = Message::response("Error", turn.id()).header("Message", text);
    Outcome::Penalty(vec![message.end()])
}

pub(super) fn logoff(turn: &mut Turn<'_>) -> Outcome {
    let message =
        Message::response("Goodbye", turn.id()).header("Message", "Thanks for all the fish.");
    Outcome::Goodbye(vec![message.end()])
}

pub(super) fn ping(turn: &mut Turn<'_>) -> Outcome {
    let message = turn.success().header("Ping", "Pong");
    reply(message.header("Timestamp", turn.world.clock.timestamp()))
}

pub(super) fn events(turn: &mut Turn<'_>) -> Outcome {
    let asked = match parse_event_mask(turn.value("EventMask")) {
        EventMask::Invalid => {
            return turn.error("Invalid event mask");
        }
        EventMask::Off => ClassSet::NONE,
        EventMask::All => ClassSet::ALL,
        EventMask::Set(classes) => classes,
    };
    turn.seat.mask = turn.seat.read.intersection(asked);
    let word = if asked.is_empty() { "Off" } else { "On" };
    reply(turn.success().header("Events", word))
}

pub(super) fn list_commands(turn: &mut Turn<'_>) -> Outcome {
    let mut message = turn.success();
    for entry in known(turn.options.version) {
        if permitted(entry.classes, turn.seat.write) {
            let classes = entry.classes.render();
            // 1.8 has one blank there.
            let gap = if turn.options.version == SimVersion::V1_8 {
                " "
            } else {
                "  "
            };
            let text = format!("{}{gap}(Priv: {classes})", entry.synopsis);
            message = message.header(entry.name, text);
        }
    }
    reply(message)
}

pub(super) fn wait_event(turn: &mut Turn<'_>) -> Outcome {
    let timeout = turn.text("Timeout").parse::<i64>().unwrap_or(-1);
    Outcome::WaitEvent {
        timeout: u64::try_from(timeout).ok().map(Duration::from_secs),
        head: turn
            .success()
            .header("Message", "Waiting for Event completed.")
            .end(),
        tail: Message::event("WaitEventComplete")
            .action_id(turn.id())
            .end(),
    }
}

/// Acknowledged first; the event then shows every line of the action but `Action` and `UserEvent`.
pub(super) fn user_event(turn: &mut Turn<'_>) -> Outcome {
    let legacy = turn.options.version.is_legacy();
    let mut event = turn
        .world
        .broadcast("UserEvent", USER)
        .header("UserEvent", turn.value("UserEvent"));
    for line in turn.action.lines() {
        let is = |name: &[u8]| line.name.is_some_and(|own| own.eq_ignore_ascii_case(name));
        if !is(b"UserEvent") && (legacy || !is(b"Action")) {
            event = event.line(line.raw);
        }
    }
    turn.world.publish(USER, event);
    turn.done("Event Sent")
}

/// RequestBadFormat: a message without action, or with an unknown one.
pub(super) fn bad_format(turn: &mut Turn<'_>, action: &str) {
    let account = turn.seat.account.clone().unwrap_or_default();
    let what = format!("Action: {action}");
    security(
        turn,
        "RequestBadFormat",
        false,
        &account,
        &[("RequestType", &what)],
    );
}

/// RequestNotAllowed: before login, or without a class that permits it.
pub(super) fn not_allowed(turn: &mut Turn<'_>, action: &str) {
    let account = turn.seat.account.clone().unwrap_or_default();
    let what = format!("Action: {action}");
    security(
        turn,
        "RequestNotAllowed",
        false,
        &account,
        &[("RequestType", &what)],
    );
}

fn security(turn: &mut Turn<'_>, name: &str, good: bool, account: &str, rest: &[(&str, &str)]) {
    if turn.world.is_legacy() {
        return;
    }
    let seat = &turn.seat;
    let mut message = turn
        .world
        .broadcast(name, SECURITY)
        .header("EventTV", Clock::event_tv(turn.world.clock.wall()))
        .header("Severity", if good { "Informational" } else { "Error" })
        .header("Service", "AMI")
        .header("EventVersion", "1")
        .header("AccountID", account)
        .header(
            "SessionID",
            format!("0x{:012x}", 0x7f00_0000_0000 + seat.id.0 * 0x40),
        )
        .header("LocalAddress", address(seat.local))
        .header("RemoteAddress", address(seat.peer));
    for (header, value) in rest {
        message = message.header(header, value);
    }
    let message = message.header("SessionTV", Clock::event_tv(seat.since));
    turn.world.publish(SECURITY, message);
}

fn address(address: std::net::SocketAddr) -> String {
    let family = if address.is_ipv4() { "IPV4" } else { "IPV6" };
    format!("{family}/TCP/{}/{}", address.ip(), address.port())
}
