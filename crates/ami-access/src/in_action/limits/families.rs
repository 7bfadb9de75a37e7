//! `db_families`: the parts of AstDB that an account may read and write.
//!
//! A family holds what is below it: `/cidname/sub/key` is in `cidname`. The node compares trees with SQL's LIKE, in which `%` and `_`
//! stand for any text; a name with them passes only where the pattern of the account lets it, which is no more than it says.

use ami_proto::Action;

use super::variables;
use crate::account::{Limits, Names};

/// Functions that read or write AstDB.
const FUNCTIONS: [&str; 5] = ["DB", "DB_DELETE", "DB_EXISTS", "DB_KEYCOUNT", "DB_KEYS"];

pub(super) fn permit(name: &str, action: &Action, families: &Names, limits: &Limits) -> bool {
    match name {
        "DBGet" | "DBPut" | "DBDel" | "DBDelTree" | "DBGetTree" => {
            let mut given = action.headers("Family").peekable();
            given.peek().is_some() && given.all(|family| is_inside(family, families))
        }
        // A list of variables that names such a function has been written for it.
        _ if limits.variables.is_some() => true,
        _ => !variables::texts(name, action).any(|text| variables::calls(text, &FUNCTIONS)),
    }
}

/// The family itself or one above it is in the list.
fn is_inside(family: &[u8], families: &Names) -> bool {
    let plain = !family.is_empty() && !family.iter().any(|byte| matches!(byte, b'%' | b'_'));
    let ends = family
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| at);
    let above = ends.filter_map(|at| family.get(..at));
    families.contain(family) || (plain && above.into_iter().any(|family| families.contain(family)))
}
