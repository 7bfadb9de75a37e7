//! Physical lines of a configuration file to the text that counts: comments, escapes, limits.
//!
//! Owner: the parser of sections. Follows Asterisk's reader byte for byte: `;` ends a line, `\;` is a
//! semicolon, `;--` (not `;---`) opens a block comment that `--;` closes, blocks nest, and the text
//! before and after a block on a line is kept and joined.

use std::ops::Range;

/// Longest line, its line feed included, that Asterisk reads (it skips longer ones).
pub(crate) const LINE_BYTES_MAX: usize = 8190;

/// Deepest nesting of block comments.
pub(crate) const BLOCK_DEPTH_MAX: u32 = 128;

/// The open block comments; it outlives a file when a glob includes several.
#[derive(Debug, Default)]
pub(crate) struct BlockComments {
    opened_at: Vec<u32>,
}

impl BlockComments {
    /// The line at which the innermost open block began.
    pub(crate) fn open_since(&self) -> Option<u32> {
        self.opened_at.last().copied()
    }
}

/// Why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LexError {
    /// Asterisk would skip the line, and with it perhaps a `deny`.
    TooLong,
    /// `--;` outside a block: Asterisk would ignore the rest of the file.
    UnopenedBlockEnd,
    /// More than [`BLOCK_DEPTH_MAX`] blocks.
    TooDeep,
    /// A NUL hides what follows it on the line.
    Nul,
    /// The text (not a comment) is no UTF-8.
    NotUtf8,
}

impl LexError {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::TooLong => "line longer than 8190 bytes: Asterisk would skip it",
            Self::UnopenedBlockEnd => {
                "`--;` closes no block comment: Asterisk would ignore the rest of the file (write `\\;`)"
            }
            Self::TooDeep => "block comments nested deeper than 128",
            Self::Nul => "NUL byte in the line",
            Self::NotUtf8 => "the text is not UTF-8",
        }
    }
}

/// The lines of a file with their numbers, a byte order mark dropped.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .zip(1u32..)
        .map(|(line, number)| (number, line))
}

/// The text of one line without comments, escapes resolved and both ends trimmed; empty when nothing counts.
pub(crate) fn text(
    line: &[u8],
    number: u32,
    blocks: &mut BlockComments,
) -> Result<String, LexError> {
    if line.len() > LINE_BYTES_MAX {
        let is_comment = trim(line).first() == Some(&b';');
        return if is_comment {
            Ok(String::new())
        } else {
            Err(LexError::TooLong)
        };
    }
    let mut kept = Vec::with_capacity(line.len());
    let result = strip_comments(line, number, blocks, &mut kept);
    let text = trim(&kept);
    result?;
    if text.contains(&0) {
        return Err(LexError::Nul);
    }
    String::from_utf8(text.to_vec()).map_err(|_| LexError::NotUtf8)
}

fn strip_comments(
    line: &[u8],
    number: u32,
    blocks: &mut BlockComments,
    kept: &mut Vec<u8>,
) -> Result<(), LexError> {
    // `from` is where Asterisk's scan last restarted: an escape or a block mark never reaches before it.
    let mut from = 0;
    while let Some(at) = semicolon(line, from) {
        let in_block = !blocks.opened_at.is_empty();
        if at > from && byte(line, at.wrapping_sub(1)) == Some(b'\\') {
            if !in_block {
                kept.extend_from_slice(slice(line, from..at - 1));
                kept.push(b';');
            }
            from = at + 1;
        } else if opens_block(line, at) {
            if blocks.opened_at.len() >= usize::try_from(BLOCK_DEPTH_MAX).unwrap_or(usize::MAX) {
                return Err(LexError::TooDeep);
            }
            if !in_block {
                kept.extend_from_slice(slice(line, from..at));
            }
            blocks.opened_at.push(number);
            from = at + 3;
        } else if at >= from + 2 && slice(line, at - 2..at) == b"--" {
            if blocks.opened_at.pop().is_none() {
                return Err(LexError::UnopenedBlockEnd);
            }
            from = at + 1;
        } else if in_block {
            from = at + 1;
        } else {
            kept.extend_from_slice(slice(line, from..at));
            return Ok(());
        }
    }
    if blocks.opened_at.is_empty() {
        kept.extend_from_slice(slice(line, from..line.len()));
    }
    Ok(())
}

