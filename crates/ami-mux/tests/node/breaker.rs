//! A node that takes actions and answers none is told from one that is slow, and from a lane that was cut off.

use std::time::Duration;

use ami_mux::{Condition, LaneRole, NodeNote, NodeSettings, Service};

use crate::rig::{DEADLINE, Rig, allowed, settings};

/// `keepalive_deadline` of [`settings`].
const PING_DEADLINE: Duration = Duration::from_secs(5);
const EVENT: &str = "Event: Reload|Privilege: user,all|Module: m";

fn getvar(tag: &str) -> String {
    format!("Action: Getvar|Variable: {tag}")
}

/// Keeps the event lane alive and its Pings answered, as a node does whose other sessions are stuck.
fn wait(rig: &mut Rig, time: Duration) {
    let end = rig.now + time;
    while rig.now < end {
        let step = Duration::from_secs(1).min(end - rig.now);
        rig.wait(step);
        let event = rig.event_lane();
        while !rig.unanswered(event).is_empty() {
            rig.answer(event);
        }
        rig.says(event, EVENT);
    }
}

fn mute(rig: &mut Rig) {
    rig.answers_pings = false;
    rig.answers_questions = false;
}

fn opened(rig: &Rig) -> usize {
    let silent = |note: &&NodeNote| matches!(note, NodeNote::Silent { .. });
    rig.notes.iter().filter(silent).count()
}

/// A node whose action side is stuck, found out by an action of a client.
fn silent() -> Rig {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    mute(&mut rig);
    rig.submit(1, &getvar("first"));
    rig.submit(2, &getvar("behind"));
    wait(&mut rig, DEADLINE);
    assert_eq!(rig.status.condition(), Condition::Up, "only suspected");
    assert_eq!(rig.finals().len(), 2);
    // The new lane is one more than the most, since the other is taken.
    assert_eq!(rig.opening.len(), 1);
    rig.submit(3, &getvar("waits"));
    rig.connect_all();
    wait(&mut rig, PING_DEADLINE);
    assert_eq!(rig.status.condition(), Condition::Silent);
    rig
}

#[test]
fn a_node_that_answers_no_action_is_silent_and_gets_no_more() {
    let mut rig = silent();
    assert!(rig.status.is_up() && !rig.status.takes_routed());
    assert_eq!(&*rig.status.reason, "no answer to a Ping for 5.0s");
    rig.submit(4, &format!("{}|ActionID: x", getvar("new")));
    let last = rig.finals().pop().expect("an answer").2;
    assert_eq!(
        last,
        "Response: Error\r\nActionID: x\r\nMessage: Node pbx1 does not answer, action not sent\r\nOutcome: not-sent\r\n\r\n"
    );
    let event = rig.event_lane();
    rig.broadcast.clear();
    rig.says(event, EVENT);
    assert_eq!(rig.events().len(), 1, "its events go on");
    assert_eq!(opened(&rig), 1);
    rig.node.set_service(Service::Draining);
    rig.pump();
    assert_eq!(rig.status.condition(), Condition::Silent);
    rig.node.set_service(Service::Maintenance);
    rig.pump();
    assert_eq!(rig.status.condition(), Condition::Maintenance);
}

