//! Answers that are not as the convention says: every byte reaches the client, and the action ends when it should.

use std::time::Duration;

use ami_mux::{ActionEnd, LaneRole, Mail, NodeNote};
use ami_proto::Action;

use crate::rig::{Rig, settings, text_of, wire_id};

struct Asked {
    rig: Rig,
    id: String,
}

/// What the client has got, with `|` for line ends, and whether that was all.
fn got(rig: &mut Rig) -> (String, bool) {
    let (mut text, mut ended) = (String::new(), false);
    for (_, mail) in std::mem::take(&mut rig.mail) {
        if let Mail::Reply { bytes, last, .. } = mail {
            text.push_str(&text_of(&bytes).replace("\r\n", "|"));
            ended |= last;
        }
    }
    (text, ended)
}

impl Asked {
    fn new(action: &str) -> Self {
        let mut rig = Rig::up(settings());
        rig.submit(1, &format!("{action}|ActionID: c"));
        rig.connect_all();
        let lanes = [rig.lanes(LaneRole::Action), rig.lanes(LaneRole::Blocking)].concat();
        let mut lanes = lanes.into_iter();
        let lane = lanes.find(|lane| !rig.unanswered(*lane).is_empty());
        let asked: Action = rig.take(lane.expect("on a lane"));
        let id = wire_id(&asked);
        rig.notes.clear();
        Self { rig, id }
    }

    /// The node says exactly this; `@` stands for the ActionID line, `|` for CRLF.
    fn raw(&mut self, text: &str) {
        let line = if self.id.is_empty() {
            String::new()
        } else {
            format!("ActionID: {}\r\n", self.id)
        };
        let text = text.replace('|', "\r\n").replace('@', &line);
        let lane = self.rig.lanes(LaneRole::Action)[0];
        self.rig.raw(lane, &text);
    }

    fn got(&mut self) -> (String, bool) {
        got(&mut self.rig)
    }

    /// Parts of raw text, each with what the client gets for it and whether the action has ended then.
    fn exchange(&mut self, parts: &[(&str, &str, bool)]) {
        for (says, expected, ends) in parts {
            self.raw(says);
            assert_eq!(
                self.got(),
                ((*expected).to_owned(), *ends),
                "after {says:?}"
            );
        }
        let is_end = |note: &&NodeNote| matches!(note, NodeNote::Done { .. });
        assert_eq!(self.rig.notes.iter().filter(is_end).count(), 1);
    }
}

#[test]
fn a_message_that_ends_in_a_line_feed_has_its_blank_line() {
    let mut asked = Asked::new("Action: QueueMemberRingInUse|Queue: q|Interface: i|RingInUse: x");
    asked.exchange(&[
        (
            "Response: Error|@Message: Invalid\n|",
            "Response: Error|ActionID: c|Message: Invalid\n|",
            false,
        ),
        ("|", "|", true),
    ]);
    assert!(asked.rig.notes.iter().any(|note| matches!(
        note,
        NodeNote::Done {
            end: ActionEnd::Refused,
            ..
        }
    )));
}

#[test]
fn without_the_blank_line_it_ends_by_itself() {
    let mut asked = Asked::new("Action: QueueMemberRingInUse|Queue: q|Interface: i|RingInUse: x");
    asked.raw("Response: Error|@Message: Invalid\n|");
    assert!(!asked.got().1);
    asked.rig.wait(Duration::from_secs(2));
    assert_eq!(asked.got(), (String::new(), true));
}

#[test]
fn queue_rule_ends_in_a_blank_line() {
    let mut asked = Asked::new("Action: QueueRule");
    asked.exchange(&[
        (
            "Response: Success|@RuleList: r||",
            "Response: Success|ActionID: c|RuleList: r||",
            false,
        ),
        ("|", "|", true),
    ]);
}

#[test]
fn up_to_three_responses_reach_the_client() {
    let mut asked = Asked::new("Action: ModuleLoad");
    let part = "Response: Error|ActionID: c|Message: m||";
    asked.exchange(&[
        ("Response: Error|@Message: m||", part, false),
        ("Response: Error|@Message: m||", part, false),
        ("Response: Error|@Message: m||", part, true),
    ]);
}

#[test]
fn a_second_response_may_come() {
    let mut asked = Asked::new("Action: JabberSend");
    asked.exchange(&[
        (
            "Response: Success|@Message: m||",
            "Response: Success|ActionID: c|Message: m||",
            false,
        ),
        ("Response: Error|@|", "Response: Error|ActionID: c||", true),
    ]);
}

