//! Authorisation classes and sets of them, with Asterisk's bit numbers and labels.
//!
//! Two rules with two names: an event needs *all* of its classes ([`ClassSet::covers`]), an action *any* of its own
//! ([`ClassSet::intersects`]). Unlike Asterisk, class lists are read by exact tokens: a typo grants nothing.

use std::fmt;

/// One authorisation class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// General state of the system, and shutting it down.
    System,
    /// Channels and what happens on them.
    Call,
    /// Log messages.
    Log,
    /// Verbose messages.
    Verbose,
    /// Running CLI commands.
    Command,
    /// Queues and their agents.
    Agent,
    /// User events and sending them.
    User,
    /// Reading and writing configuration files.
    Config,
    /// DTMF events.
    Dtmf,
    /// Reports and quality information.
    Reporting,
    /// Call detail records.
    Cdr,
    /// Variables set and extensions run.
    Dialplan,
    /// Originating calls.
    Originate,
    /// Events meant for hooks inside Asterisk; it has no label, only `all` contains it.
    HookResponse,
    /// AGI commands.
    Agi,
    /// Call completion.
    Cc,
    /// Advice of charge.
    Aoc,
    /// Signals of the test framework.
    Test,
    /// Security events.
    Security,
    /// Messages outside calls.
    Message,
}

/// Labels in the order in which Asterisk renders them.
const LABELS: [(Class, &str); 19] = [
    (Class::System, "system"),
    (Class::Call, "call"),
    (Class::Log, "log"),
    (Class::Verbose, "verbose"),
    (Class::Command, "command"),
    (Class::Agent, "agent"),
    (Class::User, "user"),
    (Class::Config, "config"),
    (Class::Dtmf, "dtmf"),
    (Class::Reporting, "reporting"),
    (Class::Cdr, "cdr"),
    (Class::Dialplan, "dialplan"),
    (Class::Originate, "originate"),
    (Class::Agi, "agi"),
    (Class::Cc, "cc"),
    (Class::Aoc, "aoc"),
    (Class::Test, "test"),
    (Class::Security, "security"),
    (Class::Message, "message"),
];

impl Class {
    /// Asterisk's bit number of this class.
    pub const fn bit(self) -> u32 {
        match self {
            Self::System => 0,
            Self::Call => 1,
            Self::Log => 2,
            Self::Verbose => 3,
            Self::Command => 4,
            Self::Agent => 5,
            Self::User => 6,
            Self::Config => 7,
            Self::Dtmf => 8,
            Self::Reporting => 9,
            Self::Cdr => 10,
            Self::Dialplan => 11,
            Self::Originate => 12,
            Self::Agi => 13,
            Self::HookResponse => 14,
            Self::Cc => 15,
            Self::Aoc => 16,
            Self::Test => 17,
            Self::Security => 18,
            Self::Message => 30,
        }
    }

    /// The class of an exact, case-sensitive label.
    pub fn from_label(label: &str) -> Option<Self> {
        LABELS
            .iter()
            .find(|(_, own)| *own == label)
            .map(|(class, _)| *class)
    }

    /// The label as it stands in configuration files and `Privilege` headers; [`Class::HookResponse`] has none.
    pub fn label(self) -> Option<&'static str> {
        LABELS
            .iter()
            .find(|(class, _)| *class == self)
            .map(|(_, label)| *label)
    }
}

/// A set of classes, as Asterisk's 31 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ClassSet(u32);

impl ClassSet {
    /// No class.
    pub const NONE: Self = Self(0);
    /// Every class, named or not.
    pub const ALL: Self = Self(0x7fff_ffff);

    /// The set of one class.
    pub const fn of(class: Class) -> Self {
        Self(1 << class.bit())
    }

    /// A set from Asterisk's bits; the top bit, which is no class, is dropped.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Asterisk's bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no class is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the class is in the set.
    pub const fn contains(self, class: Class) -> bool {
        self.covers(Self::of(class))
    }

