//! Paths of configuration files and modules.
//!
//! Asterisk resolves them on its own disk, which is not seen from here: symbolic links cannot be followed. So
//! a path is read by its text, and what would need the disk to be judged (`..`, patterns) is refused.

use ami_proto::{Action, ClassSet};

use super::{Text, contains, header, reads_all_configuration};
use crate::authorize::AuthorizeContext;

const RESTRICTED: Text = "File requires escalated privileges";
const NOT_FOUND: Text = "Config file not found";
const MODULE: Text = "Module must be in the configured modules directory.";

/// What the action says of a path that leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unresolvable {
    /// `Config file not found`.
    NotFound,
    /// The same as of a forbidden one.
    Restricted,
}

/// A configuration file must be inside the configuration directory of every node that the action could go to, and
/// manager.conf, which holds amiplex's own secret, needs both system and config.
pub(super) fn check_config(
    action: &Action,
    name: &str,
    write: ClassSet,
    cx: &AuthorizeContext<'_>,
    unresolvable: Unresolvable,
) -> Result<(), Text> {
    let path = strip(header(action, name));
    // Without a name the node answers with its own error.
    if path.is_empty() {
        return Ok(());
    }
    // Old nodes expand patterns after the check of the literal name.
    if path.iter().any(|byte| b"*?[]{}~`\\".contains(byte)) {
        return Err(match unresolvable {
            Unresolvable::NotFound => NOT_FOUND,
            Unresolvable::Restricted => RESTRICTED,
        });
    }
    let Some(inside) = inside_configuration(path, cx) else {
        return Err(RESTRICTED);
    };
    if holds_secrets(&inside) && !reads_all_configuration(write) {
        return Err(RESTRICTED);
    }
    Ok(())
}

/// What UpdateConfig writes must be no directive: `#include manager.conf` in any file would show, or add, accounts of the node.
pub(super) fn check_lines(action: &Action, write: ClassSet) -> Result<(), Text> {
    let directive = action.lines().any(|line| {
        let of_update = line.name.is_some_and(|name| {
            [&b"var-"[..], b"cat-", b"value-", b"match-", b"options-"]
                .iter()
                .any(|start| {
                    name.get(..start.len())
                        .is_some_and(|own| own.eq_ignore_ascii_case(start))
                })
        });
        // A comment of blocks may stand before it: `;-- --;#include manager.conf ;`.
        let is_directive = strip(line.value).starts_with(b"#")
            || contains(line.value, ";--")
            || contains(line.value, "--;");
        of_update && is_directive
    });
    if directive && !reads_all_configuration(write) {
        Err(RESTRICTED)
    } else {
        Ok(())
    }
}

/// The components of a configuration file's path below the configuration directory of every node.
pub(super) fn inside_configuration<'p>(
    path: &'p [u8],
    cx: &AuthorizeContext<'_>,
) -> Option<Vec<&'p [u8]>> {
    let path = strip(path);
    if path.starts_with(b"/") {
        below_all(path, cx.config_dirs)
    } else {
        components(path)
    }
}

/// A module is named relative to the module directory; a leading slash does not change that.
pub(super) fn check_module(action: &Action) -> Result<(), Text> {
    components(strip(header(action, "Module")))
        .map(|_| ())
        .ok_or(MODULE)
}

/// manager.conf and the files that it is commonly split into: `manager_custom.conf`, `manager.d/x.conf`; and users.conf, in which nodes
/// up to 22 find accounts too.
fn holds_secrets(inside: &[&[u8]]) -> bool {
    inside.iter().any(|component| {
        let start = component.get(..7).unwrap_or_default();
        start.eq_ignore_ascii_case(b"manager") || component.eq_ignore_ascii_case(b"users.conf")
    })
}

/// What is below the directories, when the path is inside each of them. Component by component: a
/// sibling such as `/etc/asterisk-old` is not inside `/etc/asterisk`.
fn below_all<'p>(path: &'p [u8], dirs: &[&str]) -> Option<Vec<&'p [u8]>> {
    let path = components(path)?;
    let mut longest: Option<Vec<&'p [u8]>> = None;
    for dir in dirs {
        let dir = components(dir.as_bytes())?;
        let rest = path.get(dir.len()..)?;
        if path.iter().zip(&dir).any(|(given, wanted)| given != wanted) {
            return None;
        }
        if longest
            .as_ref()
            .is_none_or(|known| rest.len() > known.len())
        {
            longest = Some(rest.to_vec());
        }
    }
    longest
}

/// The components without empty ones and `.`; `None` when there is a `..`, wherever it leads: what it means depends on
/// the links of the node's disk.
fn components(path: &[u8]) -> Option<Vec<&[u8]>> {
    let parts = path
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".");
    parts.map(|part| (part != b"..").then_some(part)).collect()
}

fn strip(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| *byte > b' ';
    let start = bytes.iter().position(is_text).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}
