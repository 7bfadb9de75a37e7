//! What an account may not do: each check inside actions and each way round one, seen from the node.
//!
//! Every row is refused to an account, on a session of one node and on one of all, and its mark never reaches the node. Where somebody may
//! do it, the same lines do reach it from them, so that no row passes because the node could not be reached that way at all.

mod checks;
mod limits;
mod secret;
mod ways_round;

use std::collections::BTreeMap;

use ami_access::builtin_all;
use ami_proto::Frame;
use ami_sim::{SimClient, SimNode};

use crate::support::{Amiplex, Setup, header, simulated, simulation};

/// Lines of an account, the refusal that it gets, the action, and lines of an account that may do it.
struct Row {
    account: &'static str,
    says: &'static str,
    lines: &'static [&'static str],
    may: Option<&'static str>,
}

const fn row(
    account: &'static str,
    says: &'static str,
    lines: &'static [&'static str],
    may: &'static str,
) -> Row {
    Row {
        account,
        says,
        lines,
        may: Some(may),
    }
}

/// Refused to everybody.
const fn never(says: &'static str, lines: &'static [&'static str]) -> Row {
    Row {
        account: "write = all",
        says,
        lines,
        may: None,
    }
}

const DENIED: &str = "Permission denied";

/// One amiplex in front of one node, with an account for each set of lines.
struct Stage {
    node: SimNode,
    amiplex: Amiplex,
    names: BTreeMap<String, String>,
    sessions: BTreeMap<(String, &'static str), SimClient>,
}

impl Stage {
    async fn with_accounts(accounts: impl Iterator<Item = String>) -> Self {
        let node = SimNode::start(simulation("pbx1")).await.expect("listens");
        let mut names = BTreeMap::new();
        let mut text = "[general]\n".to_owned();
        for lines in accounts {
            let name = format!("account{}", names.len());
            if names.contains_key(&lines) {
                continue;
            }
            text.push_str(&format!("[{name}]\nsecret = pw\n{lines}\n"));
            names.insert(lines, name);
        }
        let amiplex = Setup::new(vec![simulated(&node)])
            .accounts(&text)
            .start()
            .await;
        Self {
            node,
            amiplex,
            names,
            sessions: BTreeMap::new(),
        }
    }

    /// Sends the lines with a mark; the response.
    async fn ask(
        &mut self,
        account: &str,
        listener: &'static str,
        lines: &[&str],
        mark: &str,
    ) -> Frame {
        let key = (account.to_owned(), listener);
        if !self.sessions.contains_key(&key) {
            let client = self.amiplex.login(listener, &self.names[account], "pw");
            let client = client.await;
            self.sessions.insert(key.clone(), client);
        }
        let client = self.sessions.get_mut(&key).expect("just logged in");
        let (mark, id) = (format!("X-Mark: {mark}"), format!("ActionID: {mark}"));
        let mut all = lines.to_vec();
        all.extend([&*mark, &id, "Node: pbx1"]);
        client.send(&all).await.expect("sent");
        client
            .response(id.trim_start_matches("ActionID: "))
            .await
            .unwrap_or_else(|error| panic!("{account} {lines:?}: {error}"))
    }

    /// Everything sent so far has come to the node when this returns: a session's actions run in their order.
    async fn settle(&mut self) {
        for client in self.sessions.values_mut() {
            client
                .list(&["Action: QueueSummary", "Node: pbx1"])
                .await
                .expect("answered");
        }
    }

    /// The marks that the node saw.
    fn marks(&self) -> Vec<String> {
        let received = self.node.received();
        let marks = received.iter().filter_map(|one| {
            let mark = one.action.header("X-Mark")?;
            Some(String::from_utf8_lossy(mark).into_owned())
        });
        marks.collect()
    }
}

async fn refuses(rows: &[Row]) {
    let accounts = rows
        .iter()
        .flat_map(|row| [Some(row.account), row.may])
        .flatten()
        .map(str::to_owned);
    let mut stage = Stage::with_accounts(accounts).await;
    for (number, row) in rows.iter().enumerate() {
        for listener in ["pbx1", "all"] {
            let mark = format!("no{number}");
            let answer = stage.ask(row.account, listener, row.lines, &mark).await;
            assert_eq!(
                (answer.response(), header(&answer, "Message").as_str()),
                (Some(&b"Error"[..]), row.says),
                "{} {:?}",
                row.account,
                row.lines
            );
        }
        if let Some(may) = row.may {
            stage
                .ask(may, "pbx1", row.lines, &format!("yes{number}"))
                .await;
        }
    }
    stage.settle().await;
    let marks = stage.marks();
    for (number, row) in rows.iter().enumerate() {
        let refused = format!("no{number}");
        assert!(!marks.contains(&refused), "reached it: {:?}", row.lines);
        let allowed = format!("yes{number}");
        assert_eq!(
            marks.contains(&allowed),
            row.may.is_some(),
            "{:?}",
            row.lines
        );
    }
}

#[tokio::test]
async fn no_action_runs_without_one_of_its_classes() {
    // Each account has all classes but those of its actions.
    let without = |classes: ami_proto::ClassSet| {
        let every = ami_proto::ClassSet::ALL.render();
        let all: Vec<&str> = every
            .split(',')
            .filter(|label| *label != "all")
            .filter(|label| {
                let one = ami_proto::Class::from_label(label);
                one.is_some_and(|one| !classes.contains(one))
            })
            .collect();
        format!("write = {}", all.join(","))
    };
    let needy: Vec<_> = builtin_all()
        .iter()
        .filter(|spec| !spec.classes.is_empty())
        .collect();
    let accounts = needy.iter().map(|spec| without(spec.classes));
    let mut stage = Stage::with_accounts(accounts).await;
    for spec in &needy {
        let account = without(spec.classes);
        let action = format!("Action: {}", spec.name);
        for listener in ["pbx1", "all"] {
            let answer = stage.ask(&account, listener, &[&action], spec.name).await;
            assert_eq!(answer.response(), Some(&b"Error"[..]), "{}", spec.name);
            let says = header(&answer, "Message");
            // What no node knows is unknown to those who may not run it.
            assert!(
                says == DENIED || says.starts_with("Invalid/unknown command: "),
                "{}: {says}",
                spec.name
            );
        }
    }
    stage.settle().await;
    assert!(needy.len() > 100, "the table is there");
    assert_eq!(stage.marks(), Vec::<String>::new());
}
