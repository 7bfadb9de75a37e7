//! Relief for the PBX: the CPU of a real Asterisk and of amiplex under steady calls, with clients that read everything and with
//! clients that poll, connected directly and through amiplex.
//!
//! ```text
//!  calls ─▶ Asterisk ─▶ clients            directly
//!  calls ─▶ Asterisk ─▶ amiplex ─▶ clients through amiplex
//! ```
//!
//! `benches/relief.sh` starts the Asterisk and runs this. Each reader counts the events between two marks in the stream; readers
//! that disagree fail the bench.

#[path = "relief/amiplex.rs"]
mod amiplex;
#[path = "relief/calls.rs"]
mod calls;
#[path = "end_to_end/cpu.rs"]
#[expect(
    dead_code,
    reason = "here only the sum is asked for, not the kernel's share"
)]
mod cpu;
#[path = "relief/graph.rs"]
mod graph;
#[path = "relief/pollers.rs"]
mod pollers;
#[path = "relief/readers.rs"]
mod readers;
#[path = "end_to_end/serving.rs"]
mod serving;

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use amiplex::Amiplex;
use calls::Calls;
use cpu::CpuClock;
use tokio::time::{Instant, sleep};

/// What may go wrong here ends the bench with a sentence; nobody needs to tell one kind from another.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Clients that read everything, in each scene.
const READERS: [usize; 4] = [0, 10, 50, 200];
/// Clients that poll.
const POLLERS: usize = 100;
/// How long a call lasts, and so how long it takes until as many end as begin.
const CALL: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Plan {
    asterisk: SocketAddr,
    process: u32,
    calls_per_second: u32,
    window: Duration,
    graph: Option<PathBuf>,
}

/// Which way the clients go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Amiplex,
    /// With `coalesce.window` as the documentation recommends.
    Sharing,
}

impl Way {
    fn title(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Amiplex => "through amiplex",
            Self::Sharing => "through amiplex, sharing window 20 ms",
        }
    }
}

/// CPU of a scene, in percent of one core.
#[derive(Clone, Copy, Debug)]
struct Load {
    asterisk: f64,
    amiplex: Option<f64>,
}

