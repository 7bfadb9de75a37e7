//! Sections of a configuration file: templates, additions, inheritance, includes.
//!
//! Owner: the loaders of manager.conf and acl.conf, which read the finished [`Document`]. The
//! grammar is Asterisk's; where Asterisk gives a file up at the first error, reading goes on here, so
//! that one report holds them all.

mod header;

use std::io;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::lexer::{self, BlockComments};
use super::report::{Place, Report};
use header::{Filter, Header, HeaderOption};

/// Files inside files, the first one counted, as Asterisk allows.
pub(crate) const INCLUDE_DEPTH_MAX: u32 = 10;

/// Files read, each as often as it is included.
const FILES_MAX: usize = 10_000;

/// Bytes of those files.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Variables that one section inherits: one that inherits from itself doubles.
const INHERITED_MAX: usize = 10_000;

/// Variables that all sections inherit together.
const ALL_INHERITED_MAX: usize = 250_000;

/// One `name = value` line. No `Debug`: a value may be a secret.
#[derive(Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) at: Place,
}

/// A section with its variables in order, inherited ones included.
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) at: Place,
    pub(crate) is_template: bool,
    pub(crate) variables: Vec<Variable>,
}

/// All sections of a file and of what it includes, in order.
pub(crate) struct Document {
    sections: Vec<Section>,
}

impl Document {
    /// Reads `path` and its includes, which are relative to the directory of `path`.
    pub(crate) fn read(files: &dyn Files, path: &Path, report: &mut Report) -> Self {
        let config_dir = path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        let mut parser = Parser {
            files,
            config_dir,
            report,
            sections: Vec::new(),
            current: None,
            depth: 0,
            files_read: 0,
            bytes_read: 0,
            gave_up: false,
            inherited: 0,
        };
        let at = Place::new(path, 0);
        if let Err(error) = parser.file(path, &mut None, &mut BlockComments::default()) {
            parser.report.error(&at, format!("cannot be read: {error}"));
        }
        Self {
            sections: parser.sections,
        }
    }

    /// The sections that are no templates.
    pub(crate) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| !section.is_template)
    }
}

/// Index of a section in the document under construction.
type SectionIndex = usize;

struct Parser<'a> {
    files: &'a dyn Files,
    config_dir: PathBuf,
    report: &'a mut Report,
    sections: Vec<Section>,
    /// The section that an included file begins in. It is not always the one that the including file
    /// is in: after an include, that file goes on where it was.
    current: Option<SectionIndex>,
    depth: u32,
    files_read: usize,
    bytes_read: usize,
    /// Includes went too far: the rest of them is passed over, since files that include each other multiply.
    gave_up: bool,
    /// Variables that sections got from others.
    inherited: usize,
}

