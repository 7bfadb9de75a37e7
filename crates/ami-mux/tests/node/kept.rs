//! Answers that are kept: who is given one, how old it may be, what ends it.

use std::sync::Arc;
use std::time::Duration;

use ami_access::Glob;
use ami_mux::{ActionEnd, CacheRule, LaneId, LaneRole, Mail, NodeNote, NodeSettings, Service};
use ami_proto::CommandOutput;

use crate::rig::{self, FULLY_BOOTED, Rig, allowed_with, settings};

const POLL: &str = "Action: CoreShowChannels";
const STATUS: &str = "Action: CoreStatus";
const COMMAND: &str = "Action: Command|Command: core show channels";
const WRITE: &str = "Action: Setvar|Variable: own|Value: 1";
const AGE: Duration = Duration::from_millis(500);
const MOMENT: Duration = Duration::from_millis(1);

fn rule(action: &str, command: Option<&str>, age: Duration) -> CacheRule {
    CacheRule {
        action: action.to_owned(),
        command: command.and_then(Glob::new),
        age,
    }
}

/// A node of which the answers to three questions are kept, and sessions that read no events.
fn bench() -> Rig {
    bench_with(|_| {})
}

fn bench_with(change: impl FnOnce(&mut NodeSettings)) -> Rig {
    let mut all = NodeSettings {
        lanes_min: 3,
        ..settings()
    };
    all.coalesce.commands = Arc::from([Glob::new("core show *").expect("a pattern")]);
    all.coalesce.cache = Arc::from([
        rule("CoreShowChannels", None, AGE),
        rule("CoreStatus", None, AGE),
        rule("Command", Some("core show *"), AGE),
    ]);
    change(&mut all);
    let mut rig = Rig::up(all);
    rig.connect_all();
    rig.mail.clear();
    rig.notes.clear();
    rig.reads_no_events = true;
    rig
}

/// Lanes with something unanswered.
fn at_node(rig: &Rig) -> Vec<LaneId> {
    let lanes = rig.lanes(LaneRole::Action).into_iter();
    lanes
        .filter(|lane| !rig.unanswered(*lane).is_empty())
        .collect()
}

/// The node answers what it was asked last, a moment later.
fn answers(rig: &mut Rig, text: &str) {
    rig.wait(MOMENT);
    let lane = at_node(rig)[0];
    let id = rig::wire_id(&rig.take(lane));
    for message in text.split("||") {
        rig.says(lane, &message.replace("ID", &format!("ActionID: {id}")));
    }
}

const LIST: &str = "Response: Success|ID|EventList: start|Message: Channels will follow||\
    Event: CoreShowChannel|ID|Channel: c||\
    Event: CoreShowChannelsComplete|ID|EventList: Complete|ListItems: 1";

/// What each client got since, in one text.
fn heard(rig: &mut Rig) -> String {
    let mail = std::mem::take(&mut rig.mail);
    let texts = mail.into_iter().filter_map(|(_, mail)| match mail {
        Mail::Reply { bytes, .. } => Some(rig::text_of(&bytes)),
        _ => None,
    });
    texts.collect::<String>().replace("\r\n", "|")
}

/// The session asks, and the node answers if it is asked. What the client gets.
fn asks(rig: &mut Rig, session: u64, question: &str, answer: &str) -> String {
    rig.submit(session, question);
    if !at_node(rig).is_empty() {
        answers(rig, answer);
    }
    heard(rig)
}

/// Whether the session gets what was kept.
fn gets_kept(rig: &mut Rig, session: u64, question: &str, answer: &str) -> bool {
    let text = asks(rig, session, question, answer);
    assert!(!text.is_empty());
    text.contains("|CacheAge: ")
}

