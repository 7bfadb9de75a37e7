//! How much a session may ask of the nodes, and what asks nothing of them.

use std::time::Duration;

use crate::desk::Desk;

const OVER: &str = "Response: Error|ActionID: 4|Message: Rate limit exceeded||";

#[test]
fn what_is_over_the_rate_is_refused_at_once_under_its_own_id() {
    let mut desk = Desk::logged_in("limited");
    for number in 1..=3 {
        desk.says(&format!(
            "Action: Getvar|Variable: v{number}|Node: pbx1|ActionID: {number}"
        ));
    }
    assert_eq!(desk.submitted.len(), 3);
    desk.says("Action: Getvar|Variable: v|Node: pbx1|ActionID: 4");
    desk.says("Action: Ping|ActionID: 5");
    assert_eq!(desk.submitted.len(), 3);
    assert_eq!(desk.heard(), "", "the answers come in order");
    let asked: Vec<_> = desk
        .submitted
        .iter()
        .map(|(node, one)| (node.0, one.seq))
        .collect();
    for (node, seq) in asked {
        desk.answer(node, seq, "Response: Success|Tag: own");
    }
    let heard = desk.heard();
    let after = heard
        .strip_prefix(&"Response: Success|Tag: own||".repeat(3))
        .expect("in order");
    let after = after.strip_prefix(OVER).expect("the refusal");
    assert!(
        after.contains("Ping: Pong") && after.contains("ActionID: 5"),
        "{after}"
    );
    // A third of a second gives room for one more.
    desk.now += Duration::from_millis(334);
    desk.says(
        "Action: Getvar|Variable: v|Node: pbx1||Action: Getvar|Variable: v|Node: pbx1|ActionID: 4",
    );
    assert_eq!(desk.submitted.len(), 4);
}

#[test]
fn what_goes_to_no_node_is_not_counted() {
    let mut desk = Desk::logged_in("limited");
    for _ in 0..20 {
        desk.says("Action: Ping");
        desk.says("Action: NoSuchAction");
        desk.says("Action: Getvar|Variable: v|Node: nosuchnode");
    }
    assert!(!desk.heard().contains("Rate limit"));
    desk.says("Action: Getvar|Variable: v|Node: pbx1");
    assert_eq!(desk.submitted.len(), 1);
}

#[test]
fn all_sessions_of_an_account_have_a_rate_together() {
    let mut desk = Desk::logged_in("greedy");
    desk.says("Action: Getvar|Variable: v|Node: pbx1|ActionID: 4");
    assert_eq!(desk.heard(), OVER);
    assert!(desk.submitted.is_empty());
}

/// None of these is a node's business.
#[test]
fn what_amiplex_answers_itself_and_what_it_refuses_sends_nothing_up() {
    let mut desk = Desk::new();
    desk.says("Action: Challenge|AuthType: MD5");
    desk.says("Action: Getvar|Variable: before login");
    let mut desk = desk.log_in("panel");
    for said in [
        "Action: Ping",
        "Action: ListCommands",
        "Action: Events|EventMask: call",
        "Action: Originate|Channel: c|Node: pbx1",
        "Action: Command|Command: core show channels|Node: pbx1",
        "Action: Hangup|Channel: c|Node: pbx1",
        "Action: NoSuchAction|Node: pbx1",
        "Action: Login|Username: panel|Secret: s",
        "Nonsense: without an action",
        "Action: UserEvent|UserEvent: x|Node: nosuchnode",
        "Action: Logoff",
    ] {
        desk.says(said);
        let heard = desk.heard();
        assert!(heard.starts_with("Response: "), "{said}: {heard}");
        assert!(desk.submitted.is_empty(), "{said}");
    }
    assert!(desk.closed);
}
