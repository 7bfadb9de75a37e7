//! Tenants: accounts with `channels` on one node, each with its own calls. What a tenant gets is told from all that happens
//! by a plain look at names, not by amiplex's tables.

mod actions;
mod lists;

use std::collections::HashSet;
use std::time::Duration;

use ami_proto::Frame;
use ami_sim::SimClient;
use tokio::time::{sleep, timeout};

use crate::support::watch::{assert_no_wire_id, between, direct, stream, succeeds, token};
use crate::support::{Amiplex, MANAGER_CONF, PATIENCE, Setup, asterisk, header};

const TENANTS: [&str; 2] = ["acme", "zeta"];

/// The accounts of all tests and one for each tenant, which may do what its channels leave.
fn accounts() -> String {
    let tenants = TENANTS.map(|name| {
        format!(
            "\n[{name}]\nsecret = {name}pw\nread = all\nwrite = all\nchannels = Local/*@{name},Local/*@{name}-*\n"
        )
    });
    let phones = "\n[phones]\nsecret = phonespw\nread = all\nwrite = all\n\
        channels = PJSIP/phone,SIP/oldphone,IAX2/trunk,Custom:desk\n";
    format!("{MANAGER_CONF}{}{phones}", tenants.concat())
}

async fn start() -> Amiplex {
    let nodes = vec![asterisk("pbx1"), asterisk("pbx2")];
    Setup::new(nodes).accounts(&accounts()).start().await
}

async fn tenant(amiplex: &Amiplex, listener: &str, name: &str) -> SimClient {
    amiplex.login(listener, name, &format!("{name}pw")).await
}

/// Whether a name is of the tenant's channels. `Queue:empty_pause_Local/1@acme/n` is the queue's.
fn is_of(tenant: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    if !name.starts_with("local/") {
        return false;
    }
    let starts = ["-", "/", ";"].map(|next| format!("@{tenant}{next}"));
    name.ends_with(&format!("@{tenant}")) || starts.iter().any(|start| name.contains(start))
}

/// Whether a header that Asterisk wrote names a channel or member of the tenant's.
fn names_one_of(tenant: &str, frame: &Frame) -> bool {
    // What Asterisk's developers test by: texts of no fixed form.
    if frame.event_name() == Some(b"TestEvent") {
        return false;
    }
    let written_by_others = frame.event_name() == Some(b"UserEvent");
    frame
        .lines()
        .take_while(|line| !(written_by_others && line.is("UserEvent")))
        .any(|line| {
            let name = String::from_utf8_lossy(line.name.unwrap_or_default()).into_owned();
            let names_objects = name.ends_with("Channel")
                || matches!(
                    &*name,
                    "Interface"
                        | "Location"
                        | "StateInterface"
                        | "Newname"
                        | "Peer"
                        | "Device"
                        | "ParkerDialString"
                );
            names_objects && is_of(tenant, &String::from_utf8_lossy(line.value))
        })
}

/// Asks for a call that nobody waits for: a channel that waits, and the extension at its other end.
async fn call(actor: &mut SimClient, tenant: &str, extension: &str) {
    let channel = format!("Channel: Local/{extension}@{tenant}/n");
    let lines = [
        "Action: Originate",
        &channel,
        "Application: Wait",
        "Data: 3600",
        "Async: true",
    ];
    succeeds(actor, &lines).await;
}

/// Names of the channels that the client sees, of those with this text in them.
async fn channels(client: &mut SimClient, text: &str) -> Vec<String> {
    let list = client
        .list(&["Action: CoreShowChannels"])
        .await
        .expect("answered");
    let mut names: Vec<String> = list
        .iter()
        .map(|item| header(item, "Channel"))
        .filter(|name| name.contains(text))
        .collect();
    names.sort();
    names
}

