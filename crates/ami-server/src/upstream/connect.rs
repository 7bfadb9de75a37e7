//! Opens a connection to a node: name, TCP, TLS, all under one deadline.
//!
//! The name is resolved anew at each attempt, since nodes move. Every address is tried, each with its share of the time that is left, so
//! that a dead first address does not use up the time of a good second one.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ami_config::Node;
use ami_telemetry::ConnectStep;
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::tls::{self, ClientTls, TlsError};
use crate::transport::Transport;

/// Where a node is and how to speak to it.
#[derive(Debug, Clone)]
pub(crate) struct NodeAddress {
    host_port: String,
    tls: Option<ClientTls>,
}

/// Why no connection came about.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// The name could not be turned into addresses.
    #[error("{host_port} cannot be resolved: {source}")]
    Resolve {
        /// As configured.
        host_port: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// The name exists and has no address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// The resolver took all the time there was.
    #[error("{host_port} was not resolved within {deadline:?}")]
    ResolveDeadline {
        /// As configured.
        host_port: String,
        /// The time there was.
        deadline: Duration,
    },
    /// Every address failed, at least one.
    #[error("{host_port}: {}", Attempts(attempts))]
    Addresses {
        /// As configured.
        host_port: String,
        /// What became of each, in the order of trying.
        attempts: Vec<Attempt>,
    },
}

/// What became of one address.
#[derive(Debug)]
pub(crate) struct Attempt {
    address: SocketAddr,
    step: ConnectStep,
    /// `None` when its share of the deadline ran out.
    error: Option<io::Error>,
}

impl NodeAddress {
    /// The address of a node as configured; reads its TLS files.
    pub(crate) fn new(node: &Node) -> Result<Self, TlsError> {
        let tls = node
            .tls
            .as_ref()
            .map(|settings| tls::client_tls(settings, host(&node.address)));
        Ok(Self {
            host_port: node.address.clone(),
            tls: tls.transpose()?,
        })
    }
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host(host_port: &str) -> &str {
    let host = host_port
        .rsplit_once(':')
        .map_or(host_port, |(host, _port)| host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

impl ConnectError {
    /// The furthest step that was reached, for the metric.
    pub(crate) fn step(&self) -> ConnectStep {
        match self {
            Self::Resolve { .. } | Self::NoAddress(_) | Self::ResolveDeadline { .. } => {
                ConnectStep::Resolve
            }
            Self::Addresses { attempts, .. } => {
                let reached_tls = attempts
                    .iter()
                    .any(|attempt| attempt.step == ConnectStep::Tls);
                if reached_tls {
                    ConnectStep::Tls
                } else {
                    ConnectStep::Tcp
                }
            }
        }
    }
}

struct Attempts<'a>(&'a [Attempt]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, attempt) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            let step = if attempt.step == ConnectStep::Tls {
                "TLS handshake"
            } else {
                "TCP connect"
            };
            write!(f, "{separator}{step} with {} failed: ", attempt.address)?;
            match &attempt.error {
                Some(error) => write!(f, "{error}")?,
                None => f.write_str("no answer in time")?,
            }
        }
        Ok(())
    }
}

/// A connection over which not a byte of AMI has gone yet, within `deadline`.
pub(crate) async fn connect(
    target: &NodeAddress,
    deadline: Duration,
) -> Result<Transport, ConnectError> {
    let end = Instant::now() + deadline;
    let addresses = resolve(&target.host_port, deadline, end).await?;
    try_each(target, &addresses, end).await.map_err(|attempts| {
        let host_port = target.host_port.clone();
        if attempts.is_empty() {
            ConnectError::NoAddress(host_port)
        } else {
            ConnectError::Addresses {
                host_port,
                attempts,
            }
        }
    })
}

async fn resolve(
    host_port: &str,
    deadline: Duration,
    end: Instant,
) -> Result<Vec<SocketAddr>, ConnectError> {
    match timeout_at(end, lookup_host(host_port)).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(source)) => Err(ConnectError::Resolve {
            host_port: host_port.to_owned(),
            source,
        }),
        Err(_elapsed) => Err(ConnectError::ResolveDeadline {
            host_port: host_port.to_owned(),
            deadline,
        }),
    }
}

async fn try_each(
    target: &NodeAddress,
    addresses: &[SocketAddr],
    end: Instant,
) -> Result<Transport, Vec<Attempt>> {
    let mut attempts = Vec::new();
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let now = Instant::now();
        let share = end.saturating_duration_since(now) / left.max(1);
        match try_one(target, *address, now + share).await {
            Ok(transport) => return Ok(transport),
            Err(attempt) => attempts.push(attempt),
        }
        left = left.saturating_sub(1);
    }
    Err(attempts)
}

async fn try_one(
    target: &NodeAddress,
    address: SocketAddr,
    end: Instant,
) -> Result<Transport, Attempt> {
    let failed = |step, error| Attempt {
        address,
        step,
        error,
    };
    let stream = match timeout_at(end, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(ConnectStep::Tcp, Some(error))),
        Err(_elapsed) => return Err(failed(ConnectStep::Tcp, None)),
    };
    Transport::tune(&stream).map_err(|error| failed(ConnectStep::Tcp, Some(error)))?;
    let Some(tls) = &target.tls else {
        return Ok(Transport::plain(stream));
    };
    let handshake = TlsConnector::from(tls.config.clone()).connect(tls.server_name.clone(), stream);
    match timeout_at(end, handshake).await {
        Ok(Ok(stream)) => Ok(Transport::tls_client(stream)),
        Ok(Err(error)) => Err(failed(ConnectStep::Tls, Some(error))),
        Err(_elapsed) => Err(failed(ConnectStep::Tls, None)),
    }
}

#[cfg(test)]
mod tests;
