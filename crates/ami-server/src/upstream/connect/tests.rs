use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::tls::tests::Authority;

const LONG: Duration = Duration::from_secs(20);

fn plain(host_port: &(impl ToString + ?Sized)) -> NodeAddress {
    NodeAddress {
        host_port: host_port.to_string(),
        tls: None,
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// An address where nobody listens.
async fn refusing() -> SocketAddr {
    listener().await.1
}

/// Takes connections off the backlog and says the greeting over TLS.
async fn greet_over_tls(listener: TcpListener, authority: &Authority) {
    let acceptor = TlsAcceptor::from(authority.server());
    loop {
        let (stream, _) = listener.accept().await.expect("accepted");
        if let Ok(mut stream) = acceptor.accept(stream).await {
            stream
                .write_all(b"Asterisk Call Manager/11.0.0\r\n")
                .await
                .expect("written");
            stream.shutdown().await.expect("shut down");
        }
    }
}

#[tokio::test]
async fn a_listening_node_is_reached_by_name_and_tuned() {
    let (listener, address) = listener().await;
    let target = plain(&format!("localhost:{}", address.port()));
    let transport = connect(&target, LONG).await.expect("listening");
    assert_eq!(transport.peer_addr().expect("connected"), address);
    let Transport::Plain(stream) = transport else {
        panic!("no TLS was asked for")
    };
    assert!(stream.nodelay().expect("known"));
    drop(listener);
}

#[tokio::test]
async fn a_refusing_node_is_named_with_its_address_and_step() {
    let address = refusing().await;
    let error = connect(&plain(&address), LONG)
        .await
        .expect_err("nobody listens");
    assert_eq!(error.step(), ConnectStep::Tcp);
    assert_eq!(
        error.to_string(),
        format!("{address}: TCP connect with {address} failed: Connection refused (os error 111)")
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_says_so() {
    let error = connect(&plain("does-not-exist.invalid:5038"), LONG)
        .await
        .expect_err("no such name");
    assert_eq!(error.step(), ConnectStep::Resolve);
    assert!(
        error
            .to_string()
            .starts_with("does-not-exist.invalid:5038 cannot be resolved: "),
        "{error}"
    );
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_fails() {
    let (listener, good) = listener().await;
    let bad = refusing().await;
    let transport = try_each(&plain("pbx1:5038"), &[bad, good], Instant::now() + LONG)
        .await
        .expect("the second");
    assert_eq!(transport.peer_addr().expect("connected"), good);
    drop(listener);
}

#[tokio::test]
async fn when_all_fail_each_is_in_the_message() {
    let (first, second) = (refusing().await, refusing().await);
    let attempts = try_each(&plain("pbx1:5038"), &[first, second], Instant::now() + LONG)
        .await
        .expect_err("none");
    let message = Attempts(&attempts).to_string();
    assert!(
        message.contains(&first.to_string()) && message.contains(&second.to_string()),
        "{message}"
    );
}

/// The first address accepts and never speaks TLS: half the time is for the second.
#[tokio::test(start_paused = true)]
async fn a_silent_address_uses_up_only_its_share() {
    let authority = Authority::new();
    let (_silent, first) = listener().await;
    let (_silent_too, second) = listener().await;
    let target = NodeAddress {
        host_port: "pbx1:5038".to_owned(),
        tls: Some(authority.client()),
    };
    let start = Instant::now();
    let attempts = try_each(&target, &[first, second], start + LONG)
        .await
        .expect_err("both silent");
    assert_eq!(attempts.len(), 2);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.step == ConnectStep::Tls && attempt.error.is_none())
    );
    let took = start.elapsed();
    assert!(
        took >= LONG && took < LONG + Duration::from_secs(1),
        "{took:?}"
    );
    assert!(Attempts(&attempts).to_string().starts_with(&format!(
        "TLS handshake with {first} failed: no answer in time"
    )));
}

#[tokio::test]
async fn tls_to_a_node_of_the_authority() {
    let authority = Authority::new();
    let (listener, address) = listener().await;
    let target = NodeAddress {
        host_port: address.to_string(),
        tls: Some(authority.client()),
    };
    let talk = async {
        let mut transport = connect(&target, LONG).await.expect("handshake");
        let mut greeting = String::new();
        transport.read_to_string(&mut greeting).await.expect("read");
        greeting
    };
    tokio::select! {
        greeting = talk => assert_eq!(greeting, "Asterisk Call Manager/11.0.0\r\n"),
        () = greet_over_tls(listener, &authority) => {}
    }
}

#[tokio::test]
async fn tls_to_a_stranger_fails_at_that_step() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (listener, address) = listener().await;
    let target = NodeAddress {
        host_port: address.to_string(),
        tls: Some(authority.client()),
    };
    tokio::select! {
        result = connect(&target, LONG) => {
            let error = result.expect_err("another authority");
            assert_eq!(error.step(), ConnectStep::Tls);
            assert!(error.to_string().contains("TLS handshake with 127.0.0.1:"), "{error}");
        }
        () = greet_over_tls(listener, &stranger) => {}
    }
}

#[test]
fn the_host_of_an_address() {
    for (address, expected) in [
        ("pbx1:5038", "pbx1"),
        ("10.0.0.1:5038", "10.0.0.1"),
        ("[::1]:5038", "::1"),
    ] {
        assert_eq!(host(address), expected);
    }
}
