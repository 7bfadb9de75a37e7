//! Many actions at once: each client gets its own answers, each session its answers in order, and nobody waits for anybody else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ami_proto::{Frame, FrameDecoder, FrameKind, Limits, banner};
use ami_sim::SimClient;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::watch::{direct, succeeds, token};
use crate::support::{Amiplex, PATIENCE, Setup, asterisk};

const NODES: [&str; 2] = ["pbx1", "pbx2"];

/// Global variables of a node, each with a value of its own; emptied again by [`Globals::clear`].
struct Globals {
    actor: SimClient,
    prefix: String,
    count: usize,
}

impl Globals {
    async fn set(node: &str, count: usize) -> Self {
        let mut globals = Self {
            actor: direct(node, "writeonly", "writepw").await,
            prefix: token("PIPE"),
            count,
        };
        for at in 0..count {
            let value = globals.value(at);
            globals.assign(at, &value).await;
        }
        globals
    }

    async fn clear(mut self) {
        for at in 0..self.count {
            self.assign(at, "").await;
        }
    }

    async fn assign(&mut self, at: usize, value: &str) {
        let (name, value) = (
            format!("Variable: {}", self.name(at)),
            format!("Value: {value}"),
        );
        succeeds(&mut self.actor, &["Action: Setvar", &name, &value]).await;
    }

    fn name(&self, at: usize) -> String {
        format!("{}v{}", self.prefix, at % self.count)
    }

    fn value(&self, at: usize) -> String {
        format!("value {} of {}", at % self.count, self.prefix)
    }
}

