//! `amiplex run`: serves until told to stop.

use std::path::Path;
use std::sync::Arc;

use ami_server::App;
use ami_telemetry::{Meters, prometheus};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::reload;
use crate::start::{Failure, load, runtime, start_logging};

pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let loads = load(path)?;
    start_logging(&loads.config)?;
    for notice in &loads.notices {
        tracing::warn!(notice, "configuration");
    }
    runtime()?.block_on(serve(path, loads))
}

async fn serve(path: &Path, loads: crate::start::Loads) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Runtime(error.to_string());
    let mut metrics = None;
    if let Some(address) = loads.config.admin.listen {
        let (_, serving) = prometheus::install(address)
            .await
            .map_err(|error| failed(&error))?;
        metrics = Some(serving);
    }
    let meters = Arc::new(Meters::new(env!("CARGO_PKG_VERSION")));
    let app = App::build(&loads.config, loads.accounts, meters).map_err(|error| failed(&error))?;
    for (name, address) in app.addresses() {
        tracing::info!(listener = name, %address, "listening");
    }
    let told = Arc::new(Notify::new());
    let signals = watch_signals(Arc::clone(&told)).map_err(|error| failed(&error))?;
    let hangup = signal(SignalKind::hangup()).map_err(|error| failed(&error))?;
    let reloader = app.reloader();
    let running = app.run(|| {
        let told = Arc::clone(&told);
        async move { told.notified().await }
    });
    tokio::select! {
        () = running => Ok(()),
        () = signals => Ok(()),
        () = reload::at_each(hangup, path, &loads.config, &reloader) => Ok(()),
        () = async { if let Some(serving) = metrics { serving.await } std::future::pending().await } => Ok(()),
    }
}

/// Tells `told` at each SIGTERM and SIGINT; never ends.
fn watch_signals(told: Arc<Notify>) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            told.notify_one();
        }
    })
}
