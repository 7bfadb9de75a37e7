//! A small AMI client for tests: logs in, sends, waits for answers, keeps the events for later.
//!
//! Owner: the test. Everything that waits gives up after [`SimClient::set_patience`]'s time with an error
//! that says what it waited for, so that a test fails instead of hanging.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ami_proto::challenge::md5_key;
use ami_proto::{
    AmiVersion, Frame, FrameDecoder, FrameError, FrameKind, Limits, ListMarker, banner,
};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::session::Stream;

/// Why the client could not go on.
#[derive(Debug)]
pub enum ClientError {
    /// The socket failed.
    Io(io::Error),
    /// The other end closed the connection.
    Closed,
    /// Nothing that was waited for came in time; says what it was.
    Late(String),
    /// The first line was no greeting.
    NotAGreeting,
    /// What came cannot be read as messages.
    Frame(FrameError),
    /// The login was refused, with this text.
    Refused(String),
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Closed => write!(f, "the connection was closed"),
            Self::Late(what) => write!(f, "waited in vain for {what}"),
            Self::NotAGreeting => write!(f, "the first line is no AMI greeting"),
            Self::Frame(error) => write!(f, "unreadable message: {error}"),
            Self::Refused(text) => write!(f, "the login was refused: {text}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        let gone = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        if gone.contains(&error.kind()) {
            Self::Closed
        } else {
            Self::Io(error)
        }
    }
}

/// How long a client waits unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client over any stream.
pub struct SimClient {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    decoder: FrameDecoder,
    version: AmiVersion,
    /// Messages read while waiting for others, oldest first.
    waiting: VecDeque<Frame>,
    patience: Duration,
    next_id: u64,
}

