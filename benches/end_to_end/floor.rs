//! The least that has to be done: programs of a few lines with which amiplex is compared.
//!
//! None knows AMI beyond its own login. Those that write to all clients from one task let one client stop all others.

use std::io::{Write, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ami_sim::SimClient;
use bytes::{Bytes, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{Outcome, node, tls};

#[path = "floor/mux.rs"]
pub(crate) mod mux;

/// What a client of the fan-out gets as soon as it is served.
pub(crate) const WELCOME: &[u8] = b"Event: Welcome\r\n\r\n";
/// As much as amiplex makes room for.
const READ_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Pieces that wait for a client of the floor with a task for each.
const PIECES: usize = 1_024;

/// The node's events, as a client of its own.
async fn upstream(node: SocketAddr) -> Outcome<impl AsyncRead + Unpin> {
    let mut client = SimClient::connect(node).await?;
    client.login(node::USER, node::SECRET).await?;
    Ok(client.into_stream())
}

/// Reads the node and writes every piece to every client, one after the other.
pub(crate) fn fan_out(node: SocketAddr) -> Outcome<()> {
    serve(1, move |listener| async move {
        let mut upstream = upstream(node).await?;
        let mut clients: Vec<TcpStream> = Vec::new();
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        loop {
            tokio::select! {
                accepted = listener.accept() => clients.push(welcome(accepted?.0).await?),
                read = upstream.read_buf(&mut piece) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    for client in &mut clients {
                        client.write_all(&piece).await?;
                    }
                    piece.clear();
                }
            }
        }
    })
}

/// The same with every tenth event alone: cut out once for all clients.
pub(crate) fn fan_out_a_tenth(node: SocketAddr) -> Outcome<()> {
    serve(1, move |listener| async move {
        let mut upstream = upstream(node).await?;
        let mut clients: Vec<TcpStream> = Vec::new();
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        let mut chosen = BytesMut::with_capacity(READ_BYTES);
        loop {
            tokio::select! {
                accepted = listener.accept() => clients.push(welcome(accepted?.0).await?),
                read = upstream.read_buf(&mut piece) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    choose(&mut piece, &mut chosen);
                    if chosen.is_empty() {
                        continue;
                    }
                    for client in &mut clients {
                        client.write_all(&chosen).await?;
                    }
                    chosen.clear();
                }
            }
        }
    })
}

/// Takes the whole events out, and keeps those whose number ends in 7.
fn choose(piece: &mut BytesMut, chosen: &mut BytesMut) {
    while let Some(end) = memmem::find(piece, b"\r\n\r\n") {
        let event = piece.split_to(end + 4);
        let number = memmem::find(&event, b"\r\nSequence: ").map(|at| at + 12 + 16);
        if number.and_then(|at| event.get(at)) == Some(&b'7') {
            chosen.extend_from_slice(&event);
        }
    }
}

/// A task and a queue for each client, as whoever protects them from each other has.
pub(crate) fn fan_out_by_tasks(node: SocketAddr) -> Outcome<()> {
    let workers = std::thread::available_parallelism()?.get();
    serve(workers, move |listener| async move {
        let mut upstream = upstream(node).await?;
        let mut clients: Vec<mpsc::Sender<Bytes>> = Vec::new();
        let mut writers = JoinSet::new();
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let client = welcome(accepted?.0).await?;
                    let (pieces, queue) = mpsc::channel(PIECES);
                    clients.push(pieces);
                    writers.spawn(write_pieces(client, queue));
                }
                read = upstream.read_buf(&mut piece) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    let shared = piece.split().freeze();
                    for client in &clients {
                        client.try_send(shared.clone())?;
                    }
                    piece.reserve(READ_BYTES);
                }
            }
        }
    })
}

async fn write_pieces(mut client: TcpStream, mut queue: mpsc::Receiver<Bytes>) -> Outcome<()> {
    while let Some(piece) = queue.recv().await {
        client.write_all(&piece).await?;
    }
    Ok(())
}

