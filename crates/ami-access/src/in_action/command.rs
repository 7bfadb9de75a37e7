//! Command: what the CLI would run, tokenised as the CLI does.
//!
//! Asterisk's own check splits at blanks only, so that `"module" load x` or a tab passes it.

use ami_proto::Action;

use super::{Text, header};

const REFUSAL: Text = "Command blacklisted";

/// First words that nobody may run over AMI.
const BLACKLIST: [[&str; 2]; 3] = [
    ["module", "load"],
    ["module", "unload"],
    ["restart", "gracefully"],
];

pub(super) fn check(action: &Action) -> Result<(), Text> {
    let words = words(header(action, "Command"));
    let begins_with = |entry: &[&str; 2]| {
        entry.iter().enumerate().all(|(at, word)| {
            words
                .get(at)
                .is_some_and(|given| given.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if BLACKLIST.iter().any(begins_with) {
        Err(REFUSAL)
    } else {
        Ok(())
    }
}

/// The words of a CLI line: separated by blanks and tabs outside quotes; quotes are dropped; a
/// backslash takes the meaning of the next character away.
pub(super) fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut in_quotes, mut escaped): (
        Vec<Vec<u8>>,
        Option<Vec<u8>>,
        bool,
        bool,
    ) = (Vec::new(), None, false, false);
    for &byte in line {
        match byte {
            b'"' if !escaped => {
                in_quotes = !in_quotes;
                word.get_or_insert_default();
            }
            b' ' | b'\t' if !in_quotes && !escaped => words.extend(word.take()),
            b'\\' if !escaped => {
                escaped = true;
                continue;
            }
            other => word.get_or_insert_default().push(other),
        }
        escaped = false;
    }
    words.extend(word);
    words
}
