//! The rules of a session's machine, one by one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

#[path = "session/batches.rs"]
mod batches;
#[path = "session/by_node.rs"]
mod by_node;
#[path = "session/command_output.rs"]
mod command_output;
#[path = "support/desk.rs"]
mod desk;
#[path = "session/hashed_secret.rs"]
mod hashed_secret;
#[path = "session/kept.rs"]
mod kept;
#[path = "session/rate.rs"]
mod rate;
#[path = "session/resync.rs"]
mod resync;
#[path = "session/security.rs"]
mod security;
#[path = "support/world.rs"]
mod world;

use std::time::Duration;

use ami_mux::{Mail, NodeId, PartKind};
use desk::Desk;

/// Where each of `parts` begins in `text`; all must be there, in this order.
fn assert_in_order(text: &str, parts: &[&str]) {
    let places: Vec<usize> = parts
        .iter()
        .map(|part| {
            text.find(part)
                .unwrap_or_else(|| panic!("no {part:?} in {text:?}"))
        })
        .collect();
    assert!(places.is_sorted(), "{parts:?} in {text:?}");
}

#[test]
fn a_login_is_known_also_when_the_logoff_came_with_it() {
    let mut desk = Desk::new();
    desk.says("Action: Login|Username: a|Secret: s||Action: Logoff");
    assert!(desk.closed);
    assert_in_order(
        &desk.heard(),
        &["Authentication accepted", "Thanks for all the fish."],
    );
    assert!(
        desk.session.principal().is_some(),
        "or nobody could give its login back"
    );
}

#[test]
fn a_wrong_secret_is_answered_after_a_second_and_ends_the_connection() {
    let mut desk = Desk::new();
    desk.says("Action: Login|ActionID: 1|Username: a|Secret: wrong||Action: Ping");
    desk.wait(Duration::from_millis(999));
    assert!(!desk.heard().contains("Response"));
    desk.wait(Duration::from_millis(1));
    assert!(
        desk.heard()
            .contains("Response: Error|ActionID: 1|Message: Authentication failed||")
    );
    assert!(desk.closed);
}

#[test]
fn answers_come_in_the_order_of_the_actions_with_a_ping_between() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.says("Action: Getvar|Variable: A||Action: Ping|ActionID: p||Action: Getvar|Variable: B");
    let seqs: Vec<_> = desk
        .submitted
        .iter()
        .map(|(_, submission)| submission.seq)
        .collect();
    for seq in &seqs {
        desk.wrote(0, *seq);
    }
    assert_eq!(desk.heard(), "", "the Ping waits for what is before it");
    desk.answer(0, seqs[0], "Response: Success|Value: A");
    if seqs.len() == 1 {
        let seq = desk.submitted[1].1.seq;
        desk.answer(0, seq, "Response: Success|Value: B");
    } else {
        desk.answer(0, seqs[1], "Response: Success|Value: B");
    }
    assert_in_order(&desk.heard(), &["Value: A", "ActionID: p", "Value: B"]);
}

#[test]
fn a_login_name_with_a_node_sees_that_node_alone_and_no_labels() {
    let mut desk = Desk::logged_in("a@pbx2");
    desk.event(0, "Elsewhere");
    desk.event(1, "Here");
    assert_eq!(desk.heard(), "Event: Here|Privilege: call,all||");
    desk.says("Action: Getvar|Variable: X|Node: pbx1");
    let (node, submission) = &desk.submitted[0];
    assert_eq!(*node, NodeId(1), "the header is none of its business");
    assert!(submission.strip.is_empty() && submission.label.is_none());
}

#[test]
fn a_session_of_several_nodes_names_them_and_sees_their_names() {
    let mut desk = Desk::logged_in("a");
    desk.event(1, "Here");
    assert_eq!(desk.heard(), "Event: Here|Privilege: call,all|Node: pbx2||");
    desk.says("Action: Getvar|Variable: X|Server: pbx2||Action: Getvar|Variable: X");
    assert_eq!(desk.submitted.len(), 1);
    let (node, submission) = &desk.submitted[0];
    assert_eq!(*node, NodeId(1));
    assert_eq!(*submission.strip, ["Node".to_owned(), "Server".to_owned()]);
    let seq = submission.seq;
    desk.answer(1, seq, "Response: Success");
    assert!(desk.heard().contains("Message: Node required"));
}

