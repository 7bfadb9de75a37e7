//! Loading what every verb needs: configuration, accounts, runtime.

use std::fmt;
use std::path::Path;

use ami_access::{Accounts, Loaded, NodeScope, NodeSelector};
use ami_config::Config;
use tokio::runtime::Runtime;

use crate::route::never_matching;

/// Why the program ends.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Usage or configuration.
    Configuration(String),
    /// Anything else.
    Runtime(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 2,
            Self::Runtime(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(text) | Self::Runtime(text) => f.write_str(text),
        }
    }
}

/// Both configurations, each valid and fitting the other.
pub(crate) struct Loads {
    pub(crate) config: Config,
    pub(crate) accounts: Accounts,
    /// What is worth saying, one line each.
    pub(crate) notices: Vec<String>,
}

/// Loads everything; all errors of both files come in one report.
pub(crate) fn load(path: &Path) -> Result<Loads, Failure> {
    let config =
        ami_config::load(path).map_err(|errors| Failure::Configuration(errors.to_string()))?;
    let server = &config.server;
    let Loaded { accounts, notices } =
        ami_access::load(&server.manager_conf, server.acl_conf.as_deref())
            .map_err(|errors| Failure::Configuration(errors.to_string()))?;
    let unfit = unknown_nodes(&config, &accounts);
    if !unfit.is_empty() {
        return Err(Failure::Configuration(unfit.join("\n")));
    }
    let mut notices: Vec<String> = notices.iter().map(ToString::to_string).collect();
    notices.extend(without_effect(&config, &accounts));
    notices.extend(never_matching(&config, &accounts));
    Ok(Loads {
        config,
        accounts,
        notices,
    })
}

/// Accounts that name nodes or tags which are not configured, and those whose `default_node` they do not see.
pub(crate) fn unknown_nodes(config: &Config, accounts: &Accounts) -> Vec<String> {
    let mut unfit = Vec::new();
    for account in accounts.iter() {
        let mut report = |file: &Path, line: u32, text: String| {
            unfit.push(format!(
                "{}:{line}: account {}: {text}",
                file.display(),
                account.name
            ));
        };
        let scope: &[NodeSelector] = match &account.nodes {
            NodeScope::All => &[],
            NodeScope::Only(selectors) => selectors,
        };
        for selector in scope.iter().filter(|one| !is_configured(config, one)) {
            report(&account.file, account.line, missing(selector));
        }
        for rule in account.node_rules.iter() {
            if !is_configured(config, &rule.selector) {
                report(&rule.file, rule.line, missing(&rule.selector));
            }
        }
        if let Some(name) = &account.default_node {
            let node = config.nodes.iter().find(|node| node.name == *name);
            match node {
                None => report(
                    &account.file,
                    account.line,
                    format!("there is no node {name}"),
                ),
                Some(node) if !account.nodes.holds(name, &node.tags) => {
                    let text = format!("default_node {name} is not among its nodes");
                    report(&account.file, account.line, text);
                }
                Some(_) => {}
            }
        }
    }
    unfit
}

fn is_configured(config: &Config, selector: &NodeSelector) -> bool {
    let mut nodes = config.nodes.iter();
    nodes.any(|node| selector.means(&node.name, &node.tags))
}

fn missing(selector: &NodeSelector) -> String {
    match selector {
        NodeSelector::Name(name) => format!("there is no node {name}"),
        NodeSelector::Tag(tag) => format!("there is no node with the tag {tag}"),
    }
}

/// Rights at nodes that the account does not see.
fn without_effect(config: &Config, accounts: &Accounts) -> Vec<String> {
    let mut notices = Vec::new();
    for account in accounts.iter() {
        for rule in account.node_rules.iter() {
            let mut meant = config
                .nodes
                .iter()
                .filter(|node| rule.selector.means(&node.name, &node.tags));
            if !meant.any(|node| account.nodes.holds(&node.name, &node.tags)) {
                notices.push(format!(
                    "{}:{}: account {} does not see {}: what it may do there has no effect",
                    rule.file.display(),
                    rule.line,
                    account.name,
                    rule.selector
                ));
            }
        }
    }
    notices
}

/// Starts logging as configured.
pub(crate) fn start_logging(config: &Config) -> Result<(), Failure> {
    let format = match config.log.format {
        ami_config::LogFormat::Text => ami_telemetry::LogFormat::Text,
        ami_config::LogFormat::Json => ami_telemetry::LogFormat::Json,
    };
    ami_telemetry::logging::init(format, &config.log.level)
        .map_err(|error| Failure::Configuration(format!("log.level: {error}")))
}

/// The runtime that everything runs on.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(format!("cannot start the runtime: {error}")))
}
