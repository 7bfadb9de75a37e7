//! What clients do: each action runs at the node it names, with the account's own rights, and answers as directly.

mod refused;

use ami_proto::{Frame, FrameKind, Line};
use ami_sim::SimClient;

use crate::support::Setup;
use crate::support::watch::{direct, direct_greeted, succeeds, token, unlabelled, without_lines};

const NODES: [&str; 2] = ["pbx1", "pbx2"];

fn text_of(frame: &Frame, header: &str) -> String {
    String::from_utf8_lossy(frame.header(header).unwrap_or_default()).into_owned()
}

async fn next_response(client: &mut SimClient) -> Frame {
    client
        .next_where("a response", |frame| frame.kind() == FrameKind::Response)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Sends lines as they are; the next response.
async fn ask(client: &mut SimClient, lines: &[&str]) -> Frame {
    client.send(lines).await.expect("sent");
    next_response(client).await
}

/// Both answer the same bytes, but for the lines of these names.
async fn same_answer(
    through: &mut SimClient,
    directly: &mut SimClient,
    lines: &[&str],
    but: &[&str],
) -> Frame {
    let seen = ask(through, lines).await;
    let expected = ask(directly, lines).await;
    let left_out = |line: &Line<'_>| but.iter().any(|name| line.is(name));
    assert_eq!(
        without_lines(&seen, left_out),
        without_lines(&expected, left_out),
        "{lines:?}"
    );
    seen
}

#[tokio::test]
async fn an_action_runs_at_the_node_it_names() {
    let amiplex = Setup::over_asterisk().start().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let (variable, family) = (token("ACT"), token("act"));
    let (variable_line, family_line) =
        (format!("Variable: {variable}"), format!("Family: {family}"));
    for (select, node) in [
        ("Node", "pbx1"),
        ("Server", "pbx2"),
        ("node", "pbx2"),
        ("SERVER", "pbx1"),
    ] {
        let select = format!("{select}: {node}");
        let mut directly = direct(node, "admin", "adminpw").await;
        let instance = succeeds(
            &mut client,
            &["Action: Getvar", "Variable: INSTANCE", &select],
        )
        .await;
        assert_eq!(text_of(&instance, "Value"), node);
        let value = format!("value of {node}");
        let value_line = format!("Value: {value}");
        succeeds(
            &mut client,
            &["Action: Setvar", &select, &variable_line, &value_line],
        )
        .await;
        let set = succeeds(&mut directly, &["Action: Getvar", &variable_line]).await;
        assert_eq!(text_of(&set, "Value"), value);
        let value_line = format!("Val: {value}");
        let put = [
            "Action: DBPut",
            &family_line,
            &select,
            "Key: k",
            &value_line,
        ];
        succeeds(&mut client, &put).await;
        for (client, select) in [(&mut directly, "X: y"), (&mut client, &*select)] {
            let got = client
                .list(&["Action: DBGet", select, &family_line, "Key: k"])
                .await
                .expect("answered");
            let values: Vec<String> = got.iter().map(|frame| text_of(frame, "Val")).collect();
            assert!(values.contains(&value), "{node}: {got:?}");
        }
        command_has_no_label(&mut client, &mut directly, &select).await;
    }
    for node in NODES {
        let mut directly = direct(node, "admin", "adminpw").await;
        // Each node kept its own.
        let set = succeeds(&mut directly, &["Action: Getvar", &variable_line]).await;
        assert_eq!(text_of(&set, "Value"), format!("value of {node}"));
        succeeds(&mut directly, &["Action: Setvar", &variable_line, "Value:"]).await;
        succeeds(&mut directly, &["Action: DBDelTree", &family_line]).await;
    }
}

/// The response of Command is the node's, and nothing more, on a session of several nodes too.
async fn command_has_no_label(client: &mut SimClient, directly: &mut SimClient, select: &str) {
    let version = [
        "Action: Command",
        "ActionID: c",
        "Command: core show version",
    ];
    let mut chosen = version.to_vec();
    chosen.push(select);
    let answer = ask(client, &chosen).await;
    let expected = ask(directly, &version).await;
    assert_eq!(answer.bytes(), expected.bytes());
}

/// What changes from second to second, or as other calls come and go.
const UNSTEADY: [&str; 14] = [
    "Duration",
    "Seconds",
    "TimeToHangup",
    "CallsTaken",
    "LastCall",
    "Completed",
    "Holdtime",
    "TalkTime",
    "InCall",
    "Status",
    "Calls",
    "Abandoned",
    "ServicelevelPerf",
    "ServicelevelPerf2",
];

/// The items of that call, or of the queue, without what changes by itself.
fn steady(frames: &[Frame], call: &str, labelled: bool) -> Vec<bytes::Bytes> {
    let unsteady = |line: &Line<'_>| {
        UNSTEADY.iter().any(|name| line.is(name)) || (labelled && line.is("Node"))
    };
    let ours = frames.iter().filter(|frame| {
        frame.header("Uniqueid") == Some(call.as_bytes())
            || frame.header("Queue") == Some(b"support")
    });
    ours.map(|frame| without_lines(frame, unsteady)).collect()
}

