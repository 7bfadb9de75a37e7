//! The operator's hand: what `amiplex status`, `sessions`, `kick`, `drain`, `maintenance` and `resume` do to a running amiplex.

use std::os::unix::fs::PermissionsExt as _;

use ami_proto::{Class, ClassSet};
use ami_sim::{Faults, SimNode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::node_loss::told;
use crate::support::watch::{direct, ends_mark, mark, succeeds, token};
use crate::support::{Amiplex, Setup, at_address, header, run_amiplex, simulated, simulation};

const ORIGINATE: [&str; 3] = [
    "Action: Originate",
    "Channel: PJSIP/100",
    "Application: Wait",
];

/// New calls go to either node in turns.
const RULE: &str = "[[route]]\naction = [\"Originate\"]\nto = [\"all\"]\npolicy = \"weighted\"\n[admin]\nsocket = \"a.sock\"\n";

async fn cluster() -> (SimNode, SimNode, Amiplex) {
    let one = SimNode::start(simulation("pbx1")).await.expect("listens");
    let two = SimNode::start(simulation("pbx2")).await.expect("listens");
    let mut first = simulated(&one);
    first.more.push_str("tags = [\"eu\"]\n");
    let setup = Setup::new(vec![first, simulated(&two)]).more(RULE);
    let amiplex = setup.start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    (one, two, amiplex)
}

/// Runs a verb that must succeed.
async fn does(amiplex: &Amiplex, words: &[&str]) -> String {
    let (code, said) = amiplex.operate(words).await;
    assert_eq!(code, 0, "{words:?}: {said}");
    said
}

/// The line of a table that begins with this word.
fn row(table: &str, first: &str) -> Vec<String> {
    let row = table
        .lines()
        .find(|line| line.split_whitespace().next() == Some(first));
    let row = row.unwrap_or_else(|| panic!("no {first} in {table}"));
    row.split_whitespace().map(str::to_owned).collect()
}

fn calls(node: &SimNode) -> usize {
    node.received_named("Originate").len()
}

#[tokio::test]
async fn a_node_that_drains_gets_no_new_calls_but_those_that_name_it() {
    let (one, two, amiplex) = cluster().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let said = does(&amiplex, &["drain", "pbx1"]).await;
    assert_eq!(said, "node pbx1 is draining\n");
    assert_eq!(
        row(&does(&amiplex, &["status"]).await, "pbx1")[1],
        "draining"
    );
    for _ in 0..4 {
        succeeds(&mut client, &ORIGINATE).await;
    }
    assert_eq!((calls(&one), calls(&two)), (0, 4));
    let named = [&ORIGINATE[..], &["Node: pbx1"]].concat();
    succeeds(&mut client, &named).await;
    let mut only = amiplex.login("pbx1", "admin", "adminpw").await;
    succeeds(&mut only, &ORIGINATE).await;
    assert_eq!((calls(&one), calls(&two)), (2, 4));
    let list = client
        .list(&["Action: CoreShowChannels"])
        .await
        .expect("a list");
    let end = list.last().expect("its end");
    assert_eq!(header(end, "NodesOk"), "2", "{end:?}");
    does(&amiplex, &["resume", "pbx1"]).await;
    for _ in 0..4 {
        succeeds(&mut client, &ORIGINATE).await;
    }
    assert_eq!((calls(&one), calls(&two)), (4, 6));
}

#[tokio::test]
async fn a_reload_changes_nothing_of_what_the_operator_said() {
    let (one, two, amiplex) = cluster().await;
    does(&amiplex, &["drain", "pbx1"]).await;
    does(&amiplex, &["maintenance", "pbx2"]).await;
    amiplex.signal("HUP").await;
    amiplex.wait_for_log("\"reloaded\"", 1).await;
    let status = does(&amiplex, &["status"]).await;
    assert_eq!(row(&status, "pbx1")[1], "draining");
    assert_eq!(row(&status, "pbx2")[1], "maintenance");
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let answer = client.action(&ORIGINATE).await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Error"[..]), "{answer:?}");
    assert_eq!((calls(&one), calls(&two)), (0, 0));
}

#[tokio::test]
async fn in_maintenance_nothing_new_reaches_the_node_and_its_events_keep_coming() {
    let (one, two, amiplex) = cluster().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let mut only = amiplex.login("pbx1", "admin", "adminpw").await;
    one.set_faults(Faults::none().hold("CoreStatus"));
    let under_way = ["Action: CoreStatus", "ActionID: before"];
    only.send(&under_way).await.expect("sent");
    one.until_received("CoreStatus", 1).await;
    does(&amiplex, &["maintenance", "pbx1"]).await;
    let refusal = (
        "Node pbx1 is in maintenance, action not sent".to_owned(),
        "Outcome: not-sent".to_owned(),
    );
    let named = client.action(&["Action: CoreSettings", "Node: pbx1"]).await;
    assert_eq!(told(&named.expect("answered")), refusal);
    for _ in 0..4 {
        succeeds(&mut client, &ORIGINATE).await;
    }
    assert_eq!((calls(&one), calls(&two)), (0, 4));
    let list = client
        .list(&["Action: CoreShowChannels"])
        .await
        .expect("a list");
    let end = list.last().expect("its end");
    assert_eq!(header(end, "NodesOk"), "1", "{end:?}");
    assert_eq!(header(end, "NodesFailed"), "pbx1 (maintenance)");
    let call = ClassSet::of(Class::Call);
    one.emit("Still", call, &[("Here", "yes")]);
    client.next_event("Still").await.expect("it comes");
    one.set_faults(Faults::none());
    let before = only.response("before").await.expect("answered");
    assert_eq!(before.response(), Some(&b"Success"[..]), "{before:?}");
    let after = only
        .action(&["Action: CoreSettings"])
        .await
        .expect("answered");
    assert_eq!(told(&after), refusal);
    assert!(one.received_named("CoreSettings").is_empty());
    does(&amiplex, &["resume", "pbx1"]).await;
    succeeds(&mut only, &["Action: CoreSettings"]).await;
}

#[tokio::test]
async fn status_and_sessions_tell_what_is_there_and_no_secret() {
    let (_one, two, amiplex) = cluster().await;
    let mut client = amiplex.login("pbx2", "admin", "adminpw").await;
    let _stranger = amiplex.client("all").await;
    two.set_faults(Faults::none().hold("CoreStatus"));
    client.send(&["Action: CoreStatus"]).await.expect("sent");
    two.until_received("CoreStatus", 1).await;
    let status = does(&amiplex, &["status"]).await;
    assert_eq!(row(&status, "pbx1")[1], "up");
    assert!(row(&status, "pbx1").contains(&"eu".to_owned()), "{status}");
    let pbx2 = row(&status, "pbx2");
    assert_eq!((&*pbx2[4], &*pbx2[5]), ("1+1+0", "1"), "{status}");
    let sessions = does(&amiplex, &["sessions"]).await;
    assert_eq!(sessions.lines().count(), 3, "{sessions}");
    let admin = sessions.lines().find(|line| line.contains(" admin "));
    let admin: Vec<&str> = admin.expect("a session").split_whitespace().collect();
    assert!(admin[2].starts_with("127.0."), "{sessions}");
    assert_eq!(
        (admin[3], admin[5], admin[7]),
        ("pbx2", "1", "pbx2"),
        "{sessions}"
    );
    for path in ["/v1/nodes", "/v1/sessions", "/v1/nodes/adminpw/drain", "/"] {
        let (_, answer) = asked(&amiplex, "GET", path).await;
        for secret in ["amiplex-secret", "adminpw\""] {
            assert!(!answer.contains(secret), "{path}: {answer}");
        }
    }
    let json = does(&amiplex, &["status", "--json"]).await;
    let parsed: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(parsed["nodes"][0]["name"], "pbx1");
    assert_eq!(parsed["nodes"][0]["connected"], true);
    assert!(
        parsed["nodes"][0]["since"]
            .as_str()
            .expect("a time")
            .ends_with('Z')
    );
}

/// Status line and body of the answer to a request that is made by hand.
async fn asked(amiplex: &Amiplex, method: &str, path: &str) -> (String, String) {
    let mut stream = UnixStream::connect(amiplex.directory().join("a.sock"))
        .await
        .expect("open");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    let line = answer.lines().next().unwrap_or_default().to_owned();
    (line, answer)
}

#[tokio::test]
async fn a_session_that_is_kicked_is_closed_and_the_log_says_why() {
    let (_one, _two, amiplex) = cluster().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    let mut other = amiplex.login("all", "events", "eventspw").await;
    let sessions = does(&amiplex, &["sessions"]).await;
    let of_client = sessions.lines().find(|line| line.contains(" admin "));
    let id = of_client.and_then(|line| line.split_whitespace().next());
    let id = id.expect("an id").to_owned();
    assert_eq!(
        does(&amiplex, &["kick", &id]).await,
        format!("session {id} is closed\n")
    );
    client.closed().await.expect("closed");
    amiplex.wait_for_log("\"reason\":\"kicked\"", 1).await;
    succeeds(&mut other, &["Action: Ping"]).await;
    let (code, said) = amiplex.operate(&["kick", "999999"]).await;
    assert_eq!((code, &*said), (2, "There is no session 999999\n"));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_names_and_the_exit_code() {
    let (_one, _two, mut amiplex) = cluster().await;
    let unknown = "There is no node pbx9; the nodes are pbx1, pbx2\n".to_owned();
    for verb in ["drain", "maintenance", "resume"] {
        assert_eq!(amiplex.operate(&[verb, "pbx9"]).await, (2, unknown.clone()));
        let (code, said) = amiplex.operate(&[verb, "pbx1/../pbx2"]).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("is no name of a node"), "{said}");
    }
    let (line, answer) = asked(&amiplex, "GET", "/v1/nodes/pbx1/drain").await;
    assert!(
        line.contains("405") && answer.contains("allow: POST"),
        "{answer}"
    );
    assert!(asked(&amiplex, "POST", "/v1/nodes").await.0.contains("405"));
    assert!(asked(&amiplex, "GET", "/metrics").await.0.contains("404"));
    let path = amiplex.directory().join("a.sock");
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    amiplex.signal("TERM").await;
    assert_eq!(amiplex.wait().await.code(), Some(0));
    assert!(!path.exists(), "it is removed at the end");
    let (code, said) = amiplex.operate(&["status"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("a.sock: cannot reach amiplex"), "{said}");
}

#[tokio::test]
async fn without_a_socket_the_verbs_say_what_is_missing() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)]).start().await;
    let (code, said) = amiplex.operate(&["status"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("admin.socket is not set"), "{said}");
    let (code, said) = run_amiplex(&["status", "--socket", "/nowhere/a.sock"]).await;
    assert_eq!(code, 1, "{said}");
}

