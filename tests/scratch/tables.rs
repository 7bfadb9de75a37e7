//! A table of channels that a client keeps from events alone is the node's own, whatever happened to the node.
//!
//! Nobody else uses the scratch instance, so its CoreShowChannels is compared as it is.

use std::collections::BTreeMap;

use ami_proto::{Frame, FrameKind};
use ami_sim::SimClient;
use tokio::time::timeout;

use super::{Frozen, START, empty, hold, observer, patient, resynced, setup, succeeds};
use crate::support::watch::{direct, token};
use crate::support::{Amiplex, control_asterisk, header};

/// Name, state, caller and connected number of a channel.
type Row = [String; 5];

fn row(frame: &Frame) -> Row {
    [
        "Channel",
        "ChannelState",
        "CallerIDNum",
        "ConnectedLineNum",
        "AccountCode",
    ]
    .map(|name| header(frame, name))
}

/// Channels of the scratch instance, by Uniqueid.
#[derive(Debug, Default)]
struct Table(BTreeMap<String, Row>);

impl Table {
    /// Says what is wrong with an event that does not fit to those before.
    fn apply(&mut self, event: &Frame) -> Result<(), &'static str> {
        if event.kind() != FrameKind::Event || header(event, "Node") != "pbx3" {
            return Ok(());
        }
        let id = header(event, "Uniqueid");
        match event.event_name().unwrap_or_default() {
            b"Newchannel" => match self.0.insert(id, row(event)) {
                None => Ok(()),
                Some(_) => Err("begins twice"),
            },
            b"Newstate" | b"NewCallerid" | b"NewConnectedLine" | b"NewAccountCode" => {
                let before = self.0.insert(id, row(event));
                before.map(drop).ok_or("changes before it begins")
            }
            b"Rename" => {
                let row = self.0.get_mut(&id).ok_or("renamed before it begins")?;
                row[0] = header(event, "Newname");
                Ok(())
            }
            b"Hangup" => self.0.remove(&id).map(drop).ok_or("ends unborn"),
            _ => Ok(()),
        }
    }
}

/// A client of all nodes and its table.
struct Panel {
    who: &'static str,
    client: SimClient,
    table: Table,
    resyncs: usize,
}

impl Panel {
    async fn log_in(amiplex: &Amiplex, who: &'static str) -> Self {
        Self {
            who,
            client: patient(amiplex, "all").await,
            table: Table::default(),
            resyncs: 0,
        }
    }

    /// Applies everything up to and including an event.
    async fn read_until(&mut self, what: &str, last: impl Fn(&Frame) -> bool) {
        loop {
            let frame = self.client.next_frame().await.unwrap_or_else(|error| {
                panic!("waiting for {what}: {error}");
            });
            self.resyncs += usize::from(frame.header("Resync").is_some());
            if let Err(problem) = self.table.apply(&frame) {
                panic!("{}: {problem}: {:?}", self.who, frame.bytes());
            }
            if last(&frame) {
                return;
            }
        }
    }

    async fn read_until_event(&mut self, name: &str) {
        let of_node = |frame: &Frame| {
            frame.event_name() == Some(name.as_bytes()) && header(frame, "Node") == "pbx3"
        };
        self.read_until(name, of_node).await;
    }

    /// What the node lists is what this client has; both may need a moment to come to rest.
    async fn agrees(&mut self, observer: &mut SimClient) {
        let agree = async {
            loop {
                let before = channels(observer).await;
                let word = token("until");
                let event = format!("UserEvent: {word}");
                succeeds(observer, &["Action: UserEvent", &event]).await;
                self.read_until("the mark", |frame| header(frame, "UserEvent") == word)
                    .await;
                if before == channels(observer).await && before == self.table.0 {
                    return;
                }
            }
        };
        let agreed = timeout(START, agree).await;
        if agreed.is_err() {
            assert_eq!(self.table.0, channels(observer).await);
            panic!("never at rest");
        }
    }
}

/// The node's own table.
async fn channels(observer: &mut SimClient) -> BTreeMap<String, Row> {
    let list = observer.list(&["Action: CoreShowChannels"]).await;
    let list = list.expect("answered");
    let items = list
        .iter()
        .filter(|frame| frame.event_name() == Some(b"CoreShowChannel"));
    items
        .map(|item| (header(item, "Uniqueid"), row(item)))
        .collect()
}

