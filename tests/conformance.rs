//! Conformance: several hundred exchanges with real Asterisks, directly and through amiplex, compared byte for byte.
//!
//! What a client sends stands in `conformance/exchanges`; what it is answered stands nowhere, because the node itself is asked in the
//! same run. `conformance/README.md` says how an exchange is written and what is compared.

mod checks;
mod connection;
mod differences;
mod masks;
mod message;
mod place;
mod play;
mod script;
mod table;
mod turns;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use parking_lot::Mutex;

use crate::support::{Setup, asterisk};
use differences::DIFFERENCES;
use place::Place;
use play::play;
use script::Exchange;
use turns::{Held, Turn, turns};

/// The exchanges of a file.
fn exchanges(file: &str) -> Vec<Exchange> {
    match file {
        "actions" => table::read(),
        _ => script::read(file),
    }
}

/// Who is compared with the node.
#[derive(Clone, Copy)]
enum Against {
    /// amiplex, at the listener bound to that node.
    Amiplex(SocketAddr),
    /// The node itself, played directly both times: what differs then is no matter of amiplex.
    Asterisk,
}

/// The exchanges of a file at one node, under way.
struct Comparison<'a> {
    node: &'a str,
    against: Against,
    turns: Mutex<VecDeque<Turn>>,
    /// Places in `DIFFERENCES` of those that occurred.
    occurred: Mutex<BTreeSet<usize>>,
}

impl Comparison<'_> {
    /// What is told directly, as amiplex should tell it; an error when a difference does not occur.
    fn expected(
        &self,
        exchange: &Exchange,
        mut told: Vec<String>,
        through: &[String],
    ) -> Result<Vec<String>, String> {
        for (place, known) in DIFFERENCES.iter().enumerate() {
            if !known.concerns(&exchange.name, self.node) {
                continue;
            }
            if known.apply(self.node, &mut told, through) {
                self.occurred.lock().insert(place);
            } else if known.is_in_each() {
                return Err(format!(
                    "a difference that does not occur: {:?}",
                    known.what
                ));
            }
        }
        Ok(told)
    }

    /// Plays an exchange at both ends; what differs, as text.
    async fn compare(&self, exchange: &Exchange, ways: &mut [Place; 2]) -> Result<(), String> {
        let [directly, through] = ways;
        let (told, through) = if let Some(turn) = &exchange.turn {
            let held = Held::take(directly.address, turn).await;
            let told = play(exchange, directly).await;
            let through = play(exchange, through).await;
            drop(held);
            (told, through)
        } else {
            tokio::join!(play(exchange, directly), play(exchange, through))
        };
        let told = told.map_err(|error| format!("directly: {error}"))?;
        let through = through.map_err(|error| format!("through amiplex: {error}"))?;
        let expected = match self.against {
            Against::Asterisk => told,
            Against::Amiplex(_) => self.expected(exchange, told, &through)?,
        };
        let length = through.len().max(expected.len());
        let differs = (0..length).find(|at| through.get(*at) != expected.get(*at));
        let Some(at) = differs else { return Ok(()) };
        let before = at.checked_sub(1).and_then(|at| expected.get(at));
        let shown = |told: Option<&String>| told.map_or("(no more)\n", String::as_str).to_owned();
        Err(format!(
            "message {at}\n--- after\n{}--- directly\n{}--- through amiplex\n{}",
            shown(before),
            shown(expected.get(at)),
            shown(through.get(at)),
        ))
    }

    async fn work(&self) -> Vec<String> {
        let directly = asterisk(self.node).address;
        let mut ways = [
            Place::new(self.node, directly, false).await,
            match self.against {
                Against::Amiplex(listener) => Place::new(self.node, listener, true).await,
                Against::Asterisk => Place::new(self.node, directly, false).await,
            },
        ];
        let mut wrong = Vec::new();
        loop {
            let Some(turn) = self.turns.lock().pop_front() else {
                return wrong;
            };
            for exchange in &turn {
                if let Err(what) = self.compare(exchange, &mut ways).await {
                    wrong.push(format!("{} {}: {what}", self.node, exchange.name));
                }
            }
        }
    }

    /// Differences of this file that occurred in none of its exchanges.
    fn outdated(&self, file: &str) -> Vec<String> {
        let occurred = self.occurred.lock();
        let missing = DIFFERENCES.iter().enumerate().filter(|(place, known)| {
            known.concerns(&format!("{file}/"), self.node) && !occurred.contains(place)
        });
        missing
            .map(|(_, known)| format!("a difference that does not occur: {:?}", known.what))
            .collect()
    }
}

/// Plays the exchanges of a file that are for that node.
async fn conforms(file: &str, node: &str) {
    // On a busy machine an answer may take longer than events wait for it by default; there the order would differ.
    let amiplex = Setup::over_asterisk()
        .more("[limits]\nevent_hold_max = \"10s\"\n")
        .start()
        .await;
    amiplex.has_learned(node).await;
    let only = std::env::var("AMIPLEX_TEST_EXCHANGE").unwrap_or_default();
    let against = match std::env::var("AMIPLEX_TEST_AGAINST").as_deref() {
        Ok("asterisk") => Against::Asterisk,
        _ => Against::Amiplex(amiplex.address(node)),
    };
    let here = exchanges(file).into_iter().filter(|exchange| {
        let for_node = exchange.only.as_deref().is_none_or(|only| only == node);
        for_node && exchange.name.contains(&only)
    });
    let comparison = Comparison {
        node,
        against,
        turns: Mutex::new(turns(here.collect())),
        occurred: Mutex::default(),
    };
    let work = || comparison.work();
    let six: [Vec<String>; 6] = tokio::join!(work(), work(), work(), work(), work(), work()).into();
    let mut wrong = six.concat();
    if only.is_empty() && matches!(against, Against::Amiplex(_)) {
        wrong.extend(comparison.outdated(file));
    }
    assert!(
        wrong.is_empty(),
        "{} exchanges differ\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

macro_rules! conformance_of {
    ($($file:ident)*) => {
        /// The files of exchanges.
        const FILES: &[&str] = &[$(stringify!($file)),*];

        $(mod $file {
            #[tokio::test]
            async fn on_22() {
                super::conforms(stringify!($file), "pbx1").await;
            }

            #[tokio::test]
            async fn on_16() {
                super::conforms(stringify!($file), "pbx2").await;
            }
        })*
    };
}

conformance_of! { actions calls data login queues recorded security session wire }
