//! A node that dies, stops, restarts or freezes while clients ask for lists of all nodes and make calls there without a pause.
//!
//! Each action gets exactly one final answer, and every list its end. A call leaves a line in the log of its node, so what the
//! node did is counted there: what was called not sent never happened, and nothing happened twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use ami_proto::{Frame, FrameKind, ListMarker};
use ami_sim::SimClient;
use tokio::time::timeout;

use super::{Frozen, NODES, START, empty, observer, patient, succeeds, three};
use crate::support::watch::token;
use crate::support::{Amiplex, control_asterisk, header, last_line, variable};

/// The last word on an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Success,
    /// By the node itself.
    Refused,
    NotSent,
    Unknown,
}

fn verdict(frame: &Frame) -> Verdict {
    match &*last_line(frame) {
        "Outcome: not-sent" => Verdict::NotSent,
        "Outcome: unknown" => Verdict::Unknown,
        _ if frame.response() == Some(b"Error") => Verdict::Refused,
        _ => Verdict::Success,
    }
}

/// A client that never rests, and what it was told.
struct Caller {
    client: SimClient,
    rounds: usize,
    name: String,
    /// What became of each call, by the word that it leaves in the node's log.
    calls: BTreeMap<String, Verdict>,
    /// Lists with this number of nodes in `NodesOk`.
    lists: BTreeMap<String, u32>,
}

/// Lists of all nodes, and among them one that changes while it is made.
const LISTS: [&str; 3] = ["CoreShowChannels", "QueueStatus", "PJSIPShowEndpoints"];

impl Caller {
    async fn log_in(amiplex: &Amiplex) -> Self {
        Self {
            client: patient(amiplex, "all").await,
            rounds: 0,
            name: token("placed"),
            calls: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }

    /// Sends lists and calls at once, and reads until each has its last word.
    async fn round(&mut self) {
        self.rounds += 1;
        let mut open = Vec::new();
        for (number, list) in LISTS.iter().enumerate() {
            let id = format!("list-{}-{number}", self.rounds);
            let lines = [&*format!("Action: {list}"), &format!("ActionID: {id}")];
            self.client.send(&lines).await.expect("sent");
            open.push(id);
        }
        for kind in ["true", "false"] {
            let id = format!("{}r{}{kind}", self.name, self.rounds);
            let lines = format!(
                "Action: Originate\r\nNode: pbx3\r\nChannel: Local/101@tests/n\r\nApplication: Log\r\n\
                 Data: NOTICE,{id}.\r\nAsync: {kind}\r\nTimeout: 5000\r\nActionID: {id}"
            );
            self.client.send(&[&lines]).await.expect("sent");
            open.push(id);
        }
        let mut items: BTreeMap<String, usize> = BTreeMap::new();
        while !open.is_empty() {
            let frame = self.client.next_frame().await.expect("answered");
            self.take(&frame, &mut open, &mut items);
        }
    }

    fn take(&mut self, frame: &Frame, open: &mut Vec<String>, items: &mut BTreeMap<String, usize>) {
        let id = header(frame, "ActionID");
        let is_item = id.starts_with("list-") && frame.kind() == FrameKind::Event;
        if frame.kind() != FrameKind::Response && !is_item {
            return;
        }
        let at = open.iter().position(|open| *open == id);
        let at = at.unwrap_or_else(|| panic!("answered again: {:?}", frame.bytes()));
        match frame.list_marker() {
            Some(ListMarker::Start) => {
                let before = items.insert(id, 0);
                assert_eq!(before, None, "two starts of one list");
            }
            None if is_item => *items.get_mut(&id).expect("begun") += 1,
            Some(_) => {
                open.remove(at);
                let count = items.remove(&id).expect("begun");
                self.list_ended(frame, count);
            }
            None => {
                open.remove(at);
                assert!(!items.contains_key(&id), "{:?}", frame.bytes());
                assert!(!id.starts_with("list-"), "two nodes are well: {frame:?}");
                self.calls.insert(id, verdict(frame));
            }
        }
    }

    fn list_ended(&mut self, end: &Frame, items: usize) {
        assert_eq!(header(end, "ListItems"), items.to_string(), "{end:?}");
        let ok = header(end, "NodesOk");
        let failed = header(end, "NodesFailed");
        let whole = ok == NODES.len().to_string();
        assert!(whole == failed.is_empty(), "{:?}", end.bytes());
        assert!(whole || failed.starts_with("pbx3 ("), "{failed}");
        *self.lists.entry(ok).or_default() += 1;
    }

    /// Rounds until the node has gone and is there again, and one more.
    async fn until(&mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            self.round().await;
        }
        self.round().await;
        succeeds(&mut self.client, &["Action: Ping"]).await;
        let mut late = self.client.take_waiting();
        late.retain(|frame| frame.kind() == FrameKind::Response);
        assert!(late.is_empty(), "{late:?}");
    }
}

/// How often the node has done what leaves these words.
#[derive(Debug, Default)]
struct Counts(BTreeMap<String, u32>);

impl Counts {
    /// Adds what the node's log has now. The log begins anew when the instance is started by the test.
    fn add_log(&mut self) {
        let (cache, home) = (
            variable("AMIPLEX_TEST_CACHE"),
            variable("AMIPLEX_TEST_PBX3_HOME"),
        );
        let path = format!("{cache}/ast22{home}/log/messages");
        let text = std::fs::read(&path).expect("a log");
        for line in String::from_utf8_lossy(&text).lines() {
            if let Some(at) = line.rfind(" placed") {
                let word = line[at..].trim().trim_end_matches('.');
                *self.0.entry(word.to_owned()).or_default() += 1;
            }
        }
    }

