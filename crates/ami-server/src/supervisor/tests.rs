use std::future::pending;
use std::panic::resume_unwind;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;

/// Far more than any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Panics when it is dropped, if it is told to.
struct Bad(bool);

impl Drop for Bad {
    fn drop(&mut self) {
        if self.0 {
            // Without the hook, which would print a backtrace.
            resume_unwind(Box::new("in its drop"));
        }
    }
}

/// Every way in which a task may end: `join` returns, and what the task owned is gone by then.
#[tokio::test]
async fn a_task_that_panics_ends_alone_and_is_joined() {
    let supervisor = Supervisor::new(Arc::new(Meters::new("test")));
    let mut ends = Vec::new();
    for (panics, bad) in [(false, false), (true, false), (false, true)] {
        let (owned, end) = oneshot::channel::<()>();
        ends.push(end);
        supervisor.spawn("test", async move {
            let owned = owned;
            let _bad = Bad(bad);
            tokio::task::yield_now().await;
            if panics {
                resume_unwind(Box::new("as the test asked"));
            }
            drop(owned);
        });
    }
    let stopping = supervisor.clone();
    supervisor.spawn("test", async move {
        stopping.stopping().await;
    });
    for end in ends {
        let ended = timeout(PATIENCE, end).await.expect("ends");
        assert!(ended.is_err(), "the sender was dropped");
    }
    supervisor.stop();
    let joined = timeout(PATIENCE, supervisor.join()).await;
    joined.expect("all are joined, those that panicked too");
}

#[tokio::test]
async fn a_part_that_panics_gives_the_word_to_its_owner() {
    let supervisor = Supervisor::new(Arc::new(Meters::new("test")));
    let part = async { resume_unwind(Box::new("as the test asked")) };
    let outcome: Result<(), Panicked> = supervisor.survive("test", part).await;
    assert!(outcome.is_err());
    let waits = supervisor.survive("test", pending::<()>());
    assert!(
        timeout(Duration::ZERO, waits).await.is_err(),
        "it still runs"
    );
}