#[tokio::test]
async fn a_list_of_a_named_node_has_its_label_on_items_alone() {
    let amiplex = Setup::over_asterisk().start().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    for node in NODES {
        let mut directly = direct(node, "admin", "adminpw").await;
        let mut single = amiplex.login(node, "admin", "adminpw").await;
        let call = token("shown");
        let (select, channel_id) = (format!("Node: {node}"), format!("ChannelId: {call}"));
        let originate = [
            "Action: Originate",
            "Channel: Local/101@tests/n",
            "Application: Wait",
            "Data: 60",
            &channel_id,
            &select,
        ];
        let queued = succeeds(&mut client, &originate).await;
        assert_eq!(text_of(&queued, "Message"), "Originate successfully queued");
        for list in [
            &["Action: CoreShowChannels", "ActionID: list"][..],
            &["Action: QueueStatus", "ActionID: list", "Queue: support"],
            &["Action: Status", "ActionID: list"],
        ] {
            let mut chosen = list.to_vec();
            chosen.push(&select);
            let labelled = client.list(&chosen).await.expect("listed");
            let expected = directly.list(list).await.expect("listed");
            let alone = single.list(list).await.expect("listed");
            assert_eq!(labelled[0].bytes(), expected[0].bytes());
            assert_eq!(alone[0].bytes(), expected[0].bytes());
            for item in &labelled[1..] {
                unlabelled(item, node);
            }
            let expected = steady(&expected, &call, false);
            assert!(!expected.is_empty());
            assert_eq!(steady(&labelled, &call, true), expected, "{list:?}");
            assert_eq!(steady(&alone, &call, false), expected, "{list:?}");
        }
        let mut named = directly
            .list(&["Action: CoreShowChannels"])
            .await
            .expect("listed")
            .into_iter()
            .filter(|frame| frame.header("Uniqueid") == Some(call.as_bytes()));
        let channel = format!(
            "Channel: {}",
            text_of(&named.next().expect("it is up"), "Channel")
        );
        succeeds(&mut client, &["Action: Hangup", &channel, &select]).await;
        directly
            .next_where("its Hangup", |frame| {
                frame.event_name() == Some(b"Hangup")
                    && frame.header("Uniqueid") == Some(call.as_bytes())
            })
            .await
            .expect("hung up");
    }
}

#[tokio::test]
async fn an_originate_answers_as_directly() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut through = amiplex.login(node, "admin", "adminpw").await;
        let mut directly = direct(node, "admin", "adminpw").await;
        for (extension, more, message) in [
            (
                "102",
                &["Application: Wait", "Data: 1"][..],
                "Originate successfully queued",
            ),
            ("202", &["Application: Wait", "Data: 1"], "Originate failed"),
            (
                "102",
                &["Application: Wait", "Data: 1", "Async: true"],
                "Originate successfully queued",
            ),
            (
                "102",
                &["Exten: s"],
                "Originate with 'Exten' requires 'Context' and 'Priority'",
            ),
            (
                "102",
                &["Application: Wait", "Timeout: soon"],
                "Invalid timeout",
            ),
            (
                "102",
                &["Context: caller", "Exten: s", "Priority: never"],
                "Invalid priority",
            ),
        ] {
            let channel = format!("Channel: Local/{extension}@tests/n");
            let mut lines = vec!["Action: Originate", "ActionID: o", &channel];
            lines.extend_from_slice(more);
            let answer = same_answer(&mut through, &mut directly, &lines, &[]).await;
            assert_eq!(text_of(&answer, "Message"), message, "{lines:?}");
        }
        let lines = ["Action: Originate", "ActionID: o"];
        same_answer(&mut through, &mut directly, &lines, &[]).await;
    }
}

