use std::sync::Arc;

use ami_mux::Directory;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::cluster::NodeHandle;

const NODES: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

/// Nodes whose queues have room for one command; the last one leaves nothing out.
fn nodes() -> (Cluster, Vec<mpsc::Receiver<NodeCommand>>) {
    let (mut handles, mut queues) = (Vec::new(), Vec::new());
    for narrows in [true, true, false] {
        let (commands, queue) = mpsc::channel(1);
        let mut handle = NodeHandle::new(commands, Arc::from([]));
        handle.narrows = narrows;
        handles.push(handle);
        queues.push(queue);
    }
    (Cluster::new(handles, Directory::new(Vec::new())), queues)
}

fn is_told(queue: &mut mpsc::Receiver<NodeCommand>) -> oneshot::Sender<()> {
    match queue.try_recv() {
        Ok(NodeCommand::Interest(done)) => done,
        other => panic!("not told: {other:?}"),
    }
}

async fn is_waiting(hearing: &mut Hearing) -> bool {
    poll_fn(|cx| Poll::Ready(hearing.as_mut().poll(cx).is_pending())).await
}

async fn is_telling(telling: &mut Telling) -> bool {
    poll_fn(|cx| Poll::Ready(telling.poll(cx).is_pending())).await
}

#[tokio::test(start_paused = true)]
async fn every_node_that_leaves_something_out_must_have_heard() {
    let (cluster, mut queues) = nodes();
    assert!(tell(&cluster, &[NodeId(2)]).is_none());
    let mut hearing = tell(&cluster, &NODES).expect("two must hear");
    assert!(is_waiting(&mut hearing).await);
    let [first, second] = [0, 1].map(|node| is_told(&mut queues[node]));
    assert!(queues[2].try_recv().is_err());
    drop(second);
    assert!(is_waiting(&mut hearing).await);
    drop(first);
    let since = Instant::now();
    assert!(hearing.await.is_none(), "all have heard");
    assert_eq!(since.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_keeps_nobody_waiting_for_longer_than_a_second() {
    let (cluster, mut queues) = nodes();
    let hearing = tell(&cluster, &NODES).expect("two must hear");
    let since = Instant::now();
    let mut left = hearing.await.expect("none has heard");
    assert_eq!(since.elapsed(), Duration::from_secs(1));
    drop(is_told(&mut queues[0]));
    assert!(is_telling(&mut left).await);
    drop(is_told(&mut queues[1]));
    assert!(!is_telling(&mut left).await);
}

/// Else it would leave out for ever what the session was told it gets.
#[tokio::test(start_paused = true)]
async fn a_node_without_room_keeps_the_others_from_nothing_and_hears_it_later() {
    let (cluster, mut queues) = nodes();
    let full = &cluster.node(NodeId(0)).expect("a node").commands;
    let (other, _ends) = oneshot::channel();
    full.try_send(NodeCommand::Interest(other)).expect("room");
    let mut hearing = tell(&cluster, &NODES).expect("two must hear");
    assert!(is_waiting(&mut hearing).await);
    drop(is_told(&mut queues[1]));
    let mut left = hearing.await.expect("one has not heard");
    drop(is_told(&mut queues[0]));
    assert!(is_telling(&mut left).await);
    drop(is_told(&mut queues[0]));
    assert!(!is_telling(&mut left).await);
}

/// A node whose task has ended hears nothing any more.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_gone_keeps_nobody_waiting() {
    let (cluster, queues) = nodes();
    drop(queues);
    let since = Instant::now();
    let hearing = tell(&cluster, &NODES).expect("two should hear");
    assert!(hearing.await.is_none());
    assert_eq!(since.elapsed(), Duration::ZERO);
}
