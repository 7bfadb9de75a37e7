//! Sessions of accounts whose rights differ by node: what they hear of each, and what they may do there.

use std::sync::Arc;

use ami_mux::{Audience, Mail, NodeId, PartKind, SecurityEvent, SecurityMatter};
use bytes::Bytes;

use crate::desk::Desk;

const PBX1: NodeId = NodeId(0);
const PBX2: NodeId = NodeId(1);

/// What the session gives of an event of this class at each node.
fn hears(desk: &mut Desk, class: &str) -> [bool; 2] {
    [0, 1].map(|node| {
        desk.tells(node, &format!("Event: Probe|Privilege: {class},all"));
        desk.heard().contains("Event: Probe")
    })
}

#[test]
fn an_event_is_tested_by_the_classes_at_its_node() {
    let mut desk = Desk::logged_in("split");
    assert_eq!(hears(&mut desk, "agent"), [false, true]);
    assert_eq!(hears(&mut desk, "call"), [false, false]);
    assert_eq!(hears(&mut desk, "originate"), [false, false]);
    let mut desk = Desk::logged_in("halved");
    assert_eq!(hears(&mut desk, "call"), [true, true]);
    assert_eq!(hears(&mut desk, "system"), [true, false]);
    assert_eq!(hears(&mut desk, "system,call"), [true, false]);
    desk.says("Action: Events|EventMask: system");
    assert_eq!(hears(&mut desk, "call"), [false, false]);
    assert_eq!(hears(&mut desk, "system"), [true, false]);
    desk.says("Action: Events|EventMask: on");
    assert_eq!(hears(&mut desk, "call"), [true, true]);
    assert_eq!(hears(&mut desk, "agent"), [false, false]);
}

#[test]
fn an_event_that_waits_is_tested_by_the_classes_at_its_node() {
    let mut desk = Desk::logged_in("halved");
    desk.says("Action: CoreStatus|Node: pbx1||Action: CoreStatus|Node: pbx2");
    let seqs: Vec<_> = desk.submitted.iter().map(|(_, asked)| asked.seq).collect();
    for (node, seq) in [(0, seqs[0]), (1, seqs[1])] {
        desk.wrote(node, seq);
        desk.tells(node, &format!("Event: Held{node}|Privilege: system,all"));
        desk.answer(node, seq, "Response: Success");
    }
    let heard = desk.heard();
    assert!(
        heard.contains("Event: Held0") && !heard.contains("Event: Held1"),
        "{heard}"
    );
}

#[test]
fn news_of_a_node_are_for_those_who_read_system_there() {
    let mut desk = Desk::logged_in("halved");
    for node in [PBX1, PBX2] {
        desk.mail(Mail::NodeDown(node));
        desk.mail(Mail::NodeUp(node));
        desk.boots(node.0);
    }
    let heard = desk.heard();
    for event in ["NodeDown", "NodeUp", "FullyBooted"] {
        assert_eq!(
            heard.matches(&format!("Event: {event}|")).count(),
            1,
            "{heard}"
        );
    }
    assert!(!heard.contains("pbx2"), "{heard}");
}

#[test]
fn a_security_event_is_for_those_who_read_the_class_at_a_node_that_it_concerns() {
    let mut desk = Desk::logged_in("halved");
    for (audience, given) in [
        (Audience::of_account(&[PBX1]), true),
        (Audience::of_account(&[PBX2]), false),
        (Audience::of_account(&[PBX1, PBX2]), true),
        (Audience::of_a_stranger(&[PBX1]), true),
        (Audience::of_a_stranger(&[PBX1, PBX2]), false),
    ] {
        let bytes = Bytes::from_static(b"Event: Told\r\nPrivilege: security,all\r\n\r\n");
        let event = SecurityEvent::new(bytes, audience.clone());
        desk.mail(Mail::Security(Arc::new(event)));
        assert_eq!(desk.heard().contains("Event: Told"), given, "{audience:?}");
    }
}

#[test]
fn what_is_submitted_is_good_for_its_node_alone() {
    let mut desk = Desk::logged_in("split");
    let originate = "Action: Originate|Channel: Local/1@x|Application: NoOp";
    desk.says(&format!("{originate}|ActionID: 1|Node: pbx2"));
    desk.says(&format!("{originate}|ActionID: 2|Node: pbx1,pbx2"));
    desk.says(&format!("{originate}|ActionID: 3|Node: pbx9"));
    let heard = desk.heard();
    assert_eq!(
        heard.matches("Message: Permission denied|").count(),
        2,
        "{heard}"
    );
    assert!(
        heard.contains("ActionID: 3|Message: No such node: pbx9|"),
        "{heard}"
    );
    assert!(desk.submitted.is_empty());
    let denied = |report: &ami_mux::SecurityReport| matches!(&report.matter, SecurityMatter::RequestNotAllowed { request } if request == "Action: Originate");
    let told = desk.reports.iter().filter(|(report, _)| denied(report));
    assert_eq!(told.count(), 2);
    desk.says(&format!("{originate}|Node: *"));
    let (node, submission) = &desk.submitted[0];
    assert_eq!(*node, PBX1);
    assert!(submission.action.permits(PBX1) && !submission.action.permits(PBX2));
}

#[test]
fn a_session_of_one_node_has_its_rights() {
    let originate = "Action: Originate|Channel: Local/1@x|Application: NoOp";
    for (user, submitted) in [("split@pbx1", 1), ("split@pbx2", 0)] {
        let mut desk = Desk::logged_in(user);
        desk.says(originate);
        assert_eq!(desk.submitted.len(), submitted, "{user}");
    }
    let mut desk = Desk::logged_in("split@pbx2");
    assert_eq!(hears(&mut desk, "agent"), [false, true]);
    let mut desk = Desk::logged_in("split@pbx1");
    assert_eq!(hears(&mut desk, "agent"), [false, false]);
}

#[test]
fn a_list_has_no_leg_where_it_may_not_be_asked() {
    let mut desk = Desk::logged_in("halved");
    desk.says("Action: CoreShowChannels|ActionID: 1||Action: Ping|ActionID: 2");
    let asked: Vec<_> = desk
        .submitted
        .iter()
        .map(|(node, submission)| (*node, submission.seq))
        .collect();
    let [(PBX1, seq)] = *asked else {
        panic!("{asked:?}");
    };
    desk.wrote(0, seq);
    desk.part(
        0,
        seq,
        "Response: Success|ActionID: 1|EventList: start",
        PartKind::ListStart,
    );
    let complete = "Event: CoreShowChannelsComplete|ActionID: 1|EventList: Complete|ListItems: 0";
    desk.part(0, seq, complete, PartKind::Complete);
    let heard = desk.heard();
    assert!(
        heard.contains("NodesOk: 1||") && heard.contains("ActionID: 2|Ping: Pong|"),
        "{heard}"
    );
    assert!(
        !heard.contains("NodesFailed") && !heard.contains("pbx2"),
        "{heard}"
    );
}

#[test]
fn list_commands_has_what_is_permitted_at_some_node() {
    let mut desk = Desk::logged_in("split");
    desk.says("Action: ListCommands");
    let heard = desk.heard();
    assert!(
        heard.contains("|Originate: ") && heard.contains("|Ping: "),
        "{heard}"
    );
    assert!(
        !heard.contains("|Hangup: ") && !heard.contains("|QueuePause: "),
        "{heard}"
    );
    let mut desk = Desk::logged_in("split@pbx2");
    desk.says("Action: ListCommands");
    assert!(!desk.heard().contains("|Originate: "));
}
