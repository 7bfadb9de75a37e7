//! A client's connection that keeps every byte: what comes is cut into messages at its blank lines and nowhere else.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(15);

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How much of the buffer has been searched for the end of a message: the start of its last line.
    searched: usize,
}

/// What came.
pub enum Received {
    /// Lines up to and with a blank one. A blank line alone is a message too.
    Message(Vec<u8>),
    /// The other end closed; what it sent of an unfinished message.
    Closed(Vec<u8>),
    /// Nothing came in time.
    Late,
}

impl Connection {
    /// Connects and reads the greeting, which it gives too.
    pub async fn open(address: SocketAddr) -> (Self, Vec<u8>) {
        let stream = TcpStream::connect(address).await.expect("accepted");
        stream.set_nodelay(true).expect("a socket");
        let mut connection = Self {
            stream,
            buffer: Vec::new(),
            searched: 0,
        };
        loop {
            if let Some(end) = connection.buffer.iter().position(|byte| *byte == b'\n') {
                let greeting = connection.buffer.drain(..=end).collect();
                return (connection, greeting);
            }
            let read = timeout(PATIENCE, connection.read()).await;
            assert!(read.expect("greeted in time"), "closed before the greeting");
        }
    }

    /// The address of this end, as security events show it.
    pub fn address(&self) -> Vec<u8> {
        let address = self.stream.local_addr().expect("connected");
        format!("{}/{}", address.ip(), address.port()).into_bytes()
    }

    /// False when the other end has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    pub async fn close_writing(&mut self) {
        // Whether the other end is gone already is seen by who reads.
        drop(self.stream.shutdown().await);
    }

    /// The next message, the end, or nothing within [`PATIENCE`].
    pub async fn message(&mut self) -> Received {
        loop {
            if let Some(message) = self.take() {
                return Received::Message(message);
            }
            match timeout(PATIENCE, self.read()).await {
                Ok(true) => {}
                Ok(false) => return Received::Closed(std::mem::take(&mut self.buffer)),
                Err(_) => return Received::Late,
            }
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        while let Some(length) = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let line = &self.buffer[self.searched..=self.searched + length];
            let is_blank = line == b"\n" || line == b"\r\n";
            self.searched += length + 1;
            if is_blank {
                let end = std::mem::take(&mut self.searched);
                return Some(self.buffer.drain(..end).collect());
            }
        }
        None
    }

    async fn read(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..))
    }
}
