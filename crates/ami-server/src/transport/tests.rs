use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::tls::tests::Authority;

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (ours, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (ours.expect("connected"), accepted.expect("accepted").0)
}

pub(crate) async fn tls_pair() -> (Transport, Transport) {
    let authority = Authority::new();
    let (server, client) = (authority.server(), authority.client());
    let (ours, theirs) = tcp_pair().await;
    let (connected, accepted) = tokio::join!(
        TlsConnector::from(client.config).connect(client.server_name, ours),
        TlsAcceptor::from(server).accept(theirs)
    );
    (
        Transport::tls_client(connected.expect("handshake")),
        Transport::tls_server(accepted.expect("handshake")),
    )
}

/// Writes three slices in one call each way, and sees them and then the end on the other side.
async fn assert_carries_bytes(mut left: Transport, mut right: Transport) {
    assert!(left.is_write_vectored() && right.is_write_vectored());
    let slices = [
        IoSlice::new(b"Action: Ping\r\n"),
        IoSlice::new(b"ActionID: 1\r\n"),
        IoSlice::new(b"\r\n"),
    ];
    let written = left.write_vectored(&slices).await.expect("written");
    assert_eq!(written, 29, "all slices in one call");
    left.flush().await.expect("flushed");
    let mut got = [0_u8; 29];
    right.read_exact(&mut got).await.expect("read");
    assert_eq!(&got[..], b"Action: Ping\r\nActionID: 1\r\n\r\n");

    right
        .write_all(b"Response: Success\r\n\r\n")
        .await
        .expect("written");
    right.shutdown().await.expect("shut down");
    let mut rest = Vec::new();
    left.read_to_end(&mut rest).await.expect("a clean end");
    assert_eq!(rest, b"Response: Success\r\n\r\n");
}

#[tokio::test]
async fn plain_connections_carry_bytes_both_ways() {
    let (left, right) = tcp_pair().await;
    let address = right.local_addr().expect("bound");
    let left = Transport::plain(left);
    assert_eq!(left.peer_addr().expect("connected"), address);
    assert_carries_bytes(left, Transport::plain(right)).await;
}

#[tokio::test]
async fn tls_connections_carry_bytes_both_ways() {
    let (left, right) = tls_pair().await;
    assert_eq!(
        left.peer_addr().expect("connected").ip().to_string(),
        "127.0.0.1"
    );
    assert_eq!(
        right.peer_addr().expect("connected").ip().to_string(),
        "127.0.0.1"
    );
    assert_carries_bytes(left, right).await;
}

/// What it sent before is read, and then the end, as without TLS.
#[tokio::test]
async fn a_client_that_leaves_without_the_goodbye_of_tls_has_ended_its_stream() {
    let (mut left, mut right) = tls_pair().await;
    left.write_all(b"Action: Logoff\r\n\r\n")
        .await
        .expect("written");
    left.flush().await.expect("flushed");
    let Transport::TlsClient(tls) = left else {
        panic!("the client's side")
    };
    let (mut tcp, _session) = tls.into_inner();
    tcp.shutdown().await.expect("shut down");
    let mut got = Vec::new();
    right.read_to_end(&mut got).await.expect("an end, no error");
    assert_eq!(got, b"Action: Logoff\r\n\r\n");
}

/// The client reads what was said last, and then the end: a broken connection could take the one with it and hides the other.
#[tokio::test]
async fn an_end_is_told_also_where_something_is_unread() {
    for unread in [&b""[..], b"Action: Ping\r\n\r\n"] {
        let (mut client, ours) = tcp_pair().await;
        client.write_all(unread).await.expect("written");
        if !unread.is_empty() {
            ours.readable().await.expect("open");
        }
        let mut ours = Transport::plain(ours);
        ours.write_all(b"Response: Goodbye\r\n\r\n")
            .await
            .expect("written");
        ours.say_end().await.expect("told");
        drop(ours);
        let mut heard = Vec::new();
        client
            .read_to_end(&mut heard)
            .await
            .expect("an end, no break");
        assert_eq!(heard, b"Response: Goodbye\r\n\r\n");
    }
}

fn assert_is_tuned(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    assert!(stream.nodelay().expect("known"));
    assert!(socket.keepalive().expect("known"));
    assert_eq!(socket.tcp_keepalive_time().expect("known"), KEEPALIVE_IDLE);
    assert_eq!(
        socket.tcp_keepalive_interval().expect("known"),
        KEEPALIVE_INTERVAL
    );
    assert_eq!(
        socket.tcp_keepalive_retries().expect("known"),
        KEEPALIVE_RETRIES
    );
    assert_eq!(
        socket.tcp_user_timeout().expect("known"),
        Some(USER_TIMEOUT)
    );
}

#[tokio::test]
async fn tuning_reaches_the_socket() {
    let (stream, _other) = tcp_pair().await;
    Transport::tune(&stream).expect("tuned");
    assert_is_tuned(&stream);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_accepted_connection_has_the_options_of_the_socket_that_listens() {
    const { assert!(Transport::OPTIONS_ARE_INHERITED) };
    for any in ["127.0.0.1:0", "[::]:0"] {
        let Ok(listener) = crate::listener::bind(any.parse().expect("an address")) else {
            // A machine may have no IPv6.
            continue;
        };
        let port = listener.local_addr().expect("bound").port();
        let (ours, accepted) =
            tokio::join!(TcpStream::connect(("127.0.0.1", port)), listener.accept());
        ours.expect("connected");
        assert_is_tuned(&accepted.expect("accepted").0);
    }
}
