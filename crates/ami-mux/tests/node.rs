//! The rules of a node's machine, one by one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails loudly"
)]

#[path = "node/breaker.rs"]
mod breaker;
#[path = "node/by_node.rs"]
mod by_node;
#[path = "node/ending.rs"]
mod ending;
#[path = "node/irregular.rs"]
mod irregular;
#[path = "node/kept.rs"]
mod kept;
#[path = "node/lag.rs"]
mod lag;
#[path = "node/lanes.rs"]
mod lanes;
#[path = "node/narrowing.rs"]
mod narrowing;
#[path = "node/overdue.rs"]
mod overdue;
#[path = "node/queue_refresh.rs"]
mod queue_refresh;
#[path = "support/rig.rs"]
mod rig;
#[path = "node/service.rs"]
mod service;
#[path = "node/sharing.rs"]
mod sharing;
#[path = "node/survey.rs"]
mod survey;
#[path = "node/turns.rs"]
mod turns;
#[path = "node/versions.rs"]
mod versions;

use std::time::Duration;

use ami_access::Authorized;
use ami_mux::{LaneRole, Mail, NodeSettings};
use ami_proto::Action;
use rig::{Rig, allowed, settings};

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
            let held = rig.unanswered(*lane);
            if held.first().is_some_and(|tag| tag != "first") {
                rig.answer(*lane);
            }
        }
    }
}

/// Where the client's own id would not fit into the message, none is left out: its answer could not carry it.
#[test]
fn an_action_whose_id_has_no_room_beside_the_variables_is_refused() {
    let with_lines = |count: usize, id: &str| {
        let others = "|Channel: c".repeat(count - 1);
        allowed(&format!("Action: Originate{id}{others}"))
    };
    let variables = ["A=1", "B=1"];
    let mut rig = Rig::up(settings());
    let mut submit = |action: Authorized<Action>| {
        let cost = action.cost();
        rig.submit_with(1, action, cost, &variables);
        rig.connect_all();
        let lanes = rig.lanes(LaneRole::Blocking);
        let written = lanes.iter().any(|lane| !rig.unanswered(*lane).is_empty());
        for lane in lanes {
            while !rig.unanswered(lane).is_empty() {
                let id = rig::wire_id(&rig.take(lane));
                let id = Some(id).filter(|id| !id.is_empty());
                let id = id.map_or_else(String::new, |id| format!("|ActionID: {id}"));
                rig.says(lane, &format!("Response: Success{id}"));
            }
        }
        (written, rig.finals().remove(0).2)
    };
    let refusal = "Response: Error\r\nActionID: x\r\nMessage: Too many lines in message or allocation failure\r\n\r\n";
    let success = "Response: Success\r\nActionID: x\r\n\r\n".to_owned();
    assert_eq!(submit(with_lines(125, "|ActionID: x")), (true, success));
    assert_eq!(
        submit(with_lines(126, "|ActionID: x")),
        (false, refusal.to_owned())
    );
    let success = "Response: Success\r\n\r\n".to_owned();
    assert_eq!(submit(with_lines(126, "")), (true, success));
    let refusal = refusal.replace("ActionID: x\r\n", "");
    assert_eq!(submit(with_lines(127, "")), (false, refusal));
}

/// Answers what the lanes hold until `tag` is on one, and asks something quick anew for each answer.
fn press_on(rig: &mut Rig, tag: &str) -> bool {
    for round in 0..40 {
        if rig.lane_of(tag).is_some() {
            return true;
        }
        for lane in rig.lanes(LaneRole::Action) {
            if Some(lane) == rig.lane_of("slow") || rig.unanswered(lane).is_empty() {
                continue;
            }
            rig.answer(lane);
            rig.submit(1000 + round * 10 + u64::from(lane.0), &getvar("q"));
        }
        rig.connect_all();
    }
    false
}

/// Quick traffic that never ends does not keep a slow action waiting for ever, nor the slow one the quick.
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
        assert!(press_on(&mut rig, "slow"), "lanes {min}..={max}: slow");
        if max > 1 {
            rig.submit(5000, &getvar("beside"));
            assert!(press_on(&mut rig, "beside"), "lanes {min}..={max}: quick");
        }
    }
}

