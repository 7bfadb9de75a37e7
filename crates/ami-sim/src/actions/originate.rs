//! Originate: what it refuses before dialling, and the order it gives to the world.

use std::time::Duration;

use tokio::sync::oneshot;

use super::variables::assignments;
use super::{Outcome, Turn};
use crate::calls::originate::Order;
use crate::message::Message;
use crate::world::channel::Party;

const QUEUED: &str = "Originate successfully queued";
/// Asterisk's default of `Timeout`.
const TIMEOUT_MS: u64 = 30_000;

pub(super) fn originate(turn: &mut Turn<'_>) -> Outcome {
    let channel = turn.text("Channel");
    if channel.is_empty() {
        return turn.error("Channel not specified");
    }
    let timeout = match turn.text("Timeout").as_str() {
        "" => TIMEOUT_MS,
        text => match text.parse() {
            Ok(ms) => ms,
            Err(_) => return turn.error("Invalid timeout"),
        },
    };
    if !channel.contains('/') {
        return turn.error("Invalid channel");
    }
    let application = turn.text("Application");
    let (context, exten) = (turn.text("Context"), turn.text("Exten"));
    let is_async = turn.is_true("Async");
    if application.is_empty() {
        let whole = !context.is_empty() && !exten.is_empty() && !turn.value("Priority").is_empty();
        if !whole && !is_async {
            return turn.error("Originate with 'Exten' requires 'Context' and 'Priority'");
        }
        if exten == "nosuch" || context == "nowhere" {
            return turn.error("Extension does not exist.");
        }
    }
    let order = Order {
        channel,
        application,
        data: turn.text("Data"),
        context,
        exten,
        caller: caller_id(&turn.text("CallerID")),
        account: turn.text("Account"),
        timeout: Duration::from_millis(timeout),
        variables: turn
            .action
            .headers("Variable")
            .flat_map(assignments)
            .collect(),
        action_id: turn.id_bytes(),
    };
    if is_async {
        turn.world.place(&order, None);
        return turn.done(QUEUED);
    }
    let (reply, outcome) = oneshot::channel();
    turn.world.place(&order, Some(reply));
    Outcome::Placing {
        outcome,
        success: turn.success().header("Message", QUEUED).end(),
        failure: Message::response("Error", turn.id())
            .header("Message", "Originate failed")
            .end(),
    }
}

/// `"Name" <number>`, `Name <number>` or a bare number.
fn caller_id(text: &str) -> Party {
    match text.split_once('<') {
        Some((name, rest)) => Party::new(
            rest.split('>').next().unwrap_or_default().trim(),
            name.trim().trim_matches('"'),
        ),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => Party::new(text, ""),
        None => Party::new("", text.trim()),
    }
}
