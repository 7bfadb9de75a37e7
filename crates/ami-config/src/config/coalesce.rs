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
}

impl Coalesce {
    /// Beyond this, waiting for others costs more than it saves.
    pub const WINDOW_MAX: Duration = Duration::from_secs(1);
    /// What panels poll; each of them only prints.
    pub const COMMANDS_DEFAULT: [&'static str; 4] =
        ["core show *", "pjsip show *", "queue show*", "sip show *"];
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
        }
    }
}
