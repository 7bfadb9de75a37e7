//! The CPU time of another process, as Linux counts it.
//!
//! `/proc/PID/stat` tells user and system time apart, in hundredths of a second; `/proc/PID/task/*/schedstat` has their sum
//! in nanoseconds. The sum is taken from the second, the share of user time from the first.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{read_dir, read_to_string};

use crate::Outcome;

/// With fewer the two are not told apart: what runs at the ticks only is counted never or always.
const TICKS_MIN: u64 = 30;

/// A reading of the clock.
#[derive(Debug)]
pub(crate) struct CpuClock {
    /// Nanoseconds on a CPU, by thread: one that ended must not take its time out of the sum.
    threads: BTreeMap<OsString, u64>,
    user_ticks: u64,
    system_ticks: u64,
}

/// CPU time between two readings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// In nanoseconds.
    pub(crate) nanos: u64,
    user_ticks: u64,
    ticks: u64,
}

impl Spent {
    /// What was spent outside the kernel, in percent; none when there were too few hundredths to tell.
    pub(crate) fn user_percent(&self) -> Option<u64> {
        (self.ticks >= TICKS_MIN).then(|| self.user_ticks * 100 / self.ticks)
    }

    /// With what was spent another time.
    pub(crate) fn add(&mut self, other: Self) {
        self.nanos += other.nanos;
        self.user_ticks += other.user_ticks;
        self.ticks += other.ticks;
    }
}

impl CpuClock {
    pub(crate) fn read(process: u32) -> Outcome<Self> {
        let mut threads = BTreeMap::new();
        for thread in read_dir(format!("/proc/{process}/task"))? {
            let thread = thread?;
            // A thread may end between the two calls.
            let Ok(text) = read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            let nanos = text.split(' ').next().unwrap_or_default().parse()?;
            threads.insert(thread.file_name(), nanos);
        }
        let stat = read_to_string(format!("/proc/{process}/stat"))?;
        // The name of the program stands in parentheses and may hold anything.
        let (_, rest) = stat.rsplit_once(") ").ok_or("unreadable /proc/PID/stat")?;
        let mut ticks = rest.split(' ').skip(11).map(str::parse);
        let mut next = || ticks.next().ok_or("short /proc/PID/stat");
        Ok(Self {
            threads,
            user_ticks: next()??,
            system_ticks: next()??,
        })
    }

    pub(crate) fn since(&self, earlier: &Self) -> Spent {
        let before = |thread| earlier.threads.get(thread).copied().unwrap_or(0);
        let nanos = self
            .threads
            .iter()
            .map(|(thread, nanos)| nanos.saturating_sub(before(thread)))
            .sum();
        let user = self.user_ticks - earlier.user_ticks;
        let system = self.system_ticks - earlier.system_ticks;
        Spent {
            nanos,
            user_ticks: user,
            ticks: user + system,
        }
    }
}
