//! How many run at once, and what becomes of the others.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;

use super::*;

/// Work that says when it begins, and ends when it is told how.
fn work(begun: &Sender<()>, told: Receiver<bool>) -> impl FnOnce() -> bool + Send + 'static {
    let begun = begun.clone();
    move || {
        begun.send(()).expect("somebody counts");
        told.recv().expect("told")
    }
}

async fn is_pending(outcome: &mut Outcome) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(outcome.as_mut().poll(cx).is_pending())).await
}

#[tokio::test]
async fn few_run_at_once_and_the_others_wait_or_leave() {
    let checks = SecretChecks::default();
    let (begun, begins) = channel();
    let mut running = Vec::new();
    for _ in 0..RUNNING_MAX {
        let (tell, told) = channel();
        let mut outcome = checks.run(work(&begun, told));
        assert!(is_pending(&mut outcome).await);
        begins.recv().expect("it runs");
        running.push((tell, outcome));
    }
    let (_never, told) = channel();
    let mut leaves = checks.run(work(&begun, told));
    let (tell_waiting, told) = channel();
    let mut waits = checks.run(work(&begun, told));
    assert!(is_pending(&mut leaves).await && is_pending(&mut waits).await);
    drop(leaves);

    let (tell, outcome) = running.remove(0);
    // A session that goes away does not free the place of its check.
    drop(outcome);
    assert!(is_pending(&mut waits).await);
    assert!(begins.try_recv().is_err());
    tell.send(false).expect("it still runs");
    tell_waiting.send(true).expect("it will run");
    assert!(waits.await);

    for (tell, outcome) in running {
        tell.send(false).expect("it runs");
        assert!(!outcome.await);
    }
}

#[tokio::test]
async fn a_check_that_breaks_proves_nothing_and_frees_its_place() {
    let checks = SecretChecks::default();
    for _ in 0..=RUNNING_MAX {
        assert!(!checks.run(|| panic!("broken")).await);
    }
    assert!(checks.run(|| true).await);
}
