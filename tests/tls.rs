//! TLS on both sides: clients of a TLS listener, nodes behind TLS, and what is said when a certificate is not the right one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ami_sim::{SimClient, SimNode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::{Setup, asterisk, at_address, run_amiplex, simulated, simulation};

/// A certificate with its key, and the authority that signed it, as files.
pub(crate) struct Certificate {
    directory: TempDir,
    sha256: String,
}

impl Certificate {
    /// A certificate for that name and for 127.0.0.1.
    pub(crate) fn of(name: &str) -> Self {
        let directory = TempDir::new().expect("a directory");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two authorities of one name would look like one with a bad signature.
        let unique = directory.path().display().to_string();
        authority
            .distinguished_name
            .push(DnType::CommonName, unique);
        let issuer_key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(authority, issuer_key).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec![name.to_owned()])
            .expect("a name")
            .signed_by(&key, &issuer)
            .expect("signed");
        for (file, pem) in [
            ("ca.pem", issuer.pem()),
            ("cert.pem", leaf.pem()),
            ("key.pem", key.serialize_pem()),
        ] {
            std::fs::write(directory.path().join(file), pem).expect("written");
        }
        let digest = Sha256::digest(leaf.der());
        let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let sha256 = hex.concat();
        Self { directory, sha256 }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    /// The lines of a listener that shows this certificate.
    pub(crate) fn listener(&self) -> String {
        format!(
            "tls = {{ cert = \"{}\", key = \"{}\" }}\n",
            self.text("cert.pem"),
            self.text("key.pem")
        )
    }

    fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(self.chain(), self.key())
            .expect("a good pair");
        TlsAcceptor::from(Arc::new(config))
    }

    /// The files are those of another from now on, but for the authority.
    pub(crate) fn replace_by(&self, other: &Self) {
        for file in ["cert.pem", "key.pem"] {
            std::fs::copy(other.file(file), self.file(file)).expect("copied");
        }
    }

    /// The key belongs to some other certificate from now on.
    pub(crate) fn break_key(&self) {
        let key = KeyPair::generate().expect("a key");
        std::fs::write(self.file("key.pem"), key.serialize_pem()).expect("written");
    }

    /// A client that trusts the authority of this one, and shows `own` if it is asked.
    pub(crate) fn connector(&self, own: Option<&Self>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(self.file("ca.pem")).expect("a certificate");
        roots.add(authority).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match own {
            Some(own) => builder
                .with_client_auth_cert(own.chain(), own.key())
                .expect("a good pair"),
            None => builder.with_no_client_auth(),
        };
        TlsConnector::from(Arc::new(config))
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_file(self.file("cert.pem")).expect("a certificate")]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_file(self.file("key.pem")).expect("a key")
    }
}

