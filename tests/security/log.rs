//! The security log, and what fail2ban's stock filter makes of it: the client's address, and no other.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Output;

use ami_sim::{SimClient, SimNode};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::time::{Duration, sleep, timeout};

use crate::support::{Amiplex, PATIENCE, Setup, run_amiplex, simulated, simulation};

/// An address that nobody here has: what forgers would have banned.
const VICTIM: &str = "203.0.113.6";

const ACCOUNTS: &str = "[general]\n[admin]\nsecret=right-secret\nread=all\nwrite=all\n\
    [agent]\nsecret=s\nread=agent\nwrite=agent\n\
    [elsewhere]\nsecret=s\ndeny=0.0.0.0/0,::/0\n\
    [single]\nsecret=s\nallowmultiplelogin=no\n";

struct Logged {
    amiplex: Amiplex,
    directory: TempDir,
    _node: SimNode,
}

impl Logged {
    async fn start() -> Self {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().join("security.log");
        let node = SimNode::start(simulation("pbx1")).await.expect("starts");
        let setup = Setup::new(vec![simulated(&node)]).accounts(ACCOUNTS);
        // The first of these lines is still in the section of the log.
        let amiplex = setup
            .more(&format!("security_file = \"{}\"\n", path.display()))
            .start()
            .await;
        Self {
            amiplex,
            directory,
            _node: node,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read(self.file("security.log")).unwrap_or_default();
        String::from_utf8(text)
            .expect("ASCII")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Waits until the log has a line with this.
    async fn until(&self, text: &str) {
        let written = async {
            while !self.lines().iter().any(|line| line.contains(text)) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(PATIENCE, written).await;
        assert!(waited.is_ok(), "never logged: {text}: {:#?}", self.lines());
    }

    /// A client whose address ends in `last`.
    async fn client(&self, last: u8) -> SimClient {
        let stream = connect_from(last, self.amiplex.address("all")).await;
        SimClient::over(stream).await.expect("greeted")
    }

    /// Such a client sends this.
    async fn sends(&self, last: u8, bytes: &[u8]) -> SimClient {
        let mut client = self.client(last).await;
        client.send_raw(bytes).await.expect("sent");
        client
    }
}

async fn connect_from(last: u8, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let own = Ipv4Addr::new(127, 0, 77, last);
    socket
        .bind(SocketAddr::from((own, 0)))
        .expect("a loopback address");
    socket.connect(address).await.expect("connected")
}

fn login(user: &[u8], secret: &str) -> Vec<u8> {
    [
        b"Action: Login\r\nUsername: ",
        user,
        b"\r\nSecret: ",
        secret.as_bytes(),
        b"\r\n\r\n",
    ]
    .concat()
}

async fn fail2ban(program: &str, config: Option<&Path>, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fail2ban/run");
    let mut command = Command::new(script);
    command.arg(program).args(arguments);
    if let Some(config) = config {
        command.env("FAIL2BAN_CONFIG", config);
    }
    command.kill_on_drop(true).output().await.expect("starts")
}

/// How many failures the stock filter finds, by address.
async fn failures(log: &Path) -> BTreeMap<String, usize> {
    let log = log.display().to_string();
    let output = fail2ban("fail2ban-regex", None, &["-o", "ip", &log, "asterisk"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{said} (tests/fail2ban/install unpacks fail2ban)"
    );
    let mut found = BTreeMap::new();
    for address in String::from_utf8_lossy(&output.stdout).lines() {
        *found.entry(address.to_owned()).or_default() += 1;
    }
    found
}

#[tokio::test]
async fn fail2ban_finds_who_failed_and_nobody_else() {
    let logged = Logged::start().await;
    let mut kept = Vec::new();
    kept.push(logged.sends(11, &login(b"nobody", "x")).await);
    kept.push(logged.sends(11, &login(b"somebody", "x")).await);
    kept.push(logged.sends(12, &login(b"admin", "wrong-secret")).await);
    kept.push(logged.sends(13, &login(b"elsewhere", "s")).await);
    let mut challenged = logged.client(14).await;
    challenged
        .action(&["Action: Challenge", "AuthType: MD5"])
        .await
        .expect("a challenge");
    let key = [
        "Action: Login",
        "AuthType: MD5",
        "Username: admin",
        "Key: a\",RemoteAddress=\"IPV4/TCP/203.0.113.6/1",
    ];
    challenged.send(&key).await.expect("sent");
    // Whoever logs in, is refused an action or comes twice has not failed.
    let mut agent = logged.client(15).await;
    agent.login("agent", "s").await.expect("accepted");
    agent.action(&["Action: Originate"]).await.expect("refused");
    agent.action(&["Action: Nonsense"]).await.expect("refused");
    let mut single = logged.client(15).await;
    single.login("single", "s").await.expect("accepted");
    kept.push(logged.sends(15, &login(b"single", "s")).await);
    kept.push(logged.sends(15, b"Action: Nonsense\r\n\r\n").await);
    for text in [
        "\"nobody\"",
        "\"somebody\"",
        "InvalidPassword",
        "FailedACL",
        "ChallengeResponseFailed",
        "SessionLimit",
        "RequestBadFormat",
    ] {
        logged.until(text).await;
    }
    logged
        .until("RequestType=\"Action: Nonsense\",SessionTV=\"1")
        .await;
    let found = failures(&logged.file("security.log")).await;
    let expected = [
        ("127.0.77.11", 2),
        ("127.0.77.12", 1),
        ("127.0.77.13", 1),
        ("127.0.77.14", 1),
    ];
    let expected = expected.map(|(address, count)| (address.to_owned(), count));
    assert_eq!(found, BTreeMap::from(expected), "{:#?}", logged.lines());
    let text = logged.lines().join("\n");
    for secret in [
        "right-secret",
        "wrong-secret",
        "RemoteAddress=\"IPV4/TCP/203",
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_name_cannot_put_an_address_into_the_log() {
    let logged = Logged::start().await;
    let forged_line = format!(
        "x\r[2026-11-21 05:56:48] SECURITY[1] res_security_log.c: SecurityEvent=\"InvalidPassword\",\
         RemoteAddress=\"IPV4/TCP/{VICTIM}/1\""
    );
    let names = [
        format!("\",RemoteAddress=\"IPV4/TCP/{VICTIM}/5060"),
        format!("x\\\",RemoteAddress=\\\"IPV4/TCP/{VICTIM}/5060\\"),
        format!("x' failed for '{VICTIM}' - Wrong password"),
        format!("x: Host {VICTIM} failed to authenticate"),
        format!("x: hacking attempt detected '{VICTIM}'"),
        format!(",RemoteAddress=IPV4/TCP/{VICTIM}/5060,"),
        forged_line.clone(),
        forged_line.replace('\r', "\u{2028}"),
        forged_line.replace('\r', "\u{85}"),
        forged_line.replace('\r', "\u{b}"),
    ];
    let mut kept = Vec::new();
    for (index, name) in names.iter().enumerate() {
        // As the name of an account, with bytes that are no text behind it, and as that of an action.
        let last = 21 + u8::try_from(index).expect("few");
        kept.push(logged.sends(last, &login(name.as_bytes(), "x")).await);
        kept.push(
            logged
                .sends(last, &login(&[name.as_bytes(), b"\xff\xfe"].concat(), "x"))
                .await,
        );
        let action = format!("Action: {name}\r\n\r\n");
        kept.push(logged.sends(99, action.as_bytes()).await);
    }
    let mut last = logged.client(98).await;
    last.login("admin", "right-secret").await.expect("accepted");
    logged.until("SuccessfulAuth").await;
    let done = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| line.contains("InvalidAccountID"))
            .count()
            == 2 * names.len()
    };
    while !done(&logged.lines()) {
        sleep(Duration::from_millis(5)).await;
    }
    let lines = logged.lines();
    for line in &lines {
        let framed = line.starts_with("[20") && line.ends_with('"');
        assert!(
            framed && line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line}"
        );
        assert!(
            !line.contains(&format!("=\"IPV4/TCP/{VICTIM}")),
            "a field of its own: {line}"
        );
    }
    let found = failures(&logged.file("security.log")).await;
    let expected = (21..)
        .take(names.len())
        .map(|last| (format!("127.0.77.{last}"), 2));
    assert_eq!(found, expected.collect(), "{lines:#?}");
}

#[tokio::test]
async fn a_rotated_log_is_followed() {
    let logged = Logged::start().await;
    let _first = logged.sends(31, &login(b"first", "x")).await;
    logged.until("\"first\"").await;
    std::fs::rename(logged.file("security.log"), logged.file("security.log.1")).expect("renamed");
    let _second = logged.sends(31, &login(b"second", "x")).await;
    logged.until("\"second\"").await;
    assert_eq!(logged.lines().len(), 1);
    let rotated = std::fs::read_to_string(logged.file("security.log.1")).expect("there");
    assert!(
        rotated.contains("\"first\"") && !rotated.contains("\"second\""),
        "{rotated}"
    );
}

#[tokio::test]
async fn what_was_reported_last_is_written_before_the_end() {
    let mut logged = Logged::start().await;
    let mut client = logged.client(41).await;
    client
        .login("admin", "right-secret")
        .await
        .expect("accepted");
    logged.amiplex.signal("TERM").await;
    assert!(logged.amiplex.wait().await.success());
    let lines = logged.lines();
    assert!(
        lines.len() == 1 && lines[0].contains("SuccessfulAuth"),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_named_at_the_start() {
    let node = SimNode::start(simulation("pbx1")).await.expect("starts");
    let directory = TempDir::new().expect("a directory");
    let setup = Setup::new(vec![simulated(&node)]).accounts(ACCOUNTS);
    let path = setup
        .more("security_file = \"nowhere/security.log\"\n")
        .write(directory.path());
    let path = path.display().to_string();
    let (code, said) = run_amiplex(&["run", "--config", &path]).await;
    assert_eq!(code, 1, "{said}");
    let expected = format!(
        "log.security_file: cannot open {}/nowhere/security.log: ",
        directory.path().display()
    );
    assert!(said.contains(&expected), "{said}");
}

/// The sample is read by fail2ban itself.
#[tokio::test]
async fn the_shipped_jail_watches_the_log_with_the_stock_filter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cache = std::env::var("AMIPLEX_TEST_CACHE").expect("tests/asterisk/env is set");
    let directory = TempDir::new().expect("a directory");
    let config = directory.path().join("fail2ban");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(Path::new(&cache).join("fail2ban/etc/fail2ban"))
        .arg(&config)
        .status()
        .await
        .expect("cp starts");
    assert!(copied.success(), "tests/fail2ban/install unpacks fail2ban");
    // The jails of the distribution want logs that this machine may not have.
    std::fs::remove_dir_all(config.join("jail.d")).expect("there");
    std::fs::create_dir(config.join("jail.d")).expect("made");
    let log = directory.path().join("security.log");
    std::fs::write(&log, "").expect("written");
    let sample = std::fs::read_to_string(root.join("deploy/fail2ban/amiplex.conf")).expect("there");
    let shipped = "/var/log/amiplex/security.log";
    assert!(
        sample.contains(&format!("logpath  = {shipped}\n")),
        "{sample}"
    );
    let sample = sample.replace(shipped, &log.display().to_string());
    std::fs::write(config.join("jail.d/amiplex.conf"), sample).expect("written");
    let output = fail2ban("fail2ban-client", Some(&config), &["-d"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for expected in [
        "['add', 'amiplex', ".to_owned(),
        "['start', 'amiplex']".to_owned(),
        "['set', 'amiplex', 'maxretry', 10]".to_owned(),
        format!(
            "['set', 'amiplex', 'addlogpath', '{}', 'head']",
            log.display()
        ),
        "SecurityEvent=".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected}: {said}");
    }
}
