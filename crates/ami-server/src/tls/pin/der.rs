//! Finds the public key in a certificate, in the two versions of X.509 that nodes have.
//!
//! Asterisk's own script for certificates makes version 1 where OpenSSL 3.0 is installed, and the TLS library reads version 3 only.
//! Only bytes whose SHA-256 is pinned come here; still, anything unexpected is `None`.

use rustls::pki_types::SubjectPublicKeyInfoDer;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
/// The version field, which version 1 does not have.
const VERSION: u8 = 0xa0;

/// The `SubjectPublicKeyInfo` of a certificate.
pub(super) fn public_key(certificate: &[u8]) -> Option<SubjectPublicKeyInfoDer<'_>> {
    let certificate = Element::split(certificate)?.0.content(SEQUENCE)?;
    let mut fields = Element::split(certificate)?.0.content(SEQUENCE)?;
    let (first, rest) = Element::split(fields)?;
    if first.tag == VERSION {
        fields = rest;
    }
    // serial number, signature algorithm, issuer, validity, subject
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        let (field, rest) = Element::split(fields)?;
        field.content(tag)?;
        fields = rest;
    }
    let (key, _rest) = Element::split(fields)?;
    key.content(SEQUENCE)?;
    Some(SubjectPublicKeyInfoDer::from(key.whole))
}

/// One tag, length and value.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Element<'a> {
    fn split(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&tag, after_tag) = input.split_first()?;
        let (length, after_length) = length(after_tag)?;
        let (content, rest) = after_length.split_at_checked(length)?;
        let whole = input.get(..input.len().checked_sub(rest.len())?)?;
        Some((
            Self {
                tag,
                content,
                whole,
            },
            rest,
        ))
    }

    fn content(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }
}

/// A length below 128 is one byte; above, that byte says how many follow.
fn length(input: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if bytes.len() > 3 {
        return None;
    }
    let length = bytes
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::PublicKeyData as _;

    use super::*;

    #[test]
    fn the_key_of_a_certificate_is_found() {
        let made = rcgen::generate_simple_self_signed(vec!["pbx1".to_owned()]).expect("made");
        let found = public_key(made.cert.der()).expect("found");
        assert_eq!(found.as_ref(), made.signing_key.subject_public_key_info());
    }

    #[test]
    fn bytes_cut_anywhere_are_refused_without_a_panic() {
        let made = rcgen::generate_simple_self_signed(vec!["pbx1".to_owned()]).expect("made");
        let whole: &[u8] = made.cert.der();
        for end in 0..whole.len() {
            assert!(public_key(&whole[..end]).is_none(), "{end}");
        }
        for odd in [
            &[0x30, 0x80][..],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0xff],
            &[0x30, 0x00],
        ] {
            assert!(public_key(odd).is_none(), "{odd:?}");
        }
    }
}
