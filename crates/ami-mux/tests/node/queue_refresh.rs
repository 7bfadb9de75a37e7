//! After a reload a node's queues are listed again, and no event is lost over it.

use ami_mux::{LaneRole, NodeNote};

use super::survey::{Surveyed, channel};
use crate::rig::wire_id;

fn params(queue: &str) -> String {
    format!("Event: QueueParams|Queue: {queue}|Max: 0")
}

fn member(kind: &str, queue: &str, interface: &str) -> String {
    format!("Event: {kind}|Queue: {queue}|Name: x|Location: {interface}|Penalty: 0")
}

impl Surveyed {
    fn has_queue(&self, queue: &str) -> bool {
        self.objects.read().has_queue(queue.as_bytes())
    }

    fn has_member(&self, interface: &str) -> bool {
        self.objects.read().has_member(None, interface.as_bytes())
    }

    fn is_asked(&self) -> bool {
        let lane = self.rig.lanes(LaneRole::Action)[0];
        !self.rig.unanswered(lane).is_empty()
    }

    fn raises(&mut self, event: &str) {
        let lane = self.rig.event_lane();
        self.rig.says(lane, event);
    }

    /// With queue `old`, member `A/1`, and channel 1.
    fn with_a_queue() -> Self {
        let mut node = Self::connected();
        node.lists("BridgeList", &[]);
        let channel = format!("Event: CoreShowChannel|{}|BridgeId: ", channel(1));
        node.lists("CoreShowChannels", &[channel]);
        let queue = [params("old"), member("QueueMember", "old", "A/1")];
        node.lists("QueueStatus", &queue);
        node.lists("Agents", &[]);
        node.told();
        assert!(node.has_queue("old") && node.has_member("A/1"));
        node
    }
}

#[test]
fn after_a_reload_the_queues_are_those_that_are_listed() {
    let mut node = Surveyed::with_a_queue();
    node.raises("Event: Reload|Privilege: system,all|Module: app_queue|Status: 0");
    node.lists(
        "QueueStatus",
        &[params("new"), member("QueueMember", "new", "A/2")],
    );
    assert!(node.has_queue("new") && node.has_member("A/2"));
    assert!(!node.has_queue("old") && !node.has_member("A/1"));
    // The rest is as it was, and clients are told what the node told them.
    assert!(node.objects.read().channel(b"u1").is_some());
    assert_eq!(node.told(), ["Reload "]);
}

#[test]
fn what_happens_while_queues_are_listed_is_neither_late_nor_lost() {
    let mut node = Surveyed::with_a_queue();
    node.raises("Event: Reload|Privilege: system,all|Module: app_queue.so|Status: 0");
    node.raises(
        "Event: QueueMemberAdded|Privilege: agent,all|Queue: new|MemberName: x|Interface: A/3",
    );
    node.raises(
        "Event: QueueMemberRemoved|Privilege: agent,all|Queue: old|MemberName: x|Interface: A/1",
    );
    assert_eq!(
        node.told(),
        ["Reload ", "QueueMemberAdded ", "QueueMemberRemoved "]
    );
    // The list may show A/1 as it was before, and A/3 not yet.
    let listed = [
        params("old"),
        member("QueueMember", "old", "A/1"),
        params("new"),
        member("QueueMember", "new", "A/2"),
    ];
    node.lists("QueueStatus", &listed);
    assert!(node.has_member("A/2") && node.has_member("A/3") && !node.has_member("A/1"));
    assert!(node.has_queue("old") && node.has_queue("new"));
}

#[test]
fn only_what_may_concern_queues_lists_them_again() {
    let mut node = Surveyed::with_a_queue();
    node.raises("Event: Reload|Privilege: system,all|Module: res_pjsip|Status: 0");
    assert!(!node.is_asked());
    for event in ["Load", "Unload", "Reload"] {
        node.raises(&format!(
            "Event: {event}|Privilege: system,all|Module: app_queue.so|Status: 0"
        ));
        node.lists("QueueStatus", &[params("old")]);
        assert!(!node.is_asked(), "{event}");
    }
    node.raises("Event: Reload|Privilege: system,all|Message: Reload Requested");
    node.lists("QueueStatus", &[]);
    assert!(!node.has_queue("old"));
}

#[test]
fn a_client_that_reloads_the_queues_has_them_listed_when_it_is_answered() {
    for (asked, listed) in [
        ("Action: QueueReload", true),
        ("Action: Command|Command: queue  RELOAD all", true),
        ("Action: Command|Command: queue show", false),
        ("Action: QueueReset|Queue: old", false),
    ] {
        let mut node = Surveyed::with_a_queue();
        node.rig.submit(1, asked);
        let lane = node.rig.lanes(LaneRole::Action)[0];
        let id = wire_id(&node.rig.take(lane));
        assert!(!node.is_asked(), "{asked}: not before it is done");
        node.rig.says(
            lane,
            &format!("Response: Success|ActionID: {id}|Message: done"),
        );
        assert_eq!(node.is_asked(), listed, "{asked}");
        if listed {
            node.lists("QueueStatus", &[params("new")]);
            assert!(node.has_queue("new") && !node.has_queue("old"), "{asked}");
        }
    }
}

#[test]
fn a_list_of_queues_whose_lane_is_lost_is_taken_anew() {
    let mut node = Surveyed::with_a_queue();
    node.raises("Event: Reload|Privilege: system,all|Module: app_queue|Status: 0");
    let lane = node.rig.lanes(LaneRole::Action)[0];
    node.rig.lose(lane);
    node.rig.connect_all();
    node.lists("QueueStatus", &[params("new")]);
    assert!(node.has_queue("new") && !node.has_queue("old"));
}

#[test]
fn too_many_events_while_queues_are_listed_leave_none_known() {
    let mut node = Surveyed::with_a_queue();
    node.raises("Event: Reload|Privilege: system,all|Module: app_queue|Status: 0");
    let filler = "x".repeat(900);
    for _ in 0..1300 {
        node.raises(&format!("Event: QueueMemberStatus|Privilege: agent,all|Queue: old|MemberName: {filler}|Interface: A/1"));
    }
    node.lists("QueueStatus", &[params("old")]);
    assert!(!node.has_queue("old") && node.objects.read().channel(b"u1").is_some());
    let failed = |note: &NodeNote| matches!(note, NodeNote::SurveyFailed { .. });
    assert!(node.rig.notes.iter().any(failed));
}

/// An action that reloads has its lane to itself: the questions that its event brings about find none until it is answered.
#[test]
fn a_reload_on_the_only_lane_is_followed_by_its_questions() {
    let mut node = Surveyed::with_a_queue();
    node.rig.submit(1, "Action: Reload|Module: app_queue.so");
    let lane = node.rig.lanes(LaneRole::Action)[0];
    let id = wire_id(&node.rig.take(lane));
    node.raises("Event: Reload|Privilege: system,all|Module: app_queue.so|Status: 0");
    assert!(!node.is_asked());
    node.rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|Message: Module Reloaded"),
    );
    node.lists("QueueStatus", &[params("new")]);
    assert!(node.has_queue("new") && !node.has_queue("old"));
}
