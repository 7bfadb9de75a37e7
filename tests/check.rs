//! `amiplex check` and the start: every mistake is told with its place, once, before anybody is served.

use std::path::{Path, PathBuf};

use ami_proto::{Class, ClassSet};
use ami_sim::{SimAccount, SimNode, SimOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::{Setup, asterisk, at_address, run_amiplex, simulated, simulation};

/// A directory with these two files.
fn written(toml: &str, manager_conf: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a directory");
    std::fs::write(directory.path().join("manager.conf"), manager_conf).expect("written");
    let path = directory.path().join("amiplex.toml");
    std::fs::write(&path, toml).expect("written");
    (directory, path)
}

async fn amiplex(verb: &[&str], config: &Path) -> (i32, String) {
    let mut arguments = verb.to_vec();
    let config = config.display().to_string();
    arguments.extend(["--config", &config]);
    run_amiplex(&arguments).await
}

/// What is said, line by line, without the directory in which the files are.
fn lines(said: &str, directory: &TempDir) -> Vec<String> {
    let place = format!("{}/", directory.path().display());
    said.lines().map(|line| line.replace(&place, "")).collect()
}

const GOOD: &str = r#"
[server]
manager_conf = "manager.conf"
[[listener]]
name = "main"
bind = "127.0.0.1:0"
[[node]]
name = "pbx1"
address = "127.0.0.1:1"
username = "amiplex"
secret = "the-secret-of-the-node"
"#;

const ACCOUNTS: &str = "[admin]\nsecret = the-secret-of-admin\nread = all\nwrite = all\n";

#[tokio::test]
async fn a_good_configuration_is_said_to_be_valid() {
    let (_directory, path) = written(GOOD, ACCOUNTS);
    let (code, said) = amiplex(&["check"], &path).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        said.trim(),
        "configuration is valid: 1 listeners, 1 nodes, 1 accounts"
    );
}

#[tokio::test]
async fn every_mistake_of_the_configuration_is_in_one_report_with_its_line() {
    let bad = r#"[server]
manager_conf = "manager.conf"
nonsense = 3
[limits]
action_deadline = "soon"
inflight_max = 0
[[listener]]
name = "main"
bind = "localhost:5038"
node = "nowhere"
[[node]]
name = "pbx1"
address = "127.0.0.1:1"
username = "amiplex"
secret = "the-secret-of-the-node"
speed = "fast"
"#;
    let (directory, path) = written(bad, ACCOUNTS);
    for verb in ["check", "run"] {
        let (code, said) = amiplex(&[verb], &path).await;
        assert_eq!(code, 2, "{verb}: {said}");
        let lines = lines(&said, &directory);
        let expected = [
            "amiplex.toml:3: server.nonsense: unknown key",
            "amiplex.toml:5: limits.action_deadline: ",
            "amiplex.toml:6: limits.inflight_max: ",
            "amiplex.toml:9: listener[0].bind: ",
            "amiplex.toml:10: listener[0].node: ",
            "amiplex.toml:16: node[0].speed: unknown key",
        ];
        assert_eq!(lines.len(), expected.len(), "{verb}: {lines:#?}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "{verb}: {line}");
        }
        assert!(!said.contains("the-secret-of"), "{said}");
    }
}

#[tokio::test]
async fn mistakes_of_the_accounts_are_told_with_their_line() {
    let bad = "[admin]\nsecret = the-secret-of-admin\npermit = 300.1.1.1/8\n[other]\nsecret = the-secret-of-other\ndeny = nonsense\nslow = sometimes\neventfilter = (unclosed\n";
    let (directory, path) = written(GOOD, bad);
    for verb in ["check", "run"] {
        let (code, said) = amiplex(&[verb], &path).await;
        assert_eq!(code, 2, "{verb}: {said}");
        let lines = lines(&said, &directory);
        for expected in [
            "manager.conf:3: permit: ",
            "manager.conf:6: deny: ",
            "manager.conf:7: slow: ",
            "manager.conf:8: eventfilter: ",
        ] {
            let times = lines.iter().filter(|line| line.starts_with(expected));
            assert_eq!(times.count(), 1, "{verb}: {expected}: {lines:#?}");
        }
        assert!(!said.contains("the-secret-of"), "{said}");
    }
}

/// Asterisk ignores what it does not know in `manager.conf`; so does amiplex, and says so.
#[tokio::test]
async fn what_manager_conf_has_and_amiplex_does_not_know_is_told_and_ignored() {
    let odd =
        "[general]\nfrobnicate = 1\n[admin]\nsecret = x\nread = all,nosuchclass\nreed = all\n";
    let (directory, path) = written(GOOD, odd);
    let (code, said) = amiplex(&["check"], &path).await;
    assert_eq!(code, 0, "{said}");
    let lines = lines(&said, &directory);
    for expected in [
        "notice: manager.conf:2: unknown option frobnicate: ignored",
        "notice: manager.conf:5: read: unknown class \"nosuchclass\" grants nothing",
        "notice: manager.conf:6: unknown option reed: ignored",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
    }
}

