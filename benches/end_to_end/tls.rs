//! TLS of the bench: one certificate, made for this run, for amiplex and for the floor.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::Outcome;

const HOST: &str = "localhost";
/// File of the certificate.
pub(crate) const CERT: &str = "bench.pem";
/// File of its key.
pub(crate) const KEY: &str = "bench.key";

/// Writes certificate and key.
pub(crate) fn make(directory: &Path) -> Outcome<()> {
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()])?;
    std::fs::write(directory.join(CERT), made.cert.pem())?;
    std::fs::write(directory.join(KEY), made.signing_key.serialize_pem())?;
    Ok(())
}

/// For the floor.
pub(crate) fn acceptor(directory: &Path) -> Outcome<TlsAcceptor> {
    let chain = vec![CertificateDer::from_pem_file(directory.join(CERT))?];
    let key = PrivateKeyDer::from_pem_file(directory.join(KEY))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // As amiplex has them, so that both resume in the same way.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A client's side of a connection.
pub(crate) async fn client(directory: &Path, stream: TcpStream) -> Outcome<TlsStream<TcpStream>> {
    shake_hands(&connector(directory, false)?, stream).await
}

/// The same with settings that are there already.
pub(crate) async fn shake_hands(
    connector: &TlsConnector,
    stream: TcpStream,
) -> Outcome<TlsStream<TcpStream>> {
    let name = ServerName::try_from(HOST)?;
    Ok(connector.connect(name, stream).await?)
}

/// Settings of clients; with `resumes` they keep their tickets and use them.
pub(crate) fn connector(directory: &Path, resumes: bool) -> Outcome<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join(CERT))?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Ok(TlsConnector::from(Arc::new(config)))
}
