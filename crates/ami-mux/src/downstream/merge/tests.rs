use super::*;
use crate::outcome::{Cause, Failure, Outcome};

const STRICT: Form = Form::List {
    complete: "XComplete",
    strict: true,
};
const LENIENT: Form = Form::List {
    complete: "XComplete",
    strict: false,
};

struct Desk {
    merge: Merge,
    now: Instant,
    heard: String,
    finished: bool,
}

impl Desk {
    fn new(form: Form, nodes: &[&str]) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let mut merge = Merge::new(form, ClientActionId::new("mine"), "Node".into());
        for (index, name) in nodes.iter().enumerate() {
            let place = u16::try_from(index).expect("few");
            let seq = ActionSeq(place.into());
            merge.ask(NodeId(place), (*name).into(), seq);
            merge.started(seq, now);
        }
        Self {
            merge,
            now,
            heard: String::new(),
            finished: false,
        }
    }

    fn part(&mut self, leg: u64, text: &str, kind: PartKind, last: bool) {
        let bytes = Bytes::from(text.replace('|', "\r\n") + "\r\n\r\n");
        let merged = self
            .merge
            .part(ActionSeq(leg), smallvec![bytes], kind, last, self.now);
        self.take(merged);
    }

    fn take(&mut self, merged: Merged) {
        for bytes in merged.write {
            self.heard
                .push_str(&String::from_utf8_lossy(&join(bytes)).replace("\r\n", "|"));
        }
        self.finished |= merged.finished;
    }

    fn starts(&mut self, leg: u64) {
        self.part(
            leg,
            "Response: Success|ActionID: mine|EventList: start",
            PartKind::ListStart,
            false,
        );
    }

    fn item(&mut self, leg: u64, name: &str) {
        self.part(
            leg,
            &format!("Event: Item|ActionID: mine|Name: {name}"),
            PartKind::Item,
            false,
        );
    }

    fn completes(&mut self, leg: u64, items: u64) {
        let text = format!(
            "Event: XComplete|ActionID: mine|EventList: Complete|ListItems: {items}|Items: {items}|Node: pbx{leg}"
        );
        self.part(leg, &text, PartKind::Complete, true);
    }

    fn refuses(&mut self, leg: u64, message: &str) {
        let text = format!("Response: Error|ActionID: mine|Message: {message}");
        self.part(leg, &text, PartKind::Response { success: false }, true);
    }

    fn ends(&mut self, leg: u64, text: &str) {
        let failure = Failure {
            outcome: Outcome::Unknown,
            cause: Cause::NodeDown,
        };
        self.part(leg, text, PartKind::Ended(failure), true);
    }

    fn waits(&mut self, time: Duration) {
        self.now += time;
        let (merged, _) = self.merge.expire(Duration::from_secs(4), self.now);
        self.take(merged);
    }

    fn heard(&mut self) -> String {
        std::mem::take(&mut self.heard)
    }
}

const START: &str = "Response: Success|ActionID: mine|EventList: start||";

fn item(name: &str) -> String {
    format!("Event: Item|ActionID: mine|Name: {name}||")
}

fn complete(items: u64, nodes: &str) -> String {
    format!(
        "Event: XComplete|ActionID: mine|EventList: Complete|ListItems: {items}|Items: {items}|{nodes}||"
    )
}

#[test]
fn one_start_all_items_as_they_come_one_complete() {
    let mut desk = Desk::new(LENIENT, &["pbx0", "pbx1"]);
    desk.starts(1);
    desk.item(1, "a");
    desk.starts(0);
    desk.item(0, "b");
    desk.completes(0, 1);
    desk.item(1, "c");
    assert_eq!(
        desk.heard(),
        [START, &item("a"), &item("b"), &item("c")].concat()
    );
    desk.completes(1, 2);
    assert_eq!(desk.heard(), complete(3, "NodesOk: 2"));
    assert!(desk.finished && desk.merge.is_over());
}

