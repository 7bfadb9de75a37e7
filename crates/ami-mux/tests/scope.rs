//! Accounts with `channels`: what their sessions see, and what a node's machine gives them of lists.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails loudly"
)]

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "support/desk.rs"]
mod desk;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "support/rig.rs"]
mod rig;
#[path = "support/world.rs"]
mod world;

use std::time::Duration;

use ami_mux::{LaneRole, Mail, NodeId, PartKind};
use desk::Desk;
use rig::{Rig, allowed_with, settings, text_of, wire_id};

const OWN: &str = "PJSIP/acme-1-0000001a";
const FOREIGN: &str = "PJSIP/other-1-0000001b";
const CHANNELS: &str = "channels = PJSIP/acme-*";

fn enters(bridge: &str, channel: &str) -> String {
    format!("Event: BridgeEnter|Privilege: call,all|BridgeUniqueid: {bridge}|Channel: {channel}")
}

fn ends(bridge: &str) -> String {
    format!("Event: BridgeDestroy|Privilege: call,all|BridgeUniqueid: {bridge}")
}

#[test]
fn a_session_sees_events_of_its_own_channels_and_of_nobody() {
    let mut desk = Desk::logged_in("t@pbx1");
    let events = [
        (
            format!("Event: Newchannel|Privilege: call,all|Channel: {OWN}"),
            true,
        ),
        (
            format!("Event: Newchannel|Privilege: call,all|Channel: {FOREIGN}"),
            false,
        ),
        (
            format!("Event: DialBegin|Privilege: call,all|Channel: {FOREIGN}|DestChannel: {OWN}"),
            true,
        ),
        (
            "Event: QueueParams|Privilege: agent,all|Queue: q".to_owned(),
            false,
        ),
        (
            "Event: Strange|Privilege: call,all|Channel: PJSIP/acme-1-0000001a".to_owned(),
            false,
        ),
        (
            "Event: Shutdown|Privilege: system,all|Shutdown: Cleanly".to_owned(),
            true,
        ),
    ];
    for (event, seen) in events {
        desk.tells(0, &event);
        let expected = if seen {
            event.clone() + "||"
        } else {
            String::new()
        };
        assert_eq!(desk.heard(), expected, "{event}");
    }
    let mut all = Desk::logged_in("a@pbx1");
    all.event(0, "Strange");
    assert!(all.heard().contains("Strange"), "accounts without channels");
}

#[test]
fn classes_and_filters_count_as_well() {
    let mut desk = Desk::logged_in("t@pbx1");
    desk.says("Action: Filter|Operation: Add|Filter: !Newexten");
    desk.says("Action: Events|EventMask: dialplan");
    desk.heard();
    desk.tells(
        0,
        &format!("Event: Newexten|Privilege: dialplan,all|Channel: {OWN}"),
    );
    desk.tells(
        0,
        &format!("Event: Newchannel|Privilege: call,all|Channel: {OWN}"),
    );
    assert_eq!(desk.heard(), "");
    desk.tells(
        0,
        &format!("Event: VarSet|Privilege: dialplan,all|Channel: {OWN}"),
    );
    assert!(desk.heard().contains("VarSet"));
}

#[test]
fn a_wait_ends_with_an_event_of_its_own_alone() {
    let mut desk = Desk::logged_in("t@pbx1");
    desk.says("Action: WaitEvent|ActionID: w");
    desk.tells(
        0,
        &format!("Event: Hangup|Privilege: call,all|Channel: {FOREIGN}"),
    );
    assert_eq!(desk.heard(), "");
    desk.tells(
        0,
        &format!("Event: Hangup|Privilege: call,all|Channel: {OWN}"),
    );
    let heard = desk.heard();
    assert!(
        heard.contains("Event: Hangup")
            && heard.ends_with("Event: WaitEventComplete|ActionID: w||")
    );
}

#[test]
fn the_end_of_a_bridge_is_for_those_whose_channels_were_in_it() {
    let mut desk = Desk::logged_in("t");
    let sees = |desk: &mut Desk, node: u16, event: &str| {
        desk.tells(node, event);
        !desk.heard().is_empty()
    };
    assert!(!sees(&mut desk, 0, &enters("b1", FOREIGN)));
    assert!(!sees(&mut desk, 0, &ends("b1")));
    assert!(sees(&mut desk, 0, &enters("b2", OWN)));
    assert!(!sees(&mut desk, 1, &ends("b2")), "of another node");
    let conference = "Event: ConfbridgeEnd|Privilege: call,all|Conference: 1|BridgeUniqueid: b2";
    assert!(sees(&mut desk, 0, conference));
    assert!(sees(&mut desk, 0, &ends("b2")));
    assert!(!sees(&mut desk, 0, &ends("b2")), "once");
    // What ends while the node is away is told when it is back, to those who want it; else it is not guessed.
    for (user, is_told) in [("t", true), ("u", false)] {
        let mut desk = Desk::logged_in(user);
        assert!(sees(&mut desk, 0, &enters("b3", OWN)));
        desk.mail(Mail::NodeDown(NodeId(0)));
        desk.heard();
        assert_eq!(sees(&mut desk, 0, &ends("b3")), is_told, "{user}");
    }
    assert!(sees(&mut desk, 0, &enters("b4", OWN)));
    desk.says("Action: Events|EventMask: on");
    desk.heard();
    assert!(!sees(&mut desk, 0, &ends("b4")));
}

