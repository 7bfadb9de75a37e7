//! A node's life is made up, told to one state as events, and looked at by lists at some moment; the difference must bring a
//! client's tables to the node's own.

use ami_proto::Frame;
use proptest::prelude::*;

use super::*;

fn frame(text: &str) -> Frame {
    let bytes = Bytes::from(text.replace('|', "\r\n") + "\r\n\r\n");
    Frame::parse(bytes).expect("a message")
}

fn channel(id: u8, name: u8) -> String {
    format!("Channel: N{name}|ChannelState: 6|Context: c|Uniqueid: u{id}|Linkedid: u{id}")
}

/// What a node does, one channel or member at a time.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Appear(u8),
    Rename(u8),
    Enter(u8, u8),
    Leave(u8),
    Join(u8, u8),
    Unjoin(u8),
    Add(u8, u8),
    Remove(u8, u8),
    End(u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    let id = 0_u8..6;
    prop_oneof![
        id.clone().prop_map(Deed::Appear),
        id.clone().prop_map(Deed::Rename),
        (id.clone(), 0_u8..3).prop_map(|(id, bridge)| Deed::Enter(id, bridge)),
        id.clone().prop_map(Deed::Leave),
        (id.clone(), 0_u8..2).prop_map(|(id, queue)| Deed::Join(id, queue)),
        id.clone().prop_map(Deed::Unjoin),
        (id.clone(), 0_u8..2).prop_map(|(id, queue)| Deed::Add(id, queue)),
        (id.clone(), 0_u8..2).prop_map(|(id, queue)| Deed::Remove(id, queue)),
        id.prop_map(Deed::End),
    ]
}

#[derive(Clone, Debug, Default)]
struct Call {
    name: u8,
    bridge: Option<(u8, u32)>,
    queue: Option<u8>,
}

/// The made-up node. Ids of channels and bridges are never used twice, as on a real one.
#[derive(Clone, Debug, Default)]
struct Model {
    calls: std::collections::BTreeMap<u8, (u32, Call)>,
    bridges: std::collections::BTreeMap<u8, u32>,
    members: BTreeSet<(u8, u8)>,
    next: u32,
    events: Vec<Frame>,
}

impl Model {
    fn says(&mut self, text: &str) {
        self.events.push(frame(text));
    }

    fn about(&self, id: u8) -> Option<(String, Call)> {
        let (serial, call) = self.calls.get(&id)?;
        let text = channel(id, call.name).replace(&format!("u{id}"), &format!("u{id}-{serial}"));
        Some((text, call.clone()))
    }

    fn with(&mut self, id: u8, change: impl FnOnce(&mut Call)) {
        if let Some((_, call)) = self.calls.get_mut(&id) {
            change(call);
        }
    }

    fn leave(&mut self, id: u8) {
        let Some((about, call)) = self.about(id) else {
            return;
        };
        let Some((bridge, serial)) = call.bridge else {
            return;
        };
        self.with(id, |call| call.bridge = None);
        self.says(&format!(
            "Event: BridgeLeave|BridgeUniqueid: b{serial}|{about}"
        ));
        let others = self
            .calls
            .values()
            .any(|(_, call)| call.bridge == Some((bridge, serial)));
        if !others {
            self.bridges.remove(&bridge);
            self.says(&format!("Event: BridgeDestroy|BridgeUniqueid: b{serial}"));
        }
    }

    fn unjoin(&mut self, id: u8) {
        let Some((about, call)) = self.about(id) else {
            return;
        };
        let Some(queue) = call.queue else { return };
        self.with(id, |call| call.queue = None);
        self.says(&format!(
            "Event: QueueCallerLeave|{about}|Queue: q{queue}|Position: 1"
        ));
    }

    fn enter(&mut self, id: u8, bridge: u8) {
        self.leave(id);
        let Some((about, _)) = self.about(id) else {
            return;
        };
        if !self.bridges.contains_key(&bridge) {
            self.next += 1;
            self.bridges.insert(bridge, self.next);
            self.says(&format!(
                "Event: BridgeCreate|BridgeUniqueid: b{}",
                self.next
            ));
        }
        let serial = self.bridges[&bridge];
        self.with(id, |call| call.bridge = Some((bridge, serial)));
        self.says(&format!(
            "Event: BridgeEnter|BridgeUniqueid: b{serial}|{about}"
        ));
    }

    fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Appear(id) if !self.calls.contains_key(&id) => {
                self.next += 1;
                self.calls.insert(
                    id,
                    (
                        self.next,
                        Call {
                            name: id,
                            ..Call::default()
                        },
                    ),
                );
                let about = self.about(id).expect("just made").0;
                self.says(&format!("Event: Newchannel|{about}"));
            }
            Deed::Rename(id) => {
                let Some((about, call)) = self.about(id) else {
                    return;
                };
                let uniqueid = about
                    .split('|')
                    .find(|line| line.starts_with("Uniqueid"))
                    .expect("one")
                    .to_owned();
                let name = call.name + 10;
                self.with(id, |call| call.name = name);
                self.says(&format!(
                    "Event: Rename|Channel: N{}|Newname: N{name}|{uniqueid}",
                    call.name
                ));
            }
            Deed::Enter(id, bridge) => self.enter(id, bridge),
            Deed::Leave(id) => self.leave(id),
            Deed::Join(id, queue) => {
                self.unjoin(id);
                let Some((about, _)) = self.about(id) else {
                    return;
                };
                self.with(id, |call| call.queue = Some(queue));
                self.says(&format!(
                    "Event: QueueCallerJoin|{about}|Queue: q{queue}|Position: 1"
                ));
            }
            Deed::Unjoin(id) => self.unjoin(id),
            Deed::Add(id, queue) if self.members.insert((queue, id)) => {
                self.says(&format!(
                    "Event: QueueMemberAdded|Queue: q{queue}|Interface: I{id}"
                ));
            }
            Deed::Remove(id, queue) if self.members.remove(&(queue, id)) => {
                self.says(&format!(
                    "Event: QueueMemberRemoved|Queue: q{queue}|Interface: I{id}"
                ));
            }
            Deed::End(id) => {
                self.leave(id);
                self.unjoin(id);
                if let Some((about, _)) = self.about(id) {
                    self.calls.remove(&id);
                    self.says(&format!("Event: Hangup|{about}|Cause: 16"));
                }
            }
            Deed::Appear(_) | Deed::Add(..) | Deed::Remove(..) => {}
        }
    }

    /// What the node's lists show.
    fn listed(&self) -> Objects {
        let mut objects = Objects::default();
        for serial in self.bridges.values() {
            objects.list(&frame(&format!(
                "Event: BridgeListItem|BridgeUniqueid: b{serial}"
            )));
        }
        for id in self.calls.keys() {
            let (about, call) = self.about(*id).expect("known");
            let bridge = call
                .bridge
                .map(|(_, serial)| format!("b{serial}"))
                .unwrap_or_default();
            objects.list(&frame(&format!(
                "Event: CoreShowChannel|{about}|BridgeId: {bridge}"
            )));
            if let Some(queue) = call.queue {
                let uniqueid = about
                    .split('|')
                    .find(|line| line.starts_with("Uniqueid"))
                    .expect("one");
                objects.list(&frame(&format!(
                    "Event: QueueEntry|Queue: q{queue}|Position: 1|{uniqueid}"
                )));
            }
        }
        for (queue, id) in &self.members {
            objects.list(&frame(&format!(
                "Event: QueueMember|Queue: q{queue}|Name: x|Location: I{id}"
            )));
        }
        objects
    }
}

type Tables = (
    BTreeSet<(Vec<u8>, Vec<u8>, Option<Vec<u8>>)>,
    BTreeSet<(Vec<u8>, Vec<Vec<u8>>)>,
    BTreeSet<(Vec<u8>, Vec<u8>)>,
    BTreeSet<(Vec<u8>, Vec<u8>)>,
);

