//! What a node has is asked of it after each connect, and told to those who missed it.

use std::time::Duration;

use ami_mux::{LaneRole, Mail, NodeNote, SharedObjects};

use crate::rig::{FULLY_BOOTED, Rig, settings, wire_id};

/// A node with channels `u0` to `u<count>`, surveyed.
pub(crate) struct Surveyed {
    pub(crate) rig: Rig,
    pub(crate) objects: SharedObjects,
}

pub(crate) fn channel(number: u32) -> String {
    format!("Channel: PJSIP/{number}|ChannelState: 6|Uniqueid: u{number}|Linkedid: u{number}")
}

impl Surveyed {
    /// Up, with the first list asked.
    pub(crate) fn connected() -> Self {
        let objects = SharedObjects::default();
        let mut settings = settings();
        settings.objects = Some(objects.clone());
        let mut rig = Rig::new(settings);
        rig.connect_all();
        let event = rig.event_lane();
        rig.says(event, FULLY_BOOTED);
        rig.connect_all();
        rig.broadcast.clear();
        Self { rig, objects }
    }

    /// Answers the list that is asked, by name.
    pub(crate) fn lists(&mut self, name: &str, items: &[String]) {
        let lane = self.rig.lanes(LaneRole::Action)[0];
        let asked = self.rig.take(lane);
        assert!(
            asked.name().is_some_and(|own| own.is(name)),
            "{asked:?}, not {name}"
        );
        let id = wire_id(&asked);
        let start = format!("Response: Success|ActionID: {id}|EventList: start");
        self.rig.says(lane, &start);
        for item in items {
            let (event, rest) = item.split_once('|').expect("headers");
            self.rig
                .says(lane, &format!("{event}|ActionID: {id}|{rest}"));
        }
        let end = format!(
            "Event: {name}Complete|ActionID: {id}|EventList: Complete|ListItems: {}",
            items.len()
        );
        self.rig.says(lane, &end);
    }

    /// Answers all lists: the node has the channels of these numbers, and nothing else.
    fn has(&mut self, channels: &[u32]) {
        let items: Vec<String> = channels
            .iter()
            .map(|number| format!("Event: CoreShowChannel|{}|BridgeId: ", channel(*number)))
            .collect();
        self.lists("BridgeList", &[]);
        self.lists("CoreShowChannels", &items);
        // Conferences are no action of this node, and not asked for.
        for rest in ["QueueStatus", "Agents"] {
            self.lists(rest, &[]);
        }
    }

    fn happens(&mut self, event: &str, number: u32) {
        let lane = self.rig.event_lane();
        self.rig.says(
            lane,
            &format!("Event: {event}|Privilege: call,all|{}", channel(number)),
        );
    }

    /// Names and Uniqueids of the events told since, with a mark on those that were made up.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let brief = |text: String| {
            let value = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().to_owned()
            };
            let mark = if text.contains("\r\nResync: yes\r\n") {
                "+"
            } else {
                ""
            };
            format!("{mark}{} {}", value("Event: "), value("Uniqueid: "))
        };
        self.rig.events().into_iter().map(brief).collect()
    }

    fn reconnects(&mut self) {
        let lane = self.rig.event_lane();
        self.rig.lose(lane);
        self.rig.connect_all();
    }
}

#[test]
fn events_wait_until_what_was_there_has_been_told() {
    let mut node = Surveyed::connected();
    node.happens("Newchannel", 2);
    node.happens("Hangup", 1);
    assert!(node.told().is_empty());
    node.has(&[3]);
    assert_eq!(
        node.told(),
        [
            "+Newchannel u1",
            "+Newchannel u3",
            "Newchannel u2",
            "Hangup u1"
        ]
    );
    let objects = node.objects.read();
    assert!(objects.channel(b"u1").is_none() && objects.channel(b"PJSIP/2").is_some());
    assert_eq!(objects.channel_count(), 2);
}

#[test]
fn what_was_missed_is_told_after_a_reconnect_and_nothing_else() {
    let mut node = Surveyed::connected();
    node.has(&[1, 2]);
    node.told();
    node.reconnects();
    node.has(&[2, 3]);
    assert_eq!(node.told(), ["+Hangup u1", "+Newchannel u3"]);
    node.happens("Hangup", 3);
    assert_eq!(node.told(), ["Hangup u3"]);
}

#[test]
fn who_came_meanwhile_is_told_everything_at_the_end() {
    let mut node = Surveyed::connected();
    node.has(&[1, 2]);
    node.told();
    node.reconnects();
    assert!(
        !node
            .rig
            .broadcast
            .iter()
            .any(|mail| matches!(mail, Mail::Resynced { .. }))
    );
    node.has(&[2, 3]);
    assert!(
        node.rig
            .broadcast
            .iter()
            .any(|mail| matches!(mail, Mail::Resynced { .. }))
    );
    node.rig.node.replay(&77);
    node.rig.pump();
    let replayed: Vec<&Mail> = node
        .rig
        .mail
        .iter()
        .filter(|(to, _)| *to == 77)
        .map(|(_, mail)| mail)
        .collect();
    assert_eq!(replayed.len(), 2);
    let made_up = |mail: &&Mail| matches!(mail, Mail::Event(event) if event.is_made_up());
    assert!(replayed.iter().all(made_up));
}

