//! Exchanges that use the same things at a node run one after the other, also when they are in files that other processes play.

use std::collections::VecDeque;
use std::fs::File;
use std::net::SocketAddr;

use super::script::Exchange;

/// Exchanges to be played one after the other.
pub type Turn = Vec<Exchange>;

pub fn turns(exchanges: Vec<Exchange>) -> VecDeque<Turn> {
    let mut turns: VecDeque<Turn> = VecDeque::new();
    for exchange in exchanges {
        let same = turns
            .iter_mut()
            .find(|turn| exchange.turn.is_some() && turn[0].turn == exchange.turn);
        match same {
            Some(turn) => turn.push(exchange),
            None => turns.push_back(vec![exchange]),
        }
    }
    turns
}

/// What a turn is about at a node, for one exchange of one process. It ends with the file that is locked.
pub struct Held(#[expect(dead_code, reason = "it is the lock")] File);

impl Held {
    pub async fn take(node: SocketAddr, turn: &str) -> Self {
        let name = format!("amiplex-conformance-{}-{turn}.lock", node.port());
        let path = std::env::temp_dir().join(name);
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::create(path)?;
            file.lock().map(|()| file)
        });
        Self(locked.await.expect("not cancelled").expect("locked"))
    }
}