/// What a process that was killed has left is replaced; one that lives is left alone.
#[tokio::test]
async fn a_second_amiplex_does_not_take_the_socket_and_a_dead_one_does_not_keep_it() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let shared = tempfile::tempdir().expect("a directory");
    let socket = shared.path().join("a.sock");
    let lines = format!(
        "[admin]\nsocket = \"{}\"\nsocket_mode = \"0660\"\n",
        socket.display()
    );
    let setup = Setup::new(vec![simulated(&node)]).more(&lines);
    let mut first = setup.clone().start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let config = setup.write(directory.path());
    let config = config.to_str().expect("text");
    let (code, said) = run_amiplex(&["run", "--config", config]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another process listens there"), "{said}");
    does(&first, &["status"]).await;
    first.signal("KILL").await;
    first.wait().await;
    assert!(socket.exists());
    let second = setup.start().await;
    assert_eq!(row(&does(&second, &["status"]).await, "pbx1")[1], "up");
    let mode = std::fs::metadata(&socket)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
}

fn with_state_in(directory: &std::path::Path, node: &SimNode) -> Setup {
    let mut setup = Setup::new(vec![simulated(node)]).more("[admin]\nsocket = \"a.sock\"\n");
    setup.server = format!("state_dir = \"{}\"\n", directory.display());
    setup
}

