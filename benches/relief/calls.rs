//! Steady calls on the Asterisk, of ten seconds each, and marks in its stream of events. Both over a session of their own that
//! reads no events.

use std::net::SocketAddr;
use std::time::Duration;

use ami_sim::SimClient;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Outcome, say};

/// Calls until it is dropped.
pub(crate) struct Calls {
    marker: SimClient,
    _caller: JoinSet<()>,
}

impl Calls {
    pub(crate) async fn begin(asterisk: SocketAddr, per_second: u32) -> Outcome<Self> {
        let mut caller = session(asterisk).await?;
        let pause = Duration::from_secs(1)
            .checked_div(per_second)
            .ok_or("no calls at all")?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut ticks = interval(pause);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let lines = [
                "Action: Originate",
                "Channel: Local/call-10@tests/n",
                "Context: caller",
                "Exten: s",
                "Priority: 1",
                "Async: true",
            ];
            loop {
                ticks.tick().await;
                if let Err(error) = caller.action(&lines).await {
                    drop(say(&format!("no more calls: {error}")));
                    return;
                }
            }
        });
        Ok(Self {
            marker: session(asterisk).await?,
            _caller: tasks,
        })
    }

    /// Raises a UserEvent of that name, which every reader sees in the same place of the stream.
    pub(crate) async fn mark(&mut self, name: &str) -> Outcome<()> {
        let event = format!("UserEvent: {name}");
        self.marker.action(&["Action: UserEvent", &event]).await?;
        Ok(())
    }
}

async fn session(asterisk: SocketAddr) -> Outcome<SimClient> {
    let mut client = SimClient::connect(asterisk).await?;
    client
        .login_with("admin", "adminpw", &["Events: off"])
        .await?;
    Ok(client)
}
