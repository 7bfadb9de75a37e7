//! `amiplex demo`: a small cluster to look at, on loopback, without files and without root.

use std::path::Path;
use std::sync::Arc;

use ami_access::load_from;
use ami_access::manager_conf::MemoryFiles;
use ami_config::Config;
use ami_server::App;
use ami_sim::{SimAccount, SimNode, SimOptions, SimVersion};
use ami_telemetry::Meters;
use tokio::signal::ctrl_c;

use crate::say;
use crate::start::{Failure, runtime, start_logging};

/// Account of amiplex on the simulated nodes. They live as long as this process and listen on loopback only.
const UPSTREAM: (&str, &str) = ("amiplex", "upstream");

const MANAGER_CONF: &str = "
[general]
[demo]
secret = demo
read = all
write = all
[wallboard]
secret = wallboard
read = call,agent
";

pub(crate) fn demo(port: u16, calls: f64) -> Result<(), Failure> {
    if !calls.is_finite() || !(0.0..=1000.0).contains(&calls) {
        return Err(Failure::Configuration(format!(
            "--calls {calls}: a number from 0 to 1000 is needed"
        )));
    }
    runtime()?.block_on(show(port, calls))
}

async fn show(port: u16, calls: f64) -> Result<(), Failure> {
    let east = start_node("east", SimVersion::V22, calls, 1).await?;
    let west = start_node("west", SimVersion::V16, calls, 2).await?;
    let config = configuration(port, &east, &west)?;
    start_logging(&config)?;
    let accounts = load_from(
        &MemoryFiles::default().with("/manager.conf", MANAGER_CONF),
        Path::new("/manager.conf"),
        None,
    )
    .map_err(|errors| Failure::Configuration(errors.to_string()))?
    .accounts;
    let meters = Arc::new(Meters::new(env!("CARGO_PKG_VERSION")));
    let app = App::build(&config, accounts, meters)
        .map_err(|error| Failure::Runtime(error.to_string()))?;
    let port = app
        .addresses()
        .first()
        .map_or(port, |(_, address)| address.port());
    explain(port)?;
    app.run(|| async {
        if let Err(error) = ctrl_c().await {
            tracing::error!(%error, "cannot wait for Ctrl-C");
        }
    })
    .await;
    east.stop().await;
    west.stop().await;
    Ok(())
}

async fn start_node(
    name: &str,
    version: SimVersion,
    calls: f64,
    seed: u64,
) -> Result<SimNode, Failure> {
    let account = SimAccount::admin(UPSTREAM.0, UPSTREAM.1);
    let options = SimOptions::new(name)
        .version(version)
        .account(account)
        .call_rate(calls)
        .seed(seed);
    SimNode::start(options)
        .await
        .map_err(|error| Failure::Runtime(format!("simulated node {name}: {error}")))
}

fn configuration(port: u16, east: &SimNode, west: &SimNode) -> Result<Config, Failure> {
    let (user, secret) = UPSTREAM;
    let node = |node: &SimNode| {
        let (name, address) = (node.name(), node.address());
        format!(
            "[[node]]\nname = \"{name}\"\naddress = \"{address}\"\nusername = \"{user}\"\nsecret = \"{secret}\"\n"
        )
    };
    let text = format!(
        "[log]\nlevel = \"warn\"\n[[listener]]\nname = \"demo\"\nbind = \"127.0.0.1:{port}\"\n{}{}",
        node(east),
        node(west)
    );
    Config::from_toml(&text).map_err(|errors| Failure::Configuration(errors.to_string()))
}

fn explain(port: u16) -> Result<(), Failure> {
    say(&format!(
        "Two simulated nodes, east (Asterisk 22) and west (Asterisk 16), with calls; amiplex on 127.0.0.1:{port}.

In another terminal:

    nc -C 127.0.0.1 {port}

(or: telnet 127.0.0.1 {port}). Type this, and an empty line after each action:

    Action: Login
    Username: demo
    Secret: demo

Events of both nodes pass by, each with its Node as the last header. An action to each:

    Action: CoreShowChannels
    ActionID: 1
    Node: east

    Action: Command
    ActionID: 2
    Node: west
    Command: core show version

The account wallboard (secret wallboard) sees calls and agents only and may do nothing; the login
name demo@east sees one node, as if it were that Asterisk. Ctrl-C ends the demo."
    ))
}
