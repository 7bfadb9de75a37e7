//! What the account's own lists say of an action, beyond the checks of Asterisk.
//!
//! Every occurrence of a header counts, although the node takes the first: nothing may depend on which one an older version takes.
//! What cannot be read for sure counts as not in the list.

mod contexts;
mod families;
mod files;
mod safe;
mod variables;

use ami_proto::{Action, ActionName};

use super::Text;
use crate::account::Account;
use crate::authority::builtin;
use crate::authorize::AuthorizeContext;

/// Asterisk has no such checks, hence no text of its own for them.
const REFUSAL: Text = "Permission denied";

/// Checks one action. `name` is the spelling of the table.
pub(super) fn check(
    name: &str,
    action: &Action,
    account: &Account,
    cx: &AuthorizeContext<'_>,
) -> Result<(), Text> {
    let limits = &account.limits;
    let permitted = limits
        .contexts
        .as_ref()
        .is_none_or(|contexts| contexts::permit(name, action, contexts, limits))
        && limits
            .files
            .as_ref()
            .is_none_or(|files| files::permit(name, action, files, cx))
        && limits
            .db_families
            .as_ref()
            .is_none_or(|families| families::permit(name, action, families, limits))
        && limits
            .variables
            .as_ref()
            .is_none_or(|variables| variables::permit(name, action, variables))
        && (!limits.safe || safe::permit(name, action, account));
    if permitted { Ok(()) } else { Err(REFUSAL) }
}

/// Whether the account may run the action of that name at all, whatever it names.
pub(crate) fn may_ever(account: &Account, name: &str) -> bool {
    match builtin(&ActionName::from(name)) {
        Some(spec) => {
            let leads_anywhere = spec.name == "AGI" && account.limits.contexts.is_some();
            !leads_anywhere && (!account.limits.safe || safe::opens(spec.name, account))
        }
        None => permit_unknown(account, name),
    }
}

/// Whether the account may run an action of which only the nodes know: what it names cannot be told.
pub(crate) fn permit_unknown(account: &Account, name: &str) -> bool {
    let limits = &account.limits;
    let is_limited = limits.safe
        || limits.contexts.is_some()
        || limits.files.is_some()
        || limits.db_families.is_some()
        || limits.variables.is_some();
    !is_limited || account.actions.names(name)
}

#[cfg(test)]
mod tests;
