//! Rights that an account has at some of its nodes only: `read@pbx2`, `allow_actions@tag:lab`.
//!
//! At a node each option counts by its most specific setting alone: the node's own before its tags' before the general one.
//! Settings of several tags of one node count together, so that only what all of them give is given.

use std::path::PathBuf;

use ami_proto::ClassSet;

use super::{Account, ActionRights, CommandRights};
use crate::node::NodeSelector;

/// The settings for one name or tag. What is absent is as elsewhere.
#[derive(Debug, Clone)]
pub struct NodeRule {
    /// Where it holds.
    pub selector: NodeSelector,
    /// The file of its first line.
    pub file: PathBuf,
    /// Its first line, from 1.
    pub line: u32,
    pub(crate) read: Option<ClassSet>,
    pub(crate) write: Option<ClassSet>,
    pub(crate) actions: ActionRights,
    pub(crate) commands: CommandRights,
}

/// Where its lines stand is another matter: a reload that only moved them changes nothing.
impl PartialEq for NodeRule {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            selector,
            file: _,
            line: _,
            read,
            write,
            actions,
            commands,
        } = self;
        (selector, read, write, actions, commands)
            == (
                &other.selector,
                &other.read,
                &other.write,
                &other.actions,
                &other.commands,
            )
    }
}

impl Eq for NodeRule {}

/// All of an account, in the order of the file; mostly none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeRules {
    rules: Vec<NodeRule>,
}

impl NodeRules {
    /// Whether the account has the same rights everywhere.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &NodeRule> {
        self.rules.iter()
    }

    /// The rule for that name or tag, made when there is none.
    pub(crate) fn entry(
        &mut self,
        selector: NodeSelector,
        file: &std::path::Path,
        line: u32,
    ) -> &mut NodeRule {
        let same = |rule: &NodeRule| match (&rule.selector, &selector) {
            (NodeSelector::Tag(one), NodeSelector::Tag(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        let at = self.rules.iter().position(same).unwrap_or(self.rules.len());
        if at == self.rules.len() {
            self.rules.push(NodeRule {
                selector,
                file: file.to_path_buf(),
                line,
                read: None,
                write: None,
                actions: ActionRights::default(),
                commands: CommandRights::default(),
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "it was found there, or just pushed"
        )]
        &mut self.rules[at]
    }
}

impl Account {
    /// The account as it is at the node of that name and those tags. What remains of its rules is that they were there.
    #[must_use]
    pub fn at<T: AsRef<str>>(&self, name: &str, tags: &[T]) -> Self {
        let meant = |rule: &&NodeRule| rule.selector.means(name, tags);
        let rules: Vec<&NodeRule> = self.node_rules.rules.iter().filter(meant).collect();
        self.under(&rules)
    }

    /// The account under these rules alone.
    pub(crate) fn under(&self, rules: &[&NodeRule]) -> Self {
        let (own, tagged): (Vec<&NodeRule>, Vec<&NodeRule>) = rules
            .iter()
            .partition(|rule| matches!(rule.selector, NodeSelector::Name(_)));
        let levels = [own, tagged];
        let classes = |general: ClassSet, of: fn(&NodeRule) -> Option<ClassSet>| {
            let mut set = levels.iter().map(|level| {
                let given = level.iter().filter_map(|rule| of(rule));
                given.reduce(ClassSet::intersection)
            });
            set.find_map(|found| found).unwrap_or(general)
        };
        let mut account = self.clone();
        account.read = classes(self.read, |rule| rule.read);
        account.write = classes(self.write, |rule| rule.write);
        for level in levels.iter().rev() {
            let actions: Vec<_> = level.iter().map(|rule| &rule.actions).collect();
            account.actions.replaced_by(&actions);
            let commands: Vec<_> = level.iter().map(|rule| &rule.commands).collect();
            account.commands.replaced_by(&commands);
        }
        account
    }
}
