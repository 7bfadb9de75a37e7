//! `variables`: the variables and functions that an account may name.
//!
//! The node evaluates a name with parentheses as a function, in reading and in writing, and `${…}` inside its arguments.

use ami_proto::Action;

use super::super::contains_ignoring_case;
use super::super::originate::arguments;
use crate::account::Names;

/// What an action's header with variables looks like.
enum Form {
    /// One name.
    Name,
    /// Names separated by commas.
    Names,
    /// `name=value`, several separated by commas.
    Assignments,
}

fn form(action: &str) -> Option<(&'static str, Form)> {
    match action {
        "Getvar" | "Setvar" => Some(("Variable", Form::Name)),
        "Status" => Some(("Variables", Form::Names)),
        "Originate" | "MessageSend" | "PJSIPNotify" | "SIPnotify" => {
            Some(("Variable", Form::Assignments))
        }
        _ => None,
    }
}

/// The headers of an action that hold variables, as they are.
pub(super) fn texts<'a>(name: &str, action: &'a Action) -> impl Iterator<Item = &'a [u8]> {
    let header = form(name).map(|(header, _)| header);
    let more = matches!(name, "Originate").then_some("Data");
    let headers = header.into_iter().chain(more);
    let mut all: Vec<&[u8]> = Vec::new();
    for header in headers {
        all.extend(action.headers(header));
    }
    all.into_iter()
}

/// Applications that assign to variables or evaluate functions that their data names.
const ASSIGNING: [&str; 4] = ["set", "importvar", "exec", "waitforcondition"];

pub(super) fn permit(name: &str, action: &Action, variables: &Names) -> bool {
    if name == "Originate" && action.headers("Application").any(assigns) {
        return false;
    }
    let Some((header, form)) = form(name) else {
        return true;
    };
    let mut given = action.headers(header).filter(|text| !text.is_empty());
    given.all(|text| {
        names(text, &form).is_some_and(|names| {
            let of_all = is_global(name, action);
            names.iter().all(|name| {
                let written = if of_all {
                    [b"GLOBAL(", name.as_slice(), b")"].concat()
                } else {
                    name.clone()
                };
                variables.contain_variable(&written)
            })
        })
    })
}

fn assigns(application: &[u8]) -> bool {
    ASSIGNING
        .iter()
        .any(|part| contains_ignoring_case(application, part))
}

/// Getvar and Setvar without a channel are about global variables, and functions that need none.
pub(super) fn is_global(name: &str, action: &Action) -> bool {
    let channel = action.header("Channel").unwrap_or_default();
    matches!(name, "Getvar" | "Setvar") && channel.is_empty()
}

/// Whether the text calls a function at all, or may: what could hide a name counts.
pub(super) fn calls_any(text: &[u8]) -> bool {
    text.contains(&b'(')
}

/// Whether the text calls one of these functions.
pub(super) fn calls(text: &[u8], functions: &[&str]) -> bool {
    let plain: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'"' | b'\\'))
        .collect();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let opens = plain
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'(')
        .map(|(at, _)| at);
    opens.into_iter().any(|at| {
        let before = plain.get(..at).unwrap_or_default().trim_ascii_end();
        let start = before
            .iter()
            .rposition(|byte| !is_word(byte))
            .map_or(0, |last| last + 1);
        let word = before.get(start..).unwrap_or_default();
        // A name that is put together at run time may be any.
        word.is_empty()
            || functions
                .iter()
                .any(|function| word.eq_ignore_ascii_case(function.as_bytes()))
    })
}

/// The names in the text; `None` when quotes, backslashes or variables make them uncertain.
fn names(text: &[u8], form: &Form) -> Option<Vec<Vec<u8>>> {
    let before_equals = |part: &[u8]| {
        let end = part.iter().position(|byte| *byte == b'=')?;
        part.get(..end).map(<[u8]>::to_vec)
    };
    // The value of an assignment may hold anything but what changes where it ends.
    let hides = |byte: &u8| matches!(byte, b'"' | b'\\');
    let computes = |name: &Vec<u8>| name.iter().any(|byte| matches!(byte, b'$' | b'%'));
    let names: Vec<Vec<u8>> = match form {
        Form::Name => vec![text.to_vec()],
        Form::Names => arguments(text),
        Form::Assignments => {
            let exact = arguments(text);
            // Nor may a bracket in a value hide a name from us that it does not hide from the node.
            let coarse = text.split(|byte| *byte == b',').map(<[u8]>::to_vec);
            let all = exact.into_iter().chain(coarse);
            all.filter_map(|part| before_equals(&part)).collect()
        }
    };
    let certain = !text.iter().any(hides) && !names.iter().any(computes);
    certain.then_some(names)
}
