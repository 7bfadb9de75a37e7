//! What clients cost that come and go, and those that are silent.

use std::time::Duration;

use ami_sim::SimClient;
use bytes::BytesMut;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::figure::{behind, micros, ratio};
use crate::process::{Bed, Kind, Middle, NOTHING, SECRET};
use crate::{Outcome, Plan, say};

/// Clients that log in and off at the same time.
const AT_ONCE: usize = 4;
/// Most that a silent client may take, in bytes: plain and over TLS.
const PLAIN_MAX: u64 = 8 * 1024;
const TLS_MAX: u64 = 24 * 1024;
/// Time in which the last login is over and its memory counted.
const SETTLED: Duration = Duration::from_millis(300);

/// Prints the rows.
pub(crate) async fn measure(bed: &mut Bed, plan: Plan) -> Outcome<()> {
    let own = cycles(&bed.put(Kind::Amiplex).await?, plan).await?;
    let floor = cycles(&bed.put(Kind::LoginFloor).await?, plan).await?;
    say(&format!(
        "login and logoff: CPU {} µs, {} where the answers are fixed words, ratio {}",
        micros(own),
        micros(floor),
        ratio(own, floor)
    ))?;
    for (kind, clients, most) in [
        (Kind::Amiplex, plan.idle, PLAIN_MAX),
        (Kind::AmiplexTls, plan.idle / 4, TLS_MAX),
    ] {
        let each = idle(bed, kind, clients).await?;
        say(&format!(
            "{clients} silent clients{}: {each} bytes each{}",
            if kind.is_tls() { " over TLS" } else { "" },
            behind(each, most, 100)
        ))?;
    }
    say("")
}

/// Nanoseconds of CPU for a connection with a login and a logoff.
async fn cycles(middle: &Middle, plan: Plan) -> Outcome<u64> {
    let address = middle.address;
    let clock = middle.cpu()?;
    let until = Instant::now() + plan.window;
    let mut clients: JoinSet<Outcome<u64>> = JoinSet::new();
    for _ in 0..AT_ONCE {
        clients.spawn(async move {
            let mut count = 0;
            while Instant::now() < until {
                cycle(TcpStream::connect(address).await?).await?;
                count += 1;
            }
            Ok(count)
        });
    }
    let mut count = 0;
    for done in clients.join_all().await {
        count += done?;
    }
    Ok(middle.cpu()?.since(&clock).nanos / count.max(1))
}

async fn cycle(mut stream: TcpStream) -> Outcome<()> {
    let mut heard = BytesMut::with_capacity(1_024);
    let login =
        format!("Action: Login\r\nUsername: {NOTHING}\r\nSecret: {SECRET}\r\nEvents: off\r\n\r\n");
    for (action, answer) in [
        (login.as_str(), "accepted\r\n\r\n"),
        ("Action: Logoff\r\n\r\n", "fish.\r\n\r\n"),
    ] {
        stream.write_all(action.as_bytes()).await?;
        while memmem::find(&heard, answer.as_bytes()).is_none() {
            if stream.read_buf(&mut heard).await? == 0 {
                return Err("closed without an answer".into());
            }
        }
    }
    Ok(())
}

/// Bytes of memory for each of so many clients that are logged in and silent.
async fn idle(bed: &mut Bed, kind: Kind, clients: usize) -> Outcome<u64> {
    let middle = bed.put(kind).await?;
    let mut all: Vec<SimClient> = Vec::with_capacity(clients);
    // What the program takes once is there after the first ones.
    for _ in 0..=clients / 20 {
        all.push(silent(&middle, bed).await?);
    }
    sleep(SETTLED).await;
    let before = middle.memory()?;
    let first = all.len();
    while all.len() < clients {
        all.push(silent(&middle, bed).await?);
    }
    sleep(SETTLED).await;
    let taken = middle.memory()?.saturating_sub(before);
    Ok(taken / u64::try_from(all.len() - first)?.max(1))
}

async fn silent(middle: &Middle, bed: &Bed) -> Outcome<SimClient> {
    let mut client = middle.client(bed.directory()).await?;
    // One that reads everything would not be silent: each login after it is an event.
    client.login(NOTHING, SECRET).await?;
    Ok(client)
}
