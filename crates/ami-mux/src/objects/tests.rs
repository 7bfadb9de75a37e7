use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn frame(lines: &[&str]) -> Frame {
    let text = format!("{}\r\n\r\n", lines.join("\r\n"));
    Frame::parse(Bytes::from(text)).expect("a whole message")
}

fn snapshot(name: &str, uniqueid: &str, linkedid: &str) -> Vec<String> {
    vec![
        format!("Channel: {name}"),
        "ChannelState: 6".to_owned(),
        "ChannelStateDesc: Up".to_owned(),
        "Context: tests".to_owned(),
        format!("Uniqueid: {uniqueid}"),
        format!("Linkedid: {linkedid}"),
    ]
}

fn event(name: &str, before: &[&str], channel: &[String], after: &[&str]) -> Frame {
    let first = format!("Event: {name}");
    let mut lines = vec![first.as_str(), "Privilege: call,all"];
    lines.extend(before);
    lines.extend(channel.iter().map(String::as_str));
    lines.extend(after);
    frame(&lines)
}

fn with_channel(name: &str, uniqueid: &str) -> Objects {
    let mut objects = Objects::default();
    objects.observe(&event(
        "Newchannel",
        &[],
        &snapshot(name, uniqueid, uniqueid),
        &[],
    ));
    objects
}

#[test]
fn a_channel_lives_from_newchannel_to_hangup() {
    let mut objects = with_channel("PJSIP/100-1", "1.1");
    assert_eq!(
        objects.channel(b"pjsip/100-1").map(Channel::uniqueid),
        Some(&b"1.1"[..])
    );
    assert_eq!(
        objects.channel(b"1.1").map(Channel::name),
        Some(&b"PJSIP/100-1"[..])
    );
    let ended = snapshot("PJSIP/100-1", "1.1", "1.1");
    objects.observe(&event("Hangup", &[], &ended, &["Cause: 16"]));
    assert!(objects.channel(b"1.1").is_none());
    assert!(objects.channel(b"PJSIP/100-1").is_none());
    // What is said of it later does not bring it back.
    objects.observe(&event("Newexten", &[], &ended, &[]));
    assert_eq!(objects.channel_count(), 0);
}

/// What was known is recognised in an event before anything is copied out of it.
#[test]
fn an_event_that_says_the_same_again_changes_nothing_and_any_other_does() {
    let known = snapshot("PJSIP/100-1", "1.1", "1.1");
    let mut objects = with_channel("PJSIP/100-1", "1.1");
    let headers = |objects: &Objects| {
        let channel = objects.channel(b"1.1").expect("known");
        String::from_utf8_lossy(channel.headers()).into_owned()
    };
    let before = headers(&objects);
    objects.observe(&event("Newexten", &[], &known, &["Application: Dial"]));
    assert_eq!(headers(&objects), before);
    for at in 0..known.len() {
        let mut other = known.clone();
        match at {
            4 => continue,
            at => other[at].push('x'),
        }
        objects.observe(&event("Newstate", &["X: Uniqueid: 9.9"], &other, &[]));
        assert_eq!(headers(&objects), format!("{}\r\n", other.join("\r\n")));
        objects.observe(&event("Newstate", &[], &known, &[]));
        assert_eq!(headers(&objects), before);
    }
    // A longer Linkedid begins with the known one, and the name is what it is found by.
    let mut longer = known;
    longer[5].push('1');
    longer[0] = "Channel: PJSIP/100-2".to_owned();
    objects.observe(&event("Newstate", &[], &longer, &[]));
    assert!(objects.has_linkedid(b"1.11") && !objects.has_linkedid(b"1.1"));
    assert!(objects.channel(b"PJSIP/100-2").is_some());
    assert!(objects.channel(b"PJSIP/100-1").is_none());
}

