//! What clients cost that come and go, and those that are silent.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ami_sim::SimClient;
use bytes::BytesMut;
use memchr::memmem;
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;

use crate::figure::{behind, median, micros, millis, nanos, ratio};
use crate::process::{Bed, Kind, Middle, NOTHING, SECRET};
use crate::{Outcome, Plan, TURNS, say, tls};

/// Clients that log in and off at the same time.
const AT_ONCE: usize = 4;
/// Most that a silent client may take, in bytes: plain and over TLS.
const PLAIN_MAX: u64 = 8 * 1024;
const TLS_MAX: u64 = 24 * 1024;
/// Most CPU that a login and a logoff may take, in hundredths of what the floor takes.
const CYCLE_LIMIT: u64 = 150;
/// Clients that come at the same moment, and the longest that all of their logins may take, in nanoseconds.
const RUSH: usize = 500;
const RUSH_MAX: u64 = 1_000_000_000;
/// Time in which the last login is over and its memory counted.
const SETTLED: Duration = Duration::from_millis(300);

/// Prints the rows.
pub(crate) async fn measure(bed: &mut Bed, plan: Plan) -> Outcome<()> {
    for (name, way) in [
        ("login and logoff", Way::Plain),
        ("the same over TLS, handshake in full", Way::Full),
        ("the same over TLS, resumed", Way::Resumed),
    ] {
        let (mut own, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            own.push(cycles(bed, way.amiplex(), way, plan.turn()).await?);
            floor.push(cycles(bed, way.floor(), way, plan.turn()).await?);
        }
        let (own, floor) = (median(&own), median(&floor));
        say(&format!(
            "{name}: CPU {} µs, {} where the answers are fixed words, ratio {}{}",
            micros(own),
            micros(floor),
            ratio(own, floor),
            behind(own, floor, CYCLE_LIMIT)
        ))?;
    }
    for (name, way) in [("", Way::Plain), (" over TLS", Way::Full)] {
        let clients = plan.idle.min(RUSH);
        let own = rush(bed, way.amiplex(), way, clients).await?;
        let floor = rush(bed, way.floor(), way, clients).await?;
        say(&format!(
            "{clients} clients at once{name}: all logged in after {} ms, {} where the answers are fixed words{}",
            millis(own / 1_000),
            millis(floor / 1_000),
            behind(own, RUSH_MAX, 100)
        ))?;
    }
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

/// How a client comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    /// Over TLS, each time with a handshake in full.
    Full,
    /// Over TLS, with the ticket of the time before.
    Resumed,
}

impl Way {
    fn amiplex(self) -> Kind {
        match self {
            Self::Plain => Kind::Amiplex,
            Self::Full | Self::Resumed => Kind::AmiplexTls,
        }
    }

    fn floor(self) -> Kind {
        match self {
            Self::Plain => Kind::LoginFloor,
            Self::Full | Self::Resumed => Kind::LoginTlsFloor,
        }
    }
}

/// Plain or over TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One client, which comes again and again.
#[derive(Clone)]
struct Visitor {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Visitor {
    fn new(middle: &Middle, directory: &Path, way: Way) -> Outcome<Self> {
        let tls = match way {
            Way::Plain => None,
            Way::Full | Way::Resumed => Some(tls::connector(directory, way == Way::Resumed)?),
        };
        let address = middle.address;
        Ok(Self { address, tls })
    }

    /// Fails when the handshake is not of that kind.
    async fn connect(&self, expected: HandshakeKind) -> Outcome<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.address).await?;
        let Some(connector) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let stream = tls::shake_hands(connector, stream).await?;
        match stream.get_ref().1.handshake_kind() {
            Some(kind) if kind == expected => Ok(Box::new(stream)),
            other => Err(format!("a handshake was {other:?}, not {expected:?}").into()),
        }
    }
}

/// Nanoseconds of CPU for a connection with a login and a logoff.
async fn cycles(bed: &Bed, kind: Kind, way: Way, plan: Plan) -> Outcome<u64> {
    let middle = bed.put(kind).await?;
    let later = match way {
        Way::Plain | Way::Full => HandshakeKind::Full,
        Way::Resumed => HandshakeKind::Resumed,
    };
    let mut visitors = Vec::new();
    for _ in 0..AT_ONCE {
        let visitor = Visitor::new(&middle, bed.directory(), way)?;
        // The first time is without a ticket.
        cycle(visitor.connect(HandshakeKind::Full).await?).await?;
        visitors.push(visitor);
    }
    let clock = middle.cpu()?;
    let until = Instant::now() + plan.window;
    let mut clients: JoinSet<Outcome<u64>> = JoinSet::new();
    for visitor in visitors {
        clients.spawn(async move {
            let mut count = 0;
            while Instant::now() < until {
                cycle(visitor.connect(later).await?).await?;
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

/// Nanoseconds until so many clients that come at the same moment are all logged in. None leaves before.
async fn rush(bed: &Bed, kind: Kind, way: Way, clients: usize) -> Outcome<u64> {
    let middle = bed.put(kind).await?;
    let visitor = Visitor::new(&middle, bed.directory(), way)?;
    let begun = Instant::now();
    let mut entering: JoinSet<Outcome<Box<dyn Stream>>> = JoinSet::new();
    for _ in 0..clients {
        let visitor = visitor.clone();
        entering.spawn(async move {
            let mut stream = visitor.connect(HandshakeKind::Full).await?;
            log_in(&mut stream, &mut BytesMut::new()).await?;
            Ok(stream)
        });
    }
    let mut inside = Vec::with_capacity(clients);
    while let Some(entered) = entering.join_next().await {
        inside.push(entered??);
    }
    Ok(nanos(begun.elapsed()))
}

async fn cycle(mut stream: impl Stream) -> Outcome<()> {
    let mut heard = BytesMut::with_capacity(1_024);
    log_in(&mut stream, &mut heard).await?;
    ask(
        &mut stream,
        "Action: Logoff\r\n\r\n",
        "fish.\r\n\r\n",
        &mut heard,
    )
    .await
}

async fn log_in(stream: &mut impl Stream, heard: &mut BytesMut) -> Outcome<()> {
    let login =
        format!("Action: Login\r\nUsername: {NOTHING}\r\nSecret: {SECRET}\r\nEvents: off\r\n\r\n");
    ask(stream, &login, "accepted\r\n\r\n", heard).await
}

/// Writes an action and reads until its answer has come.
async fn ask(
    stream: &mut impl Stream,
    action: &str,
    answer: &str,
    heard: &mut BytesMut,
) -> Outcome<()> {
    stream.write_all(action.as_bytes()).await?;
    stream.flush().await?;
    while memmem::find(heard, answer.as_bytes()).is_none() {
        if stream.read_buf(heard).await? == 0 {
            return Err("closed without an answer".into());
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
