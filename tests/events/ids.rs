//! Events that repeat an ActionID show the one that was sent, to everyone who may see them.

use ami_proto::{Frame, FrameKind};
use ami_sim::SimClient;

use crate::support::Setup;
use crate::support::watch::{assert_no_wire_id, direct, token, unlabelled};

use super::NODES;

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
