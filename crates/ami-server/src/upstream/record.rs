//! How bytes are cut for a node over TLS.
//!
//! Asterisk reads at most 1,024 bytes at a time, and then waits on its socket without asking the TLS library whether it holds more: what did
//! not fit stays unread until something new comes (seen on 16.28 and 22.10: of 60 actions in one record 22 are answered). So a
//! record never holds more than one such read, and ends with a whole line, so that the reader's buffer is empty when the next one comes.

use bytes::Bytes;
use smallvec::SmallVec;

/// Asterisk's input buffer.
const RECORD_BYTES_MAX: usize = 1024;

/// The plain text of the next record: whole lines from the front of `queue`.
pub(super) fn next_record<'a>(
    queue: impl Iterator<Item = &'a Bytes>,
) -> SmallVec<[u8; RECORD_BYTES_MAX]> {
    let mut record = SmallVec::new();
    for bytes in queue {
        let room = RECORD_BYTES_MAX - record.len();
        record.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if record.len() == RECORD_BYTES_MAX {
            break;
        }
    }
    // No line that goes up is longer than a record, so there is always an end of one.
    if let Some(end) = record.iter().rposition(|byte| *byte == b'\n') {
        record.truncate(end + 1);
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_whole_lines_and_nothing_is_lost_or_moved() {
        let message = format!("Action: Getvar\r\nVariable: {}\r\n\r\n", "x".repeat(300));
        let text = message.repeat(20);
        // Slices end anywhere, as those of rewritten messages do.
        let slices: Vec<Bytes> = text
            .as_bytes()
            .chunks(37)
            .map(Bytes::copy_from_slice)
            .collect();
        let (mut sent, mut left) = (Vec::new(), slices);
        while !left.is_empty() {
            let record = next_record(left.iter());
            assert!(record.len() <= RECORD_BYTES_MAX && record.ends_with(b"\n"));
            sent.extend_from_slice(&record);
            let rest: Vec<u8> = left.iter().flatten().copied().skip(record.len()).collect();
            left = rest.chunks(37).map(Bytes::copy_from_slice).collect();
        }
        assert_eq!(sent, text.as_bytes());
    }

    #[test]
    fn the_longest_line_fits() {
        let line = format!("{}\r\n", "x".repeat(1022));
        let record = next_record([Bytes::from(format!("{line}Action: Ping\r\n"))].iter());
        assert_eq!(record.as_slice(), line.as_bytes());
    }
}
