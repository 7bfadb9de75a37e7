//! Accounts whose rights differ by node, and what tells one node from another.

use std::path::Path;

use ami_access::manager_conf::MemoryFiles;
use ami_access::{AuthorizeContext, Authorized, Cost, NodeId, SeenNode, load_from, trial};
use ami_mux::{LaneRole, Likeness, SharedObjects};
use ami_proto::Action;

use crate::rig::{Rig, action, settings};

/// An action that is permitted at one of two nodes.
fn permitted_at(node: &str) -> Authorized<Action> {
    let conf = format!("[general]\n[a]\nsecret = s\nwrite@{node} = all\n");
    let files = MemoryFiles::default().with("/manager.conf", conf);
    let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
    let account = loaded.accounts.find(b"a").expect("there");
    let nodes = ["pbx1", "pbx2"].into_iter().zip(0..);
    let nodes = nodes.map(|(name, id)| SeenNode {
        id: NodeId(id),
        name,
        tags: &[],
    });
    let context = AuthorizeContext::default();
    let text = "Action: Setvar|Variable: A|Value: 1";
    trial(account, nodes, action(text), &context).expect("permitted at one")
}

#[test]
fn a_node_takes_no_action_that_was_permitted_for_another() {
    for (node, taken) in [("pbx1", true), ("pbx2", false)] {
        let mut rig = Rig::up(settings());
        let lane = rig.lanes(LaneRole::Action)[0];
        rig.submit_as(1, permitted_at(node), Cost::Quick);
        assert_eq!(rig.unanswered(lane).len(), usize::from(taken), "{node}");
        let finals = rig.finals();
        assert_eq!(finals.is_empty(), taken, "{finals:?}");
        if let [(_, _, text)] = finals.as_slice() {
            assert!(text.contains("Message: Permission denied\r\n"), "{text}");
            assert!(text.contains("Outcome: not-sent\r\n"), "{text}");
        }
    }
}

#[test]
fn a_node_is_asked_which_it_is_where_there_are_others() {
    let alone = Rig::up(settings());
    let identity = &alone.status.identity;
    assert_eq!(identity.likeness(identity), None);
    let mut several = settings();
    several.objects = Some(SharedObjects::default());
    let rig = Rig::up(several);
    let identity = &rig.status.identity;
    assert_eq!(identity.likeness(identity), Some(Likeness::Process));
}
