//! Events to many clients: CPU of one delivery, and how late it comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::cpu::Spent;
use crate::figure::{behind, median, micros, millis, nanos, per_second, percentiles, ratio};
use crate::node::Flooded;
use crate::process::{Bed, FLUSHED, Kind, Middle, NOTHING, TENTH, USER};
use crate::subscriber::{Found, Tally, connect, first_wanted, subscribe};
use crate::{Outcome, Plan, Rows, TURNS, say};

/// About the length of a Newexten of a real call.
const EVENT_BYTES: usize = 420;
/// How long the last events may take after the flood has ended.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);
/// From one batch of the node to the next.
const BATCHES: Duration = Duration::from_millis(10);
/// Highest median delay of ten clients, in hundredths of the floor's.
const DELAY_LIMIT: u64 = 130;
/// So short that at 1,000 per second every event comes alone.
const ONE_BY_ONE: Duration = Duration::from_millis(1);
/// As long as the account with `flush` has its events wait.
const HELD: Duration = Duration::from_millis(5);
/// So long that a second's events come at once.
const BURSTS: Duration = Duration::from_secs(1);

/// A load, and what carries it.
#[derive(Clone, Copy, Debug)]
struct Load {
    kind: Kind,
    /// The account at amiplex.
    user: &'static str,
    clients: usize,
    /// Clients beside them that never read.
    stalled: usize,
    rate: u32,
    gap: Duration,
    /// One event in so many is wanted.
    step: u64,
    plan: Plan,
}

/// What the scenes with one program in the middle gave.
#[derive(Default)]
struct Measured {
    delivered: u64,
    elapsed: Duration,
    spent: Spent,
    /// Of each turn, nanoseconds of CPU for one of them.
    costs: Vec<u64>,
    /// In microseconds.
    delays: Vec<u64>,
    faults: u64,
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.elapsed += other.elapsed;
        self.costs.extend(other.costs);
        self.spent.add(other.spent);
        self.delays.extend(other.delays);
        self.faults += other.faults;
    }

    fn delay(&self) -> (u64, u64) {
        percentiles(self.delays.clone())
    }

    fn nanos_per_event(&self) -> u64 {
        median(&self.costs)
    }
}

impl Load {
    fn new(clients: usize, rate: u32, plan: Plan) -> Self {
        Self {
            kind: Kind::Amiplex,
            user: USER,
            clients,
            stalled: 0,
            rate,
            gap: BATCHES,
            step: 1,
            plan,
        }
    }

