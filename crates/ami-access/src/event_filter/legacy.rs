//! Legacy filters: a POSIX extended regular expression over the whole serialised event.
//!
//! The expression is translated, construct by construct, for an engine that runs in linear time, so
//! that no filter of a client can stall a session. What POSIX and glibc do not share with that
//! engine is translated (brackets, `\<`, stacked repetitions) or refused (back-references); it never
//! silently means something else.

mod posix;

use regex::bytes::{Regex, RegexBuilder};

use super::FilterError;

/// Most memory that one expression may take, in bytes: a client's `(a{1000}){1000}` must not take more.
const EXPRESSION_BYTES_MAX: usize = 1 << 20;

/// A compiled POSIX extended expression: case-sensitive, unanchored, `.` matches line ends too, `^` and `$` match
/// only at the very ends.
pub(super) struct Expression(Regex);

impl Expression {
    pub(super) fn parse(pattern: &str) -> Result<Self, FilterError> {
        let translated = posix::translate(pattern).ok_or(FilterError::Compile)?;
        let regex = RegexBuilder::new(&translated)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(EXPRESSION_BYTES_MAX)
            .dfa_size_limit(EXPRESSION_BYTES_MAX)
            .build();
        regex.map(Self).map_err(|_| FilterError::Compile)
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

/// The expression of an `eventfilter = [!]regex` line, without its `!`.
pub(super) struct LegacyFilter(Expression);

impl LegacyFilter {
    pub(super) fn parse(pattern: &str) -> Result<Self, FilterError> {
        if pattern.is_empty() {
            return Err(FilterError::Format);
        }
        Expression::parse(pattern).map(Self)
    }

    pub(super) fn matches(&self, event: &[u8]) -> bool {
        self.0.is_match(event)
    }
}
