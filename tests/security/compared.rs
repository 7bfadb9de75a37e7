//! The same logins and refusals at a real Asterisk and at amiplex in front of it: the same events, header by header.

use std::net::SocketAddr;

use ami_proto::Frame;
use ami_sim::{ClientError, SimClient};
use tokio::net::TcpStream;

use crate::support::{Setup, asterisk, header};

/// One of the two that are compared: clients do things at it, and a reader of the class `security` watches.
struct Side {
    address: SocketAddr,
    reader: SimClient,
    clients: Vec<Actor>,
}

/// A client, told apart by its port, with what it does.
struct Actor {
    client: SimClient,
    port: u16,
    does: String,
}

/// What each client did, and the events that it raised.
type Raised = Vec<(String, Vec<String>)>;

impl Actor {
    /// Says this, `|` for line ends.
    async fn says(&mut self, text: &str) {
        let bytes = format!("{}\r\n\r\n", text.replace('|', "\r\n"));
        self.client.send_raw(bytes.as_bytes()).await.expect("sent");
        self.does.push_str(text);
    }

    async fn logs_in(&mut self, user: &str, secret: &str) {
        self.client.login(user, secret).await.expect("accepted");
        self.does.push_str(user);
    }
}

impl Side {
    async fn new(address: SocketAddr) -> Self {
        let mut reader = SimClient::connect(address).await.expect("greeted");
        let mask = ["Events: security"];
        reader
            .login_with("events", "eventspw", &mask)
            .await
            .expect("logged in");
        Self {
            address,
            reader,
            clients: Vec::new(),
        }
    }

    async fn connect(&mut self) -> &mut Actor {
        let stream = TcpStream::connect(self.address).await.expect("connected");
        let port = stream.local_addr().expect("connected").port();
        let client = SimClient::over(stream).await.expect("greeted");
        self.clients.push(Actor {
            client,
            port,
            does: String::new(),
        });
        self.clients.last_mut().expect("just added")
    }

    /// Waits until all that was said has been dealt with, then reads what was raised.
    async fn raised(mut self) -> Raised {
        for actor in &mut self.clients {
            // Answered, or the connection is closed after a failed login.
            let answered = actor.client.action(&["Action: TheFence"]).await;
            assert!(
                !matches!(answered, Err(ClientError::Late(_))),
                "{}",
                actor.does
            );
        }
        let last = self.connect().await;
        last.says("Action: TheLast").await;
        let last_port = last.port;
        let mut raised: Raised = Vec::new();
        raised.extend(
            self.clients
                .iter()
                .map(|actor| (actor.does.clone(), Vec::new())),
        );
        loop {
            let frame = self.reader.next_frame().await.expect("the last comes");
            let Some(index) = self.actor_of(&frame) else {
                continue;
            };
            raised[index].1.push(masked(&frame, self.address));
            if self.clients[index].port == last_port {
                return raised;
            }
        }
    }

    /// The client that the event is about, if it is one of ours: others use the node too.
    fn actor_of(&self, frame: &Frame) -> Option<usize> {
        let port_of =
            |name: &str| -> Option<u16> { header(frame, name).rsplit('/').next()?.parse().ok() };
        let port = port_of("RemoteAddress")?;
        let here = port_of("LocalAddress")? == self.address.port();
        self.clients
            .iter()
            .position(|actor| here && actor.port == port)
    }
}

