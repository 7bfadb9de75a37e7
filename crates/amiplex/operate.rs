//! The verbs that speak with a running amiplex, over its admin socket.

use std::path::PathBuf;
use std::time::Duration;

use ami_server::admin::{Complaint, Done, NodeList, NodeReport, SessionList, SessionReport};
use clap::Args;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::say;
use crate::start::{Failure, runtime};

/// How long a running amiplex may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than the list of as many sessions as can be.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How the running amiplex is found.
#[derive(Debug, Args)]
pub(crate) struct Door {
    /// The configuration file, which names the socket as `admin.socket`.
    #[arg(long, short, default_value = "/etc/amiplex/amiplex.toml")]
    config: PathBuf,
    /// The socket itself; the configuration is not read then.
    #[arg(long, short)]
    socket: Option<PathBuf>,
}

impl Door {
    fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let config = ami_config::load(&self.config)
            .map_err(|errors| Failure::Configuration(errors.to_string()))?;
        config
            .admin
            .socket
            .map(|socket| socket.path)
            .ok_or_else(|| {
                let file = self.config.display();
                Failure::Configuration(format!(
                    "{file}: admin.socket is not set: amiplex cannot be asked"
                ))
            })
    }

    /// Asks, and reads what is answered.
    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<(T, Bytes), Failure> {
        let socket = self.socket()?;
        let place = socket.display().to_string();
        let failed = |text: String| Failure::Runtime(format!("{place}: {text}"));
        let exchange = async { timeout(PATIENCE, exchange(&socket, method, path)).await };
        let (status, body) = runtime()?
            .block_on(exchange)
            .map_err(|_elapsed| failed("amiplex does not answer".to_owned()))?
            .map_err(failed)?;
        if status == StatusCode::OK {
            let answer = serde_json::from_slice(&body)
                .map_err(|error| failed(format!("the answer cannot be understood: {error}")))?;
            return Ok((answer, body));
        }
        let text = serde_json::from_slice(&body)
            .map_or_else(|_| status.to_string(), |Complaint { error }| error);
        Err(match status {
            StatusCode::NOT_FOUND => Failure::Configuration(text),
            _ => Failure::Runtime(text),
        })
    }
}

async fn exchange(
    socket: &std::path::Path,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Bytes), String> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| format!("cannot reach amiplex: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "amiplex")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end together with the answer.
        _ended = connection => answer.await,
    }
}

pub(crate) fn status(door: &Door, json: bool) -> Result<(), Failure> {
    let (list, body) = door.ask::<NodeList>(Method::GET, "/v1/nodes")?;
    if json {
        return say(&String::from_utf8_lossy(&body));
    }
    let head = [
        "NODE", "STATE", "SINCE", "VERSION", "LANES", "PENDING", "TAGS", "REASON",
    ];
    let rows: Vec<Vec<String>> = list.nodes.into_iter().map(node_row).collect();
    table(&head, &rows)
}

fn node_row(node: NodeReport) -> Vec<String> {
    let lanes = node.lanes;
    let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        node.name,
        if node.service == "open" || node.service == node.state {
            node.state
        } else {
            format!("{} ({})", node.state, node.service)
        },
        node.since,
        known(node.version),
        format!("{}+{}+{}", lanes.event, lanes.action, lanes.blocking),
        format!("{}", node.pending + node.waiting),
        known(Some(node.tags.join(",")).filter(|tags| !tags.is_empty())),
        match node.next_attempt {
            Some(next) => format!(
                "{} (failures in a row: {}, next attempt at {next})",
                node.reason, node.failures
            ),
            None => node.reason,
        },
    ]
}

pub(crate) fn sessions(door: &Door, json: bool) -> Result<(), Failure> {
    let (list, body) = door.ask::<SessionList>(Method::GET, "/v1/sessions")?;
    if json {
        return say(&String::from_utf8_lossy(&body));
    }
    let head = [
        "ID", "ACCOUNT", "ADDRESS", "LISTENER", "SINCE", "INFLIGHT", "QUEUED", "NODES",
    ];
    let rows: Vec<Vec<String>> = list.sessions.into_iter().map(session_row).collect();
    table(&head, &rows)
}

fn session_row(session: SessionReport) -> Vec<String> {
    vec![
        session.id.to_string(),
        session.account.unwrap_or_else(|| "-".to_owned()),
        session.address,
        session.listener,
        session.since,
        session.inflight.to_string(),
        session.queued_bytes.to_string(),
        session.nodes.join(","),
    ]
}

pub(crate) fn kick(door: &Door, id: u64) -> Result<(), Failure> {
    command(door, &format!("/v1/sessions/{id}/kick"))
}

/// `word` is `drain`, `maintenance` or `resume`.
pub(crate) fn serve(door: &Door, node: &str, word: &str) -> Result<(), Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if node.is_empty() || !node.bytes().all(is_plain) {
        let text = format!("{node:?} is no name of a node");
        return Err(Failure::Configuration(text));
    }
    command(door, &format!("/v1/nodes/{node}/{word}"))
}

fn command(door: &Door, path: &str) -> Result<(), Failure> {
    let (Done { done }, _) = door.ask(Method::POST, path)?;
    say(&done)
}

/// Columns as wide as they must be, the last as it is.
fn table(head: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let all = || std::iter::once(&head).chain(rows);
    let width = |column: usize| {
        let cells = all().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in all() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        // Parts of it come from nodes and clients: nothing of it may move the cursor.
        let line = cells.join("  ").replace(char::is_control, "?");
        say(line.trim_end())?;
    }
    Ok(())
}
