//! The turn of a session when amiplex stops. The clock stands still, but where a test moves it.

use tokio::time::{advance, pause};

use super::*;

const PING: &str = "Action: Ping\r\nActionID: p\r\n\r\n";

/// Drains a session behind so many of four others.
async fn draining(behind: usize, login: bool) -> Bench {
    let mut bench = bench().await;
    if login {
        bench.says(LOGIN).await;
        bench.hears("Authentication accepted").await;
    }
    bench.world.drain_turns.begin(4);
    for _ in 0..behind {
        bench.world.drain_turns.take();
    }
    pause();
    bench.supervisor.drain();
    settle().await;
    bench
}

/// Lets everything be done that is ready, without the clock running on.
async fn settle() {
    for _ in 0..1_000 {
        yield_now().await;
    }
}

#[tokio::test]
async fn until_its_turn_a_session_works_as_ever() {
    let mut bench = draining(3, true).await;
    let turn = SPREAD * 3 / 4;
    let moment = Duration::from_millis(2);
    advance(turn.saturating_sub(moment)).await;
    settle().await;
    bench.says(PING).await;
    let heard = bench.hears("Ping: Pong").await;
    assert!(heard.contains("Response: Success"), "{heard}");
    advance(moment * 2).await;
    settle().await;
    bench.says(PING).await;
    let heard = bench.hears("\r\n\r\n").await;
    assert!(heard.contains("Asterisk is shutting down"), "{heard}");
    bench.task.await.expect("ends");
}

#[tokio::test]
async fn who_has_not_logged_in_has_no_turn() {
    let bench = draining(3, false).await;
    let begun = Instant::now();
    bench.task.await.expect("ends");
    assert!(begun.elapsed() < LAST_LOOK * 2);
}

/// The end of the drain waits for nobody's turn.
#[tokio::test]
async fn the_end_comes_before_a_turn() {
    let bench = draining(3, true).await;
    let begun = Instant::now();
    bench.supervisor.stop();
    bench.task.await.expect("ends");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
