//! Every event and item of Asterisk, with objects of its own and of others; and texts that try to be taken for headers.

use proptest::prelude::*;

use super::super::event_table;
use super::*;

/// Name and headers of every event and item, prefixes written out.
fn asterisk() -> Vec<(&'static str, Vec<String>)> {
    let lines = include_str!("asterisk.txt").lines();
    let events = lines.filter(|line| !line.starts_with('#'));
    events
        .map(|line| {
            let mut words = line.split_ascii_whitespace();
            let name = words.next().unwrap();
            (name, words.flat_map(written_out).collect())
        })
        .collect()
}

fn written_out(word: &str) -> Vec<String> {
    const CHANNEL: &str = "Channel ChannelState ChannelStateDesc CallerIDNum CallerIDName ConnectedLineNum \
         ConnectedLineName Language AccountCode Context Exten Priority Uniqueid Linkedid";
    const BRIDGE: &str = "BridgeUniqueid BridgeType BridgeTechnology BridgeCreator BridgeName BridgeNumChannels \
         BridgeVideoSourceMode";
    let with_prefix = |prefix: &str, names: &str| {
        let names = names.split_ascii_whitespace();
        names.map(|name| format!("{prefix}{name}")).collect()
    };
    if let Some(prefix) = word.strip_suffix("Bridge@") {
        with_prefix(prefix, BRIDGE)
    } else if let Some(prefix) = word.strip_suffix('@') {
        with_prefix(prefix, CHANNEL)
    } else {
        vec![word.to_owned()]
    }
}

/// What its name says of a header, where Asterisk keeps to it: the value that an account's own and a foreign object have there.
fn values(event: &str, header: &str) -> Option<(&'static str, &'static str)> {
    let channel = ("PJSIP/acme-100-0000001a", "PJSIP/other-100-0000001a");
    let device = ("PJSIP/acme-100", "PJSIP/other-100");
    let bare = ("acme-100", "other-100");
    match (event, header) {
        // A log file; what is tested; who registers elsewhere; what endpoints can share; numbers of a PRI; an AOR's match.
        (
            "LogChannel"
            | "TestEvent"
            | "OutboundRegistrationDetail"
            | "MobileStatus"
            | "TransportDetail"
            | "AuthDetail"
            | "PRIShowSpans",
            _,
        )
        | ("IdentifyDetail", "Endpoint") => None,
        (_, "DAHDIChannel" | "EndpointName" | "Endpoint")
        | ("SIPQualifyPeerDone", "Peer")
        | ("EndpointList" | "EndpointDetail" | "PeerEntry", "ObjectName") => Some(bare),
        (_, "Channel1" | "Channel2" | "Newname" | "TalkingToChan" | "Clone" | "Original")
        | ("Dial", "Destination")
        | ("CEL", "Peer") => Some(channel),
        (_, header) if header.ends_with("Channel") => Some(channel),
        (
            _,
            "Interface" | "StateInterface" | "Device" | "Presentity" | "Hint" | "Peer" | "Caller"
            | "Callee" | "ParkerDialString",
        )
        | ("QueueMemberPaused" | "QueueMember", "Location") => Some(device),
        _ => None,
    }
}

fn own() -> ChannelScope {
    ChannelScope::parse("PJSIP/acme-*,SIP/acme-*,DAHDI/acme-*").unwrap()
}

fn message(event: &str, headers: &[(&str, &str)]) -> Bytes {
    let mut text = format!("Event: {event}\r\nPrivilege: call,all\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    (text + "\r\n").into()
}

fn concerns(event: &str, headers: &[(&str, &str)]) -> bool {
    EventObjects::of(&message(event, headers)).concern(&own())
}

/// The headers with values of others', and at one place, if any, of the account's own.
fn filled<'h>(
    event: &str,
    headers: &'h [String],
    own_at: Option<usize>,
) -> Vec<(&'h str, &'h str)> {
    let fill = |(at, header): (usize, &'h String)| {
        let (mine, theirs) = values(event, header).unwrap_or((header, header));
        let value = if own_at == Some(at) { mine } else { theirs };
        let value = if header == "Channeltype" {
            "SIP"
        } else {
            value
        };
        (header.as_str(), value)
    };
    headers.iter().enumerate().map(fill).collect()
}

#[test]
fn each_event_is_for_those_whose_objects_it_names() {
    let events = asterisk();
    assert!(events.len() > 200);
    for (event, headers) in &events {
        let for_all = matches!(*event, "FullyBooted" | "Shutdown");
        let foreign = filled(event, headers, None);
        assert_eq!(concerns(event, &foreign), for_all, "{event} of others");
        for (at, header) in headers.iter().enumerate() {
            let names = values(event, header).is_some();
            let mine = filled(event, headers, Some(at));
            assert_eq!(
                concerns(event, &mine),
                names || for_all,
                "{event} with {header} of its own"
            );
        }
    }
}

/// Nothing but the headers of its row makes an event visible, whatever their values are.
#[test]
fn an_event_that_names_no_object_is_hidden_whatever_it_says() {
    for (event, headers) in asterisk() {
        let names_some = headers.iter().any(|header| values(event, header).is_some());
        if names_some || matches!(event, "FullyBooted" | "Shutdown") {
            continue;
        }
        for value in ["PJSIP/acme-100", "PJSIP/acme-100-0000001a", "acme-100"] {
            let all: Vec<_> = headers
                .iter()
                .map(|header| (header.as_str(), value))
                .collect();
            assert!(!concerns(event, &all), "{event} with {value} everywhere");
        }
    }
}

