//! The accept loop of one listener: a place for each connection, TLS, and the connection's task.
//!
//! Half a TLS handshake costs nobody but itself: it runs in the connection's own task, and its time is part of
//! the time for the login.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ami_mux::{SessionId, SessionSettings, SessionStart};
use ami_telemetry::{CloseReason, ListenerMeters};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::downstream::driver::{self, Connection, OutboundLimits};
use crate::registry::UnauthenticatedPlace;
use crate::security::Origin;
use crate::supervisor::Supervisor;
use crate::tls::ListenerIdentity;
use crate::transport::Transport;
use crate::world::World;

/// Connections that the system holds for us between two accepts.
const BACKLOG: u32 = 1024;
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

/// Listens at `address`, which may be taken again at once after a restart.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    if Transport::OPTIONS_ARE_INHERITED
        && let Err(error) = Transport::tune(&socket)
    {
        tracing::debug!(%address, %error, "socket options could not be set");
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until amiplex drains.
pub(crate) async fn run(listener: Listener, world: Arc<World>, supervisor: Supervisor) {
    let draining = pin!(supervisor.draining());
    let mut draining = supervisor.signal(draining);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut draining => return,
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
    let start = SessionStart {
        id: SessionId(listener.next_session.fetch_add(1, Ordering::Relaxed)),
        peer: address,
        tls: listener.tls.is_some(),
    };
    if !Transport::OPTIONS_ARE_INHERITED
        && let Err(error) = Transport::tune(&stream)
    {
        tracing::debug!(session = %start.id, %error, "socket options could not be set");
    }
    let handshake = Box::new(Handshake {
        stream,
        tls: listener.tls.as_deref().map(ListenerIdentity::acceptor),
        arrival: Arrival {
            start,
            accepted: Instant::now(),
            origin: Box::new(Origin::new(start.id, peer, start.tls)),
            place,
            settings: Arc::clone(&listener.settings),
            outbound: listener.outbound,
            name: Arc::clone(&listener.name),
        },
        meters: Arc::clone(&listener.meters),
    });
    supervisor.spawn(
        "connection",
        connection(handshake, Arc::clone(world), supervisor.clone()),
    );
}

struct Handshake {
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    arrival: Arrival,
    meters: Arc<ListenerMeters>,
}

/// What is known of a connection before it can carry bytes.
struct Arrival {
    start: SessionStart,
    accepted: Instant,
    origin: Box<Origin>,
    place: UnauthenticatedPlace,
    settings: Arc<SessionSettings>,
    outbound: OutboundLimits,
    name: Arc<str>,
}

impl Arrival {
    fn over(self, transport: Transport) -> Connection {
        Connection {
            start: self.start,
            accepted: self.accepted,
            origin: self.origin,
            settings: self.settings,
            transport,
            place: self.place,
            outbound: self.outbound,
            listener: self.name,
        }
    }
}

/// What only the handshake needs is given back before the session begins: thousands of silent clients stay in the second part.
async fn connection(handshake: Box<Handshake>, world: Arc<World>, supervisor: Supervisor) {
    let open = handshake.meters.session();
    let session = if handshake.tls.is_none() {
        driver::run(plain(handshake), world, supervisor)
    } else {
        match Box::pin(shake_hands(handshake, &world, &supervisor)).await {
            Some(connection) => driver::run(connection, world, supervisor),
            None => return,
        }
    };
    session.await;
    drop(open);
}

fn plain(handshake: Box<Handshake>) -> Connection {
    let Handshake {
        stream, arrival, ..
    } = *handshake;
    arrival.over(Transport::plain(stream))
}

/// The connection once TLS is up; `None` when it is closed.
async fn shake_hands(
    handshake: Box<Handshake>,
    world: &World,
    supervisor: &Supervisor,
) -> Option<Connection> {
    let Handshake {
        stream,
        tls,
        arrival,
        ..
    } = *handshake;
    let session = arrival.start.id;
    let deadline = arrival.accepted + arrival.settings.auth_timeout;
    let handshake = timeout_at(deadline, tls?.accept(stream));
    let done = tokio::select! {
        () = supervisor.draining() => return None,
        done = handshake => done,
    };
    match done {
        Ok(Ok(stream)) => return Some(arrival.over(Transport::tls_server(stream))),
        Ok(Err(error)) => tracing::debug!(%session, %error, "TLS handshake failed"),
        Err(late) => tracing::debug!(%session, %late, "TLS handshake not completed"),
    }
    world.meters.session_closed(CloseReason::TlsHandshake);
    None
}
