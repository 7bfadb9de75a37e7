//! Nodes as far as rights depend on them.
//!
//! Invariant: a [`NodeId`] is an index that the configuration gives; this crate only compares it.

use std::sync::Arc;

/// A node, as its index in the configuration's list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl NodeId {
    /// The node's index in the configuration and in the directory of nodes.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A node that a session sees, with what manager.conf can call it by.
#[derive(Clone, Copy, Debug)]
pub struct SeenNode<'a> {
    /// Which one.
    pub id: NodeId,
    /// Its configured name.
    pub name: &'a str,
    /// Its configured tags.
    pub tags: &'a [Arc<str>],
}

/// How manager.conf calls one node or several: by name, or `tag:` and a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeSelector {
    /// The node of this name, in this case.
    Name(String),
    /// The nodes with this tag, in whatever case.
    Tag(String),
}

impl NodeSelector {
    /// Reads one word; `None` when it can be neither a name nor a tag, or means all nodes.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let is_name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !name.is_empty() && name.bytes().all(plain)
        };
        match word.strip_prefix("tag:") {
            Some(tag) => is_name(tag).then(|| Self::Tag(tag.to_owned())),
            None => (is_name(word) && !word.eq_ignore_ascii_case("all"))
                .then(|| Self::Name(word.to_owned())),
        }
    }

    /// Whether the node of that name and those tags is meant.
    pub fn means<T: AsRef<str>>(&self, name: &str, tags: &[T]) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Tag(own) => tags
                .iter()
                .any(|tag| own.eq_ignore_ascii_case(tag.as_ref())),
        }
    }
}

/// As it is written.
impl std::fmt::Display for NodeSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
        }
    }
}