#[tokio::test]
async fn an_account_for_a_node_that_does_not_exist_is_an_error() {
    let accounts =
        format!("{ACCOUNTS}nodes = pbx1,pbx9\n[other]\nsecret = x\ndefault_node = pbx8\n");
    let (_directory, path) = written(GOOD, &accounts);
    let (code, said) = amiplex(&["check"], &path).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("account admin: there is no node pbx9"),
        "{said}"
    );
    assert!(
        said.contains("account other: there is no node pbx8"),
        "{said}"
    );
}

#[tokio::test]
async fn missing_files_are_named() {
    let (directory, path) = written(GOOD, ACCOUNTS);
    let nowhere = directory.path().join("nowhere.toml");
    let (code, said) = amiplex(&["check"], &nowhere).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("nowhere.toml: cannot be read: "), "{said}");
    std::fs::remove_file(directory.path().join("manager.conf")).expect("removed");
    for verb in ["check", "run"] {
        let (code, said) = amiplex(&[verb], &path).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("manager.conf: cannot be read: "), "{said}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_listener() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = taken.local_addr().expect("an address");
    let toml = GOOD.replace("127.0.0.1:0", &address.to_string());
    let (_directory, path) = written(&toml, ACCOUNTS);
    let (code, said) = amiplex(&["run"], &path).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!("listener main: cannot listen on {address}: ")),
        "{said}"
    );
    // Checking needs no port.
    let (code, said) = amiplex(&["check"], &path).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn wrong_usage_is_told_apart_from_failure() {
    for arguments in [&["frobnicate"][..], &["check", "--nonsense"], &[]] {
        let (code, said) = run_amiplex(arguments).await;
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains("Usage: amiplex"), "{arguments:?}: {said}");
    }
    let (code, said) = run_amiplex(&["version"]).await;
    assert_eq!(
        (code, said.trim()),
        (0, concat!("amiplex ", env!("CARGO_PKG_VERSION")))
    );
}

#[tokio::test]
async fn online_a_real_asterisk_tells_its_version() {
    let directory = TempDir::new().expect("a directory");
    let setup = Setup::new(vec![asterisk("pbx1"), asterisk("pbx2")]);
    let path = setup.write(directory.path());
    let (code, said) = amiplex(&["check", "--online"], &path).await;
    assert_eq!(code, 0, "{said}");
    let of = |node: &str| {
        let start = format!("node {node}: ");
        let mine: Vec<_> = said
            .lines()
            .filter(|line| line.starts_with(&start))
            .collect();
        assert_eq!(mine.len(), 1, "{said}");
        mine[0].to_owned()
    };
    assert!(
        of("pbx1").starts_with("node pbx1: logged in, AMI 11."),
        "{said}"
    );
    assert!(
        of("pbx2").starts_with("node pbx2: logged in, AMI 5."),
        "{said}"
    );
}

#[tokio::test]
async fn online_what_the_account_of_amiplex_lacks_is_named() {
    let directory = TempDir::new().expect("a directory");
    let wide = SimNode::start(simulation("pbx1")).await.expect("listens");
    let mut options = SimOptions::new("pbx2");
    let (read, write) = (Class::Call, Class::Call);
    options.accounts = vec![SimAccount::new(
        "amiplex",
        "amiplex-secret",
        ClassSet::of(read),
        ClassSet::of(write),
    )];
    let narrow = SimNode::start(options).await.expect("listens");
    let mut options = SimOptions::new("pbx3");
    options.accounts = vec![SimAccount {
        multiple_login: false,
        ..SimAccount::admin("amiplex", "amiplex-secret")
    }];
    let single = SimNode::start(options).await.expect("listens");
    let setup = Setup::new(vec![
        simulated(&wide),
        simulated(&narrow),
        simulated(&single),
    ]);
    let path = setup.write(directory.path());
    let (code, said) = amiplex(&["check", "--online"], &path).await;
    assert_eq!(
        code, 1,
        "a node that answers no action is of no use: {said}"
    );
    let named = |node: &str, wanted: &str| {
        said.lines()
            .any(|line| line.starts_with(&format!("node {node}: ")) && line.contains(wanted))
    };
    for (node, wanted) in [
        ("pbx2", "amiplex needs write = all"),
        ("pbx3", "amiplex needs allowmultiplelogin = yes"),
        ("pbx3", "answers no action of amiplex"),
    ] {
        assert!(named(node, wanted), "{node} {wanted}: {said}");
    }
    assert!(named("pbx1", "logged in"), "{said}");
    for wrong in ["read", "write =", "allowmultiplelogin"] {
        assert!(!named("pbx1", wrong), "{said}");
    }
}

/// The account `events` of the real Asterisk may see everything and do nothing.
#[tokio::test]
async fn online_an_account_without_write_is_not_enough() {
    let directory = TempDir::new().expect("a directory");
    let setup = Setup::new(vec![asterisk("pbx1")]);
    let path = setup.write(directory.path());
    let text = std::fs::read_to_string(&path)
        .expect("read")
        .replace("username = \"amiplex\"", "username = \"events\"")
        .replace("amiplex-secret", "eventspw");
    std::fs::write(&path, text).expect("written");
    let (_code, said) = amiplex(&["check", "--online"], &path).await;
    assert!(said.contains("node pbx1: logged in"), "{said}");
    assert!(said.contains("write"), "{said}");
    assert!(!said.contains("eventspw"), "{said}");
}

