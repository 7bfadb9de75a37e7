//! What clients see: the same events in the same order as directly at the node, with the ActionIDs that clients sent.

use ami_proto::{Frame, FrameKind};
use ami_sim::SimClient;

use crate::support::watch::{
    assert_no_wire_id, assert_same_events, between, direct, direct_greeted, mark, stream, succeeds,
    token, unlabelled,
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
                let word = frame.header("MemberName").or(frame.header("UserEvent"));
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

/// Waits for the event in which every client sees that action's ActionID.
async fn heard(client: &mut SimClient, name: &str, header: &str, word: &str) -> Frame {
    let frame = client
        .next_where(&format!("{name} of {word}"), |frame| {
            frame.event_name() == Some(name.as_bytes())
                && frame.header(header) == Some(word.as_bytes())
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_no_wire_id([&frame]);
    frame
}

fn header_names(frame: &Frame) -> Vec<String> {
    let names = frame.lines().filter_map(|line| line.name);
    names
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

/// An async Originate of a call that is answered (102) or rings in vain for two seconds (201), known by its caller's number.
fn originate(extension: &str, number: &str, more: &[&str]) -> Vec<String> {
    let lines = [
        "Action: Originate".to_owned(),
        format!("Channel: Local/{extension}@tests/n"),
        "Application: Wait".to_owned(),
        "Data: 1".to_owned(),
        format!("CallerID: \"caller\" <{number}>"),
        "Async: true".to_owned(),
    ];
    lines
        .into_iter()
        .chain(more.iter().map(ToString::to_string))
        .collect()
}

async fn send_owned(client: &mut SimClient, lines: &[String]) {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    client.send(&lines).await.expect("sent");
}

async fn next_response(client: &mut SimClient) -> Frame {
    client
        .next_where("a response", |frame| frame.kind() == FrameKind::Response)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn an_originate_response_has_the_askers_id_for_everyone() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut everything = amiplex.login("all", "events", "eventspw").await;
        let mut one = amiplex.login(node, "limited", "limitedpw").await;
        let mut directly = direct(node, "admin", "adminpw").await;
        let mut asker = amiplex.login("all", "admin", "adminpw").await;
        let select = format!("Node: {node}");
        for (extension, id, leaves) in [
            ("102", Some("ActionID: my own"), false),
            ("102", None, false),
            ("201", Some("ActionID: gone"), true),
            ("201", None, true),
        ] {
            let (number, directs) = (token("9"), token("8"));
            send_owned(
                &mut directly,
                &originate(extension, &directs, id.as_slice()),
            )
            .await;
            let expected = next_response(&mut directly).await;
            let more: Vec<&str> = id.into_iter().chain([&*select]).collect();
            let lines = originate(extension, &number, &more);
            let answer = if leaves {
                let mut short = amiplex.login("all", "admin", "adminpw").await;
                send_owned(&mut short, &lines).await;
                let answer = next_response(&mut short).await;
                drop(short);
                answer
            } else {
                send_owned(&mut asker, &lines).await;
                next_response(&mut asker).await
            };
            assert_eq!(answer.bytes(), expected.bytes());
            let event = heard(&mut directly, "OriginateResponse", "CallerIDNum", &directs).await;
            let expected_id = id.and_then(|line| line.strip_prefix("ActionID: "));
            assert_eq!(event.action_id(), expected_id.map(str::as_bytes));
            let mut labelled_names = header_names(&event);
            labelled_names.push("Node".to_owned());
            let mut watchers = vec![(&mut everything, true), (&mut one, false)];
            if !leaves {
                watchers.push((&mut asker, true));
            }
            for (watcher, labelled) in watchers {
                let seen = heard(watcher, "OriginateResponse", "CallerIDNum", &number).await;
                assert_eq!(seen.action_id(), event.action_id(), "{:?}", seen.bytes());
                for header in ["Response", "Reason", "Application", "Data"] {
                    assert_eq!(seen.header(header), event.header(header));
                }
                let names = header_names(&seen);
                if labelled {
                    assert_eq!(names, labelled_names);
                } else {
                    assert_eq!(names, header_names(&event));
                }
            }
        }
    }
}

/// UserEvents whose ActionID lines are odd in number, spelling or place. `@` stands for the event's name.
const ODD: &[&[&str]] = &[
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "A: 1",
        "ActionID: x",
        "B: 2",
    ],
    &["ActionID: x", "Action: UserEvent", "UserEvent: @", "A: 1"],
    &["ActionID: x", "UserEvent: @", "A: 1", "Action: UserEvent"],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "A: 1",
        "B: 2",
        "ActionID: x",
    ],
    &[
        "Action: UserEvent",
        "ActionID: x",
        "UserEvent: @",
        "ActionID: y",
        "A: 1",
        "ActionID: x",
    ],
    &["Action: UserEvent", "actionid: x", "UserEvent: @", "A: 1"],
    &["Action: UserEvent", "ACTIONID:x", "UserEvent: @"],
    &["Action: UserEvent", "UserEvent: @", "ActionId:    spaced"],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "ActionID: blanks behind  ",
    ],
    &["Action: UserEvent", "UserEvent: @", "ActionID:", "A: 1"],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "ActionID:",
        "ActionID: second",
        "A: 1",
    ],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "ActionID : no header",
        "A: 1",
    ],
    &[
        "Action: UserEvent",
        " ActionID: no header",
        "UserEvent: @",
        "A: 1",
    ],
    &["Action: UserEvent", "UserEvent: @", "A: 1"],
    &["Action: UserEvent", "UserEvent: @"],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "UserEvent: again",
        "ActionID: x",
        "A: 1",
        "A: 2",
    ],
    &[
        "Action: UserEvent",
        "Action: Ping",
        "UserEvent: @",
        "ActionID: x",
        "A: 1",
    ],
    &[
        "Action:",
        "Action: UserEvent",
        "UserEvent: @",
        "ActionID: x",
        "A: 1",
    ],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "no colon",
        "ActionID: x",
        "neither",
    ],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "ActionID: x",
        "Event: Hangup",
        "Privilege: call,all",
        "EventList: Complete",
    ],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "ActionID: x",
        "Response: Success",
        "SystemName: elsewhere",
    ],
    &[
        "Action: UserEvent",
        "UserEvent: @",
        "ActionID: Žluťoučký 電話",
        "Text: kůň",
    ],
    &[
        "actION:   userEVENT",
        "userEVENT:   @",
        "actionID: x",
        "a: 1",
    ],
];

