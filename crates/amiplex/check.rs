//! `amiplex check`: says what is wrong before it hurts, without serving anybody.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ami_config::Config;
use ami_mux::{Directory, DirectoryEntry};
use ami_server::{App, probe_state_dir};
use ami_telemetry::Meters;
use tokio::time::{Instant, sleep};

use crate::say;
use crate::start::{Failure, load, runtime};

/// How long a node may take to log in and to tell about itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the answers are looked at.
const GLANCE: Duration = Duration::from_millis(100);

pub(crate) fn check(path: &Path, online: bool) -> Result<(), Failure> {
    let loads = load(path)?;
    for notice in &loads.notices {
        say(&format!("notice: {notice}"))?;
    }
    // It keeps nobody from starting, so it is no error.
    let state_dir = loads.config.server.state_dir.as_deref();
    if let Some(Err(problem)) = state_dir.map(probe_state_dir) {
        say(&format!("notice: {problem}"))?;
    }
    let (nodes, listeners) = (loads.config.nodes.len(), loads.config.listeners.len());
    say(&format!(
        "configuration is valid: {listeners} listeners, {nodes} nodes, {} accounts",
        loads.accounts.len()
    ))?;
    let runtime = runtime()?;
    let config = loads.config;
    let meters = Arc::new(Meters::new(env!("CARGO_PKG_VERSION")));
    let app = runtime
        .block_on(async { App::without_listeners(&config, loads.accounts, meters) })
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    App::check_listeners(&config).map_err(|error| Failure::Configuration(error.to_string()))?;
    if !online {
        return Ok(());
    }
    let directory = runtime.block_on(look(app, &config));
    report(&directory)
}

/// Runs the nodes until all have told about themselves, or the time is up.
async fn look(app: App, config: &Config) -> Arc<Directory> {
    let watch = app.watch();
    let nodes = config.nodes.len();
    let enough = async {
        let end = Instant::now() + PATIENCE;
        loop {
            let directory = watch.directory();
            let told = directory
                .ids()
                .filter_map(|id| directory.entry(id))
                .filter(|entry| has_told(entry))
                .count();
            if told == nodes || Instant::now() >= end {
                return;
            }
            sleep(GLANCE).await;
        }
    };
    let mut found = watch.directory();
    tokio::select! {
        () = app.run(std::future::pending) => {}
        () = enough => found = watch.directory(),
    }
    found
}

fn has_told(entry: &DirectoryEntry) -> bool {
    entry.status.is_up() && entry.status.limits_known
}

fn report(directory: &Directory) -> Result<(), Failure> {
    let (mut away, mut mute) = (0, 0);
    for entry in directory.ids().filter_map(|id| directory.entry(id)) {
        let status = &entry.status;
        let version = status
            .version
            .map_or_else(|| "unknown".to_owned(), |version| version.to_string());
        if status.is_up() {
            say(&format!(
                "node {}: logged in, AMI {version}, {} actions",
                entry.name,
                status.learned.iter().count()
            ))?;
        } else {
            away += 1;
            say(&format!(
                "node {}: not reached: {}",
                entry.name, status.reason
            ))?;
        }
        if status.is_up() && !status.limits_known {
            mute += 1;
            say(&format!(
                "node {}: answers no action of amiplex",
                entry.name
            ))?;
        }
        for shortcoming in status.shortcomings.iter() {
            say(&format!("node {}: {shortcoming}", entry.name))?;
        }
    }
    for (one, other, likeness) in directory.likenesses() {
        if let (Some(one), Some(other)) = (directory.entry(one), directory.entry(other)) {
            let text = likeness.as_text();
            say(&format!("node {}: {text} node {}", one.name, other.name))?;
        }
    }
    match (away, mute) {
        (0, 0) => Ok(()),
        (0, _) => Err(Failure::Runtime(format!("{mute} nodes answer no action"))),
        _ => Err(Failure::Runtime(format!(
            "{away} nodes could not be reached"
        ))),
    }
}
