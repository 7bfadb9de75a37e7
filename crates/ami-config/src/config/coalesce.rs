//! `[coalesce]`: what clients ask alike is asked of a node once.

use std::time::Duration;

use ami_access::Glob;

/// How questions of several clients are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coalesce {
    /// Equal reads that wait for a node go up as one; `true` by default, for no client can tell.
    pub enabled: bool,
    /// How long the first of them waits for others; 0 to 1 s, 0 by default.
    pub window: Duration,
    /// Lines of the CLI that only read, for the action Command.
    pub commands: Vec<Glob>,
    /// Answers that are kept for sessions that read no events; none by default.
    pub cache: Vec<CacheRule>,
}

/// One entry of `cache`: an action, or lines of the CLI for Command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRule {
    /// The action, as the table of actions spells it; its answer is shared and has a regular form.
    pub action: &'static str,
    /// Of Command: lines that are among `commands`.
    pub command: Option<Glob>,
    /// How old an answer may be; 0 to 60 s. The shortest of several that fit counts.
    pub age: Duration,
}

impl Coalesce {
    /// Beyond this, waiting for others costs more than it saves.
    pub const WINDOW_MAX: Duration = Duration::from_secs(1);
    /// Beyond this, an answer is no poll's any more.
    pub const CACHE_AGE_MAX: Duration = Duration::from_mins(1);
    /// What panels poll; each of them only prints. `sip show peer NAME load` does not: it puts what a database has into memory.
    pub const COMMANDS_DEFAULT: [&'static str; 8] = [
        "core show *",
        "pjsip show *",
        "queue show*",
        "sip show channel*",
        "sip show peers*",
        "sip show registry",
        "sip show subscriptions",
        "sip show users*",
    ];
}

impl Default for Coalesce {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::ZERO,
            commands: Self::COMMANDS_DEFAULT
                .into_iter()
                .filter_map(Glob::new)
                .collect(),
            cache: Vec::new(),
        }
    }
}