#[test]
fn the_second_gets_the_whole_answer_at_once_under_its_own_id_with_its_age() {
    let mut rig = bench();
    let first = asks(&mut rig, 1, &format!("{POLL}|ActionID: one"), LIST);
    assert_eq!(first.matches("ActionID: one").count(), 3);
    assert!(!first.contains("CacheAge"), "{first}");
    rig.wait(Duration::from_millis(136));
    rig.notes.clear();
    rig.submit(2, &format!("{POLL}|ActionID: two"));
    assert!(at_node(&rig).is_empty());
    let written = rig
        .mail
        .iter()
        .any(|(_, mail)| matches!(mail, Mail::Written { .. }));
    assert!(!written, "it was not");
    let lasts: Vec<bool> = rig
        .mail
        .iter()
        .filter_map(|(_, mail)| match mail {
            Mail::Reply { last, .. } => Some(*last),
            _ => None,
        })
        .collect();
    assert_eq!(lasts, [false, false, true]);
    // The age counts from the writing of the question.
    assert_eq!(
        heard(&mut rig),
        "Response: Success|ActionID: two|EventList: start|Message: Channels will follow|CacheAge: 137||\
         Event: CoreShowChannel|ActionID: two|Channel: c||\
         Event: CoreShowChannelsComplete|ActionID: two|EventList: Complete|ListItems: 1||"
    );
    assert_eq!(
        rig.notes,
        [
            NodeNote::AnsweredFromCache,
            NodeNote::Done {
                action: Some("CoreShowChannels"),
                end: ActionEnd::Answered,
                after: None
            }
        ]
    );
    // One that gave no id gets none.
    rig.submit(3, POLL);
    let third = heard(&mut rig);
    assert!(!third.contains("ActionID"), "{third}");
    assert!(third.contains("CacheAge: 137"), "{third}");
}

#[test]
fn it_is_given_up_to_its_age_and_no_longer() {
    let mut rig = bench();
    asks(&mut rig, 1, STATUS, "Response: Success|ID|N: 1");
    rig.wait(AGE.saturating_sub(MOMENT));
    let text = asks(&mut rig, 2, STATUS, "Response: Success|ID|N: 2");
    assert_eq!(text, "Response: Success|N: 1|CacheAge: 500||");
    rig.wait(MOMENT);
    let text = asks(&mut rig, 2, STATUS, "Response: Success|ID|N: 2");
    assert_eq!(text, "Response: Success|N: 2||");
    // The fresh one is kept in its place.
    let text = asks(&mut rig, 1, STATUS, "Response: Success|ID|N: 3");
    assert_eq!(text, "Response: Success|N: 2|CacheAge: 1||");
}

#[test]
fn who_reads_events_is_given_nothing_old_and_what_he_gets_is_kept_for_others() {
    let mut rig = bench();
    asks(&mut rig, 1, POLL, LIST);
    rig.reads_no_events = false;
    assert!(!gets_kept(&mut rig, 2, POLL, LIST));
    rig.wait(AGE);
    assert!(!gets_kept(&mut rig, 2, POLL, LIST));
    rig.reads_no_events = true;
    assert!(gets_kept(&mut rig, 1, POLL, LIST));
}

#[test]
fn nothing_is_kept_that_is_not_named() {
    let mut rig = bench();
    let question = "Action: CoreSettings";
    asks(&mut rig, 1, question, "Response: Success|ID");
    assert!(!gets_kept(&mut rig, 2, question, "Response: Success|ID"));
    let mut rig = bench_with(|all| {
        all.coalesce.cache = Arc::from([
            rule("Command", Some("core show *"), AGE),
            rule("Command", Some("core show uptime"), Duration::ZERO),
            rule("Command", Some("core show u*"), AGE * 2),
        ]);
    });
    let output = "Response: Success|ID|Message: Command output follows|Output: x";
    for (line, kept) in [("core show uptime", false), ("core show u", true)] {
        let question = format!("Action: Command|Command: {line}");
        asks(&mut rig, 1, &question, output);
        rig.wait(AGE / 2);
        assert_eq!(gets_kept(&mut rig, 2, &question, output), kept, "{line}");
        rig.wait(AGE / 2 + MOMENT);
        // The shortest of the two that fit.
        assert!(!gets_kept(&mut rig, 2, &question, output), "{line}");
    }
}