#[test]
fn a_modest_session_does_not_wait_for_all_of_a_greedy_one() {
    let mut rig = Rig::up(settings());
    let lane = rig.lanes(LaneRole::Action)[0];
    for number in 0..20 {
        rig.submit(1, &getvar(&format!("greedy{number}")));
    }
    rig.submit(2, &getvar("modest"));
    assert_eq!(rig.unanswered(lane).len(), 4, "as deep as the settings say");
    rig.answer(lane);
    rig.answer(lane);
    assert!(rig.unanswered(lane).contains(&"modest".to_owned()));
    let greedy = rig
        .unanswered(lane)
        .into_iter()
        .filter(|tag| tag != "modest");
    assert!(greedy.is_sorted(), "in its own order");
}

#[test]
fn slow_actions_leave_a_lane_for_quick_ones_and_open_no_more_than_the_settings_say() {
    let mut rig = Rig::up(settings());
    for session in 0..6 {
        rig.submit(session, &command(&format!("slow{session}")));
        rig.connect_all();
    }
    let lanes = rig.lanes(LaneRole::Action);
    assert_eq!(lanes.len(), 3);
    let busy = lanes
        .iter()
        .filter(|lane| !rig.unanswered(**lane).is_empty());
    assert_eq!(busy.count(), 2, "one lane is kept");
    rig.submit(7, &getvar("quick"));
    assert!(rig.lane_of("quick").is_some());
    let slow = rig.lane_of("slow0").expect("runs");
    assert_eq!(rig.unanswered(slow), ["slow0"], "alone on its lane");
}

#[test]
fn blocking_actions_have_lanes_of_their_own() {
    let mut rig = Rig::up(settings());
    for session in 0..4 {
        rig.submit(session, &format!("Action: Originate|Channel: c{session}"));
        rig.connect_all();
    }
    let lanes = rig.lanes(LaneRole::Blocking);
    assert_eq!(lanes.len(), 2, "as many as the settings say");
    assert!(lanes.iter().all(|lane| rig.unanswered(*lane).len() == 1));
    let action = rig.lanes(LaneRole::Action)[0];
    assert!(rig.unanswered(action).is_empty());
    rig.answer(lanes[0]);
    assert_eq!(rig.unanswered(lanes[0]), ["c2"]);
}

#[test]
fn nothing_is_written_behind_a_head_that_stalls() {
    let mut rig = Rig::up(settings());
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, &getvar("stalls"));
    rig.wait(Duration::from_millis(21));
    rig.submit(2, &getvar("other"));
    assert_eq!(rig.unanswered(lane), ["stalls"]);
    rig.connect_all();
    assert_ne!(rig.lane_of("other").expect("on another lane"), lane);
}

#[test]
fn a_deadline_tells_what_may_have_been_read_from_what_was_not_sent() {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    let lane = rig.lanes(LaneRole::Action)[0];
    let read = rig.submit(1, &getvar("read"));
    rig.stick(lane);
    let unread = rig.submit(2, &getvar("unread"));
    rig.wait(rig::DEADLINE + Duration::from_secs(1));
    let finals = rig.finals();
    assert_eq!(finals.len(), 2, "{finals:?}");
    let outcome = |seq| {
        finals
            .iter()
            .find(|(_, of, _)| *of == seq)
            .map(|(.., text)| text.clone())
    };
    assert!(outcome(read).is_some_and(|text| text.contains("Outcome: unknown")));
    assert!(outcome(unread).is_some_and(|text| text.contains("Outcome: not-sent")));
    assert!(
        rig.closed.contains(&lane),
        "its unwritten bytes end with it"
    );
}

#[test]
fn a_late_answer_is_dropped_and_makes_its_lane_good_again() {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, &getvar("late"));
    rig.wait(rig::DEADLINE + Duration::from_secs(1));
    assert_eq!(rig.finals().len(), 1);
    rig.submit(2, &getvar("next"));
    assert_eq!(rig.unanswered(lane), ["late"], "no new work until then");
    rig.answer(lane);
    assert!(rig.finals().is_empty(), "nobody is answered twice");
    assert!(rig.notes.contains(&ami_mux::NodeNote::LateAnswer));
    assert_eq!(rig.unanswered(lane), ["next"]);
}

