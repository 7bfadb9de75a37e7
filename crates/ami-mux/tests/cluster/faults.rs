//! What goes wrong, at random: nodes and lanes are cut, processes freeze, die and start again, clients are slow.

use std::time::Duration;

use ami_mux::LaneId;

use crate::network::Network;

/// How often something happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// One in so many milliseconds; none with 0.
    one_in: u32,
}

impl Faults {
    pub(crate) fn none() -> Self {
        Self { one_in: 0 }
    }

    pub(crate) fn often() -> Self {
        Self { one_in: 400 }
    }

    /// Something may go wrong in this millisecond.
    pub(crate) fn maybe(self, network: &mut Network) {
        if self.one_in == 0 || network.rng.u32(0..self.one_in) != 0 {
            return;
        }
        let now = network.now;
        let until = now + Duration::from_millis(network.rng.u64(20..2_500));
        let kind = network.rng.u8(0..7);
        if kind == 6 {
            let index = network.rng.usize(0..network.clients.len());
            network.clients[index].slow_until = Some(until);
            return;
        }
        let index = network.rng.usize(0..network.sites.len());
        let is_strict = network.is_strict;
        let site = &mut network.sites[index];
        // What waits while a node lists what it has goes on without that when the node is lost: it fits to nothing that was told.
        if is_strict && !site.machine.status().settled {
            return;
        }
        let all: Vec<LaneId> = site.open.iter().copied().collect();
        match kind {
            // It hangs, and does later what it has read.
            0 => site.asterisk.frozen_until = Some(until),
            // The event lane alone.
            1 | 2 => {
                let lane: Vec<LaneId> = site.asterisk.event_lane().into_iter().collect();
                site.lose(&lane, now);
            }
            3 => {
                let lane: Vec<LaneId> = network.rng.choice(all).into_iter().collect();
                site.lose(&lane, now);
            }
            // The network: its calls go on.
            4 => {
                site.asterisk.away_until = Some(until);
                site.lose(&all, now);
            }
            // The process, and its calls.
            _ => {
                site.asterisk.away_until = Some(until);
                site.asterisk.dies();
                site.lose(&all, now);
            }
        }
    }
}
