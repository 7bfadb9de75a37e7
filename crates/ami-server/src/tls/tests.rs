use std::fs;

use ami_config::Fingerprint;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::{ClientConnection, HandshakeKind, ServerConnection};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;

/// A certificate authority and a server certificate for `pbx1.example.com`, as files.
pub(crate) struct Authority {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
    fingerprint: Fingerprint,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("temporary directory");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key"))
            .expect("authority");
        fs::write(directory.path().join("ca.pem"), issuer.pem()).expect("written");
        let leaf = write_leaf(directory.path(), &issuer, "cert.pem", "key.pem");
        let fingerprint = Fingerprint::new(Sha256::digest(leaf).into());
        Self {
            directory,
            issuer,
            fingerprint,
        }
    }

    /// Another certificate for the same names, and its key.
    fn another(&self) -> (PathBuf, PathBuf) {
        let (cert, key) = ("another.pem", "another.key");
        write_leaf(self.directory.path(), &self.issuer, cert, key);
        (self.file(cert), self.file(key))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn listener(&self) -> ListenerTls {
        ListenerTls {
            cert: self.file("cert.pem"),
            key: self.file("key.pem"),
            client_ca: None,
        }
    }

    /// What a node checks that knows the authority.
    pub(crate) fn node(&self) -> NodeTls {
        NodeTls {
            ca: Some(self.file("ca.pem")),
            ..NodeTls::default()
        }
    }

    fn pinned(&self) -> NodeTls {
        NodeTls {
            pin_sha256: Some(self.fingerprint),
            ..NodeTls::default()
        }
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        shown(&self.listener()).expect("good files").config
    }

    pub(crate) fn client(&self) -> ClientTls {
        client_tls(&self.node(), "pbx1.example.com").expect("good files")
    }
}

/// Writes a certificate and its key to those files.
fn write_leaf(
    directory: &Path,
    issuer: &CertifiedIssuer<'_, KeyPair>,
    cert_file: &str,
    key_file: &str,
) -> CertificateDer<'static> {
    let key = KeyPair::generate().expect("key");
    let names = vec!["pbx1.example.com".to_owned(), "127.0.0.1".to_owned()];
    let cert = CertificateParams::new(names)
        .expect("names")
        .signed_by(&key, issuer)
        .expect("signed");
    fs::write(directory.join(cert_file), cert.pem()).expect("written");
    fs::write(directory.join(key_file), key.serialize_pem()).expect("written");
    cert.der().clone()
}

/// A handshake in memory; what the client says when it fails, the server's word otherwise.
fn handshake(
    client: &ClientTls,
    server: Arc<ServerConfig>,
) -> Result<HandshakeKind, rustls::Error> {
    let mut ours = ClientConnection::new(Arc::clone(&client.config), client.server_name.clone())?;
    let mut theirs = ServerConnection::new(server)?;
    let mut wire = Vec::new();
    while ours.is_handshaking() || theirs.is_handshaking() || theirs.wants_write() {
        wire.clear();
        ours.write_tls(&mut wire).expect("to memory");
        theirs.read_tls(&mut wire.as_slice()).expect("from memory");
        theirs.process_new_packets()?;
        wire.clear();
        theirs.write_tls(&mut wire).expect("to memory");
        ours.read_tls(&mut wire.as_slice()).expect("from memory");
        ours.process_new_packets()?;
    }
    Ok(ours.handshake_kind().expect("done"))
}

#[test]
fn a_node_of_the_authority_is_accepted_by_name_and_by_address() {
    let authority = Authority::new();
    handshake(&authority.client(), authority.server()).expect("by name");
    let by_address = client_tls(&authority.node(), "127.0.0.1").expect("good files");
    handshake(&by_address, authority.server()).expect("by address");
}

#[test]
fn another_name_or_authority_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let other_name = client_tls(&authority.node(), "pbx2.example.com").expect("good files");
    let error = handshake(&other_name, authority.server())
        .expect_err("wrong name")
        .to_string();
    assert!(error.contains("pbx2.example.com"), "{error}");
    let error = handshake(&stranger.client(), authority.server())
        .expect_err("wrong authority")
        .to_string();
    assert!(
        error.contains("UnknownIssuer") || error.contains("BadSignature"),
        "{error}"
    );
}

#[test]
fn the_configured_name_goes_before_the_host() {
    let authority = Authority::new();
    let tls = NodeTls {
        server_name: Some("pbx1.example.com".to_owned()),
        ..authority.node()
    };
    handshake(
        &client_tls(&tls, "10.9.9.9").expect("good files"),
        authority.server(),
    )
    .expect("the name counts");
}

#[test]
fn a_pin_accepts_its_certificate_whatever_the_name_and_no_other() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let pinned = client_tls(&authority.pinned(), "10.9.9.9").expect("a pin");
    handshake(&pinned, authority.server()).expect("the pinned one");
    let error = handshake(&pinned, stranger.server())
        .expect_err("another")
        .to_string();
    let (shown, wanted) = (
        stranger.fingerprint.to_string(),
        authority.fingerprint.to_string(),
    );
    assert!(error.contains(&shown) && error.contains(&wanted), "{error}");
}

/// A thief has the public certificate and a key of his own.
#[test]
fn a_pin_is_not_fooled_by_a_copy_of_the_certificate() {
    let (authority, thief) = (Authority::new(), Authority::new());
    let pinned = client_tls(&authority.pinned(), "pbx1.example.com").expect("a pin");
    let server = unchecked_server(&authority.file("cert.pem"), &thief.file("key.pem"));
    let error = handshake(&pinned, server).expect_err("forged");
    assert_eq!(
        error,
        rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature)
    );
}

