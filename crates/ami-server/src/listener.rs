//! The accept loop of one listener: a place for each connection, TLS, and the connection's task.
//!
//! Half a TLS handshake costs nobody but itself: it runs in the connection's own task, and its time is part of
//! the time for the login.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ami_mux::{SessionId, SessionSettings, SessionStart};
use ami_telemetry::{CloseReason, ListenerMeters};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::downstream::driver::{self, Connection, OutboundLimits};
use crate::registry::UnauthenticatedPlace;
use crate::security::Origin;
use crate::supervisor::Supervisor;
use crate::tls::ListenerIdentity;
use crate::transport::Transport;
use crate::world::World;

/// How long accepting rests when the system has no descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// One bound listener.
pub(crate) struct Listener {
    pub(crate) name: Arc<str>,
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<Arc<ListenerIdentity>>,
    pub(crate) settings: Arc<SessionSettings>,
    pub(crate) outbound: OutboundLimits,
    pub(crate) meters: Arc<ListenerMeters>,
    pub(crate) next_session: Arc<AtomicU64>,
}

/// Accepts until amiplex drains.
pub(crate) async fn run(listener: Listener, world: Arc<World>, supervisor: Supervisor) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = supervisor.draining().cancelled() => return,
            accepted = listener.socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(&listener, stream, peer, &world, &supervisor),
            Err(error) => {
                tracing::warn!(listener = &*listener.name, %error, "cannot accept");
                sleep(ACCEPT_REST).await;
            }
        }
    }
}

fn admit(
    listener: &Listener,
    stream: TcpStream,
    peer: SocketAddr,
    world: &Arc<World>,
    supervisor: &Supervisor,
) {
    let address = peer.ip().to_canonical();
    let place = match world.registry.admit(address) {
        Ok(place) => place,
        Err(reason) => {
            world.meters.session_closed(reason);
            tracing::warn!(peer = %address, reason = reason.as_label(), "connection closed at once");
            return;
        }
    };
    let local = match stream.local_addr() {
        Ok(local) => local,
        Err(error) => {
            tracing::debug!(peer = %address, %error, "the connection has no address any more");
            world.meters.session_closed(CloseReason::IoError);
            return;
        }
    };
    let start = SessionStart {
        id: SessionId(listener.next_session.fetch_add(1, Ordering::Relaxed)),
        peer: address,
        tls: listener.tls.is_some(),
    };
    let handshake = Box::new(Handshake {
        stream,
        accepted: Instant::now(),
        origin: Box::new(Origin::new(start.id, local, peer, listener.tls.is_some())),
        tls: listener.tls.as_deref().map(ListenerIdentity::acceptor),
        place,
        settings: Arc::clone(&listener.settings),
        outbound: listener.outbound,
        name: Arc::clone(&listener.name),
        meters: Arc::clone(&listener.meters),
    });
    supervisor.spawn(
        "connection",
        connection(handshake, start, Arc::clone(world), supervisor.clone()),
    );
}

struct Handshake {
    stream: TcpStream,
    accepted: Instant,
    origin: Box<Origin>,
    tls: Option<TlsAcceptor>,
    place: UnauthenticatedPlace,
    settings: Arc<SessionSettings>,
    outbound: OutboundLimits,
    name: Arc<str>,
    meters: Arc<ListenerMeters>,
}

/// What only the handshake needs is given back before the session begins: thousands of silent clients stay in the second part.
async fn connection(
    handshake: Box<Handshake>,
    start: SessionStart,
    world: Arc<World>,
    supervisor: Supervisor,
) {
    let open = handshake.meters.session();
    let session = match Box::pin(shake_hands(handshake, start, &world, &supervisor)).await {
        Some(connection) => driver::run(connection, world, supervisor),
        None => return,
    };
    session.await;
    drop(open);
}

/// The connection once TLS is up, if it is to be; `None` when it is closed.
async fn shake_hands(
    handshake: Box<Handshake>,
    start: SessionStart,
    world: &World,
    supervisor: &Supervisor,
) -> Option<Connection> {
    let Handshake {
        stream,
        accepted,
        origin,
        tls,
        place,
        settings,
        outbound,
        name,
        meters: _,
    } = *handshake;
    if let Err(error) = Transport::tune(&stream) {
        tracing::debug!(session = %start.id, %error, "socket options could not be set");
    }
    let transport = match tls {
        None => Transport::plain(stream),
        Some(acceptor) => {
            let deadline = accepted + settings.auth_timeout;
            let handshake = timeout_at(deadline, acceptor.accept(stream));
            let done = tokio::select! {
                () = supervisor.draining().cancelled() => return None,
                done = handshake => done,
            };
            match done {
                Ok(Ok(stream)) => Transport::tls_server(stream),
                Ok(Err(error)) => {
                    tracing::debug!(session = %start.id, %error, "TLS handshake failed");
                    world.meters.session_closed(CloseReason::TlsHandshake);
                    return None;
                }
                Err(late) => {
                    tracing::debug!(session = %start.id, %late, "TLS handshake not completed");
                    world.meters.session_closed(CloseReason::TlsHandshake);
                    return None;
                }
            }
        }
    };
    Some(Connection {
        start,
        accepted,
        origin,
        settings,
        transport,
        place,
        outbound,
        listener: name,
    })
}
