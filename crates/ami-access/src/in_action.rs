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
    if let Some(check) = check_of(name) {
        check(action, account, cx)?;
    }
    limits::check(name, action, account, cx)
}

pub(crate) use limits::{may_ever, permit_unknown};

/// One action's check, by the client's rights.
type Check = fn(&Action, &Account, &AuthorizeContext<'_>) -> Result<(), Text>;

/// Whether headers of that action, spelled as in the table, are checked whatever the account's lists.
pub(crate) fn is_checked(name: &str) -> bool {
    check_of(name).is_some()
}

/// The check that Asterisk makes inside that action, and what closes the ways round it.
fn check_of(name: &str) -> Option<Check> {
    use path::Unresolvable::{NotFound, Restricted};

    Some(match name {
        "Originate" => |action, account, _| {
            originate::check(action, account.write)?;
            if is_set(action, "Async") {
                Ok(())
            } else {
                duration::check_waiting_call(action)
            }
        },
        "PlayDTMF" | "PlayMF" => |action, _, _| duration::check_played(action),
        "Getvar" => |action, account, _| variable::check_getvar(action, account.write),
        "Setvar" => |action, account, _| variable::check_setvar(action, account.write),
        "Status" => |action, account, _| variable::check_status(action, account.write),
        "Command" => |action, account, _| command::check(action, account.write, &account.commands),
        "GetConfig" | "ListCategories" => |action, account, cx| {
            path::check_config(action, "Filename", account.write, cx, NotFound)
        },
        "UpdateConfig" => |action, account, cx| {
            for header in ["SrcFilename", "DstFilename"] {
                path::check_config(action, header, account.write, cx, Restricted)?;
            }
            path::check_lines(action, account.write)
        },
        "GetConfigJSON" | "CreateConfig" => |action, account, cx| {
            path::check_config(action, "Filename", account.write, cx, Restricted)
        },
        "ModuleLoad" => |action, _, _| path::check_module(action),
        "Monitor" | "ChangeMonitor" => {
            |action, account, _| recording::check_monitor(action, account.write)
        }
        _ => return None,
    })
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
