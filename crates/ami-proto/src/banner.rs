//! The greeting: the first line of a connection, which announces the AMI version.

use std::fmt;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::line::without_cr;

const PREFIX: &str = "Asterisk Call Manager/";

/// As many as that of a version has whose numbers have two digits at most.
const GREETING_BYTES_USUAL: usize = 32;

/// More than any greeting has; a peer that sends more without a line end is no Asterisk.
const GREETING_BYTES_MAX: usize = 256;

/// The version of the protocol, not of Asterisk: `11.0.0` is Asterisk 22, `1.1` is Asterisk 1.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmiVersion {
    major: u16,
    minor: u16,
    patch: Option<u16>,
}

impl AmiVersion {
    /// A version of three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch: Some(patch),
        }
    }

    /// The first number; 5 is Asterisk 16, 11 is Asterisk 22.
    pub const fn major(&self) -> u16 {
        self.major
    }

    /// Reads `major.minor` or `major.minor.patch`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        });
        let version = Self {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: match numbers.next() {
                Some(number) => Some(number?),
                None => None,
            },
        };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for AmiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

/// The text is no AMI version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AMI version is two or three numbers, such as 11.0.0")]
pub struct NotAVersion;

impl FromStr for AmiVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        Self::parse(text).ok_or(NotAVersion)
    }
}

/// The greeting line with its CRLF; no empty line follows it.
pub fn greeting(version: &AmiVersion) -> Bytes {
    let numbers = [Some(version.major), Some(version.minor), version.patch];
    // By hand: each connection begins with it, and formatting showed in the profile of a login.
    let mut line = BytesMut::with_capacity(GREETING_BYTES_USUAL);
    line.extend_from_slice(PREFIX.as_bytes());
    for (place, number) in numbers.into_iter().flatten().enumerate() {
        if place > 0 {
            line.extend_from_slice(b".");
        }
        line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
    line.extend_from_slice(b"\r\n");
    line.freeze()
}

/// Reads a greeting line, with or without its line end.
pub fn parse_greeting(line: &[u8]) -> Option<AmiVersion> {
    let line = without_cr(line.strip_suffix(b"\n").unwrap_or(line));
    let version = line.strip_prefix(PREFIX.as_bytes())?;
    AmiVersion::parse(std::str::from_utf8(version).ok()?)
}

/// The first line from a node is not AMI's greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer does not greet as an Asterisk Call Manager")]
pub struct NotAGreeting;

/// Takes the greeting off the front of what a node sent; `None` while the line is incomplete.
pub fn take_greeting(buf: &mut BytesMut) -> Result<Option<AmiVersion>, NotAGreeting> {
    let Some(end) = memchr(b'\n', buf) else {
        return if buf.len() > GREETING_BYTES_MAX {
            Err(NotAGreeting)
        } else {
            Ok(None)
        };
    };
    let line = buf.split_to(end + 1);
    parse_greeting(&line).map(Some).ok_or(NotAGreeting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_back_and_compare_by_number() {
        for text in ["11.0.0", "1.1", "2.10.6", "13.0.0"] {
            assert_eq!(AmiVersion::parse(text).unwrap().to_string(), text);
        }
        for odd in [
            "", "11", "11.", ".1", "1.2.3.4", "+1.2", "1. 2", "a.b", "1.99999",
        ] {
            assert_eq!(AmiVersion::parse(odd), None, "{odd:?}");
        }
        let of = |text| AmiVersion::parse(text).unwrap();
        assert!(of("9.0.0") < of("11.0.0"));
        assert!(of("2.8.0") < of("2.10.6"));
        assert!(of("1.3") < of("2.0.0"));
    }

    #[test]
    fn greeting_is_taken_off_the_front() {
        let sent = greeting(&AmiVersion::new(11, 0, 0));
        assert_eq!(&sent[..], b"Asterisk Call Manager/11.0.0\r\n");
        let mut buf = BytesMut::from(&sent[..sent.len() - 1]);
        assert_eq!(take_greeting(&mut buf), Ok(None));
        buf.extend_from_slice(b"\nResponse: Success\r\n");
        assert_eq!(take_greeting(&mut buf), Ok(Some(AmiVersion::new(11, 0, 0))));
        assert_eq!(&buf[..], b"Response: Success\r\n");
        assert_eq!(
            take_greeting(&mut BytesMut::from("SSH-2.0-x\r\n")),
            Err(NotAGreeting)
        );
        assert_eq!(
            take_greeting(&mut BytesMut::from(&[b'x'; 300][..])),
            Err(NotAGreeting)
        );
    }
}