    fn on(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// Prints the tables; the number of events that were not as they should be.
pub(crate) async fn measure(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    say(&format!(
        "Events of {EVENT_BYTES} bytes, CPU of the process in the middle per delivered event in µs; delays p50/p99 in ms\n"
    ))?;
    say(&format!(
        "{:<28} {:>7} {:>8} {:>11} {:>8} {:>7} {:>13} {:>7} {:>6} {:>13}  {}",
        "load",
        "clients",
        "events/s",
        "delivered/s",
        "amiplex",
        "floor",
        "",
        "ratio",
        "delay",
        "floor's",
        "check"
    ))?;
    let mut faults = 0;
    if plan.wants(Rows::FanOut) {
        faults += all_events(bed, plan).await?;
    }
    if plan.wants(Rows::Flush) {
        faults += flushed(bed, plan).await?;
    }
    if plan.wants(Rows::Filter) {
        faults += chosen(bed, plan).await?;
        nothing(bed, plan).await?;
    }
    if plan.wants(Rows::Tls) {
        faults += over_tls(bed, plan).await?;
    }
    if plan.wants(Rows::Stalled) {
        faults += stalled(bed, plan).await?;
    }
    if plan.wants(Rows::Long) {
        faults += long(bed, plan).await?;
    }
    say("")?;
    Ok(faults)
}

/// Few and many clients, few and many events.
async fn all_events(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    let mut faults = 0;
    for (clients, rate) in [(10, 1_000), (10, 5_000), (100, 1_000), (100, 5_000)] {
        let load = Load::new(clients, rate, plan);
        let loads = [load, load.on(Kind::TasksFloor), load.on(Kind::FanOutFloor)];
        let [own, tasks, fan_out] = in_turns(bed, loads).await?;
        compared("all events", load, &own, (Kind::TasksFloor, &tasks), 130)?;
        compared("all events", load, &own, (Kind::FanOutFloor, &fan_out), 130)?;
        faults += own.faults + tasks.faults + fan_out.faults;
    }
    Ok(faults)
}

async fn over_tls(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    let mut faults = 0;
    for clients in [25, 100] {
        let load = Load::new(clients, 1_000, plan).on(Kind::AmiplexTls);
        let [own, floor] = in_turns(bed, [load, load.on(Kind::TlsFloor)]).await?;
        compared("over TLS", load, &own, (Kind::TlsFloor, &floor), 130)?;
        faults += own.faults + floor.faults;
    }
    Ok(faults)
}

/// As many as that for longer, each in one piece, and a second's events at once.
async fn long(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    let load = Load::new(100, 5_000, plan.long());
    let bursts = Load {
        gap: BURSTS,
        ..load
    };
    let name = format!("all events, {} s", plan.long().window.as_secs());
    let mut faults = 0;
    for (name, load) in [(&*name, load), ("5,000 at once", bursts)] {
        let own = Box::pin(scene(bed, load)).await?;
        let floor = Box::pin(scene(bed, load.on(Kind::TasksFloor))).await?;
        compared(name, load, &own, (Kind::TasksFloor, &floor), 130)?;
        faults += own.faults + floor.faults;
    }
    Ok(faults)
}

/// Prints the row; `limit` is the ratio to be kept, in hundredths.
fn compared(
    name: &str,
    load: Load,
    own: &Measured,
    (floor, below): (Kind, &Measured),
    limit: u64,
) -> Outcome<()> {
    let (figure, least) = (own.nanos_per_event(), below.nanos_per_event());
    let delay = |(median, late): (u64, u64)| format!("{}/{}", millis(median), millis(late));
    let (delays, least_delays) = (own.delay(), below.delay());
    // With more clients or events the delay is that of a queue, and the machine's more than the program's.
    let late = if (load.clients, load.rate, floor) == (10, 1_000, Kind::TasksFloor) {
        match behind(delays.0, least_delays.0, DELAY_LIMIT) {
            late if late.is_empty() => late,
            late => format!("  delay{late}"),
        }
    } else {
        String::new()
    };
    let check = match own.faults + below.faults {
        0 => "all in order".to_owned(),
        _ => format!("{} lost, floor {}", own.faults, below.faults),
    };
    say(&format!(
        "{name:<28} {:>7} {:>8} {:>11} {:>8} {:>7} {:>13} {:>7} {:>6} {:>13}  {check}{}",
        load.clients,
        load.rate,
        per_second(own.delivered, nanos(own.elapsed)),
        micros(figure),
        micros(least),
        floor.name(),
        ratio(figure, least),
        delay(delays),
        delay(least_delays),
        [behind(figure, least, limit), late].concat(),
    ))
}

/// Events one by one, and how much less each costs when they may wait for each other.
async fn flushed(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    let load = Load {
        gap: ONE_BY_ONE,
        ..Load::new(100, 1_000, plan)
    };
    let together = Load {
        user: FLUSHED,
        ..load
    };
    // The floor holds nothing: its node does.
    let held = Load { gap: HELD, ..load };
    let floor = Kind::TasksFloor;
    let loads = [load, load.on(floor), together, held.on(floor)];
    let [alone, alone_floor, own, held_floor] = in_turns(bed, loads).await?;
    compared("one by one", load, &alone, (floor, &alone_floor), 130)?;
    let name = "one by one, flush 5 ms";
    compared(name, held, &own, (floor, &held_floor), 130)?;
    let (without, with) = (alone.nanos_per_event(), own.nanos_per_event());
    say(&format!(
        "  flush 5 ms: {} times less{}",
        ratio(without, with),
        if without < 3 * with {
            "  BEHIND: 3.00 wanted"
        } else {
            ""
        }
    ))?;
    Ok([alone, alone_floor, own, held_floor]
        .iter()
        .map(|measured| measured.faults)
        .sum())
}

/// Every tenth event, by a filter of the account.
async fn chosen(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    let load = Load {
        user: TENTH,
        step: 10,
        ..Load::new(100, 5_000, plan)
    };
    let [own, floor] = in_turns(bed, [load, load.on(Kind::TenthFloor)]).await?;
    compared(
        "a tenth, by filter",
        load,
        &own,
        (Kind::TenthFloor, &floor),
        150,
    )?;
    Ok(own.faults + floor.faults)
}

/// What a client costs that wants none of the events.
async fn nothing(bed: &mut Bed, plan: Plan) -> Outcome<()> {
    let spent = |few: &Measured, many: &Measured| many.spent.nanos.saturating_sub(few.spent.nanos);
    let load = |clients| Load {
        user: NOTHING,
        step: 0,
        ..Load::new(clients, 5_000, plan)
    };
    let [few, many] = in_turns(bed, [load(1), load(1_001)]).await?;
    let events = u64::try_from(plan.window.as_millis())? * 5;
    say(&format!(
        "{:<28} {:>7} {:>8}  {} ns per event and client that wants nothing",
        "scanned",
        1_000,
        5_000,
        // Nanoseconds for a thousand clients, written as thousandths.
        micros(spent(&few, &many) / events)
    ))?;
    Ok(())
}

/// Five of 25 clients stop reading; what the others notice.
async fn stalled(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    let load = Load::new(20, 1_000, plan);
    let [alone, beside] = in_turns(bed, [load, Load { stalled: 5, ..load }]).await?;
    let delay = |(median, late): (u64, u64)| format!("{}/{}", millis(median), millis(late));
    say(&format!(
        "{:<28} {:>7} {:>8}  delay {}, without those 5 {}; CPU {} µs, without {}; {} lost",
        "5 of 25 do not read",
        20,
        1_000,
        delay(beside.delay()),
        delay(alone.delay()),
        micros(beside.nanos_per_event()),
        micros(alone.nanos_per_event()),
        beside.faults + alone.faults
    ))?;
    Ok(beside.faults + alone.faults)
}

/// Measures these in turns.
async fn in_turns<const N: usize>(bed: &mut Bed, loads: [Load; N]) -> Outcome<[Measured; N]> {
    let mut sums = std::array::from_fn(|_| Measured::default());
    for _ in 0..TURNS {
        for (sum, load) in sums.iter_mut().zip(loads) {
            let plan = load.plan.turn();
            sum.add(Box::pin(scene(bed, Load { plan, ..load })).await?);
        }
    }
    Ok(sums)
}

async fn scene(bed: &mut Bed, load: Load) -> Outcome<Measured> {
    let middle = bed.put(load.kind).await?;
    let before = bed.node.flood(0, 0, load.gap).await?;
    let tally = Arc::new(Tally::default());
    let (stop, stopped) = watch::channel(false);
    let mut subscribers = JoinSet::new();
    let mut idle: Vec<Box<dyn AsyncRead + Send + Unpin>> = Vec::new();
    for _ in 0..load.stalled {
        idle.push(connect(&middle, load.user, bed.directory()).await?);
    }
    for _ in 0..load.clients {
        let stream = connect(&middle, load.user, bed.directory()).await?;
        let tally = Arc::clone(&tally);
        let step = load.step.max(1);
        subscribers.spawn(subscribe(stream, before.made, step, tally, stopped.clone()));
    }
    bed.node.flood(load.rate, EVENT_BYTES, load.gap).await?;
    let (delivered, elapsed, spent) = window(&middle, &tally, load.plan).await?;
    let after = bed.node.flood(0, 0, load.gap).await?;
    settle(&tally, load, before, after).await;
    stop.send_replace(true);
    if after.skipped > before.skipped {
        // The node's own patience with this reader ended: what is missing is not the fan-out's loss.
        let skipped = after.skipped - before.skipped;
        say(&format!(
            "{:?} read too slowly: the node left out {skipped} events",
            load.kind
        ))?;
    }
    let found = subscribers.join_all().await;
    Ok(Measured {
        delivered,
        elapsed,
        spent,
        costs: vec![spent.nanos / delivered.max(1)],
        faults: found.iter().map(|found| faults(found, load, after)).sum(),
        delays: found.into_iter().flat_map(|found| found.delays).collect(),
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
async fn settle(tally: &Tally, load: Load, before: Flooded, after: Flooded) {
    if load.step == 0 {
        return;
    }
    let wanted = |made| first_wanted(made, load.step) / load.step;
    let each = wanted(after.made) - wanted(before.made);
    let due = each.saturating_mul(u64::try_from(load.clients).unwrap_or(u64::MAX));
    let come = async {
        while tally.delivered.load(Ordering::Relaxed) < due {
            sleep(Duration::from_millis(5)).await;
        }
    };
    // What has not come by then is found missing by the check.
    drop(timeout(SETTLE_DEADLINE, come).await);
}

/// Gaps, doubles and what is missing at the end.
fn faults(found: &Found, load: Load, after: Flooded) -> u64 {
    if load.step == 0 {
        return 0;
    }
    found.gaps + first_wanted(after.made, load.step).abs_diff(found.next)
}