/// What Asterisk's own script makes where OpenSSL 3.0 is installed: version 1, without a name that could be checked.
#[test]
fn a_pin_accepts_a_certificate_of_version_1() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tls/tests"));
    let (cert, key) = (
        directory.join("version1.pem"),
        directory.join("version1.key"),
    );
    let shown = certificates(&cert).expect("good file");
    let pin = Fingerprint::new(Sha256::digest(shown.first().expect("one")).into());
    let tls = NodeTls {
        pin_sha256: Some(pin),
        ..NodeTls::default()
    };
    let client = client_tls(&tls, "pbx1").expect("a pin");
    handshake(&client, unchecked_server(&cert, &key)).expect("the pinned one");
    let error = handshake(
        &client,
        unchecked_server(&cert, &Authority::new().file("key.pem")),
    )
    .expect_err("forged");
    assert_eq!(
        error,
        rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature)
    );
}

/// A server that shows any certificate with any key, as another TLS library would.
fn unchecked_server(cert: &Path, key: &Path) -> Arc<ServerConfig> {
    let cert = certificates(cert).expect("good file");
    let key = private_key(key).expect("good file");
    let key = provider()
        .key_provider
        .load_private_key(key)
        .expect("a key");
    let resolver = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(cert, key));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    Arc::new(config)
}

/// By tickets, in both versions of TLS: nothing has to be remembered here.
#[test]
fn a_second_connection_resumes_the_first() {
    use rustls::version::{TLS12, TLS13};
    let authority = Authority::new();
    let server = authority.server();
    for version in [&TLS12, &TLS13] {
        let roots = authorities(&authority.file("ca.pem")).expect("good file");
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .expect("known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = ClientTls {
            config: Arc::new(config),
            ..authority.client()
        };
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let done = handshake(&client, Arc::clone(&server));
            assert_eq!(done, Ok(expected), "{version:?}");
        }
        let mut forgetful = ClientConfig::clone(&client.config);
        forgetful.resumption = Resumption::disabled();
        let forgetful = ClientTls {
            config: Arc::new(forgetful),
            ..client
        };
        let done = handshake(&forgetful, Arc::clone(&server));
        assert_eq!(done, Ok(HandshakeKind::Full));
    }
}

#[test]
fn a_reload_forgets_the_tickets_when_the_certificates_have_changed_and_only_then() {
    let authority = Authority::new();
    let files = authority.listener();
    let identity = ListenerIdentity::new(&files).expect("good files");
    let client = authority.client();
    let comes = || handshake(&client, Arc::clone(&identity.0.load().config));
    assert_eq!(comes(), Ok(HandshakeKind::Full));
    identity.replace(shown(&files).expect("good files"));
    assert_eq!(comes(), Ok(HandshakeKind::Resumed));
    let (cert, key) = authority.another();
    let renewed = ListenerTls {
        cert,
        key,
        client_ca: None,
    };
    identity.replace(shown(&renewed).expect("good files"));
    assert_eq!(comes(), Ok(HandshakeKind::Full));
    assert_eq!(comes(), Ok(HandshakeKind::Resumed));
    // Clients have to show certificates from now on: one that has a ticket and none of those must not come in by it.
    let demands = ListenerTls {
        client_ca: Some(authority.file("ca.pem")),
        ..renewed
    };
    identity.replace(shown(&demands).expect("good files"));
    assert_eq!(comes(), Err(rustls::Error::NoCertificatesPresented));
}

#[test]
fn clients_without_a_certificate_are_refused_where_one_is_demanded() {
    let authority = Authority::new();
    let tls = ListenerTls {
        client_ca: Some(authority.file("ca.pem")),
        ..authority.listener()
    };
    let server = shown(&tls).expect("good files").config;
    let error = handshake(&authority.client(), server).expect_err("no certificate");
    assert_eq!(error, rustls::Error::NoCertificatesPresented);
}

#[track_caller]
fn assert_refused(tls: &ListenerTls, message: &str) {
    let error = shown(tls).expect_err("unusable").to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn errors_name_the_file_and_what_is_wrong_with_it() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.listener();
    assert_refused(
        &ListenerTls {
            cert: authority.file("none.pem"),
            ..good.clone()
        },
        "none.pem cannot be read: No such file",
    );
    assert_refused(
        &ListenerTls {
            cert: authority.file("key.pem"),
            ..good.clone()
        },
        "key.pem has no certificate in it",
    );
    assert_refused(
        &ListenerTls {
            key: authority.file("cert.pem"),
            ..good.clone()
        },
        "cert.pem has no private key in it",
    );
    assert_refused(
        &ListenerTls {
            key: other.file("key.pem"),
            ..good.clone()
        },
        "key.pem does not belong to the certificate in",
    );
    fs::write(
        authority.file("cut.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
    )
    .expect("written");
    assert_refused(
        &ListenerTls {
            cert: authority.file("cut.pem"),
            ..good.clone()
        },
        "cut.pem is damaged: not valid PEM",
    );
    fs::write(
        authority.file("odd.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .expect("written");
    assert_refused(
        &ListenerTls {
            client_ca: Some(authority.file("odd.pem")),
            ..good
        },
        "odd.pem has a certificate that cannot",
    );
}

#[test]
fn a_name_that_no_certificate_can_have_is_refused() {
    let error = client_tls(&Authority::new().node(), "pbx 1")
        .expect_err("a blank")
        .to_string();
    assert_eq!(
        error,
        "\"pbx 1\" is no server name that a certificate can have"
    );
}