const START: &str = "Response: Success|@EventList: start|Message: m||";
const STARTED: &str = "Response: Success|ActionID: c|EventList: start|Message: m||";

#[test]
fn a_list_may_go_on_after_an_error() {
    let mut asked = Asked::new("Action: PJSIPShowEndpoint|Endpoint: e");
    asked.exchange(&[
        (START, STARTED, false),
        (
            "Response: Error|@Message: m||",
            "Response: Error|ActionID: c|Message: m||",
            false,
        ),
        ("Event: I|@|", "Event: I|ActionID: c||", false),
        (
            "Event: EndpointDetailComplete|@EventList: Complete||",
            "Event: EndpointDetailComplete|ActionID: c|EventList: Complete||",
            true,
        ),
    ]);
}

#[test]
fn a_list_may_end_with_an_error() {
    let mut asked = Asked::new("Action: ExtensionStateList");
    asked.raw(START);
    asked.raw("Response: Error|@Message: Memory Allocation Failure||");
    assert!(!asked.got().1);
    asked.rig.wait(Duration::from_secs(2));
    assert_eq!(asked.got(), (String::new(), true));
}

#[test]
fn items_without_an_id_belong_to_the_only_list_on_the_lane() {
    let mut asked = Asked::new("Action: IAXpeers");
    asked.exchange(&[
        (START, STARTED, false),
        (
            "Event: PeerEntry|Channeltype: IAX||",
            "Event: PeerEntry|Channeltype: IAX||",
            false,
        ),
        (
            "Event: PeerlistComplete|@EventList: Complete|ListItems: 1||",
            "Event: PeerlistComplete|ActionID: c|EventList: Complete|ListItems: 1||",
            true,
        ),
    ]);
}

#[test]
fn an_answer_may_be_a_blank_line_alone() {
    let mut asked = Asked::new("Action: IAXnetstats");
    asked.exchange(&[("|", "|", true)]);
}

#[test]
fn text_may_have_blank_lines_behind_it() {
    for text in ["|", "Channeltype: SKINNY||"] {
        let mut asked = Asked::new("Action: SKINNYshowdevice|Device: x");
        asked.exchange(&[(text, text, false), ("|", "|", true)]);
        let mut asked = Asked::new("Action: SKINNYshowline|Line: x");
        asked.exchange(&[(text, text, false), ("|", "|", false), ("|", "|", true)]);
    }
}

/// As Asterisk up to 13 writes them. What is left over would be taken for the answer to the next action of its kind.
#[test]
fn blocks_of_text_end_with_their_blank_lines() {
    let mut asked = Asked::new("Action: Queues");
    let block = "support has 0 calls|   Members: |   No Callers||";
    asked.exchange(&[
        (block, block, false),
        (block, block, false),
        ("|", "|", false),
        ("|", "|", true),
    ]);
    let mut asked = Asked::new("Action: Queues|Queue: x");
    asked.exchange(&[
        ("No such queue: x.||", "No such queue: x.||", false),
        ("|", "|", true),
    ]);
    let mut asked = Asked::new("Action: Queues");
    asked.exchange(&[(block, block, false)]);
    asked.rig.wait(Duration::from_secs(1));
    assert_eq!(
        asked.got(),
        (String::new(), true),
        "a node that says no more"
    );
}

#[test]
fn an_error_alone_may_have_a_blank_line_behind_it() {
    let mut asked = Asked::new("Action: SIPshowpeer|Peer: x");
    asked.exchange(&[
        (
            "Response: Error|@Message: Peer x not found.||",
            "Response: Error|ActionID: c|Message: Peer x not found.||",
            false,
        ),
        ("|", "|", true),
    ]);
    let mut asked = Asked::new("Action: SIPshowpeer|Peer: x");
    asked.exchange(&[(
        "Response: Success|@Channeltype: SIP||",
        "Response: Success|ActionID: c|Channeltype: SIP||",
        true,
    )]);
}

#[test]
fn a_blank_line_that_nobody_waits_for_ends_nothing() {
    let mut asked = Asked::new("Action: Getvar|Variable: v");
    asked.raw("|");
    assert_eq!(asked.got(), (String::new(), false));
    asked.exchange(&[(
        "Response: Success|@|",
        "Response: Success|ActionID: c||",
        true,
    )]);
    assert!(!asked.rig.notes.contains(&NodeNote::ForeignId));
}
