//! Accounts with `channels`: which events they see, which items of lists they get, on what they may act.
//!
//! Three tables decide, each with its reasons: [`event_table`] and [`action_table`] say which headers name channels and
//! devices, and [`dialled`] what a dial string reaches. What no table knows is hidden or refused.

mod action_table;
pub(crate) mod dialled;
mod event_objects;
mod event_table;
mod function;

use ami_proto::{Action, ActionName};

use crate::account::{Account, ChannelScope};
use crate::authority::{ActionSpec, builtin};
use action_table::{Access, ActionRule, Object, rule};
pub use event_objects::EventObjects;

/// What of the answer the account gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All of it.
    Whole,
    /// Items about channels and devices of its own.
    OwnItems,
}

/// Whether an account with these channels may run the action, and what of its answer it gets. `spec` is the action's row;
/// without one nothing is known of it.
pub(crate) fn check(
    account: &Account,
    scope: &ChannelScope,
    action: &Action,
    spec: Option<&ActionSpec>,
) -> Option<Answer> {
    let rule = spec.map(|spec| (spec.name, rule(spec.name)));
    let Some((name, rule)) = rule.filter(|(_, rule)| rule.access != Access::Named) else {
        let name = action.name()?.as_str_lossy();
        return account.actions.names(&name).then_some(Answer::Whole);
    };
    let permitted = may_ever(account, name)
        && objects_inside(scope, &rule, action)
        && function::reaches_nobody(name, action)
        // A list of variables names the functions that it opens, one by one.
        && (account.limits.variables.is_some() || function::only_of_the_channel(name, action));
    permitted.then_some(match rule.access {
        Access::List | Access::ObjectList => Answer::OwnItems,
        Access::Open | Access::Objects | Access::NamedObjects | Access::Named => Answer::Whole,
    })
}

/// Whether an account with `channels` may run the action of that name at all, for some object.
pub(crate) fn may_ever(account: &Account, action: &str) -> bool {
    let canonical = builtin(&ActionName::from(action)).map(|spec| spec.name);
    match canonical.map(|name| rule(name).access) {
        Some(Access::Open | Access::Objects | Access::List | Access::ObjectList) => true,
        Some(Access::Named | Access::NamedObjects) | None => account.actions.names(action),
    }
}

/// What of its `allow_actions` an account with `channels` may do without a look at channels, as far as that is known.
pub(crate) fn unlimited(account: &Account) -> impl Iterator<Item = &str> {
    let named = account.actions.named();
    named.filter_map(|name| match builtin(&ActionName::from(name)) {
        Some(spec) => (rule(spec.name).access == Access::Named).then_some(spec.name),
        None => Some(name),
    })
}

/// Whether everything that the action names is inside, and that it names something where it must. Every occurrence of a header
/// is looked at, although the node takes the first.
fn objects_inside(scope: &ChannelScope, rule: &ActionRule, action: &Action) -> bool {
    let mut given = 0;
    for (header, object) in rule.objects {
        for value in action.headers(header).filter(|value| !value.is_empty()) {
            if !is_inside(scope, *object, value) {
                return false;
            }
            given += usize::from(*object != Object::NewId);
        }
    }
    let needs_one = match rule.access {
        Access::Objects | Access::NamedObjects | Access::ObjectList => true,
        Access::Open | Access::List | Access::Named => false,
    };
    !needs_one || given > 0
}

fn is_inside(scope: &ChannelScope, object: Object, value: &[u8]) -> bool {
    // A name of a channel has a technology; a Uniqueid has none, and `/` in front means an expression.
    let has_technology = value.iter().position(|&byte| byte == b'/') > Some(0);
    match object {
        Object::Channel => has_technology && scope.holds_channel(value),
        Object::Beginning => has_technology && scope.holds_all_beginning_with(value),
        Object::Device => scope.holds_device(value),
        Object::Of(technology) => event_objects::holds_of(scope, technology.as_bytes(), value),
        Object::NewId => !value.contains(&b'/'),
    }
}

#[cfg(test)]
mod tests;
