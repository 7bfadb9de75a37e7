//! A client that sends one action after the other and checks each answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ami_sim::SimClient;
use bytes::BytesMut;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::figure::nanos;
use crate::process::{Middle, SECRET, USER};
use crate::{Outcome, node};

/// Shared by all callers of a scene.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Actions that were answered.
    pub(crate) answered: AtomicU64,
    /// Whether times are noted now.
    pub(crate) counting: AtomicBool,
}

/// What a caller found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Answers that were no success, or to another action.
    pub(crate) wrong: u64,
    /// Nanoseconds from writing an action to having its answer.
    pub(crate) times: Vec<u64>,
}

/// Logs in without events.
pub(crate) async fn connect(
    middle: &Middle,
) -> Outcome<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
    let (user, secret) = match middle.kind {
        kind if kind.is_amiplex() => (USER, SECRET),
        // The client talks to the node itself.
        _ => (node::USER, node::SECRET),
    };
    let mut client = SimClient::connect(middle.address).await?;
    client.login_with(user, secret, &["Events: off"]).await?;
    // The login's own event may still come where the account cannot be without; it is read over.
    Ok(client.into_stream())
}

/// Calls until told to stop: at once after each answer, or once in each `pace`.
pub(crate) async fn call(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    pace: Option<Duration>,
    tally: Arc<Tally>,
    stop: watch::Receiver<bool>,
) -> Outcome<Found> {
    let mut found = Found::default();
    let mut buffer = BytesMut::with_capacity(4 * 1024);
    let mut ticks = pace.map(interval);
    if let Some(ticks) = &mut ticks {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let mut number = 0_u64;
    while !*stop.borrow() {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        number += 1;
        let action = format!("Action: Getvar\r\nActionID: {number}\r\nVariable: BENCH\r\n\r\n");
        let start = Instant::now();
        stream.write_all(action.as_bytes()).await?;
        let message = response(&mut stream, &mut buffer).await?;
        let time = start.elapsed();
        found.wrong += u64::from(!is_answer(&message, number));
        tally.answered.fetch_add(1, Ordering::Relaxed);
        if tally.counting.load(Ordering::Relaxed) {
            found.times.push(nanos(time));
        }
    }
    Ok(found)
}

/// The next message that is no event.
async fn response(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Outcome<BytesMut> {
    loop {
        while let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            let message = buffer.split_to(end + 4);
            if !message.starts_with(b"Event: ") {
                return Ok(message);
            }
        }
        buffer.reserve(1024);
        if stream.read_buf(buffer).await? == 0 {
            return Err("the connection was closed before the answer".into());
        }
    }
}

fn is_answer(message: &[u8], number: u64) -> bool {
    let id = format!("\r\nActionID: {number}\r\n");
    message.starts_with(b"Response: Success\r\n") && memmem::find(message, id.as_bytes()).is_some()
}
