//! What a dial string reaches: the devices that the node may read out of it.
//!
//! A pattern must not be compared with the string itself: `Local/100@elsewhere/n@acme-in` rings context `elsewhere`, and
//! `PJSIP/acme-1@other` the endpoint `other` (both seen on 16.28 and 22.10). Technologies differ in what they do with `@`,
//! so every reading counts.

/// Longest technology and resource that Asterisk keeps whole, in bytes.
const BYTES_MAX: usize = 79;

/// Where a Local channel goes that names no context.
const DEFAULT_CONTEXT: &[u8] = b"@default";

/// Whether `inside` holds for everything that the node may take the string for. False for what no reading is known of.
pub(crate) fn all_readings(dialled: &[u8], inside: impl Fn(&[u8]) -> bool) -> bool {
    let separator = dialled.iter().position(|&byte| matches!(byte, b'/' | b':'));
    let Some(slash) = separator.filter(|&at| dialled.get(at) == Some(&b'/')) else {
        // Of no technology: `Custom:desk`, `Queue:sales`, `park:701@parkedcalls`.
        return !dialled.is_empty() && inside(dialled);
    };
    let technology = dialled.get(..slash).unwrap_or_default();
    let rest = dialled.get(slash + 1..).unwrap_or_default();
    // What follows the second `/` are options of Local, an extension, an address: not who is dialled.
    let resource = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
    let device = dialled
        .get(..slash + 1 + resource.len())
        .unwrap_or_default();
    let is_plain = !technology.is_empty() && technology.iter().all(u8::is_ascii_alphanumeric);
    if !is_plain || device.len() > BYTES_MAX || !resource.iter().copied().all(is_resource_byte) {
        return false;
    }
    if technology.eq_ignore_ascii_case(b"Local") {
        // The context begins at the first `@`; a second one is in no context's name, but could be in a pattern's way.
        let parts = resource.split(|&byte| byte == b'@').count();
        return match parts {
            1 => inside(&[device, DEFAULT_CONTEXT].concat()),
            2 => inside(device),
            _ => false,
        };
    }
    let mut behind = resource;
    let mut readings = std::iter::from_fn(|| {
        let at = behind.iter().position(|&byte| byte == b'@')?;
        behind = behind.get(at + 1..)?;
        Some(behind)
    });
    inside(device) && readings.all(|host| inside(&[technology, b"/", host].concat()))
}

/// Bytes that no driver gives a meaning of their own. Quotes, backslashes and brackets can hide a `/`; `!`, `&` and `:`
/// separate.
fn is_resource_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+*#~=%@".contains(&byte) || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(dialled: &str) -> Option<Vec<String>> {
        let seen = std::cell::RefCell::new(Vec::new());
        let known = all_readings(dialled.as_bytes(), |reading| {
            let reading = String::from_utf8_lossy(reading).into_owned();
            seen.borrow_mut().push(reading);
            true
        });
        known.then(|| seen.into_inner())
    }

    #[test]
    fn what_is_dialled_is_not_what_is_written() {
        let rows: [(&str, &[&str]); 10] = [
            ("PJSIP/acme-100", &["PJSIP/acme-100"]),
            ("PJSIP/acme-100/sip:1@host", &["PJSIP/acme-100"]),
            ("PJSIP/555@trunk", &["PJSIP/555@trunk", "PJSIP/trunk"]),
            ("SIP/a@b@c", &["SIP/a@b@c", "SIP/b@c", "SIP/c"]),
            ("Local/100@in/n", &["Local/100@in"]),
            ("Local/100@evil/n@acme-in", &["Local/100@evil"]),
            ("local/100", &["local/100@default"]),
            ("DAHDI/g1/555", &["DAHDI/g1"]),
            ("Custom:desk", &["Custom:desk"]),
            ("Queue:q_pause_PJSIP/a@b/n", &["Queue:q_pause_PJSIP/a@b/n"]),
        ];
        for (dialled, expected) in rows {
            assert_eq!(readings(dialled).unwrap(), expected, "{dialled}");
        }
    }

    #[test]
    fn what_cannot_be_read_for_sure_is_nobodys() {
        let long = format!("Local/{}@acme-in", "1".repeat(66));
        let odd = [
            "",
            "/acme-1",
            "PJSIP/acme-1[/]@other",
            "PJSIP/\"other\"",
            "PJSIP/o\\ther",
            "SIP/other!x",
            "SIP/a:b@c",
            "Local/5@other@acme-in",
            "PJSIP/a&PJSIP/b",
            "PJ SIP/a",
            "PJSIP/a b",
            &long,
        ];
        for dialled in odd {
            assert_eq!(readings(dialled), None, "{dialled}");
        }
    }
}
