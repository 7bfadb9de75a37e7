//! Where exchanges are played, and when everything that a node raised has come there.

use std::net::SocketAddr;

use ami_sim::SimClient;

use crate::support::watch::{direct, direct_greeted, mark, stream, token};

/// A way to a node, and clients that help to tell when everything has come.
pub struct Place {
    pub node: String,
    pub address: SocketAddr,
    pub through: bool,
    /// Makes marks in the node's events.
    pub actor: SimClient,
    /// Sees them in this place.
    pub watcher: SimClient,
    /// Sees the UserEvents at the node itself.
    pub listener: SimClient,
}

impl Place {
    pub async fn new(node: &str, address: SocketAddr, through: bool) -> Self {
        let mut watcher = SimClient::connect(address).await.expect("greeted");
        watcher
            .login_with("admin", "adminpw", &["Events: agent"])
            .await
            .expect("logged in");
        let mut listener = direct_greeted(node).await;
        listener
            .login_with("admin", "adminpw", &["Events: user"])
            .await
            .expect("logged in");
        Self {
            node: node.to_owned(),
            address,
            through,
            actor: direct(node, "writeonly", "writepw").await,
            watcher,
            listener,
        }
    }

    /// Waits until every event that was raised so far has come here.
    pub async fn settle(&mut self) {
        let word = token("mark");
        mark(&mut self.actor, &word).await;
        stream(&mut self.watcher, &[&word]).await;
    }
}
