//! ActionIDs: the client's own, and ours on the way to a node.
//!
//! The wire id never holds anything of the client's and is at most 32 bytes, because some list handlers of Asterisk
//! format it into a small buffer and lose their line end beyond it (I13).

use std::fmt;
use std::fmt::Write as _;

use arrayvec::ArrayString;
use bytes::Bytes;

/// What every wire id of this generation of the format begins with.
const PREFIX: &str = "amx1-";

/// The ActionID that a client sent: not empty, without CR, LF or NUL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientActionId(Bytes);

impl ClientActionId {
    /// `None` if the bytes are empty or contain CR, LF or NUL.
    pub fn new(bytes: impl Into<Bytes>) -> Option<Self> {
        let bytes = bytes.into();
        let whole =
            !bytes.is_empty() && !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        whole.then_some(Self(bytes))
    }

    /// The bytes as the client sent them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The shared bytes, for writing without a copy.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl AsRef<[u8]> for ClientActionId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ClientActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientActionId({})", self.0.escape_ascii())
    }
}

/// The ActionID that goes to a node: `amx1-<nonce>-<slot>-<generation>` in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WireActionId(ArrayString<32>);

/// What a wire id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WireIdParts {
    /// The process that made it.
    pub nonce: u32,
    /// The place in the table of pending actions.
    pub slot: u32,
    /// How often that place has been used: an answer to its last user must not reach the next.
    pub generation: u32,
}

impl WireActionId {
    /// The id of a slot's use.
    pub fn new(nonce: u32, slot: u32, generation: u32) -> Self {
        let mut id = ArrayString::new();
        // At most 5 + 8 + 1 + 8 + 1 + 8 = 31 bytes, so this cannot fail.
        write!(id, "{PREFIX}{nonce:08x}-{slot:x}-{generation:x}").unwrap_or_default();
        Self(id)
    }

    /// Reads an id; `None` unless it is byte for byte what [`WireActionId::new`] makes of those parts.
    pub fn parse(bytes: &[u8]) -> Option<WireIdParts> {
        let text = std::str::from_utf8(bytes).ok()?.strip_prefix(PREFIX)?;
        let mut numbers = text
            .split('-')
            .map(|part| u32::from_str_radix(part, 16).ok());
        let parts = WireIdParts {
            nonce: numbers.next()??,
            slot: numbers.next()??,
            generation: numbers.next()??,
        };
        let same = Self::new(parts.nonce, parts.slot, parts.generation);
        (same.as_bytes() == bytes).then_some(parts)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The id as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for WireActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WireActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireActionId({})", self.0)
    }
}

/// Whether the value looks like a wire id, of this process or another: such an id is never shown to a client.
pub fn is_wire_action_id(value: &[u8]) -> bool {
    value.starts_with(PREFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wire_ids_are_short_and_read_back(nonce: u32, slot: u32, generation: u32) {
            let id = WireActionId::new(nonce, slot, generation);
            prop_assert!(id.as_bytes().len() <= 32);
            prop_assert!(is_wire_action_id(id.as_bytes()));
            prop_assert_eq!(WireActionId::parse(id.as_bytes()), Some(WireIdParts { nonce, slot, generation }));
        }

        #[test]
        fn only_exact_spellings_are_read(text in "(amx1-)?[0-9a-fA-F+]{0,9}-[0-9a-f+]{0,9}-[0-9a-f]{0,9}-?") {
            if let Some(parts) = WireActionId::parse(text.as_bytes()) {
                let id = WireActionId::new(parts.nonce, parts.slot, parts.generation);
                prop_assert_eq!(id.as_str(), text);
            }
        }
    }

    #[test]
    fn odd_spellings_are_not_ours() {
        assert!(WireActionId::parse(b"amx1-0000000a-1-0").is_some());
        for odd in [
            &b"amx1-0000000A-1-0"[..],
            b"amx1-a-1-0",
            b"amx1-0000000a-01-0",
            b"amx1-0000000a-+1-0",
            b"amx1-0000000a-1-0-0",
            b"amx1-0000000a-1",
            b"amx1-0000000a-1-0 ",
            b"AMX1-0000000a-1-0",
            b"",
        ] {
            assert_eq!(WireActionId::parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn client_ids_hold_no_line_ends() {
        assert!(ClientActionId::new("ätina $1 <>").is_some());
        for odd in ["", "a\rb", "a\nb", "a\0b"] {
            assert!(ClientActionId::new(odd).is_none(), "{odd:?}");
        }
    }
}
