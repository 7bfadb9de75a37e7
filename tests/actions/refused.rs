//! What is refused is refused in Asterisk's words, and never reaches a node.

use crate::support::Setup;
use crate::support::watch::{between, direct, is_about_amiplex, mark, stream, succeeds, token};

use super::{NODES, ask, same_answer, text_of};

#[tokio::test]
async fn an_action_for_no_known_node_goes_nowhere() {
    let amiplex = Setup::over_asterisk().start().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let word = token("nowhere");
    let mut watchers = Vec::new();
    for node in NODES {
        watchers.push(direct(node, "admin", "adminpw").await);
        mark(watchers.last_mut().expect("just pushed"), &word).await;
    }
    let event = format!("UserEvent: {word}");
    for (more, message) in [
        (None, "Node required"),
        (Some("Node:"), "Node required"),
        (Some("Node : pbx1"), "Node required"),
        (Some("Node: pbx9"), "No such node: pbx9"),
        (Some("Server: 127.0.0.1"), "No such node: 127.0.0.1"),
    ] {
        for lines in [
            &["Action: UserEvent", &*event][..],
            &["Action: Setvar", "Variable: NOWHERE", "Value: 1"],
            &["Action: QueueRule"],
            &["Action: Command", "Command: core show version"],
        ] {
            let mut lines = lines.to_vec();
            lines.extend(more);
            let answer = client.action(&lines).await.expect("answered");
            assert_eq!(answer.response(), Some(&b"Error"[..]), "{lines:?}");
            assert_eq!(text_of(&answer, "Message"), message, "{lines:?}");
        }
    }
    // What needs no node is answered; what no account may do, or nobody knows, is refused before the choice.
    succeeds(&mut client, &["Action: Ping"]).await;
    let unknown = client
        .action(&["Action: Nonsense"])
        .await
        .expect("answered");
    assert!(text_of(&unknown, "Message").starts_with("Invalid/unknown command: Nonsense."));
    for mut watcher in watchers {
        let end = token("end");
        mark(&mut watcher, &end).await;
        let frames = stream(&mut watcher, &[&end]).await;
        let reached = frames
            .iter()
            .find(|frame| frame.header("UserEvent") == Some(word.as_bytes()));
        assert!(reached.is_none(), "{reached:?}");
    }
}

/// What `limited` (write = call,originate) must not do; each would leave a trace with the word `@` at the node.
const FORBIDDEN: &[&[&str]] = &[
    &["Action: UserEvent", "UserEvent: @"],
    &["Action: Command", "Command: database put @ k v"],
    &["Action: DBPut", "Family: @", "Key: k", "Val: v"],
    &[
        "Action: QueueAdd",
        "Queue: empty",
        "Paused: true",
        "Interface: Local/@@nowhere",
        "MemberName: @",
    ],
    &[
        "Action: Originate",
        "Channel: Local/102@tests/n",
        "Application: System",
        "Data: true",
        "ChannelId: @",
        "Async: true",
    ],
    &[
        "Action: Originate",
        "Channel: Local/102@tests/n",
        "Application: sYsTem",
        "Data: true",
        "ChannelId: @",
    ],
    &[
        "Action: Originate",
        "Channel: Local/102@tests/n",
        "Application: Set",
        "Data: X=${SHELL(true)}",
        "ChannelId: @",
        "Async: true",
    ],
    &[
        "Action: Originate",
        "Channel: Local/102@tests/n",
        "Application: Exec",
        "Data: UserEvent(@)",
        "ChannelId: @",
    ],
    &["Action: Getvar", "Variable: SHELL(echo @)"],
    &["Action: Getvar", "Variable: EVAL(${SHELL(echo @)})"],
    &["Action: QueueLog", "Queue: empty", "Event: @"],
    &["Action: Reload", "Module: @"],
    &["Action: GetConfig", "Filename: manager.conf"],
    &["Action: Filter", "Operation: Add", "Filter: @"],
    &["Action: CoreShowChannels"],
    &["Action: ModuleLoad", "LoadType: reload", "Module: @"],
];

