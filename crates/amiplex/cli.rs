//! What can be typed.

use std::path::PathBuf;

use ami_access::HashCost;
use ami_access::secret_hash::{ITERATIONS_MAX, MEMORY_KIB_MAX, PARALLELISM_MAX};
use clap::{Parser, Subcommand, value_parser};

use crate::operate::Door;

/// A proxy and multiplexer for the Asterisk Manager Interface.
#[derive(Debug, Parser)]
#[command(name = "amiplex", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// One verb each.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serve clients until told to stop (SIGTERM or SIGINT; twice: at once).
    Run {
        /// The configuration file.
        #[arg(long, short, default_value = "/etc/amiplex/amiplex.toml")]
        config: PathBuf,
    },
    /// Look for errors in the configuration without serving anybody.
    Check {
        /// The configuration file.
        #[arg(long, short, default_value = "/etc/amiplex/amiplex.toml")]
        config: PathBuf,
        /// Log in to every node too, and say what the upstream accounts lack.
        #[arg(long)]
        online: bool,
    },
    /// Say where an action would go, and why, as far as the configuration tells.
    Route {
        /// The configuration file.
        #[arg(long, short, default_value = "/etc/amiplex/amiplex.toml")]
        config: PathBuf,
        /// The account, or `account@node` as at a login.
        #[arg(long, short)]
        account: String,
        /// The lines of the action, one argument each: 'Action: Originate' 'Channel: PJSIP/100'.
        #[arg(required = true)]
        lines: Vec<String>,
    },
    /// Make the hash of a secret for `secret_hash` in manager.conf. The secret is asked for, or is one line on stdin.
    HashSecret {
        /// Memory that a login takes for a moment, in KiB.
        #[arg(long, value_name = "KIB", default_value_t = HashCost::default().memory_kib,
            value_parser = value_parser!(u32).range(8..=i64::from(MEMORY_KIB_MAX)))]
        memory: u32,
        /// Passes over that memory.
        #[arg(long, value_name = "COUNT", default_value_t = HashCost::default().iterations,
            value_parser = value_parser!(u32).range(1..=i64::from(ITERATIONS_MAX)))]
        iterations: u32,
        /// Lanes in that memory, each with 8 KiB or more.
        #[arg(long, value_name = "COUNT", default_value_t = HashCost::default().parallelism,
            value_parser = value_parser!(u32).range(1..=i64::from(PARALLELISM_MAX)))]
        parallelism: u32,
    },
    /// Say how the nodes of the running amiplex are.
    Status {
        #[command(flatten)]
        door: Door,
        /// As the admin socket gives it.
        #[arg(long)]
        json: bool,
    },
    /// List the client sessions of the running amiplex.
    Sessions {
        #[command(flatten)]
        door: Door,
        /// As the admin socket gives it.
        #[arg(long)]
        json: bool,
    },
    /// Close a client session of the running amiplex.
    Kick {
        #[command(flatten)]
        door: Door,
        /// Its id, as `sessions` and the log have it.
        id: u64,
    },
    /// Send no new calls to a node, but for those that name it.
    Drain {
        #[command(flatten)]
        door: Door,
        /// Its name.
        node: String,
    },
    /// Send no actions of clients to a node. Its events keep coming.
    Maintenance {
        #[command(flatten)]
        door: Door,
        /// Its name.
        node: String,
    },
    /// Put a node back into service after `drain` or `maintenance`.
    Resume {
        #[command(flatten)]
        door: Door,
        /// Its name.
        node: String,
    },
    /// Start two simulated nodes with live calls and amiplex in front of them; needs no file and no root.
    Demo {
        /// Port on 127.0.0.1 for clients.
        #[arg(long, default_value_t = 5038)]
        port: u16,
        /// New calls per second on each node.
        #[arg(long, default_value_t = 0.2)]
        calls: f64,
    },
    /// Print the version.
    Version,
}
