//! The whole program under load, and beside it a floor: a few lines of tokio that do no more than move the bytes.
//!
//! ```text
//!  node (own process, simulated) ─▶ amiplex, or a floor (own process) ─▶ clients (this process)
//! ```
//!
//! What is compared is CPU per delivered event and per action, taken from the kernel's count for the one process, and
//! the ratio of the two; on a machine that others use as well this says more than rates and times do. Every event is
//! checked for its number and every answer for its ActionID: one lost, doubled or out of order fails the bench.
//!
//! `cargo bench --bench end_to_end`, some minutes; with `-- --quick` one, with `-- --crowd` 9,000 silent clients, with `-- fan-out`
//! (`flush`, `filter`, `tls`, `stalled`, `long`, `actions`, `sessions`) those rows alone. This binary runs itself as node and
//! as floor; without `--bench` (as under `cargo test`) it measures for moments only, to show that it works.

#[path = "end_to_end/actions.rs"]
mod actions;
#[path = "end_to_end/caller.rs"]
mod caller;
#[path = "end_to_end/cpu.rs"]
mod cpu;
#[path = "end_to_end/events.rs"]
mod events;
#[path = "end_to_end/figure.rs"]
mod figure;
#[path = "end_to_end/floor.rs"]
mod floor;
#[path = "end_to_end/node.rs"]
mod node;
#[path = "end_to_end/process.rs"]
mod process;
#[path = "end_to_end/serving.rs"]
mod serving;
#[path = "end_to_end/sessions.rs"]
mod sessions;
#[path = "end_to_end/subscriber.rs"]
mod subscriber;
#[path = "end_to_end/tls.rs"]
mod tls;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use process::Bed;

/// What may go wrong here ends the bench with a sentence; nobody needs to tell one kind from another.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long each scene runs.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Under load and not counted.
    warm_up: Duration,
    /// Counted.
    window: Duration,
    /// Silent clients whose memory is counted.
    idle: usize,
    /// The one group of rows that is wanted; all without.
    only: Option<Rows>,
}

/// Rows that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    FanOut,
    Flush,
    Filter,
    Tls,
    Stalled,
    Long,
    Actions,
    Sessions,
}

impl Rows {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "fan-out" => Self::FanOut,
            "flush" => Self::Flush,
            "filter" => Self::Filter,
            "tls" => Self::Tls,
            "stalled" => Self::Stalled,
            "long" => Self::Long,
            "actions" => Self::Actions,
            "sessions" => Self::Sessions,
            _ => return None,
        })
    }
}

/// What is compared is measured in so many turns, one after the other: a machine whose pace changes changes it for all. What is said
/// is the turn in the middle of the five.
const TURNS: u32 = 5;

impl Plan {
    const FULL: Self = Self {
        warm_up: Duration::from_millis(400),
        window: Duration::from_secs(5),
        idle: 2_000,
        only: None,
    };
    const QUICK: Self = Self {
        warm_up: Duration::from_millis(150),
        window: Duration::from_millis(600),
        idle: 400,
        only: None,
    };
    const PROOF: Self = Self {
        warm_up: Duration::from_millis(20),
        window: Duration::from_millis(100),
        idle: 40,
        only: None,
    };

    fn wants(self, rows: Rows) -> bool {
        self.only.is_none_or(|only| only == rows)
    }

    /// One turn of it.
    fn turn(self) -> Self {
        Self {
            window: self.window / TURNS,
            ..self
        }
    }

    /// The same for what has to hold for a while.
    fn long(self) -> Self {
        let window = if self.window >= Self::FULL.window {
            Duration::from_secs(20)
        } else {
            self.window
        };
        Self { window, ..self }
    }
}

fn main() -> ExitCode {
    match obey() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr closed only the exit code is left.
            drop(writeln!(std::io::stderr(), "end_to_end: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn obey() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["node"] => return node::serve(),
        ["fan-out-floor", node, _] => return floor::fan_out(node.parse()?),
        ["tenth-floor", node, _] => return floor::fan_out_a_tenth(node.parse()?),
        ["tasks-floor", node, _] => return floor::fan_out_by_tasks(node.parse()?),
        ["tls-floor", node, directory] => {
            return floor::fan_out_over_tls(node.parse()?, directory.into());
        }
        ["relay-floor", node, _] => return floor::relay(node.parse()?),
        ["mux-floor", node, _] => return floor::mux::run(node.parse()?),
        ["login-floor", ..] => return floor::logins(),
        ["login-tls-floor", _, directory] => return floor::logins_over_tls(directory.into()),
        _ => {}
    }
    let mut crowd = false;
    let mut plan = Plan::PROOF;
    let mut only = None;
    for word in words {
        match word {
            "--bench" if plan.window == Plan::PROOF.window => plan = Plan::FULL,
            "--bench" => {}
            "--quick" => plan = Plan::QUICK,
            "--crowd" => crowd = true,
            // A test runner asks for names; there are none.
            "--list" => return Ok(()),
            other => {
                only = Some(Rows::named(other).ok_or_else(|| {
                    format!("{other:?} is no group of rows, nor --quick, --crowd or --bench")
                })?);
            }
        }
    }
    // `--bench` is cargo's and comes last.
    if crowd {
        plan.idle = 9_000;
    }
    plan.only = only;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(plan))
}

async fn measure(plan: Plan) -> Outcome<()> {
    let mut bed = Bed::start().await?;
    let mut faults = Box::pin(events::measure(&mut bed, plan)).await?;
    if plan.wants(Rows::Actions) {
        faults += actions::measure(&mut bed, plan).await?;
    }
    if plan.wants(Rows::Sessions) {
        sessions::measure(&mut bed, plan).await?;
    }
    if faults > 0 {
        return Err(
            format!("{faults} events or answers were lost, doubled or out of order").into(),
        );
    }
    Ok(())
}

/// Prints a line of the result.
fn say(line: &str) -> Outcome<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
