use std::path::Path;

use ami_access::load_from;
use ami_access::manager_conf::MemoryFiles;
use ami_mux::NodeId;
use ami_sim::{Faults, SimAccount, SimClient, SimNode, SimOptions};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cluster::NodeCommand;

const MANAGER_CONF: &str = "[general]\n[a]\nsecret = s\nread = all\nwrite = all\n";

/// amiplex in front of `node`, not running yet.
fn app(node: &SimNode) -> App {
    let config = Config::from_toml(&format!(
        "[[listener]]\nname = \"l\"\nbind = \"127.0.0.1:0\"\non_node_loss = \"keep\"\n\
         [[node]]\nname = \"pbx1\"\naddress = \"{}\"\nusername = \"amiplex\"\nsecret = \"s\"\n",
        node.address()
    ));
    let files = MemoryFiles::default().with("/manager.conf", MANAGER_CONF);
    let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
    let meters = Arc::new(Meters::new("test"));
    App::build(&config.expect("valid"), loaded.accounts, meters).expect("bound")
}

async fn simulated() -> SimNode {
    let options = SimOptions::new("pbx1").account(SimAccount::admin("amiplex", "s"));
    SimNode::start(options).await.expect("listens")
}

/// A bug in what runs a node ends none of its clients, and the node is there again.
#[tokio::test]
async fn a_node_whose_machine_met_a_bug_is_begun_anew() {
    let node = simulated().await;
    let app = app(&node);
    let address = app.addresses()[0].1;
    let world = Arc::clone(&app.world);
    let end = CancellationToken::new();
    let stop = end.clone();
    let run = app.run(move || {
        let end = end.clone();
        async move { end.cancelled().await }
    });
    let test = async {
        node.until_logged_in(1).await;
        let mut client = SimClient::connect(address).await.expect("greeted");
        client.login("a", "s").await.expect("answered");
        while !world
            .cluster
            .directory()
            .entry(NodeId(0))
            .is_some_and(|entry| entry.status.is_up())
        {
            tokio::task::yield_now().await;
        }
        node.set_faults(Faults::none().hold("CoreStatus"));
        client
            .send(&["Action: CoreStatus", "ActionID: held"])
            .await
            .expect("sent");
        node.until_received("CoreStatus", 1).await;
        let commands = &world.cluster.node(NodeId(0)).expect("a node").commands;
        commands.send(NodeCommand::Panic).await.expect("it runs");
        let answer = client.response("held").await.expect("answered");
        assert_eq!(answer.header("Outcome"), Some(&b"unknown"[..]));
        let down = Some(&b"Node pbx1 is down, outcome unknown"[..]);
        assert_eq!(answer.header("Message"), down);
        node.set_faults(Faults::none());
        loop {
            let answer = client
                .action(&["Action: CoreStatus"])
                .await
                .expect("answered");
            match answer.header("Outcome") {
                None => break,
                // Until it is back: nothing reached it.
                Some(outcome) => assert_eq!(outcome, b"not-sent"),
            }
        }
        stop.cancel();
    };
    tokio::join!(run, test);
    assert_eq!(node.connections().len(), 0, "all lanes are closed");
    assert!(node.received_named("Logoff").len() >= 2, "in order");
}
