//! What an account may name in its actions, beyond what Asterisk can say: contexts, files, families of the database, variables.
//!
//! Each is a list of patterns; without the list nothing is limited, and a list without a name is an error of the account. `safe` closes
//! what a list could open: see `docs/accounts.md`.

use crate::glob::Glob;

/// The lists of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Dialplan contexts.
    pub contexts: Option<Names>,
    /// Configuration files, relative to the node's configuration directory.
    pub files: Option<Names>,
    /// Families of AstDB, with what is below them.
    pub db_families: Option<Names>,
    /// Variables and functions as they are written; globals as `GLOBAL(name)`.
    pub variables: Option<Names>,
    /// Whether everything is closed that is not opened by name.
    pub safe: bool,
}

/// Patterns, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    globs: Vec<Glob>,
}

impl Names {
    /// Reads patterns separated by commas; commas in parentheses belong to a function's pattern. `None` when one is empty.
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let mut globs = Vec::new();
        let (mut depth, mut start) = (0_u32, 0);
        for (at, c) in list.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    globs.push(Glob::new(list.get(start..at)?.trim())?);
                    start = at + 1;
                }
                _ => {}
            }
        }
        globs.push(Glob::new(list.get(start..)?.trim())?);
        Some(Self { globs })
    }

    /// Adds the patterns of another line.
    pub(crate) fn extend(&mut self, more: Self) {
        self.globs.extend(more.globs);
    }

    /// Whether one of the patterns is like the name.
    pub fn contain(&self, name: &[u8]) -> bool {
        self.globs.iter().any(|glob| glob.matches(name))
    }

    /// The same for a variable: a pattern without a parenthesis stands for no function.
    pub(crate) fn contain_variable(&self, name: &[u8]) -> bool {
        let is_function = name.contains(&b'(');
        let mut globs = self.globs.iter();
        globs.any(|glob| (!is_function || glob.contains(b'(')) && glob.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn commas_separate_patterns_outside_parentheses() {
        let names = Names::parse("FOO_*, CHANNEL(rtp,*)").expect("a list");
        assert!(names.contain_variable(b"FOO_x") && names.contain_variable(b"CHANNEL(rtp,dest)"));
        assert!(!names.contain_variable(b"FOO_(x)") && !names.contain_variable(b"CHANNEL(state)"));
        for empty in ["", " ", "a,", ",a", "a,,b"] {
            assert!(Names::parse(empty).is_none(), "{empty:?}");
        }
    }
}
