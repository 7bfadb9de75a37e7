//! The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it or as base64.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// SHA-256 over the DER form of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// The text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected a SHA-256 as 64 hexadecimal digits (colons allowed) or as 44 characters of base64"
)]
pub struct NoFingerprint;

impl Fingerprint {
    /// From the hash itself.
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let hex: String = text.chars().filter(|c| *c != ':').collect();
        let bytes = if hex.len() == 64 {
            hex_bytes(&hex)?
        } else {
            STANDARD.decode(text).map_err(|_no_base64| NoFingerprint)?
        };
        <[u8; 32]>::try_from(bytes)
            .map(Self)
            .map_err(|_wrong_length| NoFingerprint)
    }
}

fn hex_bytes(digits: &str) -> Result<Vec<u8>, NoFingerprint> {
    let values: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let values = values.ok_or(NoFingerprint)?;
    let bytes = values.chunks_exact(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).map_err(|_above_255| NoFingerprint),
        _ => Err(NoFingerprint),
    });
    bytes.collect()
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn three_ways_to_write_the_same() {
        let plain: Fingerprint = HEX.parse().expect("hex");
        let pairs: Vec<String> = plain
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert_eq!(pairs.join(":").parse(), Ok(plain));
        assert_eq!(
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse(),
            Ok(plain)
        );
        assert_eq!(plain.to_string(), HEX);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "abc",
            &format!("{HEX}0"),
            "zz",
            &HEX.replace('e', "g"),
            "47DEQpj8HBSa",
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
    }
}
