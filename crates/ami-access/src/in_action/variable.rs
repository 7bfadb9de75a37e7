//! Getvar, Setvar and Status: variables and dialplan functions.

use ami_proto::{Action, Class, ClassSet};

use super::function::{computes_names, plain, reaches_files};
use super::{Text, contains, header, reads_all_configuration};

const GETVAR: Text = "GetVar Access Forbidden: Variable";
const STATUS: Text = "Status Access Forbidden: Variables";
/// Asterisk has no test for Setvar, hence no text of its own.
const SETVAR: Text = "Permission denied";

pub(super) fn check_getvar(action: &Action, write: ClassSet) -> Result<(), Text> {
    check_read(header(action, "Variable"), write, GETVAR)
}

pub(super) fn check_status(action: &Action, write: ClassSet) -> Result<(), Text> {
    check_read(header(action, "Variables"), write, STATUS)
}

pub(super) fn check_setvar(action: &Action, write: ClassSet) -> Result<(), Text> {
    let is_forbidden =
        reaches_files(header(action, "Variable")) || reaches_files(header(action, "Value"));
    if is_forbidden && !reads_all_configuration(write) {
        Err(SETVAR)
    } else {
        Ok(())
    }
}

fn check_read(text: &[u8], write: ClassSet, refusal: Text) -> Result<(), Text> {
    let names_shell = |text: &[u8]| contains(text, "SHELL") || contains(text, "EVAL");
    // Status splits its header into arguments, which undoes quotes and backslashes.
    if (names_shell(text) || names_shell(&plain(text))) && !write.contains(Class::System) {
        return Err(refusal);
    }
    let reaches_secret = reaches_files(text) || computes_names(text);
    if reaches_secret && !reads_all_configuration(write) {
        Err(refusal)
    } else {
        Ok(())
    }
}
