//! What a client's bytes mean to amiplex, read as plainly as can be: all at once, line by line, without a buffer.

use crate::asterisk::Message;

/// The messages that the bytes complete: lines cut at NUL, an empty one ending the message; a line over 1,022 bytes
/// is lost whole, and so is what comes behind the 128th.
pub(crate) fn meaning(bytes: &[u8]) -> Vec<Message> {
    let mut out = Vec::new();
    let mut message = Message::default();
    let mut count = 0;
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
        let line = &line[..line.len() - 1];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > 1022 {
            message.too_long = true;
            count += 1;
        } else {
            let line: Vec<u8> = line.iter().copied().take_while(|byte| *byte != 0).collect();
            if line.is_empty() {
                message.too_many = count > 128;
                out.push(std::mem::take(&mut message));
                count = 0;
                continue;
            }
            count += 1;
            if count <= 128 {
                message.lines.push(line);
            }
        }
    }
    out
}