#[test]
fn a_session_sees_what_it_has_written_itself() {
    let mut rig = bench();
    let success = "Response: Success|ID";
    assert!(!gets_kept(&mut rig, 1, STATUS, success));
    // Its answer is not there yet: what stands behind it waits for the node as well.
    rig.submit(2, WRITE);
    rig.submit(2, STATUS);
    let lane = rig.lane_of("own").expect("at the node");
    assert_eq!(rig.unanswered(lane), ["own", ""]);
    answers(&mut rig, success);
    answers(&mut rig, success);
    heard(&mut rig);
    rig.wait(AGE + MOMENT);
    // Asked before its write, after it, and while one runs.
    assert!(!gets_kept(&mut rig, 1, STATUS, success));
    rig.submit(2, WRITE);
    answers(&mut rig, success);
    heard(&mut rig);
    assert!(gets_kept(&mut rig, 1, STATUS, success), "that of another");
    rig.wait(MOMENT);
    assert!(!gets_kept(&mut rig, 2, STATUS, success));
    assert!(gets_kept(&mut rig, 2, STATUS, success));
    rig.wait(AGE);
    rig.submit(2, WRITE);
    rig.submit(1, STATUS);
    assert_eq!(at_node(&rig).len(), 2, "both are under way");
    answers(&mut rig, success);
    answers(&mut rig, success);
    heard(&mut rig);
    assert!(!gets_kept(&mut rig, 2, STATUS, success), "it was under way");
}

#[test]
fn what_reads_hides_nothing() {
    let mut rig = bench();
    let success = "Response: Success|ID";
    asks(&mut rig, 1, STATUS, success);
    // Read by the table of actions, though not kept.
    asks(&mut rig, 1, "Action: CoreSettings", success);
    assert!(gets_kept(&mut rig, 1, STATUS, success));
    // Nothing is known of this: it may have written.
    asks(&mut rig, 1, "Action: Getvar|Variable: x", success);
    assert!(!gets_kept(&mut rig, 1, STATUS, success));
}

#[test]
fn a_write_without_an_answer_counts_as_well() {
    let mut rig = bench_with(|all| {
        all.coalesce.cache = Arc::from([rule("CoreStatus", None, Duration::from_mins(1))]);
    });
    rig.submit(2, WRITE);
    let lane = rig.lane_of("own").expect("at the node");
    rig.wait(MOMENT);
    rig.submit(1, "Action: Command|Command: long");
    rig.submit(3, STATUS);
    let other = at_node(&rig)
        .into_iter()
        .find(|other| *other != lane && rig.unanswered(*other) == [""]);
    let other = other.expect("a lane of its own");
    let id = rig::wire_id(&rig.take(other));
    rig.says(other, &format!("Response: Success|ActionID: {id}"));
    heard(&mut rig);
    rig.lose(lane);
    assert!(heard(&mut rig).contains("outcome unknown"));
    rig.submit(2, STATUS);
    assert!(heard(&mut rig).is_empty(), "it is asked");
}

#[test]
fn a_write_past_its_deadline_counts_and_so_does_its_late_answer() {
    let mut rig = bench_with(|all| {
        all.coalesce.cache = Arc::from([rule("CoreStatus", None, Duration::from_mins(1))]);
    });
    rig.submit(2, WRITE);
    let lane = rig.lane_of("own").expect("at the node");
    let id = rig::wire_id(&rig.take(lane));
    rig.wait(rig::DEADLINE.saturating_sub(Duration::from_secs(1)));
    let success = "Response: Success|ID";
    asks(&mut rig, 1, STATUS, success);
    rig.wait(Duration::from_secs(1));
    assert!(heard(&mut rig).contains("outcome unknown"));
    assert!(!gets_kept(&mut rig, 2, STATUS, success));
    assert!(gets_kept(&mut rig, 2, STATUS, success));
    rig.wait(MOMENT);
    rig.says(lane, &format!("Response: Success|ActionID: {id}"));
    assert!(!gets_kept(&mut rig, 2, STATUS, success));
}

