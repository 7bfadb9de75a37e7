//! Command: what the CLI would run, tokenised as the CLI does.
//!
//! Asterisk's own check splits at blanks only, so that `"module" load x` or a tab passes it.

use ami_proto::Action;

use super::{Text, header};
use crate::account::CommandRights;
use crate::cli::words;

const REFUSAL: Text = "Command blacklisted";

/// First words that nobody may run over AMI.
const BLACKLIST: [[&str; 2]; 3] = [
    ["module", "load"],
    ["module", "unload"],
    ["restart", "gracefully"],
];

pub(super) fn check(action: &Action, rights: &CommandRights) -> Result<(), Text> {
    let words = words(header(action, "Command"));
    let begins_with = |entry: &[&str; 2]| {
        entry.iter().enumerate().all(|(at, word)| {
            words
                .get(at)
                .is_some_and(|given| given.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if BLACKLIST.iter().any(begins_with) || !rights.permit(&words) {
        Err(REFUSAL)
    } else {
        Ok(())
    }
}
