//! Classes of events that nobody wants do not come from a real Asterisk, and whoever wants one misses none.

use ami_sim::SimClient;

use crate::support::relay::{Heard, relay};
use crate::support::{Amiplex, PATIENCE, Setup, asterisk, at_address, header};

struct Bench {
    amiplex: Amiplex,
    heard: Heard,
    /// A session at the node itself, so that no answer of amiplex stands between.
    direct: SimClient,
    word: String,
}

impl Bench {
    /// A node whose event lane has been narrowed, with a client that wants calls alone.
    async fn narrowed(name: &str) -> (Self, SimClient) {
        let address = asterisk(name).address;
        let (relayed, heard) = relay(address).await;
        let amiplex = Setup::new(vec![at_address("pbx1", relayed)])
            .nodes_more("narrow_events = \"50ms\"\n")
            .start()
            .await;
        let mut calls = amiplex.client("pbx1").await;
        let login = calls.login_with("admin", "adminpw", &["Events: call"]);
        login.await.expect("logged in");
        let asked = async {
            while heard.actions("Events") == 0 {
                tokio::task::yield_now().await;
            }
        };
        let asked = tokio::time::timeout(PATIENCE, asked);
        asked.await.expect("the node is asked for less");
        let mut direct = SimClient::connect(address).await.expect("connected");
        let login = direct.login_with("writeonly", "writepw", &["Events: off"]);
        login.await.expect("logged in");
        let word = format!("narrow{}{name}", std::process::id());
        let mut bench = Self {
            amiplex,
            heard,
            direct,
            word,
        };
        // The mask is in force when an event no longer comes: until then this raises one after the other.
        let quiet = async {
            for number in 0.. {
                let value = format!("before{number}");
                bench.sets(&value).await;
                let answer = calls.action(&["Action: CoreStatus"]).await;
                answer.expect("answered");
                if bench.came(&value) == 0 {
                    break;
                }
            }
        };
        let quiet = tokio::time::timeout(PATIENCE, quiet);
        quiet.await.expect("no event of dialplan comes any more");
        (bench, calls)
    }

    /// Another one than those of other tests.
    fn value(&self, value: &str) -> String {
        format!("{}-{value}", self.word)
    }

    /// Whether the node has told amiplex of that value.
    fn came(&self, value: &str) -> usize {
        self.heard.told(&format!("Value: {}", self.value(value)))
    }

    /// A variable is set at the node, which is an event of the class dialplan.
    async fn sets(&mut self, value: &str) {
        let variable = format!("Variable: {}", self.word);
        let value = format!("Value: {}", self.value(value));
        let lines = ["Action: Setvar", &variable, &value];
        let answer = self.direct.action(&lines).await.expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{answer:?}");
    }

    /// The client hears that it was set.
    async fn hears(&self, client: &mut SimClient, value: &str) {
        let is_it = |frame: &ami_proto::Frame| {
            frame.event_name() == Some(b"VarSet")
                && header(frame, "Variable") == self.word
                && header(frame, "Value") == self.value(value)
        };
        client
            .next_where("the VarSet", is_it)
            .await
            .expect("the event");
    }
}

async fn nobody_misses_anything(name: &str) {
    let (mut bench, mut calls) = Bench::narrowed(name).await;
    bench.sets("unheard").await;

    // A login that wants it: from its answer on.
    let mut all = bench.amiplex.client("pbx1").await;
    all.login("admin", "adminpw").await.expect("logged in");
    bench.sets("login").await;
    bench.hears(&mut all, "login").await;
    // The one that nobody wanted did not come.
    assert_eq!([bench.came("unheard"), bench.came("login")], [0, 1]);

    // A mask that wants it, while the other one has gone and the lane is narrow again.
    all.action(&["Action: Logoff"]).await.expect("said goodbye");
    let asked = bench.heard.actions("Events");
    let narrow = async {
        while bench.heard.actions("Events") <= asked {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, narrow)
        .await
        .expect("asked for less again");
    let more = ["Action: Events", "EventMask: call,dialplan"];
    let answer = calls.action(&more).await.expect("answered");
    assert_eq!(header(&answer, "Events"), "On");
    bench.sets("events").await;
    bench.hears(&mut calls, "events").await;
}

#[tokio::test]
async fn what_nobody_wants_does_not_come_from_22_and_nobody_misses_anything() {
    nobody_misses_anything("pbx1").await;
}

#[tokio::test]
async fn what_nobody_wants_does_not_come_from_16_and_nobody_misses_anything() {
    nobody_misses_anything("pbx2").await;
}
