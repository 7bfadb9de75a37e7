//! A pattern for names: `*` stands for any text, everything else for itself, without regard to ASCII case.
//!
//! Names in AMI are bytes, compared by Asterisk without regard to case; of the patterns of shells only `*` is wanted.

use std::fmt;

/// A pattern for channels, contexts, actions and the like.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    /// The texts between the stars, in lower case; one more than there are stars.
    pieces: Box<[Box<[u8]>]>,
}

impl Glob {
    /// Reads a pattern. `None` when it is empty: that would stand for the empty name alone, which nobody means.
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let pieces = text
            .split('*')
            .map(|piece| piece.to_ascii_lowercase().into_bytes().into());
        Some(Self {
            pieces: pieces.collect(),
        })
    }

    /// Whether the whole of `name` is as the pattern says.
    pub fn matches(&self, name: &[u8]) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return name.eq_ignore_ascii_case(first);
        };
        let Some(mut left) = strip_prefix(name, first) else {
            return false;
        };
        for piece in middle {
            // The first place is as good as any later one: what follows has the more room.
            let Some(at) = find(left, piece) else {
                return false;
            };
            left = left.get(at + piece.len()..).unwrap_or_default();
        }
        left.len() >= last.len()
            && left
                .get(left.len() - last.len()..)
                .is_some_and(|end| end.eq_ignore_ascii_case(last))
    }

    /// Whether that byte, in lower case, is written in it.
    pub fn contains(&self, byte: u8) -> bool {
        self.pieces.iter().any(|piece| piece.contains(&byte))
    }

    /// Whether it stands for every name.
    pub fn is_everything(&self) -> bool {
        self.pieces.len() > 1 && self.pieces.iter().all(|piece| piece.is_empty())
    }

    /// Whether every longer name with the same beginning matches too.
    pub fn is_open_ended(&self) -> bool {
        self.pieces.len() > 1 && self.pieces.last().is_some_and(|last| last.is_empty())
    }
}

fn strip_prefix<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

fn find(name: &[u8], piece: &[u8]) -> Option<usize> {
    if piece.is_empty() {
        return Some(0);
    }
    name.windows(piece.len())
        .position(|window| window.eq_ignore_ascii_case(piece))
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                f.write_str("*")?;
            }
            f.write_str(&String::from_utf8_lossy(piece))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Glob;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern)
            .expect("not empty")
            .matches(name.as_bytes())
    }

    #[test]
    fn stars_stand_for_any_text() {
        assert!(matches("PJSIP/acme-*", "pjsip/ACME-100-0000001a"));
        assert!(!matches("PJSIP/acme-*", "PJSIP/acm"));
        assert!(matches("*", "") && matches("a*", "a") && matches("*a*b", "xaybb"));
        assert!(!matches("a*a", "a") && matches("a*a", "aa"));
        assert!(matches("Local/*@acme-*", "Local/100@acme-in-00000001;2"));
        assert!(Glob::new("").is_none());
    }

    /// The plainest matcher there is.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|at| naive(rest, &name[at..])),
            Some((byte, rest)) => name
                .split_first()
                .is_some_and(|(own, name)| own.eq_ignore_ascii_case(byte) && naive(rest, name)),
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_plainest_matcher(pattern in "[aAb*]{1,8}", name in "[aBb]{0,10}") {
            prop_assert_eq!(matches(&pattern, &name), naive(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
