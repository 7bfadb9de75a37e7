//! What a client sees of a node. Time is paused and streams are in memory wherever sockets are not the subject.

use ami_proto::Frame;

use crate::{SimClient, SimNode, SimOptions};

mod faults;
mod lifecycle;
mod lists;
mod login;
mod originate;
mod session;
mod versions;
mod world;

/// A quiet node that answers originated calls after 50 ms.
async fn node() -> SimNode {
    start(SimOptions::new("pbx1")).await
}

async fn start(options: SimOptions) -> SimNode {
    SimNode::start(options).await.expect("a free port")
}

/// A client over an in-memory stream, not logged in.
async fn knock(node: &SimNode) -> SimClient {
    let (near, far) = tokio::io::duplex(64 * 1024);
    node.serve(far);
    SimClient::over(near).await.expect("a greeting")
}

/// A client that sees and may do everything.
async fn admin(node: &SimNode) -> SimClient {
    let mut client = knock(node).await;
    client.login("admin", "secret").await.expect("a login");
    client
}

/// A client that receives no events.
async fn silent(node: &SimNode) -> SimClient {
    let mut client = knock(node).await;
    client
        .login_with("admin", "secret", &["Events: off"])
        .await
        .expect("a login");
    client
}

fn text(frame: &Frame) -> &str {
    str::from_utf8(frame.bytes()).expect("text")
}

fn value<'a>(frame: &'a Frame, name: &str) -> &'a str {
    let value = frame.header(name).unwrap_or_else(|| {
        panic!("no {name} in {}", text(frame));
    });
    str::from_utf8(value).expect("text")
}

fn message(frame: &Frame) -> &str {
    value(frame, "Message")
}
