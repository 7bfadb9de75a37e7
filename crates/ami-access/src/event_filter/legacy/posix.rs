//! POSIX extended regular expressions, in the syntax of the `regex` crate.
//!
//! Invariant: the result matches what glibc's `regcomp(REG_EXTENDED)` would, or there is none.

use std::iter::Peekable;
use std::str::Chars;

/// The translated expression; `None` for what is malformed or cannot be translated.
pub(super) fn translate(pattern: &str) -> Option<String> {
    let mut translation = Translation {
        out: String::new(),
        groups: Vec::new(),
        atom: None,
    };
    let mut input = pattern.chars().peekable();
    while let Some(c) = input.next() {
        translation.construct(c, &mut input)?;
    }
    translation.groups.is_empty().then_some(translation.out)
}

struct Translation {
    out: String,
    /// Where the open groups begin in `out`.
    groups: Vec<usize>,
    /// Where the atom begins that a repetition would apply to, and whether it is repeated already.
    atom: Option<(usize, bool)>,
}

impl Translation {
    fn construct(&mut self, c: char, input: &mut Peekable<Chars<'_>>) -> Option<()> {
        match c {
            '(' => {
                self.groups.push(self.out.len());
                self.out.push_str("(?:");
                self.atom = None;
            }
            ')' => match self.groups.pop() {
                Some(start) => {
                    self.out.push(')');
                    self.atom = Some((start, false));
                }
                // An unmatched one is an ordinary character.
                None => self.literal(')'),
            },
            '|' | '^' | '$' => {
                self.out.push(c);
                self.atom = None;
            }
            '*' | '+' | '?' => self.repeat(&c.to_string())?,
            '{' => {
                let interval = interval(input)?;
                self.repeat(&interval)?;
            }
            '[' => {
                let class = bracket(input)?;
                self.atom = Some((self.out.len(), false));
                self.out.push_str(&class);
            }
            '.' => {
                self.atom = Some((self.out.len(), false));
                self.out.push('.');
            }
            '\\' => self.escape(input.next()?)?,
            other => self.literal(other),
        }
        Some(())
    }

    fn literal(&mut self, c: char) {
        self.atom = Some((self.out.len(), false));
        if c.len_utf8() > 1 {
            // A repetition applies to the whole character, not to its last byte.
            self.out.push_str("(?:");
            self.out.push(c);
            self.out.push(')');
        } else {
            self.out
                .push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        }
    }

    /// A repetition of a repetition is put into a group: `a+?` must not become a lazy `a+`.
    fn repeat(&mut self, operator: &str) -> Option<()> {
        let (start, is_repeated) = self.atom?;
        if is_repeated {
            self.out.insert_str(start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(operator);
        self.atom = Some((start, true));
        Some(())
    }

    fn escape(&mut self, c: char) -> Option<()> {
        let class = match c {
            'w' => "[_0-9A-Za-z]",
            'W' => "[^_0-9A-Za-z]",
            's' => "[ \\t\\n\\r\\x0B\\x0C]",
            'S' => "[^ \\t\\n\\r\\x0B\\x0C]",
            'b' | 'B' | '<' | '>' | '`' | '\'' => {
                self.atom = None;
                self.out.push_str(match c {
                    'b' => r"\b",
                    'B' => r"\B",
                    '<' => r"\b{start}",
                    '>' => r"\b{end}",
                    '`' => r"\A",
                    _ => r"\z",
                });
                return Some(());
            }
            '1'..='9' => return None,
            other => {
                self.literal(other);
                return Some(());
            }
        };
        self.atom = Some((self.out.len(), false));
        self.out.push_str(class);
        Some(())
    }
}

/// `{n}`, `{n,}`, `{,m}` or `{n,m}`, the brace read already.
fn interval(input: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match input.next()? {
            '}' => break,
            c if c.is_ascii_digit() || c == ',' => text.push(c),
            _ => return None,
        }
    }
    let (min, max) = text
        .split_once(',')
        .map_or((text.as_str(), None), |(min, max)| (min, Some(max)));
    if text.is_empty()
        || max.is_some_and(|max| max.contains(','))
        || (min.is_empty() && max == Some(""))
    {
        return None;
    }
    let min = if min.is_empty() { "0" } else { min };
    Some(match max {
        None => format!("{{{min}}}"),
        Some(max) => format!("{{{min},{max}}}"),
    })
}

/// A bracket expression, its `[` read already. Inside, a backslash is an ordinary character.
fn bracket(input: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut class = String::from("[");
    if input.next_if_eq(&'^').is_some() {
        class.push('^');
    }
    let mut is_first = true;
    loop {
        match input.next()? {
            ']' if !is_first => break,
            '[' if matches!(input.peek(), Some(':')) => class.push_str(&named_class(input)?),
            '[' if matches!(input.peek(), Some('.' | '=')) => return None,
            c => {
                push_escaped(&mut class, c)?;
                range_end(input, &mut class)?;
            }
        }
        is_first = false;
    }
    class.push(']');
    Some(class)
}

/// The rest of a range, when a `-` follows that does not end the expression.
fn range_end(input: &mut Peekable<Chars<'_>>, class: &mut String) -> Option<()> {
    let mut ahead = input.clone();
    if ahead.next() != Some('-') || matches!(ahead.peek(), Some(']') | None) {
        return Some(());
    }
    input.next();
    let end = input.next()?;
    if end == '[' && matches!(input.peek(), Some(':' | '.' | '=')) {
        return None;
    }
    class.push('-');
    push_escaped(class, end)
}

fn push_escaped(class: &mut String, c: char) -> Option<()> {
    if !c.is_ascii() {
        return None;
    }
    if matches!(c, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        class.push('\\');
    }
    class.push(c);
    Some(())
}

/// `[:name:]`, its `[` read already.
fn named_class(input: &mut Peekable<Chars<'_>>) -> Option<String> {
    input.next();
    let mut name = String::new();
    loop {
        match input.next()? {
            ':' if input.next_if_eq(&']').is_some() => break,
            c => name.push(c),
        }
    }
    let known = [
        "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
        "upper", "xdigit",
    ];
    known
        .contains(&name.as_str())
        .then(|| format!("[:{name}:]"))
}
