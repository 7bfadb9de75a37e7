use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Sends `request` to a fresh listener and returns all that it answers.
async fn exchange(request: &str) -> String {
    let recorder = recorder().expect("buckets are valid");
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        names::describe_all();
        names::NODE_UP.gauge(&[("node", "pbx1")]).set(1.0);
    });
    let listener = bind(ANY_PORT).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let talk = async {
        let mut stream = TcpStream::connect(address).await.expect("listening");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("read");
        answer
    };
    tokio::select! {
        answer = talk => answer,
        () = serve(listener, handle) => unreachable!("serves for ever"),
    }
}

#[tokio::test]
async fn metrics_are_read_over_http() {
    let answer = exchange("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: text/plain; version=0.0.4"),
        "{answer}"
    );
    assert!(
        answer.contains("\namiplex_node_up{node=\"pbx1\"} 1\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let answer = exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let answer = exchange(
        "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD"),
        "{answer}"
    );
    assert!(!answer.contains("amiplex_"), "{answer}");
}

#[tokio::test]
async fn bytes_that_are_no_http_get_an_error_and_an_end() {
    let answer = exchange("Action: Login\r\nUsername: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = bind(ANY_PORT).await.expect("a free port");
    let address = taken.local_addr().expect("bound");
    let error = bind(address).await.expect_err("taken").to_string();
    assert_eq!(
        error,
        format!("metrics listener cannot bind {address}: the port is in use by another process")
    );
}

#[tokio::test]
async fn silent_connections_do_not_shut_out_a_later_one() {
    let recorder = recorder().expect("buckets are valid");
    let listener = bind(ANY_PORT).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let talk = async {
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(TcpStream::connect(address).await.expect("listening"));
        }
        let mut late = TcpStream::connect(address).await.expect("in the backlog");
        late.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
            .await
            .expect("written");
        silent.clear();
        let mut answer = String::new();
        late.read_to_string(&mut answer).await.expect("read");
        answer
    };
    tokio::select! {
        answer = talk => assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}"),
        () = serve(listener, recorder.handle()) => unreachable!("serves for ever"),
    }
}