#[test]
fn events_wait_for_what_was_written_before_them_and_for_nothing_else() {
    let mut desk = Desk::logged_in("a");
    desk.says("Action: Getvar|Variable: X|Node: pbx1||Action: Getvar|Variable: Y|Node: pbx1");
    let seqs: Vec<_> = desk
        .submitted
        .iter()
        .map(|(_, submission)| submission.seq)
        .collect();
    desk.wrote(0, seqs[0]);
    desk.event(0, "First");
    desk.event(1, "Other");
    assert_in_order(&desk.heard(), &["Event: Other"]);
    desk.wrote(0, seqs[1]);
    desk.event(0, "Second");
    desk.answer(0, seqs[0], "Response: Success|Value: X");
    let heard = desk.heard();
    assert_in_order(&heard, &["Value: X", "Event: First"]);
    assert!(!heard.contains("Second"));
    desk.wait(Duration::from_millis(100));
    assert!(
        desk.heard().contains("Event: Second"),
        "it holds for a bounded time"
    );
    assert_eq!(desk.session.held_event_bytes(), 0);
}

#[test]
fn news_of_a_node_keep_their_place_among_its_events() {
    let mut desk = Desk::logged_in("a");
    desk.says("Action: Getvar|Variable: X|Node: pbx1");
    let seq = desk.submitted[0].1.seq;
    desk.wrote(0, seq);
    desk.event(0, "Before");
    desk.mail(Mail::NodeDown(NodeId(0)));
    desk.mail(Mail::NodeUp(NodeId(0)));
    desk.event(0, "After");
    assert_eq!(desk.heard(), "");
    desk.answer(0, seq, "Response: Error|Outcome: unknown");
    let order = [
        "Outcome: unknown",
        "Event: Before",
        "Event: NodeDown",
        "Event: NodeUp",
        "Event: After",
    ];
    assert_in_order(&desk.heard(), &order);
}

#[test]
fn a_session_of_one_node_ends_with_it_when_its_actions_are_answered() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.says("Action: Getvar|Variable: X");
    let seq = desk.submitted[0].1.seq;
    desk.wrote(0, seq);
    desk.event(0, "Before");
    desk.mail(Mail::NodeDown(NodeId(0)));
    desk.wait(Duration::from_millis(50));
    assert!(!desk.closed);
    desk.answer(0, seq, "Response: Error|Outcome: unknown");
    assert!(desk.closed);
    assert_in_order(&desk.heard(), &["Outcome: unknown", "Event: Before"]);
}

/// What the client had sent before it could know of the loss is read a little later.
#[test]
fn what_was_on_its_way_when_the_only_node_was_lost_is_answered_too() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.mail(Mail::NodeDown(NodeId(0)));
    desk.wait(Duration::from_millis(49));
    assert!(!desk.closed);
    desk.says("Action: Getvar|Variable: X|ActionID: 1||Action: Ping|ActionID: 2");
    let seq = desk.submitted[0].1.seq;
    desk.wait(Duration::from_millis(1));
    desk.answer(0, seq, "Response: Error|ActionID: 1|Outcome: not-sent");
    assert!(desk.closed);
    assert_in_order(&desk.heard(), &["ActionID: 1", "ActionID: 2"]);
    desk.says("Action: Ping|ActionID: 3");
    assert_eq!(desk.heard(), "", "nothing is taken any more");
}

#[test]
fn a_session_ends_with_its_node_also_when_that_comes_back_at_once() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.mail(Mail::NodeDown(NodeId(0)));
    desk.mail(Mail::NodeUp(NodeId(0)));
    desk.wait(Duration::from_millis(50));
    assert!(desk.closed);
}

