//! Loading what every verb needs: configuration, accounts, runtime.

use std::fmt;
use std::path::Path;

use ami_access::{Accounts, Loaded, NodeScope};
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
    notices.extend(never_matching(&config, &accounts));
    Ok(Loads {
        config,
        accounts,
        notices,
    })
}

/// Accounts that name nodes which are not configured.
pub(crate) fn unknown_nodes(config: &Config, accounts: &Accounts) -> Vec<String> {
    let mut unfit = Vec::new();
    for account in accounts.iter() {
        let scope: &[String] = match &account.nodes {
            NodeScope::All => &[],
            NodeScope::Names(names) => names,
        };
        for name in scope.iter().chain(&account.default_node) {
            if !config.nodes.iter().any(|node| node.name == *name) {
                let (file, line) = (account.file.display(), account.line);
                unfit.push(format!(
                    "{file}:{line}: account {}: there is no node {name}",
                    account.name
                ));
            }
        }
    }
    unfit
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
