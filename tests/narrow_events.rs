//! Classes of events that nobody wants do not come from a real Asterisk, and whoever wants one misses none.

use ami_proto::Frame;
use ami_sim::SimClient;

use crate::support::relay::{Heard, relay};
use crate::support::watch::mark;
use crate::support::{Amiplex, PATIENCE, Setup, asterisk, at_address, header};

/// One node.
struct Behind {
    heard: Heard,
    /// A session at the node itself, so that no answer of amiplex stands between.
    direct: SimClient,
    /// Another one than those of other tests.
    word: String,
}

struct Bench {
    amiplex: Amiplex,
    nodes: Vec<Behind>,
}

impl Bench {
    /// Nodes whose event lanes have been narrowed, as `pbx1` and so on, with a client of that listener that wants calls alone.
    async fn narrowed(names: &[&str], listener: &str) -> (Self, SimClient) {
        let mut specs = Vec::new();
        let mut nodes = Vec::new();
        for (number, name) in (1..).zip(names) {
            let address = asterisk(name).address;
            let (relayed, heard) = relay(address).await;
            specs.push(at_address(&format!("pbx{number}"), relayed));
            let mut direct = SimClient::connect(address).await.expect("connected");
            let login = direct.login_with("writeonly", "writepw", &["Events: off"]);
            login.await.expect("logged in");
            let word = format!("narrow{}{name}{}", std::process::id(), names.len());
            nodes.push(Behind {
                heard,
                direct,
                word,
            });
        }
        let amiplex = Setup::new(specs)
            .nodes_more("narrow_events = \"50ms\"\n")
            .start()
            .await;
        let mut calls = amiplex.client(listener).await;
        let login = calls.login_with("admin", "adminpw", &["Events: call"]);
        login.await.expect("logged in");
        let mut bench = Self { amiplex, nodes };
        bench.are_asked_since(&vec![0; names.len()]).await;
        for node in &mut bench.nodes {
            node.is_quiet().await;
        }
        (bench, calls)
    }

    /// How often each node was asked for a mask.
    fn asked(&self) -> Vec<usize> {
        let nodes = self.nodes.iter();
        nodes.map(|node| node.heard.actions("Events")).collect()
    }

    /// Every node has been asked for another mask since.
    async fn are_asked_since(&mut self, before: &[usize]) {
        let asked = async {
            while self
                .asked()
                .iter()
                .zip(before)
                .any(|(now, before)| now <= before)
            {
                tokio::task::yield_now().await;
            }
        };
        let asked = tokio::time::timeout(PATIENCE, asked);
        asked.await.expect("the nodes are asked for less");
    }

    async fn sets(&mut self, value: &str) {
        for node in &mut self.nodes {
            node.sets(value).await;
        }
    }

    /// The client hears from each node that it was set, whichever is first.
    async fn hears(&self, client: &mut SimClient, value: &str) {
        let mut missing: Vec<&Behind> = self.nodes.iter().collect();
        while !missing.is_empty() {
            let next = client
                .next_where("the VarSet", |frame| {
                    missing.iter().any(|node| node.is_told(frame, value))
                })
                .await;
            let next = next.expect("the event");
            missing.retain(|node| !node.is_told(&next, value));
        }
    }

    /// How many nodes have told amiplex of that value.
    fn came(&self, value: &str) -> usize {
        self.nodes.iter().map(|node| node.came(value)).sum()
    }
}

impl Behind {
    /// The mask is in force when an event no longer comes: until then this raises one after the other.
    async fn is_quiet(&mut self) {
        let quiet = async {
            for number in 0.. {
                let value = format!("before{number}");
                self.sets(&value).await;
                if self.came(&value) == 0 {
                    break;
                }
            }
        };
        let quiet = tokio::time::timeout(PATIENCE, quiet);
        quiet.await.expect("no event of dialplan comes any more");
    }

    fn value(&self, value: &str) -> String {
        format!("{}-{value}", self.word)
    }

    /// Whether the node has told amiplex of that value.
    fn came(&self, value: &str) -> usize {
        self.heard.told(&format!("Value: {}", self.value(value)))
    }

    /// A variable is set at the node, which is an event of the class dialplan. An event that always comes, and that the node raises in the
    /// same way, tells that it has looked at the first: it tests the mask of the moment in which it gets to that.
    async fn sets(&mut self, value: &str) {
        let variable = format!("Variable: {}", self.word);
        let line = format!("Value: {}", self.value(value));
        let lines = ["Action: Setvar", &variable, &line];
        let answer = self.direct.action(&lines).await.expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{answer:?}");
        let word = self.value(value);
        mark(&mut self.direct, &word).await;
        let behind = format!("MemberName: {word}");
        let passed = async {
            while self.heard.told(&behind) == 0 {
                tokio::task::yield_now().await;
            }
        };
        let passed = tokio::time::timeout(PATIENCE, passed);
        passed.await.expect("the event behind it comes");
    }

    /// Whether the event says that it was set.
    fn is_told(&self, event: &Frame, value: &str) -> bool {
        event.event_name() == Some(b"VarSet")
            && header(event, "Variable") == self.word
            && header(event, "Value") == self.value(value)
    }
}

async fn nobody_misses_anything(names: &[&str], listener: &str) {
    let (mut bench, mut calls) = Bench::narrowed(names, listener).await;
    bench.sets("unheard").await;

    // A login that wants it: from its answer on.
    let mut all = bench.amiplex.client(listener).await;
    all.login("admin", "adminpw").await.expect("logged in");
    bench.sets("login").await;
    bench.hears(&mut all, "login").await;
    // The one that nobody wanted did not come.
    assert_eq!(
        [bench.came("unheard"), bench.came("login")],
        [0, names.len()]
    );

    // A mask that wants it, while the other one has gone and the lanes are narrow again.
    let asked = bench.asked();
    all.action(&["Action: Logoff"]).await.expect("said goodbye");
    bench.are_asked_since(&asked).await;
    let more = ["Action: Events", "EventMask: call,dialplan"];
    let answer = calls.action(&more).await.expect("answered");
    assert_eq!(header(&answer, "Events"), "On");
    bench.sets("events").await;
    bench.hears(&mut calls, "events").await;
}

#[tokio::test]
async fn what_nobody_wants_does_not_come_from_22_and_nobody_misses_anything() {
    nobody_misses_anything(&["pbx1"], "pbx1").await;
}

#[tokio::test]
async fn what_nobody_wants_does_not_come_from_16_and_nobody_misses_anything() {
    nobody_misses_anything(&["pbx2"], "pbx1").await;
}

/// The answer waits for both.
#[tokio::test]
async fn a_session_of_several_nodes_misses_nothing_of_any_of_them() {
    nobody_misses_anything(&["pbx1", "pbx2"], "all").await;
}

/// The same for a session of one of them: the other has not to hear it.
#[tokio::test]
async fn a_session_of_one_node_asks_nothing_of_the_others() {
    let (mut bench, _calls) = Bench::narrowed(&["pbx1", "pbx2"], "all").await;
    let asked = bench.asked();
    let mut one = bench.amiplex.client("pbx2").await;
    one.login("admin", "adminpw").await.expect("logged in");
    bench.sets("one").await;
    let second = &bench.nodes[1];
    one.next_where("the VarSet", |frame| second.is_told(frame, "one"))
        .await
        .expect("the event");
    assert_eq!(bench.asked(), [asked[0], asked[1] + 1]);
    assert_eq!(bench.nodes[0].came("one"), 0);
}
