//! Reads file and environment, the environment last, into one validated [`Config`].
//!
//! The text is parsed twice: by `toml` for the lines of keys, and by `config`, which lays the environment over it. Whatever
//! cannot be read is reported and taken out, and reading goes on, so that one report holds every problem.

use std::ffi::OsString;
use std::path::Path;

use config::{FileFormat, Source as _, Value, ValueKind};
use toml::de::DeTable;

use crate::check::Check;
use crate::config::Config;
use crate::environment::{self, Overrides};
use crate::error::{ConfigErrors, Place, Problem};
use crate::key::{KeyPath, Step};
use crate::origin::{LineStarts, Origins};
use crate::{raw, validate};

/// Reads `path` and the process's environment.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let problem = Problem {
            key: String::new(),
            place: Place::File,
            text: format!("cannot be read: {error}"),
        };
        ConfigErrors::new(Some(path), vec![problem])
    })?;
    load_from(&text, Some(path), std::env::vars_os())
}

impl Config {
    /// Reads a document that is no file and without an environment: for tests and for programs that embed amiplex.
    ///
    /// Relative paths in it stay as they are.
    pub fn from_toml(text: &str) -> Result<Self, ConfigErrors> {
        load_from(text, None, std::iter::empty())
    }
}

/// The same with everything passed in: `path` is used for messages and as the start of relative paths.
pub fn load_from(
    text: &str,
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigErrors> {
    let overrides = environment::overrides(environment);
    let parsed = DeTable::parse(text).map_err(|error| syntax_error(text, path, &error))?;
    let mut origins = Origins::of_document(text, parsed.get_ref());
    for (key, variable) in &overrides.variables {
        origins.overridden(key.clone(), variable.clone());
    }
    let tree = merge(text, &overrides).map_err(|text| {
        let problem = Problem {
            key: String::new(),
            place: Place::File,
            text,
        };
        ConfigErrors::new(path, vec![problem])
    })?;

    let mut check = Check::new(origins, path.and_then(Path::parent), overrides.problems);
    let document = read(tree, &mut check);
    let config = document.and_then(|document| validate::config(document, &mut check));
    let problems = check.into_problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigErrors::new(path, problems)),
    }
}

/// The parser's own `Display` quotes the line, and the line may hold a secret; its message does not.
fn syntax_error(text: &str, path: Option<&Path>, error: &toml::de::Error) -> ConfigErrors {
    let starts = LineStarts::of(text);
    let place = error
        .span()
        .map_or(Place::File, |span| Place::Line(starts.line(span.start)));
    let problem = Problem {
        key: String::new(),
        place,
        text: format!("not valid TOML: {}", error.message()),
    };
    ConfigErrors::new(path, vec![problem])
}

fn merge(text: &str, overrides: &Overrides) -> Result<toml::Table, String> {
    // The keys of the map are paths already, so the separator only has to be one that they do not contain.
    let environment = config::Environment::default()
        .separator("__")
        .source(Some(overrides.values.clone()));
    let merged = config::Config::builder()
        .add_source(config::File::from_str(text, FileFormat::Toml))
        .add_source(environment)
        .build()
        .and_then(|merged| merged.collect())
        .map_err(|error| format!("cannot be merged with the environment: {error}"))?;
    Ok(merged
        .into_iter()
        .map(|(key, value)| (key, as_toml(value)))
        .collect())
}

/// Back to TOML values, whose errors are about types only. A hole in an array is an element without keys.
fn as_toml(value: Value) -> toml::Value {
    match value.kind {
        ValueKind::Nil => toml::Value::Table(toml::Table::new()),
        ValueKind::Boolean(value) => toml::Value::Boolean(value),
        ValueKind::I64(value) => toml::Value::Integer(value),
        ValueKind::Float(value) => toml::Value::Float(value),
        ValueKind::String(value) => toml::Value::String(value),
        ValueKind::Array(values) => toml::Value::Array(values.into_iter().map(as_toml).collect()),
        ValueKind::Table(values) => toml::Value::Table(
            values
                .into_iter()
                .map(|(key, value)| (key, as_toml(value)))
                .collect(),
        ),
        // Neither TOML nor the environment yields other integers; as text they fail by their type.
        other @ (ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_)) => {
            toml::Value::String(other.to_string())
        }
    }
}

/// Deserialises, takes out what does not fit, and tries again: each turn shortens the tree, so it ends.
fn read(mut tree: toml::Table, check: &mut Check<'_>) -> Option<raw::Document> {
    loop {
        let error = match serde_path_to_error::deserialize(toml::Value::Table(tree.clone())) {
            Ok(document) => return Some(document),
            Err(error) => error,
        };
        let path = KeyPath::from(error.path());
        check.unreadable(&path, describe(error.inner()));
        if !take_out(&mut tree, path.steps()) {
            return None;
        }
    }
}

fn describe(error: &toml::de::Error) -> String {
    let message = error.message();
    match message
        .strip_prefix("unknown field ")
        .and_then(|rest| rest.split_once(", "))
    {
        Some((_key, expected)) => format!("unknown key, {expected}"),
        None => message.to_owned(),
    }
}

/// Removes the value at `steps`; an element of an array becomes empty instead, or the numbers of the others would change.
fn take_out(table: &mut toml::Table, steps: &[Step]) -> bool {
    match steps {
        [Step::Key(key)] => table.remove(key).is_some(),
        [Step::Key(key), rest @ ..] => table
            .get_mut(key)
            .is_some_and(|value| take_out_below(value, rest)),
        _ => false,
    }
}

fn take_out_below(value: &mut toml::Value, steps: &[Step]) -> bool {
    match (value, steps) {
        (toml::Value::Table(table), steps) => take_out(table, steps),
        (toml::Value::Array(array), [Step::Index(index)]) => {
            array.get_mut(*index).is_some_and(|element| {
                let is_new = !element.as_table().is_some_and(toml::Table::is_empty);
                *element = toml::Value::Table(toml::Table::new());
                is_new
            })
        }
        (toml::Value::Array(array), [Step::Index(index), rest @ ..]) => array
            .get_mut(*index)
            .is_some_and(|element| take_out_below(element, rest)),
        _ => false,
    }
}
