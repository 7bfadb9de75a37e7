use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;

async fn pair() -> (Transport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let client = TcpStream::connect(listener.local_addr().expect("an address"))
        .await
        .expect("connected");
    let (server, _) = listener.accept().await.expect("accepted");
    (Transport::plain(server), client)
}

#[tokio::test]
async fn everything_leaves_in_order_and_the_counts_return_to_nothing() {
    let (mut socket, mut client) = pair().await;
    let mut outbound = Outbound::default();
    let now = Instant::now();
    let mut expected = Vec::new();
    for number in 0..500_u32 {
        let bytes = Bytes::from(format!("message {number};"));
        expected.extend_from_slice(&bytes);
        outbound.push([bytes], usize::from(number % 2 == 0), now);
    }
    assert!(outbound.is_full());
    assert_eq!(
        outbound.event_bytes() + outbound.reply_bytes(),
        expected.len()
    );
    let (mut bytes, mut events) = (0, 0);
    while !outbound.is_empty() {
        let written = poll_fn(|cx| outbound.poll_write(&mut socket, cx))
            .await
            .expect("written");
        bytes += written.bytes;
        events += written.events;
    }
    assert_eq!((bytes, events), (expected.len(), 250));
    assert_eq!((outbound.event_bytes(), outbound.reply_bytes()), (0, 0));
    let mut received = vec![0; expected.len()];
    client.read_exact(&mut received).await.expect("received");
    assert_eq!(received, expected);
}

#[tokio::test(start_paused = true)]
async fn the_age_is_that_of_the_oldest_slice() {
    let mut outbound = Outbound::default();
    let start = Instant::now();
    assert_eq!(outbound.overdue_at(Duration::from_mins(1)), None);
    outbound.push([Bytes::from_static(b"a")], 1, start);
    outbound.push(
        [Bytes::from_static(b"b")],
        1,
        start + Duration::from_secs(9),
    );
    assert_eq!(
        outbound.overdue_at(Duration::from_mins(1)),
        Some(start + Duration::from_mins(1))
    );
}

#[tokio::test]
async fn what_tls_holds_back_is_not_forgotten() {
    let (mut client, mut socket) = crate::transport::tests::tls_pair().await;
    let mut outbound = Outbound::default();
    let mut cx = Context::from_waker(Waker::noop());
    let mut sent = 0;
    loop {
        outbound.push([Bytes::from(vec![b'x'; 4096])], 0, Instant::now());
        sent += 4096;
        match outbound.poll_write(&mut socket, &mut cx) {
            Poll::Pending => break,
            Poll::Ready(written) => {
                written.expect("written");
            }
        }
        if outbound.is_empty() {
            let flushed = Pin::new(&mut socket).poll_flush(&mut cx);
            assert!(flushed.is_ready(), "bytes stay behind in TLS");
        }
    }
    let mut received = vec![0; sent];
    let write = async {
        while !outbound.is_empty() {
            let written = poll_fn(|cx| outbound.poll_write(&mut socket, cx)).await;
            written.expect("written");
        }
    };
    let (read, ()) = tokio::join!(client.read_exact(&mut received), write);
    assert_eq!(read.expect("received"), sent);
}
