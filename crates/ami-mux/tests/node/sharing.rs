//! What several sessions ask alike is asked of the node once, in rounds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ami_access::Glob;
use ami_mux::{ActionSeq, LaneId, LaneRole, Mail, NodeNote, NodeSettings, SessionId};
use ami_proto::{CommandOutput, Frame};

use crate::rig::{self, Rig, allowed_with, settings};

const POLL: &str = "Action: CoreShowChannels";

/// Two lanes for slow actions, beside the one that they leave to others.
fn bench() -> Rig {
    let mut rig = Rig::up(NodeSettings {
        lanes_min: 3,
        ..settings()
    });
    rig.connect_all();
    rig.mail.clear();
    rig.notes.clear();
    rig
}

/// What waits at the node, by lane.
fn at_node(rig: &Rig) -> Vec<LaneId> {
    let lanes = rig.lanes(LaneRole::Action).into_iter();
    lanes
        .flat_map(|lane| rig.unanswered(lane).into_iter().map(move |_| lane))
        .collect()
}

/// Answers the oldest list of that lane with `items` items, all about channel `name`.
fn list(rig: &mut Rig, lane: LaneId, name: &str, items: usize) {
    let id = rig::wire_id(&rig.take(lane));
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|EventList: start|Message: Channels will follow"),
    );
    for _ in 0..items {
        rig.says(
            lane,
            &format!("Event: CoreShowChannel|ActionID: {id}|Channel: {name}"),
        );
    }
    rig.says(
        lane,
        &format!(
            "Event: CoreShowChannelsComplete|ActionID: {id}|EventList: Complete|ListItems: {items}"
        ),
    );
}

/// Everything that each session got, taken off.
fn texts(rig: &mut Rig) -> BTreeMap<u64, String> {
    let mut texts: BTreeMap<u64, String> = BTreeMap::new();
    for (to, mail) in std::mem::take(&mut rig.mail) {
        if let Mail::Reply { bytes, .. } = mail {
            *texts.entry(to).or_default() += &rig::text_of(&bytes);
        }
    }
    texts
}

fn whole(id: Option<&str>, channel: &str) -> String {
    let id = id.map_or_else(String::new, |id| format!("ActionID: {id}\r\n"));
    format!(
        "Response: Success\r\n{id}EventList: start\r\nMessage: Channels will follow\r\n\r\n\
         Event: CoreShowChannel\r\n{id}Channel: {channel}\r\n\r\n\
         Event: CoreShowChannelsComplete\r\n{id}EventList: Complete\r\nListItems: 1\r\n\r\n"
    )
}

#[test]
fn a_hundred_polls_are_one_at_a_time_and_each_gets_the_whole_list_under_its_own_id() {
    let mut rig = bench();
    for session in 0..100 {
        rig.submit(session, &format!("{POLL}|ActionID: poll{session}"));
    }
    // The first was written at once; the others came while it was under way.
    let lane = at_node(&rig);
    assert_eq!(lane.len(), 1);
    list(&mut rig, lane[0], "old", 1);
    assert_eq!(
        texts(&mut rig),
        BTreeMap::from([(0, whole(Some("poll0"), "old"))])
    );
    let lane = at_node(&rig);
    assert_eq!(lane.len(), 1, "one round for all that waited");
    list(&mut rig, lane[0], "new", 1);
    let expected = (1..100).map(|session| (session, whole(Some(&format!("poll{session}")), "new")));
    assert_eq!(texts(&mut rig), expected.collect());
    assert!(at_node(&rig).is_empty());
    assert!(rig.notes.contains(&NodeNote::Shared { clients: 99 }));
    let done = |note: &&NodeNote| matches!(note, NodeNote::Done { .. });
    assert_eq!(rig.notes.iter().filter(done).count(), 100);
}

#[test]
fn each_hears_that_it_was_written_when_it_is_and_not_before() {
    let mut rig = bench();
    rig.submit(1, POLL);
    rig.submit(2, POLL);
    rig.submit(3, POLL);
    let written = |rig: &Rig| -> Vec<u64> {
        let posted = rig.mail.iter();
        posted
            .filter(|(_, mail)| matches!(mail, Mail::Written { list: true, .. }))
            .map(|(to, _)| *to)
            .collect()
    };
    assert_eq!(written(&rig), [1]);
    let lane = at_node(&rig)[0];
    list(&mut rig, lane, "c", 0);
    assert_eq!(written(&rig), [1, 2, 3]);
}

