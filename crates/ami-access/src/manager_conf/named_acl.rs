//! Named access lists: every section of acl.conf but `[general]`.
//!
//! Names are looked up with regard to case, as in Asterisk.

use std::collections::HashMap;
use std::sync::Arc;

use super::general::is_general;
use super::report::Report;
use super::section::Document;
use crate::acl::{RuleList, Sense};

/// The lists by name.
#[derive(Debug, Default)]
pub(super) struct NamedAcls {
    lists: HashMap<String, Arc<RuleList>>,
}

impl NamedAcls {
    /// A rule that cannot be read is an error: without it the list would say something else.
    pub(super) fn from_document(document: &Document, report: &mut Report) -> Self {
        let mut lists = HashMap::new();
        for section in document.sections().filter(|section| !is_general(section)) {
            let mut list = RuleList::default();
            for variable in &section.variables {
                let Some(sense) = sense(&variable.name) else {
                    let text = format!("unknown option {}: ignored", variable.name.escape_debug());
                    report.notice(&variable.at, text);
                    continue;
                };
                if let Err(error) = list.append(sense, &variable.value) {
                    report.error(
                        &variable.at,
                        format!("{}: {error}", variable.name.to_ascii_lowercase()),
                    );
                }
            }
            let name = section.name.clone();
            if lists.insert(name, Arc::new(list)).is_some() {
                let text = format!(
                    "the list [{}] is defined twice",
                    section.name.escape_debug()
                );
                report.error(&section.at, text);
            }
        }
        Self { lists }
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<RuleList>> {
        self.lists.get(name).cloned()
    }
}

/// What a `permit` or `deny` line says.
pub(super) fn sense(key: &str) -> Option<Sense> {
    match key.to_ascii_lowercase().as_str() {
        "permit" => Some(Sense::Permit),
        "deny" => Some(Sense::Deny),
        _ => None,
    }
}
