//! What clients see: the same events in the same order as directly at the node, with the ActionIDs that clients sent.

mod ids;
mod timestamps;

use ami_proto::{Frame, FrameKind};
use ami_sim::SimClient;

use crate::support::watch::{
    assert_no_wire_id, assert_same_events, between, direct, direct_greeted, is_raised_by_amiplex,
    mark, stream, succeeds, token,
};
use crate::support::{Amiplex, Setup};

const NODES: [&str; 2] = ["pbx1", "pbx2"];

/// Places a call of a second between two bridged channels and waits until its four channels are gone; its Linkedid.
async fn bridged_call(node: &str) -> String {
    let mut actor = direct(node, "admin", "adminpw").await;
    let id = token("call");
    let (action_id, caller) = (format!("ActionID: {id}"), format!("CallerID: {id} <555>"));
    let lines = [
        "Action: Originate",
        &action_id,
        "Channel: Local/call-1@tests/n",
        "Context: caller",
        "Exten: s",
        "Priority: 1",
        &caller,
        "Async: true",
    ];
    succeeds(&mut actor, &lines).await;
    let answered = actor
        .next_where("the OriginateResponse", |frame| {
            frame.event_name() == Some(b"OriginateResponse")
                && frame.action_id() == Some(id.as_bytes())
        })
        .await
        .expect("answered");
    assert_eq!(answered.header("Response"), Some(&b"Success"[..]));
    let linked = answered.header("Uniqueid").expect("an id").to_vec();
    for _ in 0..4 {
        actor
            .next_where("a Hangup", |frame| {
                frame.event_name() == Some(b"Hangup") && frame.header("Linkedid") == Some(&linked)
            })
            .await
            .expect("hung up");
    }
    String::from_utf8(linked).expect("a plain id")
}

/// Marks, call and mark on one node; the two marks and the call.
async fn marked_call(node: &str) -> (String, String, String) {
    let mut actor = direct(node, "writeonly", "writepw").await;
    let (begin, end) = (token("begin"), token("end"));
    mark(&mut actor, &begin).await;
    let linked = bridged_call(node).await;
    mark(&mut actor, &end).await;
    (begin, end, linked)
}

fn of_node<'a>(frames: &'a [Frame], node: &'a str) -> impl Iterator<Item = &'a Frame> {
    frames
        .iter()
        .filter(move |frame| frame.headers("Node").last() == Some(node.as_bytes()))
}

fn count(frames: &[Frame], name: &str) -> usize {
    frames
        .iter()
        .filter(|frame| frame.event_name() == Some(name.as_bytes()))
        .count()
}

/// A call on each node at once, seen by the account directly, on the listener of one node and on that of all: the three
/// agree. Gives what was seen directly, node by node.
async fn compare(amiplex: &Amiplex, user: &str, secret: &str) -> Vec<Vec<Frame>> {
    let mut all = amiplex.login("all", user, secret).await;
    let mut singles = Vec::new();
    let mut directs = Vec::new();
    for node in NODES {
        singles.push(amiplex.login(node, user, secret).await);
        directs.push(direct(node, user, secret).await);
    }
    let (first, second) = tokio::join!(marked_call(NODES[0]), marked_call(NODES[1]));
    let together = stream(&mut all, &[&first.1, &second.1]).await;
    assert_no_wire_id(&together);
    for frame in together
        .iter()
        .filter(|frame| frame.header("Status") != Some(b"Fully Booted"))
        .filter(|frame| !is_raised_by_amiplex(frame))
    {
        let events = frame.kind() == FrameKind::Event;
        assert!(
            !events || frame.headers("Node").count() == 1,
            "not labelled: {:?}",
            frame.bytes()
        );
    }
    let mut seen_directly = Vec::new();
    for (index, (begin, end, linked)) in [first, second].into_iter().enumerate() {
        let node = NODES[index];
        let directly = stream(&mut directs[index], &[&end]).await;
        let directly = between(&directly, &begin, &end);
        let of_call = directly
            .iter()
            .filter(|frame| frame.header("Linkedid") == Some(linked.as_bytes()))
            .count();
        assert!(
            of_call > 0 || !matches!(user, "events" | "limited"),
            "{user} sees the call on {node}"
        );
        let alone = stream(&mut singles[index], &[&end]).await;
        let alone = between(&alone, &begin, &end);
        assert_same_events(
            &format!("{user} on the listener of {node}"),
            &alone,
            &directly,
            None,
        );
        let labelled = between(of_node(&together, node), &begin, &end);
        assert_same_events(
            &format!("{user} on all, {node}"),
            &labelled,
            &directly,
            Some(node),
        );
        seen_directly.push(directly);
    }
    seen_directly
}

#[tokio::test]
async fn a_reader_of_everything_sees_what_a_direct_one_sees() {
    let amiplex = Setup::over_asterisk().start().await;
    for events in compare(&amiplex, "events", "eventspw").await {
        assert!(count(&events, "BridgeEnter") >= 2, "the call was bridged");
        assert!(count(&events, "Newexten") > 0 && count(&events, "VarSet") > 0);
    }
}

#[tokio::test]
async fn a_reader_of_some_classes_sees_those() {
    let amiplex = Setup::over_asterisk().start().await;
    for events in compare(&amiplex, "limited", "limitedpw").await {
        // Class call, not class dialplan.
        assert!(count(&events, "BridgeEnter") >= 2 && count(&events, "Newexten") == 0);
    }
    compare(&amiplex, "agent", "agentpw").await;
}