/// Who came meanwhile is told what there was at the beginning of the events that waited, before those.
#[test]
fn what_the_node_has_is_told_as_it_was_when_its_events_began_to_wait() {
    let mut node = Surveyed::connected();
    node.happens("Newchannel", 2);
    node.happens("Hangup", 1);
    node.has(&[2, 3]);
    let mail = &node.rig.broadcast;
    let at = mail
        .iter()
        .position(|mail| matches!(mail, Mail::Resynced { .. }))
        .expect("told");
    let Mail::Resynced { has: Some(has), .. } = &mail[at] else {
        panic!("it has something");
    };
    let texts = has
        .iter()
        .map(|event| String::from_utf8_lossy(event.plain()).into_owned());
    let births: Vec<bool> = texts
        .map(|text| text.contains("Newchannel") && text.contains("Resync: yes"))
        .collect();
    assert_eq!(births, [true, true]);
    let waited = |mail: &Mail| matches!(mail, Mail::Event(event) if !event.is_made_up());
    assert!(!mail[..at].iter().any(waited) && mail[at..].iter().any(waited));
}

#[test]
fn many_missed_events_are_told_bit_by_bit_and_keep_their_place() {
    let mut node = Surveyed::connected();
    let channels: Vec<u32> = (0..600).collect();
    node.has(&channels);
    node.happens("Hangup", 7);
    let first = node.told();
    assert!(first.len() < 600 && first.iter().all(|event| event.starts_with("+Newchannel")));
    node.rig.wait(Duration::from_millis(10));
    let rest = node.told();
    assert_eq!(first.len() + rest.len(), 601);
    assert_eq!(rest.last().map(String::as_str), Some("Hangup u7"));
}

/// They are told all the same, and what was told of must be known, or nobody would be told of its end.
#[test]
fn what_the_last_events_of_a_lost_node_were_about_is_known() {
    let mut node = Surveyed::connected();
    node.has(&[1]);
    node.told();
    node.reconnects();
    node.happens("Newstate", 5);
    node.happens("Hangup", 6);
    node.reconnects();
    assert_eq!(node.told(), ["Newstate u5", "Hangup u6"]);
    node.lists("BridgeList", &[]);
    node.has(&[1]);
    assert_eq!(node.told(), ["+Hangup u5"]);
}

/// A list that was asked before the events began shows what may have ended since, unheard.
#[test]
fn lists_of_a_survey_that_was_broken_off_count_in_no_other() {
    let mut node = Surveyed::connected();
    node.has(&[1]);
    node.told();
    node.reconnects();
    node.lists("BridgeList", &[]);
    node.reconnects();
    let late = channel(5);
    let late = format!("Event: CoreShowChannel|{late}|BridgeId: ");
    node.lists("CoreShowChannels", &[late]);
    node.has(&[1]);
    assert!(node.told().is_empty());
}

#[test]
fn what_was_missed_is_told_to_its_end_also_when_the_node_is_lost_over_it() {
    let mut node = Surveyed::connected();
    let channels: Vec<u32> = (0..600).collect();
    node.has(&channels);
    let first = node.told().len();
    assert!(first < 600);
    node.reconnects();
    assert_eq!(first + node.told().len(), 600);
    node.has(&channels);
    node.rig.wait(Duration::from_millis(10));
    assert!(node.told().is_empty(), "all is known to all");
}

#[test]
fn a_node_that_does_not_list_its_channels_has_none_that_are_known() {
    let mut node = Surveyed::connected();
    node.has(&[1]);
    node.reconnects();
    node.told();
    node.lists("BridgeList", &[]);
    let lane = node.rig.lanes(LaneRole::Action)[0];
    let id = wire_id(&node.rig.take(lane));
    node.happens("Newchannel", 2);
    node.rig.says(
        lane,
        &format!("Response: Error|ActionID: {id}|Message: Permission denied"),
    );
    assert_eq!(node.told(), ["Newchannel u2"]);
    assert!(node.objects.read().channel(b"u1").is_none());
    let failed = |note: &NodeNote| matches!(note, NodeNote::SurveyFailed { .. });
    assert!(node.rig.notes.iter().any(failed));
}

#[test]
fn lists_that_take_too_long_hold_nothing_up_for_ever() {
    let mut node = Surveyed::connected();
    node.happens("Newchannel", 2);
    node.rig.wait(Duration::from_secs(9));
    assert!(node.told().is_empty());
    node.rig.wait(Duration::from_secs(1));
    assert_eq!(node.told(), ["Newchannel u2"]);
}

#[test]
fn lists_whose_lane_is_lost_are_taken_anew() {
    let mut node = Surveyed::connected();
    node.lists("BridgeList", &[]);
    let lane = node.rig.lanes(LaneRole::Action)[0];
    node.rig.lose(lane);
    node.rig.connect_all();
    node.has(&[1]);
    assert_eq!(node.told(), ["+Newchannel u1"]);
}

#[test]
fn events_that_waited_are_told_when_the_node_goes() {
    let mut node = Surveyed::connected();
    node.happens("Newchannel", 2);
    let lane = node.rig.event_lane();
    node.rig.lose(lane);
    assert_eq!(node.told(), ["Newchannel u2"]);
}

#[test]
fn lists_are_asked_beside_the_actions_of_clients() {
    let mut node = Surveyed::connected();
    node.rig.submit(1, "Action: Getvar|Variable: v");
    node.happens("Newchannel", 2);
    let lane = node.rig.lanes(LaneRole::Action)[0];
    let bridges = node.rig.take(lane);
    assert!(bridges.name().is_some_and(|name| name.is("BridgeList")));
    // The client's action stays unanswered on the same lane.
    let id = wire_id(&bridges);
    node.rig
        .says(lane, &format!("Response: Error|ActionID: {id}|Message: no"));
    assert_eq!(node.rig.unanswered(lane), ["v", ""]);
}