/// When the machine of a node failed, an answer that it lost would be awaited for ever.
#[test]
fn who_waits_for_an_answer_that_a_failed_node_lost_is_closed() {
    for (answered, waiting) in [(false, false), (true, false), (false, true)] {
        let mut desk = Desk::logged_in("a");
        if !waiting {
            desk.says("Action: Getvar|Node: pbx1|Variable: X");
            let seq = desk.submitted[0].1.seq;
            desk.wrote(0, seq);
            desk.mail(Mail::NodeFailed(NodeId(1)));
            assert!(!desk.closed, "another node");
            if answered {
                desk.answer(0, seq, "Response: Error|Outcome: unknown");
            }
        }
        desk.mail(Mail::NodeFailed(NodeId(0)));
        assert_eq!(desk.closed, !answered && !waiting);
    }
}

#[test]
fn a_wait_is_answered_before_the_session_ends() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.says("Action: WaitEvent|ActionID: w|Timeout: 60");
    assert_eq!(desk.heard(), "");
    desk.drain();
    assert_in_order(&desk.heard(), &["ActionID: w", "Event: WaitEventComplete"]);
    assert!(desk.closed);
}

/// What ends a wait lets the actions behind it run; nothing else may ever come that would.
#[test]
fn actions_behind_a_wait_run_when_it_ends() {
    let wait = "Action: WaitEvent|ActionID: w";
    for ends in [Desk::drain, Desk::closes] {
        let mut desk = Desk::logged_in("a@pbx1");
        desk.says(&format!(
            "{wait}||Action: Ping|ActionID: p||Action: WaitEvent|ActionID: v"
        ));
        assert_eq!(desk.heard(), "");
        ends(&mut desk);
        assert_in_order(
            &desk.heard(),
            &["ActionID: w", "ActionID: p", "ActionID: v"],
        );
        assert!(desk.closed);
    }
    // As many as a session may have, and one more that is not taken yet.
    let mut desk = Desk::logged_in("a@pbx1");
    let pings = "||Action: Ping|ActionID: p".repeat(17);
    desk.says(&format!("{wait}{pings}"));
    assert_eq!(desk.heard(), "");
    desk.takes_more();
    let heard = desk.heard();
    assert_in_order(&heard, &["ActionID: w", "ActionID: p"]);
    assert_eq!(heard.matches("Ping: Pong").count(), 17);
}

/// Asterisk reads the criteria in parentheses of its own, so the client's last one may be missing.
#[test]
fn a_filters_criteria_may_lack_their_last_parenthesis() {
    for (criteria, outcome) in [
        ("name(Here)", "Success"),
        ("name(Here", "Success"),
        ("name", "Error"),
        ("nosuch(Here", "Error"),
    ] {
        let mut desk = Desk::logged_in("a@pbx1");
        desk.says(&format!(
            "Action: Filter|Operation: Add|MatchCriteria: {criteria}"
        ));
        let answer = desk.heard();
        assert!(
            answer.starts_with(&format!("Response: {outcome}|")),
            "{criteria}: {answer}"
        );
        desk.event(0, "Here");
        desk.event(0, "There");
        let heard = desk.heard();
        assert!(heard.contains("Event: Here"), "{criteria}: {heard}");
        assert_eq!(
            heard.contains("Event: There"),
            outcome == "Error",
            "{criteria}: {heard}"
        );
    }
}

/// A node that boots while a session logs in is heard of from both sides.
#[test]
fn each_boot_of_a_node_is_told_once() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.mail(Mail::NodeBooted(NodeId(0)));
    assert_eq!(desk.heard(), "", "it has not booted");
    desk.boots(0);
    let booted =
        "Event: FullyBooted|Privilege: system,all|Uptime: 9|LastReload: 9|Status: Fully Booted||";
    assert_eq!(desk.heard(), booted);
    desk.mail(Mail::NodeBooted(NodeId(0)));
    assert_eq!(desk.heard(), "");
    desk.wait(Duration::from_secs(1));
    desk.boots(0);
    assert_eq!(desk.heard(), booted, "it was booted again");
}

