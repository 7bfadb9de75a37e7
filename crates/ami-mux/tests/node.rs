//! The rules of a node's machine, one by one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails loudly"
)]

#[path = "support/rig.rs"]
mod rig;

use std::time::Duration;

use ami_mux::{LaneRole, Mail};
use rig::{Rig, settings};

fn getvar(tag: &str) -> String {
    format!("Action: Getvar|Variable: {tag}")
}

fn command(tag: &str) -> String {
    format!("Action: Command|Command: {tag}")
}

/// A session's actions never run on two lanes at once, also when one of them could not be written.
#[test]
fn an_action_that_cannot_be_written_leaves_its_session_in_one_place() {
    let mut settings = settings();
    settings.lanes_min = 2;
    settings.depth = 1;
    let mut rig = Rig::up(settings);
    let lanes = rig.lanes(LaneRole::Action);
    // Both lanes are taken by others, so that the session's actions wait together.
    rig.submit(1, &getvar("x"));
    rig.submit(2, &getvar("y"));
    rig.submit(3, &getvar("y"));
    rig.submit(9, "Action: Getvar|Variable: bad\rvalue");
    rig.submit(9, &getvar("first"));
    rig.submit(9, &getvar("second"));
    rig.answer(lanes[0]);
    rig.answer(lanes[1]);
    rig.answer(lanes[0]);
    for _ in 0..4 {
        let both = rig.lane_of("first").is_some() && rig.lane_of("second").is_some();
        assert!(
            !both || rig.lane_of("first") == rig.lane_of("second"),
            "two actions of one session on two lanes"
        );
        for lane in &lanes {
            if !rig.unanswered(*lane).is_empty()
                && !rig.unanswered(*lane).contains(&"first".to_owned())
            {
                rig.answer(*lane);
            }
        }
    }
}

/// Quick traffic that never ends does not keep a slow action waiting for ever.
#[test]
fn a_slow_action_gets_its_lane_also_under_endless_quick_traffic() {
    for (min, max) in [(3, 3), (1, 1), (1, 3)] {
        let mut settings = settings();
        settings.lanes_min = min;
        settings.lanes_max = max;
        let mut rig = Rig::up(settings);
        for session in 0..12 {
            rig.submit(session, &getvar("q"));
        }
        rig.connect_all();
        rig.submit(99, &command("slow"));
        rig.connect_all();
        let mut rounds = 0;
        while rig.lane_of("slow").is_none() {
            rounds += 1;
            assert!(rounds < 40, "lanes {min}..={max}: the slow action starves");
            for lane in rig.lanes(LaneRole::Action) {
                if !rig.unanswered(lane).is_empty() {
                    rig.answer(lane);
                    rig.mail.clear();
                    let session = 1000 + rounds * 10 + u64::from(lane.0);
                    rig.submit(session, &getvar("q"));
                }
            }
            rig.connect_all();
        }
        // And quick ones go on beside it, where there is a lane for them.
        if max > 1 {
            rig.submit(5000, &getvar("beside"));
            let beside = |rig: &Rig| rig.lane_of("beside");
            for _ in 0..20 {
                for lane in rig.lanes(LaneRole::Action) {
                    if Some(lane) != rig.lane_of("slow")
                        && !rig.unanswered(lane).is_empty()
                        && beside(&rig).is_none()
                    {
                        rig.answer(lane);
                    }
                }
            }
            assert!(
                beside(&rig).is_some(),
                "lanes {min}..={max}: quick ones starve"
            );
        }
    }
}

/// A node that takes a login and closes at once is not asked again without a pause.
#[test]
fn a_node_that_closes_right_after_the_login_is_backed_off_from() {
    let mut rig = Rig::new(settings());
    let mut attempts = Vec::new();
    for _ in 0..4 {
        let event = rig
            .opening
            .iter()
            .find(|(_, role, _)| *role == LaneRole::Event)
            .copied()
            .expect("an event lane is wanted");
        attempts.push(event.2);
        rig.connect_all();
        rig.lose(event.0);
    }
    assert_eq!(attempts, [0, 1, 2, 3]);
    // One that held a while is another matter.
    rig.connect_all();
    rig.wait(Duration::from_mins(2));
    let event = rig.event_lane();
    rig.lose(event);
    assert_eq!(rig.opening[0].2, 0);
}

#[test]
fn an_action_lane_that_closes_right_after_the_login_is_backed_off_from() {
    let mut rig = Rig::up(settings());
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let lane = rig.lanes(LaneRole::Action)[0];
        rig.lose(lane);
        attempts.push(rig.opening[0].2);
        rig.connect_all();
    }
    assert!(
        attempts.iter().skip(1).all(|attempt| *attempt > 0),
        "{attempts:?}"
    );
}

/// What a UserEvent's author writes can end no action of amiplex, should he learn its id.
#[test]
fn an_event_on_the_event_lane_answers_nothing() {
    let mut rig = Rig::up(settings());
    rig.answers_pings = false;
    rig.wait(Duration::from_secs(11));
    let event = rig.event_lane();
    let ping = rig.take(event);
    let id = rig::wire_id(&ping);
    rig.says(
        event,
        &format!("Event: UserEvent|Privilege: user,all|UserEvent: x|ActionID: {id}"),
    );
    let events = rig.events();
    assert_eq!(events.len(), 1, "the event is shown");
    assert!(!events[0].contains("amx1-"), "{events:?}");
    rig.wait(Duration::from_secs(6));
    assert!(
        rig.broadcast
            .iter()
            .any(|mail| matches!(mail, Mail::NodeDown(_))),
        "the Ping is still unanswered"
    );
}

/// An Originate's Timeout is the time of its call; its acknowledgement comes at once.
#[test]
fn the_timeout_of_an_async_originate_does_not_delay_its_deadline() {
    let mut rig = Rig::up(settings());
    rig.submit(
        1,
        "Action: Originate|Channel: c|Async: true|Timeout: 4294967295",
    );
    rig.wait(rig::DEADLINE + Duration::from_secs(1));
    let finals = rig.finals();
    assert_eq!(finals.len(), 1, "answered by its deadline");
    assert!(finals[0].2.contains("Outcome: unknown"), "{finals:?}");
}

/// Asterisk's own clock in FullyBooted is outside text.
#[test]
fn an_impossible_uptime_is_survived() {
    let mut rig = Rig::up(settings());
    let event = rig.event_lane();
    rig.says(
        event,
        "Event: FullyBooted|Privilege: system,all|Uptime: 18446744073709551615|LastReload: 1|Status: Fully Booted",
    );
    assert!(rig.status.booted.is_some());
}