/// A scratch instance without channels, and a client that has seen all since.
async fn begin(more: &str) -> (Amiplex, Panel, SimClient) {
    let setup = setup().await;
    let mut observer = observer().await;
    empty(&mut observer).await;
    let amiplex = setup.accounts(&resynced()).nodes_more(more).start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut panel = Panel::log_in(&amiplex, "who was there").await;
    calls(&mut observer).await;
    panel.agrees(&mut observer).await;
    assert!(panel.table.0.len() >= 8, "{:?}", panel.table);
    assert_eq!(panel.resyncs, 0, "nothing was missed so far");
    (amiplex, panel, observer)
}

/// Calls in all sorts of states: standing, ringing, bridged, parked.
async fn calls(observer: &mut SimClient) -> Vec<String> {
    let ids = [token("table"), token("table")];
    for id in &ids {
        hold(observer, "acme", id).await;
    }
    for extension in ["call-3600@tests", "201@tests", "park-it@acme", "405@tests"] {
        let channel = format!("Channel: Local/{extension}/n");
        let id = token("table");
        let (caller, account) = (format!("CallerID: <{id}>"), format!("Account: {id}"));
        let lines = [
            "Action: Originate",
            &channel,
            &caller,
            &account,
            "Application: Wait",
            "Data: 3600",
            "Async: true",
        ];
        succeeds(observer, &lines).await;
    }
    ids.to_vec()
}

/// Cuts amiplex's sessions there; its account is let in again.
async fn cut(observer: &mut SimClient) {
    let ask = ["Action: Command", "Command: manager show connected"];
    let connected = observer.action(&ask).await.expect("answered");
    for line in connected.headers("Output") {
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.split_whitespace();
        if words.next() == Some("amiplex") {
            let descriptor = words.nth(3).unwrap_or_default().to_owned();
            let kick = format!("Command: manager kick session {descriptor}");
            succeeds(observer, &["Action: Command", &kick]).await;
        }
    }
}

async fn hang_up(observer: &mut SimClient, id: &str) {
    let channel = format!("Channel: {id}");
    succeeds(observer, &["Action: Hangup", &channel]).await;
}

#[tokio::test]
async fn a_table_is_right_after_the_node_was_killed_and_started() {
    let (amiplex, mut panel, _gone) = begin("").await;
    control_asterisk("kill", "pbx3").await;
    panel.read_until_event("NodeDown").await;
    let mut latecomer = Panel::log_in(&amiplex, "who came while the node was away").await;
    control_asterisk("up", "pbx3").await;
    let mut observer = observer().await;
    // Calls that may begin before amiplex has found the node again, and some that come after.
    calls(&mut observer).await;
    panel.read_until_event("NodeUp").await;
    calls(&mut observer).await;
    panel.agrees(&mut observer).await;
    latecomer.agrees(&mut observer).await;
    assert!(panel.resyncs > 0, "the old calls were ended");
}

#[tokio::test]
async fn a_table_is_right_after_the_node_restarted_in_order() {
    let (_amiplex, mut panel, mut observer) = begin("").await;
    let restart = ["Action: Command", "Command: core restart now"];
    observer.send(&restart).await.expect("sent");
    panel.read_until_event("NodeDown").await;
    // It is the same process all the while.
    control_asterisk("up", "pbx3").await;
    let mut observer = direct("pbx3", "admin", "adminpw").await;
    calls(&mut observer).await;
    panel.read_until_event("NodeUp").await;
    panel.agrees(&mut observer).await;
}

#[tokio::test]
async fn a_table_is_right_after_the_node_was_frozen_and_lost() {
    let short = "keepalive = { interval = \"500ms\", deadline = \"1s\" }\n";
    let (amiplex, mut panel, mut observer) = begin(short).await;
    let first = calls(&mut observer).await;
    panel.agrees(&mut observer).await;
    let frozen = Frozen::freeze().await;
    panel.read_until_event("NodeDown").await;
    let mut latecomer = Panel::log_in(&amiplex, "who came while the node was away").await;
    // The node reads these when it wakes, before amiplex is back.
    let channel = format!("Channel: {}", first[0]);
    let hangup = ["Action: Hangup", &channel];
    observer.send(&hangup).await.expect("sent");
    let call = "Action: Originate\r\nChannel: Local/call-3600@tests/n\r\nApplication: Wait\r\nData: 3600\r\nAsync: true";
    observer.send(&[call]).await.expect("sent");
    frozen.thaw().await;
    panel.read_until_event("NodeUp").await;
    panel.agrees(&mut observer).await;
    latecomer.agrees(&mut observer).await;
    assert!(latecomer.resyncs > 0, "it was told of all that was there");
}