/// Else calls of others could fill the budget of a session that waits for a long list.
#[test]
fn events_of_others_do_not_wait_behind_an_answer() {
    let mut desk = Desk::logged_in("t@pbx1");
    desk.says(&format!("Action: Getvar|Channel: {OWN}|Variable: X"));
    let seq = desk.submitted[0].1.seq;
    desk.wrote(0, seq);
    desk.tells(
        0,
        &format!("Event: Hangup|Privilege: call,all|Channel: {FOREIGN}"),
    );
    assert_eq!(desk.session.held_event_bytes(), 0);
    desk.tells(
        0,
        &format!("Event: Hangup|Privilege: call,all|Channel: {OWN}"),
    );
    assert!(desk.session.held_event_bytes() > 0 && desk.heard().is_empty());
    desk.answer(0, seq, "Response: Success|Value: y");
    assert!(desk.heard().contains("Event: Hangup"));
}

/// A session that sees bridges without end keeps a bounded number of them.
#[test]
fn bridges_are_remembered_within_a_bound() {
    let mut desk = Desk::logged_in("t@pbx1");
    for number in 0..5_000 {
        desk.tells(0, &enters(&format!("b{number}"), OWN));
    }
    desk.heard();
    desk.tells(0, &ends("b0"));
    assert!(!desk.heard().is_empty());
    desk.tells(0, &ends("b4999"));
    assert_eq!(desk.heard(), "");
}

#[test]
fn what_may_be_done_is_listed_and_nothing_else() {
    let mut desk = Desk::logged_in("t@pbx1");
    desk.says("Action: ListCommands");
    let heard = desk.heard();
    for (line, listed) in [
        ("|Hangup: ", true),
        ("|CoreShowChannels: ", true),
        ("|Ping: ", true),
        ("|QueueAdd: ", false),
        ("|Command: ", false),
        ("|QueueReset: ", false),
    ] {
        assert_eq!(heard.contains(line), listed, "{line}");
    }
    desk.says(&format!("Action: Hangup|Channel: {FOREIGN}"));
    assert!(
        desk.heard()
            .contains("Response: Error|Message: Permission denied")
    );
    assert!(desk.submitted.is_empty());
}

/// What a lane has not answered, with its wire id.
fn asked(rig: &mut Rig, lines: &str, action: &str) -> (ami_mux::LaneId, String) {
    let action = allowed_with(lines, action);
    let cost = action.cost();
    rig.submit_as(1, action, cost);
    rig.connect_all();
    let lanes = rig.lanes(LaneRole::Action);
    let lane = lanes
        .into_iter()
        .find(|lane| !rig.unanswered(*lane).is_empty());
    let lane = lane.expect("written");
    let id = wire_id(&rig.take(lane));
    (lane, id)
}

/// Texts and kinds of what the session got, taken off.
fn got(rig: &mut Rig) -> Vec<(String, PartKind)> {
    let replies = std::mem::take(&mut rig.mail).into_iter();
    let replies = replies.filter_map(|(_, mail)| match mail {
        Mail::Reply { bytes, kind, .. } => Some((text_of(&bytes).replace("\r\n", "|"), kind)),
        _ => None,
    });
    replies.collect()
}

#[test]
fn a_list_has_the_items_of_its_own_and_their_number() {
    let mut rig = Rig::up(settings());
    let (lane, id) = asked(&mut rig, CHANNELS, "Action: ParkedCalls|ActionID: 7");
    rig.mail.clear();
    rig.says(
        lane,
        &format!(
            "Response: Success|ActionID: {id}|EventList: start|Message: Parked calls will follow"
        ),
    );
    for channel in [FOREIGN, OWN, FOREIGN] {
        rig.says(
            lane,
            &format!("Event: ParkedCall|ParkeeChannel: {channel}|ActionID: {id}"),
        );
    }
    rig.says(
        lane,
        &format!("Event: Unheard|Channel: {OWN}|ActionID: {id}"),
    );
    rig.says(lane, &format!("Event: ParkedCallsComplete|ActionID: {id}|EventList: Complete|ListItems: 4|Total: 4|Longest: 99"));
    let texts: Vec<String> = got(&mut rig).into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        texts,
        [
            "Response: Success|ActionID: 7|EventList: start|Message: Parked calls will follow||"
                .to_owned(),
            format!("Event: ParkedCall|ParkeeChannel: {OWN}|ActionID: 7||"),
            "Event: ParkedCallsComplete|ActionID: 7|EventList: Complete|ListItems: 1|Total: 1||"
                .to_owned(),
        ]
    );
}

