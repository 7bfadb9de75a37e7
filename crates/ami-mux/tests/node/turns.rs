//! Who comes to his turn when.

use std::time::Duration;

use ami_mux::{AtOnce, LaneRole, NodeSettings};

use crate::rig::{DEADLINE, Rig, allowed, settings};

/// Names of what is unanswered at the node, of all lanes.
fn at_node(rig: &Rig) -> Vec<String> {
    let lanes = [LaneRole::Action, LaneRole::Blocking];
    let lanes = lanes.into_iter().flat_map(|role| rig.lanes(role));
    lanes.flat_map(|lane| rig.unanswered(lane)).collect()
}

fn with(at_once: AtOnce) -> Rig {
    let mut rig = Rig::up(NodeSettings {
        lanes_min: 6,
        lanes_max: 6,
        at_once,
        ..settings()
    });
    rig.connect_all();
    rig
}

/// A row for each kind: its limit is reached, and the other kinds go on.
#[test]
fn of_each_kind_so_many_at_once_and_no_more() {
    let only = AtOnce::UNLIMITED;
    let rows = [
        (AtOnce { read: 2, ..only }, "Action: Getvar|Variable: N"),
        (
            AtOnce { write: 2, ..only },
            "Action: Setvar|Value: 1|Variable: N",
        ),
        (AtOnce { command: 2, ..only }, "Action: Command|Command: N"),
        (
            AtOnce { list: 2, ..only },
            "Action: CoreShowChannelMap|Channel: N",
        ),
    ];
    for (number, (at_once, limited)) in rows.iter().enumerate() {
        let mut rig = with(*at_once);
        for session in 0..4 {
            rig.submit(session, &limited.replace('N', &format!("n{session}")));
        }
        assert_eq!(at_node(&rig), ["n0", "n1"], "{limited}");
        for (other, (_, text)) in rows
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number)
        {
            let tag = format!("other{other}");
            rig.submit(
                10 + u64::try_from(other).expect("few"),
                &text.replace('N', &tag),
            );
            assert!(rig.lane_of(&tag).is_some(), "{text} beside {limited}");
        }
        rig.submit(20, "Action: Originate|Channel: blocking");
        rig.connect_all();
        assert!(rig.lane_of("blocking").is_some(), "beside {limited}");
        let lane = rig.lane_of("n0").expect("at the node");
        rig.answer(lane);
        assert!(rig.lane_of("n2").is_some(), "{limited}");
        assert!(rig.lane_of("n3").is_none(), "{limited}");
    }
}

/// What waits for room opens no lane: it would find no work there.
#[test]
fn no_lane_is_opened_for_what_waits_for_room() {
    let mut rig = Rig::up(NodeSettings {
        at_once: AtOnce {
            command: 1,
            ..AtOnce::UNLIMITED
        },
        ..settings()
    });
    for session in 0..5 {
        rig.submit(session, &format!("Action: Command|Command: c{session}"));
    }
    assert!(rig.opening.is_empty());
    assert_eq!(at_node(&rig), ["c0"]);
}

/// One that asks without end has its turn, and no more than that.
#[test]
fn a_looping_client_starves_nobody() {
    let mut rig = with(AtOnce {
        list: 1,
        ..AtOnce::UNLIMITED
    });
    let list = |tag: &str| format!("Action: CoreShowChannelMap|Channel: {tag}");
    for number in 0..8 {
        rig.submit(1, &list(&format!("loop{number}")));
    }
    for session in 2..5 {
        rig.submit(session, &list(&format!("s{session}")));
    }
    let mut order = Vec::new();
    while let Some(tag) = at_node(&rig).first().cloned() {
        let lane = rig.lane_of(&tag).expect("at the node");
        rig.answer(lane);
        order.push(tag);
    }
    assert_eq!(order[..5], ["loop0", "s2", "s3", "s4", "loop1"]);
    assert_eq!(order.len(), 11);
}

/// A session that stays on its lane waits for room like the others, and its order is kept.
#[test]
fn quick_actions_of_one_session_wait_for_room_in_order() {
    let mut rig = with(AtOnce {
        write: 1,
        ..AtOnce::UNLIMITED
    });
    let set = |tag: &str| format!("Action: Setvar|Value: 1|Variable: {tag}");
    rig.submit(1, &set("a"));
    rig.submit(1, &set("b"));
    rig.submit(1, "Action: Getvar|Variable: c");
    rig.submit(2, &set("other"));
    rig.submit(3, "Action: Getvar|Variable: free");
    assert_eq!(at_node(&rig), ["a", "free"]);
    let mut order = Vec::new();
    while let Some(tag) = at_node(&rig).into_iter().find(|tag| tag != "free") {
        let lane = rig.lane_of(&tag).expect("at the node");
        rig.answer(lane);
        order.push(tag);
    }
    let place = |tag: &str| order.iter().position(|other| other == tag).expect("ran");
    assert!(
        place("a") < place("b") && place("b") < place("c"),
        "{order:?}"
    );
    assert_eq!(order.len(), 4);
}

/// The deadline runs while an action waits for room.
#[test]
fn what_waits_for_room_ends_at_its_deadline() {
    let mut rig = with(AtOnce {
        write: 1,
        ..AtOnce::UNLIMITED
    });
    let action = allowed("Action: Setvar|Value: 1|Variable: held");
    let cost = action.cost();
    rig.submit_as(1, action, cost);
    rig.wait(Duration::from_secs(1));
    rig.submit(2, "Action: Setvar|Value: 1|Variable: waits");
    rig.submit(3, "Action: Getvar|Variable: reads");
    let lane = rig.lane_of("reads").expect("another kind");
    if rig.lane_of("held") != Some(lane) {
        rig.answer(lane);
    }
    rig.wait(DEADLINE);
    let ended = rig.finals();
    let text = |session: u64| {
        let of = ended.iter().find(|(to, ..)| *to == session);
        of.map(|(.., text)| text.as_str()).unwrap_or_default()
    };
    assert!(text(1).contains("outcome unknown"), "{ended:?}");
    assert!(
        text(2).contains("Deadline passed, action not sent"),
        "{ended:?}"
    );
}

/// A lane that is kept for a slow action is free when that action cannot be written.
#[test]
fn a_lane_kept_for_what_cannot_be_written_is_free_for_the_others() {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, "Action: Getvar|Variable: x");
    rig.submit(2, "Action: Command|Command: bad\rline");
    rig.submit(3, "Action: Getvar|Variable: y");
    assert_eq!(rig.unanswered(lane), ["x"]);
    rig.answer(lane);
    assert_eq!(rig.unanswered(lane), ["y"]);
}
