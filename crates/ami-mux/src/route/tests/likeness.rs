//! Nodes of one systemname: a Uniqueid does not tell whose it is.

use super::*;
use crate::identity::NodeIdentity;

fn named(directory: &mut Directory, node: u16, name: &str) {
    let text = format!("Response: Success\r\nOutput:   System name:    {name}\r\n\r\n");
    let frame = Frame::parse(Bytes::from(text)).expect("a message");
    let entry = directory.entry_mut(NodeId(node)).expect("a node");
    entry.status.identity = NodeIdentity::read(&frame);
}

#[test]
fn a_uniqueid_that_two_nodes_can_give_is_not_guessed() {
    let mut directory = directory();
    for (node, name) in [(0, "pbx"), (1, "pbx"), (2, "own")] {
        named(&mut directory, node, name);
    }
    channel(&directory, 0, "PJSIP/100-1", "pbx-1.1");
    channel(&directory, 2, "PJSIP/300-1", "own-1.1");
    let mut ask = Ask::of(&directory);
    let unclear = "Channel pbx-1.1 may be on several nodes, name one";
    assert_eq!(ask.refusal("Action: Hangup|Channel: pbx-1.1"), unclear);
    let bridge = "Action: Bridge|Channel1: PJSIP/100-1|Channel2: pbx-1.1";
    assert_eq!(ask.refusal(bridge), unclear);
    for (text, node) in [
        ("Action: Hangup|Channel: pbx-1.1|Node: pbx0", 0),
        ("Action: Hangup|Channel: PJSIP/100-1", 0),
        ("Action: Hangup|Channel: own-1.1", 2),
    ] {
        assert_eq!(ask.route(text), Route::Node(NodeId(node)), "{text}");
    }
    // Whoever does not see the other cannot mean it.
    ask.scope = NodeScope::Only(vec![
        NodeSelector::Name("pbx0".to_owned()),
        NodeSelector::Name("pbx2".to_owned()),
    ]);
    assert_eq!(
        ask.route("Action: Hangup|Channel: pbx-1.1"),
        Route::Node(NodeId(0))
    );
}

#[test]
fn a_node_that_is_away_is_confused_with_none() {
    let mut directory = directory();
    for node in [0, 1] {
        named(&mut directory, node, "pbx");
    }
    assert_eq!(directory.likenesses().len(), 1);
    channel(&directory, 0, "PJSIP/100-1", "pbx-1.1");
    directory.entry_mut(NodeId(1)).expect("a node").status.state = NodeState::Down;
    let ask = Ask::of(&directory);
    assert_eq!(
        ask.route("Action: Hangup|Channel: pbx-1.1"),
        Route::Node(NodeId(0))
    );
    assert!(directory.likenesses().is_empty());
}
