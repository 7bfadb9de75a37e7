//! `allow_commands`: which lines of the CLI an account may run with the action Command.
//!
//! An entry is the beginning of a line, word by word: `queue show` permits `queue show sales` and not `queue reload`. A
//! line is split as the CLI splits it, so that quotes and tabs hide nothing.

use crate::cli::words;

/// The list of an account; an absent one restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandRights {
    allowed: Option<Vec<Vec<Vec<u8>>>>,
}

impl CommandRights {
    /// Whether the account may run the line of these words, their ASCII case not regarded. An empty line
    /// does nothing: the node says so itself.
    pub(crate) fn permit(&self, line: &[Vec<u8>]) -> bool {
        let begins_with = |entry: &Vec<Vec<u8>>| {
            entry.len() <= line.len()
                && entry
                    .iter()
                    .zip(line)
                    .all(|(wanted, given)| wanted.eq_ignore_ascii_case(given))
        };
        line.is_empty()
            || self
                .allowed
                .as_ref()
                .is_none_or(|entries| entries.iter().any(begins_with))
    }

    /// Whether there is a list.
    pub(crate) fn is_limited(&self) -> bool {
        self.allowed.is_some()
    }

    /// Adds the entries of one line; `None` when one is empty.
    pub(crate) fn allow(&mut self, list: &str) -> Option<()> {
        let entries: Vec<_> = list
            .split(',')
            .map(|entry| words(entry.as_bytes()))
            .collect();
        if entries.iter().any(Vec::is_empty) {
            return None;
        }
        self.allowed.get_or_insert_with(Vec::new).extend(entries);
        Some(())
    }
}
