//! The node label: a last header that says where an event came from.

use bytes::{Bytes, BytesMut};
use memchr::memchr_iter;

use crate::frame_decoder::is_follows;
use crate::line::{header_value, without_cr};

/// Adds `name: node` as the last header before the empty line and removes headers of that name that the node wrote, but for the
/// first line, which says what the message is.
///
/// The result is a copy of exactly its own size. CR, LF and NUL are left out of `name` and `node`. The old command form
/// (`Response: Follows`) is returned as it is: its text has no place for a header.
pub fn label(message: &Bytes, name: &str, node: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + name.len() + node.len() + 4);
    let mut start = 0;
    let mut kept = 0;
    for found in memchr_iter(b'\n', message) {
        let next = found + 1;
        let line = without_cr(message.get(start..found).unwrap_or_default());
        if start == 0 && is_follows(line) {
            return message.clone();
        }
        if line.is_empty() {
            out.extend_from_slice(message.get(kept..start).unwrap_or_default());
            put_label(&mut out, name, node);
            out.extend_from_slice(message.get(start..).unwrap_or_default());
            return out.freeze();
        }
        if start > 0 && header_value(line, name).is_some() {
            out.extend_from_slice(message.get(kept..start).unwrap_or_default());
            kept = next;
        }
        start = next;
    }
    // Not a whole message: there is no empty line to stand before.
    message.clone()
}

fn put_label(out: &mut BytesMut, name: &str, node: &str) {
    let safe = |text: &str| -> Vec<u8> {
        text.bytes()
            .filter(|byte| !matches!(byte, b'\r' | b'\n' | 0))
            .collect()
    };
    out.extend_from_slice(&safe(name));
    out.extend_from_slice(b": ");
    out.extend_from_slice(&safe(node));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(message: &'static str) -> Vec<u8> {
        label(&Bytes::from_static(message.as_bytes()), "Node", "pbx1").to_vec()
    }

    #[test]
    fn it_is_the_last_header() {
        assert_eq!(
            labelled("Event: A\r\nX: 1\r\n\r\n"),
            b"Event: A\r\nX: 1\r\nNode: pbx1\r\n\r\n"
        );
        assert_eq!(
            labelled("Event: A\nX: 1\n\n"),
            b"Event: A\nX: 1\nNode: pbx1\r\n\n"
        );
    }

    #[test]
    fn a_forged_label_is_removed() {
        assert_eq!(
            labelled("Event: UserEvent\r\nnode: fake\r\nX: 1\r\nNode:fake\r\nNode : kept\r\n\r\n"),
            b"Event: UserEvent\r\nX: 1\r\nNode : kept\r\nNode: pbx1\r\n\r\n"
        );
    }

    /// Without it the next line would say what the message is, and how it ends.
    #[test]
    fn the_first_line_stays() {
        assert_eq!(
            labelled("Node: x\r\nResponse: Follows\r\n\r\n"),
            b"Node: x\r\nResponse: Follows\r\nNode: pbx1\r\n\r\n"
        );
    }

    #[test]
    fn command_text_and_parts_of_messages_pass() {
        for same in [
            "Response: Follows\r\nPrivilege: Command\r\n\nNode: x\n--END COMMAND--\r\n\r\n",
            "Event: A\r\n",
            "",
        ] {
            assert_eq!(labelled(same), same.as_bytes());
        }
    }

    #[test]
    fn a_label_cannot_end_its_line() {
        let sent = label(
            &Bytes::from_static(b"Event: A\r\n\r\n"),
            "No\nde",
            "pbx\r\n\r\n1\0",
        );
        assert_eq!(&sent[..], b"Event: A\r\nNode: pbx1\r\n\r\n");
    }
}
