//! Access lists: which peer addresses an account may log in from.
//!
//! Owner: the account. Evaluation is Asterisk's: within a list the LAST matching rule wins and no
//! match allows; a peer must pass every list; IPv4 rules match IPv4 and IPv4-mapped peers only, IPv6
//! rules never match those. A named list that does not exist denies everybody.

mod network;

use std::net::IpAddr;
use std::sync::Arc;

use network::Network;
pub use network::RuleError;

/// What a matching rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// The peer may log in, unless a later rule says no.
    Permit,
    /// The peer may not log in, unless a later rule says yes.
    Deny,
}

impl Sense {
    fn flipped(self) -> Self {
        match self {
            Self::Permit => Self::Deny,
            Self::Deny => Self::Permit,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    sense: Sense,
    network: Network,
}

/// One ordered list of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleList {
    rules: Vec<Rule>,
}

impl RuleList {
    /// Appends the rules of one `permit` or `deny` line: items separated by commas, each
    /// `[!]address[/mask]`, where `!` turns the sense round. Blanks are part of an item, hence an error.
    pub fn append(&mut self, sense: Sense, line: &str) -> Result<(), RuleError> {
        for item in line.split(',') {
            let (sense, network) = match item.strip_prefix('!') {
                Some(rest) => (sense.flipped(), rest),
                None => (sense, item),
            };
            self.rules.push(Rule {
                sense,
                network: network.parse()?,
            });
        }
        Ok(())
    }

    /// Whether the list lets the peer pass.
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let last = self
            .rules
            .iter()
            .rev()
            .find(|rule| rule.network.contains(peer));
        last.is_none_or(|rule| rule.sense == Sense::Permit)
    }

    /// Whether some rule denies every IPv4 peer.
    fn denies_whole_ipv4(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.sense == Sense::Deny && rule.network.is_whole_ipv4())
    }

    /// Whether any rule speaks of IPv6.
    fn mentions_ipv6(&self) -> bool {
        self.rules.iter().any(|rule| rule.network.is_ipv6())
    }
}

/// A list that an account uses by name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedList {
    name: String,
    /// `None` for a name that is not defined: nobody passes.
    rules: Option<Arc<RuleList>>,
}

/// All lists of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acl {
    own: RuleList,
    named: Vec<NamedList>,
}

impl Acl {
    /// Whether every list lets the peer pass; an account without lists lets everybody pass.
    pub fn allows(&self, peer: IpAddr) -> bool {
        self.own.allows(peer)
            && self
                .named
                .iter()
                .all(|list| list.rules.as_ref().is_some_and(|rules| rules.allows(peer)))
    }

    /// Whether the lists shut IPv4 out by default and say nothing of IPv6, so that every IPv6 peer
    /// passes.
    pub fn leaves_ipv6_open(&self) -> bool {
        let defined = || self.named.iter().filter_map(|list| list.rules.as_deref());
        let mut lists = std::iter::once(&self.own).chain(defined());
        let shuts_ipv4 = lists.any(RuleList::denies_whole_ipv4);
        let mentions_ipv6 = self.own.mentions_ipv6() || defined().any(RuleList::mentions_ipv6);
        let denies_all = self.named.iter().any(|list| list.rules.is_none());
        shuts_ipv4 && !mentions_ipv6 && !denies_all
    }

    /// Adds the rules of a `permit` or `deny` line to the account's own list.
    pub(crate) fn append(&mut self, sense: Sense, line: &str) -> Result<(), RuleError> {
        self.own.append(sense, line)
    }

    /// Adds a named list. False when the account has that name already, in whatever case.
    pub(crate) fn append_named(&mut self, name: &str, rules: Option<Arc<RuleList>>) -> bool {
        let is_new = !self
            .named
            .iter()
            .any(|list| list.name.eq_ignore_ascii_case(name));
        if is_new {
            self.named.push(NamedList {
                name: name.to_owned(),
                rules,
            });
        }
        is_new
    }
}

#[cfg(test)]
mod tests;
