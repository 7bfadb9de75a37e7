//! Which Asterisk a node is, as it says itself, so that two configured nodes that are one or can be confused are noticed.
//!
//! Read from `core show settings`, asked after each connect where there are several nodes. Invariant: what is absent or empty is
//! like nothing else.

use std::sync::Arc;

use ami_proto::Frame;

/// Longest value that is kept, in bytes; Asterisk has no longer ones.
const VALUE_BYTES_MAX: usize = 256;

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeIdentity {
    /// What no other process has.
    process: Option<Arc<str>>,
    /// `systemname` of asterisk.conf, with which its Uniqueids begin.
    system_name: Option<Arc<str>>,
}

/// What two nodes have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// They are one process.
    Process,
    /// They have one systemname, so that a Uniqueid does not tell whose it is.
    SystemName,
}

impl Likeness {
    /// What an operator is told: `node <one> <this> node <other> …`.
    pub const fn as_text(self) -> &'static str {
        match self {
            Self::Process => "is the same Asterisk as",
            Self::SystemName => "has the same systemname as",
        }
    }
}

impl NodeIdentity {
    /// Reads the answer to `core show settings`, of whatever version.
    ///
    /// Since Asterisk 12 a process has a UUID. Before, a process is the one with that configuration file that was started at that
    /// second on the machine with that address.
    pub(crate) fn read(answer: &Frame) -> Self {
        let process = setting(answer, "PBX UUID").or_else(|| {
            let parts = ["Entity ID", "Version", "Startup time", "Configuration file"];
            let parts: Option<Vec<Arc<str>>> = parts
                .into_iter()
                .map(|name| setting(answer, name))
                .collect();
            Some(parts?.join("|").into())
        });
        Self {
            process,
            system_name: setting(answer, "System name"),
        }
    }

    /// What it has in common with another node.
    pub fn likeness(&self, other: &Self) -> Option<Likeness> {
        let same = |one: &Option<Arc<str>>, other: &Option<Arc<str>>| one.is_some() && one == other;
        if same(&self.process, &other.process) {
            Some(Likeness::Process)
        } else if same(&self.system_name, &other.system_name) {
            Some(Likeness::SystemName)
        } else {
            None
        }
    }
}

/// The value behind that name, if there is one.
fn setting(answer: &Frame, name: &str) -> Option<Arc<str>> {
    let of_line = |line: &[u8]| -> Option<Arc<str>> {
        let line = std::str::from_utf8(line).ok()?;
        let value = line.trim().strip_prefix(name)?.trim_start();
        let value = value.strip_prefix(':')?.trim();
        let usable = !value.is_empty() && value.len() <= VALUE_BYTES_MAX;
        usable.then(|| value.into())
    };
    match answer.follows_output() {
        Some(output) => output.split(|byte| *byte == b'\n').find_map(of_line),
        None => answer.headers("Output").find_map(of_line),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn identity(lines: &[&str]) -> NodeIdentity {
        let mut text = "Response: Success\r\n".to_owned();
        for line in lines {
            text.push_str("Output:   ");
            text.push_str(line);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        NodeIdentity::read(&Frame::parse(Bytes::from(text)).expect("a message"))
    }

    const OLD: [&str; 5] = [
        "Version:                     1.8.32.3",
        "Startup time:                09:37:28",
        "System name:                 ",
        "Entity ID:                   02:fc:00:00:00:01",
        "Configuration file:          /etc/asterisk/asterisk.conf",
    ];

    #[test]
    fn one_process_is_known_by_its_uuid_whatever_its_name() {
        let one = identity(&["System name: a", "PBX UUID:    8d8f"]);
        assert_eq!(one.likeness(&one), Some(Likeness::Process));
        let other = identity(&["System name: a", "PBX UUID: cbc7"]);
        assert_eq!(one.likeness(&other), Some(Likeness::SystemName));
        let third = identity(&["System name: b", "PBX UUID: cbc7"]);
        assert_eq!(one.likeness(&third), None);
    }

    #[test]
    fn without_a_uuid_it_is_known_by_machine_start_and_configuration() {
        let one = identity(&OLD);
        assert_eq!(one.likeness(&one), Some(Likeness::Process));
        for at in [0, 1, 3, 4] {
            let mut lines = OLD;
            let changed = format!("{}0", lines[at]);
            lines[at] = &changed;
            assert_eq!(one.likeness(&identity(&lines)), None, "{changed}");
        }
        let some = identity(&OLD[..4]);
        assert_eq!(some.likeness(&some), None, "not enough is known");
    }

    #[test]
    fn what_is_empty_or_missing_is_like_nothing() {
        let none = NodeIdentity::default();
        assert_eq!(none.likeness(&none), None);
        let unnamed = identity(&["System name:", "PBX UUID: 1"]);
        let other = identity(&["System name:   ", "PBX UUID: 2"]);
        assert_eq!(unnamed.likeness(&other), None);
        let long = identity(&[&format!("System name: {}", "x".repeat(300))]);
        assert_eq!(long.likeness(&long), None);
    }

    #[test]
    fn the_output_of_old_nodes_is_raw_text() {
        let text = "Response: Follows\r\nPrivilege: Command\r\n\nPBX Core settings\n  System name:   pbx9\n  Entity ID:  x\n--END COMMAND--\r\n\r\n";
        let frame = Frame::parse(Bytes::from(text)).expect("a message");
        let named = identity(&["System name: pbx9"]);
        assert_eq!(
            NodeIdentity::read(&frame).likeness(&named),
            Some(Likeness::SystemName)
        );
    }
}