#[tokio::test]
async fn what_an_account_may_not_do_never_reaches_the_node() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut directly = direct(node, "limited", "limitedpw").await;
        let mut watcher = direct(node, "admin", "adminpw").await;
        let mut listeners = Vec::new();
        for listener in [node, "all"] {
            listeners.push(amiplex.login(listener, "limited", "limitedpw").await);
        }
        let (begin, end, word) = (token("begin"), token("end"), token("forbidden"));
        mark(&mut watcher, &begin).await;
        for lines in FORBIDDEN {
            let owned: Vec<String> = lines
                .iter()
                .map(|line| line.replacen('@', &word, 1))
                .collect();
            // 102@tests keeps its own.
            let owned: Vec<String> = owned
                .into_iter()
                .map(|line| line.replace(&format!("102{word}"), "102@"))
                .collect();
            let mut lines: Vec<&str> = owned.iter().map(String::as_str).collect();
            lines.push("ActionID: no");
            let select = format!("Node: {node}");
            for (index, client) in listeners.iter_mut().enumerate() {
                if index == 1 {
                    lines.push(&select);
                }
                let answer = ask(client, &lines).await;
                assert_eq!(answer.response(), Some(&b"Error"[..]), "{lines:?}");
                let originate = lines[0] == "Action: Originate";
                // 16.28 refuses such an Originate in older words, and knows fewer of them.
                if !originate || node == "pbx1" {
                    lines.truncate(owned.len() + 1);
                    let expected = ask(&mut directly, &lines).await;
                    assert_eq!(answer.bytes(), expected.bytes(), "{node} {lines:?}");
                } else {
                    assert_eq!(
                        text_of(&answer, "Message"),
                        "Originate Access Forbidden: app or data blacklisted"
                    );
                }
            }
        }
        mark(&mut watcher, &end).await;
        let frames = stream(&mut watcher, &[&end]).await;
        let frames = between(&frames, &begin, &end);
        for frame in &frames {
            // What the direct client was refused shows in security events of its own account.
            let trace = frame
                .bytes()
                .windows(word.len())
                .any(|part| part == word.as_bytes());
            let security = frame.header("Privilege") == Some(b"security,all");
            assert!(
                !trace || security,
                "{node}: reached it: {:?}",
                frame.bytes()
            );
            assert!(
                !is_about_amiplex(frame) || frame.event_name() == Some(b"SuccessfulAuth"),
                "{node}: amiplex itself was refused: {:?}",
                frame.bytes()
            );
        }
        let family = format!("Command: database show {word}");
        let shown = succeeds(&mut watcher, &["Action: Command", &family]).await;
        assert!(
            text_of(&shown, "Output").starts_with("0 results"),
            "{:?}",
            shown.bytes()
        );
    }
}

#[tokio::test]
async fn an_account_without_write_classes_may_do_what_directly_needs_none() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut through = amiplex.login(node, "events", "eventspw").await;
        let mut directly = direct(node, "events", "eventspw").await;
        for action in [
            "Command",
            "Originate",
            "CoreShowChannels",
            "Status",
            "Getvar",
            "Setvar",
            "DBGet",
            "Filter",
            "UserEvent",
            "Hangup",
            "Nonsense",
            "QueuePause",
            "QueueReset",
        ] {
            let lines = [
                format!("Action: {action}"),
                "Queue: nosuch".to_owned(),
                "ActionID: n".to_owned(),
            ];
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            same_answer(&mut through, &mut directly, &lines, &[]).await;
        }
    }
}

#[tokio::test]
async fn unknown_actions_are_refused_in_the_nodes_words() {
    let amiplex = Setup::over_asterisk().start().await;
    let long = format!("Action: {}", "n".repeat(900));
    for node in NODES {
        let mut through = amiplex.login(node, "admin", "adminpw").await;
        let mut directly = direct(node, "admin", "adminpw").await;
        for lines in [
            &["Action: Nonsense", "ActionID: u"][..],
            &["Action: Nonsense"],
            &["Action: Ping "],
            &["Action: <b>\"'&"],
            &["Action: Žluť", "ActionID: u"],
            &["ActionID: u"],
            &["Action:", "ActionID: u"],
            &["Action: %s%n%d"],
            &[&*long, "ActionID: u"],
        ] {
            same_answer(&mut through, &mut directly, lines, &[]).await;
        }
    }
}
