//! When a session says that it reads no events of a node, so that it may be given what was kept.

use super::desk::Desk;

/// What it says with each of its actions, taken off.
fn reads_none(desk: &mut Desk) -> Vec<bool> {
    let submitted = std::mem::take(&mut desk.submitted);
    submitted
        .into_iter()
        .map(|(_, asked)| asked.reads_no_events)
        .collect()
}

const ASK: &str = "Action: CoreStatus|Node: pbx1";

#[test]
fn its_mask_at_that_moment_decides() {
    let mut desk = Desk::logged_in("a");
    for (mask, none) in [("on", false), ("off", true), ("call", false), ("off", true)] {
        desk.says(&format!("Action: Events|EventMask: {mask}"));
        desk.says(ASK);
        let seq = desk.submitted[0].1.seq;
        assert_eq!(reads_none(&mut desk), [none], "{mask}");
        desk.answer(0, seq, "Response: Success");
    }
}

/// It is in force when the answer comes, though not yet when the question is put.
#[test]
fn a_mask_that_stands_before_the_question_counts() {
    let mut desk = Desk::logged_in("a");
    desk.says("Action: Events|EventMask: off");
    desk.says(ASK);
    desk.says("Action: Events|EventMask: on");
    desk.says(ASK);
    assert_eq!(reads_none(&mut desk), [true, false]);
}

/// By node, where the rights differ: this one may read `agent` at one of them alone.
#[test]
fn an_account_that_may_read_nothing_there_reads_nothing_there() {
    let mut desk = Desk::logged_in("split");
    desk.says("Action: Originate|Channel: Local/1@x|Application: Wait|Node: pbx1");
    assert_eq!(reads_none(&mut desk), [true]);
}
