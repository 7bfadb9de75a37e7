//! Recorded upstream bytes, to be played by a node as they are.
//!
//! A recording starts with the greeting and the answer to its login; those are dropped, because the node
//! has a login of its own. The rest is cut into messages only to keep the node's own messages whole.

use ami_proto::{FrameDecoder, FrameKind, Limits};
use bytes::{Bytes, BytesMut};

/// Messages of a recording, byte for byte, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    messages: Vec<Bytes>,
}

impl Transcript {
    /// Plays exactly these bytes, valid or not, in one piece.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            messages: vec![bytes.into()],
        }
    }

    /// From what a real node sent on one connection: greeting, login answer, everything after. What cannot be read as
    /// messages is kept as one last piece.
    pub fn from_recording(recording: &[u8]) -> Self {
        let mut bytes = BytesMut::from(recording);
        if bytes.starts_with(b"Asterisk Call Manager/") {
            let line = bytes.iter().position(|byte| *byte == b'\n');
            drop(bytes.split_to(line.map_or(0, |at| at + 1)));
        }
        let mut decoder = FrameDecoder::new(Limits::default());
        let mut messages = Vec::new();
        let mut login_seen = false;
        while let Ok(Some(frame)) = decoder.decode(&mut bytes) {
            if !login_seen && frame.kind() == FrameKind::Response {
                login_seen = true;
                continue;
            }
            messages.push(frame.bytes().clone());
        }
        if !bytes.is_empty() {
            messages.push(bytes.freeze());
        }
        Self { messages }
    }

    /// The pieces in order.
    pub fn messages(&self) -> &[Bytes] {
        &self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::Transcript;

    #[test]
    fn greeting_and_login_answer_are_left_out() {
        let recording = b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nMessage: Authentication accepted\r\n\r\n\
            Event: A\r\n\r\nResponse: Success\r\nPing: Pong\r\n\r\nEvent: cut";
        let transcript = Transcript::from_recording(recording);
        let pieces: Vec<&[u8]> = transcript.messages().iter().map(|m| &m[..]).collect();
        assert_eq!(
            pieces,
            [
                &b"Event: A\r\n\r\n"[..],
                b"Response: Success\r\nPing: Pong\r\n\r\n",
                b"Event: cut"
            ]
        );
    }
}