/// What the node is when amiplex begins anew is what it was, also before it is reached.
#[tokio::test]
async fn service_and_version_outlive_a_restart() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let state = tempfile::tempdir().expect("a directory");
    let setup = with_state_in(state.path(), &node);
    let mut first = setup.clone().start().await;
    let version = first.client("pbx1").await.version();
    does(&first, &["maintenance", "pbx1"]).await;
    // Killed: what was said to be done is on the disk.
    first.signal("KILL").await;
    first.wait().await;
    node.stop().await;
    let second = setup.start_without_nodes().await;
    second
        .wait_for_log("not in service, as the operator decided before", 1)
        .await;
    let status = row(&does(&second, &["status"]).await, "pbx1");
    assert_eq!(
        (&*status[1], &*status[3]),
        ("maintenance", &*version.to_string())
    );
    let mut client = second.login("all", "admin", "adminpw").await;
    assert_eq!(
        client.version(),
        version,
        "the greeting before the node is reached"
    );
    assert_ne!(
        version,
        ami_proto::AmiVersion::new(5, 0, 0),
        "which is not the fallback"
    );
    node.restart().await.expect("it is back");
    second.wait_for_log("node is up", 1).await;
    let refused = client
        .action(&["Action: CoreSettings"])
        .await
        .expect("answered");
    assert_eq!(
        told(&refused).0,
        "Node pbx1 is in maintenance, action not sent"
    );
    does(&second, &["resume", "pbx1"]).await;
    succeeds(&mut client, &["Action: CoreSettings"]).await;
}