fn opens_block(line: &[u8], at: usize) -> bool {
    byte(line, at + 1) == Some(b'-')
        && byte(line, at + 2) == Some(b'-')
        && byte(line, at + 3) != Some(b'-')
}

fn semicolon(line: &[u8], from: usize) -> Option<usize> {
    let rest = line.get(from..)?;
    rest.iter()
        .position(|&byte| byte == b';')
        .map(|at| from + at)
}

fn byte(line: &[u8], at: usize) -> Option<u8> {
    line.get(at).copied()
}

fn slice(line: &[u8], range: Range<usize>) -> &[u8] {
    line.get(range).unwrap_or_default()
}

/// Cuts bytes up to and including the blank at both ends, as Asterisk's strip does.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| *byte > b' ';
    let Some(start) = bytes.iter().position(is_text) else {
        return &[];
    };
    let end = bytes
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(file: &[u8]) -> Vec<String> {
        let mut blocks = BlockComments::default();
        lines(file)
            .map(|(number, line)| text(line, number, &mut blocks).unwrap())
            .collect()
    }

    #[test]
    fn comments_end_lines_and_escaped_semicolons_do_not() {
        assert_eq!(
            all(b"a=1 ; x\n;all\nb=\\;2 \\;3;4\r\n"),
            ["a=1", "", "b=;2 ;3"]
        );
    }

    #[test]
    fn blocks_nest_and_keep_the_text_around_them() {
        let file = b"a=1;-- one ;-- two --; still --;2\n;-- open\nhidden=1\n--;shown=1\n;--- a line\nb=1\n";
        assert_eq!(all(file), ["a=12", "", "", "shown=1", "", "b=1"]);
    }

    #[test]
    fn comment_behind_a_block_is_cut() {
        assert_eq!(all(b"a=;-- x --;1 ; y\n"), ["a=1"]);
    }

    #[test]
    fn a_block_end_without_a_block_is_refused() {
        let mut blocks = BlockComments::default();
        assert_eq!(
            text(b"secret = abc--;x", 1, &mut blocks),
            Err(LexError::UnopenedBlockEnd)
        );
    }

    #[test]
    fn byte_order_mark_is_dropped_on_the_first_line_only() {
        assert_eq!(all(b"\xEF\xBB\xBF[a]\nx=1"), ["[a]", "x=1"]);
    }

    #[test]
    fn comments_need_no_charset_but_text_does() {
        let mut blocks = BlockComments::default();
        assert_eq!(
            text(b"a=1 ; gr\xFC\xDF", 1, &mut blocks),
            Ok("a=1".to_owned())
        );
        assert_eq!(
            text(b"a=gr\xFC\xDF", 1, &mut blocks),
            Err(LexError::NotUtf8)
        );
        assert_eq!(text(b"a=1\0b", 1, &mut blocks), Err(LexError::Nul));
    }

    #[test]
    fn limits() {
        let mut blocks = BlockComments::default();
        let mut line = vec![b'a'; LINE_BYTES_MAX];
        assert!(text(&line, 1, &mut blocks).is_ok());
        line.push(b'\n');
        assert_eq!(text(&line, 1, &mut blocks), Err(LexError::TooLong));
        assert_eq!(text(&b"; ".repeat(5000), 1, &mut blocks), Ok(String::new()));
        assert_eq!(
            text(&b";-- ".repeat(129), 1, &mut blocks),
            Err(LexError::TooDeep)
        );
    }
}
