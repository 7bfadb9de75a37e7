//! ActionIDs: the client's own, and ours on the way to a node.
//!
//! The wire id never holds anything of the client's and is at most 32 bytes, because some list handlers of Asterisk
//! format it into a small buffer and lose their line end beyond it (I13).

use std::fmt;

use arrayvec::ArrayString;
use bytes::Bytes;

/// What every wire id of this generation of the format begins with.
const PREFIX: &str = "amx1-";
/// The digits of the nonce, zeros in front included.
const NONCE_DIGITS: u32 = 8;

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
        let mut id = Self(ArrayString::new());
        id.put(PREFIX);
        id.put_hex(nonce, NONCE_DIGITS);
        id.put("-");
        id.put_hex(slot, 1);
        id.put("-");
        id.put_hex(generation, 1);
        id
    }

    fn put(&mut self, text: &str) {
        // At most 5 + 8 + 1 + 8 + 1 + 8 = 31 bytes are put in all, so this cannot fail.
        self.0.try_push_str(text).unwrap_or_default();
    }

    /// By hand: each action has its id written and read, and formatting showed in its profile.
    fn put_hex(&mut self, number: u32, digits_min: u32) {
        let digits = digits_min.max((u32::BITS - number.leading_zeros()).div_ceil(4));
        for place in (0..digits).rev() {
            let digit = char::from_digit(number >> (4 * place) & 0xf, 16);
            self.0.try_push(digit.unwrap_or('0')).unwrap_or_default();
        }
    }

    /// Reads an id; `None` unless it is byte for byte what [`WireActionId::new`] makes of those parts.
    pub fn parse(bytes: &[u8]) -> Option<WireIdParts> {
        let mut parts = bytes
            .strip_prefix(PREFIX.as_bytes())?
            .split(|byte| *byte == b'-');
        let numbers = WireIdParts {
            nonce: number_of(parts.next()?, NONCE_DIGITS)?,
            slot: number_of(parts.next()?, 1)?,
            generation: number_of(parts.next()?, 1)?,
        };
        parts.next().is_none().then_some(numbers)
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

/// The number that is written so, with no more zeros in front than make `digits_min` digits.
fn number_of(text: &[u8], digits_min: u32) -> Option<u32> {
    let digits = u32::try_from(text.len()).ok()?;
    let has_zeros = digits > digits_min && text.first() == Some(&b'0');
    if has_zeros || digits < digits_min || digits > u32::BITS / 4 {
        return None;
    }
    text.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(value))
    })
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
            b"amx1-00000000a-1-0",
            b"amx1-0000000a-100000000-0",
            b"amx1-0000000a--0",
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