    fn of(&self, word: &str) -> u32 {
        self.0.get(word).copied().unwrap_or_default()
    }
}

/// Calls and lists without a pause while `fault` happens; then all is compared with what the node did.
async fn through(
    more: &str,
    fault: impl AsyncFnOnce(&mut SimClient, &mut Counts),
) -> (Vec<Caller>, Counts) {
    let setup = three().await;
    empty(&mut observer().await).await;
    let amiplex = setup.nodes_more(more).start().await;
    amiplex.wait_for_log("what the node has is known", 3).await;
    let mut witness = patient(&amiplex, "all").await;
    let mut callers = Vec::new();
    for _ in 0..4 {
        callers.push(Caller::log_in(&amiplex).await);
    }
    for caller in &mut callers {
        caller.round().await;
    }
    let over = AtomicBool::new(false);
    let mut counts = Counts::default();
    let [one, two, three, four] = &mut *callers else {
        panic!("four callers")
    };
    let all = async {
        let happens = async {
            fault(&mut witness, &mut counts).await;
            let up = |frame: &Frame| {
                frame.event_name() == Some(b"NodeUp") && header(frame, "Node") == "pbx3"
            };
            witness.next_where("the node", up).await.expect("back");
            over.store(true, Ordering::Relaxed);
        };
        tokio::join!(
            happens,
            one.until(&over),
            two.until(&over),
            three.until(&over),
            four.until(&over)
        )
    };
    timeout(START * 2, all).await.expect("all is answered");
    settled(&callers).await;
    counts.add_log();
    check(&callers, &counts);
    (callers, counts)
}

/// The node writes its log a little later: a last call comes behind all others.
async fn settled(callers: &[Caller]) {
    // The AMI of a node that restarts answers before the dialplan is there.
    control_asterisk("up", "pbx3").await;
    let last = token("placed");
    let mut observer = observer().await;
    let data = format!("Data: NOTICE,{last}.");
    let lines = [
        "Action: Originate",
        "Channel: Local/101@tests/n",
        "Application: Log",
        &data,
    ];
    succeeds(&mut observer, &lines).await;
    let done = async {
        loop {
            let mut counts = Counts::default();
            counts.add_log();
            let list = observer.list(&["Action: CoreShowChannels"]).await;
            let none = list.expect("answered").len() == 2;
            if counts.of(&last) == 1 && none {
                return;
            }
        }
    };
    let waited = timeout(START, done).await;
    assert!(waited.is_ok(), "{} callers never settle", callers.len());
}

fn check(callers: &[Caller], counts: &Counts) {
    let mut placed = 0;
    for caller in callers {
        assert_eq!(caller.calls.len(), 2 * caller.rounds);
        for (word, verdict) in &caller.calls {
            let count = counts.of(word);
            placed += count;
            assert!(count <= 1, "{word} was called {count} times: {verdict:?}");
            if *verdict == Verdict::NotSent {
                assert_eq!(count, 0, "{word} was called not sent, and made");
            }
        }
        assert!(caller.lists.contains_key("3"), "{:?}", caller.lists);
    }
    assert!(placed > 0, "no call was ever made");
}

/// The calls of which the node said that it makes them.
fn successes(callers: &[Caller]) -> impl Iterator<Item = &str> {
    let all = callers.iter().flat_map(|caller| &caller.calls);
    let made = all.filter(|(_, verdict)| **verdict == Verdict::Success);
    made.map(|(word, _)| &**word)
}

async fn told_down(witness: &mut SimClient) {
    let down =
        |frame: &Frame| frame.event_name() == Some(b"NodeDown") && header(frame, "Node") == "pbx3";
    witness.next_where("its end", down).await.expect("told");
}

fn assert_both_sides_of_the_fault(callers: &[Caller]) {
    assert!(successes(callers).count() > 0);
    let parts = callers.iter().any(|caller| caller.lists.contains_key("2"));
    assert!(parts, "no list was without the node");
}

#[tokio::test]
async fn killed_in_the_middle_of_lists_and_calls() {
    let callers = through("", async |witness, counts| {
        control_asterisk("kill", "pbx3").await;
        told_down(witness).await;
        counts.add_log();
        control_asterisk("up", "pbx3").await;
    });
    assert_both_sides_of_the_fault(&callers.await.0);
}

#[tokio::test]
async fn stopped_in_the_middle_of_lists_and_calls() {
    let callers = through("", async |witness, counts| {
        control_asterisk("stop", "pbx3").await;
        told_down(witness).await;
        counts.add_log();
        control_asterisk("up", "pbx3").await;
    });
    assert_both_sides_of_the_fault(&callers.await.0);
}

#[tokio::test]
async fn restarted_in_the_middle_of_lists_and_calls() {
    let callers = through("", async |witness, _| {
        let restart = ["Action: Command", "Command: core restart now"];
        observer().await.send(&restart).await.expect("sent");
        told_down(witness).await;
    });
    assert_both_sides_of_the_fault(&callers.await.0);
}

#[tokio::test]
async fn frozen_in_the_middle_of_lists_and_calls() {
    let short = "keepalive = { interval = \"500ms\", deadline = \"1s\" }\n";
    let callers = through(short, async |witness, _| {
        let frozen = Frozen::freeze().await;
        told_down(witness).await;
        frozen.thaw().await;
    });
    let (callers, counts) = callers.await;
    assert_both_sides_of_the_fault(&callers);
    // Nothing of this node was lost: what it said it does it has done.
    for word in successes(&callers) {
        assert_eq!(counts.of(word), 1, "{word}");
    }
}
