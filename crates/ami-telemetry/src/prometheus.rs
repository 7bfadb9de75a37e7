//! The metrics as Prometheus reads them: the recorder, and a small HTTP listener for `GET /metrics`.
//!
//! The listener is one future that owns all its connections: dropping it closes them. It answers a bounded number of
//! connections, each for a bounded time, so that whoever reaches the port cannot use up the process.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{
    BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::names;

/// Connections served at once; a Prometheus uses one, so more than this are a mistake or an attack, and wait in the backlog.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may take to send the head of a request, idle time between two requests included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a connection may live at all, which bounds a reader that never reads; Prometheus connects again.
const CONNECTION_AGE_MAX: Duration = Duration::from_mins(10);
/// Histogram samples are folded at this interval also when nobody scrapes, or they would pile up.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Pause after a failed accept: without file descriptors it fails at once, and again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why metrics could not be set up.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// The address could not be bound.
    #[error("metrics listener cannot bind {address}: {}", bind_reason(source))]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A recorder was installed before, so this one was not.
    #[error("metrics were already set up in this process")]
    AlreadyInstalled,
    /// The exporter refused its settings; a bug in amiplex.
    #[error("metrics recorder: {0}")]
    Recorder(#[from] BuildError),
}

fn bind_reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let reason = [
        (
            ErrorKind::AddrInUse,
            "the port is in use by another process",
        ),
        (ErrorKind::AddrNotAvailable, "this host has no such address"),
        (
            ErrorKind::PermissionDenied,
            "permission denied (ports below 1024 need a capability)",
        ),
    ];
    let known = reason.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, text)| (*text).to_owned())
}

/// Installs the process-wide recorder, binds `address`, and returns the handle that renders the metrics and the future that
/// serves them. Spawn the future where its end is joined; dropping it closes the listener and its connections.
///
/// Binds before it installs, so that a port in use leaves nothing behind. Call it inside a tokio runtime and before any meter is made.
pub async fn install(
    address: SocketAddr,
) -> Result<(PrometheusHandle, impl Future<Output = ()> + Send + 'static), MetricsError> {
    let listener = bind(address).await?;
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_already| MetricsError::AlreadyInstalled)?;
    names::describe_all();
    Ok((handle.clone(), serve(listener, handle)))
}

pub(crate) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new()
        .set_buckets(&names::ACTION_SECONDS_BUCKETS)?
        .build_recorder())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, MetricsError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| MetricsError::Bind { address, source })
}

async fn serve(listener: TcpListener, handle: PrometheusHandle) {
    let mut connections = JoinSet::new();
    let mut upkeep = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        tokio::select! {
            _tick = upkeep.tick() => handle.run_upkeep(),
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn(serve_connection(stream, handle.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "metrics listener cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn serve_connection(stream: TcpStream, handle: PrometheusHandle) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &handle);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_AGE_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "metrics connection ended"),
        Err(_elapsed) => tracing::debug!("metrics connection closed at its age limit"),
    }
}

fn respond(request: &Request<Incoming>, handle: &PrometheusHandle) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        return plain(
            StatusCode::NOT_FOUND,
            "The metrics are at /metrics.\n".to_owned(),
        );
    }
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Use GET.\n".to_owned());
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = plain(StatusCode::OK, handle.render());
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

fn plain(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests;
