//! Getvar, Setvar and Status: variables and dialplan functions.

use ami_proto::{Action, Class, ClassSet};

use super::function::{computes_names, plain, reaches_files, sets_command};
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
    let (variable, value) = (header(action, "Variable"), header(action, "Value"));
    if sets_command(variable) && !write.contains(Class::System) {
        return Err(SETVAR);
    }
    let reaches_secret = reaches_files(variable)
        || reaches_files(value)
        || computes_names(variable)
        || contains(&plain(value), "^{");
    if reaches_secret && !reads_all_configuration(write) {
        Err(SETVAR)
    } else {
        Ok(())
    }
}

fn check_read(text: &[u8], write: ClassSet, refusal: Text) -> Result<(), Text> {
    let names_shell = |text: &[u8]| contains(text, "SHELL") || contains(text, "EVAL");
    // Status splits its header into arguments, which undoes quotes and backslashes. `SET(name=value)` is a read that sets.
    let needs_system = names_shell(text) || names_shell(&plain(text)) || sets_command(text);
    if needs_system && !write.contains(Class::System) {
        return Err(refusal);
    }
    let reaches_secret = reaches_files(text) || computes_names(text);
    if reaches_secret && !reads_all_configuration(write) {
        Err(refusal)
    } else {
        Ok(())
    }
}
