//! The end of a node's machine: everyone is answered, and the node is left in order.

use ami_mux::{LaneRole, Mail, Node, NodeEffect, NodeId, NodeState};

use crate::rig::{Rig, settings};

fn getvar(tag: &str) -> String {
    format!("Action: Getvar|Variable: {tag}")
}

/// One action that was written, one whose bytes wait, one that no lane took.
fn busy() -> Rig {
    let mut settings = settings();
    settings.lanes_max = 1;
    settings.depth = 2;
    let mut rig = Rig::up(settings);
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, &getvar("written"));
    rig.stick(lane);
    rig.submit(2, &getvar("queued"));
    rig.submit(3, &getvar("waiting"));
    rig
}

fn outcomes(rig: &mut Rig) -> Vec<(u64, bool)> {
    let mut finals: Vec<(u64, bool)> = rig
        .finals()
        .into_iter()
        .map(|(session, _, text)| (session, text.contains("Outcome: unknown")))
        .collect();
    finals.sort_unstable();
    finals
}

#[test]
fn a_machine_that_failed_owes_nobody_an_answer() {
    let mut rig = busy();
    rig.node.fail("a bug");
    rig.pump();
    assert_eq!(outcomes(&mut rig), [(1, true), (2, false), (3, false)]);
    assert_eq!(rig.status.state, NodeState::Down);
    assert_eq!(&*rig.status.reason, "a bug");
    let downs = rig.broadcast.iter();
    let downs = downs.filter(|mail| matches!(mail, Mail::NodeDown(NodeId(0))));
    assert_eq!(downs.count(), 1);
    assert!(rig.opening.is_empty(), "it does nothing more");
    assert_eq!(rig.closed.len(), 2, "every lane");
}

/// The next machine knows what the node said of itself, and does not rush.
#[test]
fn a_machine_in_the_place_of_one_that_failed_begins_with_its_knowledge() {
    let mut rig = busy();
    rig.node.fail("a bug");
    rig.pump();
    let learned = rig.status.learned.iter().count();
    assert!(learned > 0);
    let status = rig.node.status().clone();
    let mut next: Node<u64> = Node::in_place_of(status, settings(), 0xbeef, 3, rig.now);
    assert_eq!(next.status().learned.iter().count(), learned);
    assert!(!next.status().is_up());
    assert!(matches!(
        next.poll_effect(),
        Some(NodeEffect::Open {
            role: LaneRole::Event,
            attempt: 3,
            ..
        })
    ));
}

/// Lanes at rest say Logoff and are closed by the node; on others are bytes that must not leave any more.
#[test]
fn lanes_are_logged_off_when_amiplex_stops() {
    let mut settings = settings();
    settings.lanes_min = 2;
    let mut rig = Rig::up(settings);
    let lanes = rig.lanes(LaneRole::Action);
    rig.submit(1, &getvar("written"));
    let stuck = rig.lane_of("written").expect("on a lane");
    rig.stick(stuck);
    rig.submit(1, &getvar("queued"));
    rig.node.abandon();
    rig.pump();
    assert_eq!(outcomes(&mut rig), [(1, false), (1, true)]);
    assert_eq!(rig.closed, [stuck]);
    let other = lanes.into_iter().find(|lane| *lane != stuck);
    let event = rig.event_lane();
    rig.notes.clear();
    for lane in [other.expect("two"), event] {
        let last = rig.take(lane);
        assert!(last.name().is_some_and(|name| name.is("Logoff")));
        rig.says(lane, "Response: Goodbye|Message: Thanks for all the fish.");
        rig.lose(lane);
    }
    assert!(rig.notes.is_empty(), "no complaint: {:?}", rig.notes);
    assert!(rig.opening.is_empty(), "nothing is opened anew");
}
