//! How a rule chooses among its nodes.
//!
//! Only among those that permit the action, are up and take new calls: a rule that finds none is an error for the client, never another node.
//! Nothing is chosen again once an action was given away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ami_access::Authorized;
use ami_proto::Action;
use md5::{Digest, Md5};
use smallvec::SmallVec;

use super::rule::{RouteRule, RuleTarget};
use super::{Route, goes_to_several};
use crate::directory::Directory;
use crate::view::View;

/// How one of several nodes is chosen.
#[derive(Debug)]
pub enum Choice {
    /// All of them, for lists.
    All,
    /// The first that is up, in the order of the rule.
    Priority,
    /// By the value of a header: the same value goes to the same node as long as that is up, in shares by weight.
    Hash(String),
    /// The one with the fewest channels for its weight; of equal ones, each in turn.
    LeastCalls(Turns),
    /// In turns, in shares by weight.
    Weighted(Turns),
}

/// Counts what was given away, over all sessions.
#[derive(Debug, Default)]
pub struct Turns(AtomicU64);

impl Turns {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Where the rule sends the action.
pub(super) fn choose(
    rule: &RouteRule,
    action: &Authorized<Action>,
    directory: &Directory,
    view: &View,
) -> Route {
    let mut refusal = None;
    let visible: SmallVec<[&RuleTarget; 4]> = rule
        .targets
        .iter()
        .filter(|target| view.contains(target.node))
        .filter(|target| match action.refusal_at(target.node) {
            None => true,
            Some(reason) => {
                refusal.get_or_insert(reason);
                false
            }
        })
        .collect();
    if let (true, Some(refusal)) = (visible.is_empty(), refusal) {
        return Route::Denied(refusal);
    }
    let is_up = |target: &RuleTarget| {
        let entry = directory.entry(target.node);
        entry.is_some_and(|entry| entry.status.is_up())
    };
    let some_is_up = visible.iter().any(|target| is_up(target));
    let visible = visible.into_iter();
    if matches!(rule.choice, Choice::All) {
        let nodes: SmallVec<[_; 4]> = visible.map(|target| target.node).collect();
        return match (&*nodes, goes_to_several(action)) {
            ([], _) => none_is_up(),
            ([only], _) => Route::Node(*only),
            (_, Ok(())) => Route::Several(nodes),
            (_, Err(message)) => Route::Refused(message.to_owned()),
        };
    }
    let usable: SmallVec<[&RuleTarget; 4]> = visible
        .filter(|target| {
            directory
                .entry(target.node)
                .is_some_and(|entry| entry.status.takes_routed())
        })
        .collect();
    let usable = punctual(usable, &rule.choice, directory);
    let chosen = match &rule.choice {
        Choice::All | Choice::Priority => usable.first(),
        Choice::Hash(header) => {
            let value = action.action().header(header).unwrap_or_default();
            by_hash(&usable, directory, value)
        }
        Choice::LeastCalls(turns) => by_calls(&usable, directory, turns.next()),
        Choice::Weighted(turns) => by_weight(&usable, turns.next()),
    };
    match chosen {
        Some(target) => Route::Node(target.node),
        None if some_is_up => Route::Refused(
            "No node of the rule for this action is in service, action not sent".to_owned(),
        ),
        None => none_is_up(),
    }
}

/// Those whose events come in time, if there are any: what is late is not known as it is. But a value of `hash` stays with its node
/// through a moment of that.
fn punctual<'a>(
    usable: SmallVec<[&'a RuleTarget; 4]>,
    choice: &Choice,
    directory: &Directory,
) -> SmallVec<[&'a RuleTarget; 4]> {
    let is_late = |target: &RuleTarget| {
        let entry = directory.entry(target.node);
        entry.is_some_and(|entry| entry.status.lagging)
    };
    let stays = matches!(choice, Choice::Hash(_) | Choice::All);
    if stays || usable.iter().all(|target| is_late(target)) {
        return usable;
    }
    usable
        .into_iter()
        .filter(|target| !is_late(target))
        .collect()
}

fn none_is_up() -> Route {
    Route::Refused("No node of the rule for this action is up, action not sent".to_owned())
}

/// Rendezvous hashing: when a node goes, only its own values move. The logarithm gives each node its share. The hash is one
/// that stays the same over releases, and goes by the nodes' names.
fn by_hash<'a>(
    targets: &'a [&'a RuleTarget],
    directory: &Directory,
    value: &[u8],
) -> Option<&'a &'a RuleTarget> {
    let score = |target: &RuleTarget| {
        let name = directory
            .entry(target.node)
            .map(|entry| Arc::clone(&entry.name));
        let mut hash = Md5::new();
        hash.update(name.unwrap_or_default().as_bytes());
        hash.update([0]);
        hash.update(value);
        let digest: [u8; 16] = hash.finalize().into();
        let bits = digest
            .first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first))
            >> 11;
        // 53 bits, so that the number is exact; never 0 nor 1.
        let unit = (to_f64(bits) + 0.5) / to_f64(1 << 53);
        -f64::from(target.weight) / unit.ln()
    };
    targets
        .iter()
        .max_by(|one, other| score(one).total_cmp(&score(other)))
}

fn to_f64(bits: u64) -> f64 {
    let high = u32::try_from(bits >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(bits & 0xffff_ffff).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

fn by_calls<'a>(
    targets: &'a [&'a RuleTarget],
    directory: &Directory,
    turn: u64,
) -> Option<&'a &'a RuleTarget> {
    let load = |target: &RuleTarget| {
        let entry = directory.entry(target.node);
        let calls = entry.map_or(0, |entry| entry.objects.load());
        f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / f64::from(target.weight.max(1))
    };
    let least = targets
        .iter()
        .map(|target| load(target))
        .min_by(f64::total_cmp)?;
    let equal: SmallVec<[&&RuleTarget; 4]> = targets
        .iter()
        .filter(|target| load(target) <= least)
        .collect();
    let index = usize::try_from(turn).unwrap_or_default() % equal.len().max(1);
    let chosen = equal.get(index).copied()?;
    if let Some(entry) = directory.entry(chosen.node) {
        entry.objects.expect_call();
    }
    Some(chosen)
}

/// Each node gets its share in every run of turns, spread over it rather than in one piece.
fn by_weight<'a>(targets: &'a [&'a RuleTarget], turn: u64) -> Option<&'a &'a RuleTarget> {
    let total: u64 = targets.iter().map(|target| u64::from(target.weight)).sum();
    // A step that shares no divisor with the total visits every place of the run once, far from the place before.
    let step = (1..total.max(2))
        .rev()
        .find(|step| is_coprime(*step, total) && *step <= total * 5 / 8)
        .unwrap_or(1);
    let mut place = turn.wrapping_mul(step) % total.max(1);
    targets.iter().find(|target| {
        let weight = u64::from(target.weight);
        let here = place < weight;
        place = place.saturating_sub(weight);
        here
    })
}

fn is_coprime(mut one: u64, mut other: u64) -> bool {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one == 1
}
