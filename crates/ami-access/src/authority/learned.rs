//! What a node told about its actions: the answer to ListCommands.
//!
//! Owner: the node's state; a new value replaces the old one as a whole.

use std::collections::HashMap;

use ami_proto::{ActionName, ClassSet};

use super::folded;

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedAction {
    name: String,
    /// The text behind `Name: `, byte for byte: synopsis and privileges.
    text: Vec<u8>,
    classes: ClassSet,
}

impl LearnedAction {
    /// The name as the node spells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of its line byte for byte: `synopsis  (Priv: classes)`.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The synopsis alone.
    pub fn synopsis(&self) -> &[u8] {
        let end = privilege_start(&self.text).unwrap_or(self.text.len());
        self.text.get(..end).unwrap_or_default().trim_ascii_end()
    }

    /// Any of these is needed; none: open to every session.
    pub fn classes(&self) -> ClassSet {
        self.classes
    }
}

/// The actions of one node that amiplex's account there may run, in the node's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LearnedActions {
    actions: Vec<LearnedAction>,
    by_name: HashMap<String, usize>,
}

impl LearnedActions {
    /// Reads header lines of the answer, name and value; lines without privileges (Response, ActionID,
    /// Message) are passed over. An action whose privileges name an unknown class is left out: it is
    /// then unknown here, and refused.
    pub fn parse<'a>(lines: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut learned = Self::default();
        for (name, text) in lines {
            let Ok(name) = std::str::from_utf8(name) else {
                continue;
            };
            let Some(classes) = classes_of(text) else {
                continue;
            };
            let index = learned.actions.len();
            learned
                .by_name
                .entry(name.to_ascii_lowercase())
                .or_insert(index);
            learned.actions.push(LearnedAction {
                name: name.to_owned(),
                text: text.to_vec(),
                classes,
            });
        }
        learned
    }

    /// The classes of an action that the node has.
    pub fn classes(&self, name: &ActionName) -> Option<ClassSet> {
        self.find(name).map(LearnedAction::classes)
    }

    /// The action of that name, in whatever case.
    pub fn find(&self, name: &ActionName) -> Option<&LearnedAction> {
        self.actions.get(*self.by_name.get(&folded(name))?)
    }

    /// The actions in the node's order, which is alphabetical.
    pub fn iter(&self) -> impl Iterator<Item = &LearnedAction> {
        self.actions.iter()
    }

    /// Whether nothing was learned yet.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

const PRIVILEGE: &[u8] = b"(Priv: ";

fn classes_of(text: &[u8]) -> Option<ClassSet> {
    let start = privilege_start(text)?.checked_add(PRIVILEGE.len())?;
    ClassSet::parse_privilege(text.get(start..)?.strip_suffix(b")")?)
}

/// The last such mark: a synopsis may hold one too.
fn privilege_start(text: &[u8]) -> Option<usize> {
    text.windows(PRIVILEGE.len())
        .rposition(|window| window == PRIVILEGE)
}