/// The event with what differs by nature replaced, after a look at its form.
fn masked(frame: &Frame, address: SocketAddr) -> String {
    let mut text = String::new();
    for line in frame.lines() {
        let raw = String::from_utf8_lossy(line.raw).into_owned();
        let (name, value) = raw
            .split_once(": ")
            .unwrap_or_else(|| (raw.trim_end_matches(':'), ""));
        let value = match name {
            // amiplex has none.
            "SystemName" => continue,
            // Or the evening before, west of Greenwich.
            "SessionTV" if value.starts_with("1970-") || value.starts_with("1969-") => {
                time(value);
                "none".to_owned()
            }
            "EventTV" | "SessionTV" => time(value).to_owned(),
            "SessionID" => {
                let digits = value.strip_prefix("0x").expect("a pointer");
                assert!(u64::from_str_radix(digits, 16).is_ok(), "{value}");
                "id".to_owned()
            }
            "LocalAddress" => {
                let expected = format!("IPV4/TCP/{}/{}", address.ip(), address.port());
                assert_eq!(value, expected);
                "here".to_owned()
            }
            "RemoteAddress" => {
                assert!(value.starts_with("IPV4/TCP/127.0.0.1/"), "{value}");
                "there".to_owned()
            }
            "Challenge" => {
                assert!(value.parse::<u32>().is_ok(), "{value}");
                "number".to_owned()
            }
            // amiplex tells no hash.
            "Response" | "ExpectedResponse" => String::new(),
            _ => value.to_owned(),
        };
        text.push_str(&format!("{name}: {value}\n"));
    }
    text
}

/// `2026-11-21T05:56:48.563+0000`
fn time(value: &str) -> &'static str {
    let form: String = value
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let (local, zone) = form.split_at(form.len().saturating_sub(5));
    assert_eq!(local, "0000-00-00T00:00:00.000", "{value}");
    assert!(matches!(zone, "+0000" | "-0000"), "{value}");
    "time"
}

/// Everything that can happen to a login and to an action, and what it raises.
async fn everything(mut side: Side) -> Raised {
    let long = format!("Action: {}", "x".repeat(200));
    for text in [
        "Action: Login|Username: No One|Secret: x",
        "Action: Login|Username: aDmin|Secret: x",
        "Action: Login|Username: admin",
        "Action: Login|Username: aclonly|Secret: aclpw",
        "Action: Login|Secret: x",
        "Action: Login|AuthType: MD5|Username: admin|Key: 00",
        "Action: Login|Username: a \"quoted\" \\name, %s ${X}|Secret: x",
        "Action: Ping|ActionID: 1",
        "Action: Nonsense|Username: admin",
        "ActionID: 1|Username: admin",
        "Action: Challenge|AuthType: other",
        "Action: Logoff",
        &long,
    ] {
        side.connect().await.says(text).await;
    }
    for key in ["deadbeef", "with: colon", ""] {
        let actor = side.connect().await;
        let lines = ["Action: Challenge", "AuthType: MD5"];
        actor.client.action(&lines).await.expect("a challenge");
        let text = format!("Action: Login|AuthType: MD5|Username: admin|Key: {key}");
        actor.says(&text).await;
    }
    let actor = side.connect().await;
    let accepted = actor.client.login_md5("admin", "adminpw").await;
    accepted.expect("accepted");
    side.connect().await.logs_in("SINGLE", "singlepw").await;
    let text = "Action: Login|Username: single|Secret: x";
    side.connect().await.says(text).await;
    let text = "Action: Challenge|AuthType: MD5|Username: Single";
    side.connect().await.says(text).await;
    let agent = side.connect().await;
    agent.logs_in("aGENT", "agentpw").await;
    for text in [
        "Action: Nonsense|ActionID: 1",
        "ActionID: 1",
        "Action: oriGinate|Channel: Local/100@tests",
        "Action: Login|Username: admin|Secret: x",
        "Action: Challenge|AuthType: MD5",
        "Action: Ping",
        "Action: Ping ",
        &long,
    ] {
        agent.says(text).await;
    }
    side.raised().await
}

async fn compare(node: &str) {
    let amiplex = Setup::over_asterisk().start().await;
    let directly = Side::new(asterisk(node).address).await;
    let through = Side::new(amiplex.address(node)).await;
    let (directly, through) = tokio::join!(everything(directly), everything(through));
    let events: usize = directly.iter().map(|(_, events)| events.len()).sum();
    assert!(events > 25, "the node tells of them: {directly:#?}");
    for (expected, seen) in directly.iter().zip(&through) {
        assert_eq!(seen, expected);
    }
    assert_eq!(through.len(), directly.len());
}

#[tokio::test]
async fn logins_and_refusals_raise_what_they_raise_at_asterisk_22() {
    compare("pbx1").await;
}

#[tokio::test]
async fn logins_and_refusals_raise_what_they_raise_at_asterisk_16() {
    compare("pbx2").await;
}
