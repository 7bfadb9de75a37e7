//! A node whose events come late is told from one that is dead.

use std::time::Duration;

use ami_mux::{Condition, NodeNote, NodeState, Service};

use crate::rig::{Rig, settings};

const EVENT: &str = "Event: Reload|Privilege: user,all|Module: m";

/// A node with one Ping on its event lane that it has not answered.
fn pinged() -> Rig {
    let mut rig = Rig::up(settings());
    rig.answers_pings = false;
    let interval = settings().keepalive_interval;
    rig.wait(interval);
    assert_eq!(rig.unanswered(rig.event_lane()).len(), 1);
    rig
}

/// Waits until the next Ping of the event lane has just been sent.
fn until_pinged(rig: &mut Rig) {
    let end = rig.now + settings().keepalive_interval;
    while rig.unanswered(rig.event_lane()).is_empty() {
        rig.wait(Duration::from_millis(10));
        assert!(rig.now <= end, "never");
    }
}

#[test]
fn a_late_answer_makes_it_lag_before_it_comes_and_a_quick_one_ends_it() {
    let mut rig = pinged();
    let event = rig.event_lane();
    let lag = settings().keepalive_lag;
    rig.wait(lag);
    assert_eq!(rig.status.condition(), Condition::Up, "not more than that");
    rig.wait(Duration::from_millis(1));
    assert_eq!(rig.status.condition(), Condition::Lagging);
    assert!(rig.status.reason.contains("its events come late"));
    assert!(rig.status.is_up() && rig.status.takes_routed());
    rig.says(event, EVENT);
    rig.answer(event);
    assert_eq!(
        rig.status.condition(),
        Condition::Lagging,
        "that one was late"
    );
    until_pinged(&mut rig);
    rig.wait(lag * 3 / 4);
    rig.answer(event);
    assert_eq!(
        rig.status.condition(),
        Condition::Lagging,
        "it hangs over the edge"
    );
    until_pinged(&mut rig);
    rig.wait(lag / 4);
    rig.answer(event);
    assert_eq!(rig.status.condition(), Condition::Up);
    assert_eq!(&*rig.status.reason, "fully booted");
    let lags = |note: &&NodeNote| matches!(note, NodeNote::Lagging { .. } | NodeNote::Punctual);
    assert_eq!(rig.notes.iter().filter(lags).count(), 2);
}

/// Its events are behind one another: the answer to the Ping is among the last.
#[test]
fn a_node_that_is_heard_is_not_dead() {
    let mut rig = pinged();
    let event = rig.event_lane();
    for _ in 0..20 {
        rig.wait(settings().keepalive_deadline / 2);
        rig.says(event, EVENT);
    }
    assert_eq!(rig.status.condition(), Condition::Lagging);
    rig.wait(settings().keepalive_deadline);
    assert_eq!(rig.status.state, NodeState::Down, "it is heard no more");
    assert_eq!(&*rig.status.reason, "keepalive Ping not answered");
    assert!(!rig.status.lagging);
}

/// Events that never cease are no reason not to ask how late they are.
#[test]
fn a_busy_event_lane_is_pinged_too() {
    let mut rig = Rig::up(settings());
    rig.answers_pings = false;
    let event = rig.event_lane();
    for _ in 0..4 {
        rig.wait(settings().keepalive_interval / 4);
        rig.says(event, EVENT);
    }
    assert_eq!(rig.unanswered(event).len(), 1);
}

#[test]
fn the_operators_word_comes_before_it() {
    let mut rig = pinged();
    rig.wait(settings().keepalive_lag * 2);
    assert_eq!(rig.status.condition(), Condition::Lagging);
    rig.node.set_service(Service::Draining);
    rig.pump();
    assert_eq!(rig.status.condition(), Condition::Draining);
    rig.node.set_service(Service::Open);
    rig.pump();
    assert_eq!(rig.status.condition(), Condition::Lagging);
}

/// What cannot be had again and again is counted, until it is had.
#[test]
fn failures_in_a_row_are_counted() {
    let mut rig = Rig::new(settings());
    for failures in 1..4 {
        rig.refuse_all();
        assert_eq!(rig.status.failures, failures);
    }
    rig.connect_all();
    assert_eq!((rig.status.is_up(), rig.status.failures), (true, 0));
}