/// Nothing that a client wants is sent to try the node: a lane is opened and pinged, again and again with a longer pause.
#[test]
fn a_silent_node_is_tried_with_pings_on_new_lanes() {
    let mut rig = silent();
    let mut attempts = Vec::new();
    for _ in 0..4 {
        wait(&mut rig, PING_DEADLINE);
        while rig.opening.is_empty() {
            wait(&mut rig, Duration::from_secs(1));
        }
        assert_eq!(rig.opening.len(), 1, "one at a time");
        attempts.push(rig.opening[0].2);
        let tried = rig.opening[0].0;
        rig.connect_all();
        let asked = rig.take(tried);
        assert!(asked.name().is_some_and(|name| name.is("Ping")));
        assert_eq!(
            rig.status.condition(),
            Condition::Silent,
            "a login is no answer"
        );
    }
    assert!(
        attempts.windows(2).all(|pair| pair[0] < pair[1]),
        "{attempts:?}"
    );
    while rig.opening.is_empty() {
        wait(&mut rig, Duration::from_secs(1));
    }
    rig.answers_pings = true;
    rig.answers_questions = true;
    rig.finals();
    rig.connect_all();
    assert_eq!(rig.status.condition(), Condition::Up);
    assert_eq!(&*rig.status.reason, "fully booted");
    assert_eq!(
        rig.notes
            .iter()
            .filter(|note| **note == NodeNote::Answers)
            .count(),
        1
    );
    rig.submit(5, &getvar("again"));
    let lane = rig.lane_of("again").expect("written");
    rig.answer(lane);
    let finals = rig.finals();
    assert_eq!(finals.len(), 1, "{finals:?}");
    assert!(finals[0].2.contains("Tag: again"));
}

/// A frozen node that wakes runs what it has read. Its late answer is nobody's, but it is an answer.
#[test]
fn a_late_answer_closes_the_breaker() {
    let mut rig = silent();
    let lane = rig.lane_of("first").expect("still awaited");
    rig.finals();
    rig.answer(lane);
    assert_eq!(rig.status.condition(), Condition::Up);
    assert!(rig.finals().is_empty(), "nobody is answered twice");
}

/// Idle lanes are asked too: the breaker opens before a client has lost anything.
#[test]
fn an_idle_node_is_found_silent_before_a_client_asks() {
    let mut rig = Rig::up(settings());
    mute(&mut rig);
    // The Ping of the idle lane fails, a new lane is had, its Ping fails.
    for _ in 0..60 {
        wait(&mut rig, Duration::from_secs(1));
        rig.connect_all();
    }
    assert_eq!(rig.status.condition(), Condition::Silent);
    rig.submit(1, &getvar("new"));
    assert!(rig.finals()[0].2.contains("does not answer"));
}

/// The same where connections are taken and the greeting never comes.
#[test]
fn a_lane_that_cannot_be_had_decides_as_well() {
    let mut rig = Rig::up(settings());
    mute(&mut rig);
    rig.submit(1, &getvar("lost"));
    wait(&mut rig, DEADLINE);
    assert_eq!(rig.opening.len(), 1);
    rig.submit(2, &getvar("waits"));
    rig.submit(1, &getvar("next"));
    rig.refuse_all();
    assert_eq!(rig.status.condition(), Condition::Silent);
    assert_eq!(
        &*rig.status.reason,
        "no answer to actions, and no new lane: refused"
    );
    let ended = rig.finals();
    assert_eq!(ended.len(), 3);
    assert!(ended[0].2.contains("Outcome: unknown"), "{ended:?}");
    for (.., text) in &ended[1..] {
        assert!(text.contains("Outcome: not-sent"), "{text}");
    }
}

/// A firewall that forgets idle connections costs a lane, and no action.
#[test]
fn a_lane_that_was_cut_off_is_no_silent_node() {
    let mut settings = settings();
    settings.lanes_min = 2;
    let mut rig = Rig::up(settings);
    for lane in rig.lanes(LaneRole::Action) {
        rig.stick(lane);
    }
    while rig.opening.is_empty() {
        wait(&mut rig, Duration::from_secs(1));
    }
    rig.submit(1, &getvar("waits"));
    rig.connect_all();
    let lane = rig.lane_of("waits").expect("written on the new lane");
    rig.answer(lane);
    assert!(rig.finals()[0].2.contains("Tag: waits"));
    wait(&mut rig, DEADLINE * 2);
    assert_eq!((rig.status.condition(), opened(&rig)), (Condition::Up, 0));
}