/// A client of amiplex over TLS; the error when there is no handshake or no greeting.
pub(crate) async fn connect(
    connector: &TlsConnector,
    address: SocketAddr,
) -> Result<SimClient, String> {
    let stream = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::try_from("amiplex.example.com").expect("a name");
    let stream = connector
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())?;
    SimClient::over(stream)
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn clients_of_a_tls_listener_are_served_like_others_and_strangers_harm_nobody() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let certificate = Certificate::of("amiplex.example.com");
    let amiplex = Setup::new(vec![simulated(&node)])
        .listener("tls", &certificate.listener())
        .start()
        .await;
    let address = amiplex.address("tls");
    // A client without TLS, one that trusts somebody else, and half a handshake.
    let mut plain = TcpStream::connect(address).await.expect("connected");
    plain
        .write_all(b"Action: Ping\r\n\r\n")
        .await
        .expect("written");
    let other = Certificate::of("amiplex.example.com").connector(None);
    let error = connect(&other, address).await.expect_err("not trusted");
    assert!(error.contains("UnknownIssuer"), "{error}");
    let _half = TcpStream::connect(address).await.expect("connected");

    let connector = certificate.connector(None);
    let mut client = connect(&connector, address).await.expect("greeted");
    client.login("admin", "adminpw").await.expect("logged in");
    let answer = client
        .action(&["Action: CoreStatus"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
    client.action(&["Action: Logoff"]).await.expect("answered");
    client.closed().await.expect("closed in order");
    let mut rest = Vec::new();
    let closed = plain.read_to_end(&mut rest).await;
    assert!(
        closed.is_err() || !rest.starts_with(b"Asterisk"),
        "no greeting in the clear: {rest:?}"
    );
}

/// How a handshake went whose client then waited for the greeting: tickets come with it.
pub(crate) async fn handshake_kind(
    connector: &TlsConnector,
    address: SocketAddr,
) -> Option<HandshakeKind> {
    let stream = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::try_from("amiplex.example.com").expect("a name");
    let mut stream = connector.connect(name, stream).await.expect("trusted");
    stream.read_u8().await.expect("greeted");
    stream.get_ref().1.handshake_kind()
}

/// `authtimeout` counts from the connection. That nobody waits for them meanwhile is tested in `isolation.rs`.
#[tokio::test]
async fn handshakes_that_stall_end_when_the_time_for_the_login_is_over() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let certificate = Certificate::of("amiplex.example.com");
    let amiplex = Setup::new(vec![simulated(&node)])
        .accounts("[general]\nauthtimeout = 1\n")
        .listener("tls", &certificate.listener())
        .start()
        .await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let stream = TcpStream::connect(amiplex.address("tls")).await;
        let mut stream = stream.expect("connected");
        // The head of a record of a handshake, whose rest never comes.
        let head = [0x16, 3, 1, 1, 0, 1, 0];
        stream.write_all(&head).await.expect("written");
        stalled.push(stream);
    }
    for mut stream in stalled {
        // An end or a reset: what it sent was not read to the last byte.
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
}

#[tokio::test]
async fn a_listener_may_demand_certificates_of_its_clients() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let certificate = Certificate::of("amiplex.example.com");
    let clients = Certificate::of("client.example.com");
    let strangers = Certificate::of("client.example.com");
    let lines = certificate.listener().replace(
        " }",
        &format!(", client_ca = \"{}\" }}", clients.text("ca.pem")),
    );
    let amiplex = Setup::new(vec![simulated(&node)])
        .listener("tls", &lines)
        .start()
        .await;
    let address = amiplex.address("tls");
    for own in [None, Some(&strangers)] {
        let refused = connect(&certificate.connector(own), address).await;
        assert!(refused.is_err(), "served without a certificate of ours");
    }
    let mut client = connect(&certificate.connector(Some(&clients)), address)
        .await
        .expect("greeted");
    client.login("admin", "adminpw").await.expect("logged in");
}

/// A node behind TLS, for as long as the future is polled.
async fn serve(node: &SimNode, listener: &TcpListener, certificate: &Certificate) {
    let acceptor = certificate.acceptor();
    loop {
        let (stream, _) = listener.accept().await.expect("accepted");
        if let Ok(stream) = acceptor.accept(stream).await {
            node.serve(stream);
        }
    }
}

/// What amiplex logs about a node behind TLS with these settings.
async fn logged(settings: &str, certificate: &Certificate, wanted: &str) -> String {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let mut spec = at_address("pbx1", listener.local_addr().expect("an address"));
    spec.more.push_str(&format!("tls = {{ {settings} }}\n"));
    let watch = async {
        let amiplex = Setup::new(vec![spec]).start_without_nodes().await;
        amiplex.wait_for_log(wanted, 1).await;
        if wanted == "node is up" {
            let mut client = amiplex.login("pbx1", "admin", "adminpw").await;
            let answer = client
                .action(&["Action: CoreStatus"])
                .await
                .expect("answered");
            assert_eq!(answer.response(), Some(&b"Success"[..]));
        } else {
            amiplex.wait_for_log("node is down", 1).await;
        }
        amiplex.log().join("\n")
    };
    tokio::select! {
        log = watch => log,
        () = serve(&node, &listener, certificate) => unreachable!("serves for ever"),
    }
}

