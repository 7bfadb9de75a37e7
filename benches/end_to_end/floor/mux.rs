//! An ideal multiplexer: one connection to the node, ActionIDs made distinct and put back, and nothing else. No rights, no limits, no
//! deadlines, no order but that of the node.

use std::net::SocketAddr;

use ami_sim::SimClient;
use bytes::{Bytes, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::serve;
use crate::{Outcome, node};

const QUEUE: usize = 1_024;
const END: &[u8] = b"\r\n\r\n";
const ID: &[u8] = b"\r\nActionID: ";

/// Serves clients whose every message but the login has an ActionID.
pub(crate) fn run(node: SocketAddr) -> Outcome<()> {
    let workers = std::thread::available_parallelism()?.get();
    serve(workers, move |listener| async move {
        let mut upstream = SimClient::connect(node).await?;
        upstream
            .login_with(node::USER, node::SECRET, &["Events: off"])
            .await?;
        let (reader, writer) = tokio::io::split(upstream.into_stream());
        let (actions, queue) = mpsc::channel(QUEUE);
        let (places, entered) = mpsc::channel(QUEUE);
        let mut tasks: JoinSet<Outcome<()>> = JoinSet::new();
        tasks.spawn(send_up(writer, queue));
        tasks.spawn(give_out(reader, entered));
        let mut number = 0_usize;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (answers, inbox) = mpsc::channel(QUEUE);
            places.send(answers).await?;
            tasks.spawn(serve_client(stream, number, actions.clone(), inbox));
            number += 1;
        }
    })
}

async fn send_up(
    mut writer: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Bytes>,
) -> Outcome<()> {
    let mut together = BytesMut::new();
    while let Some(first) = queue.recv().await {
        together.extend_from_slice(&first);
        while let Ok(next) = queue.try_recv() {
            together.extend_from_slice(&next);
        }
        writer.write_all(&together).await?;
        writer.flush().await?;
        together.clear();
    }
    Ok(())
}

async fn give_out(
    mut reader: impl AsyncRead + Unpin,
    mut entered: mpsc::Receiver<mpsc::Sender<Bytes>>,
) -> Outcome<()> {
    let mut clients: Vec<mpsc::Sender<Bytes>> = Vec::new();
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    while reader.read_buf(&mut buffer).await? > 0 {
        while let Ok(client) = entered.try_recv() {
            clients.push(client);
        }
        while let Some(message) = next_message(&mut buffer) {
            let Some((before, id, after)) = around_id(&message) else {
                continue;
            };
            let Some(dot) = id.iter().position(|byte| *byte == b'.') else {
                continue;
            };
            let (number, own) = id.split_at(dot);
            let number: usize = std::str::from_utf8(number)?.parse()?;
            let own = own.get(1..).unwrap_or_default();
            if let Some(client) = clients.get(number) {
                let answer: Vec<u8> = [before, own, after].concat();
                client.send(answer.into()).await?;
            }
        }
        buffer.reserve(16 * 1024);
    }
    Ok(())
}

async fn serve_client(
    mut stream: TcpStream,
    number: usize,
    actions: mpsc::Sender<Bytes>,
    mut inbox: mpsc::Receiver<Bytes>,
) -> Outcome<()> {
    let mut buffer = BytesMut::with_capacity(4 * 1024);
    stream
        .write_all(b"Asterisk Call Manager/11.0.0\r\n")
        .await?;
    loop {
        tokio::select! {
            answer = inbox.recv() => {
                let Some(answer) = answer else { return Ok(()) };
                stream.write_all(&answer).await?;
            }
            read = stream.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(message) = next_message(&mut buffer) {
                    let (before, id, after) = around_id(&message).ok_or("no ActionID")?;
                    if message.starts_with(b"Action: Login\r\n") {
                        let answer = [b"Response: Success\r\nActionID: ", id, b"\r\nMessage: Authentication accepted", END].concat();
                        stream.write_all(&answer).await?;
                        continue;
                    }
                    let prefix = format!("{number}.");
                    let action = [before, prefix.as_bytes(), id, after].concat();
                    actions.send(action.into()).await?;
                }
            }
        }
    }
}

fn next_message(buffer: &mut BytesMut) -> Option<Bytes> {
    let end = memmem::find(buffer, END)?;
    Some(buffer.split_to(end + END.len()).freeze())
}

/// What stands before the value of the ActionID, the value, and what stands behind it.
fn around_id(message: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = memmem::find(message, ID)? + ID.len();
    let (before, rest) = message.split_at_checked(start)?;
    let (id, after) = rest.split_at_checked(memmem::find(rest, b"\r\n")?)?;
    Some((before, id, after))
}
