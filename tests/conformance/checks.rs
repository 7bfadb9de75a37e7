//! That the suite is whole: every file is played, every action has its row, every difference is documented.

use std::collections::BTreeSet;
use std::path::Path;

use ami_access::builtin_all;

use super::differences::DIFFERENCES;
use super::{FILES, exchanges, masks, script, table};

/// More differences than these are no longer exceptions.
const DIFFERENCES_MAX: usize = 25;

#[test]
fn every_file_of_exchanges_is_played() {
    let entries = std::fs::read_dir(script::directory()).expect("the exchanges");
    let mut there: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a name").display().to_string())
        .collect();
    there.sort();
    assert_eq!(there, FILES, "in this order");
}

#[test]
fn every_exchange_has_a_name_of_its_own() {
    let all: Vec<String> = FILES
        .iter()
        .flat_map(|file| exchanges(file))
        .map(|exchange| exchange.name)
        .collect();
    let different: BTreeSet<&String> = all.iter().collect();
    assert_eq!(all.len(), different.len());
    assert!(all.len() >= 600, "{} exchanges", all.len());
}

#[test]
fn every_action_has_a_row() {
    let rows = table::actions();
    let known: Vec<String> = builtin_all()
        .iter()
        .map(|spec| spec.name.to_owned())
        .collect();
    assert_eq!(rows, known);
}

#[test]
fn every_difference_is_documented_where_it_says() {
    assert!(DIFFERENCES.len() <= DIFFERENCES_MAX);
    let names: Vec<String> = FILES
        .iter()
        .flat_map(|file| exchanges(file))
        .map(|exchange| exchange.name)
        .collect();
    for known in DIFFERENCES {
        let (file, words) = known.record;
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs/adr")
            .join(file);
        let text = std::fs::read_to_string(&path).expect("a record");
        // The words may be on two lines of the record.
        let text = text.replace('\n', " ");
        assert!(text.contains(words), "{file} does not say: {words}");
        for node in known.nodes {
            for exchange in known.exchanges {
                let exists = match exchange.strip_suffix('*') {
                    Some(start) => names.iter().any(|name| name.starts_with(start)),
                    None => names.iter().any(|name| name == exchange),
                };
                assert!(exists, "{node}: no exchange {exchange}");
            }
        }
    }
}

/// A reason that is a word says nothing.
#[test]
fn every_exception_has_a_reason() {
    let reasons = DIFFERENCES
        .iter()
        .map(|known| known.reason)
        .chain(masks::MASKS.iter().map(|mask| mask.reason));
    for reason in reasons {
        assert!(reason.len() >= "random".len(), "{reason:?}");
    }
}