async fn until_channels(client: &mut SimClient, text: &str, count: usize) -> Vec<String> {
    let waiting = async {
        loop {
            let found = channels(client, text).await;
            if found.len() == count {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("never {count} channels with {text}"))
}

/// Something that the tenant sees, and everybody who sees all: a member that comes to a queue and goes again.
async fn mark(actor: &mut SimClient, tenant: &str, word: &str) {
    let interface = format!("Interface: Local/{word}@{tenant}/n");
    let name = format!("MemberName: {word}");
    succeeds(
        actor,
        &[
            "Action: QueueAdd",
            "Queue: empty",
            &interface,
            &name,
            "Paused: true",
        ],
    )
    .await;
    succeeds(actor, &["Action: QueueRemove", "Queue: empty", &interface]).await;
}

/// Events that say of a channel that it is in a bridge from then on.
const ENTERS: [&[u8]; 2] = [b"BridgeEnter", b"ConfbridgeJoin"];

/// What of all events the tenant should see, by a plain reading.
fn expected(tenant: &str, all: &[Frame]) -> Vec<Frame> {
    let mut bridges = HashSet::new();
    let own = |frame: &&Frame| {
        let bridge = header(frame, "BridgeUniqueid");
        let name = frame.event_name().unwrap_or_default();
        if names_one_of(tenant, frame) {
            if ENTERS.contains(&name) {
                bridges.insert(bridge);
            }
            return true;
        }
        match name {
            b"BridgeDestroy" => bridges.remove(&bridge),
            b"ConfbridgeEnd" => bridges.contains(&bridge),
            _ => false,
        }
    };
    all.iter().filter(own).cloned().collect()
}

/// Without the ends of bridges that began before: another test's, of which nobody here knows who was in them.
fn of_known_bridges(frames: Vec<Frame>) -> Vec<Frame> {
    let entered: HashSet<String> = frames
        .iter()
        .filter(|frame| {
            frame
                .event_name()
                .is_some_and(|name| ENTERS.contains(&name))
        })
        .map(|frame| header(frame, "BridgeUniqueid"))
        .collect();
    let is_known = |frame: &Frame| {
        let is_end = matches!(
            frame.event_name(),
            Some(b"BridgeDestroy" | b"ConfbridgeEnd")
        );
        !is_end || entered.contains(&header(frame, "BridgeUniqueid"))
    };
    frames.into_iter().filter(is_known).collect()
}

/// Calls of every kind for both tenants, one of them between the two, until all have ended.
async fn many_calls(actor: &mut SimClient) {
    let park = format!("park-{}", token("many"));
    for tenant in TENANTS {
        call(actor, tenant, "call-1").await;
        call(actor, tenant, "411").await;
        call(actor, tenant, "300").await;
        call(actor, tenant, &park).await;
        call(actor, tenant, "600").await;
    }
    call(actor, "acme", "over-zeta").await;
    let forged = "Channel: Local/forged@acme-00000001;1";
    succeeds(actor, &["Action: UserEvent", "UserEvent: Forged", forged]).await;
    let is_parked = |frame: &Frame| {
        frame.event_name() == Some(b"ParkedCall") && header(frame, "ParkeeChannel").contains(&park)
    };
    for _ in TENANTS {
        actor
            .next_where("a parked call", is_parked)
            .await
            .expect("parked");
    }
    let mut conferences = HashSet::new();
    for tenant in TENANTS {
        let has_joined = |frame: &Frame| {
            frame.event_name() == Some(b"ConfbridgeJoin") && names_one_of(tenant, frame)
        };
        let joined = actor.next_where("somebody in the conference", has_joined);
        conferences.insert(header(&joined.await.expect("joined"), "BridgeUniqueid"));
    }
    for extension in ["call-1@", "over-zeta@", "pickup-1@", "300@"] {
        until_channels(actor, extension, 0).await;
    }
    for extension in ["411", &park, "600"] {
        let regex = format!("Channel: /^Local.{extension}@(acme|zeta)-/");
        actor
            .list(&["Action: Hangup", &regex])
            .await
            .expect("answered");
        until_channels(actor, &format!("Local/{extension}@"), 0).await;
    }
    for conference in &conferences {
        for end in ["ConfbridgeEnd", "BridgeDestroy"] {
            let is_end = |frame: &Frame| {
                header(frame, "Event") == end && header(frame, "BridgeUniqueid") == *conference
            };
            let ended = actor.next_where("the end of the conference", is_end);
            ended.await.expect("ended");
        }
    }
}

#[tokio::test]
async fn each_tenant_sees_exactly_its_own_events() {
    let amiplex = start().await;
    for node in ["pbx1", "pbx2"] {
        let mut everything = amiplex.login(node, "admin", "adminpw").await;
        let mut watchers = Vec::new();
        for name in TENANTS {
            watchers.push((name, tenant(&amiplex, node, name).await));
        }
        let mut actor = direct(node, "admin", "adminpw").await;
        let begins = TENANTS.map(|name| token(&format!("begin{name}")));
        let ends = TENANTS.map(|name| token(&format!("end{name}")));
        for (name, word) in TENANTS.iter().zip(&begins) {
            mark(&mut actor, name, word).await;
        }
        many_calls(&mut actor).await;
        for (name, word) in TENANTS.iter().zip(&ends) {
            mark(&mut actor, name, word).await;
        }
        let words: Vec<&str> = ends.iter().map(String::as_str).collect();
        let all = stream(&mut everything, &words).await;
        for (at, (name, watcher)) in watchers.iter_mut().enumerate() {
            let seen = stream(watcher, &[&ends[at]]).await;
            assert_no_wire_id(&seen);
            let window =
                |frames: &[Frame]| of_known_bridges(between(frames, &begins[at], &ends[at]));
            let (seen, all) = (window(&seen), window(&all));
            assert_same(name, &of_known_bridges(expected(name, &all)), &seen);
            assert_every_kind(node, name, &seen);
        }
    }
}

fn assert_same(tenant: &str, expected: &[Frame], seen: &[Frame]) {
    let text = |frame: Option<&Frame>| {
        let bytes = frame
            .map(|frame| frame.bytes().to_vec())
            .unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    for at in 0..expected.len().max(seen.len()) {
        assert_eq!(
            text(seen.get(at)),
            text(expected.get(at)),
            "{tenant}, event {at}"
        );
    }
}

/// There was something to see of every kind, and nothing of the other alone.
fn assert_every_kind(node: &str, tenant: &str, seen: &[Frame]) {
    let names: HashSet<String> = seen.iter().map(|frame| header(frame, "Event")).collect();
    for name in [
        "Newchannel",
        "Newexten",
        "VarSet",
        "DialBegin",
        "DialEnd",
        "LocalBridge",
        "BridgeEnter",
        "BridgeLeave",
        "BridgeDestroy",
        "ConfbridgeJoin",
        "ConfbridgeLeave",
        "ConfbridgeEnd",
        "QueueCallerJoin",
        "QueueCallerLeave",
        "ParkedCall",
        "UserEvent",
        "Hangup",
        "OriginateResponse",
        "CEL",
        "Cdr",
    ] {
        assert!(names.contains(name), "{tenant} saw no {name} on {node}");
    }
    let hidden = ["BridgeCreate", "ConfbridgeStart", "SuccessfulAuth", "Load"];
    assert!(
        hidden.iter().all(|name| !names.contains(*name)),
        "{names:?}"
    );
    let both = seen
        .iter()
        .any(|frame| TENANTS.iter().all(|name| names_one_of(name, frame)));
    assert!(both, "the call between the two is about both");
    let forged = seen
        .iter()
        .any(|frame| header(frame, "UserEvent") == "Forged");
    assert!(!forged, "a client's text makes nothing visible");
}