#[tokio::test]
async fn the_variables_of_an_account_are_on_the_channels_it_originates() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut watcher = direct(node, "events", "eventspw").await;
        for own in ["X=1", "FROM_ACCOUNT=own"] {
            let mut found = Vec::new();
            for way in ["directly", "through"] {
                let mut client = if way == "directly" {
                    direct(node, "setvar", "setvarpw").await
                } else {
                    amiplex.login(node, "setvar", "setvarpw").await
                };
                let call = token("setvar");
                let (id, variable) = (format!("ChannelId: {call}"), format!("Variable: {own}"));
                let lines = [
                    "Action: Originate",
                    "Channel: Local/102@tests/n",
                    "Application: NoOp",
                    "Data: 1",
                    &id,
                    &variable,
                ];
                succeeds(&mut client, &lines).await;
                watcher
                    .next_where("the end of the call", |frame| {
                        frame.event_name() == Some(b"Hangup")
                            && frame.header("Uniqueid") == Some(call.as_bytes())
                    })
                    .await
                    .expect("hung up");
                let frames = watcher.take_waiting();
                let set = frames.iter().filter(|frame| {
                    frame.header("Uniqueid") == Some(call.as_bytes())
                        && frame.header("Variable") == Some(b"FROM_ACCOUNT")
                });
                found.push(set.map(|frame| text_of(frame, "Value")).collect::<Vec<_>>());
            }
            let expected = if own == "X=1" {
                vec!["setvar account"]
            } else {
                vec!["setvar account", "own"]
            };
            assert_eq!(found[1], expected, "{node} {own}");
            // 16 forgets the client's own variables when the account has some; amiplex sends both, as 22 does.
            if node == "pbx1" {
                assert_eq!(found[0], expected, "{node} {own}");
            }
        }
    }
}

#[tokio::test]
async fn list_commands_is_what_the_account_would_get_directly() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        amiplex.has_learned(node).await;
        for (user, secret) in [
            ("admin", "adminpw"),
            ("events", "eventspw"),
            ("limited", "limitedpw"),
            ("agent", "agentpw"),
            ("writeonly", "writepw"),
        ] {
            let mut through = amiplex.login(node, user, secret).await;
            let mut directly = direct(node, user, secret).await;
            let lines = ["Action: ListCommands", "ActionID: lc"];
            let seen = ask(&mut through, &lines).await;
            let expected = ask(&mut directly, &lines).await;
            let texts = |frame: &Frame| -> Vec<String> {
                frame
                    .lines()
                    .map(|line| String::from_utf8_lossy(line.raw).into_owned())
                    .collect()
            };
            assert_eq!(texts(&seen), texts(&expected), "{node} {user}");
        }
    }
}

#[tokio::test]
async fn a_second_login_changes_nothing() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut through = amiplex.login(node, "limited", "limitedpw").await;
        let mut directly = direct(node, "limited", "limitedpw").await;
        for lines in [
            &[
                "Action: Login",
                "ActionID: 2",
                "Username: admin",
                "Secret: adminpw",
            ][..],
            &[
                "Action: Login",
                "ActionID: 2",
                "Username: admin",
                "Secret: wrong",
            ],
            &["Action: Login"],
            // Still the first one's rights.
            &[
                "Action: Command",
                "ActionID: 3",
                "Command: core show version",
            ],
        ] {
            same_answer(&mut through, &mut directly, lines, &[]).await;
        }
        let mut through = amiplex.login(node, "admin", "adminpw").await;
        let mut directly = direct(node, "admin", "adminpw").await;
        for lines in [
            &["Action: Login", "Username: limited", "Secret: limitedpw"][..],
            &[
                "Action: Command",
                "ActionID: 3",
                "Command: core show version",
            ],
        ] {
            same_answer(&mut through, &mut directly, lines, &[]).await;
        }
    }
}

#[tokio::test]
async fn ping_and_challenge_answer_as_directly() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut through = amiplex.client(node).await;
        let mut directly = direct_greeted(node).await;
        let challenge = ["Action: Challenge", "ActionID: c", "AuthType: md5"];
        for lines in [
            &["Action: Ping", "ActionID: p"][..],
            &["Action: Challenge", "ActionID: c"],
            &["Action: Challenge", "AuthType: SHA256"],
            &["Action: Events", "EventMask: on"],
            &challenge,
        ] {
            same_answer(&mut through, &mut directly, lines, &["Challenge"]).await;
        }
        // One connection has one challenge, before the login and after it.
        let first = ask(&mut through, &challenge).await;
        let number = text_of(&first, "Challenge");
        assert!(
            number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit()),
            "{number}"
        );
        let again = ask(&mut through, &challenge).await;
        assert_eq!(again.bytes(), first.bytes());
        for client in [&mut through, &mut directly] {
            client
                .login_md5("admin", "adminpw")
                .await
                .expect("logged in");
        }
        for lines in [
            &["Action: Ping", "ActionID: p"][..],
            &["Action: ping"],
            &["Action: PING", "ActionID:"],
            &challenge,
            &["Action: Challenge", "ActionID: c"],
        ] {
            let answer = same_answer(
                &mut through,
                &mut directly,
                lines,
                &["Challenge", "Timestamp"],
            )
            .await;
            if lines[0].eq_ignore_ascii_case("Action: Ping") {
                let timestamp = text_of(&answer, "Timestamp");
                let (seconds, micros) = timestamp.split_once('.').expect("with a point");
                assert!(
                    micros.len() == 6 && seconds.parse::<u64>().is_ok(),
                    "{timestamp}"
                );
            }
        }
    }
}
