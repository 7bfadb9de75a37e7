//! Keys whose names are settled but which this version does not act on.
//!
//! They are errors, because a setting that is silently ignored is worse than one that is refused.

use crate::key::KeyPath;

const PLANNED: [&str; 1] = ["log.audit_file"];

/// Whether the key has a meaning in a later version.
pub(crate) fn is_planned(path: &KeyPath) -> bool {
    PLANNED.contains(&path.without_indices().as_str())
}
