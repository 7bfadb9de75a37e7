//! Events that come together are what they are one by one, for whoever gets them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ami_mux::{EventBatch, JointView, Mail, NodeEvent, NodeId, Outlook};
use ami_proto::Frame;
use bytes::Bytes;

use super::desk::Desk;

fn event(node: u16, text: &str) -> Mail {
    let bytes = Bytes::from(text.replace('|', "\r\n") + "\r\n\r\n");
    let frame = Frame::parse(bytes.clone()).expect("a message");
    let name = format!("pbx{}", node + 1);
    let event = NodeEvent::new(NodeId(node), name.as_str().into(), &frame, bytes);
    Mail::Event(Arc::new(event))
}

/// What a node may say in one breath.
fn events() -> Vec<Mail> {
    [
        "Event: Newchannel|Privilege: call,all|Channel: PJSIP/acme-1",
        "Event: Newexten|Privilege: dialplan,all|Channel: PJSIP/acme-1",
        "Event: Newchannel|Privilege: call,all|Channel: PJSIP/other-1",
        "Event: InvalidPassword|Privilege: security,all|Service: PJSIP",
        "Event: QueueMemberStatus|Privilege: agent,all|Queue: q",
        "Event: Odd|Privilege: nobody,knows",
        "Event: Bare",
        "Event: UserEvent|Privilege: user,all|UserEvent: Mine",
        "Event: Shutdown|Privilege: system,all|Shutdown: Cleanly",
        "Event: Hangup|Privilege: call,all|Channel: PJSIP/acme-1",
        "Event: Hangup|Privilege: call,all|Channel: PJSIP/other-1",
    ]
    .iter()
    .map(|text| event(0, text))
    .collect()
}

fn gathered() -> Vec<Mail> {
    let mut mail = events();
    EventBatch::gather(&mut mail);
    let batches = mail.iter().filter(|mail| mail.count() > 1).count();
    assert_eq!(
        (batches, mail.len()),
        (2, 3),
        "the Shutdown stands alone between two batches"
    );
    mail
}

const WHO: [&str; 9] = [
    "a",
    "a@pbx1",
    "a@pbx2",
    "panel@pbx1",
    "filtered@pbx1",
    "t@pbx1",
    "u",
    "halved",
    "split",
];

/// Lets each kind of session live through `prepare`, the events, and `after`; what it heard of them singly and together, and of others
/// where it is at rest.
fn both(prepare: impl Fn(&mut Desk), after: impl Fn(&mut Desk)) -> Vec<(&'static str, String)> {
    let hears = |who: &'static str, mail: Vec<Mail>, may_rest: bool| {
        let mut desk = Desk::logged_in(who);
        prepare(&mut desk);
        desk.heard();
        for mail in mail {
            if may_rest {
                desk.mail_to_one_at_rest(mail);
            } else {
                desk.mail(mail);
            }
        }
        after(&mut desk);
        desk.heard()
    };
    let pairs = WHO.map(|who| {
        let together = hears(who, gathered(), false);
        assert_eq!(together, hears(who, events(), false), "{who}");
        assert_eq!(together, hears(who, gathered(), true), "{who}");
        assert_eq!(together, hears(who, events(), true), "{who}");
        (who, together)
    });
    pairs.into()
}

fn heard_by<'h>(heard: &'h [(&str, String)], who: &str) -> &'h str {
    let found = heard.iter().find(|(name, _)| *name == who);
    found.map(|(_, heard)| &**heard).expect("it was there")
}

#[test]
fn each_session_sees_of_them_what_it_may() {
    let heard = both(|_| (), |_| ());
    assert_eq!(heard_by(&heard, "a@pbx1").matches("||").count(), 11);
    assert_eq!(
        heard_by(&heard, "a").matches("|Node: pbx1||").count(),
        10,
        "labelled, and without the Shutdown of one of two"
    );
    assert_eq!(heard_by(&heard, "a@pbx2"), "");
    assert!(!heard_by(&heard, "filtered@pbx1").contains("InvalidPassword"));
    let panel = heard_by(&heard, "panel@pbx1");
    assert!(panel.contains("QueueMemberStatus") && !panel.contains("call,all"));
    let tenant = heard_by(&heard, "t@pbx1");
    assert!(tenant.contains("acme-1") && !tenant.contains("other-1"));
}

#[test]
fn they_wait_behind_the_answer_of_what_was_written_before_them() {
    let heard = both(
        |desk| {
            desk.says("Action: Ping");
            desk.says("Action: Getvar|Variable: X|Node: pbx1");
            if let Some((_, submission)) = desk.submitted.first() {
                let seq = submission.seq;
                desk.wrote(0, seq);
            }
        },
        |desk| {
            if desk.submitted.is_empty() {
                return;
            }
            assert_eq!(desk.heard(), "", "all of them wait");
            desk.wait(Duration::from_millis(100));
        },
    );
    assert!(heard_by(&heard, "a").contains("Event: Newchannel"));
}