/// Actions that are slow by themselves tell nothing of the node, however many and however late.
#[test]
fn slow_actions_open_no_breaker() {
    let mut settings = settings();
    settings.lanes_max = 2;
    let mut rig = Rig::up(settings);
    for session in 1..=5 {
        rig.submit(session, &getvar("SHELL(sleep 50)"));
        rig.connect_all();
    }
    for _ in 0..50 {
        wait(&mut rig, Duration::from_secs(1));
        rig.connect_all();
    }
    let finals = rig.finals();
    assert_eq!(finals.len(), 5);
    assert!(
        finals
            .iter()
            .all(|(.., text)| text.contains("Deadline passed"))
    );
    assert_eq!((rig.status.condition(), opened(&rig)), (Condition::Up, 0));
    assert!(
        rig.lanes(LaneRole::Action).len() <= 3,
        "one more than the most"
    );
}

/// What says itself how long it takes is not overdue before that.
#[test]
fn calls_that_are_waited_for_open_no_breaker() {
    let mut settings = settings();
    settings.lanes_max = 3;
    let mut rig = Rig::up(settings);
    let calls = [
        "Action: Originate|Channel: PJSIP/1|Application: Wait|Timeout: 600000",
        "Action: PlayDTMF|Channel: PJSIP/2|Digit: 1|Duration: 30000",
    ];
    for (session, call) in (1..).zip(calls) {
        let action = allowed(call);
        assert!(action.own_time().is_some());
        rig.submit(session, call);
        rig.connect_all();
    }
    wait(&mut rig, Duration::from_secs(34));
    assert!(rig.finals().is_empty());
    rig.submit(9, &getvar("meanwhile"));
    rig.connect_all();
    let lane = rig.lane_of("meanwhile").expect("written");
    rig.answer(lane);
    assert!(rig.finals()[0].2.contains("Tag: meanwhile"));
    let played = rig.lane_of("PJSIP/2").expect("played");
    rig.answer(played);
    wait(&mut rig, Duration::from_secs(565));
    assert_eq!((rig.status.condition(), opened(&rig)), (Condition::Up, 0));
    let called = rig.lane_of("PJSIP/1").expect("still waited for");
    rig.answer(called);
    let finals = rig.finals();
    assert_eq!(finals.len(), 2, "{finals:?}");
    assert!(
        finals
            .iter()
            .all(|(.., text)| text.starts_with("Response: Success"))
    );
}

/// The loss of the node makes its breaker new.
#[test]
fn a_silent_node_that_is_lost_is_down() {
    let mut rig = silent();
    let event = rig.event_lane();
    rig.lose(event);
    assert_eq!(rig.status.condition(), Condition::Down);
    rig.answers_pings = true;
    rig.answers_questions = true;
    rig.connect_all();
    assert_eq!(rig.status.condition(), Condition::Booting);
}

/// Events that come later than anybody can use: a new lane begins with what is so now.
#[test]
fn an_event_lane_whose_ping_is_never_answered_is_opened_anew() {
    let mut rig = Rig::up(settings());
    rig.answers_pings = false;
    let event = rig.event_lane();
    let keep_answering = |rig: &mut Rig| {
        for lane in rig.lanes(LaneRole::Action) {
            while !rig.unanswered(lane).is_empty() {
                rig.answer(lane);
            }
        }
    };
    let mut waited = Duration::ZERO;
    while rig.status.is_up() {
        rig.wait(Duration::from_secs(1));
        waited += Duration::from_secs(1);
        if rig.lanes(LaneRole::Event).is_empty() {
            break;
        }
        rig.says(event, EVENT);
        keep_answering(&mut rig);
    }
    let asked_after = settings().keepalive_interval;
    assert_eq!(waited, asked_after + NodeSettings::LATE_EVENTS_MAX);
    assert_eq!(&*rig.status.reason, "its events come too late");
    assert_eq!(rig.closed, [event], "actions under way go on");
    rig.answers_pings = true;
    rig.connect_all();
    assert!(rig.status.is_up() && !rig.status.lagging);
}
