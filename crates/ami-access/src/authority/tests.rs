//! The table as a whole, and lists of actions as nodes send them.

use ami_proto::{Class, Frame};

use super::*;

fn row(name: &str) -> &'static ActionSpec {
    builtin(&ActionName::from(name)).unwrap()
}

#[test]
fn every_action_is_there_once_and_in_order() {
    let names: Vec<String> = builtin_all()
        .iter()
        .map(|spec| spec.name.to_ascii_lowercase())
        .collect();
    assert_eq!(names.len(), 171);
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(names, sorted);
}

#[test]
fn names_compare_without_case() {
    assert_eq!(row("qUEUEsTATUS").name, "QueueStatus");
    assert!(builtin(&ActionName::from("Ping ")).is_none());
}

#[test]
fn rows_say_what_asterisk_registers() {
    let set = |classes: &[Class]| classes.iter().copied().collect::<ClassSet>();
    let rows = [
        ("Originate", set(&[Class::Originate]), Cost::Blocking),
        (
            "Status",
            set(&[Class::System, Class::Call, Class::Reporting]),
            Cost::Slow,
        ),
        (
            "GetConfig",
            set(&[Class::System, Class::Config]),
            Cost::Slow,
        ),
        ("UpdateConfig", set(&[Class::Config]), Cost::Slow),
        ("ConfbridgeStopRecord", set(&[Class::System]), Cost::Quick),
        ("ParkedCalls", set(&[Class::Call]), Cost::Quick),
        ("QueueReload", ClassSet::NONE, Cost::Slow),
        ("QueueAdd", set(&[Class::Agent]), Cost::Quick),
        ("MessageSend", set(&[Class::Message]), Cost::Quick),
        ("Filter", set(&[Class::System]), Cost::Quick),
        ("Command", set(&[Class::Command]), Cost::Slow),
    ];
    for (name, classes, cost) in rows {
        assert_eq!(
            (row(name).classes, row(name).cost),
            (classes, cost),
            "{name}"
        );
    }
}

#[test]
fn local_actions_are_those_that_belong_to_the_session() {
    let mut local: Vec<&str> = builtin_all()
        .iter()
        .filter(|spec| spec.is_local())
        .map(|spec| spec.name)
        .collect();
    local.sort_unstable();
    let expected = [
        "Challenge",
        "Events",
        "Filter",
        "ListCommands",
        "Login",
        "Logoff",
        "Ping",
        "WaitEvent",
    ];
    assert_eq!(local, expected);
}

#[test]
fn lists_know_their_complete_event() {
    assert_eq!(
        row("SIPpeers").list,
        ListForm::List {
            complete: &["PeerlistComplete"]
        }
    );
    assert_eq!(row("Hangup").list, ListForm::ConditionalHangup);
    assert_eq!(
        row("FAXStats").list,
        ListForm::Irregular(Irregular::NoCompletion)
    );
    assert_eq!(row("Ping").list, ListForm::No);
    let writes_are_shared = builtin_all().iter().any(|spec| {
        spec.shareable
            && matches!(
                spec.route,
                RouteKind::Local | RouteKind::Originate | RouteKind::Agent
            )
    });
    assert!(!writes_are_shared);
}

const LIST_COMMANDS: &[u8] = b"Response: Success\r\nActionID: lc\r\n\
    AbsoluteTimeout: Set absolute timeout.  (Priv: system,call,all)\r\n\
    AgentLogoff: Sets an agent as no longer logged in.  (Priv: agent,all)\r\n\
    BridgeDestroy: Destroy a bridge.  (Priv: <none>)\r\n\
    Odd: Says (Priv: all) in its text  (Priv: user,all)\r\n\
    Strange: Of another class.  (Priv: warp,all)\r\n\r\n";

#[test]
fn learned_actions_keep_their_lines_byte_for_byte() {
    let frame = Frame::parse(bytes::Bytes::from_static(LIST_COMMANDS)).unwrap();
    let learned = LearnedActions::parse(
        frame
            .lines()
            .filter_map(|line| Some((line.name?, line.value))),
    );
    let mut lines = String::new();
    for action in learned.iter() {
        let text = String::from_utf8_lossy(action.text());
        lines.extend([action.name(), ": ", &text, "\r\n"]);
    }
    let sent = String::from_utf8_lossy(LIST_COMMANDS);
    assert!(sent.contains(&lines), "{lines}");
    assert_eq!(learned.iter().count(), 4);
    let classes = |name: &str| learned.classes(&ActionName::from(name));
    assert_eq!(
        classes("ABSOLUTETIMEOUT"),
        Some(ClassSet::of(Class::System).union(ClassSet::of(Class::Call)))
    );
    assert_eq!(classes("BridgeDestroy"), Some(ClassSet::NONE));
    assert_eq!(classes("Odd"), Some(ClassSet::of(Class::User)));
    assert_eq!(classes("Strange"), None);
    assert_eq!(classes("Response"), None);
    let odd = learned.find(&ActionName::from("odd")).unwrap();
    assert_eq!(odd.synopsis(), b"Says (Priv: all) in its text");
}
