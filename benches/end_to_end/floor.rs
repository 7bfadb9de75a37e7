//! The least that has to be done: programs of a few lines with which amiplex is compared.
//!
//! Neither knows AMI beyond its own login, and neither protects one client from another.

use std::io::{Write, stdin, stdout};
use std::net::SocketAddr;

use ami_sim::SimClient;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{Outcome, node};

/// What a client of the fan-out gets as soon as it is served.
const WELCOME: &[u8] = b"Event: Welcome\r\n\r\n";
/// As much as amiplex makes room for.
const READ_BYTES: usize = 64 * 1024;

/// Reads the node and writes every piece to every client, one after the other.
pub(crate) fn fan_out(node: SocketAddr) -> Outcome<()> {
    serve(|listener| async move {
        let mut client = SimClient::connect(node).await?;
        client.login(node::USER, node::SECRET).await?;
        let mut upstream = client.into_stream();
        let mut clients: Vec<TcpStream> = Vec::new();
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (mut client, _) = accepted?;
                    client.set_nodelay(true)?;
                    client.write_all(WELCOME).await?;
                    clients.push(client);
                }
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

/// Opens a connection to the node for every client and copies both ways.
pub(crate) fn relay(node: SocketAddr) -> Outcome<()> {
    serve(move |listener| async move {
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

/// Runs `work` on one thread until it fails or standard input closes.
fn serve<F>(work: impl FnOnce(TcpListener) -> F) -> Outcome<()>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    writeln!(stdout(), "{}", listener.local_addr()?)?;
    let mut tasks = JoinSet::new();
    tasks.spawn_on(work(listener), runtime.handle());
    // Nothing is ever written to it: this returns when the bench is done, or gone.
    std::io::copy(&mut stdin().lock(), &mut std::io::sink())?;
    Ok(())
}