#[tokio::test]
async fn a_table_is_right_after_the_sessions_were_cut_while_calls_came_and_went() {
    let (amiplex, mut panel, mut observer) = begin("").await;
    for round in 1..=5 {
        let ids = calls(&mut observer).await;
        cut(&mut observer).await;
        hang_up(&mut observer, &ids[0]).await;
        calls(&mut observer).await;
        amiplex
            .wait_for_log("what the node has is known", 2 + round)
            .await;
        hang_up(&mut observer, &ids[1]).await;
        panel.agrees(&mut observer).await;
    }
}

/// The first header that names a channel of the other tenant, in anything that came.
fn foreign(frames: &[Frame]) -> Option<&Frame> {
    frames.iter().find(|frame| {
        String::from_utf8_lossy(frame.bytes()).contains("@zeta")
            || String::from_utf8_lossy(frame.bytes()).contains("foreign")
    })
}

#[tokio::test]
async fn an_account_with_channels_is_told_what_it_missed_of_its_own_alone() {
    let acme =
        "[acme]\nsecret = acmepw\nread = all\nwrite = all\nresync = yes\nchannels = Local/*@acme\n";
    let accounts = format!("{}\n{acme}", resynced());
    let amiplex = setup().await.accounts(&accounts).start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut observer = observer().await;
    let mut all = patient(&amiplex, "all").await;
    let mut tenant = amiplex.login("all", "acme", "acmepw").await;
    tenant.set_patience(START);
    let (own, foreign_id) = (token("own"), token("foreign"));
    for (tenant, id) in [("acme", &own), ("zeta", &foreign_id)] {
        hold(&mut observer, tenant, id).await;
    }
    let of = |name: &'static str, id: &str| {
        let id = id.to_owned();
        move |frame: &Frame| {
            frame.event_name() == Some(name.as_bytes()) && header(frame, "Uniqueid") == id
        }
    };
    for client in [&mut all, &mut tenant] {
        let born = client.next_where("its birth", of("Newchannel", &own)).await;
        born.expect("seen");
    }
    control_asterisk("kill", "pbx3").await;
    for client in [&mut all, &mut tenant] {
        client.next_event("NodeDown").await.expect("told");
    }
    let mut latecomer = amiplex.login("all", "acme", "acmepw").await;
    latecomer.set_patience(START);
    control_asterisk("up", "pbx3").await;
    let mut observer = super::observer().await;
    let ends = |id: &str| {
        let of = of("Hangup", id);
        move |frame: &Frame| of(frame) && header(frame, "Resync") == "yes"
    };
    // One who sees all is told of both, so there was something to hide.
    for id in [&own, &foreign_id] {
        all.next_where("an end", ends(id)).await.expect("made up");
    }
    let ended = tenant.next_where("the end", ends(&own)).await;
    ended.expect("made up");
    // In the next life calls of both are missed by being made while amiplex's sessions are cut.
    let (next_own, next_foreign) = (token("own"), token("foreign"));
    cut(&mut observer).await;
    for (tenant, id) in [("acme", &next_own), ("zeta", &next_foreign)] {
        hold(&mut observer, tenant, id).await;
    }
    for id in [&next_own, &next_foreign] {
        let born = all.next_where("a birth", of("Newchannel", id)).await;
        born.expect("told");
    }
    for client in [&mut tenant, &mut latecomer] {
        let born = client.next_where("its birth", of("Newchannel", &next_own));
        born.await.expect("told");
        hang_up_seen(&mut observer, client, &next_own).await;
        let seen = client.take_waiting();
        assert!(foreign(&seen).is_none(), "{:?}", foreign(&seen));
    }
}

/// The end of its call is the last that the client waits for; a second call of this is refused by the node, which does no harm.
async fn hang_up_seen(observer: &mut SimClient, client: &mut SimClient, id: &str) {
    let channel = format!("Channel: {id}");
    let hangup = ["Action: Hangup", &channel];
    observer.action(&hangup).await.expect("answered");
    let ended =
        |frame: &Frame| frame.event_name() == Some(b"Hangup") && header(frame, "Uniqueid") == id;
    client.next_where("its end", ended).await.expect("told");
}