#[test]
fn a_list_that_is_cut_off_ends_with_its_own_complete_event() {
    let mut rig = Rig::up(settings());
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, "Action: CoreShowChannels|ActionID: mine");
    let list = rig
        .lanes(LaneRole::Action)
        .into_iter()
        .find(|lane| !rig.unanswered(*lane).is_empty());
    let list = list.unwrap_or(lane);
    let id = rig::wire_id(&rig.take(list));
    rig.says(
        list,
        &format!("Response: Success|ActionID: {id}|EventList: start"),
    );
    rig.says(
        list,
        &format!("Event: CoreShowChannel|ActionID: {id}|Channel: c"),
    );
    rig.lose(list);
    let finals = rig.finals();
    assert_eq!(finals.len(), 1);
    let text = &finals[0].2;
    for part in [
        "Event: CoreShowChannelsComplete\r\n",
        "ActionID: mine\r\n",
        "EventList: Cancelled\r\n",
        "ListItems: 1\r\n",
        "Outcome: unknown\r\n",
    ] {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
}

#[test]
fn the_id_of_an_async_originate_outlives_its_session_and_is_given_back_once() {
    let mut rig = Rig::up(settings());
    let (lane, event) = (rig.lanes(LaneRole::Action)[0], rig.event_lane());
    rig.submit(1, "Action: Originate|ActionID: mine|Channel: c|Async: true");
    let action = rig.take(lane);
    let id = rig::wire_id(&action);
    assert!(id.len() <= 32 && !id.contains("mine"), "{id}");
    rig.says(lane, &format!("Response: Success|ActionID: {id}"));
    rig.node.session_gone(ami_mux::SessionId(1));
    let response =
        format!("Event: OriginateResponse|Privilege: call,all|ActionID: {id}|Response: Success");
    rig.says(event, &response.replace("OriginateResponse", "UserEvent"));
    rig.says(event, &response);
    rig.says(event, &response);
    let events = rig.events();
    assert_eq!(events.len(), 3);
    assert!(
        !events[0].contains("ActionID"),
        "not for another event: {}",
        events[0]
    );
    assert!(events[1].contains("ActionID: mine\r\n"), "{}", events[1]);
    assert!(!events[2].contains("ActionID"), "{}", events[2]);
}

#[test]
fn ids_of_another_process_or_generation_or_lane_match_nothing() {
    let mut settings = settings();
    settings.lanes_min = 2;
    let mut rig = Rig::up(settings);
    let lanes = rig.lanes(LaneRole::Action);
    rig.submit(1, &getvar("a"));
    let lane = rig.lane_of("a").expect("written");
    let old = rig::wire_id(&rig.take(lane));
    rig.says(lane, &format!("Response: Success|ActionID: {old}"));
    rig.submit(1, &getvar("b"));
    let lane = rig.lane_of("b").expect("written");
    let id = rig::wire_id(&rig.take(lane));
    assert_ne!(old, id);
    rig.mail.clear();
    let other = lanes
        .into_iter()
        .find(|other| *other != lane)
        .expect("two lanes");
    rig.says(lane, &format!("Response: Success|ActionID: {old}"));
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {}", id.replace("feed", "beef")),
    );
    rig.says(lane, "Response: Success");
    rig.says(other, &format!("Response: Success|ActionID: {id}"));
    assert!(rig.finals().is_empty());
    rig.says(lane, &format!("Response: Success|ActionID: {id}"));
    assert_eq!(rig.finals().len(), 1);
}

#[test]
fn an_unanswered_ping_on_the_event_lane_takes_all_lanes_and_says_unknown() {
    let mut rig = Rig::up(settings());
    rig.answers_pings = false;
    rig.submit(1, &getvar("inflight"));
    rig.wait(Duration::from_secs(16));
    let finals = rig.finals();
    assert_eq!(finals.len(), 1);
    assert!(
        finals[0].2.contains("Node pbx1 is down, outcome unknown"),
        "{finals:?}"
    );
    assert!(rig.lanes(LaneRole::Action).is_empty() && rig.lanes(LaneRole::Event).is_empty());
    let wanted: Vec<LaneRole> = rig.opening.iter().map(|(_, role, _)| *role).collect();
    assert_eq!(wanted, [LaneRole::Event]);
    rig.refuse_all();
    rig.submit(1, &getvar("away"));
    assert!(rig.finals()[0].2.contains("Outcome: not-sent"));
}

