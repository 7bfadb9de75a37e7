//! Options that hold at some nodes only: `read@pbx2`, `write@tag:lab`.
//!
//! Only rights can differ by node. Any other option with an `@` is an error: a restriction that is passed over would open a door.

use super::super::super::report::Report;
use super::super::super::section::Variable;
use super::{classes, expected};
use crate::account::Account;
use crate::node::NodeSelector;

/// Applies `option@place` to the account.
pub(super) fn apply(
    account: &mut Account,
    option: &str,
    place: &str,
    variable: &Variable,
    report: &mut Report,
) {
    let Variable { name, value, at } = variable;
    let option = option.to_ascii_lowercase();
    if !matches!(
        option.as_str(),
        "read" | "write" | "allow_actions" | "deny_actions" | "allow_commands"
    ) {
        let text = format!(
            "{}: only read, write, allow_actions, deny_actions and allow_commands can differ by node",
            name.escape_debug()
        );
        report.error(at, text);
        return;
    }
    let Some(selector) = NodeSelector::parse(place) else {
        let text = format!(
            "{}: behind the `@` stands the name of one node, or `tag:` and a tag",
            name.escape_debug()
        );
        report.error(at, text);
        return;
    };
    let rule = account.node_rules.entry(selector, &at.file, at.line);
    let accepted = match option.as_str() {
        "read" => {
            rule.read = Some(classes(name, value, at, report));
            Some(())
        }
        "write" => {
            rule.write = Some(classes(name, value, at, report));
            Some(())
        }
        "allow_actions" => rule.actions.allow(value).ok(),
        "deny_actions" => rule.actions.deny(value).ok(),
        _ => rule.commands.allow(value),
    };
    if accepted.is_none() {
        report.error(
            at,
            format!("{}: {}", name.escape_debug(), expected(&option)),
        );
    }
}
