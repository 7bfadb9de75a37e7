//! A real Asterisk whose queues are changed by a reload: where actions about them go.

use ami_sim::SimClient;

use super::{patient, setup, succeeds};
use crate::support::header;

/// More round trips than a refresh takes.
const TRIES: usize = 500;

const RESET: [&str; 2] = ["Action: QueueReset", "Queue: fresh"];

async fn message(client: &mut SimClient, lines: &[&str]) -> String {
    let answer = client.action(lines).await.expect("answered");
    header(&answer, "Message")
}

/// Asks until that is the answer, each time after a round trip to the node.
async fn comes_to(client: &mut SimClient, wanted: &str) {
    let mut got = String::new();
    for _ in 0..TRIES {
        got = message(client, &RESET).await;
        if got == wanted {
            return;
        }
        succeeds(client, &["Action: CoreStatus", "Node: pbx3"]).await;
    }
    panic!("{got}, not {wanted}");
}

async fn writes(client: &mut SimClient, change: &[&str]) {
    let mut lines = vec![
        "Action: UpdateConfig",
        "Node: pbx3",
        "SrcFilename: queues.conf",
        "DstFilename: queues.conf",
    ];
    lines.extend(change);
    succeeds(client, &lines).await;
}

#[tokio::test]
async fn a_queue_that_a_reload_brings_or_takes_is_known() {
    let amiplex = setup().await.start().await;
    amiplex.wait_for_log("what the node has is known", 2).await;
    let mut client = patient(&amiplex, "all").await;
    // Both nodes have this one.
    let both = ["Action: QueueReset", "Queue: support"];
    assert_eq!(
        message(&mut client, &both).await,
        "Queue support is on several nodes, name one"
    );
    let appears = [
        "Action-000000: NewCat",
        "Cat-000000: fresh",
        "Action-000001: Append",
        "Cat-000001: fresh",
        "Var-000001: strategy",
        "Value-000001: ringall",
    ];
    writes(&mut client, &appears).await;
    assert_eq!(message(&mut client, &RESET).await, "Node required");
    // The node raises no event for this one; it does for the reload of a module.
    succeeds(&mut client, &["Action: QueueReload", "Node: pbx3"]).await;
    comes_to(&mut client, "Queue stats reset successfully").await;
    writes(&mut client, &["Action-000000: DelCat", "Cat-000000: fresh"]).await;
    let reload = ["Action: Reload", "Module: app_queue.so", "Node: pbx3"];
    succeeds(&mut client, &reload).await;
    comes_to(&mut client, "Node required").await;
}
