//! Documents on disk, and the files that they name.

use std::fs;

use tempfile::TempDir;

use super::LEAST;
use crate::{Config, ConfigErrors, load_from};

fn load(directory: &TempDir, text: &str) -> Result<Config, ConfigErrors> {
    let path = directory.path().join("amiplex.toml");
    fs::write(&path, text).expect("a temporary directory is writable");
    load_from(text, Some(&path), std::iter::empty())
}

#[test]
fn relative_paths_start_beside_the_file() {
    let directory = TempDir::new().expect("temporary directory");
    let config = load(
        &directory,
        &format!("[server]\nacl_conf = \"acl.conf\"\n{LEAST}"),
    )
    .expect("valid");
    assert_eq!(
        config.server.manager_conf,
        directory.path().join("manager.conf")
    );
    assert_eq!(
        config.server.acl_conf,
        Some(directory.path().join("acl.conf"))
    );
}

#[test]
fn a_missing_configuration_is_one_clear_line() {
    let directory = TempDir::new().expect("temporary directory");
    let path = directory.path().join("none.toml");
    let report = crate::load(&path).expect_err("there is none").to_string();
    assert_eq!(
        report,
        format!(
            "{}: cannot be read: No such file or directory (os error 2)",
            path.display()
        )
    );
}

#[test]
fn a_secret_file_loses_one_line_break_and_nothing_else() {
    let directory = TempDir::new().expect("temporary directory");
    let text = LEAST.replace("secret = \"hunter2\"", "secret_file = \"pbx1.secret\"");
    for (content, secret) in [
        ("s3cret", "s3cret"),
        ("s3cret\n", "s3cret"),
        ("s3cret\r\n", "s3cret"),
        (" s ", " s "),
    ] {
        fs::write(directory.path().join("pbx1.secret"), content).expect("written");
        let config = load(&directory, &text).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.nodes[0].secret.expose(), secret, "{content:?}");
    }
    for (content, problem) in [
        ("", "must not be empty"),
        ("\n", "must not be empty"),
        ("a\n\n", "must not contain line"),
    ] {
        fs::write(directory.path().join("pbx1.secret"), content).expect("written");
        let report = load(&directory, &text).expect_err("no secret").to_string();
        assert!(
            report.contains(&format!("amiplex.toml:8: node[0].secret_file: {problem}")),
            "{report}"
        );
    }
}

#[test]
fn files_of_tls_are_looked_for() {
    let directory = TempDir::new().expect("temporary directory");
    fs::write(directory.path().join("cert.pem"), "").expect("written");
    fs::create_dir(directory.path().join("dir")).expect("made");
    let text = LEAST.replace(
        "bind =",
        "tls = { cert = \"cert.pem\", key = \"key.pem\", client_ca = \"dir\" }\nbind =",
    );
    let report = load(&directory, &text).expect_err("no key").to_string();
    let place = directory.path().display();
    let expected = [
        format!(
            "{place}/amiplex.toml:3: listener[0].tls.key: {place}/key.pem cannot be read: No such file or directory (os error 2)"
        ),
        format!("{place}/amiplex.toml:3: listener[0].tls.client_ca: {place}/dir is no file"),
    ];
    assert_eq!(report, expected.join("\n"));

    let text = format!("{LEAST}tls = {{ ca = \"cert.pem\" }}\n");
    let config = load(&directory, &text).unwrap_or_else(|errors| panic!("{errors}"));
    let tls = config.nodes[0].tls.as_ref().expect("given");
    assert_eq!(tls.ca, Some(directory.path().join("cert.pem")));
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let directory = TempDir::new().expect("temporary directory");
    fs::write(directory.path().join("cert.pem"), "").expect("written");
    let text = LEAST.replace("bind =", "tls = { cert = \"cert.pem\" }\nbind =");
    let report = load(&directory, &text).expect_err("no key").to_string();
    assert!(
        report.ends_with("amiplex.toml:3: listener[0].tls.key: is required"),
        "{report}"
    );
}
