//! The checks that Asterisk makes inside actions, made here with the client's rights.
//!
//! Owner: [`authorize`](crate::authorize). The node sees amiplex's powerful account and would let everything pass, so
//! nothing may be left to it. Headers are looked up exactly as the handler on the node looks them up: first match,
//! even when empty. The refusals are Asterisk's texts. Where a known way round its checks leads to amiplex's own secret on the
//! node, the check here is stricter.

mod command;
mod duration;
mod function;
mod limits;
mod originate;
mod path;
mod recording;
mod variable;

use ami_proto::{Action, Class, ClassSet};

use crate::account::Account;
use crate::authorize::{AuthorizeContext, is_set};

/// Asterisk's text of a refusal.
pub(crate) type Text = &'static str;

/// Checks one action. `name` is the spelling of the table.
pub(crate) fn check(
    name: &str,
    action: &Action,
    account: &Account,
    cx: &AuthorizeContext<'_>,
) -> Result<(), Text> {
    of_asterisk(name, action, account, cx)?;
    limits::check(name, action, account, cx)
}

pub(crate) use limits::{may_ever, permit_unknown};

/// The checks that Asterisk makes, and what closes the ways round them.
fn of_asterisk(
    name: &str,
    action: &Action,
    account: &Account,
    cx: &AuthorizeContext<'_>,
) -> Result<(), Text> {
    let write = account.write;
    match name {
        "Originate" => {
            originate::check(action, write)?;
            if is_set(action, "Async") {
                Ok(())
            } else {
                duration::check_waiting_call(action)
            }
        }
        "PlayDTMF" | "PlayMF" => duration::check_played(action),
        "Getvar" => variable::check_getvar(action, write),
        "Setvar" => variable::check_setvar(action, write),
        "Status" => variable::check_status(action, write),
        "Command" => command::check(action, write, &account.commands),
        "GetConfig" | "ListCategories" => {
            path::check_config(action, "Filename", write, cx, path::Unresolvable::NotFound)
        }
        "UpdateConfig" => ["SrcFilename", "DstFilename"]
            .into_iter()
            .try_for_each(|header| {
                path::check_config(action, header, write, cx, path::Unresolvable::Restricted)
            })
            .and_then(|()| path::check_lines(action, write)),
        "GetConfigJSON" | "CreateConfig" => path::check_config(
            action,
            "Filename",
            write,
            cx,
            path::Unresolvable::Restricted,
        ),
        "ModuleLoad" => path::check_module(action),
        "Monitor" | "ChangeMonitor" => recording::check_monitor(action, write),
        _ => Ok(()),
    }
}

/// Whether the account may read configuration as a whole, amiplex's own secret on the node included.
fn reads_all_configuration(write: ClassSet) -> bool {
    write.contains(Class::System) && write.contains(Class::Config)
}

/// The first header of that name; empty when there is none, as the handlers see it.
fn header<'a>(action: &'a Action, name: &str) -> &'a [u8] {
    action.header(name).unwrap_or_default()
}

/// Whether `text` contains `word` as it is.
fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len())
        .any(|window| window == word.as_bytes())
}

/// Whether `text` contains `word`, ASCII case not regarded.
fn contains_ignoring_case(text: &[u8], word: &str) -> bool {
    text.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests;
