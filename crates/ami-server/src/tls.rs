//! TLS settings of listeners and nodes, made from the files that the configuration names.
//!
//! One crypto provider (ring) is named at each place, so nothing depends on a process-wide default. Made once and shared by all
//! connections: the tickets and sessions that make reconnecting cheap live in here. A changed file is read by making them anew.

mod pin;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ami_config::{ListenerTls, NodeTls};
use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, InconsistentKeys, RootCertStore, ServerConfig};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use pin::PinnedCertificate;

/// Why TLS cannot be set up: which file, and what is wrong with it.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    /// The file cannot be opened or read.
    #[error("{} cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file has a damaged PEM block.
    #[error("{} is damaged: not valid PEM", .0.display())]
    Pem(PathBuf),
    /// The file has no PEM block of a certificate.
    #[error("{} has no certificate in it (PEM with BEGIN CERTIFICATE is expected)", .0.display())]
    NoCertificate(PathBuf),
    /// The file has no PEM block of a private key.
    #[error("{} has no private key in it (PEM is expected, not protected by a passphrase)", .0.display())]
    NoKey(PathBuf),
    /// Both files are good, but not for each other.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate or key is of a kind that cannot be used.
    #[error("{} and {} cannot be used: {source}", cert.display(), key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the TLS library says.
        source: rustls::Error,
    },
    /// A certificate in the file cannot be an authority.
    #[error("{} has a certificate that cannot be an authority: {reason}", file.display())]
    Authority {
        /// The authorities' file.
        file: PathBuf,
        /// What the TLS library says.
        reason: String,
    },
    /// No `ca` is given, and the system has no authorities either.
    #[error("this system has no certificate authorities{0}; give `ca` or `pin_sha256`")]
    NoSystemAuthorities(String),
    /// The name is neither a DNS name nor an IP address.
    #[error("{0:?} is no server name that a certificate can have")]
    ServerName(String),
    /// The TLS library refuses the protocol versions; a bug in amiplex.
    #[error("TLS cannot be set up: {0}")]
    Versions(rustls::Error),
}

/// What a listener shows of itself, replaced as a whole when its files have changed.
#[derive(Debug)]
pub(crate) struct ListenerIdentity(ArcSwap<Shown>);

/// The settings of a listener, and the certificates that they were made of. The key belongs to the first, so it is the same when they are.
#[derive(Debug)]
pub(crate) struct Shown {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
    client_ca: Option<Vec<CertificateDer<'static>>>,
}

impl ListenerIdentity {
    pub(crate) fn new(files: &ListenerTls) -> Result<Self, TlsError> {
        shown(files).map(|shown| Self(ArcSwap::from_pointee(shown)))
    }

    /// For the next handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.load().config))
    }

    /// Handshakes from now on show this. Where it is what they showed before, the keys of the tickets stay, and whoever has one resumes;
    /// else nobody does: a ticket must not outlive the certificate, nor the authority, that its handshake was about.
    pub(crate) fn replace(&self, shown: Shown) {
        let before = self.0.load();
        if before.chain != shown.chain || before.client_ca != shown.client_ca {
            self.0.store(Arc::new(shown));
        }
    }
}

/// What is needed to speak TLS to a node.
#[derive(Debug, Clone)]
pub(crate) struct ClientTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
}

/// What these files make a listener show.
pub(crate) fn shown(tls: &ListenerTls) -> Result<Shown, TlsError> {
    let provider = provider();
    let chain = certificates(&tls.cert)?;
    let key = private_key(&tls.key)?;
    let client_ca = tls.client_ca.as_deref().map(certificates).transpose()?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?;
    let builder = match (&tls.client_ca, &client_ca) {
        (Some(file), Some(authorities)) => {
            let roots = Arc::new(roots(file, authorities.clone())?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::Authority {
                file: file.clone(),
                reason: error.to_string(),
            })?)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain.clone(), key)
        .map_err(|error| unusable(tls, error))?;
    // Tickets make the server remember nothing, so a thousand reconnecting clients resume and none pushes another out of a cache.
    config.ticketer = ring::Ticketer::new().map_err(TlsError::Versions)?;
    Ok(Shown {
        config: Arc::new(config),
        chain,
        client_ca,
    })
}

/// The settings of a node whose address has this host.
pub(crate) fn client_tls(tls: &NodeTls, host: &str) -> Result<ClientTls, TlsError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?;
    let builder = match (&tls.pin_sha256, &tls.ca) {
        (Some(pin), _) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinnedCertificate::new(*pin, provider))),
        (None, Some(file)) => builder.with_root_certificates(authorities(file)?),
        (None, None) => builder.with_root_certificates(system_authorities()?),
    };
    let name = tls.server_name.as_deref().unwrap_or(host);
    Ok(ClientTls {
        config: Arc::new(builder.with_no_client_auth()),
        server_name: server_name(name)?,
    })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    ServerName::try_from(name.to_owned())
        .map_err(|_no_dns_name| TlsError::ServerName(name.to_owned()))
}

fn unusable(tls: &ListenerTls, error: rustls::Error) -> TlsError {
    let (cert, key) = (tls.cert.clone(), tls.key.clone());
    if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        TlsError::KeyMismatch { cert, key }
    } else {
        TlsError::Unusable {
            cert,
            key,
            source: error,
        }
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| pem_error(file, error, TlsError::NoCertificate))?;
    if chain.is_empty() {
        Err(TlsError::NoCertificate(file.to_owned()))
    } else {
        Ok(chain)
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| pem_error(file, error, TlsError::NoKey))
}

/// The parser's own message quotes what it read, which may be a piece of a key.
fn pem_error(file: &Path, error: pem::Error, nothing_found: fn(PathBuf) -> TlsError) -> TlsError {
    let file = file.to_owned();
    if let pem::Error::Io(source) = error {
        return TlsError::Read { file, source };
    }
    if matches!(error, pem::Error::NoItemsFound) {
        nothing_found(file)
    } else {
        TlsError::Pem(file)
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    roots(file, certificates(file)?)
}

fn roots(
    file: &Path,
    certificates: Vec<CertificateDer<'static>>,
) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Authority {
                file: file.to_owned(),
                reason: error.to_string(),
            })?;
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _unusable) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let reasons: Vec<String> = found
            .errors
            .iter()
            .map(|error| format!(" ({error})"))
            .collect();
        return Err(TlsError::NoSystemAuthorities(reasons.concat()));
    }
    Ok(roots)
}

#[cfg(test)]
pub(crate) mod tests;
