//! The operator's door: HTTP with JSON on a Unix socket, for `amiplex status` and the like.
//!
//! Who may open the socket is the operator; the file's mode decides. A bounded number of connections is served, each for a bounded
//! time, and nothing of a request but its head is read. No answer has a secret in it. The answers' forms are public, so that the
//! command line reads what this writes.

mod report;
mod requests;
mod socket;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

pub use report::{Complaint, Done, LaneCounts, NodeList, NodeReport, SessionList, SessionReport};
pub(crate) use socket::AdminSocket;

use crate::supervisor::Supervisor;
use crate::world::World;

/// Connections served at once; others wait in the backlog.
const CONNECTIONS_MAX: usize = 16;
/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may live.
const CONNECTION_AGE_MAX: Duration = Duration::from_mins(1);
/// Pause after a failed accept: without file descriptors it fails at once, and again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves the socket until everything stops, and removes its file then. A drain is watched through it.
pub(crate) async fn run(socket: AdminSocket, world: Arc<World>, supervisor: Supervisor) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let serve = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match socket.accept().await {
                Ok(stream) => {
                    let (world, ending) = (Arc::clone(&world), supervisor.clone());
                    supervisor.spawn("admin connection", async move {
                        tokio::select! {
                            () = ending.stopping() => {}
                            () = connection(stream, world) => {}
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin socket cannot accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = supervisor.stopping() => {}
        () = serve => {}
    }
}

async fn connection(stream: UnixStream, world: Arc<World>) {
    let user = stream.peer_cred().ok().map(|peer| peer.uid());
    let service = service_fn(move |request| {
        let world = Arc::clone(&world);
        async move { Ok::<_, Infallible>(requests::answer(&request, user, &world).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_AGE_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "admin connection ended"),
        Err(_elapsed) => tracing::debug!("admin connection closed at its age limit"),
    }
}