/// What has no room for an id of ours is matched by order, so it must not share a lane.
#[test]
fn an_originate_that_the_accounts_variables_fill_up_is_not_quick() {
    let mut desk = Desk::logged_in("v@pbx1");
    let filled = |lines: usize| {
        format!(
            "Action: Originate|Channel: c|Async: true{}",
            "|Variable: x=1".repeat(lines - 3)
        )
    };
    desk.says(&filled(124));
    desk.says(&filled(125));
    let seq = desk.submitted[0].1.seq;
    assert_eq!(desk.submitted[0].1.cost, ami_access::Cost::Quick);
    desk.answer(0, seq, "Response: Success");
    assert_eq!(desk.submitted[1].1.cost, ami_access::Cost::Slow);
}

#[test]
fn a_list_of_all_nodes_is_one_list_and_what_follows_waits_for_it() {
    let mut desk = Desk::logged_in("a");
    desk.says("Action: CoreShowChannels|ActionID: 1||Action: Ping|ActionID: 2");
    let seqs: Vec<_> = desk
        .submitted
        .iter()
        .map(|(node, asked)| (node.0, asked.seq))
        .collect();
    assert_eq!(
        seqs.iter().map(|(node, _)| *node).collect::<Vec<_>>(),
        [0, 1]
    );
    for (node, seq) in &seqs {
        desk.wrote(*node, *seq);
        desk.part(
            *node,
            *seq,
            "Response: Success|ActionID: 1|EventList: start",
            PartKind::ListStart,
        );
        desk.event(*node, "Hangup");
        desk.part(
            *node,
            *seq,
            &format!("Event: CoreShowChannel|ActionID: 1|Node: pbx{}", node + 1),
            PartKind::Item,
        );
        let complete =
            "Event: CoreShowChannelsComplete|ActionID: 1|EventList: Complete|ListItems: 1";
        desk.part(*node, *seq, complete, PartKind::Complete);
    }
    let heard = desk.heard();
    assert_in_order(
        &heard,
        &[
            "Response: Success|ActionID: 1|EventList: start||",
            "Event: CoreShowChannel|ActionID: 1|Node: pbx1||",
            "Event: Hangup|Privilege: call,all|Node: pbx1||",
            "Event: CoreShowChannel|ActionID: 1|Node: pbx2||",
            "ListItems: 2|NodesOk: 2||",
            "ActionID: 2|Ping: Pong|",
        ],
    );
    assert_eq!(heard.matches("EventList: start").count(), 1);
}

#[test]
fn a_list_leaves_out_and_names_a_silent_node() {
    let mut desk = Desk::logged_in("a");
    desk.is_silent(1);
    desk.says("Action: CoreShowChannels|ActionID: 1");
    assert_eq!(desk.submitted.len(), 1);
    let (node, seq) = (desk.submitted[0].0, desk.submitted[0].1.seq);
    assert_eq!(node, NodeId(0));
    let start = "Response: Success|ActionID: 1|EventList: start";
    desk.part(0, seq, start, PartKind::ListStart);
    let complete = "Event: CoreShowChannelsComplete|ActionID: 1|EventList: Complete|ListItems: 0";
    desk.part(0, seq, complete, PartKind::Complete);
    let heard = desk.heard();
    let end = "NodesOk: 1|NodesFailed: pbx2 (silent)||";
    assert!(heard.contains(end), "{heard}");
}

#[test]
fn a_list_leaves_out_and_names_a_node_in_maintenance() {
    let mut desk = Desk::logged_in("a");
    desk.serves(1, ami_mux::Service::Maintenance);
    desk.says("Action: CoreShowChannels|ActionID: 1");
    assert_eq!(desk.submitted.len(), 1);
    let (node, seq) = (desk.submitted[0].0, desk.submitted[0].1.seq);
    assert_eq!(node, NodeId(0));
    let start = "Response: Success|ActionID: 1|EventList: start";
    desk.part(0, seq, start, PartKind::ListStart);
    let complete = "Event: CoreShowChannelsComplete|ActionID: 1|EventList: Complete|ListItems: 0";
    desk.part(0, seq, complete, PartKind::Complete);
    let heard = desk.heard();
    assert!(
        heard.contains("NodesOk: 1|NodesFailed: pbx2 (maintenance)||"),
        "{heard}"
    );
    desk.serves(0, ami_mux::Service::Maintenance);
    desk.says("Action: CoreShowChannels|ActionID: 2");
    let heard = desk.heard();
    assert!(heard.contains("Response: Error|ActionID: 2|"), "{heard}");
    assert!(heard.contains("pbx1 (maintenance)"), "{heard}");
    assert_eq!(desk.submitted.len(), 1);
}

