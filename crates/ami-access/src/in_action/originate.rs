//! Originate: which applications and data an account may run.

use ami_proto::{Action, Class, ClassSet};

use super::function::{computes, computes_names, plain, reaches_files, sets_command};
use super::recording::breaks_out;
use super::{Text, contains, contains_ignoring_case, header, reads_all_configuration};

const REFUSAL: Text = "Originate Access Forbidden: app or data blacklisted";

/// Parts of application names that need system, in the order of Asterisk's table.
const SYSTEM_APPLICATIONS: [&str; 8] = [
    "agi",
    "dbdeltree",
    "exec",
    "externalivr",
    "mixmonitor",
    "originate",
    "reload",
    "system",
];

/// Parts of application names that read any file, or evaluate their data with a mark of its own in the place of `$`.
const EVALUATING_APPLICATIONS: [&str; 2] = ["readfile", "waitforcondition"];

/// Parts of the data that need system.
const SYSTEM_DATA: [&str; 7] = ["CURL", "DB", "EVAL", "FILE", "ODBC", "REALTIME", "SHELL"];

/// Position of Queue's argument that names an AGI, from 0.
const QUEUE_AGI: usize = 5;

pub(super) fn check(action: &Action, write: ClassSet) -> Result<(), Text> {
    let application = header(action, "Application");
    let data = header(action, "Data");
    if !application.is_empty() && !application_permitted(application, data, write) {
        return Err(REFUSAL);
    }
    // The node evaluates functions in the names of variables, several of which may be in one header.
    let sets_command = sets_command(data) || action.headers("Variable").any(sets_command);
    let runs_shell = contains_ignoring_case(application, "monitor") && breaks_out(data);
    if (sets_command || runs_shell) && !write.contains(Class::System) {
        return Err(REFUSAL);
    }
    let evaluates = |part: &&str| contains_ignoring_case(application, part);
    let reaches_secret = reaches_files(application)
        || reaches_files(data)
        || computes(data)
        || EVALUATING_APPLICATIONS.iter().any(evaluates)
        || action
            .headers("Variable")
            .any(|text| reaches_files(text) || assigns_computed(text));
    if reaches_secret && !reads_all_configuration(write) {
        Err(REFUSAL)
    } else {
        Ok(())
    }
}

/// Whether one of the assignments is to a function that looks up what other variables spell: `PUSH(${A}${B})=x` evaluates it. In a
/// value only `^{` is ever looked at again.
fn assigns_computed(text: &[u8]) -> bool {
    let name = |part: &[u8]| {
        let end = part.iter().position(|&byte| byte == b'=');
        part.get(..end.unwrap_or(part.len())).map(<[u8]>::to_vec)
    };
    let exact = arguments(text).into_iter();
    let mut names = exact.filter_map(|part| name(&part));
    contains(&plain(text), "^{") || names.any(|name| computes_names(&name))
}

/// Asterisk's table: the first row that applies decides. Its quirk is kept: a Queue with an AGI is decided by agi or
/// system, and its data is not looked at any more.
fn application_permitted(application: &[u8], data: &[u8], write: ClassSet) -> bool {
    let system = write.contains(Class::System);
    if SYSTEM_APPLICATIONS
        .iter()
        .any(|part| contains_ignoring_case(application, part))
    {
        return system;
    }
    let is_queue = contains_ignoring_case(application, "queue");
    if is_queue
        && arguments(data)
            .get(QUEUE_AGI)
            .is_some_and(|agi| !agi.is_empty())
    {
        return system || write.contains(Class::Agi);
    }
    let plain = plain(data);
    system
        || !SYSTEM_DATA
            .iter()
            .any(|part| contains(data, part) || contains(&plain, part))
}

/// The arguments of an application: separated by commas outside quotes, parentheses and brackets; a
/// backslash protects the next character; quotes are dropped.
pub(super) fn arguments(data: &[u8]) -> Vec<Vec<u8>> {
    let (mut arguments, mut argument) = (Vec::new(), Vec::new());
    let (mut in_quotes, mut escaped) = (false, false);
    let (mut parentheses, mut brackets) = (0u32, 0u32);
    for &byte in data {
        if escaped {
            escaped = false;
            argument.push(byte);
            continue;
        }
        match byte {
            b'\\' => {
                escaped = true;
                continue;
            }
            b'"' => {
                in_quotes = !in_quotes;
                continue;
            }
            b',' if !in_quotes && parentheses == 0 && brackets == 0 => {
                arguments.push(std::mem::take(&mut argument));
                continue;
            }
            b'(' => parentheses += 1,
            b')' => parentheses = parentheses.saturating_sub(1),
            b'[' => brackets += 1,
            b']' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        argument.push(byte);
    }
    arguments.push(argument);
    arguments
}
