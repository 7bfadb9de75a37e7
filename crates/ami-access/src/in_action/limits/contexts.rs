//! `contexts`: where in the dialplan an account may send a channel.

use ami_proto::Action;

use super::super::contains_ignoring_case;
use super::super::function::{computes_names, plain};
use super::variables;
use crate::account::Limits;
use crate::account::Names;

/// Where Asterisk goes that is given no context.
const DEFAULT: &[u8] = b"default";

/// Applications that lead nowhere in the dialplan and reach no other channel.
const APPLICATIONS: [&str; 12] = [
    "Answer",
    "Busy",
    "Congestion",
    "Echo",
    "Hangup",
    "Milliwatt",
    "MusicOnHold",
    "NoOp",
    "Playback",
    "Progress",
    "Ringing",
    "Wait",
];

/// Variables and functions that send a channel on, now or when it is transferred or hung up.
const SENDS_ON: [&str; 9] = [
    "after_bridge_goto",
    "hangup_handler",
    "EVAL_EXTEN",
    "FORWARD_CONTEXT",
    "GOTO_ON_BLINDXFR",
    "MACRO_CONTEXT",
    "PERIODIC_HOOK",
    "TRANSFER_CONTEXT",
    "TRANSFER_EXTEN",
];

/// Headers that name a context, by action.
fn context_headers(action: &str) -> &'static [&'static str] {
    match action {
        "DialplanExtensionAdd" | "DialplanExtensionRemove" | "ExtensionState" => &["Context"],
        _ => &[],
    }
}

pub(super) fn permit(name: &str, action: &Action, contexts: &Names, limits: &Limits) -> bool {
    // A list of variables that names such a one has been written for it.
    if limits.variables.is_none() && variables::texts(name, action).any(sends_on) {
        return false;
    }
    match name {
        "Originate" => {
            let application = action.header("Application").unwrap_or_default();
            leads_inside(action, contexts)
                && (application.is_empty() || is_harmless(application))
                && (!application.is_empty() || all_inside(action, "Context", contexts))
                && action
                    .headers("PreDialGoSub")
                    .all(|place| contexts.contain(context_of_place(place)))
        }
        // The interface of a member is dialled by the node.
        "QueueAdd" => action
            .headers("Interface")
            .all(|interface| dials_inside(interface, contexts)),
        // It hands the channel to a program that may do anything with it.
        "AGI" => false,
        // Extra channels are sent to the first context when they have none of their own.
        "Redirect" => {
            all_inside(action, "Context", contexts)
                && action
                    .headers("ExtraContext")
                    .filter(|context| !context.is_empty())
                    .all(|context| contexts.contain(context))
        }
        // Without one, all contexts are shown, and a transfer takes the channel's own, which is not known here.
        "ShowDialPlan" | "Atxfer" | "BlindTransfer" => {
            action
                .header("Context")
                .is_some_and(|context| !context.is_empty())
                && all_inside(action, "Context", contexts)
        }
        _ => context_headers(name)
            .iter()
            .all(|header| all_inside(action, header, contexts)),
    }
}

/// Whether the text names what sends a channel on, or may: `CHANNEL(hangup_handler_push)=elsewhere,s,1` runs that place.
fn sends_on(text: &[u8]) -> bool {
    let plain = plain(text);
    computes_names(text)
        || SENDS_ON
            .iter()
            .any(|name| contains_ignoring_case(&plain, name))
}

/// Whether every context in that header, or the default where there is none, is in the list.
fn all_inside(action: &Action, header: &str, contexts: &Names) -> bool {
    let mut given = action.headers(header).peekable();
    if given.peek().is_none() {
        return contexts.contain(DEFAULT);
    }
    given.all(|context| contexts.contain(if context.is_empty() { DEFAULT } else { context }))
}

fn leads_inside(action: &Action, contexts: &Names) -> bool {
    action
        .headers("Channel")
        .all(|channel| dials_inside(channel, contexts))
}

/// A Local channel runs the dialplan of its context; others run none before they are answered.
pub(super) fn dials_inside(dialled: &[u8], contexts: &Names) -> bool {
    match local_context(dialled) {
        Some(context) => contexts.contain(context),
        None => !is_local(dialled),
    }
}

/// Whether the dial string may be one of a Local channel.
pub(super) fn is_local(dialled: &[u8]) -> bool {
    let technology = dialled
        .split(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    !technology.iter().all(u8::is_ascii_alphanumeric) || technology.eq_ignore_ascii_case(b"local")
}

/// The context of `Local/exten@context/options`. `None` for other technologies, and for what cannot be read for sure.
fn local_context(dialled: &[u8]) -> Option<&[u8]> {
    let mut parts = dialled.split(|byte| *byte == b'/');
    let technology = parts.next()?;
    let resource = parts.next()?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+*#@".contains(byte);
    if !technology.eq_ignore_ascii_case(b"local") || !resource.iter().all(is_plain) {
        return None;
    }
    let mut halves = resource.split(|byte| *byte == b'@');
    let _extension = halves.next()?;
    let context = halves.next().unwrap_or(DEFAULT);
    halves.next().is_none().then_some(context)
}

/// `context,exten,priority`; with fewer parts there is no context.
fn context_of_place(place: &[u8]) -> &[u8] {
    let parts: Vec<&[u8]> = place.split(|byte| *byte == b',').collect();
    match *parts {
        [context, _, _, ..] => context.trim_ascii(),
        _ => DEFAULT,
    }
}

pub(super) fn is_harmless(application: &[u8]) -> bool {
    APPLICATIONS
        .iter()
        .any(|harmless| application.eq_ignore_ascii_case(harmless.as_bytes()))
}
