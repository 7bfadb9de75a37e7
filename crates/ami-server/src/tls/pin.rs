//! Accepts exactly one certificate, whoever signed it: for nodes with a certificate of their own making.
//!
//! The fingerprint replaces the check of authority, name and dates. The signature of the handshake is still verified, or a copy of the
//! certificate, which is public, would be enough to pose as the node. In TLS 1.3 certificates of X.509 version 1 are good too.

mod der;

use std::sync::Arc;

use ami_config::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};

/// The verifier of a pinned node.
#[derive(Debug)]
pub(super) struct PinnedCertificate {
    pin: Fingerprint,
    provider: Arc<CryptoProvider>,
}

/// The node showed another certificate. Both fingerprints are public, and the operator wants to compare them.
#[derive(Debug, thiserror::Error)]
#[error("the node's certificate has SHA-256 {shown}, pinned is {pinned}")]
struct NotThePinned {
    shown: Fingerprint,
    pinned: Fingerprint,
}

impl PinnedCertificate {
    pub(super) fn new(pin: Fingerprint, provider: Arc<CryptoProvider>) -> Self {
        Self { pin, provider }
    }
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::new(Sha256::digest(end_entity).into());
        if shown == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let other = OtherError(Arc::new(NotThePinned {
            shown,
            pinned: self.pin,
        }));
        Err(Error::InvalidCertificate(CertificateError::Other(other)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = der::public_key(cert)
            .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
