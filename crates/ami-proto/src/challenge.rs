//! MD5 login: the challenge and the key that answers it.

use std::fmt;
use std::fmt::Write as _;

use md5::{Digest, Md5};

/// One more than the largest of nine digits, which is what Asterisk's challenge buffer holds.
const BOUND: u32 = 1_000_000_000;

/// A challenge: a number of at most nine digits. It is made once per session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge(u32);

impl Challenge {
    /// A challenge from a random number of the caller's.
    pub const fn from_random(number: u32) -> Self {
        Self(number % BOUND)
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The `Key` that answers a challenge: MD5 of challenge and secret, in lower-case hexadecimal.
pub fn md5_key(challenge: &str, secret: &[u8]) -> String {
    let mut digest = Md5::new();
    digest.update(challenge.as_bytes());
    digest.update(secret);
    let mut key = String::with_capacity(32);
    for byte in digest.finalize() {
        // Writing to a String cannot fail.
        write!(key, "{byte:02x}").unwrap_or_default();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_has_at_most_nine_digits() {
        assert_eq!(Challenge::from_random(u32::MAX).to_string(), "294967295");
        assert_eq!(Challenge::from_random(1_000_000_000).to_string(), "0");
        assert_eq!(Challenge::from_random(999_999_999).to_string(), "999999999");
    }

    #[test]
    fn key_of_a_recorded_login() {
        // A login that Asterisk 22 accepted.
        assert_eq!(
            md5_key("135084790", b"adminpw"),
            "0120a86dc7ab5210e4bb83025da5b8d1"
        );
    }
}
