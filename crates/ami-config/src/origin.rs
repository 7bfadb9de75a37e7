//! Where each value of a configuration came from, so that a problem can name the line or the variable.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Place;
use crate::key::KeyPath;

/// The places of all keys.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    lines: HashMap<KeyPath, usize>,
    variables: HashMap<KeyPath, String>,
}

impl Origins {
    /// The lines of every key in a document that was parsed from `text`.
    pub(crate) fn of_document(text: &str, document: &DeTable<'_>) -> Self {
        let mut walk = Walk {
            starts: LineStarts::of(text),
            lines: HashMap::new(),
        };
        walk.table(&KeyPath::default(), document);
        Self {
            lines: walk.lines,
            variables: HashMap::new(),
        }
    }

    /// The value at `path` was given by an environment variable.
    pub(crate) fn overridden(&mut self, path: KeyPath, variable: String) {
        self.variables.insert(path, variable);
    }

    /// The place of the value at `path`; of the nearest table around it when the key itself is not given.
    pub(crate) fn place(&self, path: &KeyPath) -> Place {
        if let Some(variable) = self.variables.get(path) {
            return Place::Environment(variable.clone());
        }
        if let Some(line) = self.lines.get(path) {
            return Place::Line(*line);
        }
        path.parent()
            .map_or(Place::File, |parent| self.place(&parent))
    }
}

/// Offsets at which lines start.
pub(crate) struct LineStarts(Vec<usize>);

impl LineStarts {
    pub(crate) fn of(text: &str) -> Self {
        let after_breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after_breaks).collect())
    }

    /// The line of the byte at `offset`, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

struct Walk {
    starts: LineStarts,
    lines: HashMap<KeyPath, usize>,
}

impl Walk {
    fn table(&mut self, path: &KeyPath, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = path.key(key.get_ref());
            self.lines
                .insert(path.clone(), self.starts.line(key.span().start));
            self.value(&path, value);
        }
    }

    fn value(&mut self, path: &KeyPath, value: &Spanned<DeValue<'_>>) {
        if let Some(table) = value.get_ref().as_table() {
            self.table(path, table);
        } else if let Some(array) = value.get_ref().as_array() {
            for (index, element) in array.iter().enumerate() {
                let path = path.index(index);
                self.lines
                    .insert(path.clone(), self.starts.line(element.span().start));
                self.value(&path, element);
            }
        }
    }
}