#[test]
fn errors_and_what_is_not_whole_are_not_kept() {
    for (question, answer) in [
        (STATUS, "Response: Error|ID|Message: no"),
        (
            POLL,
            "Response: Success|ID|EventList: start||Event: CoreShowChannelsComplete|ID|EventList: cancelled",
        ),
        (STATUS, "Response: Success|ID|CacheAge: 1"),
    ] {
        let mut rig = bench();
        asks(&mut rig, 1, question, answer);
        rig.submit(2, question);
        assert_eq!(at_node(&rig).len(), 1, "{answer}");
    }
    // A lane that is lost in the midst of it.
    let mut rig = bench();
    rig.submit(1, POLL);
    let lane = at_node(&rig)[0];
    let id = rig::wire_id(&rig.take(lane));
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|EventList: start"),
    );
    rig.lose(lane);
    assert!(heard(&mut rig).contains("EventList: Cancelled"));
    rig.submit(2, POLL);
    assert_eq!(at_node(&rig).len(), 1);
}

#[test]
fn nothing_outlives_the_loss_of_the_node() {
    let mut rig = bench();
    asks(&mut rig, 1, STATUS, "Response: Success|ID");
    // One more is under way on a lane that stays.
    rig.submit(1, POLL);
    let event = rig.event_lane();
    rig.lose(event);
    let lane = at_node(&rig)[0];
    let id = rig::wire_id(&rig.take(lane));
    for message in LIST.split("||") {
        rig.says(lane, &message.replace("ID", &format!("ActionID: {id}")));
    }
    heard(&mut rig);
    rig.submit(2, STATUS);
    assert!(heard(&mut rig).contains("not-sent"), "the node is away");
    rig.connect_all();
    let event = rig.event_lane();
    rig.says(event, FULLY_BOOTED);
    rig.connect_all();
    heard(&mut rig);
    for question in [STATUS, POLL] {
        rig.submit(2, question);
        assert_eq!(at_node(&rig).len(), 1, "{question}");
        answers(&mut rig, "Response: Error|ID");
    }
}

#[test]
fn a_node_in_maintenance_gives_nothing() {
    let mut rig = bench();
    asks(&mut rig, 1, STATUS, "Response: Success|ID");
    rig.node.set_service(Service::Maintenance);
    let text = asks(&mut rig, 2, STATUS, "");
    assert!(text.contains("not-sent"), "{text}");
}

/// Each account with `channels` has what it may see, and the account that wants to be alone is.
#[test]
fn nobody_gets_what_was_made_for_others() {
    let mut rig = bench();
    let list = LIST.replace("Channel: c", "Channel: PJSIP/other-1");
    asks(&mut rig, 1, POLL, &list);
    let lines = [
        "channels = PJSIP/acme-*",
        "channels = PJSIP/o*",
        "coalesce = no",
    ];
    for (session, line) in (2..).zip(lines) {
        let action = allowed_with(line, POLL);
        let cost = action.cost();
        rig.submit_as(session, action, cost);
        assert_eq!(at_node(&rig).len(), 1, "{line}");
        answers(&mut rig, &list);
        let text = heard(&mut rig);
        assert_eq!(
            text.contains("PJSIP/other-1"),
            session > 2,
            "{line}: {text}"
        );
    }
    let action = allowed_with(lines[0], POLL);
    let cost = action.cost();
    rig.submit_as(9, action, cost);
    let text = heard(&mut rig);
    assert!(text.contains("|CacheAge: "), "{text}");
    assert!(
        text.contains("ListItems: 0|") && !text.contains("other"),
        "{text}"
    );
}