#[test]
fn accounts_without_channels_get_lists_as_they_are() {
    let mut rig = Rig::up(settings());
    let (lane, id) = asked(&mut rig, "", "Action: ParkedCalls");
    rig.mail.clear();
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|EventList: start"),
    );
    rig.says(lane, &format!("Event: Unheard|ActionID: {id}"));
    rig.says(
        lane,
        &format!(
            "Event: ParkedCallsComplete|ActionID: {id}|EventList: Complete|ListItems: 4|Longest: 99"
        ),
    );
    let texts: Vec<String> = got(&mut rig).into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        texts[1..],
        [
            "Event: Unheard||",
            "Event: ParkedCallsComplete|EventList: Complete|ListItems: 4|Longest: 99||"
        ]
    );
}

#[test]
fn a_list_that_the_node_ends_early_counts_what_was_given() {
    let mut rig = Rig::up(settings());
    let (lane, id) = asked(&mut rig, CHANNELS, "Action: CoreShowChannels|ActionID: 7");
    rig.mail.clear();
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|EventList: start"),
    );
    for channel in [FOREIGN, OWN, FOREIGN] {
        rig.says(
            lane,
            &format!("Event: CoreShowChannel|ActionID: {id}|Channel: {channel}"),
        );
    }
    rig.lose(lane);
    let (last, _) = got(&mut rig).pop().expect("ended");
    assert!(
        last.contains("EventList: Cancelled|ListItems: 1|"),
        "{last}"
    );
}

/// The end that follows an error within the list.
#[test]
fn no_end_of_a_list_tells_how_many_others_have() {
    let mut rig = Rig::up(settings());
    let (lane, id) = asked(
        &mut rig,
        CHANNELS,
        "Action: PJSIPShowEndpoint|Endpoint: acme-1",
    );
    rig.mail.clear();
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|EventList: start"),
    );
    rig.says(
        lane,
        &format!("Event: TransportDetail|ActionID: {id}|EndpointName: acme-1|Password: x"),
    );
    rig.says(
        lane,
        &format!("Event: EndpointDetail|ActionID: {id}|ObjectName: acme-1"),
    );
    rig.says(
        lane,
        &format!("Response: Error|ActionID: {id}|Message: Odd"),
    );
    rig.says(
        lane,
        &format!("Event: EndpointDetailComplete|ActionID: {id}|EventList: Complete|ListItems: 2"),
    );
    let texts: Vec<String> = got(&mut rig).into_iter().map(|(text, _)| text).collect();
    assert!(!texts.iter().any(|text| text.contains("Password")));
    assert_eq!(
        texts[3],
        "Event: EndpointDetailComplete|EventList: Complete|ListItems: 1||"
    );
}

/// Else its session would think that the node hangs, and let events pass before the list has ended.
#[test]
fn a_list_of_others_alone_is_heard_of_now_and_then() {
    let mut rig = Rig::up(settings());
    let (lane, id) = asked(&mut rig, CHANNELS, "Action: CoreShowChannels");
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|EventList: start"),
    );
    rig.mail.clear();
    for _ in 0..40 {
        rig.now += Duration::from_millis(100);
        rig.says(
            lane,
            &format!("Event: CoreShowChannel|ActionID: {id}|Channel: {FOREIGN}"),
        );
    }
    let got = got(&mut rig);
    assert!((2..=10).contains(&got.len()), "{}", got.len());
    assert!(
        got.iter()
            .all(|(text, kind)| text.is_empty() && *kind == PartKind::Hidden)
    );
}

#[test]
fn the_answer_to_its_own_originate_is_seen_by_the_account_that_asked() {
    let mut rig = Rig::up(settings());
    let originate = "Action: Originate|ActionID: 9|Channel: PJSIP/acme-1|Context: c|Exten: 1|Priority: 1|Async: true";
    let (lane, id) = asked(&mut rig, CHANNELS, originate);
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|Message: Originate successfully queued"),
    );
    let event_lane = rig.event_lane();
    let answer = |id: &str| {
        format!(
            "Event: OriginateResponse|Privilege: call,all|ActionID: {id}|Response: Failure|Channel: |Uniqueid: <unknown>"
        )
    };
    rig.says(event_lane, &answer(&id));
    rig.says(event_lane, &answer("somebody's"));
    let events = std::mem::take(&mut rig.broadcast);
    let mut desk = Desk::logged_in("t@pbx1");
    let mut same = Desk::logged_in("u@pbx1");
    for event in events {
        desk.mail(event.clone());
        same.mail(event);
    }
    assert_eq!(desk.heard(), "", "channels of another account");
    assert_eq!(same.heard(), answer("9") + "||");
}
