//! What variables can override, and what the report says when they are wrong.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::LEAST;
use crate::{Config, ConfigErrors, load_from};

fn loaded(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    load_from(
        LEAST,
        None,
        variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value))),
    )
}

#[track_caller]
fn report(variables: &[(&str, &str)]) -> String {
    loaded(variables).expect_err("wrong").to_string()
}

#[test]
fn variables_override_the_file_and_are_read_as_their_type() {
    let config = loaded(&[
        ("AMIPLEX__LIMITS__SESSIONS_MAX", "7"),
        ("AMIPLEX__OUTBOUND__EVENT_BYTES", "1MiB"),
        ("AMIPLEX__SERVER__DRAIN_TIMEOUT", "3s"),
        ("AMIPLEX__LABELS__SELECT", "Pbx, Host"),
        ("AMIPLEX__NODE__0__SECRET", "12345"),
        ("AMIPLEX__NODE__0__LANES__MAX", "2"),
        ("AMIPLEX__NODE__0__OWN_SECURITY_EVENTS", "true"),
        ("AMIPLEX__LISTENER__0__BIND", "127.0.0.1:6000"),
    ])
    .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.limits.sessions_max, 7);
    assert_eq!(config.outbound.event_bytes, 1 << 20);
    assert_eq!(config.server.drain_timeout.as_secs(), 3);
    assert_eq!(config.labels.select, ["Pbx", "Host"]);
    assert_eq!(config.nodes[0].secret.expose(), "12345");
    assert_eq!(
        (config.nodes[0].lanes.max, config.nodes[0].lanes.min),
        (2, 1)
    );
    assert_eq!(config.nodes[0].username, "amiplex");
    assert!(config.nodes[0].own_security_events);
    assert_eq!(config.listeners[0].bind.port(), 6000);
}

#[test]
fn a_node_can_be_added() {
    let config = loaded(&[
        ("AMIPLEX__NODE__1__NAME", "pbx2"),
        ("AMIPLEX__NODE__1__ADDRESS", "pbx2:5038"),
        ("AMIPLEX__NODE__1__USERNAME", "amiplex"),
        ("AMIPLEX__NODE__1__SECRET", "other"),
    ])
    .unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["pbx1", "pbx2"]);
}

#[test]
fn a_wrong_variable_is_named_and_not_the_line_that_it_overrides() {
    assert_eq!(
        report(&[("AMIPLEX__LIMITS__SESSIONS_MAX", "many")]),
        "environment AMIPLEX__LIMITS__SESSIONS_MAX: limits.sessions_max: invalid value: string \"many\", \
         expected a whole number, 0 or more"
    );
    assert_eq!(
        report(&[("AMIPLEX__NODE__0__OWN_SECURITY_EVENTS", "yes")]),
        "environment AMIPLEX__NODE__0__OWN_SECURITY_EVENTS: node[0].own_security_events: invalid value: string \"yes\", \
         expected true or false"
    );
    assert_eq!(
        report(&[("AMIPLEX__NODE__0__ADDRESS", "nowhere")]),
        "environment AMIPLEX__NODE__0__ADDRESS: node[0].address: \"nowhere\" is no host with a port, \
         such as pbx1.example.com:5038 or [::1]:5038"
    );
    assert!(report(&[("AMIPLEX__LOG__LEVLE", "info")]).starts_with(
        "environment AMIPLEX__LOG__LEVLE: log.levle: unknown key, expected one of `format`, `level`, `security_file`, `audit_file`"
    ));
}

#[test]
fn a_secret_in_a_variable_is_not_shown() {
    let report = report(&[
        ("AMIPLEX__NODE__0__SECRET", "hun\nter"),
        ("AMIPLEX__NODE__0__SECRET__X", ""),
    ]);
    assert!(!report.contains("hun"), "{report}");
}

#[test]
fn a_hole_in_a_list_is_reported_as_an_element_without_keys() {
    let report = report(&[("AMIPLEX__LISTENER__2__NAME", "third")]);
    let expected = [
        "environment: listener[1].name: is required",
        "listener[1].bind: is required",
        "listener[2].bind: is required",
    ];
    for problem in expected
        .iter()
        .map(|line| line.trim_start_matches("environment: "))
    {
        assert!(report.contains(problem), "{problem} in {report}");
    }
}

#[test]
fn variables_that_are_no_keys() {
    for name in [
        "AMIPLEX__",
        "AMIPLEX__0__X",
        "AMIPLEX__NODE__9999__NAME",
        "AMIPLEX__NODE__0__",
        "AMIPLEX__A B",
    ] {
        let report = report(&[(name, "x")]);
        assert_eq!(
            report,
            format!("environment {name}: not the path of a key, expected AMIPLEX__SECTION__KEY")
        );
    }
    let not_utf8 = (
        OsString::from("AMIPLEX__LOG__LEVEL"),
        OsString::from_vec(vec![0xff]),
    );
    let report = load_from(LEAST, None, [not_utf8])
        .expect_err("not UTF-8")
        .to_string();
    assert_eq!(
        report,
        "environment AMIPLEX__LOG__LEVEL: the value is not UTF-8"
    );
}

#[test]
fn other_variables_are_none_of_our_business() {
    loaded(&[
        ("PATH", "/bin"),
        ("AMIPLEX_IMAGE", "x"),
        ("amiplex__log__level", ""),
    ])
    .expect("ignored");
}