#[test]
fn a_node_that_says_nothing_does_not_hold_up_what_follows() {
    let mut desk = Desk::logged_in("a");
    desk.says("Action: CoreShowChannels|ActionID: 1||Action: Ping|ActionID: 2");
    let seqs: Vec<_> = desk.submitted.iter().map(|(_, asked)| asked.seq).collect();
    desk.wrote(0, seqs[0]);
    desk.part(
        0,
        seqs[0],
        "Response: Success|ActionID: 1|EventList: start",
        PartKind::ListStart,
    );
    let complete = "Event: CoreShowChannelsComplete|ActionID: 1|EventList: Complete|ListItems: 0";
    desk.part(0, seqs[0], complete, PartKind::Complete);
    desk.wait(Duration::from_secs(4));
    assert_in_order(
        &desk.heard(),
        &[
            "NodesOk: 1|NodesFailed: pbx2 (timeout)||",
            "ActionID: 2|Ping: Pong|",
        ],
    );
    desk.part(1, seqs[1], complete, PartKind::Complete);
    assert_eq!(desk.heard(), "");
}

/// What a client had sent before it heard of the end is refused, not left unread; before a login as well.
#[test]
fn what_was_sent_before_the_end_is_refused() {
    let refusal = "Response: Error|ActionID: 1|Message: Asterisk is shutting down||";
    for action in ["Login|Username: a|Secret: s", "Logoff", "Nonsense"] {
        let mut desk = Desk::new();
        desk.wait(Duration::ZERO);
        desk.heard();
        desk.refuses();
        desk.says(&format!("Action: {action}|ActionID: 1"));
        assert_eq!(desk.heard(), refusal, "{action}");
        desk.says("ActionID: 1");
        assert!(desk.heard().contains("Missing action"));
        assert!(!desk.closed, "it may have said more");
        desk.drain();
        assert!(desk.closed);
        assert!(desk.reports.iter().all(|(report, _)| matches!(
            report.matter,
            ami_mux::SecurityMatter::RequestBadFormat { .. }
        )));
    }
}

/// The second that a failed login has is not cut off, nor is it an open door.
#[test]
fn a_failed_login_is_answered_although_amiplex_stops() {
    let mut desk = Desk::new();
    desk.says("Action: Login|Username: a|Secret: wrong");
    desk.heard();
    desk.drain();
    assert!(!desk.closed);
    desk.wait(Duration::from_secs(1));
    assert!(desk.heard().contains("Authentication failed"));
    assert!(desk.closed);
}

#[test]
fn what_comes_while_amiplex_stops_is_refused_in_asterisks_words() {
    let mut desk = Desk::logged_in("a");
    desk.says("Action: Setvar|Node: pbx1|ActionID: 1|Variable: A|Value: 1");
    let seq = desk.submitted[0].1.seq;
    desk.wrote(0, seq);
    desk.drain();
    desk.says("Action: Ping|ActionID: 2||Action: Nonsense|ActionID: 3||ActionID: 4");
    assert_eq!(desk.heard(), "", "in its turn");
    desk.answer(0, seq, "Response: Success|ActionID: 1");
    assert_eq!(
        desk.heard(),
        "Response: Success|ActionID: 1||\
         Response: Error|ActionID: 2|Message: Asterisk is shutting down||\
         Response: Error|ActionID: 3|Message: Asterisk is shutting down||\
         Response: Error|ActionID: 4|Message: Missing action in request||"
    );
    assert!(desk.closed);
    assert_eq!(desk.submitted.len(), 1);
}