/// As Asterisk up to 11 lists them. Without it every channel of an old node would seem to have ended at each reconnect.
#[test]
fn an_old_list_has_the_same_channels_as_the_events() {
    let mut listed = Objects::default();
    listed.list(&frame(&[
        "Event: CoreShowChannel",
        "ActionID: a",
        "Channel: SIP/100-1",
        "UniqueID: 1.1",
        "Context: tests",
        "Extension: 500",
        "Priority: 2",
        "ChannelState: 6",
        "ChannelStateDesc: Up",
        "Application: Dial",
        "ApplicationData: SIP/101",
        "CallerIDnum: 100",
        "Duration: 00:00:07",
        "AccountCode: acme",
        "BridgedChannel: SIP/101-1",
        "BridgedUniqueID: 1.2",
    ]));
    let mut observed = Objects::default();
    observed.observe(&frame(&[
        "Event: Newchannel",
        "Privilege: call,all",
        "Channel: SIP/100-1",
        "ChannelState: 6",
        "ChannelStateDesc: Up",
        "CallerIDNum: 100",
        "CallerIDName: Alice",
        "AccountCode: acme",
        "Exten: 500",
        "Context: tests",
        "Uniqueid: 1.1",
    ]));
    assert_eq!(listed.channel_count(), 1);
    assert_eq!(difference(&observed, &listed), Vec::<Bytes>::new());
    let told = difference(&Objects::default(), &listed);
    assert_eq!(
        told,
        [Bytes::from_static(
            b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: SIP/100-1\r\nChannelState: 6\r\n\
              ChannelStateDesc: Up\r\nCallerIDNum: 100\r\nAccountCode: acme\r\nExten: 500\r\nContext: tests\r\n\
              Priority: 2\r\nUniqueid: 1.1\r\nResync: yes\r\n\r\n"
        )]
    );
}

#[test]
fn a_renamed_channel_is_found_by_its_new_name_alone() {
    let mut objects = with_channel("PJSIP/100-1", "1.1");
    let rename = [
        "Event: Rename",
        "Channel: PJSIP/100-1",
        "Newname: PJSIP/100-1<ZOMBIE>",
        "Uniqueid: 1.1",
    ];
    objects.observe(&frame(&rename));
    assert!(objects.channel(b"PJSIP/100-1").is_none());
    let channel = objects.channel(b"PJSIP/100-1<ZOMBIE>").expect("renamed");
    assert!(
        channel
            .headers()
            .starts_with(b"Channel: PJSIP/100-1<ZOMBIE>\r\nChannelState: 6\r\n")
    );
    assert!(channel.headers().ends_with(b"Linkedid: 1.1\r\n"));
}

#[test]
fn what_a_client_writes_changes_nothing() {
    let mut objects = with_channel("PJSIP/100-1", "1.1");
    let forged = snapshot("PJSIP/other", "1.1", "1.1");
    objects.observe(&event("UserEvent", &["UserEvent: x"], &forged, &[]));
    assert!(objects.channel(b"PJSIP/100-1").is_some());
    assert!(objects.channel(b"PJSIP/other").is_none());
}

#[test]
fn linkedids_are_counted() {
    let mut objects = with_channel("A", "1.1");
    objects.observe(&event("Newchannel", &[], &snapshot("B", "1.2", "1.1"), &[]));
    objects.observe(&event("Hangup", &[], &snapshot("A", "1.1", "1.1"), &[]));
    assert!(objects.has_linkedid(b"1.1"));
    objects.observe(&event("Hangup", &[], &snapshot("B", "1.2", "1.1"), &[]));
    assert!(!objects.has_linkedid(b"1.1"));
}

#[test]
fn bridges_know_their_channels_until_they_leave() {
    let mut objects = with_channel("A", "1.1");
    let bridge = [
        "BridgeUniqueid: b1",
        "BridgeType: basic",
        "BridgeNumChannels: 1",
    ];
    let channel = snapshot("A", "1.1", "1.1");
    objects.observe(&event("BridgeCreate", &bridge, &[], &[]));
    objects.observe(&event("BridgeEnter", &bridge, &channel, &[]));
    let members: Vec<&[u8]> = objects.bridge(b"b1").expect("known").members().collect();
    assert_eq!(members, [b"1.1"]);
    assert_eq!(
        objects.channel(b"A").and_then(Channel::bridge),
        Some(&b"b1"[..])
    );
    objects.observe(&event("Hangup", &[], &channel, &[]));
    assert_eq!(objects.bridge(b"b1").expect("known").members().count(), 0);
    objects.observe(&event("BridgeDestroy", &bridge, &[], &[]));
    assert!(objects.bridge(b"b1").is_none());
}

#[test]
fn a_channel_that_changed_bridges_stays_in_the_second() {
    let mut objects = with_channel("A", "1.1");
    let channel = snapshot("A", "1.1", "1.1");
    objects.observe(&event(
        "BridgeEnter",
        &["BridgeUniqueid: b1"],
        &channel,
        &[],
    ));
    objects.observe(&event(
        "BridgeEnter",
        &["BridgeUniqueid: b2"],
        &channel,
        &[],
    ));
    objects.observe(&event(
        "BridgeLeave",
        &["BridgeUniqueid: b1"],
        &channel,
        &[],
    ));
    assert_eq!(
        objects.channel(b"A").and_then(Channel::bridge),
        Some(&b"b2"[..])
    );
    assert_eq!(objects.bridge(b"b1").expect("known").members().count(), 0);
}