    /// The event rule: every class of `needed` is in this set.
    pub const fn covers(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// The action rule: the sets have a class in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Reads `read=`/`write=`: exact, case-sensitive labels between commas, blanks around them ignored.
    ///
    /// A token that is no label, or empty, grants nothing and is returned. Text of blanks alone is the empty set.
    pub fn parse(text: &str) -> (Self, Vec<UnknownClass>) {
        let mut set = Self::NONE;
        let mut unknown = Vec::new();
        if text.trim_ascii().is_empty() {
            return (set, unknown);
        }
        for token in text.split(',').map(str::trim_ascii) {
            match token {
                "all" => set = Self::ALL,
                "none" => {}
                _ => match Class::from_label(token) {
                    Some(class) => set = set.union(Self::of(class)),
                    None => unknown.push(UnknownClass(token.to_owned())),
                },
            }
        }
        (set, unknown)
    }

    /// Reads a list of classes that a client asks events of, with every quirk of Asterisk's `ast_instring`, which matter little here:
    /// what is asked for counts only within the account's read classes.
    ///
    /// Case and blanks count. A token before a comma stands for every label that begins with it, so an empty one for all of them; the
    /// last token must be a whole label.
    pub fn of_mask(list: &[u8]) -> Self {
        let mut set = Self::NONE;
        let mut rest = list;
        while let Some(comma) = memchr::memchr(b',', rest) {
            let (start, behind) = rest.split_at(comma);
            set = set.union(Self::where_label(|label| label.starts_with(start)));
            rest = behind.strip_prefix(b",").unwrap_or_default();
        }
        set.union(Self::where_label(|label| label == rest))
    }

    /// The classes whose label matches; all of them when `all` does.
    fn where_label(matches: impl Fn(&[u8]) -> bool) -> Self {
        if matches(b"all") {
            return Self::ALL;
        }
        let found = LABELS.iter().filter(|(_, label)| matches(label.as_bytes()));
        found.map(|(class, _)| *class).collect()
    }

    /// Reads the value of a `Privilege` header, such as `call,all`, whose trailing `all` is decoration.
    ///
    /// `all` alone is what Asterisk writes for [`Class::HookResponse`]. `None` for an unknown label or an empty
    /// value: such an event goes only to whoever reads everything.
    pub fn parse_privilege(value: &[u8]) -> Option<Self> {
        if value == b"<none>" {
            return Some(Self::NONE);
        }
        if value == b"all" {
            return Some(Self::of(Class::HookResponse));
        }
        let labels = value.strip_suffix(b",all").unwrap_or(value);
        labels
            .split(|byte| *byte == b',')
            .try_fold(Self::NONE, |set, label| {
                let class = Class::from_label(std::str::from_utf8(label).ok()?)?;
                Some(set.union(Self::of(class)))
            })
    }

    /// The labels as Asterisk writes them: in table order, then `all`; `<none>` for the empty set.
    pub fn render(self) -> String {
        if self.is_empty() {
            return "<none>".to_owned();
        }
        let mut text = String::new();
        for (_, label) in LABELS.iter().filter(|(class, _)| self.contains(*class)) {
            text.push_str(label);
            text.push(',');
        }
        text.push_str("all");
        text
    }
}

impl fmt::Debug for ClassSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassSet({})", self.render())
    }
}

impl From<Class> for ClassSet {
    fn from(class: Class) -> Self {
        Self::of(class)
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes
            .into_iter()
            .fold(Self::NONE, |set, class| set.union(Self::of(class)))
    }
}

/// A token of a class list that is no class; it grants nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownClass(String);

impl UnknownClass {
    /// The token without the blanks around it; empty for two commas in a row.
    pub fn token(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnknownClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("an empty class name grants nothing")
        } else {
            write!(f, "unknown class {:?} grants nothing", self.0)
        }
    }
}

#[cfg(test)]
mod tests;
