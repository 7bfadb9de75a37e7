//! Advanced filters: `eventfilter(criteria) = pattern`.
//!
//! Criteria are words such as `action(exclude)`, `name(Newchannel)`, `header(Channel)` and
//! `method(starts_with)`, separated by blanks, commas or closing parentheses; keywords are
//! case-sensitive and matched by their beginning, as Asterisk does.

use super::legacy::Expression;
use super::{Effect, FilterError, event_name, values};

/// How the pattern is compared.
enum Method {
    /// No pattern: the header must be there and not empty.
    None,
    Regex(Expression),
    Exact(Vec<u8>),
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    Contains(Vec<u8>),
}

impl Method {
    fn parse(word: &str, pattern: &str) -> Result<Self, FilterError> {
        let bytes = || pattern.as_bytes().to_vec();
        if pattern.is_empty() != (word == "none") {
            return Err(FilterError::Format);
        }
        match word {
            "none" => Ok(Self::None),
            "regex" => Expression::parse(pattern).map(Self::Regex),
            "exact" => Ok(Self::Exact(bytes())),
            "starts_with" => Ok(Self::StartsWith(bytes())),
            "ends_with" => Ok(Self::EndsWith(bytes())),
            "contains" => Ok(Self::Contains(bytes())),
            _ => Err(FilterError::Format),
        }
    }

    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::None => true,
            Self::Regex(expression) => expression.is_match(text),
            Self::Exact(pattern) => text == pattern,
            Self::StartsWith(pattern) => text.starts_with(pattern),
            Self::EndsWith(pattern) => text.ends_with(pattern),
            Self::Contains(pattern) => text.windows(pattern.len()).any(|window| window == pattern),
        }
    }
}

/// Tests of an event's name and of one header.
pub(super) struct AdvancedFilter {
    name: Option<Vec<u8>>,
    header: Option<String>,
    method: Method,
}

impl AdvancedFilter {
    /// The effect is given when the criteria name one.
    pub(super) fn parse(
        criteria: &str,
        pattern: &str,
    ) -> Result<(Option<Effect>, Self), FilterError> {
        if !criteria.ends_with(')') {
            return Err(FilterError::Format);
        }
        let (mut effect, mut name, mut header, mut method) = (None, None, None, "none");
        for word in criteria
            .split([' ', ',', ')'])
            .filter(|word| !word.is_empty())
        {
            let (keyword, argument) = word.split_once('(').ok_or(FilterError::Format)?;
            if argument.is_empty() {
                return Err(FilterError::Format);
            }
            if keyword.starts_with("action") {
                effect = Some(match argument {
                    "include" => Effect::Include,
                    "exclude" => Effect::Exclude,
                    _ => return Err(FilterError::Format),
                });
            } else if keyword.starts_with("name") {
                name = Some(argument.as_bytes().to_vec());
            } else if keyword.starts_with("header") {
                header = Some(argument.to_owned());
            } else if keyword.starts_with("method") {
                method = argument;
            } else {
                return Err(FilterError::Format);
            }
        }
        let method = Method::parse(method, pattern)?;
        if matches!(method, Method::None) && name.is_none() && header.is_none() {
            return Err(FilterError::Format);
        }
        Ok((
            effect,
            Self {
                name,
                header,
                method,
            },
        ))
    }

    pub(super) fn matches(&self, event: &[u8]) -> bool {
        if self
            .name
            .as_deref()
            .is_some_and(|name| event_name(event) != Some(name))
        {
            return false;
        }
        match &self.header {
            Some(header) => {
                values(event, header).any(|value| !value.is_empty() && self.method.matches(value))
            }
            None => self.method.matches(event),
        }
    }
}
