//! The rules of the configuration, as the router takes them.

use ami_config::{Config, Policy};
use ami_mux::{Choice, Directory, RouteRule, RuleTarget, Turns};

/// Every `[[route]]` with its nodes looked up. Nodes that are not in the directory are left out.
pub fn route_rules(config: &Config, directory: &Directory) -> Vec<RouteRule> {
    config
        .routes
        .iter()
        .map(|route| RouteRule {
            actions: route.actions.clone(),
            accounts: route.accounts.clone(),
            matches: route.matches.clone(),
            targets: targets(route, config, directory),
            choice: match &route.policy {
                Policy::All => Choice::All,
                Policy::Priority => Choice::Priority,
                Policy::Hash(header) => Choice::Hash(header.clone()),
                Policy::LeastCalls => Choice::LeastCalls(Turns::default()),
                Policy::Weighted => Choice::Weighted(Turns::default()),
            },
        })
        .collect()
}

fn targets(route: &ami_config::Route, config: &Config, directory: &Directory) -> Vec<RuleTarget> {
    let target = |name: &String| {
        let node = directory.find(name.as_bytes())?;
        let configured = config.nodes.iter().find(|node| node.name == *name)?;
        Some(RuleTarget {
            node,
            weight: configured.weight,
        })
    };
    route.to.iter().filter_map(target).collect()
}
