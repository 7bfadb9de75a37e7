//! Lanes are opened when they are needed and closed when they are not.

use std::time::Duration;

use ami_mux::LaneRole;

use crate::rig::{Rig, settings};

/// Event lane, action lanes, blocking lanes.
fn lanes(rig: &Rig) -> [usize; 3] {
    let figures = rig.node.figures();
    assert_eq!(figures.action_lanes, rig.lanes(LaneRole::Action).len());
    [
        figures.event_lanes,
        figures.action_lanes,
        figures.blocking_lanes,
    ]
}

/// Three slow actions and two blocking ones, which open every lane that may be; all answered.
fn burst(rig: &mut Rig) {
    for session in 0..4 {
        rig.submit(session, &format!("Action: Command|Command: c{session}"));
    }
    for session in 10..13 {
        rig.submit(session, &format!("Action: Originate|Channel: b{session}"));
    }
    rig.connect_all();
    let all = |rig: &Rig| {
        let roles = [LaneRole::Action, LaneRole::Blocking];
        roles
            .into_iter()
            .flat_map(|role| rig.lanes(role))
            .collect::<Vec<_>>()
    };
    while let Some(lane) = all(rig)
        .into_iter()
        .find(|lane| !rig.unanswered(*lane).is_empty())
    {
        rig.answer(lane);
    }
    assert_eq!(rig.finals().len(), 7);
}

#[test]
fn at_rest_a_node_has_two_sessions() {
    let mut rig = Rig::up(settings());
    assert_eq!(lanes(&rig), [1, 1, 0]);
    for _ in 0..3 {
        burst(&mut rig);
        assert_eq!(lanes(&rig), [1, 3, 2], "the bounds of the settings");
        // Keepalive Pings come and go meanwhile.
        rig.wait(Duration::from_millis(29_900));
        assert_eq!(lanes(&rig), [1, 3, 2]);
        rig.wait(Duration::from_millis(200));
        assert_eq!(lanes(&rig), [1, 1, 0]);
        rig.wait(Duration::from_mins(10));
        assert_eq!(lanes(&rig), [1, 1, 0]);
        assert!(rig.opening.is_empty());
    }
}

#[test]
fn a_lane_in_use_is_not_closed() {
    let mut rig = Rig::up(settings());
    burst(&mut rig);
    for _ in 0..4 {
        rig.wait(Duration::from_secs(20));
        rig.submit(1, "Action: Command|Command: again");
        let lane = rig.lane_of("again").expect("at the node");
        rig.answer(lane);
    }
    rig.submit(2, "Action: Command|Command: long");
    let busy = rig.lane_of("long").expect("at the node");
    // Within the deadline of the action, and beyond the idle time of its lane.
    rig.wait(Duration::from_millis(29_900));
    assert!(rig.lanes(LaneRole::Action).contains(&busy));
    assert_eq!(rig.unanswered(busy), ["long"]);
}

#[test]
fn the_idle_time_is_as_configured() {
    let mut settings = settings();
    settings.lane_idle = Duration::from_secs(2);
    settings.lanes_min = 2;
    let mut rig = Rig::up(settings);
    burst(&mut rig);
    rig.wait(Duration::from_millis(1_900));
    assert_eq!(lanes(&rig), [1, 3, 2]);
    rig.wait(Duration::from_millis(200));
    assert_eq!(lanes(&rig), [1, 2, 0]);
}
