//! `allow_commands`: which lines of the CLI an account may run with the action Command.
//!
//! An entry is the beginning of a line, word by word: `queue show` permits `queue show sales` and not `queue reload`. A
//! line is split as the CLI splits it, so that quotes and tabs hide nothing.

use crate::cli::words;

/// The beginning of a line, in words.
type Entry = Vec<Vec<u8>>;

/// The list of an account; an absent one restricts nothing. At a node with several tags there can be several: a line must be in
/// all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandRights {
    allowed: Vec<Vec<Entry>>,
}

impl CommandRights {
    /// Whether the account may run the line of these words, their ASCII case not regarded. An empty line
    /// does nothing: the node says so itself.
    pub(crate) fn permit(&self, line: &[Vec<u8>]) -> bool {
        let begins_with = |entry: &Entry| {
            entry.len() <= line.len()
                && entry
                    .iter()
                    .zip(line)
                    .all(|(wanted, given)| wanted.eq_ignore_ascii_case(given))
        };
        let mut lists = self.allowed.iter();
        line.is_empty() || lists.all(|entries| entries.iter().any(begins_with))
    }

    /// Whether there is a list.
    pub(crate) fn is_limited(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Takes over what these say together; what none of them says stays.
    pub(super) fn replaced_by(&mut self, others: &[&Self]) {
        let allowed: Vec<_> = others.iter().flat_map(|one| one.allowed.clone()).collect();
        if !allowed.is_empty() {
            self.allowed = allowed;
        }
    }

    /// Adds the entries of one line; `None` when one is empty.
    pub(crate) fn allow(&mut self, list: &str) -> Option<()> {
        let entries: Vec<Entry> = list
            .split(',')
            .map(|entry| words(entry.as_bytes()))
            .collect();
        if entries.iter().any(Vec::is_empty) {
            return None;
        }
        // The lines of one section are one list.
        match self.allowed.last_mut() {
            Some(list) => list.extend(entries),
            None => self.allowed.push(entries),
        }
        Some(())
    }
}
