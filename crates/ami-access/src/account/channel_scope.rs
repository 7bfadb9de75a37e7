//! `channels`: which channels and devices are an account's own, as patterns such as `PJSIP/acme-*`.
//!
//! Names are compared without regard to ASCII case, as Asterisk compares them. A pattern that covers a device covers its
//! channels: the tail `-0000001a`, or `-0000001a;1` of half a Local channel, may be left out of it.
//! What is not clearly inside is outside.

use crate::glob::Glob;
use crate::scope::dialled;

/// The patterns of an account, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelScope {
    patterns: Box<[Glob]>,
}

impl ChannelScope {
    /// Reads patterns separated by commas. `None` when one is empty, or when it could be no channel and no device: those begin
    /// with a technology and `/`, or with a kind and `:`.
    pub fn parse(list: &str) -> Option<Self> {
        let pattern = |word: &str| {
            let word = word.trim();
            let is_name = word.starts_with('*') || word.contains(['/', ':']);
            Glob::new(word).filter(|_| is_name)
        };
        let patterns = list.split(',').map(pattern).collect::<Option<_>>()?;
        Some(Self { patterns })
    }

    /// Whether the channel of that name is inside, by its whole name or by its device's.
    pub fn holds_channel(&self, name: &[u8]) -> bool {
        let name = of_stand_in(name);
        self.matches(name) || without_tail(name).is_some_and(|device| self.matches(device))
    }

    /// Whether that device is inside: the interface of a queue's member, a dial string, what has a state. Where the node
    /// could read it in more than one way, all of them must be.
    pub fn holds_device(&self, device: &[u8]) -> bool {
        dialled::all_readings(device, |reading| self.matches(reading))
    }

    /// Whether it is inside, being the name of a channel or, where no channel came to be, what was dialled.
    pub fn holds_party(&self, name: &[u8]) -> bool {
        if without_tail(name).is_some() {
            self.holds_channel(name)
        } else {
            self.holds_device(name)
        }
    }

    /// Whether exactly that name is covered.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether every name that begins so is covered.
    pub fn holds_all_beginning_with(&self, start: &[u8]) -> bool {
        let mut open_ended = self.patterns.iter().filter(|one| one.is_open_ended());
        open_ended.any(|pattern| pattern.matches(start))
    }
}

/// The channel whose place a stand-in takes or took: Asterisk calls it `AsyncGoto/PJSIP/100-0000001a<ZOMBIE>` and the like.
fn of_stand_in(name: &[u8]) -> &[u8] {
    let mut whole = name;
    while let Some(rest) = STAND_IN_ENDS
        .iter()
        .find_map(|end| whole.strip_suffix(*end))
    {
        whole = rest;
    }
    STAND_IN_BEGINNINGS
        .iter()
        .find_map(|begin| whole.strip_prefix(*begin))
        .filter(|rest| rest.contains(&b'/'))
        .unwrap_or(whole)
}

const STAND_IN_BEGINNINGS: [&[u8]; 5] = [
    b"AsyncGoto/",
    b"Bridge/",
    b"Parked/",
    b"Surrogate/",
    b"Transfered/",
];

const STAND_IN_ENDS: [&[u8]; 2] = [b"<MASQ>", b"<ZOMBIE>"];

/// The device of a channel's name: what stands before `-` and eight hexadecimal digits, once. A device may well have a
/// name that ends so itself.
fn without_tail(name: &[u8]) -> Option<&[u8]> {
    let whole = name
        .strip_suffix(b";1")
        .or_else(|| name.strip_suffix(b";2"))
        .unwrap_or(name);
    let (device, tail) = whole.split_at_checked(whole.len().checked_sub(TAIL_BYTES)?)?;
    let digits = tail.strip_prefix(b"-")?;
    (!device.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)).then_some(device)
}

/// Length of `-0000001a`.
const TAIL_BYTES: usize = 9;

#[cfg(test)]
mod tests;