/// The first, over TLS towards the clients.
pub(crate) fn fan_out_over_tls(node: SocketAddr, directory: PathBuf) -> Outcome<()> {
    serve(1, move |listener| async move {
        let acceptor = tls::acceptor(&directory)?;
        let mut upstream = upstream(node).await?;
        let mut clients = Vec::new();
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (client, _) = accepted?;
                    client.set_nodelay(true)?;
                    let mut client = acceptor.accept(client).await?;
                    client.write_all(WELCOME).await?;
                    client.flush().await?;
                    clients.push(client);
                }
                read = upstream.read_buf(&mut piece) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    for client in &mut clients {
                        client.write_all(&piece).await?;
                        client.flush().await?;
                    }
                    piece.clear();
                }
            }
        }
    })
}

async fn welcome(mut client: TcpStream) -> Outcome<TcpStream> {
    client.set_nodelay(true)?;
    client.write_all(WELCOME).await?;
    Ok(client)
}

/// Opens a connection to the node for every client and copies both ways.
pub(crate) fn relay(node: SocketAddr) -> Outcome<()> {
    serve(1, move |listener| async move {
        let mut relays = JoinSet::new();
        loop {
            let (mut client, _) = listener.accept().await?;
            relays.spawn(async move {
                let mut upstream = TcpStream::connect(node).await?;
                client.set_nodelay(true)?;
                upstream.set_nodelay(true)?;
                copy_bidirectional(&mut client, &mut upstream).await
            });
        }
    })
}

/// Greets, answers two messages with fixed words, and closes: what a login and a logoff are without a secret or an account.
pub(crate) fn logins() -> Outcome<()> {
    let workers = std::thread::available_parallelism()?.get();
    serve(workers, |listener| async move {
        let mut sessions = JoinSet::new();
        loop {
            let (client, _) = listener.accept().await?;
            sessions.spawn(answer_twice(client));
            while sessions.try_join_next().is_some() {}
        }
    })
}

/// The same over TLS, with a handshake in each task, tickets, and the goodbye that TLS wants before the end.
pub(crate) fn logins_over_tls(directory: PathBuf) -> Outcome<()> {
    let workers = std::thread::available_parallelism()?.get();
    serve(workers, move |listener| async move {
        let acceptor = tls::acceptor(&directory)?;
        let mut sessions: JoinSet<Outcome<()>> = JoinSet::new();
        loop {
            let (client, _) = listener.accept().await?;
            // The greeting would wait for the tickets to be acknowledged otherwise.
            client.set_nodelay(true)?;
            let handshake = acceptor.accept(client);
            sessions.spawn(async move {
                let mut client = handshake.await?;
                answer_twice(&mut client).await?;
                Ok(client.shutdown().await?)
            });
            while sessions.try_join_next().is_some() {}
        }
    })
}

async fn answer_twice(mut client: impl AsyncRead + AsyncWrite + Unpin) -> Outcome<()> {
    let mut buffer = BytesMut::with_capacity(1_024);
    client
        .write_all(b"Asterisk Call Manager/11.0.0\r\n")
        .await?;
    client.flush().await?;
    for answer in [
        "Response: Success\r\nMessage: Authentication accepted\r\n\r\n",
        "Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n",
    ] {
        while memmem::find(&buffer, b"\r\n\r\n").is_none() {
            if client.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        buffer.clear();
        client.write_all(answer.as_bytes()).await?;
        client.flush().await?;
    }
    Ok(())
}

/// Runs `work` on so many threads until it fails or standard input closes.
pub(crate) fn serve<F>(workers: usize, work: impl FnOnce(TcpListener) -> F) -> Outcome<()>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()?;
    // With room for as many as come at once, as amiplex has: who finds none tries again after a second.
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        socket.listen(BACKLOG)
    })?;
    writeln!(stdout(), "{}", listener.local_addr()?)?;
    let mut tasks = JoinSet::new();
    tasks.spawn_on(work(listener), runtime.handle());
    // Nothing is ever written to it: this returns when the bench is done, or gone.
    std::io::copy(&mut stdin().lock(), &mut std::io::sink())?;
    Ok(())
}