async fn user_event(client: &mut SimClient, lines: &[&str], name: &str) -> Frame {
    let lines: Vec<String> = lines.iter().map(|line| line.replace('@', name)).collect();
    send_owned(client, &lines).await;
    next_response(client).await
}

#[tokio::test]
async fn a_user_event_is_the_same_as_directly_whatever_its_ids() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut asker = amiplex.login(node, "agent", "agentpw").await;
        let mut watcher = amiplex.login(node, "events", "eventspw").await;
        let mut directly = direct(node, "agent", "agentpw").await;
        for lines in ODD {
            let name = token("odd");
            let expected = user_event(&mut directly, lines, &name).await;
            // The answer comes before the event is raised, so another session's could be raised first.
            let event = of_name(&mut directly, &name).await;
            let answer = user_event(&mut asker, lines, &name).await;
            assert_eq!(answer.bytes(), expected.bytes(), "{node} {lines:?}");
            for client in [&mut asker, &mut watcher] {
                // First the one that went directly to the node, then the one that went through amiplex.
                for _ in 0..2 {
                    let seen = of_name(client, &name).await;
                    assert_eq!(seen.bytes(), event.bytes(), "{node} {lines:?}");
                }
            }
        }
    }
}

/// The next UserEvent of that name, found by text: some of the odd ones hide their name.
async fn of_name(client: &mut SimClient, name: &str) -> Frame {
    client
        .next_where(&format!("UserEvent {name}"), |frame| {
            frame.event_name() == Some(b"UserEvent")
                && frame.header("UserEvent") == Some(name.as_bytes())
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn a_user_event_through_all_nodes_has_the_label_and_not_the_choice() {
    let amiplex = Setup::over_asterisk().start().await;
    let mut asker = amiplex.login("all", "agent", "agentpw").await;
    let mut watcher = amiplex.login("all", "events", "eventspw").await;
    for node in NODES {
        let mut directly = direct(node, "agent", "agentpw").await;
        let select = format!("Node: {node}");
        for lines in ODD {
            let name = token("odd");
            let expected = user_event(&mut directly, lines, &name).await;
            let event = of_name(&mut directly, &name).await;
            for place in [0, 1, lines.len()] {
                let mut chosen = lines.to_vec();
                chosen.insert(place, &select);
                let answer = user_event(&mut asker, &chosen, &name).await;
                assert_eq!(answer.bytes(), expected.bytes(), "{chosen:?}");
            }
            for client in [&mut asker, &mut watcher] {
                for _ in 0..4 {
                    let seen = of_name(client, &name).await;
                    assert_eq!(unlabelled(&seen, node), *event.bytes(), "{lines:?}");
                }
            }
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
