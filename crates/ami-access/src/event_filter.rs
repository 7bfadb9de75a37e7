//! Event filters: which broadcast events a session gets, beside its classes.
//!
//! Owner: the account (from `eventfilter` lines) and the session (from the action Filter). Without
//! filters every event passes; with includes one of them must match; no exclude may match. The order
//! within a set has no meaning. Filters never touch what answers an action.

mod advanced;
mod legacy;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use advanced::AdvancedFilter;
use legacy::LegacyFilter;

/// Why a filter cannot be used. `Display` is what Asterisk answers to the action Filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FilterError {
    /// The expression is no POSIX extended regular expression, or one that amiplex does not know.
    #[error("Filter did not compile.  Check the syntax of the filter given.")]
    Compile,
    /// The pattern is empty or the criteria are not well formed.
    #[error("Filter was formatted incorrectly.  Check the syntax of the filter given.")]
    Format,
}

/// What a matching filter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Include,
    Exclude,
}

enum Matcher {
    Legacy(LegacyFilter),
    Advanced(AdvancedFilter),
}

/// One filter with its text.
pub struct EventFilter {
    effect: Effect,
    matcher: Matcher,
    criteria: Option<String>,
    pattern: String,
}

impl EventFilter {
    /// Without criteria `[!]regex` over the whole event; with criteria, such as
    /// `action(exclude),name(VarSet)`, a test of the event's name and headers.
    pub fn parse(criteria: Option<&str>, pattern: &str) -> Result<Self, FilterError> {
        let (negated, bare) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        let marked = if negated {
            Effect::Exclude
        } else {
            Effect::Include
        };
        let (effect, matcher) = match criteria {
            None => (marked, Matcher::Legacy(LegacyFilter::parse(bare)?)),
            Some(criteria) => {
                let (effect, filter) = AdvancedFilter::parse(criteria, bare)?;
                (effect.unwrap_or(marked), Matcher::Advanced(filter))
            }
        };
        Ok(Self {
            effect,
            matcher,
            criteria: criteria.map(str::to_owned),
            pattern: pattern.to_owned(),
        })
    }

    /// Whether it matches the event, given as it goes over the wire.
    fn matches(&self, event: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Legacy(filter) => filter.matches(event),
            Matcher::Advanced(filter) => filter.matches(event),
        }
    }
}

impl PartialEq for EventFilter {
    fn eq(&self, other: &Self) -> bool {
        self.criteria == other.criteria && self.pattern == other.pattern
    }
}

impl Eq for EventFilter {}

impl fmt::Debug for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let criteria = self.criteria.as_deref().unwrap_or_default();
        write!(f, "{:?} ({criteria}) {:?}", self.effect, self.pattern)
    }
}

/// The filters of an account or session. Clones share the filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilters {
    includes: Vec<Arc<EventFilter>>,
    excludes: Vec<Arc<EventFilter>>,
    disabled: Arc<HashSet<String>>,
}

impl EventFilters {
    /// No filter but these event names, which never pass (`disabledevents` of the general section).
    pub(crate) fn with_disabled(disabled: Arc<HashSet<String>>) -> Self {
        Self {
            disabled,
            ..Self::default()
        }
    }

    /// Adds a filter.
    pub fn push(&mut self, filter: EventFilter) {
        let set = match filter.effect {
            Effect::Include => &mut self.includes,
            Effect::Exclude => &mut self.excludes,
        };
        set.push(Arc::new(filter));
    }

    /// Drops the filters; disabled events stay disabled.
    pub(crate) fn clear(&mut self) {
        self.includes.clear();
        self.excludes.clear();
    }

    /// How many filters there are; whoever lets clients add some bounds it.
    pub fn len(&self) -> usize {
        self.includes.len() + self.excludes.len()
    }

    /// Whether every event passes.
    pub fn is_empty(&self) -> bool {
        self.includes.is_empty() && self.excludes.is_empty() && self.disabled.is_empty()
    }

    /// Whether the event passes. `event` is the whole message as it goes over the wire, its blank line
    /// included.
    pub fn admit(&self, event: &[u8]) -> bool {
        let is_disabled = || {
            event_name(event)
                .and_then(|name| std::str::from_utf8(name).ok())
                .is_some_and(|name| self.disabled.contains(name))
        };
        if !self.disabled.is_empty() && is_disabled() {
            return false;
        }
        let included =
            self.includes.is_empty() || self.includes.iter().any(|filter| filter.matches(event));
        included && !self.excludes.iter().any(|filter| filter.matches(event))
    }
}

/// The lines of a message without their ends.
fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    event
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The value of the first header of exactly that name, blanks skipped on its left.
fn values<'e>(event: &'e [u8], name: &str) -> impl Iterator<Item = &'e [u8]> {
    lines(event).filter_map(move |line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
        let start = value
            .iter()
            .position(|&byte| byte > b' ')
            .unwrap_or(value.len());
        value.get(start..)
    })
}

fn event_name(event: &[u8]) -> Option<&[u8]> {
    values(event, "Event").next()
}

#[cfg(test)]
mod tests;