#[test]
fn queues_have_members_and_callers() {
    let mut objects = with_channel("A", "1.1");
    objects.list(&frame(&["Event: QueueParams", "Queue: sales", "Max: 0"]));
    objects.list(&frame(&[
        "Event: QueueMember",
        "ActionID: x",
        "Queue: sales",
        "Name: Alice",
        "Location: PJSIP/a",
        "Paused: 0",
    ]));
    assert!(objects.has_queue(b"sales") && !objects.has_queue(b"support"));
    assert!(objects.has_member(None, b"PJSIP/a") && objects.has_member(Some(b"sales"), b"PJSIP/a"));
    assert!(!objects.has_member(Some(b"support"), b"PJSIP/a"));
    let member = objects.members().next().expect("one");
    assert_eq!(
        member.headers(),
        b"Queue: sales\r\nMemberName: Alice\r\nInterface: PJSIP/a\r\nPaused: 0\r\n"
    );
    let join = event(
        "QueueCallerJoin",
        &[],
        &snapshot("A", "1.1", "1.1"),
        &["Queue: sales", "Position: 1"],
    );
    objects.observe(&join);
    assert_eq!(
        objects.callers().next().map(Caller::position),
        Some(&b"1"[..])
    );
    objects.observe(&event("Hangup", &[], &snapshot("A", "1.1", "1.1"), &[]));
    assert_eq!(objects.callers().count(), 0);
    objects.observe(&frame(&[
        "Event: QueueMemberRemoved",
        "Queue: sales",
        "Interface: PJSIP/a",
    ]));
    assert!(!objects.has_member(None, b"PJSIP/a"));
}

#[test]
fn conferences_and_agents_come_and_go() {
    let mut objects = Objects::default();
    objects.observe(&frame(&["Event: ConfbridgeStart", "Conference: 401"]));
    objects.list(&frame(&[
        "Event: Agents",
        "Agent: 1001",
        "Status: AGENT_LOGGEDOFF",
    ]));
    objects.observe(&frame(&["Event: AgentLogin", "Agent: 1002"]));
    assert!(
        objects.has_conference(b"401") && objects.has_agent(b"1002") && !objects.has_agent(b"1001")
    );
    objects.observe(&frame(&["Event: ConfbridgeEnd", "Conference: 401"]));
    objects.observe(&frame(&["Event: AgentLogoff", "Agent: 1002"]));
    assert!(!objects.has_conference(b"401") && !objects.has_agent(b"1002"));
}

/// What happens to a channel.
#[derive(Clone, Debug)]
enum Step {
    New(u8, u8),
    Rename(u8, u8),
    End(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u8..12, 0_u8..8).prop_map(|(id, name)| Step::New(id, name)),
        (0_u8..12, 0_u8..8).prop_map(|(id, name)| Step::Rename(id, name)),
        (0_u8..12).prop_map(Step::End),
    ]
}

proptest! {
    #[test]
    fn names_and_uniqueids_find_what_a_plain_map_has(steps in proptest::collection::vec(step(), 0..200)) {
        let mut objects = Objects::default();
        let mut model: BTreeMap<u8, u8> = BTreeMap::new();
        for step in steps {
            match step {
                Step::New(id, name) => {
                    let snapshot = snapshot(&format!("N{name}"), &format!("u{id}"), "l");
                    objects.observe(&event("Newchannel", &[], &snapshot, &[]));
                    model.insert(id, name);
                }
                Step::Rename(id, name) => {
                    let lines = [format!("Channel: N{}", model.get(&id).copied().unwrap_or(0)), format!("Newname: N{name}"), format!("Uniqueid: u{id}")];
                    objects.observe(&event("Rename", &[], &lines, &[]));
                    if let Some(known) = model.get_mut(&id) {
                        *known = name;
                    }
                }
                Step::End(id) => {
                    objects.observe(&event("Hangup", &[], &snapshot("any", &format!("u{id}"), "l"), &[]));
                    model.remove(&id);
                }
            }
            prop_assert_eq!(objects.channel_count(), model.len());
            prop_assert_eq!(objects.has_linkedid(b"l"), !model.is_empty());
            for id in 0..12 {
                let found = objects.channel(format!("u{id}").as_bytes()).map(|channel| channel.name().to_vec());
                prop_assert_eq!(found, model.get(&id).map(|name| format!("N{name}").into_bytes()));
            }
            for name in 0..8 {
                let found = objects.channel(format!("n{name}").as_bytes()).is_some();
                prop_assert_eq!(found, model.values().any(|known| *known == name));
            }
        }
    }
}
