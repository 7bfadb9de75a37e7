//! A stream of events at a chosen rate, for benches: prepared once, written in batches.
//!
//! Owner: one task of the node. An event differs from the next only in its `Sequence` and `Sent` values, both of fixed
//! width, patched into a prepared block, so that ten thousands per second cost little CPU.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::classes::CALL;
use crate::message::Message;
use crate::state::Core;

/// What a flood has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FloodCount {
    /// Events made; each goes to every session with class call.
    pub made: u64,
    /// Deliveries left out because the session had too much waiting.
    pub skipped: u64,
}

/// From one batch to the next, unless somebody says otherwise.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// A session with more than this waiting gets no more of the flood.
const BACKLOG_BYTES: usize = 8 * 1024 * 1024;
/// Width of the two numbers.
const DIGITS: usize = 17;

/// Makes events until it is aborted or the node closes.
pub(crate) async fn run(core: Arc<Core>, events_per_second: u32, bytes: usize, gap: Duration) {
    let template = Template::new(core.options.system_name.as_deref(), bytes);
    let mut closing = core.closing.subscribe();
    let mut tick = interval(gap.max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let started = Instant::now();
    let mut made = 0_u64;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
        core.gate.pass().await;
        // From the time that passed, not from the number of ticks: a late tick is made up for.
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let target = micros.saturating_mul(events_per_second.into()) / 1_000_000;
        // After a long pause at most one second's worth comes at once.
        let due = target.saturating_sub(made).min(events_per_second.into());
        made = target;
        if due > 0 {
            push(&core, &template, due);
        }
    }
}

fn push(core: &Core, template: &Template, due: u64) {
    core.with(|state| {
        let sent = state.world.clock.wall().as_micros();
        let block = template.block(state.flooded.made, due, u64::try_from(sent).unwrap_or(0));
        state.flooded.made += due;
        for seat in state.seats.values_mut() {
            if !seat.is_logged_in() || !seat.mask.covers(CALL) {
                continue;
            }
            if seat.waiting_bytes() > BACKLOG_BYTES {
                state.flooded.skipped += due;
            } else {
                seat.push(block.clone(), usize::MAX);
            }
        }
    });
}

/// One event and the places of its numbers.
#[derive(Debug)]
struct Template {
    event: Vec<u8>,
    sequence_at: usize,
    sent_at: usize,
}

impl Template {
    /// An event of about `bytes` bytes; never shorter than its headers need.
    fn new(system_name: Option<&str>, bytes: usize) -> Self {
        let zeros = "0".repeat(DIGITS);
        let start = Message::broadcast("Newexten", CALL, None, system_name)
            .header("Channel", "PJSIP/flood-00000001")
            .header("ChannelState", "6")
            .header("ChannelStateDesc", "Up")
            .header("Context", "flood")
            .header("Uniqueid", "flood.1")
            .header("Linkedid", "flood.1")
            .header("Sequence", &zeros)
            .header("Sent", &zeros);
        let bare = start.clone().header("AppData", "").end().len();
        let fill = "x".repeat(bytes.saturating_sub(bare));
        let event = start.header("AppData", fill).end().to_vec();
        let place = |name: &[u8]| {
            let at = event.windows(name.len()).position(|window| window == name);
            at.map_or(0, |at| at + name.len())
        };
        Self {
            sequence_at: place(b"Sequence: "),
            sent_at: place(b"Sent: "),
            event,
        }
    }

    fn block(&self, first: u64, count: u64, sent: u64) -> Bytes {
        let count_bytes = usize::try_from(count).unwrap_or(0);
        let mut block = Vec::with_capacity(self.event.len() * count_bytes);
        for sequence in first..first + count {
            let from = block.len();
            block.extend_from_slice(&self.event);
            write_number(&mut block, from + self.sequence_at, sequence);
            write_number(&mut block, from + self.sent_at, sent);
        }
        Bytes::from(block)
    }
}

fn write_number(block: &mut [u8], at: usize, number: u64) {
    let digits = format!("{number:017}");
    if let Some(place) = block.get_mut(at..at + digits.len()) {
        place.copy_from_slice(digits.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use ami_proto::Frame;

    use super::Template;

    #[test]
    fn a_block_holds_numbered_events_of_the_asked_size() {
        let template = Template::new(Some("pbx1"), 420);
        let block = template.block(41, 2, 7);
        assert_eq!(block.len(), 840);
        let second = Frame::parse(block.slice(420..)).expect("a whole event");
        assert_eq!(second.header("Sequence"), Some(&b"00000000000000042"[..]));
        assert_eq!(second.header("Sent"), Some(&b"00000000000000007"[..]));
        assert_eq!(second.event_name(), Some(&b"Newexten"[..]));
    }
}