/// Nodes up to 13.1 begin some lists plainly, and end them with an event without `EventList`.
#[test]
fn a_list_that_an_old_node_begins_says_that_it_is_one() {
    let mut desk = Desk::new(LENIENT, &["pbx0", "pbx1"]);
    desk.part(
        0,
        "Response: Success|ActionID: mine|Message: Things will follow",
        PartKind::ListStart,
        false,
    );
    assert_eq!(
        desk.heard(),
        "Response: Success|ActionID: mine|EventList: start|Message: Things will follow||"
    );
    desk.item(0, "a");
    desk.part(
        0,
        "Event: XComplete|ActionID: mine",
        PartKind::Complete,
        true,
    );
    desk.starts(1);
    desk.item(1, "b");
    desk.part(
        1,
        "Event: XComplete|ActionID: mine",
        PartKind::Complete,
        true,
    );
    assert!(desk.heard().ends_with(
        "Event: XComplete|ActionID: mine|EventList: Complete|ListItems: 2|NodesOk: 2||"
    ));
}

#[test]
fn an_error_waits_for_a_success() {
    let mut desk = Desk::new(LENIENT, &["pbx0", "pbx1"]);
    desk.refuses(0, "Permission denied");
    assert_eq!(desk.heard(), "");
    desk.starts(1);
    desk.completes(1, 0);
    let end = complete(0, "NodesOk: 1|NodesFailed: pbx0 (Permission denied)");
    assert_eq!(desk.heard(), [START, &end].concat());
}

#[test]
fn only_errors_are_the_first_one() {
    let mut desk = Desk::new(LENIENT, &["pbx0", "pbx1"]);
    desk.refuses(1, "No such channel");
    desk.refuses(0, "other");
    assert_eq!(
        desk.heard(),
        "Response: Error|ActionID: mine|Message: No such channel||"
    );
    assert!(desk.finished);
}

#[test]
fn a_node_that_has_nothing_did_not_fail() {
    let mut desk = Desk::new(STRICT, &["pbx0", "pbx1"]);
    desk.refuses(0, "No active conferences.");
    desk.starts(1);
    desk.item(1, "a");
    desk.completes(1, 1);
    assert_eq!(
        desk.heard(),
        [START, &item("a"), &complete(1, "NodesOk: 2")].concat()
    );
}

#[test]
fn a_silent_node_is_left_behind() {
    let mut desk = Desk::new(LENIENT, &["pbx0", "pbx1"]);
    desk.starts(0);
    desk.item(0, "a");
    desk.completes(0, 1);
    desk.heard();
    desk.waits(Duration::from_millis(3999));
    assert_eq!(desk.heard(), "");
    desk.waits(Duration::from_millis(1));
    assert_eq!(
        desk.heard(),
        complete(1, "NodesOk: 1|NodesFailed: pbx1 (timeout)")
    );
    desk.starts(1);
    assert_eq!(desk.heard(), "");
}

#[test]
fn a_node_that_goes_on_talking_is_waited_for() {
    let mut desk = Desk::new(LENIENT, &["pbx0"]);
    desk.starts(0);
    for _ in 0..10 {
        desk.waits(Duration::from_secs(3));
        desk.item(0, "a");
    }
    desk.completes(0, 10);
    assert!(desk.heard().ends_with(&complete(10, "NodesOk: 1")));
}

#[test]
fn a_node_lost_in_the_middle_is_named() {
    let mut desk = Desk::new(LENIENT, &["pbx0", "pbx1"]);
    desk.starts(0);
    desk.item(0, "a");
    desk.ends(0, "Event: XComplete|ActionID: mine|EventList: Cancelled|ListItems: 1|Message: Node pbx0 is down, outcome unknown|Outcome: unknown|Node: pbx0");
    desk.starts(1);
    desk.completes(1, 0);
    let told = desk.heard();
    assert!(told.contains("EventList: Complete|ListItems: 1|Items: 0|NodesOk: 1|NodesFailed: pbx0 (Node pbx0 is down, outcome unknown)||"), "{told}");
}

#[test]
fn a_list_that_no_node_could_end_is_cancelled() {
    let mut desk = Desk::new(LENIENT, &["pbx0"]);
    desk.starts(0);
    desk.ends(0, "Event: XComplete|ActionID: mine|EventList: Cancelled|ListItems: 0|Message: gone|Outcome: unknown|Node: pbx0");
    let told = desk.heard();
    assert!(
        told.contains(
            "|EventList: Cancelled|ListItems: 0|Message: gone|Outcome: unknown|NodesOk: 0|"
        ),
        "{told}"
    );
}

