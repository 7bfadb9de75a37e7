//! What is wrong with a configuration: all of it in one report, each problem with its place.
//!
//! A problem names the key and says what is expected. It never contains the value of a secret.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Every problem found in one configuration, in the order of the file where known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", report(file.as_deref(), problems))]
pub struct ConfigErrors {
    file: Option<PathBuf>,
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key, such as `node[0].lanes.max`; empty when no key is meant.
    pub key: String,
    /// Where the value came from.
    pub place: Place,
    /// What is wrong and what is expected.
    pub text: String,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This line of the file, counted from 1.
    Line(usize),
    /// This environment variable.
    Environment(String),
    /// The key is missing, or the file could not be read at all.
    File,
}

impl ConfigErrors {
    /// `problems` must not be empty.
    pub(crate) fn new(file: Option<&Path>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place.order());
        Self {
            file: file.map(Path::to_path_buf),
            problems,
        }
    }

    /// The problems, at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Place {
    /// The whole file first, then by line, then the environment.
    fn order(&self) -> (u8, usize) {
        match self {
            Self::File => (0, 0),
            Self::Line(line) => (1, *line),
            Self::Environment(_) => (2, 0),
        }
    }
}

fn report(file: Option<&Path>, problems: &[Problem]) -> String {
    let file = file.map_or_else(
        || "configuration".to_owned(),
        |file| file.display().to_string(),
    );
    let lines: Vec<String> = problems.iter().map(|problem| problem.line(&file)).collect();
    lines.join("\n")
}

impl Problem {
    fn line(&self, file: &str) -> String {
        let place = match &self.place {
            Place::Line(line) => format!("{file}:{line}"),
            Place::Environment(variable) => format!("environment {variable}"),
            Place::File => file.to_owned(),
        };
        if self.key.is_empty() {
            format!("{place}: {}", self.text)
        } else {
            format!("{place}: {}: {}", self.key, self.text)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line("configuration"))
    }
}