fn getvar(variable: &str, more: &[&str]) -> String {
    let mut text = format!("Action: Getvar\r\nVariable: {variable}\r\n");
    for line in more {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text
}

async fn next_response(client: &mut SimClient) -> Frame {
    client
        .next_where("a response", |frame| frame.kind() == FrameKind::Response)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

fn text_of(frame: &Frame, header: &str) -> String {
    String::from_utf8_lossy(frame.header(header).unwrap_or_default()).into_owned()
}

#[tokio::test]
async fn clients_with_the_same_ids_get_their_own_answers() {
    const CLIENTS: usize = 10;
    const ROUNDS: usize = 20;
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let globals = Globals::set(node, CLIENTS).await;
        let select = format!("Node: {node}");
        let clients = (0..CLIENTS).map(async |at| {
            // Half of them on the node's own listener, half on that of all nodes.
            let (listener, select) = if at % 2 == 0 {
                (node, "X: y")
            } else {
                ("all", &*select)
            };
            let mut client = amiplex.login(listener, "admin", "adminpw").await;
            let mut sent = String::new();
            for round in 0..ROUNDS {
                let id = format!("ActionID: {round}");
                match round % 4 {
                    0 => sent.push_str(&getvar(&globals.name(at), &[&id, select])),
                    1 => sent.push_str(&getvar(
                        &format!("MATH({}+0,int)", at * 100 + round),
                        &[&id, select],
                    )),
                    2 => sent.push_str(&format!("Action: Ping\r\n{id}\r\n\r\n")),
                    _ => sent.push_str(&format!(
                        "Action: DBGet\r\n{id}\r\nFamily: none\r\nKey: {at}\r\n{select}\r\n\r\n"
                    )),
                }
            }
            client.send_raw(sent.as_bytes()).await.expect("sent");
            for round in 0..ROUNDS {
                let answer = next_response(&mut client).await;
                assert_eq!(
                    text_of(&answer, "ActionID"),
                    round.to_string(),
                    "client {at}"
                );
                let (header, expected) = match round % 4 {
                    0 => ("Value", globals.value(at)),
                    1 => ("Value", (at * 100 + round).to_string()),
                    2 => ("Ping", "Pong".to_owned()),
                    _ => ("Message", "Database entry not found".to_owned()),
                };
                assert_eq!(
                    text_of(&answer, header),
                    expected,
                    "client {at} round {round}"
                );
            }
        });
        join_all(clients).await;
        globals.clear().await;
    }
}

/// Runs them all at once on this task.
async fn join_all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut running: Vec<_> = futures.map(Box::pin).map(Some).collect();
    std::future::poll_fn(|cx| {
        for slot in &mut running {
            if slot
                .as_mut()
                .is_some_and(|one| one.as_mut().poll(cx).is_ready())
            {
                *slot = None;
            }
        }
        if running.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// Sends a thousand Getvars at once; each answer must be that of its turn.
async fn thousand(client: &mut SimClient, ids: bool, variable: impl Fn(usize) -> (String, String)) {
    const MANY: usize = 1000;
    let mut sent = String::new();
    for at in 0..MANY {
        let id = format!("ActionID: many-{at}");
        let more: &[&str] = if ids { &[&id] } else { &[] };
        sent.push_str(&getvar(&variable(at).0, more));
    }
    client.send_raw(sent.as_bytes()).await.expect("sent");
    for at in 0..MANY {
        let answer = next_response(client).await;
        assert_eq!(text_of(&answer, "Value"), variable(at).1, "answer {at}");
        let id = answer.action_id().map(String::from_utf8_lossy);
        assert_eq!(id.as_deref(), ids.then(|| format!("many-{at}")).as_deref());
    }
}

#[tokio::test]
async fn a_thousand_pipelined_getvars_have_their_own_values_in_order() {
    let amiplex = Setup::over_asterisk().start().await;
    let both = NODES.into_iter().map(async |node| {
        let globals = Globals::set(node, 97).await;
        let mut client = amiplex.login(node, "admin", "adminpw").await;
        for ids in [true, false] {
            // Plain variables share a lane with others, functions have one to themselves.
            thousand(&mut client, ids, |at| (globals.name(at), globals.value(at))).await;
            thousand(&mut client, ids, |at| {
                (format!("MATH({at}+0,int)"), at.to_string())
            })
            .await;
            thousand(&mut client, ids, |at| match at % 3 {
                0 => (format!("MATH({at}+0,int)"), at.to_string()),
                _ => (globals.name(at), globals.value(at)),
            })
            .await;
        }
        globals.clear().await;
    });
    join_all(both).await;
}

#[tokio::test]
async fn what_is_answered_here_keeps_its_place_among_what_the_node_answers() {
    let amiplex = Setup::over_asterisk().start().await;
    let blocks = 60;
    for node in NODES {
        let mut client = amiplex.login(node, "admin", "adminpw").await;
        let mut sent = String::new();
        for at in 0..blocks {
            sent.push_str(&getvar("INSTANCE", &[&format!("ActionID: {at}.0")]));
            sent.push_str(&format!("Action: Ping\r\nActionID: {at}.1\r\n\r\n"));
            sent.push_str(&getvar("MATH(1+1,int)", &[&format!("ActionID: {at}.2")]));
            sent.push_str(&format!("Action: Nonsense\r\nActionID: {at}.3\r\n\r\n"));
            sent.push_str(&format!(
                "Action: Events\r\nActionID: {at}.4\r\nEventMask: off\r\n\r\n"
            ));
        }
        client.send_raw(sent.as_bytes()).await.expect("sent");
        for at in 0..blocks {
            for part in 0..5 {
                let answer = next_response(&mut client).await;
                assert_eq!(
                    text_of(&answer, "ActionID"),
                    format!("{at}.{part}"),
                    "{node}"
                );
            }
        }
    }
    several_nodes(&amiplex, blocks).await;
}

/// With several nodes a Ping comes after everything before it, whatever the node, and before everything behind it.
async fn several_nodes(amiplex: &Amiplex, blocks: usize) {
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let mut sent = String::new();
    for at in 0..blocks {
        for (part, node) in NODES.into_iter().cycle().take(4).enumerate() {
            let (id, select) = (format!("ActionID: {at}.{part}"), format!("Node: {node}"));
            sent.push_str(&getvar("INSTANCE", &[&id, &select]));
        }
        sent.push_str(&format!("Action: Ping\r\nActionID: {at}.ping\r\n\r\n"));
    }
    client.send_raw(sent.as_bytes()).await.expect("sent");
    for at in 0..blocks {
        let mut parts = Vec::new();
        for _ in 0..4 {
            let answer = next_response(&mut client).await;
            let id = text_of(&answer, "ActionID");
            let (block, part) = id.split_once('.').expect("one of ours");
            assert_eq!(block, at.to_string(), "{parts:?}");
            let part: usize = part
                .parse()
                .unwrap_or_else(|_| panic!("{id} came too early"));
            assert_eq!(text_of(&answer, "Value"), NODES[part % 2], "{id}");
            parts.push(part);
        }
        // In order on each node.
        assert!(
            parts.iter().filter(|part| **part % 2 == 0).is_sorted(),
            "{parts:?}"
        );
        assert!(
            parts.iter().filter(|part| **part % 2 == 1).is_sorted(),
            "{parts:?}"
        );
        let ping = next_response(&mut client).await;
        assert_eq!(text_of(&ping, "ActionID"), format!("{at}.ping"));
    }
}

#[tokio::test]
async fn an_originate_that_rings_holds_up_nobody_else() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let number = token("7");
        let mut watcher = direct(node, "events", "eventspw").await;
        let mut caller = amiplex.login(node, "admin", "adminpw").await;
        let caller_line = format!("CallerID: {number} <{number}>");
        let answered = AtomicBool::new(false);
        let ringing = async {
            let lines = [
                "Action: Originate",
                "ActionID: ring",
                "Channel: Local/201@tests/n",
                "Application: Wait",
                "Data: 1",
                &caller_line,
            ];
            caller.send(&lines).await.expect("sent");
            // Behind it on the same session: after it.
            caller
                .send(&["Action: Ping", "ActionID: behind"])
                .await
                .expect("sent");
            let answer = next_response(&mut caller).await;
            answered.store(true, Ordering::SeqCst);
            assert_eq!(text_of(&answer, "ActionID"), "ring");
            assert_eq!(text_of(&answer, "Message"), "Originate failed");
            let behind = next_response(&mut caller).await;
            assert_eq!(text_of(&behind, "ActionID"), "behind");
        };
        let others = async {
            watcher
                .next_where("the ringing call", |frame| {
                    frame.event_name() == Some(b"DialBegin")
                        && frame.lines().any(|line| line.value == number.as_bytes())
                })
                .await
                .expect("it rings");
            let select = format!("Node: {node}");
            let clients = ["all", node, "all", node, node]
                .into_iter()
                .map(async |listener| {
                    let mut client = amiplex.login(listener, "admin", "adminpw").await;
                    for _ in 0..10 {
                        succeeds(&mut client, &["Action: Ping"]).await;
                        for variable in ["Variable: INSTANCE", "Variable: MATH(1+1,int)"] {
                            succeeds(&mut client, &["Action: Getvar", variable, &select]).await;
                        }
                    }
                });
            join_all(clients).await;
            assert!(
                !answered.load(Ordering::SeqCst),
                "{node}: the others waited for the Originate"
            );
        };
        tokio::join!(ringing, others);
    }
}

/// Sends everything at once after the greeting, then closes its side when told; everything that came until the other closed.
async fn all_at_once(listener: std::net::SocketAddr, text: &str, half_close: bool) -> Vec<Frame> {
    let mut stream = TcpStream::connect(listener).await.expect("connected");
    stream.write_all(text.as_bytes()).await.expect("sent");
    if half_close {
        stream.shutdown().await.expect("half closed");
    }
    let mut bytes = BytesMut::new();
    let read = async { while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {} };
    timeout(PATIENCE, read).await.expect("the other end closes");
    banner::take_greeting(&mut bytes)
        .expect("readable")
        .expect("greeted");
    let mut decoder = FrameDecoder::new(Limits::default());
    let frames = std::iter::from_fn(|| decoder.decode(&mut bytes).expect("readable")).collect();
    assert!(bytes.is_empty(), "ends within a message: {bytes:?}");
    frames
}

/// The login, forty times a Setvar with Getvars of both kinds behind it, and a list.
fn everything(variable: &str) -> String {
    let mut text =
        "Action: Login\r\nActionID: l\r\nUsername: admin\r\nSecret: adminpw\r\nEvents: off\r\n\r\n"
            .to_owned();
    for at in 0..40 {
        text.push_str(&format!(
            "Action: Setvar\r\nActionID: s{at}\r\nVariable: {variable}\r\nValue: set {at}\r\n\r\n"
        ));
        text.push_str(&getvar(variable, &[&format!("ActionID: g{at}")]));
        text.push_str(&getvar(&format!("MATH({at}+1,int)"), &[]));
    }
    text.push_str("Action: QueueSummary\r\nActionID: q\r\nQueue: support\r\n\r\n");
    text
}

/// What two ends may differ in: how long queues have waited is not among what is asked for.
fn words(frames: &[Frame]) -> Vec<String> {
    let volatile = ["Timestamp", "HoldTime", "LongestHoldTime", "TalkTime"];
    frames
        .iter()
        .map(|frame| {
            let lines = frame
                .lines()
                .filter(|line| !volatile.iter().any(|name| line.is(name)));
            lines
                .map(|line| String::from_utf8_lossy(line.raw).into_owned() + "\n")
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn what_was_sent_before_the_end_is_run_and_answered_first() {
    let amiplex = Setup::over_asterisk().start().await;
    for node in NODES {
        let mut checker = direct(node, "admin", "adminpw").await;
        for (tail, half_close) in [
            // The last message has no end: nobody may run it.
            (
                "Action: Setvar\r\nActionID: cut\r\nVariable: @\r\nValue: cut\r\n",
                true,
            ),
            ("", true),
            (
                "Action: Logoff\r\nActionID: bye\r\n\r\nAction: Setvar\r\nVariable: @\r\nValue: behind\r\n\r\n",
                false,
            ),
        ] {
            let variable = token("END");
            let text = everything(&variable) + &tail.replace('@', &variable);
            let expected = all_at_once(asterisk(node).address, &text, half_close).await;
            let variable_line = format!("Variable: {variable}");
            for round in ["directly", "through amiplex"] {
                if round != "directly" {
                    let seen = all_at_once(amiplex.address(node), &text, half_close).await;
                    assert_eq!(words(&seen), words(&expected), "{node} {tail:?}");
                }
                let value = succeeds(&mut checker, &["Action: Getvar", &variable_line]).await;
                assert_eq!(
                    text_of(&value, "Value"),
                    "set 39",
                    "{node} {round} {tail:?}"
                );
                succeeds(&mut checker, &["Action: Setvar", &variable_line, "Value:"]).await;
            }
            // Login, forty times three, and the queue's response, item and end.
            let goodbye = usize::from(!half_close);
            assert_eq!(expected.len(), 1 + 40 * 3 + 3 + goodbye, "{node} {tail:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_is_not_read_from_is_not_served_less_correctly() {
    // More than a session may have in flight, sent at once by a client that reads nothing until all is written.
    let amiplex = Setup::over_asterisk()
        .more("[limits]\ninflight_max = 3\n")
        .start()
        .await;
    for node in NODES {
        let mut client = amiplex.login(node, "admin", "adminpw").await;
        client.set_patience(Duration::from_secs(30));
        thousand(&mut client, true, |at| {
            (format!("MATH({at}+0,int)"), at.to_string())
        })
        .await;
    }
}
