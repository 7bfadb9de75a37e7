//! Command: what the CLI would run, tokenised as the CLI does.
//!
//! Asterisk's own check splits at blanks only, so that `"module" load x` or a tab passes it.

use ami_proto::{Action, ClassSet};

use super::function::reaches_files;
use super::{Text, header, reads_all_configuration};
use crate::account::CommandRights;
use crate::cli::words;

const REFUSAL: Text = "Command blacklisted";

/// First words that nobody may run over AMI.
const BLACKLIST: [[&str; 2]; 3] = [
    ["module", "load"],
    ["module", "unload"],
    ["restart", "gracefully"],
];

pub(super) fn check(action: &Action, write: ClassSet, rights: &CommandRights) -> Result<(), Text> {
    let line = header(action, "Command");
    // `dialplan eval function AST_CONFIG(...)` and the like give out amiplex's own secret.
    if reaches_files(line) && !reads_all_configuration(write) {
        return Err(REFUSAL);
    }
    let words = words(line);
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