fn main() -> ExitCode {
    match obey() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr closed only the exit code is left.
            drop(writeln!(std::io::stderr(), "relief: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn obey() -> Outcome<()> {
    let Some(plan) = plan()? else {
        return say("relief: benches/relief.sh runs this beside a real Asterisk");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(&plan))
}

/// What the command line asks for; nothing without an Asterisk.
fn plan() -> Outcome<Option<Plan>> {
    let mut words = std::env::args().skip(1);
    let (mut asterisk, mut process, mut graph) = (None, None, None);
    let (mut calls_per_second, mut window) = (5, Duration::from_secs(15));
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match &*word {
            "--asterisk" => asterisk = Some(value()?.parse()?),
            "--process" => process = Some(value()?.parse()?),
            "--calls" => calls_per_second = value()?.parse()?,
            "--graph" => graph = Some(PathBuf::from(value()?)),
            "--quick" => window = Duration::from_secs(4),
            "--bench" | "--list" => {}
            other => return Err(format!("{other:?} is not known here").into()),
        }
    }
    let (Some(asterisk), Some(process)) = (asterisk, process) else {
        return Ok(None);
    };
    Ok(Some(Plan {
        asterisk,
        process,
        calls_per_second,
        window,
        graph,
    }))
}

async fn measure(plan: &Plan) -> Outcome<()> {
    let mut calls = Calls::begin(plan.asterisk, plan.calls_per_second).await?;
    sleep(CALL).await;
    say(
        "\n| Readers | Way | Events/s each | Received by each | CPU of Asterisk | CPU of amiplex |",
    )?;
    say("|---|---|---|---|---|---|")?;
    let mut figures = Vec::new();
    for count in READERS {
        for way in [Way::Direct, Way::Amiplex] {
            let load = readers(plan, &mut calls, count, way).await?;
            figures.push(graph::Figure { count, way, load });
        }
    }
    say(
        "\n| Pollers | Way | Lists/s | Asked for | Time p50, ms | p99 | CPU of Asterisk | CPU of amiplex |",
    )?;
    say("|---|---|---|---|---|---|---|---|")?;
    for way in [Way::Direct, Way::Amiplex, Way::Sharing] {
        pollers(plan, way).await?;
    }
    match &plan.graph {
        Some(file) => graph::draw(file, &figures),
        None => Ok(()),
    }
}

/// amiplex if it is in the way, and where the clients connect.
async fn way(plan: &Plan, way: Way) -> Outcome<(Option<Amiplex>, SocketAddr)> {
    if way == Way::Direct {
        return Ok((None, plan.asterisk));
    }
    let amiplex = Amiplex::start(plan.asterisk, way == Way::Sharing).await?;
    let address = amiplex.address;
    Ok((Some(amiplex), address))
}

async fn readers(plan: &Plan, calls: &mut Calls, count: usize, through: Way) -> Outcome<Load> {
    let (amiplex, address) = way(plan, through).await?;
    let readers = readers::Readers::connect(address, count, through).await?;
    sleep(Duration::from_secs(1)).await;
    let clocks = Clocks::read(plan, amiplex.as_ref())?;
    calls.mark(readers::BEGIN).await?;
    sleep(plan.window).await;
    calls.mark(readers::END).await?;
    let received = readers.finish().await?;
    let (load, seconds) = clocks.load(plan, amiplex.as_ref())?;
    let (least, most) = (received.iter().min(), received.iter().max());
    if least != most {
        return Err(format!("readers received from {least:?} to {most:?} events").into());
    }
    let (rate, each) = match least {
        Some(each) => (format!("{:.0}", figure(*each) / seconds), format!("{each}")),
        None => (none(), none()),
    };
    say(&format!(
        "| {count} | {} | {rate} | {each} | {} |",
        through.title(),
        load.columns()
    ))?;
    Ok(load)
}

async fn pollers(plan: &Plan, through: Way) -> Outcome<()> {
    let (amiplex, address) = way(plan, through).await?;
    let mut pollers = pollers::Pollers::connect(address, POLLERS, through).await?;
    sleep(Duration::from_secs(2)).await;
    let clocks = Clocks::read(plan, amiplex.as_ref())?;
    pollers.count(true);
    sleep(plan.window).await;
    pollers.count(false);
    let (load, seconds) = clocks.load(plan, amiplex.as_ref())?;
    let mut times = pollers.finish().await?;
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied();
    let millis = |time: Option<Duration>| {
        time.map_or_else(none, |time| format!("{:.1}", time.as_secs_f64() * 1e3))
    };
    say(&format!(
        "| {POLLERS} | {} | {:.0} | {} | {} | {} | {} |",
        through.title(),
        figure(u64::try_from(times.len())?) / seconds,
        2 * POLLERS,
        millis(at(50)),
        millis(at(99)),
        load.columns()
    ))
}

impl Load {
    fn columns(self) -> String {
        let amiplex = self
            .amiplex
            .map_or_else(none, |load| format!("{load:.1} %"));
        format!("{:.1} % | {amiplex}", self.asterisk)
    }
}

/// The CPU time of both processes at one moment.
struct Clocks {
    asterisk: CpuClock,
    amiplex: Option<CpuClock>,
    read: Instant,
}

impl Clocks {
    fn read(plan: &Plan, amiplex: Option<&Amiplex>) -> Outcome<Self> {
        Ok(Self {
            asterisk: CpuClock::read(plan.process)?,
            amiplex: amiplex.map(Amiplex::cpu).transpose()?,
            read: Instant::now(),
        })
    }

    /// The load since then, and the seconds.
    fn load(&self, plan: &Plan, amiplex: Option<&Amiplex>) -> Outcome<(Load, f64)> {
        let now = Self::read(plan, amiplex)?;
        let seconds = now.read.duration_since(self.read).as_secs_f64();
        let percent = |later: &CpuClock, earlier: &CpuClock| {
            Duration::from_nanos(later.since(earlier).nanos).as_secs_f64() / seconds * 100.0
        };
        let load = Load {
            asterisk: percent(&now.asterisk, &self.asterisk),
            amiplex: match (&now.amiplex, &self.amiplex) {
                (Some(later), Some(earlier)) => Some(percent(later, earlier)),
                _ => None,
            },
        };
        Ok((load, seconds))
    }
}

/// What stands where there is no figure.
fn none() -> String {
    "–".to_owned()
}

/// A count as a number to divide; those here are small enough to be exact.
fn figure(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Prints a line of the result.
fn say(line: &str) -> Outcome<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
