//! When an amiplex that was started serves: where it says that it listens, and when an action comes back from its node.

use std::net::SocketAddr;
use std::time::Duration;

use ami_sim::SimClient;
use tokio::io::{AsyncBufRead, Lines};
use tokio::time::{Instant, sleep};

use crate::Outcome;

/// How long a process may take until it serves.
const READY_DEADLINE: Duration = Duration::from_secs(10);

/// The address in the line that says where amiplex listens.
pub(crate) async fn logged_address(
    lines: &mut Lines<impl AsyncBufRead + Unpin>,
) -> Outcome<SocketAddr> {
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        let found = line
            .split_once("\"address\":\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        if let Some((address, _)) = found {
            return Ok(address.parse()?);
        }
        said.push_str(&line);
    }
    Err(format!("amiplex did not say where it listens, but: {said}").into())
}

/// Waits until an action comes back from the node.
pub(crate) async fn until_answered(mut client: SimClient, user: &str, secret: &str) -> Outcome<()> {
    let deadline = Instant::now() + READY_DEADLINE;
    client.login_with(user, secret, &["Events: off"]).await?;
    loop {
        let answer = client
            .action(&["Action: Getvar", "Variable: READY"])
            .await?;
        if answer.response() == Some(b"Success") {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err("amiplex does not reach the node".into());
        }
        sleep(Duration::from_millis(20)).await;
    }
}
