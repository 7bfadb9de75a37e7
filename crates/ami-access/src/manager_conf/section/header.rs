//! The header of a section: `[name](options)`.
//!
//! Owner: the section parser. Options are separated by commas and never trimmed; `(` counts only
//! directly behind `]`.

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

use super::Section;

/// A parsed header.
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) options: Vec<HeaderOption<'a>>,
    /// Something like `[name] (!)`, whose options do not count.
    pub(super) detached_options: bool,
}

/// One word of the options.
pub(super) enum HeaderOption<'a> {
    /// `!`: a template, never a section of its own.
    Template,
    /// `+` or `+filter`: what follows belongs to an earlier section of the same name.
    Append(Filter),
    /// Anything else: a copy of that section's or template's variables so far.
    Inherit(&'a str),
}

/// Why a header cannot be read.
#[derive(Debug, Error)]
pub(super) enum HeaderError {
    #[error("no closing `]`")]
    NoBracket,
    #[error("no closing `)`")]
    NoParenthesis,
    #[error("the filter behind `+` is no list of name=expression")]
    BadFilter,
}

impl<'a> Header<'a> {
    /// Parses what follows the opening bracket.
    pub(super) fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let (name, rest) = text.split_once(']').ok_or(HeaderError::NoBracket)?;
        let Some(options) = rest.strip_prefix('(') else {
            let detached_options = rest.trim_start().starts_with('(');
            return Ok(Self {
                name,
                options: Vec::new(),
                detached_options,
            });
        };
        let (options, _) = options.split_once(')').ok_or(HeaderError::NoParenthesis)?;
        let options = options
            .split(',')
            .map(HeaderOption::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name,
            options,
            detached_options: false,
        })
    }
}

impl<'a> HeaderOption<'a> {
    fn parse(word: &'a str) -> Result<Self, HeaderError> {
        if word == "!" {
            return Ok(Self::Template);
        }
        match word.strip_prefix('+') {
            Some(filter) => Filter::parse(filter).map(Self::Append),
            None => Ok(Self::Inherit(word)),
        }
    }
}

/// Chooses among sections of one name: `name=expression&...`, all of which must match.
pub(super) struct Filter {
    accepts_templates: bool,
    requires_template: bool,
    expressions: Vec<(String, Regex)>,
}

impl Filter {
    /// Any section or template.
    pub(super) fn any() -> Self {
        Self {
            accepts_templates: true,
            requires_template: false,
            expressions: Vec::new(),
        }
    }

    fn parse(text: &str) -> Result<Self, HeaderError> {
        let mut filter = Self {
            accepts_templates: false,
            ..Self::any()
        };
        if text.is_empty() {
            return Ok(filter);
        }
        for part in text.split('&') {
            let (name, value) = part.split_once('=').ok_or(HeaderError::BadFilter)?;
            let (name, value) = (super::trim(name), super::trim(value));
            if name != "TEMPLATES" {
                let expression = RegexBuilder::new(value).unicode(false).build();
                filter.expressions.push((
                    name.to_owned(),
                    expression.map_err(|_| HeaderError::BadFilter)?,
                ));
            } else if value.eq_ignore_ascii_case("include") {
                filter.accepts_templates = true;
            } else if value.eq_ignore_ascii_case("restrict") {
                (filter.accepts_templates, filter.requires_template) = (true, true);
            } else {
                return Err(HeaderError::BadFilter);
            }
        }
        Ok(filter)
    }

    pub(super) fn accepts(&self, section: &Section) -> bool {
        let template_fits = if section.is_template {
            self.accepts_templates
        } else {
            !self.requires_template
        };
        template_fits
            && self.expressions.iter().all(|(name, expression)| {
                section.variables.iter().any(|variable| {
                    variable.name == *name && expression.is_match(variable.value.as_bytes())
                })
            })
    }
}
