//! Lines of Asterisk's CLI, split as the CLI splits them.
//!
//! Owner: the check of Command and the list of commands of an account; both must see the words that the node will run.

/// The words of a CLI line: separated by blanks and tabs outside quotes; quotes are dropped; a
/// backslash takes the meaning of the next character away.
pub(crate) fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut in_quotes, mut escaped): (
        Vec<Vec<u8>>,
        Option<Vec<u8>>,
        bool,
        bool,
    ) = (Vec::new(), None, false, false);
    for &byte in line {
        match byte {
            b'"' if !escaped => {
                in_quotes = !in_quotes;
                word.get_or_insert_default();
            }
            b' ' | b'\t' if !in_quotes && !escaped => words.extend(word.take()),
            b'\\' if !escaped => {
                escaped = true;
                continue;
            }
            other => word.get_or_insert_default().push(other),
        }
        escaped = false;
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_tabs() {
        let split = |line: &str| {
            let words = words(line.as_bytes()).into_iter();
            words
                .map(|word| String::from_utf8(word).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(split("core  show\tchannels "), ["core", "show", "channels"]);
        assert_eq!(split("\"core show\" x"), ["core show", "x"]);
        assert_eq!(split("a\"b c\"d"), ["ab cd"]);
        assert_eq!(split("a\\ b \\\"c \\\\"), ["a b", "\"c", "\\"]);
        assert_eq!(split("\"\" x"), ["", "x"]);
        assert_eq!(split(" \t"), Vec::<String>::new());
    }
}
