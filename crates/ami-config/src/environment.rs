//! Overrides from the environment: `AMIPLEX__LIMITS__SESSIONS_MAX=500`, `AMIPLEX__NODE__0__SECRET=…`.
//!
//! Two underscores step down, a number chooses an element of `[[listener]]` or `[[node]]`, counted from 0; an element behind the
//! last is a new one.

use std::collections::HashMap;
use std::ffi::OsString;

use crate::error::{Place, Problem};
use crate::key::KeyPath;

/// What every variable of ours begins with; `AMIPLEX_` alone is not enough, so that other tools may use it.
const PREFIX: &str = "AMIPLEX__";
/// No array of the configuration may be extended beyond this by a variable.
const INDEX_MAX: usize = 999;

/// The overrides, as the `config` crate takes them, and the variable that gave each.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) values: HashMap<String, String>,
    pub(crate) variables: Vec<(KeyPath, String)>,
    pub(crate) problems: Vec<Problem>,
}

/// Picks out the variables that are ours.
pub(crate) fn overrides(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Overrides {
    let mut found = Overrides::default();
    for (variable, value) in environment {
        let Some(variable) = variable.to_str() else {
            continue;
        };
        let Some(keys) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let wrong = |text: &str| Problem {
            key: String::new(),
            place: Place::Environment(variable.to_owned()),
            text: text.to_owned(),
        };
        match (key_path(keys), value.into_string()) {
            (None, _) => found.problems.push(wrong(
                "not the path of a key, expected AMIPLEX__SECTION__KEY",
            )),
            (Some(_), Err(_not_utf8)) => found.problems.push(wrong("the value is not UTF-8")),
            (Some(path), Ok(value)) => {
                found.values.insert(path.to_string(), value);
                found.variables.push((path, variable.to_owned()));
            }
        }
    }
    found
}

fn key_path(keys: &str) -> Option<KeyPath> {
    let mut steps = keys.split("__");
    let section = steps.next().filter(|step| is_name(step))?;
    steps.try_fold(
        KeyPath::of(&section.to_ascii_lowercase()),
        |path, step| match step.parse::<usize>() {
            Ok(index) => (index <= INDEX_MAX).then(|| path.index(index)),
            Err(_no_number) => is_name(step).then(|| path.key(&step.to_ascii_lowercase())),
        },
    )
}

fn is_name(step: &str) -> bool {
    let mut bytes = step.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
