//! What the operator wants of a node: what is new is refused in maintenance, what is under way ends as ever, and events keep coming.

use ami_mux::{LaneRole, Mail, Node, NodeNote, Service};

use crate::rig::{Rig, settings};

fn getvar(tag: &str) -> String {
    format!("Action: Getvar|Variable: {tag}")
}

#[test]
fn in_maintenance_new_actions_are_refused_and_those_under_way_end() {
    let mut settings = settings();
    settings.lanes_max = 1;
    settings.depth = 1;
    let mut rig = Rig::up(settings);
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, &getvar("written"));
    rig.submit(2, &getvar("waiting"));
    rig.node.set_service(Service::Maintenance);
    rig.pump();
    assert_eq!(rig.status.service, Service::Maintenance);
    assert!(rig.notes.contains(&NodeNote::Service(Service::Maintenance)));
    rig.submit(3, &format!("{}|ActionID: x", getvar("new")));
    assert_eq!(
        rig.finals().remove(0).2,
        "Response: Error\r\nActionID: x\r\nMessage: Node pbx1 is in maintenance, action not sent\r\nOutcome: not-sent\r\n\r\n"
    );
    rig.answer(lane);
    rig.answer(lane);
    let ended: Vec<u64> = rig
        .finals()
        .into_iter()
        .map(|(session, ..)| session)
        .collect();
    assert_eq!(ended, [1, 2]);
    let event = rig.event_lane();
    rig.broadcast.clear();
    rig.says(event, "Event: Reload|Privilege: system,all|Module: All");
    assert!(
        rig.broadcast
            .iter()
            .any(|mail| matches!(mail, Mail::Event(_)))
    );
    rig.node.set_service(Service::Open);
    rig.submit(3, &getvar("again"));
    rig.answer(lane);
    assert!(rig.finals().remove(0).2.starts_with("Response: Success"));
}

/// What names the node reaches its machine, and goes through.
#[test]
fn a_node_that_drains_takes_what_it_is_given() {
    let mut rig = Rig::up(settings());
    rig.node.set_service(Service::Draining);
    rig.pump();
    assert!(rig.status.is_up() && !rig.status.takes_routed());
    rig.submit(1, &getvar("named"));
    let lane = rig.lane_of("named").expect("written");
    rig.answer(lane);
    assert!(rig.finals().remove(0).2.starts_with("Response: Success"));
}

/// The operator's word outlives the connection, and the machine.
#[test]
fn maintenance_outlives_the_loss_of_the_node_and_a_bug() {
    let mut rig = Rig::up(settings());
    rig.node.set_service(Service::Maintenance);
    let event = rig.event_lane();
    rig.lose(event);
    assert!(!rig.status.is_up());
    rig.submit(1, &getvar("x"));
    let told = rig.finals().remove(0).2;
    assert!(
        told.contains("Node pbx1 is in maintenance, action not sent"),
        "{told}"
    );
    rig.connect_all();
    assert!(rig.status.is_up());
    assert_eq!(rig.status.service, Service::Maintenance);
    rig.node.fail("a bug");
    let next: Node<u64> =
        Node::in_place_of(rig.node.status().clone(), settings(), 0xbeef, 1, rig.now);
    assert_eq!(next.status().service, Service::Maintenance);
}
