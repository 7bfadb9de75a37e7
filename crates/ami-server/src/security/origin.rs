//! The connection that a security event is about: its addresses, its id, since when it is logged in.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use ami_mux::SessionId;

use ami_mux::RateLimit;

/// Refusals of one session that are told of in a row, and how long one takes to be allowed again.
const BURST: u32 = 100;
const INTERVAL: Duration = Duration::from_millis(100);

/// One connection; owned by its task.
#[derive(Debug)]
pub(crate) struct Origin {
    session: SessionId,
    local: Option<SocketAddr>,
    remote: SocketAddr,
    tls: bool,
    login: Option<(SystemTime, RateLimit)>,
}

impl Origin {
    /// A connection that has not logged in.
    pub(crate) fn new(session: SessionId, remote: SocketAddr, tls: bool) -> Self {
        Self {
            session,
            local: None,
            remote,
            tls,
            login: None,
        }
    }

    /// Asks for the address at which it arrived when the first event is raised: most connections raise none.
    pub(crate) fn arrived_at(&mut self, ask: impl FnOnce() -> io::Result<SocketAddr>) {
        if self.local.is_none() {
            self.local = ask().ok();
        }
    }

    /// Where the client is.
    pub(crate) fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.remote.ip().to_canonical(), self.remote.port())
    }

    /// It has.
    pub(crate) fn logged_in(&mut self) {
        self.login = Some((SystemTime::now(), RateLimit::new(BURST, INTERVAL)));
    }

    /// The limit of its refusals, once it is logged in.
    pub(super) fn refusals(&mut self) -> Option<&mut RateLimit> {
        self.login.as_mut().map(|(_, limit)| limit)
    }

    /// `SessionTV`: when it logged in; the year 1970 before that, as Asterisk writes it.
    pub(super) fn since(&self) -> SystemTime {
        self.login
            .as_ref()
            .map_or(SystemTime::UNIX_EPOCH, |(since, _)| *since)
    }

    /// `SessionID`. Asterisk writes the address of its session, and programs take it for a hexadecimal number.
    pub(super) fn session_id(&self) -> String {
        format!("{:#x}", self.session.0)
    }

    /// `LocalAddress`; of a connection that has none any more, that of nobody.
    pub(super) fn local_address(&self) -> String {
        let nobody: IpAddr = if self.remote.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        self.address(self.local.unwrap_or_else(|| SocketAddr::new(nobody, 0)))
    }

    /// `RemoteAddress`.
    pub(super) fn remote_address(&self) -> String {
        self.address(self.remote)
    }

    /// `IPV4/TCP/192.0.2.1/5038`. An IPv4 address that came in over IPv6 is an IPv4 address.
    fn address(&self, address: SocketAddr) -> String {
        let ip = address.ip().to_canonical();
        let version = if ip.is_ipv4() { "IPV4" } else { "IPV6" };
        let transport = if self.tls { "TLS" } else { "TCP" };
        format!("{version}/{transport}/{ip}/{}", address.port())
    }
}
