//! Nodes from Asterisk 1.8 to 23 behind one amiplex. They are simulated: what those other than 16 and 22 write is taken from
//! Asterisk's source (`docs/versions.md`). A client of one node must not be able to tell amiplex from it.

mod command;
mod libraries;
mod mixed;

use ami_access::{ListForm, builtin_all};
use ami_proto::{Frame, FrameKind};
use ami_sim::{SimClient, SimNode, SimVersion};

use crate::support::{Amiplex, Setup, simulated, simulation};

/// Those of [`MANAGER_CONF`](crate::support::MANAGER_CONF) name nodes that are not here.
const ACCOUNTS: &str = "[general]\n[admin]\nsecret = adminpw\nread = all\nwrite = all\n";

/// One node of each version, named after it, such as `v13.8`.
struct Fleet {
    nodes: Vec<(SimVersion, SimNode)>,
    amiplex: Amiplex,
}

fn name(version: SimVersion) -> String {
    format!("{version:?}").to_lowercase().replace('_', ".")
}

impl Fleet {
    async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let mut nodes = Vec::new();
        for version in SimVersion::ALL {
            let options = simulation(&name(version)).version(version);
            nodes.push((version, SimNode::start(options).await.expect("a port")));
        }
        let specs = nodes.iter().map(|(_, node)| simulated(node)).collect();
        let amiplex = change(Setup::new(specs).accounts(ACCOUNTS)).start().await;
        let fleet = Self { nodes, amiplex };
        for (version, _) in &fleet.nodes {
            fleet.learned(*version).await;
        }
        fleet
    }

    fn node(&self, version: SimVersion) -> &SimNode {
        let found = self.nodes.iter().find(|(own, _)| *own == version);
        &found.expect("started").1
    }

    /// Until then the built-in table speaks for the node.
    async fn learned(&self, version: SimVersion) {
        let mut client = self.through(version).await;
        loop {
            let listed = client
                .action(&["Action: ListCommands"])
                .await
                .expect("answered");
            let ping = listed.header("Ping").unwrap_or_default();
            if ping.starts_with(b"Sign of life.") {
                return;
            }
        }
    }

    async fn through(&self, version: SimVersion) -> SimClient {
        self.amiplex.login(&name(version), "admin", "adminpw").await
    }

    async fn direct(&self, version: SimVersion) -> SimClient {
        let address = self.node(version).address();
        let mut client = SimClient::connect(address).await.expect("greeted");
        client.login("admin", "secret").await.expect("accepted");
        client
    }
}

/// Everything that the client gets for an action, up to the answer of a Ping behind it; events of others left out.
async fn said(client: &mut SimClient, lines: &[&str]) -> Vec<Frame> {
    client.send(lines).await.expect("sent");
    client
        .send(&["Action: Ping", "ActionID: end"])
        .await
        .expect("sent");
    let mut frames = Vec::new();
    loop {
        let frame = client.next_frame().await.expect("an answer in time");
        if frame.action_id() == Some(b"end") {
            return frames;
        }
        if frame.kind() != FrameKind::Event || frame.action_id().is_some() {
            frames.push(frame);
        }
    }
}

fn names(frame: &Frame) -> Vec<String> {
    let names = frame.lines().filter_map(|line| line.name);
    names
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

fn text(frames: &[Frame]) -> String {
    frames
        .iter()
        .map(|frame| String::from_utf8_lossy(frame.bytes()).into_owned())
        .collect()
}

#[tokio::test]
async fn every_version_is_met_as_it_is() {
    let fleet = Fleet::start().await;
    for version in SimVersion::ALL {
        let mut direct = fleet.direct(version).await;
        let mut through = fleet.through(version).await;
        assert_eq!(through.version(), direct.version());
        assert_eq!(through.version().to_string(), version.greeting());
        let booted = [
            direct.next_event("FullyBooted").await.expect("told"),
            through.next_event("FullyBooted").await.expect("told"),
        ];
        assert_eq!(names(&booted[0]), names(&booted[1]), "{version:?}");
        let lists = [
            said(&mut direct, &["Action: ListCommands", "ActionID: l"]).await,
            said(&mut through, &["Action: ListCommands", "ActionID: l"]).await,
        ];
        assert_eq!(text(&lists[0]), text(&lists[1]), "{version:?}");
    }
}

/// Each list of the table is run on each version: those that have it complete it in their own form, the others say that they do not know
/// it. The Ping behind it is answered only when the end was seen.
#[tokio::test]
async fn every_list_of_every_version_comes_to_its_end() {
    let fleet = Fleet::start().await;
    let mut plain = 0;
    for version in SimVersion::ALL {
        let mut direct = fleet.direct(version).await;
        let mut through = fleet.through(version).await;
        let mut whole = 0;
        for spec in builtin_all() {
            let ListForm::List { complete } = spec.list else {
                continue;
            };
            let action = format!("Action: {}", spec.name);
            let lines = [&*action, "ActionID: l", "Family: none", "Key: none"];
            let wanted = said(&mut direct, &lines).await;
            let got = said(&mut through, &lines).await;
            assert_eq!(text(&got), text(&wanted), "{} on {version:?}", spec.name);
            let last = wanted.last().expect("an answer");
            let name = String::from_utf8_lossy(last.event_name().unwrap_or_default()).into_owned();
            if complete.contains(&&*name) {
                whole += 1;
                plain += usize::from(last.list_marker().is_none());
            }
        }
        assert!(whole >= 15, "{version:?}: {whole}");
    }
    assert!(plain >= 20, "lists that end by name alone: {plain}");
}

#[tokio::test]
async fn what_a_version_does_not_know_or_answers_oddly_is_its_own_word() {
    let fleet = Fleet::start().await;
    for version in SimVersion::ALL {
        let mut direct = fleet.direct(version).await;
        let mut through = fleet.through(version).await;
        for lines in [
            &["Action: Queues"][..],
            &["Action: IAXnetstats"],
            &["Action: DBGetTree", "ActionID: a", "Family: none"],
            &["Action: BlindTransfer", "ActionID: a", "Channel: x"],
            &["Action: Nonsense", "ActionID: a"],
            &[
                "Action: DBPut",
                "ActionID: a",
                "Family: f",
                "Key: k",
                "Val: v",
            ],
            &["Action: DBGet", "ActionID: a", "Family: f", "Key: k"],
            &["Action: CoreSettings", "ActionID: a"],
        ] {
            let wanted = said(&mut direct, lines).await;
            let got = said(&mut through, lines).await;
            assert!(!wanted.is_empty());
            assert_eq!(text(&got), text(&wanted), "{lines:?} on {version:?}");
        }
    }
}
