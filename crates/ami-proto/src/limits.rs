//! The limits of the protocol: those of Asterisk, which our output must respect, and our own for its input.

/// The longest line content, in bytes without its line end, that Asterisk reads whole.
///
/// Its buffer holds 1,024 bytes including CRLF. A line of 1,023 splits the message there, so no longer
/// one is taken from a client or written to a node.
pub const LINE_CONTENT_BYTES_MAX: usize = 1022;

/// The most lines, headers or not, that Asterisk accepts in one message.
pub const HEADERS_MAX: usize = 128;

/// What one message from a node may cost. Beyond it the decoder gives up on the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, its empty line included. The default of 8 MiB holds the longest
    /// `dialplan show` or `GetConfigJSON` of a large system; a list is many messages and is not affected.
    pub frame_bytes_max: usize,
    /// Lines of one message. The default of 131,072 holds a command's output of that many lines.
    pub headers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 8 * 1024 * 1024,
            headers_max: 131_072,
        }
    }
}