#[tokio::test]
async fn a_broken_state_file_is_told_and_keeps_nobody_from_starting() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let state = tempfile::tempdir().expect("a directory");
    let file = state.path().join("nodes.json");
    std::fs::write(&file, "{\"nodes\": {\"pbx1\"").expect("written");
    let amiplex = with_state_in(state.path(), &node).start().await;
    let told = format!("{}: cannot be understood", file.display());
    amiplex.wait_for_log(&told, 1).await;
    does(&amiplex, &["drain", "pbx1"]).await;
    let kept = std::fs::read_to_string(&file).expect("a new one");
    assert!(kept.contains("draining"), "{kept}");
    assert!(state.path().join("nodes.json.broken").exists());
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_written_is_named_and_everything_else_works() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = with_state_in("/nowhere/at/all".as_ref(), &node)
        .start()
        .await;
    let told = "/nowhere/at/all/nodes.json: cannot be written";
    amiplex.wait_for_log(told, 1).await;
    let said = does(&amiplex, &["drain", "pbx1"]).await;
    assert!(
        said.starts_with("node pbx1 is draining, until amiplex is restarted: "),
        "{said}"
    );
    assert!(said.contains(told), "{said}");
    let (code, said) = amiplex.operate(&["check"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("notice: server.state_dir: cannot write in /nowhere/at/all"),
        "{said}"
    );
}

/// Both by what it tells of itself and by where calls go.
#[tokio::test]
async fn a_node_that_answers_late_is_lagging_until_it_answers_in_time() {
    let one = SimNode::start(simulation("pbx1")).await.expect("listens");
    let two = SimNode::start(simulation("pbx2")).await.expect("listens");
    let mut slow = simulated(&one);
    slow.more
        .push_str("keepalive = { interval = \"100ms\", deadline = \"1min\", lag = \"200ms\" }\n");
    let setup = Setup::new(vec![slow, simulated(&two)]).more(RULE);
    let amiplex = setup.start().await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    one.set_faults(Faults::none().hold("Ping"));
    amiplex.wait_for_log("the node's events come late", 1).await;
    let status = does(&amiplex, &["status"]).await;
    assert_eq!(row(&status, "pbx1")[1], "lagging", "{status}");
    assert!(status.contains("its events come late"), "{status}");
    for _ in 0..4 {
        succeeds(&mut client, &ORIGINATE).await;
    }
    assert_eq!((calls(&one), calls(&two)), (0, 4));
    let named = [&ORIGINATE[..], &["Node: pbx1"]].concat();
    succeeds(&mut client, &named).await;
    one.set_faults(Faults::none());
    amiplex.wait_for_log("come in time again", 1).await;
    assert_eq!(row(&does(&amiplex, &["status"]).await, "pbx1")[1], "up");
}

