//! Quick actions of few and many clients: time to the answer, and CPU of one action.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::caller::{Tally, call, connect};
use crate::cpu::Spent;
use crate::figure::{behind, median, micros, nanos, per_second, percent, percentiles, ratio};
use crate::process::{Bed, Kind};
use crate::{Outcome, Plan, TURNS, say};

/// Clients, and the time between two actions of one; without it the next follows the answer.
const SCENES: [(usize, Option<Duration>); 3] =
    [(1, None), (50, Some(Duration::from_millis(50))), (50, None)];

/// What the scenes with one program in the middle gave.
#[derive(Default)]
struct Measured {
    spent: Spent,
    /// Of each turn, nanoseconds of CPU for one of them.
    costs: Vec<u64>,
    /// Of each turn, how many in a second.
    rates: Vec<u64>,
    /// To each answer, in nanoseconds.
    times: Vec<u64>,
    wrong: u64,
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.costs.extend(other.costs);
        self.rates.extend(other.rates);
        self.spent.add(other.spent);
        self.times.extend(other.times);
        self.wrong += other.wrong;
    }

    fn time(&self) -> (u64, u64) {
        percentiles(self.times.clone())
    }

    fn nanos_per_action(&self) -> u64 {
        median(&self.costs)
    }

    fn per_second(&self) -> u64 {
        median(&self.rates)
    }
}

/// Prints the table; the number of answers that were wrong.
pub(crate) async fn measure(bed: &mut Bed, plan: Plan) -> Outcome<u64> {
    say(
        "Actions (Getvar), times to the answer p50/p99 in µs, CPU of the process in the middle per action in µs\n",
    )?;
    say(&format!(
        "{:>7} {:>9} {:>10} {:>17} {:>9} {:>17} {:>11} {:>11} {:>6} {:>9} {:>6}  {}",
        "clients",
        "pace",
        "actions/s",
        "time",
        "floor /s",
        "floor time",
        "ratio",
        "amiplex CPU",
        "user %",
        "floor CPU",
        "ratio",
        "check"
    ))?;
    let mut wrong = 0;
    for (clients, pace) in SCENES {
        let [mut own, mut relay, mut mux] = std::array::from_fn(|_| Measured::default());
        for _ in 0..TURNS {
            for (kind, sum) in [
                (Kind::Amiplex, &mut own),
                (Kind::RelayFloor, &mut relay),
                (Kind::MuxFloor, &mut mux),
            ] {
                sum.add(scene(bed, kind, clients, pace, plan.turn()).await?);
            }
        }
        say(&row(clients, pace, &own, &relay, Kind::RelayFloor))?;
        say(&row(clients, pace, &own, &mux, Kind::MuxFloor))?;
        wrong += own.wrong + relay.wrong + mux.wrong;
    }
    Ok(wrong)
}

fn row(
    clients: usize,
    pace: Option<Duration>,
    own: &Measured,
    floor: &Measured,
    kind: Kind,
) -> String {
    let pace = pace.map_or_else(|| "full".to_owned(), |pace| format!("{pace:?}"));
    let time = |(median, late): (u64, u64)| format!("{}/{}", micros(median), micros(late));
    let (own_time, floor_time) = (own.time(), floor.time());
    let times = (
        ratio(own_time.0, floor_time.0),
        ratio(own_time.1, floor_time.1),
    );
    let check = match own.wrong + floor.wrong {
        0 => "all answered".to_owned(),
        _ => format!("{} wrong, floor {}", own.wrong, floor.wrong),
    };
    let late = if clients == 1 && kind == Kind::RelayFloor {
        behind(own_time.0, floor_time.0, 125)
    } else {
        String::new()
    };
    let dear = if kind == Kind::MuxFloor {
        behind(own.nanos_per_action(), floor.nanos_per_action(), 150)
    } else {
        String::new()
    };
    let few = if clients > 1 && own.per_second() * 10 < floor.per_second() * 7 {
        "  BEHIND: 0.70 of the actions wanted"
    } else {
        ""
    };
    format!(
        "{clients:>7} {pace:>9} {:>10} {:>17} {:>9} {:>17} {:>11} {:>11} {:>6} {:>9} {:>6}  {}, {check}{late}{dear}{few}",
        own.per_second(),
        time(own_time),
        floor.per_second(),
        time(floor_time),
        format!("{}/{}", times.0, times.1),
        micros(own.nanos_per_action()),
        percent(own.spent.user_percent()),
        micros(floor.nanos_per_action()),
        ratio(own.nanos_per_action(), floor.nanos_per_action()),
        kind.name(),
    )
}

async fn scene(
    bed: &mut Bed,
    kind: Kind,
    clients: usize,
    pace: Option<Duration>,
    plan: Plan,
) -> Outcome<Measured> {
    let middle = bed.put(kind).await?;
    let tally = Arc::new(Tally::default());
    let (stop, stopped) = watch::channel(false);
    let mut callers = JoinSet::new();
    for _ in 0..clients {
        let stream = connect(&middle).await?;
        callers.spawn(call(stream, pace, Arc::clone(&tally), stopped.clone()));
        if let Some(pace) = pace {
            // So that they do not all call at the same moment.
            sleep(pace / u32::try_from(clients).unwrap_or(1)).await;
        }
    }
    sleep(plan.warm_up).await;
    tally.counting.store(true, Ordering::Relaxed);
    let (start, clock) = (Instant::now(), middle.cpu()?);
    let first = tally.answered.load(Ordering::Relaxed);
    sleep(plan.window).await;
    let (elapsed, spent) = (start.elapsed(), middle.cpu()?.since(&clock));
    let answered = tally.answered.load(Ordering::Relaxed) - first;
    tally.counting.store(false, Ordering::Relaxed);
    stop.send_replace(true);
    let mut times = Vec::new();
    let mut wrong = 0;
    for found in callers.join_all().await {
        let found = found?;
        times.extend(found.times);
        wrong += found.wrong;
    }
    Ok(Measured {
        spent,
        costs: vec![spent.nanos / answered.max(1)],
        rates: vec![per_second(answered, nanos(elapsed))],
        times,
        wrong,
    })
}
