//! Sets up the log: text for people or JSON for collectors, on standard error.
//!
//! The process has one subscriber; it is installed once, at start, by the binary. Secrets never reach it because the
//! types that hold them redact themselves.

use std::io::IsTerminal;

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line per event; colours only on a terminal.
    Text,
    /// One JSON object per line, fields at the top level.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, Error)]
pub enum LoggingError {
    /// The level string is no filter.
    #[error(
        "log level {level:?} is not valid ({reason}); write one of error, warn, info, debug, trace, off, \
         or a list like \"info,ami_server=debug\""
    )]
    Level {
        /// The string as configured.
        level: String,
        /// What the parser objects to.
        reason: String,
    },
    /// A subscriber was installed before, so this one was not.
    #[error("logging was already set up in this process")]
    AlreadyInstalled,
}

/// Checks a level string without installing anything, for `amiplex check`.
pub fn check_level(level: &str) -> Result<(), LoggingError> {
    filter(level).map(drop)
}

/// Installs the process-wide subscriber that writes to standard error.
///
/// `level` is a plain level (`info`) or a list of `target=level` (`info,ami_server=debug`).
pub fn init(format: LogFormat, level: &str) -> Result<(), LoggingError> {
    let ansi = std::io::stderr().is_terminal();
    install(format, level, ansi)
}

fn install(format: LogFormat, level: &str, ansi: bool) -> Result<(), LoggingError> {
    let subscriber = subscriber(format, level, ansi, std::io::stderr)?;
    subscriber
        .try_init()
        .map_err(|_already| LoggingError::AlreadyInstalled)
}

fn subscriber<W>(
    format: LogFormat,
    level: &str,
    ansi: bool,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_writer(writer);
    Ok(match format {
        LogFormat::Text => Box::new(builder.with_ansi(ansi).finish()),
        LogFormat::Json => {
            let flat = builder
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false);
            Box::new(flat.finish())
        }
    })
}

/// `EnvFilter` takes any word for a target name (`inof` would silence everything), so plain levels are checked by us.
fn filter(level: &str) -> Result<EnvFilter, LoggingError> {
    let wrong = |reason: String| LoggingError::Level {
        level: level.to_owned(),
        reason,
    };
    let directives: Vec<&str> = level.split(',').map(str::trim).collect();
    for directive in &directives {
        if directive.is_empty() {
            return Err(wrong("it has an empty part".to_owned()));
        }
        let has_level = directive.contains('=');
        if !has_level
            && directive
                .parse::<tracing::level_filters::LevelFilter>()
                .is_err()
        {
            return Err(wrong(format!("{directive:?} is no level")));
        }
    }
    EnvFilter::builder()
        .parse(directives.join(","))
        .map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests;
