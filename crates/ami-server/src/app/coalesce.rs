//! `[coalesce]` as the machines of the nodes need it.

use ami_config::Config;
use ami_mux::{CacheRule, Coalesce};

/// So many answers that were kept fit into what may wait for one client: they come all at once, without a node's pauses.
const ANSWERS_THAT_WAIT: u64 = 16;

/// How questions of several clients are put together, and which answers are kept.
pub(super) fn coalesce(config: &Config) -> Coalesce {
    let rules = config.coalesce.cache.iter();
    let most = config.outbound.reply_bytes / ANSWERS_THAT_WAIT;
    let default = Coalesce::default();
    Coalesce {
        enabled: config.coalesce.enabled,
        window: config.coalesce.window,
        commands: config.coalesce.commands.clone().into(),
        cache: rules
            .map(|rule| CacheRule {
                action: rule.action.to_owned(),
                command: rule.command.clone(),
                age: rule.age,
            })
            .collect(),
        cache_answer_bytes: usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(default.cache_answer_bytes),
    }
}
