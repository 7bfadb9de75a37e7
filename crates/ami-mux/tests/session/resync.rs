//! What a session is told of a node that was away when it logged in.

use crate::desk::Desk;

const HAS: &str = "Event: Newchannel|Privilege: call,all|Uniqueid: there";

/// A session that logged in while the second node was away.
fn latecomer(account: &str) -> Desk {
    Desk::new().unsettled(1).log_in(account)
}

#[test]
fn what_the_node_has_is_told_in_its_place_among_the_events() {
    let mut desk = latecomer("a");
    desk.resynced(1, Some(&[HAS]));
    desk.event(1, "Next");
    let heard = desk.heard();
    let there = heard.find("Uniqueid: there").expect("told");
    assert!(there < heard.find("Event: Next").expect("told"), "{heard}");
    assert!(desk.replays.is_empty(), "nothing is left to be asked for");
    desk.resynced(1, Some(&[HAS]));
    assert_eq!(desk.heard(), "", "it knows by now");
}

#[test]
fn an_answer_that_holds_events_holds_what_the_node_has_too() {
    let mut desk = latecomer("a");
    desk.says("Action: Getvar|Variable: X|Node: pbx2|ActionID: 1");
    let seq = desk.submitted[0].1.seq;
    desk.wrote(1, seq);
    desk.resynced(1, Some(&[HAS]));
    desk.event(1, "Next");
    assert_eq!(desk.heard(), "");
    desk.answer(1, seq, "Response: Success|ActionID: 1");
    let heard = desk.heard();
    let places = ["Response: Success", "Uniqueid: there", "Event: Next"];
    crate::assert_in_order(&heard, &places);
}

#[test]
fn who_knew_the_node_or_does_not_want_it_is_not_told_all() {
    let mut knew = Desk::logged_in("a");
    knew.resynced(1, Some(&[HAS]));
    assert_eq!(knew.heard(), "");
    let mut unwilling = latecomer("u");
    unwilling.resynced(1, Some(&[HAS]));
    assert_eq!(unwilling.heard(), "");
}

#[test]
fn what_was_not_given_is_asked_for_once() {
    let mut desk = latecomer("a");
    desk.resynced(1, None);
    desk.resynced(1, None);
    assert_eq!(desk.replays.len(), 1);
}
