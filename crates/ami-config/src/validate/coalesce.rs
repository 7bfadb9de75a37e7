//! `[coalesce]`: the window, and which commands only read.

use ami_access::Glob;

use crate::check::Check;
use crate::config::Coalesce;
use crate::key::KeyPath;
use crate::raw;

/// Checks the section.
pub(super) fn coalesce(raw: raw::Coalesce, check: &mut Check<'_>) -> Coalesce {
    let at = KeyPath::of("coalesce");
    let default = Coalesce::default();
    let mut window = raw.window.unwrap_or(default.window);
    if window > Coalesce::WINDOW_MAX {
        check.problem(&at.key("window"), "must be at most 1s");
        window = default.window;
    }
    let commands = raw.commands.map_or(default.commands, |raw::Words(words)| {
        let mut commands = Vec::new();
        for (index, word) in words.iter().enumerate() {
            match Glob::new(word) {
                Some(command) => commands.push(command),
                None => check.problem(&at.key("commands").index(index), "must not be empty"),
            }
        }
        commands
    });
    Coalesce {
        enabled: raw
            .enabled
            .map_or(default.enabled, |raw::Flag(enabled)| enabled),
        window,
        commands,
    }
}
