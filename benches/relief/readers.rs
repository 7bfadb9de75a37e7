//! Clients that read every event and count those between two marks.

use std::net::SocketAddr;
use std::time::Duration;

use ami_sim::SimClient;
use bytes::{Buf, BytesMut};
use memchr::memmem::Finder;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::amiplex::{SECRET, USER};
use crate::{Outcome, Way};

pub(crate) const BEGIN: &str = "CountingBegins";
pub(crate) const END: &str = "CountingEnds";

/// How late the second mark may reach a reader: Asterisk itself lags when it has more to write than it can.
const PATIENCE: Duration = Duration::from_mins(1);
/// Room for one read.
const READ_BYTES: usize = 64 * 1024;

pub(crate) struct Readers {
    tasks: JoinSet<Outcome<u64>>,
}

impl Readers {
    pub(crate) async fn connect(address: SocketAddr, count: usize, way: Way) -> Outcome<Self> {
        let (user, secret) = if way == Way::Direct {
            ("events", "eventspw")
        } else {
            (USER, SECRET)
        };
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let mut client = SimClient::connect(address).await?;
            client.login(user, secret).await?;
            tasks.spawn(count_events(client.into_stream()));
        }
        Ok(Self { tasks })
    }

    /// What each has counted, once every one has seen the second mark.
    pub(crate) async fn finish(mut self) -> Outcome<Vec<u64>> {
        let mut counts = Vec::new();
        while let Some(count) = timeout(PATIENCE, self.tasks.join_next()).await? {
            counts.push(count??);
        }
        Ok(counts)
    }
}

async fn count_events(mut stream: impl AsyncRead + Unpin) -> Outcome<u64> {
    let (end_of_message, begin, end) = (
        Finder::new("\r\n\r\n"),
        Finder::new(BEGIN),
        Finder::new(END),
    );
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let mut counted: Option<u64> = None;
    loop {
        buffer.reserve(READ_BYTES / 2);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err("a reader was disconnected".into());
        }
        while let Some(at) = end_of_message.find(&buffer) {
            let message = buffer.get(..at).unwrap_or_default();
            match counted {
                None if begin.find(message).is_some() => counted = Some(0),
                None => {}
                Some(count) if end.find(message).is_some() => return Ok(count),
                Some(count) => counted = Some(count + 1),
            }
            buffer.advance(at + 4);
        }
    }
}