fn tables(objects: &Objects) -> Tables {
    let channels = objects.channels().map(|channel| {
        let bridge = channel.bridge().map(<[u8]>::to_vec);
        (channel.uniqueid().to_vec(), channel.name().to_vec(), bridge)
    });
    let bridges = objects.bridges().map(|bridge| {
        let mut members: Vec<Vec<u8>> = bridge.members().map(<[u8]>::to_vec).collect();
        members.sort();
        (bridge.id().to_vec(), members)
    });
    let members = objects
        .members()
        .map(|member| (member.queue().to_vec(), member.interface().to_vec()));
    let callers = objects
        .callers()
        .map(|caller| (caller.queue().to_vec(), caller.uniqueid().to_vec()));
    (
        channels.collect(),
        bridges.collect(),
        members.collect(),
        callers.collect(),
    )
}

fn told(objects: &mut Objects, events: &[Bytes]) {
    for event in events {
        assert!(event.ends_with(b"\r\nResync: yes\r\n\r\n"));
        objects.observe(&Frame::parse(event.clone()).expect("whole"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_missed_is_made_up_whenever_the_lists_are_taken(
        before in proptest::collection::vec(deed(), 0..30),
        missed in proptest::collection::vec(deed(), 0..30),
        held in proptest::collection::vec(deed(), 0..30),
        moment in 0_usize..31,
    ) {
        let mut node = Model::default();
        let mut client = Objects::default();
        for deed in before {
            node.does(deed);
        }
        for event in node.events.drain(..) {
            client.observe(&event);
        }
        for deed in missed {
            node.does(deed);
        }
        node.events.clear();
        let start = node.listed();
        // The lists are taken while events go on, which nobody has seen yet.
        let mut listed = None;
        for (index, deed) in held.into_iter().enumerate() {
            if index >= moment {
                listed.get_or_insert_with(|| node.listed());
            }
            node.does(deed);
        }
        let mut fresh = listed.unwrap_or_else(|| node.listed());
        fresh.rewind(node.events.iter());
        let made_up = difference(&client, &fresh);
        told(&mut client, &made_up);
        prop_assert_eq!(tables(&client), tables(&start), "as when the events began");
        for event in &node.events {
            client.observe(event);
        }
        prop_assert_eq!(tables(&client), tables(&node.listed()));
        prop_assert!(difference(&client, &node.listed()).is_empty());
    }
}

#[test]
fn what_ends_ends_from_the_inside_out() {
    let mut node = Model::default();
    for deed in [
        Deed::Appear(1),
        Deed::Appear(2),
        Deed::Enter(1, 0),
        Deed::Enter(2, 0),
        Deed::Join(1, 0),
    ] {
        node.does(deed);
    }
    let names = |events: &[Bytes]| -> Vec<String> {
        let name = |event: &Bytes| {
            let frame = Frame::parse(event.clone()).expect("whole");
            String::from_utf8_lossy(frame.event_name().expect("an event")).into_owned()
        };
        events.iter().map(name).collect()
    };
    let (some, none) = (node.listed(), Objects::default());
    assert_eq!(
        names(&difference(&some, &none)),
        [
            "BridgeLeave",
            "BridgeLeave",
            "BridgeDestroy",
            "QueueCallerLeave",
            "Hangup",
            "Hangup"
        ]
    );
    assert_eq!(
        names(&difference(&none, &some)),
        [
            "Newchannel",
            "Newchannel",
            "BridgeCreate",
            "BridgeEnter",
            "BridgeEnter",
            "QueueCallerJoin"
        ]
    );
}

#[test]
fn changes_of_a_member_are_told_by_their_own_events() {
    let state = |paused: u8, status: u8| {
        let mut objects = Objects::default();
        let text = format!(
            "Event: QueueMember|Queue: q|Name: x|Location: I|Status: {status}|Paused: {paused}"
        );
        objects.list(&frame(&text));
        objects
    };
    let told = difference(&state(0, 1), &state(1, 1));
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with(b"Event: QueueMemberPause\r\nPrivilege: agent,all\r\nQueue: q\r\nMemberName: x\r\nInterface: I\r\n"));
    let told = difference(&state(0, 1), &state(0, 2));
    assert!(told.len() == 1 && told[0].starts_with(b"Event: QueueMemberStatus\r\n"));
}
