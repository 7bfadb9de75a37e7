//! What is overdue on a lane costs nobody but its owner.

use std::time::Duration;

use ami_mux::LaneRole;

use crate::rig::{DEADLINE, Rig, settings};

fn getvar(tag: &str) -> String {
    format!("Action: Getvar|Variable: {tag}")
}

/// Its order is lost once the client was told that nobody knows of it: what follows takes another lane.
#[test]
fn a_session_does_not_wait_for_its_overdue_action() {
    let mut settings = settings();
    settings.lanes_min = 2;
    let mut rig = Rig::up(settings);
    rig.submit(1, &getvar("late"));
    let overdue = rig.lane_of("late").expect("on a lane");
    rig.wait(DEADLINE);
    assert!(rig.finals()[0].2.contains("Outcome: unknown"));
    for name in ["second", "third"] {
        rig.submit(1, &getvar(name));
        let lane = rig.lane_of(name).expect("on a lane");
        assert_ne!(lane, overdue);
        rig.answer(lane);
        assert!(rig.finals()[0].2.contains(name));
    }
    rig.answer(overdue);
    assert!(rig.finals().is_empty(), "nobody is answered twice");
    rig.submit(1, &getvar("last"));
    let lane = rig.lane_of("last").expect("on a lane");
    rig.answer(lane);
    assert!(rig.finals()[0].2.contains("last"));
    assert!(rig.closed.is_empty());
}

/// The rest of its actions at that node still run in order.
#[test]
fn what_follows_an_overdue_action_keeps_its_order() {
    let mut settings = settings();
    settings.lanes_min = 3;
    let mut rig = Rig::up(settings);
    rig.submit(1, &getvar("late"));
    rig.wait(DEADLINE);
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        rig.submit(1, &getvar(name));
    }
    let lane = rig.lane_of("a").expect("on a lane");
    for _ in names {
        rig.answer(lane);
    }
    let answers: Vec<String> = rig.finals().into_iter().map(|(.., text)| text).collect();
    assert_eq!(answers.len(), names.len() + 1);
    for (answer, name) in answers[1..].iter().zip(names) {
        assert!(answer.contains(&format!("Tag: {name}\r\n")), "{answer}");
    }
}

/// A client's action that shares the lane of a question of amiplex has its own time.
#[test]
fn a_question_that_is_not_answered_takes_no_action_with_it() {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    rig.answers_questions = false;
    let event = rig.event_lane();
    rig.says(event, "Event: Load|Privilege: system,all|Module: m");
    let lane = rig.lanes(LaneRole::Action)[0];
    let question = rig.take(lane);
    assert!(question.name().is_some_and(|name| name.is("ListCommands")));
    rig.wait(Duration::from_millis(10));
    rig.submit(1, &getvar("beside"));
    assert_eq!(rig.unanswered(lane), ["beside"]);
    rig.wait(Duration::from_millis(29_995));
    rig.submit(2, &getvar("new"));
    assert_eq!(
        rig.unanswered(lane),
        ["beside"],
        "nothing new until it is clear"
    );
    rig.answer(lane);
    let finals = rig.finals();
    assert_eq!(finals.len(), 1, "{finals:?}");
    assert!(finals[0].2.contains("Tag: beside"), "{finals:?}");
    let late = format!(
        "Response: Success|ActionID: {}|Ping: x (Priv: <none>)",
        crate::rig::wire_id(&question)
    );
    rig.says(lane, &late);
    assert_eq!(rig.unanswered(lane)[0], "new", "the lane is good again");
    rig.answer(lane);
    assert!(rig.finals()[0].2.contains("Tag: new"));
    rig.wait(Duration::from_secs(1));
    let again = rig.take(lane);
    assert!(again.name().is_some_and(|name| name.is("ListCommands")));
}

/// With nothing of clients on it, the lane is closed at once.
#[test]
fn a_lane_on_which_nobody_else_waits_ends_with_its_question() {
    let mut rig = Rig::up(settings());
    rig.answers_questions = false;
    let event = rig.event_lane();
    rig.says(event, "Event: Load|Privilege: system,all|Module: m");
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.take(lane);
    rig.wait(DEADLINE);
    assert_eq!(rig.closed, [lane]);
}

#[test]
fn a_ping_that_is_not_answered_takes_no_action_with_it() {
    let mut rig = Rig::up(settings());
    rig.answers_pings = false;
    let event = rig.event_lane();
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.wait(Duration::from_secs(6));
    rig.wait(Duration::from_secs(4));
    let ping = rig.take(lane);
    assert!(ping.name().is_some_and(|name| name.is("Ping")));
    rig.submit(1, &getvar("behind"));
    assert_eq!(rig.unanswered(lane), ["behind"]);
    // The node is heard on its event lane, so that it is not taken for dead.
    rig.wait(Duration::from_secs(4));
    rig.says(event, "Event: X|Privilege: call,all");
    rig.wait(Duration::from_millis(1_500));
    rig.answer(lane);
    let finals = rig.finals();
    assert!(finals[0].2.contains("Tag: behind"), "{finals:?}");
}
