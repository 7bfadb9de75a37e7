//! A connection as a stream of bytes, plain or TLS, to either side.
//!
//! An enum and no trait object: reading and writing are the hot path. Plain connections write many slices with one system call.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

/// Silence after which the kernel asks whether the other side is still there: below the five minutes of common NAT tables.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
/// Time between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Questions without an answer after which the connection is dead.
const KEEPALIVE_RETRIES: u32 = 3;
/// How long bytes may stay unacknowledged, or the other side's window shut, before the kernel gives the connection up. Well above the age
/// at which a slow client is closed for its events, so that it is the policy of the account that decides.
const USER_TIMEOUT: Duration = Duration::from_mins(5);

/// A connected stream.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS in which the other side is a client of ours. Boxed: it is twenty times the size of the plain one.
    TlsServer(Box<server::TlsStream<TcpStream>>),
    /// TLS in which the other side is a node.
    TlsClient(Box<client::TlsStream<TcpStream>>),
}

impl Transport {
    /// Whether an accepted connection has the options of the socket that listens: on Linux it has all that are set here.
    pub(crate) const OPTIONS_ARE_INHERITED: bool = cfg!(target_os = "linux");

    /// Without delay, with keepalive and user timeout. Call it before the first byte; for accepted connections on the socket that
    /// listens, where they inherit it: that saves six system calls for each.
    pub(crate) fn tune(socket: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(socket);
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        Ok(())
    }

    pub(crate) const fn plain(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }

    pub(crate) fn tls_server(stream: server::TlsStream<TcpStream>) -> Self {
        Self::TlsServer(Box::new(stream))
    }

    pub(crate) fn tls_client(stream: client::TlsStream<TcpStream>) -> Self {
        Self::TlsClient(Box::new(stream))
    }

    /// Whether what is written goes out in records.
    pub(crate) const fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// The address of the other side; the program knows it from accepting or connecting.
    #[cfg(test)]
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Tells the other side that nothing follows, where closing would not: with the goodbye of TLS, or when there is something unread, for
    /// then the system breaks the connection off instead.
    pub(crate) async fn say_end(&mut self) -> io::Result<()> {
        if let Self::Plain(stream) = self
            && !matches!(stream.try_read(&mut [0]), Ok(1..))
        {
            return Ok(());
        }
        self.shutdown().await
    }

    /// The address of this side; a system call.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::TlsServer(stream) => stream.get_ref().0,
            Self::TlsClient(stream) => stream.get_ref().0,
        }
    }
}

/// Calls the method of the stream inside.
macro_rules! delegate {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Transport::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Transport::TlsServer(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
            Transport::TlsClient(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
        }
    };
}

impl AsyncRead for Transport {
    /// Many programs end TLS by closing the socket, without the goodbye of TLS. That is an end here as it is without TLS: a message
    /// is complete only with its empty line, so nothing can be cut off unnoticed.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, poll_read(cx, buffer)).map(|read| match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            read => read,
        })
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::TlsServer(stream) => stream.is_write_vectored(),
            Self::TlsClient(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(cx))
    }
}

#[cfg(test)]
pub(crate) mod tests;