#[test]
fn output_of_a_command_has_the_form_of_its_client_and_the_old_one_has_no_place_for_an_age() {
    let new = "Response: Success|ID|Message: Command output follows|Output: a|Output: b";
    let mut rig = bench();
    asks(&mut rig, 1, COMMAND, new);
    for form in [CommandOutput::Native, CommandOutput::Output] {
        rig.command_output = form;
        assert_eq!(
            asks(&mut rig, 2, &format!("{COMMAND}|ActionID: 2"), ""),
            "Response: Success|ActionID: 2|Message: Command output follows|Output: a|Output: b|CacheAge: 1||"
        );
    }
    rig.command_output = CommandOutput::Follows;
    let text = asks(&mut rig, 2, COMMAND, new);
    assert_eq!(
        text,
        "Response: Follows|Privilege: Command|a\nb\n--END COMMAND--||"
    );
    // Of an old node it is the newer form alone that can tell.
    let mut rig = bench();
    rig.command_output = CommandOutput::Native;
    let says_old = |rig: &mut Rig| {
        rig.wait(MOMENT);
        let lane = at_node(rig)[0];
        let id = rig::wire_id(&rig.take(lane));
        rig.raw(
            lane,
            &format!("Response: Follows\r\nPrivilege: Command\r\nActionID: {id}\r\na\n--END COMMAND--\r\n\r\n"),
        );
        heard(rig)
    };
    rig.submit(1, COMMAND);
    says_old(&mut rig);
    rig.submit(2, COMMAND);
    assert!(says_old(&mut rig).contains("Follows"));
    rig.command_output = CommandOutput::Output;
    assert_eq!(
        asks(&mut rig, 2, COMMAND, ""),
        "Response: Success|Message: Command output follows|Output: a|CacheAge: 1||"
    );
}

#[test]
fn as_much_is_kept_as_there_is_room_for() {
    let minute = |all: &mut NodeSettings| {
        let rules = [rule("ExtensionState", None, Duration::from_mins(1))];
        all.coalesce.cache = Arc::from(rules);
    };
    let question = |number: usize| format!("Action: ExtensionState|Exten: {number}");
    let success = "Response: Success|ID";
    let mut rig = bench_with(minute);
    for number in 0..=256 {
        asks(&mut rig, 1, &question(number), success);
    }
    assert!(gets_kept(&mut rig, 2, &question(256), success));
    assert!(gets_kept(&mut rig, 2, &question(1), success));
    assert!(
        !gets_kept(&mut rig, 2, &question(0), success),
        "the oldest is gone"
    );

    // A thousand characters in a response, up to a million bytes in all; eight of those are kept.
    let line = format!("|Text: {}", "x".repeat(1000));
    let long = |lines: usize| format!("{success}{}", line.repeat(lines));
    let mut rig = bench_with(minute);
    asks(&mut rig, 1, &question(0), &long(1100));
    assert!(
        !gets_kept(&mut rig, 2, &question(0), success),
        "it was too long"
    );
    for number in 1..=9 {
        asks(&mut rig, 1, &question(number), &long(1000));
    }
    for (number, kept) in [(9, true), (2, true), (1, false), (0, false)] {
        rig.submit(2, &question(number));
        assert_eq!(at_node(&rig).is_empty(), kept, "{number}");
        if !kept {
            answers(&mut rig, "Response: Error|ID");
        }
    }
    // The configuration may want less.
    let mut rig = bench_with(|all| {
        minute(all);
        all.coalesce.cache_answer_bytes = 2000;
    });
    for (lines, kept) in [(1, true), (2, false)] {
        asks(&mut rig, 1, &question(lines), &long(lines));
        assert_eq!(
            gets_kept(&mut rig, 2, &question(lines), success),
            kept,
            "{lines}"
        );
    }
}