#[tokio::test]
async fn a_node_with_the_right_certificate_is_up() {
    let certificate = Certificate::of("pbx.example.com");
    let ca = certificate.text("ca.pem");
    let colons: Vec<_> = certificate
        .sha256
        .as_bytes()
        .chunks(2)
        .map(String::from_utf8_lossy)
        .collect();
    for settings in [
        format!("ca = \"{ca}\", server_name = \"pbx.example.com\""),
        format!("pin_sha256 = \"{}\"", certificate.sha256),
        format!("pin_sha256 = \"{}\"", colons.join(":").to_uppercase()),
    ] {
        let log = logged(&settings, &certificate, "node is up").await;
        assert!(!log.contains("cannot connect"), "{settings}: {log}");
    }
}

#[tokio::test]
async fn a_node_with_the_wrong_certificate_stays_down_and_the_log_says_why() {
    let certificate = Certificate::of("pbx.example.com");
    let other = Certificate::of("pbx.example.com");
    let ca = certificate.text("ca.pem");
    for (settings, wanted) in [
        (
            format!(
                "ca = \"{}\", server_name = \"pbx.example.com\"",
                other.text("ca.pem")
            ),
            "UnknownIssuer",
        ),
        (
            format!("ca = \"{ca}\", server_name = \"pbx2.example.com\""),
            "not valid for name",
        ),
        // Without a name the host of the address counts.
        (format!("ca = \"{ca}\""), "not valid for name"),
        (format!("pin_sha256 = \"{}\"", other.sha256), "NotThePinned"),
    ] {
        let log = logged(&settings, &certificate, wanted).await;
        assert!(!log.contains("node is up"), "{settings}: {log}");
        let said = log.lines().find(|line| line.contains(wanted));
        let said = said.expect("logged");
        assert!(said.contains("TLS handshake"), "{settings}: {said}");
        assert!(said.contains("\"node\":\"pbx1\""), "{settings}: {said}");
    }
}

#[tokio::test]
async fn a_node_without_tls_where_tls_is_expected_stays_down() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let certificate = Certificate::of("pbx.example.com");
    let mut spec = simulated(&node);
    let lines = format!("tls = {{ ca = \"{}\" }}\n", certificate.text("ca.pem"));
    spec.more.push_str(&lines);
    let amiplex = Setup::new(vec![spec]).start_without_nodes().await;
    amiplex.wait_for_log("TLS handshake", 1).await;
    // The random part of a TLS greeting may look like a message.
    let named = |name| node.received_named(name).len();
    assert_eq!(
        named("Login") + named("Challenge"),
        0,
        "nothing in the clear"
    );
}

