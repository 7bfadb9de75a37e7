//! Writing messages of our own: responses and events. No value may bring its own line end (I12).

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::action_id::ClientActionId;

/// Why a message cannot be written. Names appear in the text, values never do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A value, or a client's line, contains CR, LF or NUL.
    #[error("header {header} contains CR, LF or NUL")]
    ForbiddenByte {
        /// The name of the header; empty for a line without one.
        header: String,
    },
    /// A header name is empty or contains a colon, a control byte or a blank at its start.
    #[error("{name:?} is no header name")]
    HeaderName {
        /// The name, control bytes escaped by its `Debug` form.
        name: String,
    },
    /// A line would be longer than Asterisk reads whole.
    #[error("a line of {bytes} bytes is longer than Asterisk reads")]
    LineTooLong {
        /// The length of its content in bytes.
        bytes: usize,
    },
    /// The message would have more lines than Asterisk accepts.
    #[error("the message has more lines than Asterisk reads")]
    TooManyLines,
    /// The message has no action to name in its first line.
    #[error("the message names no action")]
    NoAction,
}

/// Whether the bytes would end a line or be cut there.
pub(crate) fn has_forbidden_byte(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// Refuses a name that would not be read back as it was written.
pub(crate) fn check_name(name: &str) -> Result<(), EncodeError> {
    let odd = |byte: u8| byte == b':' || byte < b' ' || byte == 0x7f;
    if name.is_empty() || name.starts_with(' ') || name.bytes().any(odd) {
        return Err(EncodeError::HeaderName {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Refuses a value that would end its line.
pub(crate) fn check_value(name: &str, value: &[u8]) -> Result<(), EncodeError> {
    if has_forbidden_byte(value) {
        return Err(EncodeError::ForbiddenByte {
            header: name.to_owned(),
        });
    }
    Ok(())
}

/// Writes one header that has been checked.
pub(crate) fn put_header(out: &mut BytesMut, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The value with CR, LF and NUL replaced by `?`. Other control bytes are data, as in Asterisk's own messages.
fn in_one_line(value: &[u8]) -> Cow<'_, [u8]> {
    if !has_forbidden_byte(value) {
        return Cow::Borrowed(value);
    }
    let replace = |byte: &u8| {
        if has_forbidden_byte(&[*byte]) {
            b'?'
        } else {
            *byte
        }
    };
    value.iter().map(replace).collect()
}

/// What both builders share: the message so far, complete lines only.
#[derive(Clone, Debug)]
struct Message(BytesMut);

impl Message {
    fn new(first: &str, value: &str) -> Self {
        let mut out = BytesMut::with_capacity(128);
        put_header(&mut out, first, &in_one_line(value.as_bytes()));
        Self(out)
    }

    fn action_id(&mut self, id: Option<&ClientActionId>) {
        if let Some(id) = id {
            put_header(&mut self.0, "ActionID", id.as_bytes());
        }
    }

    fn header(&mut self, name: &str, value: &[u8]) -> Result<(), EncodeError> {
        check_name(name)?;
        check_value(name, value)?;
        put_header(&mut self.0, name, value);
        Ok(())
    }

    fn finish(mut self) -> Bytes {
        self.0.extend_from_slice(b"\r\n");
        self.0.freeze()
    }
}

/// Builds a response: `Response`, then what is added, in that order.
#[derive(Clone, Debug)]
pub struct ResponseBuilder(Message);

impl ResponseBuilder {
    /// Begins with `Response: <response>`; CR, LF and NUL in it are replaced by `?`.
    pub fn new(response: &str) -> Self {
        Self(Message::new("Response", response))
    }

    /// Adds the client's `ActionID`, or nothing if it sent none.
    #[must_use]
    pub fn action_id(mut self, id: Option<&ClientActionId>) -> Self {
        self.0.action_id(id);
        self
    }

    /// Adds a header. Fails if the value contains CR, LF or NUL, or the name could not be read back.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, EncodeError> {
        self.0.header(name, value.as_ref())?;
        Ok(self)
    }

    /// Adds a header whose value may stem from a client: CR, LF and NUL are replaced by `?`.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        put_header(&mut self.0.0, name, &in_one_line(value.as_ref()));
        self
    }

    /// The message with its empty line.
    pub fn finish(self) -> Bytes {
        self.0.finish()
    }
}

/// Builds an event: `Event`, then what is added, in that order.
#[derive(Clone, Debug)]
pub struct EventBuilder(Message);

impl EventBuilder {
    /// Begins with `Event: <name>`; CR, LF and NUL in it are replaced by `?`.
    pub fn new(name: &str) -> Self {
        Self(Message::new("Event", name))
    }

    /// Adds the client's `ActionID`, or nothing if it sent none.
    #[must_use]
    pub fn action_id(mut self, id: Option<&ClientActionId>) -> Self {
        self.0.action_id(id);
        self
    }

    /// Adds a header. Fails if the value contains CR, LF or NUL, or the name could not be read back.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, EncodeError> {
        self.0.header(name, value.as_ref())?;
        Ok(self)
    }

    /// Adds a header whose value may stem from outside: CR, LF and NUL are replaced by `?`.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        put_header(&mut self.0.0, name, &in_one_line(value.as_ref()));
        self
    }

    /// The message with its empty line.
    pub fn finish(self) -> Bytes {
        self.0.finish()
    }
}

/// `Response: Error` with the client's ActionID and a message, CR, LF and NUL in it replaced by `?`.
pub fn error(id: Option<&ClientActionId>, message: impl AsRef<[u8]>) -> Bytes {
    ResponseBuilder::new("Error")
        .action_id(id)
        .text("Message", message)
        .finish()
}

/// `Response: Success` with the client's ActionID and a message, CR, LF and NUL in it replaced by `?`.
pub fn success(id: Option<&ClientActionId>, message: impl AsRef<[u8]>) -> Bytes {
    ResponseBuilder::new("Success")
        .action_id(id)
        .text("Message", message)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_have_asterisks_order() {
        let id = ClientActionId::new("a:b: c");
        assert_eq!(
            &error(id.as_ref(), "Permission denied")[..],
            b"Response: Error\r\nActionID: a:b: c\r\nMessage: Permission denied\r\n\r\n"
        );
        assert_eq!(
            &success(None, "Event Sent")[..],
            b"Response: Success\r\nMessage: Event Sent\r\n\r\n"
        );
    }

    #[test]
    fn messages_from_clients_keep_their_line() {
        let sent = error(None, b"Invalid/unknown command: a\rb\nc\0d\te\x01\x7f\xff.");
        assert_eq!(
            &sent[..],
            b"Response: Error\r\nMessage: Invalid/unknown command: a?b?c?d\te\x01\x7f\xff.\r\n\r\n"
        );
        assert_eq!(
            &EventBuilder::new("a\r\nb").finish()[..],
            b"Event: a??b\r\n\r\n"
        );
    }

    #[test]
    fn values_and_names_that_break_the_frame_are_refused() {
        for value in ["a\rb", "a\nb", "a\0b", "\r\n\r\n"] {
            let refused = ResponseBuilder::new("Success").header("Ping", value);
            assert_eq!(
                refused.unwrap_err(),
                EncodeError::ForbiddenByte {
                    header: "Ping".into()
                }
            );
            assert!(EventBuilder::new("X").header("Ping", value).is_err());
        }
        for name in ["", "a:b", "a\r\nb", " a", "a\0", "a\x7f"] {
            let refused = ResponseBuilder::new("Success").header(name, "v");
            assert_eq!(
                refused.unwrap_err(),
                EncodeError::HeaderName { name: name.into() }
            );
        }
        let sent = EventBuilder::new("X")
            .header("ChanVariable(SIP/a)", b"\xffv ")
            .unwrap()
            .finish();
        assert_eq!(
            &sent[..],
            b"Event: X\r\nChanVariable(SIP/a): \xffv \r\n\r\n"
        );
    }

    #[test]
    fn errors_name_the_header_and_not_its_value() {
        let refused = ResponseBuilder::new("Success")
            .header("Secret", "hush\n")
            .unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("hush"));
    }
}
