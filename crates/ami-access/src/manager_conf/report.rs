//! What loading found: errors and notices, each with its file and line.
//!
//! Owner: the loader, which collects everything before it gives up, so that an operator repairs a
//! file in one round. A text never contains a value, since any value may be a secret.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing found at one place of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The file as it was opened.
    pub file: PathBuf,
    /// Line number, from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// One sentence, without values of the file.
    pub text: String,
}

/// A finding that does not stop the load: worth an operator's eye.
pub type Notice = Finding;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file.display(), self.text)
        } else {
            write!(f, "{}:{}: {}", self.file.display(), self.line, self.text)
        }
    }
}

/// All errors of one load, in the order of their files and lines, and the notices beside them.
///
/// `Display` gives one line per error: `file:line: text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadErrors {
    errors: Vec<Finding>,
    notices: Vec<Notice>,
}

impl LoadErrors {
    /// The errors; at least one.
    pub fn errors(&self) -> &[Finding] {
        &self.errors
    }

    /// The notices that were found in the same load.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}

impl fmt::Display for LoadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadErrors {}

/// Where a line of configuration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: u32,
}

impl Place {
    pub(crate) fn new(file: &Path, line: u32) -> Self {
        Self {
            file: file.to_path_buf(),
            line,
        }
    }
}

/// Collects findings while a load runs.
#[derive(Debug, Default)]
pub(crate) struct Report {
    errors: Vec<Finding>,
    notices: Vec<Notice>,
}

impl Report {
    pub(crate) fn error(&mut self, at: &Place, text: impl Into<String>) {
        self.errors.push(Finding {
            file: at.file.clone(),
            line: at.line,
            text: text.into(),
        });
    }

    pub(crate) fn notice(&mut self, at: &Place, text: impl Into<String>) {
        self.notices.push(Finding {
            file: at.file.clone(),
            line: at.line,
            text: text.into(),
        });
    }

    /// The notices, or all errors when there is one; by file and line, and each once: the lines of a template are read
    /// again for every account that it is in.
    pub(crate) fn finish(mut self) -> Result<Vec<Notice>, LoadErrors> {
        for findings in [&mut self.errors, &mut self.notices] {
            findings.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
            let mut seen = HashSet::new();
            findings.retain(|finding| seen.insert(finding.clone()));
        }
        if self.errors.is_empty() {
            Ok(self.notices)
        } else {
            Err(LoadErrors {
                errors: self.errors,
                notices: self.notices,
            })
        }
    }
}
