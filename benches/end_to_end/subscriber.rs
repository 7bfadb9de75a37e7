//! A client that reads events as fast as they come and checks the number of each.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, BytesMut};
use memchr::memmem::Finder;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::floor::WELCOME;
use crate::process::{Middle, SECRET};
use crate::{Outcome, tls};

/// Room for one read.
const READ_BYTES: usize = 128 * 1024;
/// Width of the numbers in an event of the flood.
const DIGITS: usize = 17;

/// Shared by all subscribers of a scene.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Events that came.
    pub(crate) delivered: AtomicU64,
    /// Whether delays are noted now.
    pub(crate) counting: AtomicBool,
}

/// What a subscriber found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The number that the next event would have.
    pub(crate) next: u64,
    /// Events whose number was not that of the one before plus one.
    pub(crate) gaps: u64,
    /// Microseconds from an event's making to its reading, of the first event of each read.
    pub(crate) delays: Vec<u64>,
}

/// Connects, and returns when events would come. `user` is the account at amiplex.
pub(crate) async fn connect(
    middle: &Middle,
    user: &str,
    directory: &Path,
) -> Outcome<Box<dyn AsyncRead + Send + Unpin>> {
    if middle.kind.is_amiplex() {
        let mut client = middle.client(directory).await?;
        client.login(user, SECRET).await?;
        return Ok(Box::new(client.into_stream()));
    }
    let stream = TcpStream::connect(middle.address).await?;
    let mut stream: Box<dyn AsyncRead + Send + Unpin> = if middle.kind.is_tls() {
        Box::new(tls::client(directory, stream).await?)
    } else {
        Box::new(stream)
    };
    let mut welcome = [0; WELCOME.len()];
    stream.read_exact(&mut welcome).await?;
    Ok(stream)
}

/// Reads until told to stop, or until the other side closes.
pub(crate) async fn subscribe(
    mut stream: Box<dyn AsyncRead + Send + Unpin>,
    first: u64,
    step: u64,
    tally: Arc<Tally>,
    mut stop: watch::Receiver<bool>,
) -> Found {
    let mut reader = Reader::new(first, step);
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        buffer.reserve(READ_BYTES / 2);
        let read = tokio::select! {
            biased;
            read = stream.read_buf(&mut buffer) => read,
            _ = stop.wait_for(|stop| *stop) => return reader.found,
        };
        if !matches!(read, Ok(count) if count > 0) {
            return reader.found;
        }
        let count = reader.take(&mut buffer, tally.counting.load(Ordering::Relaxed));
        tally.delivered.fetch_add(count, Ordering::Relaxed);
    }
}

struct Reader {
    found: Found,
    /// From one number to the next.
    step: u64,
    end: Finder<'static>,
    sequence: Finder<'static>,
    sent: Finder<'static>,
}

impl Reader {
    fn new(first: u64, step: u64) -> Self {
        Self {
            step,
            found: Found {
                next: first_wanted(first, step),
                gaps: 0,
                delays: Vec::new(),
            },
            end: Finder::new("\r\n\r\n"),
            sequence: Finder::new("\r\nSequence: "),
            sent: Finder::new("\r\nSent: "),
        }
    }

    /// Takes the whole events out of `buffer` and counts those of the flood.
    fn take(&mut self, buffer: &mut BytesMut, counting: bool) -> u64 {
        let mut count = 0;
        while let Some(end) = self.end.find(buffer) {
            let event = buffer.get(..end).unwrap_or_default();
            if let Some(number) = number(event, &self.sequence) {
                self.found.gaps += u64::from(number != self.found.next);
                self.found.next = number + self.step;
                if counting && count == 0 {
                    let sent = number_of(event, &self.sent);
                    self.found.delays.push(now_micros().saturating_sub(sent));
                }
                count += 1;
            }
            buffer.advance(end + 4);
        }
        count
    }
}

/// The first number from `first` on that is wanted by who wants one in `step`: where that is ten, those that end in 7.
pub(crate) fn first_wanted(first: u64, step: u64) -> u64 {
    if step == 1 {
        return first;
    }
    first + (7 + step - first % step) % step
}

/// The number behind a header's name.
fn number(event: &[u8], name: &Finder<'_>) -> Option<u64> {
    let at = name.find(event)? + name.needle().len();
    let digits = event.get(at..at + DIGITS)?;
    Some(
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit & 0xf)),
    )
}

fn number_of(event: &[u8], name: &Finder<'_>) -> u64 {
    number(event, name).unwrap_or_default()
}

fn now_micros() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
