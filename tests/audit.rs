//! The audit log: who has done what, how it ended, and no secret.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use ami_sim::{Faults, SimNode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::support::watch::succeeds;
use crate::support::{Amiplex, Setup, simulated, simulation};

const PATIENCE: Duration = Duration::from_secs(20);
const ACCOUNTS: &str = "[general]\n\
    [all]\nsecret=S3CR3T-all\nread=all\nwrite=all\n\
    [agent]\nsecret=S3CR3T-agent\nread=agent\nwrite=agent\n";

struct Audited {
    amiplex: Amiplex,
    directory: TempDir,
    node: SimNode,
}

impl Audited {
    async fn start() -> Self {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().join("audit.log");
        let node = SimNode::start(simulation("pbx1")).await.expect("starts");
        let setup = Setup::new(vec![simulated(&node)]).accounts(ACCOUNTS);
        // The first of these lines is still in the section of the log.
        let line = format!(
            "audit_file = \"{}\"\n[admin]\nsocket = \"a.sock\"\n",
            path.display()
        );
        let amiplex = setup.more(&line).start().await;
        Self {
            amiplex,
            directory,
            node,
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("audit.log")
    }

    /// The lines without time, session and address, which each has.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file()).unwrap_or_default();
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let short = whole.map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            let fields = line.as_object_mut().expect("an object");
            for (name, form) in [("time", "Z"), ("address", "127.0.0.1:")] {
                let value = fields.remove(name).expect(name);
                let value = value.as_str().expect("text");
                assert!(value.contains(form), "{value}");
            }
            assert!(fields.remove("session").is_some_and(|id| id.is_u64()));
            line.to_string()
        });
        short.collect()
    }

    async fn until(&self, text: &str) -> Vec<String> {
        let written = async {
            while !self.lines().iter().any(|line| line.contains(text)) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(PATIENCE, written).await;
        assert!(waited.is_ok(), "never written: {text}: {:#?}", self.lines());
        self.lines()
    }
}

#[tokio::test]
async fn what_clients_do_is_written_with_its_end_and_without_secrets() {
    let audited = Audited::start().await;
    let amiplex = &audited.amiplex;
    let mut client = amiplex.client("all").await;
    client
        .login("all", "S3CR3T-wrong")
        .await
        .expect_err("refused");
    let mut client = amiplex.client("all").await;
    client.login_md5("all", "S3CR3T-all").await.expect("let in");
    let call = [
        "Action: Originate",
        "ActionID: a\"b\\c",
        "Channel: IAX2/user:S3CR3T-dial@peer/100",
        "Application: Wait",
        "Variable: PIN=S3CR3T-variable",
        "Account: S3CR3T-account",
    ];
    succeeds(&mut client, &call).await;
    succeeds(&mut client, &["Action: CoreStatus"]).await;
    succeeds(&mut client, &["Action: Ping"]).await;
    let nowhere = ["Action: Hangup", "Channel: PJSIP/none-1"];
    let answer = client.action(&nowhere).await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Error"[..]));
    let mut agent = amiplex.client("all").await;
    agent.login("agent", "S3CR3T-agent").await.expect("let in");
    let command = ["Action: Command", "Command: database put S3CR3T-command"];
    let refused = agent.action(&command).await.expect("answered");
    assert_eq!(refused.response(), Some(&b"Error"[..]));
    agent.send(&["Action: Logoff"]).await.expect("sent");
    audited.until("logoff").await;
    audited.node.set_faults(Faults::none().hold("DBPut"));
    let put = ["Action: DBPut", "Family: f", "Key: k", "Val: S3CR3T-value"];
    client.send(&put).await.expect("sent");
    audited.node.until_received("DBPut", 1).await;
    audited.node.kill().await;
    let lines = audited.until("node_lost").await;
    let expected = [
        r#"{"account":"all","event":"login","outcome":"refused","reason":"wrong_secret"}"#,
        r#"{"account":"all","event":"login","outcome":"success"}"#,
        r#"{"account":"all","action":"Originate","action_id":"a\"b\\c","channel":"IAX2/user:***@peer/100","event":"action","node":"pbx1","outcome":"success"}"#,
        r#"{"account":"all","action":"Hangup","channel":"PJSIP/none-1","event":"action","node":"pbx1","outcome":"error"}"#,
        r#"{"account":"agent","event":"login","outcome":"success"}"#,
        r#"{"account":"agent","action":"Command","event":"action","outcome":"refused","reason":"denied"}"#,
        r#"{"account":"agent","event":"logoff","reason":"logoff"}"#,
        r#"{"account":"all","action":"DBPut","event":"action","node":"pbx1","outcome":"unknown","reason":"node_down"}"#,
        r#"{"account":"all","event":"logoff","reason":"node_lost"}"#,
    ];
    let without_ids: Vec<String> = lines.iter().map(|line| without_own_ids(line)).collect();
    assert_eq!(without_ids, expected, "{lines:#?}");
    let text = std::fs::read_to_string(audited.file()).expect("written");
    assert!(!text.contains("S3CR3T"), "{text}");
    let mode = std::fs::metadata(audited.file())
        .expect("there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

/// The client of the tests gives each action an id of its own when it has none.
fn without_own_ids(line: &str) -> String {
    let mut line: Value = serde_json::from_str(line).expect("JSON");
    let fields = line.as_object_mut().expect("an object");
    if fields.get("action_id").is_some_and(|id| id != "a\"b\\c") {
        fields.remove("action_id");
    }
    line.to_string()
}

/// What its node does with the action nobody hears any more.
#[tokio::test]
async fn what_is_under_way_when_a_session_is_ended_is_unknown() {
    let audited = Audited::start().await;
    let mut client = audited.amiplex.client("all").await;
    client.login("all", "S3CR3T-all").await.expect("let in");
    audited.until("login").await;
    audited.node.set_faults(Faults::none().hold("DBPut"));
    let put = ["Action: DBPut", "Family: f", "Key: k", "Val: v"];
    client.send(&put).await.expect("sent");
    audited.node.until_received("DBPut", 1).await;
    let text = std::fs::read_to_string(audited.file()).expect("written");
    let login: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    let session = login["session"].to_string();
    let (code, said) = audited.amiplex.operate(&["kick", &session]).await;
    assert_eq!(code, 0, "{said}");
    let lines = audited.until("kicked").await;
    let end = r#""outcome":"unknown","reason":"session_ended""#;
    assert!(lines.iter().any(|line| line.contains(end)), "{lines:#?}");
}

#[tokio::test]
async fn after_a_rotation_it_goes_on_under_its_name() {
    let audited = Audited::start().await;
    let mut client = audited.amiplex.client("all").await;
    client.login("all", "S3CR3T-all").await.expect("let in");
    audited.until("login").await;
    let old = audited.directory.path().join("audit.log.1");
    std::fs::rename(audited.file(), &old).expect("renamed");
    let put = ["Action: DBPut", "Family: f", "Key: k", "Val: v"];
    succeeds(&mut client, &put).await;
    let lines = audited.until("DBPut").await;
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let before = std::fs::read_to_string(&old).expect("kept");
    assert_eq!(before.lines().count(), 1);
}