#[test]
fn only_what_would_go_up_alike_goes_up_together() {
    let mut rig = bench();
    // All lanes that a slow action may have are taken, so that what follows waits.
    rig.submit(100, "Action: Command|Command: a");
    rig.submit(101, "Action: Command|Command: b");
    for (session, text) in [
        (1, "Action: QueueStatus|Queue: q|Member: m"),
        (2, "Action: QueueStatus|Queue: q"),
        (3, "action: queuestatus|ACTIONID: 3|member: m|queue:q"),
        (4, "Action: QueueStatus|Queue: Q|Member: m"),
        (5, "Action: Status|Variables: X|Channel: c"),
        (6, "Action: Status|Variables: X|Channel: c"),
        (7, "Action: Command|Command: core show channels"),
        (8, "Action: Command|Command: core show channels"),
        (9, "Action: Getvar|Variable: SHELL(ls)|Channel: c"),
        (10, "Action: Getvar|Variable: SHELL(ls)|Channel: c"),
        (11, "Action: DBDelTree|Family: f"),
        (12, "Action: DBDelTree|Family: f"),
    ] {
        rig.submit(session, text);
    }
    let mut asked = Vec::new();
    while let Some(lane) = at_node(&rig).first().copied() {
        let action = rig.take(lane);
        asked.push(action.name().expect("an action").to_string());
        let id = rig::wire_id(&action);
        rig.says(lane, &format!("Response: Error|ActionID: {id}|Message: x"));
    }
    assert_eq!(rig.finals().len(), 14, "each has its answer");
    let count = |name: &str| {
        asked
            .iter()
            .filter(|asked| asked.eq_ignore_ascii_case(name))
            .count()
    };
    assert_eq!(count("QueueStatus"), 3, "the first and the third are one");
    assert_eq!(count("Status"), 2);
    assert_eq!(count("Command"), 4, "not among the commands that only read");
    assert_eq!(count("Getvar"), 2);
    assert_eq!(count("DBDelTree"), 2);
}

#[test]
fn commands_that_only_read_are_shared_and_each_client_gets_its_form() {
    let mut rig = Rig::up(NodeSettings {
        coalesce: ami_mux::Coalesce {
            commands: Arc::from(vec![Glob::new("core show *").expect("a pattern")]),
            ..Default::default()
        },
        ..settings()
    });
    rig.mail.clear();
    rig.submit(1, "Action: Command|Command: core show channels");
    rig.submit(2, "Action: Command|Command: core show channels|ActionID: 2");
    rig.command_output = CommandOutput::Follows;
    rig.submit(3, "Action: Command|Command: core show channels|ActionID: 3");
    for _ in 0..2 {
        let lane = at_node(&rig)[0];
        let id = rig::wire_id(&rig.take(lane));
        rig.says(
            lane,
            &format!(
                "Response: Success|ActionID: {id}|Message: Command output follows|Output: none"
            ),
        );
    }
    assert!(at_node(&rig).is_empty());
    let texts = texts(&mut rig);
    assert!(texts[&2].contains("ActionID: 2\r\n") && texts[&2].contains("Output: none"));
    assert!(
        texts[&3].starts_with("Response: Follows\r\n"),
        "{}",
        texts[&3]
    );
    assert!(texts[&3].contains("ActionID: 3\r\n"), "{}", texts[&3]);
}