impl Parser<'_> {
    fn file(
        &mut self,
        path: &Path,
        section: &mut Option<SectionIndex>,
        blocks: &mut BlockComments,
    ) -> io::Result<()> {
        self.files_read += 1;
        let content = self.files.read(path)?;
        self.bytes_read += content.len();
        for (number, line) in lexer::lines(&content) {
            let at = Place::new(path, number);
            match lexer::text(line, number, blocks) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => self.line(&text, &at, section),
                Err(error) => self.report.error(&at, error.text()),
            }
        }
        if let Some(line) = blocks.open_since() {
            self.report
                .notice(&Place::new(path, line), "block comment is not closed");
        }
        Ok(())
    }

    fn line(&mut self, text: &str, at: &Place, section: &mut Option<SectionIndex>) {
        if let Some(header) = text.strip_prefix('[') {
            match Header::parse(header) {
                Ok(header) => self.section(&header, at, section),
                Err(error) => self.report.error(at, error.to_string()),
            }
        } else if let Some(directive) = text.strip_prefix('#') {
            self.directive(directive, at);
        } else {
            self.variable(text, at, *section);
        }
    }

    fn section(&mut self, header: &Header<'_>, at: &Place, section: &mut Option<SectionIndex>) {
        if header.detached_options {
            self.report.notice(
                at,
                "`(` does not follow `]` directly: what is behind `]` is ignored, as in Asterisk",
            );
        }
        let mut fresh = Some(Section {
            name: header.name.to_owned(),
            at: at.clone(),
            is_template: false,
            variables: Vec::new(),
        });
        for option in &header.options {
            match option {
                HeaderOption::Template => {
                    if let Some(target) = target(&mut fresh, &mut self.sections, *section) {
                        target.is_template = true;
                    }
                }
                HeaderOption::Append(filter) => {
                    let Some(index) = self.position(header.name, filter) else {
                        let text =
                            format!("no section [{}] to append to", header.name.escape_debug());
                        self.report.error(at, text);
                        continue;
                    };
                    *section = Some(index);
                    if let (Some(new), Some(old)) = (fresh.take(), self.sections.get_mut(index)) {
                        old.is_template |= new.is_template;
                        old.variables.extend(new.variables);
                        self.current = Some(index);
                    }
                }
                HeaderOption::Inherit(base) => {
                    let Some(index) = self.position(base, &Filter::any()) else {
                        let text = format!(
                            "no section or template [{}] to inherit from",
                            base.escape_debug()
                        );
                        self.report.error(at, text);
                        continue;
                    };
                    let Some(inherited) = self.inherited_from(index, at) else {
                        continue;
                    };
                    if let Some(target) = target(&mut fresh, &mut self.sections, *section) {
                        target.variables.extend(inherited);
                    }
                }
            }
        }
        if let Some(new) = fresh {
            self.sections.push(new);
            self.current = self.sections.len().checked_sub(1);
            *section = self.current;
        }
    }

    /// The variables of a section, unless there are too many by now.
    fn inherited_from(&mut self, index: SectionIndex, at: &Place) -> Option<Vec<Variable>> {
        let base = self.sections.get(index)?;
        let all = self.inherited + base.variables.len();
        let exceeded = if base.variables.len() > INHERITED_MAX {
            Some(format!(
                "a section inherits more than {INHERITED_MAX} lines"
            ))
        } else if all > ALL_INHERITED_MAX {
            Some(format!(
                "sections inherit more than {ALL_INHERITED_MAX} lines"
            ))
        } else {
            None
        };
        if let Some(text) = exceeded {
            self.report.error(at, text);
            return None;
        }
        self.inherited = all;
        Some(base.variables.clone())
    }

    /// The first section of that name that the filter accepts.
    fn position(&self, name: &str, filter: &Filter) -> Option<SectionIndex> {
        self.sections
            .iter()
            .position(|section| section.name.eq_ignore_ascii_case(name) && filter.accepts(section))
    }

    fn variable(&mut self, text: &str, at: &Place, section: Option<SectionIndex>) {
        let Some(section) = section.and_then(|index| self.sections.get_mut(index)) else {
            self.report.error(at, "a variable before any section");
            return;
        };
        // A backslash takes the special meaning from the first character, even from a `=`.
        let (key_start, text) = match text.strip_prefix('\\') {
            Some(rest) if rest.chars().next().is_none_or(|first| first <= ' ') => {
                self.report.error(
                    at,
                    "a backslash at the start of a line must be followed by a character",
                );
                return;
            }
            Some(rest) => (rest.chars().next().map_or(0, char::len_utf8), rest),
            None => (0, text),
        };
        let (head, tail) = text.split_at(key_start);
        let Some((key_tail, value)) = tail.split_once('=') else {
            self.report.notice(at, "no `=` in the line: ignored");
            return;
        };
        let appended = key_tail.strip_suffix('+');
        let name = format!("{head}{}", appended.unwrap_or(key_tail));
        let name = trim(&name);
        if name.is_empty() {
            self.report.notice(at, "no name before `=`: ignored");
            return;
        }
        if appended.is_some() && append(section, name, value) {
            return;
        }
        let value = if appended.is_some() {
            value
        } else {
            value.strip_prefix('>').unwrap_or(value)
        };
        section.variables.push(Variable {
            name: name.to_owned(),
            value: trim(value).to_owned(),
            at: at.clone(),
        });
    }

    fn directive(&mut self, text: &str, at: &Place) {
        let end = text.find(|c: char| c <= ' ').unwrap_or(text.len());
        let (name, argument) = text.split_at(end);
        let argument = trim(argument);
        let is_try = name.eq_ignore_ascii_case("tryinclude");
        if name.eq_ignore_ascii_case("exec") {
            self.report.error(at, "#exec is refused: amiplex runs no programs for its configuration; write the output to a file and #include it");
        } else if !is_try && !name.eq_ignore_ascii_case("include") {
            self.report.notice(
                at,
                format!("unknown directive #{}: ignored", name.escape_debug()),
            );
        } else if argument.is_empty() {
            self.report.notice(
                at,
                format!(
                    "#{} without a file name: ignored",
                    name.to_ascii_lowercase()
                ),
            );
        } else {
            self.include(unquote(argument), is_try, at);
        }
    }

    fn include(&mut self, name: &str, is_try: bool, at: &Place) {
        if self.gave_up {
            return;
        }
        let too_much = if self.depth + 1 >= INCLUDE_DEPTH_MAX {
            Some(format!("includes nested deeper than {INCLUDE_DEPTH_MAX}"))
        } else if self.files_read >= FILES_MAX || self.bytes_read >= FILE_BYTES_MAX {
            Some(format!(
                "more than {FILES_MAX} files or 64 MiB are included"
            ))
        } else {
            None
        };
        if let Some(what) = too_much {
            self.gave_up = true;
            let text = format!("{what}: no further file is read");
            self.report.error(at, text);
            return;
        }
        let path = self.config_dir.join(name);
        let has_pattern = name.contains(['*', '?', '[']);
        let found = match path.to_str() {
            Some(pattern) if has_pattern => self.files.glob(pattern),
            Some(_) | None => Ok(vec![path.clone()]),
        };
        let (mut read, mut failure) = (0u32, None);
        // Files of one pattern share the section and an open block comment, as if they were one file.
        let mut section = self.current;
        let mut blocks = BlockComments::default();
        self.depth += 1;
        match found {
            Ok(paths) => {
                for path in paths {
                    match self.file(&path, &mut section, &mut blocks) {
                        Ok(()) => read += 1,
                        Err(error) => failure = Some((path, error)),
                    }
                }
            }
            Err(error) => failure = Some((path.clone(), error)),
        }
        self.depth -= 1;
        match failure {
            Some((_, error)) if is_try && error.kind() == io::ErrorKind::NotFound => {}
            // A file that is there and cannot be read may hold a `deny`: never passed over.
            Some((path, error)) => {
                self.report.error(
                    at,
                    format!("included file {} cannot be read: {error}", path.display()),
                );
            }
            None if read == 0 && !is_try => {
                self.report.error(
                    at,
                    format!("no file matches the included {}", path.display()),
                );
            }
            None => {}
        }
    }
}

