//! A client's message as Asterisk would read it, and actions of our own.
//!
//! The lines are stored one after another, each with a CRLF of ours: what goes upstream is slices of them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::{Bytes, BytesMut};

use crate::action_id::ClientActionId;
use crate::encode::{EncodeError, check_name, check_value, put_header};
use crate::limits::{HEADERS_MAX, LINE_CONTENT_BYTES_MAX};
use crate::line::{Line, LineIndex};

/// A client's message: at most 128 lines of at most 1,022 bytes, free of LF and NUL.
///
/// Cloning shares the bytes. `Debug` hides the values of headers that may hold a secret.
#[derive(Clone)]
pub struct Action {
    /// Every line with CRLF, without the empty line.
    bytes: Bytes,
    index: LineIndex,
    name: Option<ActionName>,
}

impl Action {
    /// From lines that the decoder or a builder has checked and indexed.
    pub(crate) fn from_lines(bytes: Bytes, index: LineIndex) -> Self {
        let name = index
            .headers(&bytes, "Action")
            .find(|value| !value.is_empty());
        let name = name.map(|value| ActionName(bytes.slice_ref(value)));
        Self { bytes, index, name }
    }

    /// The first `Action` header that is not empty; without one it is no action, and Asterisk says so.
    pub fn name(&self) -> Option<&ActionName> {
        self.name.as_ref()
    }

    /// The first `ActionID` header; `None` when it is empty, missing or holds a CR.
    pub fn action_id(&self) -> Option<ClientActionId> {
        let value = self.header("ActionID")?;
        ClientActionId::new(self.bytes.slice_ref(value))
    }

    /// The value of the first header of that name, even when empty.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.index.header(&self.bytes, name)
    }

    /// The values of all headers of that name, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.index.headers(&self.bytes, name)
    }

    /// All lines in order, those without colon included.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> + '_ {
        self.index.lines(&self.bytes)
    }

    /// How many lines the message has, the empty one not counted.
    pub fn line_count(&self) -> usize {
        self.index.len()
    }

    /// How many bytes the message holds in memory and, about, on the wire.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Begins an action of our own. Control bytes in the name are left out.
    pub fn build(name: &str) -> ActionBuilder {
        ActionBuilder::new(name)
    }

    /// The lines as stored, each with CRLF.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Where the lines of [`Action::bytes`] are.
    pub(crate) fn index(&self) -> &LineIndex {
        &self.index
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Action {}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = f.debug_list();
        for line in self.lines() {
            match line.name {
                Some(name) if is_secret(name) => {
                    lines.entry(&format_args!("{}: [redacted]", name.escape_ascii()));
                }
                Some(name) => {
                    lines.entry(&format_args!(
                        "{}: {}",
                        name.escape_ascii(),
                        line.value.escape_ascii()
                    ));
                }
                // A mistyped secret header may have lost its colon.
                None => {
                    lines.entry(&format_args!("[{} bytes without colon]", line.raw.len()));
                }
            }
        }
        lines.finish()
    }
}

/// Whether a header of that name may hold a secret: Login's `Secret` and `Key`, passwords and PINs of any spelling, and
/// the `Value-…` headers of UpdateConfig, which write configuration.
fn is_secret(name: &[u8]) -> bool {
    let name = name.trim_ascii().to_ascii_lowercase();
    let holds = |part: &[u8]| name.windows(part.len()).any(|own| own == part);
    name == b"key"
        || name == b"pin"
        || name.starts_with(b"value-")
        || [&b"secret"[..], b"passw", b"pwd", b"token"]
            .into_iter()
            .any(holds)
}

/// The name of an action, as typed; compared without regard to ASCII case.
#[derive(Clone)]
pub struct ActionName(Bytes);

impl ActionName {
    /// A name from bytes as typed.
    pub fn new(name: impl Into<Bytes>) -> Self {
        Self(name.into())
    }

    /// The bytes as typed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the action of that name.
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The name as text; what is not UTF-8 is replaced.
    pub fn as_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().map(u8::to_ascii_lowercase)
    }
}

impl From<&str> for ActionName {
    fn from(name: &str) -> Self {
        Self(Bytes::copy_from_slice(name.as_bytes()))
    }
}

impl PartialEq for ActionName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ActionName {}

impl Hash for ActionName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xff);
    }
}

impl Ord for ActionName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl PartialOrd for ActionName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str_lossy())
    }
}

impl fmt::Debug for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionName({})", self.0.escape_ascii())
    }
}

/// Builds an action of our own, within the limits that Asterisk reads.
#[derive(Clone)]
pub struct ActionBuilder {
    bytes: BytesMut,
    index: LineIndex,
}

impl ActionBuilder {
    fn new(name: &str) -> Self {
        let mut builder = Self {
            bytes: BytesMut::with_capacity(256),
            index: LineIndex::default(),
        };
        let room = LINE_CONTENT_BYTES_MAX - "Action: ".len();
        let name: Vec<u8> = name
            .bytes()
            .filter(|byte| !byte.is_ascii_control())
            .take(room)
            .collect();
        builder.push("Action", &name);
        builder
    }

    /// Adds a header. Fails on CR, LF or NUL in the value, on a line over 1,022 bytes and on the 129th line.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, EncodeError> {
        let value = value.as_ref();
        check_name(name)?;
        check_value(name, value)?;
        let bytes = name.len() + ": ".len() + value.len();
        if bytes > LINE_CONTENT_BYTES_MAX {
            return Err(EncodeError::LineTooLong { bytes });
        }
        if self.index.len() >= HEADERS_MAX {
            return Err(EncodeError::TooManyLines);
        }
        self.push(name, value);
        Ok(self)
    }

    /// The finished action.
    pub fn finish(self) -> Action {
        Action::from_lines(self.bytes.freeze(), self.index)
    }

    fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.bytes.len();
        put_header(&mut self.bytes, name, value);
        self.index.push(start, self.bytes.len());
    }
}

impl fmt::Debug for ActionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionBuilder({} lines)", self.index.len())
    }
}

#[cfg(test)]
mod tests;