/// A list of an account with `channels` is never one with that of others.
#[test]
fn accounts_share_only_with_those_of_the_same_channels() {
    let mut rig = bench();
    rig.submit(100, "Action: Command|Command: a");
    rig.submit(101, "Action: Command|Command: b");
    let scoped = |pattern: &str| allowed_with(&format!("channels = {pattern}"), POLL);
    rig.submit(1, POLL);
    for (session, pattern) in [(2, "PJSIP/acme-*"), (3, "PJSIP/acme-*"), (4, "PJSIP/*")] {
        let action = scoped(pattern);
        let cost = action.cost();
        rig.submit_as(session, action, cost);
    }
    rig.submit(5, POLL);
    for tag in ["a", "b"] {
        let lane = rig.lane_of(tag).expect("at the node");
        rig.answer(lane);
    }
    texts(&mut rig);
    let mut rounds = 0;
    while let Some(lane) = at_node(&rig).first().copied() {
        list(&mut rig, lane, "PJSIP/other-1", 1);
        rounds += 1;
    }
    assert_eq!(rounds, 3);
    let texts = texts(&mut rig);
    for (session, items) in [(1, 1), (2, 0), (3, 0), (4, 1), (5, 1)] {
        let text = &texts[&session];
        assert_eq!(
            text.contains("PJSIP/other-1"),
            items == 1,
            "{session}: {text}"
        );
        assert!(
            text.contains(&format!("ListItems: {items}")),
            "{session}: {text}"
        );
    }
}

#[test]
fn one_that_leaves_does_not_disturb_the_others() {
    let mut rig = bench();
    for session in 1..=4 {
        rig.submit(session, POLL);
    }
    rig.node.session_gone(SessionId(1));
    rig.node.session_gone(SessionId(3));
    let lane = at_node(&rig)[0];
    list(&mut rig, lane, "c", 0);
    let lane = at_node(&rig)[0];
    list(&mut rig, lane, "c", 0);
    let finals: Vec<u64> = rig.finals().iter().map(|(to, ..)| *to).collect();
    assert_eq!(finals, [1, 2, 4]);
    assert!(at_node(&rig).is_empty());
    // Nobody waits any more: the question is asked anew.
    rig.submit(5, POLL);
    assert_eq!(at_node(&rig).len(), 1);
}

#[test]
fn when_all_who_waited_have_left_nothing_is_asked() {
    let mut rig = bench();
    rig.submit(1, POLL);
    rig.submit(2, POLL);
    rig.node.session_gone(SessionId(2));
    let lane = at_node(&rig)[0];
    list(&mut rig, lane, "c", 0);
    assert!(at_node(&rig).is_empty());
}

#[test]
fn each_waits_for_its_own_deadline_only() {
    let mut rig = bench();
    rig.submit(1, POLL);
    rig.wait(Duration::from_secs(10));
    rig.submit(2, POLL);
    rig.wait(Duration::from_secs(10));
    rig.submit(3, POLL);
    // The first is overdue at its deadline; the next round does not wait for its late answer.
    rig.wait(Duration::from_secs(10));
    let finals = rig.finals();
    assert_eq!(finals.len(), 1);
    assert!(finals[0].2.contains("outcome unknown"), "{}", finals[0].2);
    let lanes = at_node(&rig);
    assert_eq!(lanes.len(), 2, "the overdue one and the next round");
    let next = rig
        .lanes(LaneRole::Action)
        .into_iter()
        .rev()
        .find(|lane| lanes.contains(lane));
    list(&mut rig, next.expect("the round's lane"), "c", 0);
    let answered: Vec<u64> = rig.finals().iter().map(|(to, ..)| *to).collect();
    assert_eq!(answered, [2, 3]);
}

#[test]
fn unwritten_ones_end_at_their_own_deadlines() {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    rig.mail.clear();
    rig.submit(9, "Action: Command|Command: long");
    rig.wait(Duration::from_secs(5));
    rig.submit(1, POLL);
    rig.wait(Duration::from_secs(5));
    rig.submit(2, POLL);
    rig.wait(Duration::from_secs(26));
    let ended: Vec<u64> = rig.finals().iter().map(|(to, ..)| *to).collect();
    assert_eq!(ended, [9, 1]);
    let lane = rig.lane_of("long").expect("still at the node");
    rig.answer(lane);
    let lane = at_node(&rig)[0];
    list(&mut rig, lane, "c", 0);
    let answered: Vec<u64> = rig.finals().iter().map(|(to, ..)| *to).collect();
    assert_eq!(answered, [2]);
}