/// It takes connections and logins, its events come, and it answers nothing else.
#[tokio::test]
async fn a_node_that_answers_no_action_is_silent_until_it_answers() {
    let one = SimNode::start(simulation("pbx1")).await.expect("listens");
    let two = SimNode::start(simulation("pbx2")).await.expect("listens");
    let mut mute = simulated(&one);
    mute.more
        .push_str("keepalive = { interval = \"100ms\", deadline = \"200ms\" }\n");
    let setup = Setup::new(vec![mute, simulated(&two)]).more(RULE);
    let amiplex = setup.start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    one.set_faults(Faults::none().never_answer("*"));
    // What keeps the event lane alive: it is heard, and only the Ping on it is not answered.
    let raising = async {
        loop {
            one.emit("Tick", ClassSet::of(Class::Call), &[]);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let found = async {
        amiplex.wait_for_log("node answers nothing", 1).await;
        let status = does(&amiplex, &["status"]).await;
        assert_eq!(row(&status, "pbx1")[1], "silent", "{status}");
        assert!(status.contains("no answer to"), "{status}");
        let named = [&ORIGINATE[..], &["Node: pbx1"]].concat();
        let refused = client.action(&named).await.expect("answered");
        let message = "Node pbx1 does not answer, action not sent";
        assert_eq!(header(&refused, "Message"), message);
        assert_eq!(header(&refused, "Outcome"), "not-sent");
        for _ in 0..4 {
            succeeds(&mut client, &ORIGINATE).await;
        }
        assert_eq!((calls(&one), calls(&two)), (0, 4));
        let list = client.list(&["Action: CoreShowChannels"]).await;
        let end = list.expect("answered").pop().expect("an end");
        assert_eq!(header(&end, "NodesFailed"), "pbx1 (silent)");
        one.set_faults(Faults::none());
        amiplex.wait_for_log("node answers again", 1).await;
        succeeds(&mut client, &named).await;
        assert_eq!(calls(&one), 1);
    };
    tokio::select! {
        () = raising => {}
        () = found => {}
    }
    assert_ne!(row(&does(&amiplex, &["status"]).await, "pbx1")[1], "silent");
}

#[tokio::test]
async fn a_node_that_takes_connections_and_says_nothing_is_down_with_its_next_attempt() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let address = silent.local_addr().expect("an address");
    let metrics = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let listen = metrics.local_addr().expect("an address");
    drop(metrics);
    let mut setup = Setup::new(vec![at_address("pbx1", address)]);
    setup.nodes[0].more = "backoff = { min = \"1h\", max = \"1h\" }\n".to_owned();
    let lines = format!("[admin]\nsocket = \"a.sock\"\nlisten = \"{listen}\"\n");
    let amiplex = setup.more(&lines).start_without_nodes().await;
    let status = does(&amiplex, &["status"]).await;
    assert_eq!(row(&status, "pbx1")[1], "connecting", "{status}");
    amiplex.wait_for_log("node is down", 1).await;
    let status = does(&amiplex, &["status"]).await;
    assert_eq!(row(&status, "pbx1")[1], "down", "{status}");
    let reason = "no login within its deadline (failures in a row: 1, next attempt at 2";
    assert!(status.contains(reason), "{status}");
    let mut stream = tokio::net::TcpStream::connect(listen).await.expect("open");
    let request = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("answered");
    for line in [
        "amiplex_node_state{node=\"pbx1\",state=\"down\"} 1",
        "amiplex_node_state{node=\"pbx1\",state=\"connecting\"} 0",
        "amiplex_node_failures{node=\"pbx1\"} 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

/// Calls that Asterisk waits for take all the lanes but one, for longer than an action may take and a Ping too: that is no silence.
#[tokio::test]
async fn calls_that_a_real_node_waits_for_are_no_silence() {
    let lines = "keepalive = { interval = \"200ms\", deadline = \"500ms\", lag = \"400ms\" }\nlanes = { max = 3 }\n";
    let more = "[limits]\naction_deadline = \"1s\"\n";
    let setup = Setup::over_asterisk().nodes_more(lines).more(more);
    let amiplex = setup.start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let call = [
        "Action: Originate",
        "Channel: Local/deaf@callee/n",
        "Application: Wait",
        "Data: 1",
        "Timeout: 4000",
        "Node: pbx1",
    ];
    let begun = tokio::time::Instant::now();
    let waits = async || {
        let mut client = amiplex.login("all", "admin", "adminpw").await;
        let answer = client.action(&call).await.expect("answered");
        assert_eq!(answer.response(), Some(&b"Error"[..]));
        // In the words of Asterisk: it was not cut off.
        assert_eq!(header(&answer, "Message"), "Originate failed");
        assert!(begun.elapsed() >= std::time::Duration::from_secs(4));
    };
    let others = async {
        let mut client = amiplex.login("all", "admin", "adminpw").await;
        for _ in 0..100 {
            succeeds(&mut client, &["Action: CoreStatus", "Node: pbx1"]).await;
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
    };
    tokio::join!(waits(), waits(), others);
    let log = amiplex.log().join("\n");
    for word in ["answers nothing", "node is down", "lane lost"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

/// Asterisk itself: it hears nothing of clients, and they hear it.
#[tokio::test]
async fn a_real_node_in_maintenance_is_left_alone_and_heard() {
    let setup = Setup::over_asterisk().more("[admin]\nsocket = \"a.sock\"\n");
    let amiplex = setup.start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut client = amiplex.login("all", "admin", "adminpw").await;
    does(&amiplex, &["maintenance", "pbx1"]).await;
    let named = ["Action: CoreStatus", "Node: pbx1"];
    let refused = client.action(&named).await.expect("answered");
    assert_eq!(
        told(&refused).0,
        "Node pbx1 is in maintenance, action not sent"
    );
    let list = client.list(&["Action: CoreShowChannels"]).await;
    let list = list.expect("a list");
    let end = list.last().expect("its end");
    assert_eq!(header(end, "NodesFailed"), "pbx1 (maintenance)");
    let mut actor = direct("pbx1", "admin", "adminpw").await;
    let word = token("maintenance");
    mark(&mut actor, &word).await;
    let heard = client.next_where("the mark", |frame| ends_mark(frame, &word));
    let heard = heard.await.expect("it comes");
    assert_eq!(header(&heard, "Node"), "pbx1");
    does(&amiplex, &["resume", "pbx1"]).await;
    succeeds(&mut client, &named).await;
}
