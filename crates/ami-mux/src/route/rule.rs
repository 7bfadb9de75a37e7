//! The rules of the configuration: which actions of which accounts go where.
//!
//! A rule never outweighs the node that has what an action names: it is for actions that name nothing yet.

use ami_access::{Authorized, Glob};
use ami_proto::Action;

use super::RoutePolicy;
use super::choice::Choice;
use crate::ids::NodeId;

/// One rule.
#[derive(Debug)]
pub struct RouteRule {
    /// Names of actions, any of them.
    pub actions: Vec<Glob>,
    /// Names of accounts, any of them; none: every account.
    pub accounts: Vec<Glob>,
    /// A header and what its value must be like.
    pub matches: Option<(String, Glob)>,
    /// Where such an action goes, in the order of the configuration.
    pub targets: Vec<RuleTarget>,
    /// How one of several targets is chosen.
    pub choice: Choice,
}

/// A node that a rule names, by name, tag or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTarget {
    /// The node.
    pub node: NodeId,
    /// Its share of calls, from 1.
    pub weight: u32,
}

impl RouteRule {
    fn applies(&self, action: &Authorized<Action>, account: &str) -> bool {
        let action = action.action();
        let any = |globs: &[Glob], name: &[u8]| globs.iter().any(|glob| glob.matches(name));
        let name = action.name().map(ToString::to_string).unwrap_or_default();
        any(&self.actions, name.as_bytes())
            && (self.accounts.is_empty() || any(&self.accounts, account.as_bytes()))
            && self.matches.as_ref().is_none_or(|(header, glob)| {
                glob.matches(action.header(header).unwrap_or_default())
            })
    }
}

/// The first rule that is about the action, and its number.
pub(super) fn first_match<'a>(
    action: &Authorized<Action>,
    policy: &RoutePolicy<'a>,
) -> Option<(usize, &'a RouteRule)> {
    let mut rules = policy.rules.iter().enumerate();
    rules.find(|(_, rule)| rule.applies(action, policy.account))
}
