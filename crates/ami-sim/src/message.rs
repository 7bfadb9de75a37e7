//! Writes the messages a node sends: responses, events, list items.
//!
//! Owner: whoever builds one message; nothing is shared. Unlike the encoder of `ami-proto` it cannot
//! fail: a byte that would change the framing (CR, LF, NUL) becomes a blank, and it can write the
//! colon-less and empty headers that a real node writes.

use ami_proto::ClassSet;
use bytes::Bytes;

/// One message under construction.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// `Response: <kind>`, then the ActionID of the request when it had one.
    pub(crate) fn response(kind: &str, action_id: Option<&[u8]>) -> Self {
        let start = Self {
            bytes: Vec::with_capacity(192),
        };
        start.header("Response", kind).action_id(action_id)
    }

    /// `Event: <name>` with nothing else: list items and the unicast events of a session.
    pub(crate) fn event(name: &str) -> Self {
        let start = Self {
            bytes: Vec::with_capacity(512),
        };
        start.header("Event", name)
    }

    /// A broadcast event: name, `Privilege` and, as the node is configured, `Timestamp` and `SystemName`.
    pub(crate) fn broadcast(
        name: &str,
        classes: ClassSet,
        timestamp: Option<String>,
        system_name: Option<&str>,
    ) -> Self {
        let mut message = Self::event(name).header("Privilege", classes.render());
        if let Some(timestamp) = timestamp {
            message = message.header("Timestamp", timestamp);
        }
        match system_name {
            Some(system) => message.header("SystemName", system),
            None => message,
        }
    }

    /// `name: value`.
    pub(crate) fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.prefixed("", name, value)
    }

    /// `<prefix><name>: value`, the form of channel headers (`DestChannel`).
    pub(crate) fn prefixed(mut self, prefix: &str, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.bytes.extend_from_slice(prefix.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        self.push_clean(value.as_ref());
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// A whole line that may lack a colon.
    pub(crate) fn line(mut self, line: impl AsRef<[u8]>) -> Self {
        self.push_clean(line.as_ref());
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// `ActionID`, left out when the request had none.
    pub(crate) fn action_id(self, action_id: Option<&[u8]>) -> Self {
        match action_id {
            Some(id) => self.header("ActionID", id),
            None => self,
        }
    }

    /// Closes the message with the blank line.
    pub(crate) fn end(mut self) -> Bytes {
        self.bytes.extend_from_slice(b"\r\n");
        Bytes::from(self.bytes)
    }

    fn push_clean(&mut self, value: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(value);
        for byte in self.bytes.iter_mut().skip(from) {
            if matches!(*byte, b'\r' | b'\n' | 0) {
                *byte = b' ';
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn a_value_cannot_change_the_framing() {
        let bytes = Message::event("X")
            .header("A", "1\r\n\r\nEvent: Forged\0")
            .end();
        assert_eq!(&bytes[..], b"Event: X\r\nA: 1    Event: Forged \r\n\r\n");
    }

    #[test]
    fn an_action_id_is_written_only_when_there_was_one() {
        assert_eq!(
            &Message::response("Success", None).end()[..],
            b"Response: Success\r\n\r\n"
        );
        assert_eq!(
            &Message::response("Error", Some(b"a")).end()[..],
            b"Response: Error\r\nActionID: a\r\n\r\n"
        );
    }
}
