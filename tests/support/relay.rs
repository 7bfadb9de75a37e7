//! A relay between amiplex and a node, which hears what both say.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What was said on each connection.
type Said = Arc<Mutex<Vec<Vec<u8>>>>;

/// What amiplex has said to the node, and the node to amiplex.
#[derive(Clone, Default)]
pub struct Heard {
    up: Said,
    down: Said,
}

impl Heard {
    /// How often amiplex sent an action of that name.
    pub fn actions(&self, action: &str) -> usize {
        count(&self.up, &format!("Action: {action}\r\n"))
    }

    /// How often the node sent that line.
    pub fn told(&self, line: &str) -> usize {
        count(&self.down, &format!("{line}\r\n"))
    }
}

fn count(said: &Said, line: &str) -> usize {
    let times = |said: &Vec<u8>| {
        let said = said.windows(line.len());
        said.filter(|part| *part == line.as_bytes()).count()
    };
    said.lock().iter().map(times).sum()
}

/// A relay to the node at `address`.
#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
pub async fn relay(address: SocketAddr) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let here = listener.local_addr().expect("an address");
    let heard = Heard::default();
    let all = heard.clone();
    tokio::spawn(async move {
        while let Ok((lane, _)) = listener.accept().await {
            let node = TcpStream::connect(address).await.expect("the node listens");
            let (from_amiplex, to_amiplex) = lane.into_split();
            let (from_node, to_node) = node.into_split();
            let up = pass(from_amiplex, to_node, Arc::clone(&all.up));
            let down = pass(from_node, to_amiplex, Arc::clone(&all.down));
            tokio::spawn(async move {
                tokio::select! {
                    () = up => {}
                    () = down => {}
                }
            });
        }
    });
    (here, heard)
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, heard: Said) {
    let at = {
        let mut said = heard.lock();
        said.push(Vec::new());
        said.len() - 1
    };
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        heard.lock()[at].extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}