#[tokio::test]
async fn a_real_asterisk_over_tls_is_up() {
    let mut spec = asterisk("pbx1");
    let port = std::env::var("AMIPLEX_TEST_PBX1_TLS_PORT").expect("tests/asterisk/env is set");
    let certificate = std::env::var("AMIPLEX_TEST_CERT").expect("tests/asterisk/env is set");
    spec.address = format!("127.0.0.1:{port}").parse().expect("a port");
    spec.more
        .push_str(&format!("tls = {{ ca = \"{certificate}\" }}\n"));
    let amiplex = Setup::new(vec![spec]).start().await;
    let mut client = amiplex.login("pbx1", "admin", "adminpw").await;
    let answer = client
        .action(&["Action: CoreStatus"])
        .await
        .expect("answered");
    assert_eq!(answer.response(), Some(&b"Success"[..]));
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_before_anybody_is_served() {
    let good = Certificate::of("amiplex.example.com");
    let other = Certificate::of("amiplex.example.com");
    let junk = good.file("junk.pem");
    std::fs::write(&junk, "-----BEGIN CERTIFICATE-----\nnot base64!\n").expect("written");
    let empty = good.file("empty.pem");
    std::fs::write(&empty, "nothing\n").expect("written");
    let (junk, empty) = (junk.display().to_string(), empty.display().to_string());
    let (cert, key) = (good.text("cert.pem"), good.text("key.pem"));
    let missing = good.text("missing.pem");
    let listener =
        |cert: &str, key: &str| format!("tls = {{ cert = \"{cert}\", key = \"{key}\" }}\n");
    let address = "127.0.0.1:1".parse().expect("an address");
    let cases = [
        (listener(&missing, &key), "", vec![&missing]),
        (listener(&cert, &missing), "", vec![&missing]),
        (listener(&junk, &key), "", vec![&junk]),
        (listener(&empty, &key), "", vec![&empty]),
        (listener(&cert, &empty), "", vec![&empty]),
        (listener(&cert, &cert), "", vec![&cert]),
        (listener(&cert, &other.text("key.pem")), "", vec![&cert]),
        (
            String::new(),
            &*format!("tls = {{ ca = \"{missing}\" }}\n"),
            vec![&missing],
        ),
        (
            String::new(),
            &*format!("tls = {{ ca = \"{junk}\" }}\n"),
            vec![&junk],
        ),
    ]
    .map(|(listener, node, names)| (listener, node.to_owned(), names));
    for (lines, of_node, names) in cases {
        let mut spec = at_address("pbx1", address);
        spec.more.push_str(&of_node);
        let setup = Setup::new(vec![spec]).listener("tls", &lines);
        let directory = TempDir::new().expect("a directory");
        let path = setup.write(directory.path()).display().to_string();
        for verb in ["check", "run"] {
            let (code, said) = run_amiplex(&[verb, "--config", &path]).await;
            assert!([1, 2].contains(&code), "{verb} {lines}{of_node}: {said}");
            for name in &names {
                assert!(said.contains(&***name), "{verb} {lines}{of_node}: {said}");
            }
            let place = if of_node.is_empty() {
                "listener"
            } else {
                "node"
            };
            assert!(said.contains(place), "{verb} {lines}{of_node}: {said}");
            assert!(!said.contains("PRIVATE KEY"), "{said}");
        }
    }
}

#[tokio::test]
async fn many_actions_at_once_reach_a_node_over_tls() {
    let mut spec = asterisk("pbx2");
    let (port, ca) = (
        crate::support::variable("AMIPLEX_TEST_PBX2_TLS_PORT"),
        crate::support::variable("AMIPLEX_TEST_CERT"),
    );
    spec.address = format!("127.0.0.1:{port}").parse().expect("a port");
    spec.more.push_str(&format!(
        "tls = {{ ca = \"{ca}\", server_name = \"localhost\" }}\n"
    ));
    let amiplex = Setup::new(vec![asterisk("pbx1"), spec]).start().await;
    let mut client = amiplex.login("pbx2", "admin", "adminpw").await;
    // More than one read of Asterisk holds: it does not look for what its TLS library has left over.
    let filler = "x".repeat(400);
    for number in 0..200 {
        let (id, variable) = (
            format!("ActionID: {number}"),
            format!("Variable: V{filler}"),
        );
        client
            .send(&["Action: Getvar", &variable, &id])
            .await
            .expect("sent");
    }
    for number in 0..200 {
        let answer = client
            .response(&number.to_string())
            .await
            .expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]));
    }
}

#[tokio::test]
async fn both_kinds_of_login_and_actions_to_real_nodes_work_over_tls() {
    let certificate = Certificate::of("amiplex.example.com");
    let amiplex = Setup::over_asterisk()
        .listener("tls", &certificate.listener())
        .start()
        .await;
    let connector = certificate.connector(None);
    for challenged in [false, true] {
        let mut client = connect(&connector, amiplex.address("tls"))
            .await
            .expect("greeted");
        let reply = if challenged {
            client.login_md5("admin", "adminpw").await
        } else {
            client.login("admin", "adminpw").await
        };
        reply.expect("logged in");
        for (node, version) in [("pbx1", &b"Asterisk 22"[..]), ("pbx2", b"Asterisk 16")] {
            let node = format!("Node: {node}");
            let answer = client
                .action(&["Action: Command", "Command: core show version", &node])
                .await
                .expect("answered");
            assert!(
                answer
                    .header("Output")
                    .is_some_and(|line| line.starts_with(version))
            );
        }
    }
}