#[test]
fn the_first_of_them_ends_a_wait_and_the_mask_and_filters_of_the_session_hold() {
    let waits = both(
        |desk| desk.says("Action: WaitEvent|ActionID: w|Timeout: 60"),
        |_| (),
    );
    let heard = heard_by(&waits, "a@pbx1");
    let at = |text: &str| heard.find(text).expect("there");
    assert!(at("Newchannel") < at("WaitEventComplete"));
    assert!(at("WaitEventComplete") < at("Newexten"));
    let masked = both(|desk| desk.says("Action: Events|EventMask: agent"), |_| ());
    let heard = heard_by(&masked, "a@pbx1");
    assert_eq!(heard.matches("Event: ").count(), 1, "{heard}");
    let filtered = both(
        |desk| desk.says("Action: Filter|Operation: Add|Filter: Event: Hangup"),
        |_| (),
    );
    assert!(!heard_by(&filtered, "a@pbx1").contains("Newchannel"));
}

#[test]
fn sessions_that_see_the_same_share_its_bytes() {
    let mut mail = vec![
        event(0, "Event: A|Privilege: call,all"),
        event(0, "Event: B|Privilege: agent,all"),
    ];
    EventBatch::gather(&mut mail);
    let given = |who: &str| {
        let mut desk = Desk::logged_in(who);
        desk.mail(mail[0].clone());
        desk.last_written.take().expect("one piece")
    };
    let (one, other) = (given("a@pbx1"), given("asis@pbx1"));
    assert_eq!(one, other);
    assert_eq!(one.as_ptr(), other.as_ptr(), "made once for both");
    let panel = given("panel@pbx1");
    assert_eq!(panel, "Event: B\r\nPrivilege: agent,all\r\n\r\n");
}

#[test]
fn sessions_at_rest_that_see_the_same_share_what_waits_for_them() {
    let waits = |names: [&str; 2]| -> VecDeque<Mail> {
        let mut mail: Vec<Mail> = events();
        EventBatch::gather(&mut mail);
        mail.retain(Mail::is_ordinary);
        let more = names.map(|name| event(0, &format!("Event: {name}|Privilege: call,all")));
        mail.into_iter().chain(more).collect()
    };
    let mail = waits(["A", "B"]);
    let outlook = |who: &str| Desk::logged_in(who).outlook().expect("at rest");
    let shown = |outlook: &Outlook| {
        let views = mail.iter().map(|mail| outlook.shows(mail).expect("shown"));
        let (mut bytes, mut events) = (Vec::new(), 0);
        for view in views {
            bytes.extend_from_slice(&view.bytes);
            events += view.events;
        }
        (bytes, events)
    };
    let mut joint = JointView::default();
    let kinds = [
        "a@pbx1",
        "a",
        "a@pbx2",
        "panel@pbx1",
        "filtered@pbx1",
        "split",
    ];
    for (who, outlook) in kinds.map(|who| (who, outlook(who))) {
        assert!(
            joint.of(&outlook, &mail).is_none(),
            "{who} is the first of its kind"
        );
        for _ in 0..2 {
            let view = joint.of(&outlook, &mail).expect("put together");
            assert_eq!((view.bytes.to_vec(), view.events), shown(&outlook), "{who}");
        }
    }
    let halved = outlook("halved");
    assert!(joint.of(&halved, &mail).is_none());
    let one = joint.of(&halved, &mail).expect("made");
    let other = joint.of(&halved, &mail).expect("made");
    assert_eq!(one.bytes.as_ptr(), other.bytes.as_ptr(), "made once");
    let less: VecDeque<Mail> = mail.iter().take(3).cloned().collect();
    assert!(joint.of(&halved, &less).is_none(), "fewer");
    assert!(joint.of(&halved, &mail).is_none(), "more");
    let others = waits(["A", "B"]);
    assert!(
        joint.of(&halved, &others).is_none(),
        "others that read alike"
    );
}

/// A session that has something of its own going on, or sees what others with its rights do not, needs its machine.
#[test]
fn others_show_events_to_a_session_at_rest_only() {
    let shown = |desk: &mut Desk, text: &str| desk.mail_to_one_at_rest(event(0, text));
    let call = "Event: Newchannel|Privilege: call,all|Channel: PJSIP/acme-1";
    for who in ["a", "a@pbx1", "a@pbx2", "panel", "filtered@pbx1", "halved"] {
        let mut desk = Desk::logged_in(who);
        assert!(shown(&mut desk, call), "{who}");
        let shutdown = "Event: Shutdown|Privilege: system,all|Shutdown: Cleanly";
        assert!(!shown(&mut desk, shutdown), "{who}");
    }
    assert!(!shown(&mut Desk::new(), call), "nobody has logged in");
    assert!(!shown(&mut Desk::logged_in("t"), call), "with channels");
    let mut desk = Desk::logged_in("a@pbx1");
    desk.says("Action: Events|EventMask: off");
    assert!(!shown(&mut desk, call), "nothing to be shown");
    desk.says("Action: Events|EventMask: agent");
    assert!(shown(&mut desk, call), "and it is shown nothing");
    desk.says("Action: Events|EventMask: on");
    desk.says("Action: Getvar|Variable: X");
    assert!(!shown(&mut desk, call), "an answer is outstanding");
    let (_, submission) = desk.submitted.remove(0);
    desk.mail(submission.not_sent(NodeId(0), "pbx1"));
    assert!(shown(&mut desk, call), "it has come");
    desk.says("Action: WaitEvent|Timeout: 60");
    assert!(!shown(&mut desk, call), "the event ends the wait");
    assert!(shown(&mut desk, call), "which is over");
    desk.says("Action: Filter|Operation: Add|Filter: !Event: Hangup");
    assert!(!shown(&mut desk, call), "with filters of its own");
}