#[test]
fn the_loss_of_the_lane_ends_it_for_all_and_the_next_round_goes_elsewhere() {
    let mut rig = bench();
    rig.submit(100, "Action: Command|Command: a");
    rig.submit(101, "Action: Command|Command: b");
    for session in 1..=3 {
        rig.submit(session, POLL);
    }
    let lane = rig.lane_of("a").expect("at the node");
    rig.answer(lane);
    rig.finals();
    rig.submit(4, POLL);
    rig.lose(lane);
    let finals = rig.finals();
    let told: Vec<u64> = finals.iter().map(|(to, ..)| *to).collect();
    assert_eq!(told, [1, 2, 3]);
    assert!(
        finals.iter().all(|(_, _, text)| text.contains("unknown")),
        "{finals:?}"
    );
    rig.connect_all();
    let lane = rig.lane_of("").expect("the next round");
    list(&mut rig, lane, "c", 0);
    assert_eq!(rig.finals().len(), 1);
}

#[test]
fn the_window_collects_and_closes() {
    let mut settings = settings();
    settings.coalesce.window = Duration::from_millis(20);
    let mut rig = Rig::up(settings);
    rig.mail.clear();
    for session in 0..10 {
        rig.submit(session, POLL);
        rig.wait(Duration::from_millis(1));
    }
    assert!(at_node(&rig).is_empty());
    rig.wait(Duration::from_millis(9));
    assert!(at_node(&rig).is_empty());
    rig.wait(Duration::from_millis(2));
    let lane = at_node(&rig);
    assert_eq!(lane.len(), 1);
    // One that came while it was under way has waited for its window already when the answer comes.
    rig.submit(10, POLL);
    rig.wait(Duration::from_millis(30));
    list(&mut rig, lane[0], "c", 0);
    assert_eq!(rig.finals().len(), 10);
    assert_eq!(at_node(&rig).len(), 1);
    // What is not shared does not wait.
    rig.submit(11, "Action: Getvar|Variable: x");
    rig.connect_all();
    assert!(rig.lane_of("x").is_some());
}

#[test]
fn nothing_is_shared_where_that_is_switched_off() {
    let mut off = settings();
    off.coalesce.enabled = false;
    off.lanes_min = 3;
    let mut rig = Rig::up(off);
    rig.connect_all();
    rig.submit(1, POLL);
    rig.submit(2, POLL);
    assert_eq!(at_node(&rig).len(), 2);
    let mut rig = bench();
    for session in [1, 2] {
        let action = allowed_with("coalesce = no", POLL);
        let cost = action.cost();
        rig.submit_as(session, action, cost);
    }
    assert_eq!(at_node(&rig).len(), 2);
}

/// Its place on its lane is worth more to a session that pipelines.
#[test]
fn the_order_of_a_session_is_kept() {
    let mut rig = bench();
    let quick = "Action: ExtensionState|Exten: 1";
    rig.submit(1, quick);
    let first: ActionSeq = rig.submit(2, "Action: Setvar|Variable: own|Value: 1");
    let second = rig.submit(2, quick);
    let lane = rig.lane_of("own").expect("at the node");
    assert_eq!(
        rig.unanswered(lane).last().map(String::as_str),
        Some(""),
        "behind its own Setvar"
    );
    for lane in rig.lanes(LaneRole::Action) {
        while !rig.unanswered(lane).is_empty() {
            rig.answer(lane);
        }
    }
    let finals = rig.finals();
    let of_second: Vec<ActionSeq> = finals
        .iter()
        .filter(|(to, ..)| *to == 2)
        .map(|(_, seq, _)| *seq)
        .collect();
    assert_eq!(of_second, [first, second]);
}

/// One long list for many is many effects: the machine stops reading, and goes on where it stopped.
#[test]
fn what_is_given_out_at_a_time_is_bounded() {
    let mut rig = bench();
    let sessions = 600;
    for session in 0..=sessions {
        rig.submit(session, POLL);
    }
    let lane = at_node(&rig)[0];
    list(&mut rig, lane, "c", 0);
    rig.finals();
    let lane = at_node(&rig)[0];
    let id = rig::wire_id(&rig.take(lane));
    let item = format!("Event: CoreShowChannel\r\nActionID: {id}\r\nChannel: c\r\n\r\n");
    let start = format!("Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n");
    let mut buffer = bytes::BytesMut::from((start + &item.repeat(100)).as_bytes());
    assert!(rig.node.lane_input(lane, &mut buffer, 1_000, rig.now));
    let left = buffer.len();
    assert!(left > item.len() * 90, "{left} bytes left");
    assert!(Frame::parse(bytes::Bytes::copy_from_slice(&buffer[..item.len()])).is_some());
}
