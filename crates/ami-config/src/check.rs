//! Collects problems while values are checked, and holds the checks that many keys share.
//!
//! A check that fails reports and yields the default, so that the keys behind it are still looked at; the collected problems
//! keep the half-true result from being used.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Problem;
use crate::key::KeyPath;
use crate::origin::Origins;
use crate::raw::Count;

/// Longer times are mistakes, and adding them to a clock could overflow it.
const DURATION_MAX: Duration = Duration::from_hours(365 * 24);

/// The problems found so far, and what is needed to describe the next.
#[derive(Debug)]
pub(crate) struct Check<'a> {
    origins: Origins,
    base: Option<&'a Path>,
    problems: Vec<Problem>,
    unreadable: HashSet<KeyPath>,
}

impl<'a> Check<'a> {
    /// `base` is where relative paths start.
    pub(crate) fn new(origins: Origins, base: Option<&'a Path>, problems: Vec<Problem>) -> Self {
        Self {
            origins,
            base,
            problems,
            unreadable: HashSet::new(),
        }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// The value at `path` could not be read at all; that it is missing afterwards is not reported again.
    pub(crate) fn unreadable(&mut self, path: &KeyPath, text: String) {
        self.problem(path, text);
        self.unreadable.insert(path.clone());
    }

    pub(crate) fn problem(&mut self, path: &KeyPath, text: impl Into<String>) {
        if self.is_below_unreadable(path) {
            return;
        }
        let place = self.origins.place(path);
        self.problems.push(Problem {
            key: path.to_string(),
            place,
            text: text.into(),
        });
    }

    fn is_below_unreadable(&self, path: &KeyPath) -> bool {
        self.unreadable.contains(path)
            || path
                .parent()
                .is_some_and(|parent| self.is_below_unreadable(&parent))
    }

    /// A value that must be given.
    pub(crate) fn required<T>(&mut self, path: &KeyPath, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.problem(path, "is required");
        }
        value
    }

    /// A time, more than 0.
    pub(crate) fn duration(
        &mut self,
        path: &KeyPath,
        value: Option<Duration>,
        default: Duration,
    ) -> Duration {
        let value = value.unwrap_or(default);
        if value.is_zero() {
            self.problem(path, "must be more than 0");
        } else if value > DURATION_MAX {
            self.problem(path, "must be at most 365 days");
        } else {
            return value;
        }
        default
    }

    /// How long an event may wait for company.
    pub(crate) fn flush(
        &mut self,
        path: &KeyPath,
        value: Option<Duration>,
        default: Duration,
    ) -> Duration {
        let value = value.unwrap_or(default);
        if value > ami_access::Account::FLUSH_MAX {
            self.problem(path, "must be at most 1s");
            return default;
        }
        value
    }

    /// A number of things, 1 or more.
    pub(crate) fn count(&mut self, path: &KeyPath, value: Option<Count>, default: usize) -> usize {
        match value.map(|Count(count)| usize::try_from(count)) {
            None => default,
            Some(Ok(count)) if count >= 1 => count,
            Some(_) => {
                self.problem(path, "must be 1 or more");
                default
            }
        }
    }

    /// A path, not empty; a relative one starts at the directory of the configuration file.
    pub(crate) fn path(&mut self, path: &KeyPath, value: &str) -> PathBuf {
        if value.is_empty() {
            self.problem(path, "must not be empty");
        }
        self.base
            .map_or_else(|| PathBuf::from(value), |base| base.join(value))
    }

    /// The path of a file that can be opened now.
    pub(crate) fn readable(&mut self, path: &KeyPath, value: &str) -> PathBuf {
        let file = self.path(path, value);
        let opened = File::open(&file).and_then(|opened| opened.metadata());
        match opened {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => self.problem(path, format!("{} is no file", file.display())),
            Err(error) => self.problem(path, format!("{} cannot be read: {error}", file.display())),
        }
        file
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        path: &KeyPath,
        value: Option<&str>,
        words: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(value) = value else { return default };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == value) {
            return *meaning;
        }
        let expected: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.problem(
            path,
            format!("{value:?} is not known, expected {}", expected.join(" or ")),
        );
        default
    }

    /// A name made of letters, digits, `.`, `_` and `-`.
    pub(crate) fn token(&mut self, path: &KeyPath, value: &str) {
        if value.is_empty()
            || !value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        {
            self.problem(
                path,
                format!("{value:?} is no plain name; use letters, digits, '.', '_' and '-'"),
            );
        }
    }

    /// Text that will be written into an AMI header: not empty, on one line, short enough for the line Asterisk reads.
    ///
    /// Says nothing about the value itself, which may be a secret.
    pub(crate) fn header_value(&mut self, path: &KeyPath, value: &str) {
        if value.is_empty() {
            self.problem(path, "must not be empty");
        } else if value.chars().any(char::is_control) {
            self.problem(
                path,
                "must not contain line breaks or other control characters",
            );
        } else if value.len() > HEADER_VALUE_BYTES_MAX {
            self.problem(
                path,
                format!("must not be longer than {HEADER_VALUE_BYTES_MAX} bytes"),
            );
        }
    }
}

/// Asterisk reads lines of 1,022 bytes; this leaves room for any header name.
const HEADER_VALUE_BYTES_MAX: usize = 1000;