#[test]
fn a_strict_list_is_whole_or_an_error() {
    let mut desk = Desk::new(STRICT, &["pbx0", "pbx1"]);
    desk.starts(0);
    desk.item(0, "a");
    assert_eq!(desk.heard(), "", "it may still fail");
    desk.refuses(1, "Permission denied");
    assert_eq!(
        desk.heard(),
        "Response: Error|ActionID: mine|Message: No answer from pbx1 (Permission denied)||"
    );
    assert!(desk.finished && !desk.merge.is_over());
    desk.completes(0, 1);
    assert_eq!(desk.heard(), "");
    assert!(desk.merge.is_over());
}

#[test]
fn a_strict_list_that_breaks_later_is_cancelled() {
    let mut desk = Desk::new(STRICT, &["pbx0", "pbx1"]);
    desk.starts(0);
    desk.item(0, "a");
    desk.starts(1);
    assert_eq!(desk.heard(), [START, &item("a")].concat());
    desk.completes(0, 1);
    desk.waits(Duration::from_secs(4));
    let told = desk.heard();
    assert!(
        told.contains(
            "EventList: Cancelled|ListItems: 1|Items: 1|NodesOk: 1|NodesFailed: pbx1 (timeout)||"
        ),
        "{told}"
    );
}

#[test]
fn other_actions_give_an_event_for_each_node() {
    let mut desk = Desk::new(Form::Each, &["pbx0", "pbx1"]);
    desk.part(
        1,
        "Response: Success|ActionID: mine|Message: Done",
        PartKind::Response { success: true },
        true,
    );
    assert_eq!(
        desk.heard(),
        "Response: Success|ActionID: mine|EventList: start|Message: Responses of the nodes will follow||\
         Event: NodeResponse|ActionID: mine|Response: Success|Message: Done|Node: pbx1||"
    );
    desk.ends(0, "Response: Error|ActionID: mine|Message: Node pbx0 is down, outcome unknown|Outcome: unknown");
    assert_eq!(
        desk.heard(),
        "Event: NodeResponse|ActionID: mine|Response: Error|Message: Node pbx0 is down, outcome unknown|Outcome: unknown|Node: pbx0||\
         Event: NodeResponseComplete|ActionID: mine|EventList: Complete|ListItems: 2|NodesOk: 1|NodesFailed: pbx0 (Node pbx0 is down, outcome unknown)||"
    );
}

#[test]
fn old_command_output_becomes_headers() {
    let mut desk = Desk::new(Form::Each, &["pbx0"]);
    let text = "Response: Follows|Privilege: Command|ActionID: mine|one\nResponse: forged\n--END COMMAND--";
    desk.part(0, text, PartKind::Response { success: true }, true);
    let told = desk.heard();
    assert!(told.contains("Event: NodeResponse|ActionID: mine|Response: Follows|Privilege: Command|Output: one|Output: Response: forged|Node: pbx0||"), "{told}");
}

/// The age of the oldest part is known when the last one has begun.
#[test]
fn a_list_of_which_parts_were_kept_tells_the_greatest_age_at_its_end() {
    for (ages, told) in [
        (["|CacheAge: 7", "|CacheAge: 137"], "|CacheAge: 137"),
        (["|CacheAge: 137", ""], "|CacheAge: 137"),
        (["", "|CacheAge: 0"], "|CacheAge: 0"),
        (["", ""], ""),
    ] {
        let mut desk = Desk::new(LENIENT, &["pbx0", "pbx1"]);
        for (leg, age) in (0..).zip(ages) {
            let start = format!("Response: Success|ActionID: mine|EventList: start{age}");
            desk.part(leg, &start, PartKind::ListStart, false);
        }
        desk.completes(0, 0);
        desk.completes(1, 0);
        let expected = [START, &complete(0, &format!("NodesOk: 2{told}"))].concat();
        assert_eq!(desk.heard(), expected);
    }
}

#[test]
fn each_answer_that_was_kept_tells_its_own_age() {
    let mut desk = Desk::new(Form::Each, &["pbx0", "pbx1"]);
    let response = PartKind::Response { success: true };
    desk.part(0, "Response: Success|A: 1|CacheAge: 7", response, true);
    desk.part(1, "Response: Success|A: 2", response, true);
    let heard = desk.heard();
    assert!(heard.contains("A: 1|CacheAge: 7|Node: pbx0||"), "{heard}");
    assert!(heard.contains("A: 2|Node: pbx1||"), "{heard}");
}
