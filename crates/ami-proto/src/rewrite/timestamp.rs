//! The `Timestamp` of `timestampevents`, for events whose node does not write one.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::encode::put_header;
use crate::line::{header_value, without_cr};

/// The value of a `Timestamp`: seconds since 1970 and microseconds, as in Asterisk's events and the answer of Ping.
pub fn timestamp_text(since_1970: Duration) -> String {
    let (seconds, micros) = (since_1970.as_secs(), since_1970.subsec_micros());
    format!("{seconds}.{micros:06}")
}

/// Adds `Timestamp` behind `Privilege`, its place in Asterisk; `None` when the node wrote one there.
///
/// `Privilege` is the second line of every broadcast event. A `Timestamp` further down is part of what the event tells, so that
/// the author of a UserEvent cannot take the place of the time. What has another second line is no broadcast event and
/// gets none. The result is a copy of exactly its own size.
pub fn timestamp(event: &Bytes, since_1970: Duration) -> Option<Bytes> {
    let (first, _) = line_at(event, 0)?;
    let (second, privilege) = line_at(event, first)?;
    header_value(privilege, "Privilege")?;
    let (_, third) = line_at(event, second)?;
    if header_value(third, "Timestamp").is_some() {
        return None;
    }
    let value = timestamp_text(since_1970);
    let mut out = BytesMut::with_capacity(event.len() + "Timestamp: \r\n".len() + value.len());
    out.extend_from_slice(event.get(..second)?);
    put_header(&mut out, "Timestamp", value.as_bytes());
    out.extend_from_slice(event.get(second..)?);
    Some(out.freeze())
}

/// Where the line that begins at `start` ends, its line end included, and its content.
fn line_at(event: &[u8], start: usize) -> Option<(usize, &[u8])> {
    let rest = event.get(start..)?;
    let end = memchr(b'\n', rest)?;
    Some((start + end + 1, without_cr(rest.get(..end)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(event: &'static str) -> Option<String> {
        let at = Duration::new(1_795_240_608, 14_009_999);
        let bytes = timestamp(&Bytes::from_static(event.as_bytes()), at)?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// As Asterisk 22.10 wrote it with `timestampevents = yes`.
    #[test]
    fn it_stands_behind_privilege() {
        assert_eq!(
            stamped("Event: UserEvent\r\nPrivilege: user,all\r\nSystemName: pbx3\r\nUserEvent: X\r\n\r\n").unwrap(),
            "Event: UserEvent\r\nPrivilege: user,all\r\nTimestamp: 1795240608.014009\r\nSystemName: pbx3\r\nUserEvent: X\r\n\r\n"
        );
        assert_eq!(
            stamped("Event: A\nPrivilege: call,all\n\n").unwrap(),
            "Event: A\nPrivilege: call,all\nTimestamp: 1795240608.014009\r\n\n"
        );
    }

    #[test]
    fn the_nodes_own_is_left_and_a_forged_one_does_not_count() {
        assert_eq!(
            stamped("Event: A\r\nPrivilege: call,all\r\nTimestamp: 1.000001\r\nX: 1\r\n\r\n"),
            None
        );
        let forged = stamped(
            "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: X\r\nTimestamp: 1.000001\r\n\r\n",
        );
        assert!(
            forged
                .unwrap()
                .contains("all\r\nTimestamp: 1795240608.014009\r\nUserEvent")
        );
    }

    #[test]
    fn what_is_no_broadcast_event_gets_none() {
        for other in [
            "Event: A\r\nX: 1\r\nPrivilege: call,all\r\n\r\n",
            "Event: A\r\n\r\n",
            "Event: A\r\n",
            "Event",
            "",
        ] {
            assert_eq!(stamped(other), None, "{other:?}");
        }
    }
}
