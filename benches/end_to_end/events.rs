//! Events to many clients: CPU of one delivery, and how late it comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::cpu::Spent;
use crate::figure::{micros, millis, nanos, per_second, percent, percentiles, ratio};
use crate::node::Flooded;
use crate::process::{Bed, Kind, Middle};
use crate::subscriber::{Found, Tally, connect, subscribe};
use crate::{Outcome, Plan, say};

/// About the length of a Newexten of a real call.
const EVENT_BYTES: usize = 420;
/// How long the last events may take after the flood has ended.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);

const SCENES: [(usize, u32); 4] = [(10, 1_000), (10, 5_000), (100, 1_000), (100, 5_000)];

/// What one scene with one program in the middle gave.
struct Measured {
    delivered: u64,
    elapsed: Duration,
    spent: Spent,
    delay: (u64, u64),
    faults: u64,
}

impl Measured {
    fn nanos_per_event(&self) -> u64 {
        self.spent.nanos / self.delivered.max(1)
    }
}

/// Prints the table; the number of events that were not as they should be.
pub(crate) async fn measure(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    say(&format!(
        "Events of {EVENT_BYTES} bytes, CPU of the process in the middle per delivered event; delays p50/p99 in ms\n"
    ))?;
    say(&format!(
        "{:>7} {:>8} {:>11} {:>11} {:>6} {:>9} {:>6} {:>13} {:>14} {:>14}  {}",
        "clients",
        "events/s",
        "delivered/s",
        "amiplex µs",
        "user %",
        "floor µs",
        "ratio",
        "per CPU s",
        "delay",
        "floor delay",
        "check"
    ))?;
    let mut faults = 0;
    for (clients, rate) in SCENES {
        let own = scene(bed, Kind::Amiplex, clients, rate, plan).await?;
        let floor = scene(bed, Kind::FanOutFloor, clients, rate, plan).await?;
        say(&row(clients, rate, &own, &floor))?;
        faults += own.faults + floor.faults;
    }
    say("")?;
    Ok(faults)
}

fn row(clients: usize, rate: u32, own: &Measured, floor: &Measured) -> String {
    let delay = |(median, late): (u64, u64)| format!("{}/{}", millis(median), millis(late));
    let check = match own.faults + floor.faults {
        0 => "all in order".to_owned(),
        _ => format!("{} lost, floor {}", own.faults, floor.faults),
    };
    format!(
        "{clients:>7} {rate:>8} {:>11} {:>11} {:>6} {:>9} {:>6} {:>13} {:>14} {:>14}  {check}",
        per_second(own.delivered, nanos(own.elapsed)),
        micros(own.nanos_per_event()),
        percent(own.spent.user_percent),
        micros(floor.nanos_per_event()),
        ratio(own.nanos_per_event(), floor.nanos_per_event()),
        per_second(own.delivered, own.spent.nanos),
        delay(own.delay),
        delay(floor.delay),
    )
}

async fn scene(
    bed: &mut Bed,
    kind: Kind,
    clients: usize,
    rate: u32,
    plan: Plan,
) -> Outcome<Measured> {
    let middle = bed.put(kind).await?;
    let before = bed.node.flood(0, 0).await?;
    let tally = Arc::new(Tally::default());
    let (stop, stopped) = watch::channel(false);
    let mut subscribers = JoinSet::new();
    for _ in 0..clients {
        let stream = connect(&middle).await?;
        let tally = Arc::clone(&tally);
        subscribers.spawn(subscribe(stream, before.made, tally, stopped.clone()));
    }
    bed.node.flood(rate, EVENT_BYTES).await?;
    let (delivered, elapsed, spent) = window(&middle, &tally, plan).await?;
    let after = bed.node.flood(0, 0).await?;
    settle(&tally, clients, before, after).await;
    stop.send_replace(true);
    if after.skipped > before.skipped {
        // The node's own patience with this reader ended: what is missing is not the fan-out's loss.
        let skipped = after.skipped - before.skipped;
        say(&format!(
            "{kind:?} read too slowly: the node left out {skipped} events"
        ))?;
    }
    let found = subscribers.join_all().await;
    Ok(Measured {
        delivered,
        elapsed,
        spent,
        faults: found.iter().map(|found| faults(found, after)).sum(),
        delay: percentiles(found.into_iter().flat_map(|found| found.delays).collect()),
    })
}

/// Events that came and CPU that it took, while the flood goes on.
async fn window(middle: &Middle, tally: &Tally, plan: Plan) -> Outcome<(u64, Duration, Spent)> {
    sleep(plan.warm_up).await;
    tally.counting.store(true, Ordering::Relaxed);
    let (start, clock) = (Instant::now(), middle.cpu()?);
    let first = tally.delivered.load(Ordering::Relaxed);
    sleep(plan.window).await;
    let (elapsed, spent) = (start.elapsed(), middle.cpu()?.since(&clock));
    tally.counting.store(false, Ordering::Relaxed);
    Ok((
        tally.delivered.load(Ordering::Relaxed) - first,
        elapsed,
        spent,
    ))
}

/// Waits until everything has come, or for as long as can be expected of it.
async fn settle(tally: &Tally, clients: usize, before: Flooded, after: Flooded) {
    let made = after.made - before.made;
    let due = made.saturating_mul(u64::try_from(clients).unwrap_or(u64::MAX));
    let come = async {
        while tally.delivered.load(Ordering::Relaxed) < due {
            sleep(Duration::from_millis(5)).await;
        }
    };
    // What has not come by then is found missing by the check.
    drop(timeout(SETTLE_DEADLINE, come).await);
}

/// Gaps, doubles and what is missing at the end.
fn faults(found: &Found, after: Flooded) -> u64 {
    found.gaps + after.made.abs_diff(found.next)
}