#[tokio::test]
async fn an_account_without_read_classes_sees_no_event() {
    let amiplex = Setup::over_asterisk().start().await;
    for listener in ["all", "pbx1", "pbx2"] {
        let mut blind = amiplex.login(listener, "writeonly", "writepw").await;
        let mut seeing = amiplex.login(listener, "events", "eventspw").await;
        let node = if listener == "pbx2" { "pbx2" } else { "pbx1" };
        let word = token("blind");
        let mut actor = direct(node, "admin", "adminpw").await;
        mark(&mut actor, &word).await;
        stream(&mut seeing, &[&word]).await;
        for _ in 0..3 {
            succeeds(&mut blind, &["Action: Ping"]).await;
        }
        let on = succeeds(&mut blind, &["Action: Events", "EventMask: on"]).await;
        assert_eq!(on.header("Events"), Some(&b"On"[..]));
        mark(&mut actor, &word).await;
        stream(&mut seeing, &[&word]).await;
        for _ in 0..3 {
            succeeds(&mut blind, &["Action: Ping"]).await;
        }
        let seen = blind.take_waiting();
        assert!(seen.is_empty(), "{listener}: {seen:?}");
    }
}

#[tokio::test]
async fn the_events_action_changes_what_is_seen_at_once() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut through = amiplex.client(node).await;
        let mut directly = direct_greeted(node).await;
        for client in [&mut through, &mut directly] {
            client
                .login_with("admin", "adminpw", &["Events: off"])
                .await
                .expect("logged in");
        }
        let mut actor = direct(node, "writeonly", "writepw").await;
        let mut watcher = amiplex.login(node, "events", "eventspw").await;
        let mut hidden = Vec::new();
        for mask in [
            "agent",
            "off",
            "on",
            "agent,user",
            "0",
            "call,agent",
            // Refused, and changes nothing.
            "4294967295",
            "",
            "2147483647",
            "off",
            "agent",
        ] {
            let line = format!("EventMask: {mask}");
            let lines = ["Action: Events", "ActionID: e", &line];
            let answer = through.action(&lines).await.expect("answered");
            let expected = directly.action(&lines).await.expect("answered");
            assert_eq!(answer.bytes(), expected.bytes(), "{node} {mask}");
            let (begin, end, heard) = (token("begin"), token("end"), token("heard"));
            mark(&mut actor, &begin).await;
            let event = format!("UserEvent: {heard}");
            succeeds(&mut actor, &["Action: UserEvent", &event]).await;
            mark(&mut actor, &end).await;
            if expected.header("Events") == Some(b"Off") {
                passed(&mut watcher, &end, [&mut through, &mut directly]).await;
                hidden.extend([begin, end, heard]);
                continue;
            }
            let seen = stream(&mut through, &[&end]).await;
            let expected = stream(&mut directly, &[&end]).await;
            assert_same_events(
                &format!("{node} {mask}"),
                &between(&seen, &begin, &end),
                &between(&expected, &begin, &end),
                None,
            );
            let user = seen
                .iter()
                .any(|frame| frame.header("UserEvent") == Some(heard.as_bytes()));
            assert_eq!(
                user,
                matches!(mask, "on" | "agent,user" | "2147483647"),
                "{mask}"
            );
            for frame in &seen {
                let word = frame
                    .header("MemberName")
                    .or_else(|| frame.header("UserEvent"));
                let hidden = hidden.iter().any(|hidden| Some(hidden.as_bytes()) == word);
                assert!(!hidden, "{node}: raised while off: {:?}", frame.bytes());
            }
        }
    }
}

/// Waits until what was raised up to the mark has passed those clients, which do not see it: the watcher has, and everything it
/// came with is answered before the last of three Pings.
async fn passed(watcher: &mut SimClient, word: &str, clients: [&mut SimClient; 2]) {
    stream(watcher, &[word]).await;
    for client in clients {
        for _ in 0..3 {
            succeeds(client, &["Action: Ping"]).await;
        }
    }
}

#[tokio::test]
async fn the_event_mask_of_the_login_is_as_directly() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        for events in [
            "Events: off",
            "Events: bogus",
            "Events: agent",
            "Events: on",
            "Events: 32",
        ] {
            let mut through = amiplex.client(node).await;
            let mut directly = direct_greeted(node).await;
            let mut actor = direct(node, "writeonly", "writepw").await;
            let mut watcher = amiplex.login(node, "events", "eventspw").await;
            for client in [&mut through, &mut directly] {
                client
                    .login_with("admin", "adminpw", &["ActionID: l", events])
                    .await
                    .expect("logged in");
            }
            let quiet = matches!(events, "Events: off" | "Events: bogus");
            let word = token("early");
            if quiet {
                mark(&mut actor, &word).await;
                passed(&mut watcher, &word, [&mut through, &mut directly]).await;
                for client in [&mut through, &mut directly] {
                    succeeds(client, &["Action: Events", "EventMask: agent"]).await;
                }
            }
            let (begin, end) = (token("begin"), token("end"));
            mark(&mut actor, &begin).await;
            mark(&mut actor, &end).await;
            let seen = stream(&mut through, &[&end]).await;
            let expected = stream(&mut directly, &[&end]).await;
            assert_same_events(
                &format!("{node} {events}"),
                &between(&seen, &begin, &end),
                &between(&expected, &begin, &end),
                None,
            );
            for frames in [&seen, &expected] {
                let booted = count(frames, "FullyBooted");
                assert_eq!(
                    booted,
                    usize::from(events == "Events: on"),
                    "{node} {events}"
                );
                let early = frames.iter().any(|frame| ends_early(frame, &word));
                assert!(!early, "{node}: seen in spite of {events}");
            }
        }
    }
}

fn ends_early(frame: &Frame, word: &str) -> bool {
    frame.header("MemberName") == Some(word.as_bytes())
}
