//! The event mask that a client asks for, in action Events and in the `Events` header of Login.

use crate::class::ClassSet;

/// What a client asked to see. What it gets is this within its account's read classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventMask {
    /// No events: `off`, `no`, `0` and their like.
    Off,
    /// Everything the account may read: `on`, `yes` and their like.
    All,
    /// A number or a list of classes, read by [`ClassSet::of_mask`]. A list of unknown words is the empty set.
    Set(ClassSet),
    /// Empty, or a number that is negative as Asterisk reads it; the mask stays as it was.
    Invalid,
}

impl EventMask {
    /// The classes asked for; `None` when the mask is [`EventMask::Invalid`].
    pub fn classes(self) -> Option<ClassSet> {
        match self {
            Self::Off => Some(ClassSet::NONE),
            Self::All => Some(ClassSet::ALL),
            Self::Set(set) => Some(set),
            Self::Invalid => None,
        }
    }
}

const OFF: [&str; 5] = ["no", "false", "n", "f", "off"];
const ON: [&str; 5] = ["yes", "true", "y", "t", "on"];

/// Reads an event mask as Asterisk does.
pub fn parse_event_mask(value: &[u8]) -> EventMask {
    if value.is_empty() {
        return EventMask::Invalid;
    }
    if value.iter().all(u8::is_ascii_digit) {
        return numeric(value);
    }
    let is = |word: &&str| value.eq_ignore_ascii_case(word.as_bytes());
    if OFF.iter().any(is) {
        return EventMask::Off;
    }
    if ON.iter().any(is) {
        return EventMask::All;
    }
    EventMask::Set(ClassSet::of_mask(value))
}

/// Asterisk keeps the low 32 bits of a number that saturates at 63 bits, and refuses what is negative then.
fn numeric(digits: &[u8]) -> EventMask {
    let mut number: i64 = 0;
    for digit in digits {
        number = number
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'));
    }
    let Ok(low) = u32::try_from(number & 0xffff_ffff) else {
        return EventMask::Invalid;
    };
    if low == 0 {
        EventMask::Off
    } else if low > ClassSet::ALL.bits() {
        EventMask::Invalid
    } else {
        EventMask::Set(ClassSet::from_bits(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;

    #[test]
    fn words_numbers_and_lists() {
        for (text, mask) in [
            ("", EventMask::Invalid),
            ("0", EventMask::Off),
            ("Off", EventMask::Off),
            ("f", EventMask::Off),
            ("ON", EventMask::All),
            ("y", EventMask::All),
            ("1", EventMask::Set(ClassSet::of(Class::System))),
            (
                "3",
                EventMask::Set(ClassSet::from_iter([Class::System, Class::Call])),
            ),
            (
                "call,user",
                EventMask::Set(ClassSet::from_iter([Class::Call, Class::User])),
            ),
            ("call, user", EventMask::Set(ClassSet::of(Class::Call))),
            ("bogus", EventMask::Set(ClassSet::NONE)),
            ("all", EventMask::Set(ClassSet::ALL)),
            ("2147483647", EventMask::Set(ClassSet::ALL)),
            ("2147483648", EventMask::Invalid),
            ("4294967296", EventMask::Off),
            ("99999999999999999999999999", EventMask::Invalid),
        ] {
            assert_eq!(parse_event_mask(text.as_bytes()), mask, "{text:?}");
        }
    }
}
