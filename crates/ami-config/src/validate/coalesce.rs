//! `[coalesce]`: the window, which commands only read, and which answers are kept.

use std::time::Duration;

use ami_access::{Glob, ListForm, builtin};
use ami_proto::ActionName;

use crate::check::Check;
use crate::config::{CacheRule, Coalesce};
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
    let enabled = raw
        .enabled
        .map_or(default.enabled, |raw::Flag(enabled)| enabled);
    let at = at.key("cache");
    if !enabled && !raw.cache.is_empty() {
        check.problem(&at, "has no effect without coalesce.enabled");
    }
    let mut cache = Vec::new();
    for (name, raw::Age(age)) in raw.cache {
        match rule(&name, age, &commands) {
            Ok(rule) => cache.push(rule),
            Err(problem) => check.problem(&at.key(&name), problem),
        }
    }
    Coalesce {
        enabled,
        window,
        commands,
        cache,
    }
}

/// One entry of `cache`: `NAME`, or `Command: LINES`.
fn rule(key: &str, age: Duration, commands: &[Glob]) -> Result<CacheRule, &'static str> {
    if age > Coalesce::CACHE_AGE_MAX {
        return Err("must be at most 1min");
    }
    let (name, line) = match key.split_once(':') {
        Some((name, line)) => (name.trim_end(), Some(line.trim_ascii())),
        None => (key, None),
    };
    let spec = builtin(&ActionName::new(name.to_owned()));
    let Some(spec) = spec else {
        return Err("is not an action that amiplex knows");
    };
    let command = if spec.name == "Command" {
        let line = line.unwrap_or_default();
        let Some(command) = Glob::new(line) else {
            return Err("must say which lines, as in \"Command: core show channels\"");
        };
        // A star in the line can only be meant by a star there, so this is true of all that the line stands for.
        if !commands
            .iter()
            .any(|listed| listed.matches(line.as_bytes()))
        {
            return Err("is not among coalesce.commands");
        }
        Some(command)
    } else if line.is_some() {
        return Err("must be the name of an action alone; only Command has lines");
    } else if !spec.shareable {
        return Err("may change something, or answers each client differently: it cannot be kept");
    } else if !matches!(spec.list, ListForm::No | ListForm::List { .. }) {
        return Err("has no regular answer that could tell its age: it cannot be kept");
    } else {
        None
    };
    Ok(CacheRule {
        action: spec.name,
        command,
        age,
    })
}