#[test]
fn the_fully_booted_of_our_own_login_is_no_event_and_a_later_one_is() {
    let mut rig = Rig::new(settings());
    rig.connect_all();
    let event = rig.event_lane();
    rig.says(event, rig::FULLY_BOOTED);
    assert!(
        rig.broadcast
            .iter()
            .any(|mail| matches!(mail, Mail::NodeBooted(_)))
    );
    assert!(rig.events().is_empty());
    let broadcast =
        "Event: FullyBooted|Privilege: system,all|Status: Fully Booted|Uptime: 1|LastReload: 1";
    // A node that had not booted when it was logged in to says so to everybody.
    rig.lose(event);
    rig.connect_all();
    let event = rig.event_lane();
    rig.broadcast.clear();
    rig.says(event, broadcast);
    assert!(
        !rig.broadcast
            .iter()
            .any(|mail| matches!(mail, Mail::NodeBooted(_)))
    );
    assert_eq!(rig.events().len(), 1);
    assert_eq!(rig.status.state, ami_mux::NodeState::Up);
}

/// What a node that just came back had learned is asked for again, also when the lane of the question is lost.
#[test]
fn a_question_is_asked_again_when_its_lane_is_lost() {
    let mut rig = Rig::new(settings());
    rig.answers_questions = false;
    rig.connect_all();
    rig.connect_all();
    let lane = rig.lanes(LaneRole::Action)[0];
    assert!(
        rig.take(lane)
            .name()
            .is_some_and(|name| name.is("ListCommands"))
    );
    rig.lose(lane);
    rig.connect_all();
    let lane = rig.lanes(LaneRole::Action)[0];
    assert!(
        rig.take(lane)
            .name()
            .is_some_and(|name| name.is("ListCommands"))
    );
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

/// An event may have several ActionIDs, the first of them its author's.
#[test]
fn no_id_of_amiplex_is_shown_in_an_event_whichever_it_is() {
    let mut rig = Rig::up(settings());
    let event = rig.event_lane();
    let user_event = "Event: UserEvent|Privilege: user,all|UserEvent: x";
    rig.says(
        event,
        &format!("{user_event}|ActionID: his|ActionID: amx1-0000feed-0-1|X: 1"),
    );
    let shown = user_event.replace('|', "\r\n") + "\r\nActionID: his\r\nX: 1\r\n\r\n";
    assert_eq!(rig.events(), [shown]);
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

/// Clients that keep every lane busy do not keep amiplex from learning what was loaded.
#[test]
fn what_was_loaded_is_asked_for_also_while_no_lane_is_at_rest() {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    rig.answers_questions = false;
    let (lane, event) = (rig.lanes(LaneRole::Action)[0], rig.event_lane());
    rig.submit(1, &getvar("busy"));
    rig.says(
        event,
        "Event: Load|Privilege: system,all|Module: x.so|Status: Success",
    );
    assert_eq!(rig.unanswered(lane).len(), 2);
    rig.take(lane);
    let question = rig.take(lane);
    assert!(question.name().is_some_and(|name| name.is("ListCommands")));
    assert_eq!(rig.events().len(), 1);
}

const OUR_LOGIN: &str =
    "Event: SuccessfulAuth|Privilege: security,all|Severity: Informational|AccountID: AMIplex";

#[test]
fn security_events_of_our_own_account_are_shown_only_when_asked_for() {
    for shown in [false, true] {
        let mut rig = Rig::up(NodeSettings {
            own_security_events: shown,
            ..settings()
        });
        let lane = rig.event_lane();
        rig.events();
        rig.says(lane, OUR_LOGIN);
        rig.says(lane, &OUR_LOGIN.replace("AMIplex", "admin"));
        rig.says(lane, &OUR_LOGIN.replace("security,all", "user,all"));
        let events = rig.events();
        assert_eq!(events.len(), 2 + usize::from(shown), "{events:?}");
    }
}

#[test]
fn events_without_a_timestamp_get_one_while_it_is_asked_for() {
    let mut rig = Rig::up(settings());
    let lane = rig.event_lane();
    let event = "Event: Hangup|Privilege: call,all|Channel: c";
    rig.events();
    rig.says(lane, event);
    rig.node.stamp_events(Some(Duration::new(7, 8_000)));
    rig.says(lane, event);
    rig.says(
        lane,
        "Event: Hangup|Privilege: call,all|Timestamp: 1.000002|Channel: c",
    );
    rig.node.stamp_events(None);
    rig.says(lane, event);
    let plain = "Event: Hangup\r\nPrivilege: call,all\r\nChannel: c\r\n\r\n";
    let stamped = |time| plain.replace("Channel", &format!("Timestamp: {time}\r\nChannel"));
    let expected = [
        plain.to_owned(),
        stamped("7.000008"),
        stamped("1.000002"),
        plain.to_owned(),
    ];
    assert_eq!(rig.events(), expected);
}