#[test]
fn the_table_has_no_event_that_nobody_raises_and_none_twice() {
    let known: Vec<&str> = asterisk().into_iter().map(|(event, _)| event).collect();
    let mut seen = std::collections::HashSet::new();
    for (event, _) in event_table::rows() {
        assert!(known.contains(&event), "{event}");
        assert!(seen.insert(event), "{event} twice");
    }
}

#[test]
fn what_somebody_wrote_is_no_header() {
    let action = [("UserEvent", "Foo"), ("Channel", "PJSIP/acme-1-0000001a")];
    assert!(
        !concerns("UserEvent", &action),
        "an action's, or a forged one"
    );
    let dialplan = [("Channel", "PJSIP/acme-1-0000001a"), ("UserEvent", "Foo")];
    assert!(concerns("UserEvent", &dialplan));
    let forged = [
        ("Channel", "PJSIP/other-1-0000001a"),
        ("UserEvent", "Foo"),
        ("Channel", "PJSIP/acme-1-0000001a"),
    ];
    assert!(!concerns("UserEvent", &forged));
    let variable = [
        ("Channel", "PJSIP/other-1-0000001a"),
        ("ChanVariable", "Channel=PJSIP/acme-1-0000001a"),
        ("Variable", "X"),
        ("Value", "Channel: PJSIP/acme-1-0000001a"),
        ("Channel", "PJSIP/acme-1-0000001a"),
        ("channel", "PJSIP/acme-1-0000001a"),
        ("Interface", "PJSIP/acme-1"),
    ];
    assert!(
        !concerns("VarSet", &variable),
        "the first of that name counts"
    );
    assert!(!concerns(
        "VarSet",
        &[("Channel", ""), ("Channel", "PJSIP/acme-1-0000001a")]
    ));
    assert!(!concerns(
        "LogChannel",
        &[("Channel", "PJSIP/acme-1-0000001a")]
    ));
    let after_the_end = Bytes::from_static(
        b"Event: Newchannel\r\nChannel: PJSIP/other-1\r\n\r\nChannel: PJSIP/acme-1-0000001a\r\n",
    );
    assert!(!EventObjects::of(&after_the_end).concern(&own()));
    let not_an_event = Bytes::from_static(
        b"Response: Success\r\nEvent: Newchannel\r\nChannel: PJSIP/acme-1\r\n\r\n",
    );
    assert!(!EventObjects::of(&not_an_event).concern(&own()));
}

#[test]
fn a_hint_is_about_each_of_its_devices() {
    for (hint, is_own) in [
        ("PJSIP/acme-1", true),
        ("Custom:x&PJSIP/acme-1", true),
        ("PJSIP/other-1&Custom:x,CustomPresence:y", false),
        ("PJSIP/other-1,PJSIP/acme-1", true),
        ("", false),
    ] {
        assert_eq!(
            concerns("ExtensionStatus", &[("Hint", hint)]),
            is_own,
            "{hint}"
        );
    }
}

#[test]
fn peers_have_the_technology_of_their_list() {
    let entry = |kind: &str| {
        concerns(
            "PeerEntry",
            &[("Channeltype", kind), ("ObjectName", "acme-1")],
        )
    };
    assert!(entry("SIP") && !entry("IAX") && !entry("") && !entry("Mobile"));
}

#[test]
fn bridges_are_told_and_not_taken_for_channels() {
    let enter = EventObjects::of(&message(
        "BridgeEnter",
        &[
            ("BridgeUniqueid", "b1"),
            ("Channel", "PJSIP/acme-1-0000001a"),
        ],
    ));
    assert!(enter.concern(&own()) && enter.bridges().next().is_none());
    assert_eq!(enter.entered_bridge().unwrap(), "b1");
    let end = EventObjects::of(&message("BridgeDestroy", &[("BridgeUniqueid", "b1")]));
    assert!(!end.concern(&own()) && end.entered_bridge().is_none());
    assert!(enter.ended_bridge().is_none() && end.ended_bridge().unwrap() == "b1");
    assert_eq!(end.bridges().collect::<Vec<_>>(), ["b1"]);
    let merge = [("ToBridgeUniqueid", "b1"), ("FromBridgeUniqueid", "b2")];
    assert_eq!(
        EventObjects::of(&message("BridgeMerge", &merge))
            .bridges()
            .count(),
        2
    );
}

proptest! {
    /// Lines behind the ones that Asterisk wrote first never change the verdict.
    #[test]
    fn later_lines_change_nothing(
        at in 0usize..200,
        is_own in any::<bool>(),
        name in "(Channel|channel|DestChannel|Interface|Device|Peer|Hint|Endpoint|EndpointName|ObjectName|Caller)",
    ) {
        let events = asterisk();
        let (event, headers) = &events[at % events.len()];
        let own_at = headers.iter().position(|header| values(event, header).is_some()).filter(|_| is_own);
        let mut all = filled(event, headers, own_at);
        let before = concerns(event, &all);
        if headers.iter().any(|header| header.eq_ignore_ascii_case(&name)) || before {
            all.push((&name, "PJSIP/acme-1"));
            prop_assert_eq!(concerns(event, &all), before);
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut message = b"Event: BridgeEnter\r\n".to_vec();
        message.extend(bytes);
        EventObjects::of(&message.into()).concern(&own());
    }
}
