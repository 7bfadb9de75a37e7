//! Which actions are the same question, so that one answer of the node serves all who ask it.
//!
//! Owner: the node's machine. Equal are the name and every header that goes up, in whatever order and case of their names, and
//! the channels whose items the clients may see. What differs from client to client is put in when the answer is given
//! out: its ActionID, its label, the form of a Command's output.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use ami_access::{ChannelScope, Glob};
use ami_proto::Action;
use ami_proto::limits::HEADERS_MAX;

use super::kept::ANSWER_BYTES_MAX;
use super::load::Load;
use super::rotation::Place;
use super::submission::Submission;
use super::writing::stripped;

/// How questions of several clients are put together. The default shares what the action table marks, and waits for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coalesce {
    /// Equal questions that wait for a lane go up as one.
    pub enabled: bool,
    /// How long the first of them waits for others.
    pub window: Duration,
    /// Lines of the CLI that change nothing, for the action Command.
    pub commands: Arc<[Glob]>,
    /// Whose answers are kept for sessions that read no events; none by default.
    pub cache: Arc<[CacheRule]>,
    /// Bytes of an answer that is kept, at most.
    pub cache_answer_bytes: usize,
}

/// Answers to which questions are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRule {
    /// The action, in whatever case.
    pub action: String,
    /// Of Command: which lines of the CLI.
    pub command: Option<Glob>,
    /// How old an answer may be; 0: it is not kept.
    pub age: Duration,
}

impl Default for Coalesce {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::ZERO,
            commands: Arc::from([]),
            cache: Arc::from([]),
            cache_answer_bytes: ANSWER_BYTES_MAX,
        }
    }
}

impl Coalesce {
    /// How old the answer to this action may be: what the strictest rule about it says.
    pub(super) fn kept_for(&self, action: &Action) -> Option<Duration> {
        let concerns = |rule: &&CacheRule| {
            let command = rule.command.as_ref();
            action.name().is_some_and(|name| name.is(&rule.action))
                && command
                    .is_none_or(|line| line.matches(action.header("Command").unwrap_or_default()))
        };
        let ages = self.cache.iter().filter(concerns).map(|rule| rule.age);
        ages.min().filter(|age| !age.is_zero())
    }

    /// The longest time that any answer is kept.
    pub(super) fn kept_longest(&self) -> Duration {
        let ages = self.cache.iter().map(|rule| rule.age);
        ages.max().unwrap_or_default()
    }
}

/// What equal questions have in common.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ShareKey(Arc<Question>);

#[derive(PartialEq, Eq)]
struct Question {
    /// The lines that go up, in one order, the names in lower case.
    text: Vec<u8>,
    place: Place,
    /// One list is filtered once, for all who get it.
    items_of: Option<Arc<ChannelScope>>,
}

impl Hash for ShareKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
    }
}

impl std::fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShareKey({} bytes)", self.0.text.len())
    }
}

impl ShareKey {
    /// Of a question that others may ask as well; `None` for anything else.
    pub(super) fn of<R>(submission: &Submission<R>, coalesce: &Coalesce) -> Option<Self> {
        let authorized = &submission.action;
        if !coalesce.enabled || !authorized.may_coalesce() {
            return None;
        }
        let action = authorized.action();
        if !authorized.is_shareable() && !is_listed_command(submission, coalesce) {
            return None;
        }
        // With a full message there may be no room for our id, and a stray CR is refused to its sender alone.
        let is_odd = action.lines().any(|line| line.raw.contains(&b'\r'));
        if action.line_count() >= HEADERS_MAX || is_odd {
            return None;
        }
        let strip = stripped(submission);
        let goes_up = |name: &str| {
            !["Action", "ActionID"]
                .iter()
                .chain(&strip)
                .any(|own| own.eq_ignore_ascii_case(name))
        };
        let mut lines: Vec<(Vec<u8>, &[u8])> = Vec::new();
        for line in action.lines() {
            match line.name {
                Some(name) if std::str::from_utf8(name).is_ok_and(|name| !goes_up(name)) => {}
                Some(name) => lines.push((name.to_ascii_lowercase(), line.value)),
                None => lines.push((Vec::new(), line.raw)),
            }
        }
        // Those of one name keep their order, which may mean something.
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut text = action.name()?.as_bytes().to_ascii_lowercase();
        for (name, value) in &lines {
            text.push(b'\n');
            text.extend_from_slice(name);
            text.push(b':');
            text.extend_from_slice(value);
        }
        Some(Self(Arc::new(Question {
            text,
            place: Place {
                cost: submission.cost,
                load: Load::of(authorized, submission.cost),
            },
            items_of: authorized.item_scope().cloned(),
        })))
    }

    /// Bytes that it holds.
    pub(super) fn len(&self) -> usize {
        self.0.text.len()
    }

    /// Where it waits.
    pub(super) fn place(&self) -> Place {
        self.0.place
    }
}

fn is_listed_command<R>(submission: &Submission<R>, coalesce: &Coalesce) -> bool {
    let authorized = &submission.action;
    let is_command = authorized.spec().is_some_and(|spec| spec.name == "Command");
    let line = authorized.action().header("Command").unwrap_or_default();
    is_command && coalesce.commands.iter().any(|listed| listed.matches(line))
}
