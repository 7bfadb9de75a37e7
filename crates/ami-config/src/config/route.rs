//! `[[route]]`: where actions go that name nothing a node is known to have.

use ami_access::Glob;

/// One rule. The first that is about an action decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Names of actions, any of them; at least one.
    pub actions: Vec<Glob>,
    /// Names of accounts, any of them; none: every account.
    pub accounts: Vec<Glob>,
    /// A header, and what its value must be like; an absent header is like an empty one.
    pub matches: Option<(String, Glob)>,
    /// Names in [`Config::nodes`](super::Config::nodes), in the order of the rule, each once; at least one.
    pub to: Vec<String>,
    /// How one of them is chosen.
    pub policy: Policy,
}

/// How one of several nodes is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// None is: a list is asked of all of them.
    All,
    /// The first that is up.
    Priority,
    /// By the value of this header.
    Hash(String),
    /// The one with the fewest channels for its weight.
    LeastCalls,
    /// In turns, by weight.
    Weighted,
}
