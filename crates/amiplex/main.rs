//! The `amiplex` program: arguments, configuration, and then the library.
//!
//! Exit code 0: well. 1: failed at run time. 2: wrong usage or configuration.

mod check;
mod cli;
mod demo;
mod hash_secret;
mod operate;
mod reload;
mod route;
mod run;
mod start;

use std::io::Write;
use std::process::ExitCode;

use ami_access::HashCost;
use clap::Parser;
use clap::error::ErrorKind;
use mimalloc::MiMalloc;

use cli::{Cli, Verb};
use start::Failure;

/// Messages are made on one thread and dropped on another, many at a time: see `docs/adr/0017-fan-out.md`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wanted = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return match error.print() {
                Ok(()) if wanted => ExitCode::SUCCESS,
                Ok(()) | Err(_) => ExitCode::from(2),
            };
        }
    };
    let result = match cli.verb {
        Verb::Run { config } => run::run(&config),
        Verb::Check { config, online } => check::check(&config, online),
        Verb::Route {
            config,
            account,
            lines,
        } => route::explain(&config, &account, &lines),
        Verb::HashSecret {
            memory,
            iterations,
            parallelism,
        } => hash_secret::hash_secret(HashCost {
            memory_kib: memory,
            iterations,
            parallelism,
        }),
        Verb::Status { door, json } => operate::status(&door, json),
        Verb::Sessions { door, json } => operate::sessions(&door, json),
        Verb::Kick { door, id } => operate::kick(&door, id),
        Verb::Drain { door, node } => operate::serve(&door, &node, "drain"),
        Verb::Maintenance { door, node } => operate::serve(&door, &node, "maintenance"),
        Verb::Resume { door, node } => operate::serve(&door, &node, "resume"),
        Verb::Demo { port, calls } => demo::demo(port, calls),
        Verb::Version => say(&format!("amiplex {}", env!("CARGO_PKG_VERSION"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to tell if stderr is closed.
            if writeln!(std::io::stderr(), "{failure}").is_err() {
                return ExitCode::from(1);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Prints a line for the user.
fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}")
        .map_err(|error| Failure::Runtime(format!("cannot write: {error}")))
}