impl std::fmt::Debug for SimClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimClient")
            .field("version", &self.version)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl SimClient {
    /// Connects over TCP and reads the greeting.
    pub async fn connect(address: SocketAddr) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::over(stream).await
    }

    /// Reads the greeting from a stream that is already there: TLS after its handshake, or an in-memory pipe.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, ClientError> {
        let mut client = Self {
            stream: Box::new(stream),
            buffer: BytesMut::with_capacity(16 * 1024),
            decoder: FrameDecoder::new(Limits::default()),
            version: AmiVersion::new(0, 0, 0),
            waiting: VecDeque::new(),
            patience: PATIENCE,
            next_id: 0,
        };
        client.version = timeout(PATIENCE, client.greet())
            .await
            .map_err(|_| ClientError::Late("the greeting".to_owned()))??;
        Ok(client)
    }

    async fn greet(&mut self) -> Result<AmiVersion, ClientError> {
        loop {
            if let Some(version) =
                banner::take_greeting(&mut self.buffer).map_err(|_| ClientError::NotAGreeting)?
            {
                return Ok(version);
            }
            self.read().await?;
        }
    }

    /// The version in the greeting.
    pub fn version(&self) -> AmiVersion {
        self.version
    }

    /// How long this client waits for anything.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Logs in with the plain secret and every event the account may see; the answer.
    pub async fn login(&mut self, user: &str, secret: &str) -> Result<Frame, ClientError> {
        self.login_with(user, secret, &["Events: on"]).await
    }

    /// Logs in with more header lines, such as `Events: off`.
    pub async fn login_with(
        &mut self,
        user: &str,
        secret: &str,
        lines: &[&str],
    ) -> Result<Frame, ClientError> {
        let (user, secret) = (format!("Username: {user}"), format!("Secret: {secret}"));
        let mut all = vec!["Action: Login", &user, &secret];
        all.extend_from_slice(lines);
        accepted(self.action(&all).await?)
    }

    /// Logs in by Challenge and MD5 key; the answer.
    pub async fn login_md5(&mut self, user: &str, secret: &str) -> Result<Frame, ClientError> {
        let challenge = self.action(&["Action: Challenge", "AuthType: MD5"]).await?;
        let challenge = challenge.header("Challenge").unwrap_or_default();
        let key = md5_key(&String::from_utf8_lossy(challenge), secret.as_bytes());
        let (user, key) = (format!("Username: {user}"), format!("Key: {key}"));
        let lines = ["Action: Login", "AuthType: MD5", &user, &key, "Events: on"];
        accepted(self.action(&lines).await?)
    }

    /// Writes lines and the blank line; waits for nothing.
    pub async fn send(&mut self, lines: &[&str]) -> Result<(), ClientError> {
        let mut bytes = lines.join("\r\n");
        bytes.push_str("\r\n\r\n");
        self.send_raw(bytes.as_bytes()).await
    }

    /// Writes bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Sends an action and waits for its response. When the lines hold no ActionID one is added. Events that come before are
    /// kept for [`SimClient::next_event`].
    pub async fn action(&mut self, lines: &[&str]) -> Result<Frame, ClientError> {
        let id = self.send_with_id(lines).await?;
        self.response(&id).await
    }

    /// Waits for the response with that ActionID.
    pub async fn response(&mut self, action_id: &str) -> Result<Frame, ClientError> {
        let what = format!("the response of {action_id}");
        self.next_where(&what, |frame| {
            frame.kind() == FrameKind::Response && frame.action_id() == Some(action_id.as_bytes())
        })
        .await
    }

    /// Sends a list action: its response, items and completion. A response without `EventList: start` is all there is.
    pub async fn list(&mut self, lines: &[&str]) -> Result<Vec<Frame>, ClientError> {
        let id = self.send_with_id(lines).await?;
        let response = self.response(&id).await?;
        let mut frames = vec![response];
        let mut marker = frames.first().and_then(Frame::list_marker);
        while !matches!(
            marker,
            None | Some(ListMarker::Complete | ListMarker::Cancelled)
        ) {
            let item = self.list_item(&id).await?;
            // Items carry no marker: the list is still open.
            marker = item.list_marker().or(Some(ListMarker::Start));
            frames.push(item);
        }
        Ok(frames)
    }

    async fn list_item(&mut self, id: &str) -> Result<Frame, ClientError> {
        self.next_where(&format!("the list of {id}"), |frame| {
            frame.kind() == FrameKind::Event && frame.action_id() == Some(id.as_bytes())
        })
        .await
    }

    /// The next event of that name, the oldest first; others before it are kept.
    pub async fn next_event(&mut self, name: &str) -> Result<Frame, ClientError> {
        self.next_where(&format!("event {name}"), |frame| {
            frame.event_name() == Some(name.as_bytes())
        })
        .await
    }

    /// The next message for which `wanted` holds; others before it are kept.
    pub async fn next_where(
        &mut self,
        what: &str,
        wanted: impl Fn(&Frame) -> bool,
    ) -> Result<Frame, ClientError> {
        if let Some(at) = self.waiting.iter().position(&wanted)
            && let Some(frame) = self.waiting.remove(at)
        {
            return Ok(frame);
        }
        let patience = self.patience;
        let search = async {
            loop {
                let frame = self.read_frame().await?;
                if wanted(&frame) {
                    return Ok(frame);
                }
                self.waiting.push_back(frame);
            }
        };
        timeout(patience, search)
            .await
            .map_err(|_| ClientError::Late(what.to_owned()))?
    }

    /// The next message of any kind.
    pub async fn next_frame(&mut self) -> Result<Frame, ClientError> {
        self.next_where("any message", |_| true).await
    }

    /// Takes every message that was read and not asked for yet.
    pub fn take_waiting(&mut self) -> Vec<Frame> {
        self.waiting.drain(..).collect()
    }

    /// Waits until the other end closes; what comes before is kept.
    pub async fn closed(&mut self) -> Result<(), ClientError> {
        match self
            .next_where("the end of the connection", |_| false)
            .await
        {
            Err(ClientError::Closed) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(ClientError::Late("the end of the connection".to_owned())),
        }
    }

    /// The stream, for what this client does not do; bytes it has read are lost.
    pub fn into_stream(self) -> impl AsyncRead + AsyncWrite + Send + Unpin {
        self.stream
    }

    /// Sends lines with an ActionID, its own when they have none; that id.
    pub async fn send_with_id(&mut self, lines: &[&str]) -> Result<String, ClientError> {
        let own = lines.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("ActionID")
                .then(|| value.trim_start().to_owned())
        });
        if let Some(id) = own {
            self.send(lines).await?;
            return Ok(id);
        }
        self.next_id += 1;
        let id = format!("sim-client-{}", self.next_id);
        let line = format!("ActionID: {id}");
        let mut all = lines.to_vec();
        all.push(&line);
        self.send(&all).await?;
        Ok(id)
    }

    async fn read_frame(&mut self) -> Result<Frame, ClientError> {
        loop {
            let decoded = self.decoder.decode(&mut self.buffer);
            if let Some(frame) = decoded.map_err(ClientError::Frame)? {
                return Ok(frame.detached());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), ClientError> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ClientError::Closed),
            _ => Ok(()),
        }
    }
}

fn accepted(response: Frame) -> Result<Frame, ClientError> {
    if response.response() == Some(b"Success") {
        return Ok(response);
    }
    let text = response.header("Message").unwrap_or_default();
    Err(ClientError::Refused(
        String::from_utf8_lossy(text).into_owned(),
    ))
}
