//! `allow_actions` and `deny_actions`: which actions an account may run, within its classes.
//!
//! Login, Challenge and Logoff are always allowed: without them there is no session to restrict.

use thiserror::Error;

/// Actions that cannot be taken from an account.
const ALWAYS: [&str; 3] = ["Login", "Challenge", "Logoff"];

/// A name or, with `*` at its end, the beginning of names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    /// Lower case.
    name: String,
    is_prefix: bool,
}

impl Pattern {
    fn matches(&self, lower: &str) -> bool {
        if self.is_prefix {
            lower.starts_with(&self.name)
        } else {
            lower == self.name
        }
    }
}

/// Why a list of actions cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "names of actions separated by commas, each of letters and digits, `*` only at the end of a name"
)]
pub(crate) struct ActionRightsError;

/// The two lists of an account; an absent one restricts nothing.
///
/// At a node with several tags there can be several lists of what is allowed: an action must be in all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionRights {
    allow: Vec<Vec<Pattern>>,
    deny: Vec<Pattern>,
}

impl ActionRights {
    /// Whether the account may run the action of that name, in whatever case.
    pub fn permit(&self, action: &str) -> bool {
        if self.allow.is_empty() && self.deny.is_empty() {
            return true;
        }
        if ALWAYS.iter().any(|name| name.eq_ignore_ascii_case(action)) {
            return true;
        }
        let lower = action.to_ascii_lowercase();
        let has = |list: &Vec<Pattern>| list.iter().any(|pattern| pattern.matches(&lower));
        let allowed = self.allow.iter().all(has);
        allowed && !self.deny.iter().any(|pattern| pattern.matches(&lower))
    }

    /// Whether `allow_actions` has that very name, in whatever case, and not only a pattern that covers it.
    pub(crate) fn names(&self, action: &str) -> bool {
        self.named().any(|name| name.eq_ignore_ascii_case(action))
    }

    /// The names in `allow_actions` that are no patterns, in lower case; of several lists those that are in all of them.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        let (first, others) = match self.allow.split_first() {
            Some((first, others)) => (first.as_slice(), others),
            None => (&[][..], &[][..]),
        };
        first
            .iter()
            .filter(|pattern| !pattern.is_prefix)
            .filter(|pattern| others.iter().all(|list| list.contains(pattern)))
            .map(|pattern| pattern.name.as_str())
    }

    /// Takes over what these say together, each of the two lists by itself. What none of them says stays.
    pub(super) fn replaced_by(&mut self, others: &[&Self]) {
        let allow: Vec<_> = others.iter().flat_map(|one| one.allow.clone()).collect();
        if !allow.is_empty() {
            self.allow = allow;
        }
        let deny: Vec<_> = others.iter().flat_map(|one| one.deny.clone()).collect();
        if !deny.is_empty() {
            self.deny = deny;
        }
    }

    pub(crate) fn allow(&mut self, list: &str) -> Result<(), ActionRightsError> {
        let patterns = parse(list)?;
        // The lines of one section are one list.
        match self.allow.last_mut() {
            Some(list) => list.extend(patterns),
            None => self.allow.push(patterns),
        }
        Ok(())
    }

    pub(crate) fn deny(&mut self, list: &str) -> Result<(), ActionRightsError> {
        self.deny.extend(parse(list)?);
        Ok(())
    }
}

fn parse(list: &str) -> Result<Vec<Pattern>, ActionRightsError> {
    let pattern = |word: &str| {
        let word = word.trim();
        let (name, is_prefix) = match word.strip_suffix('*') {
            Some(name) => (name, true),
            None => (word, false),
        };
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !word.is_empty();
        is_name
            .then(|| Pattern {
                name: name.to_ascii_lowercase(),
                is_prefix,
            })
            .ok_or(ActionRightsError)
    };
    list.split(',').map(pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(allow: Option<&str>, deny: Option<&str>) -> ActionRights {
        let mut rights = ActionRights::default();
        allow.map(|list| rights.allow(list)).transpose().unwrap();
        deny.map(|list| rights.deny(list)).transpose().unwrap();
        rights
    }

    #[test]
    fn no_list_restricts_nothing() {
        assert!(rights(None, None).permit("Originate"));
    }

    #[test]
    fn only_what_is_listed() {
        let rights = rights(Some("ping, Queue*"), None);
        for (action, permitted) in [
            ("Ping", true),
            ("QUEUEADD", true),
            ("Originate", false),
            ("Login", true),
        ] {
            assert_eq!(rights.permit(action), permitted, "{action}");
        }
    }

    #[test]
    fn deny_wins() {
        let rights = rights(Some("*"), Some("Originate,Db*"));
        for (action, permitted) in [
            ("Ping", true),
            ("originate", false),
            ("DBPut", false),
            ("Logoff", true),
        ] {
            assert_eq!(rights.permit(action), permitted, "{action}");
        }
    }

    #[test]
    fn what_is_no_list_of_names_is_an_error() {
        for list in ["", "a,,b", "Que*ue", "A B", "a;b"] {
            assert_eq!(
                rights(None, None).allow(list),
                Err(ActionRightsError),
                "{list}"
            );
        }
    }
}
