//! Clients that ask for the channels and the queues once a second and read no events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ami_sim::SimClient;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::amiplex::{SECRET, USER};
use crate::{Outcome, Way};

const PERIOD: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Pollers {
    tasks: JoinSet<Outcome<Vec<Duration>>>,
    counting: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
}

impl Pollers {
    pub(crate) async fn connect(address: SocketAddr, count: usize, way: Way) -> Outcome<Self> {
        let (user, secret) = if way == Way::Direct {
            ("admin", "adminpw")
        } else {
            (USER, SECRET)
        };
        let (stop, stopped) = watch::channel(false);
        let counting = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        // Spread over the period, as polls of independent programs are.
        let apart = PERIOD
            .checked_div(u32::try_from(count)?)
            .unwrap_or_default();
        let mut delay = Duration::ZERO;
        for _ in 0..count {
            let mut client = SimClient::connect(address).await?;
            client.set_patience(PATIENCE);
            client.login_with(user, secret, &["Events: off"]).await?;
            tasks.spawn(poll(client, delay, Arc::clone(&counting), stopped.clone()));
            delay += apart;
        }
        Ok(Self {
            tasks,
            counting,
            stop,
        })
    }

    /// Whether the times of lists that begin from now on count.
    pub(crate) fn count(&mut self, counting: bool) {
        self.counting.store(counting, Ordering::Relaxed);
    }

    /// The times of all lists that counted.
    pub(crate) async fn finish(mut self) -> Outcome<Vec<Duration>> {
        self.stop.send_replace(true);
        let mut times = Vec::new();
        while let Some(found) = self.tasks.join_next().await {
            times.extend(found??);
        }
        Ok(times)
    }
}

async fn poll(
    mut client: SimClient,
    delay: Duration,
    counting: Arc<AtomicBool>,
    mut stop: watch::Receiver<bool>,
) -> Outcome<Vec<Duration>> {
    sleep(delay).await;
    let mut ticks = interval(PERIOD);
    let mut times = Vec::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(times),
            _ = ticks.tick() => {}
        }
        for action in ["Action: CoreShowChannels", "Action: QueueStatus"] {
            let (begun, counts) = (Instant::now(), counting.load(Ordering::Relaxed));
            let frames = client.list(&[action]).await?;
            if frames.len() < 2 {
                return Err(format!("{action} gave no list").into());
            }
            if counts {
                times.push(begun.elapsed());
            }
        }
    }
}
