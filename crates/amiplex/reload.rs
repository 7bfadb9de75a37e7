//! SIGHUP: the files are read again, and apply whole or not at all.

use std::path::Path;

use ami_config::Config;
use ami_server::Reloader;
use tokio::signal::unix::Signal;

use crate::start::{Failure, Loads, load, unknown_nodes};

/// Reloads at each `hangup`, for ever. `running` is what amiplex was started with.
pub(crate) async fn at_each(
    mut hangup: Signal,
    path: &Path,
    running: &Config,
    reloader: &Reloader,
) {
    while hangup.recv().await.is_some() {
        let outcome = reload(path, running, reloader);
        reloader.count(outcome.is_ok());
        if let Err(failure) = outcome {
            tracing::error!(%failure, "not reloaded, everything stays as it was");
        }
    }
}

fn reload(path: &Path, running: &Config, reloader: &Reloader) -> Result<(), Failure> {
    let Loads {
        config,
        accounts,
        notices,
    } = load(path)?;
    // The nodes are still those of the start, whatever the file says of them now.
    let unfit = unknown_nodes(running, &accounts);
    if !unfit.is_empty() {
        return Err(Failure::Configuration(unfit.join("\n")));
    }
    let reloaded = reloader
        .apply(&config, accounts)
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    for notice in notices {
        tracing::warn!(notice, "configuration");
    }
    let sections = running.waiting_for_a_restart(&config);
    for changed in sections.into_iter().chain(reloaded.waiting) {
        tracing::warn!(changed, "counts from the next start");
    }
    tracing::info!(sessions_closed = reloaded.revoked, "reloaded");
    Ok(())
}
