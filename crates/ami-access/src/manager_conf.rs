//! Loading manager.conf and acl.conf: Asterisk's grammar and options, and amiplex's own beside them.
//!
//! Owner: start-up, reload and `amiplex check`. A load applies whole or not at all: every error of
//! both files is in one report. What Asterisk would silently pass over and so open a door (a bad
//! filter, a bad rule) is an error of the account; what merely has no effect here is a notice.

mod account_section;
mod files;
mod general;
mod lexer;
mod named_acl;
mod report;
mod section;
mod value;

use std::path::Path;

use crate::account::Accounts;
use account_section::AccountsBuilder;
pub use files::{DiskFiles, Files, MemoryFiles};
use named_acl::NamedAcls;
use report::Report;
pub use report::{Finding, LoadErrors, Notice};
use section::Document;
pub(crate) use value::is_true;

/// What a load brought.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The accounts and general options.
    pub accounts: Accounts,
    /// What deserves an operator's eye, each with file and line.
    pub notices: Vec<Notice>,
}

/// Loads both files from the disk. Includes are relative to the directory of the file they stand in
/// first: that of `manager_conf`, or that of `acl_conf`.
///
/// # Errors
/// All errors of both files.
pub fn load(manager_conf: &Path, acl_conf: Option<&Path>) -> Result<Loaded, LoadErrors> {
    load_from(&DiskFiles, manager_conf, acl_conf)
}

/// [`load`] over any source of files.
///
/// # Errors
/// All errors of both files.
pub fn load_from(
    files: &dyn Files,
    manager_conf: &Path,
    acl_conf: Option<&Path>,
) -> Result<Loaded, LoadErrors> {
    let mut report = Report::default();
    let document = Document::read(files, manager_conf, &mut report);
    let named_acls = match acl_conf {
        Some(path) => {
            NamedAcls::from_document(&Document::read(files, path, &mut report), &mut report)
        }
        None => NamedAcls::default(),
    };
    let (general, disabled_events) = general::read(&document, &mut report);
    let mut builder = AccountsBuilder::new(&general, disabled_events, &named_acls);
    for section in document
        .sections()
        .filter(|section| !general::is_general(section))
    {
        builder.section(section, &mut report);
    }
    let accounts = builder.finish(&mut report);
    let notices = report.finish()?;
    Ok(Loaded {
        accounts: Accounts::new(general, accounts),
        notices,
    })
}

#[cfg(test)]
mod tests;