/// The section that header options apply to: the new one, or after `+` the one appended to.
fn target<'s>(
    fresh: &'s mut Option<Section>,
    sections: &'s mut [Section],
    appended: Option<SectionIndex>,
) -> Option<&'s mut Section> {
    match fresh {
        Some(new) => Some(new),
        None => sections.get_mut(appended?),
    }
}

/// `+=`: appends to the last variable of that name, and through Asterisk's update to the first that has
/// the same name and value. False when there is none.
fn append(section: &mut Section, name: &str, tail: &str) -> bool {
    let Some(last) = section
        .variables
        .iter()
        .rposition(|variable| variable.name == name)
    else {
        return false;
    };
    let old = section
        .variables
        .get(last)
        .map(|variable| variable.value.clone())
        .unwrap_or_default();
    let updated = section.variables.iter_mut().find(|variable| {
        variable.name.eq_ignore_ascii_case(name)
            && (old.is_empty() || variable.value.eq_ignore_ascii_case(&old))
    });
    if let Some(variable) = updated {
        trim(&format!("{old}{tail}")).clone_into(&mut variable.value);
    }
    true
}

fn unquote(argument: &str) -> &str {
    let close = match argument.chars().next() {
        Some('"') => '"',
        Some('<') => '>',
        Some(_) | None => return argument,
    };
    let inner = argument.get(1..).and_then(|rest| rest.strip_suffix(close));
    inner.unwrap_or(argument)
}

/// Trims control characters and blanks, as Asterisk does.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

#[cfg(test)]
mod tests;