#[tokio::test]
async fn online_a_node_that_is_away_or_refuses_fails_the_check_with_the_reason() {
    let directory = TempDir::new().expect("a directory");
    let unused = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = unused.local_addr().expect("an address");
    drop(unused);
    let mut other = SimOptions::new("pbx2");
    other.accounts = vec![SimAccount::admin("amiplex", "another-secret")];
    let other = SimNode::start(other).await.expect("listens");
    let setup = Setup::new(vec![at_address("pbx1", address), simulated(&other)]);
    let path = setup.write(directory.path());
    let (code, said) = amiplex(&["check", "--online"], &path).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("node pbx1: not reached: "), "{said}");
    assert!(said.contains("Connection refused"), "{said}");
    assert!(
        said.contains("login of amiplex refused: Authentication failed"),
        "{said}"
    );
    assert!(said.contains("2 nodes could not be reached"), "{said}");
    assert!(!said.contains("-secret"), "{said}");
}

const TWO_NODES: &str = r#"
[server]
manager_conf = "manager.conf"
[[listener]]
name = "main"
bind = "127.0.0.1:0"
[[node]]
name = "pbx1"
address = "127.0.0.1:1"
username = "amiplex"
secret = "the-secret-of-the-node"
[[node]]
name = "pbx2"
address = "127.0.0.1:1"
username = "amiplex"
secret = "the-secret-of-the-node"
[[route]]
action = "Originate"
match = { header = "Channel", like = "PJSIP/*@berlin" }
to = "pbx2"
[[route]]
action = ["Originate", "MessageSend"]
to = ["pbx1", "pbx2"]
policy = "priority"
"#;

#[tokio::test]
async fn route_says_where_an_action_would_go_and_why() {
    let (directory, path) = written(TWO_NODES, ACCOUNTS);
    for (account, lines, expected) in [
        (
            "admin",
            &["Action: Originate", "Channel: PJSIP/5@berlin"][..],
            "to pbx2; by [[route]] number 1",
        ),
        (
            "admin",
            &["Action: Originate", "Channel: PJSIP/5"],
            "to pbx1; by [[route]] number 2",
        ),
        (
            "admin@pbx2",
            &["Action: Originate", "Channel: PJSIP/5"],
            "to pbx2; the session sees no other",
        ),
        (
            "admin",
            &["Action: DBGet", "Node: pbx1", "Family: f"],
            "to pbx1; its header Node says so",
        ),
        (
            "admin",
            &["Action: QueueStatus"],
            "to pbx1, pbx2, the answers put together; a list that is only read is asked of all",
        ),
        (
            "admin",
            &["Action: UserEvent"],
            "nowhere: Node required; nothing says where",
        ),
        ("admin", &["Action: Ping"], "answered by amiplex itself"),
        (
            "admin",
            &["Action: Nonsense"],
            "refused: Invalid/unknown command: Nonsense.",
        ),
        (
            "admin",
            &["Action: Hangup", "Channel: PJSIP/5-1"],
            "nowhere: Node required; nothing says where\nbefore that: if one visible node has what the action names",
        ),
    ] {
        let mut verb = vec!["route", "--account", account];
        verb.extend(lines);
        let (code, said) = amiplex(&verb, &path).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.starts_with(expected), "{lines:?}: {said}");
    }
    let (code, said) = amiplex(&["route", "--account", "nobody", "Action: Ping"], &path).await;
    assert_eq!(
        (code, lines(&said, &directory)),
        (2, vec!["there is no account nobody".to_owned()])
    );
    let (code, _) = amiplex(
        &[
            "route",
            "--account",
            "admin",
            "Action: Ping\r\n\r\nAction: Reload",
        ],
        &path,
    )
    .await;
    assert_eq!(code, 2);
}

#[tokio::test]
async fn a_rule_that_can_never_decide_is_named() {
    let more = "[[route]]\naction = \"Originate\"\nto = \"pbx1\"\n[[route]]\naction = \"Ping\"\nto = \"pbx1\"\n\
        [[route]]\naction = \"Orignate\"\nto = \"pbx1\"\n[[route]]\naction = \"DBPut\"\naccount = \"ghost\"\nto = \"pbx1\"\n";
    let (directory, path) = written(&format!("{TWO_NODES}{more}"), ACCOUNTS);
    let (code, said) = amiplex(&["check"], &path).await;
    assert_eq!(code, 0, "{said}");
    let named: Vec<String> = lines(&said, &directory)
        .into_iter()
        .filter(|line| line.contains("[[route]]"))
        .collect();
    assert_eq!(
        named,
        [
            "notice: [[route]] number 3 can never decide: number 2 comes first and is about all of it",
            "notice: [[route]] number 4 can never decide: amiplex answers such actions itself",
            "notice: [[route]] number 5 can never decide: no Asterisk has an action of that name",
            "notice: [[route]] number 6 can never decide: there is no such account",
        ]
    );
}
