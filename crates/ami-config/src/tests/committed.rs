//! The configuration that the project ships.

use std::path::Path;

const TEXT: &str = include_str!("../../../../conf/amiplex.toml");

#[test]
fn the_shipped_configuration_loads() {
    let path = Path::new("/etc/amiplex/amiplex.toml");
    let config = crate::load_from(TEXT, Some(path), std::iter::empty())
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(
        config.server.manager_conf,
        Path::new("/etc/amiplex/manager.conf")
    );
    assert!(!config.nodes.is_empty());
}

/// The values shown are the defaults, so that deleting a line changes nothing.
#[test]
fn the_shipped_values_are_the_defaults() {
    let path = Path::new("/etc/amiplex/amiplex.toml");
    let config = crate::load_from(TEXT, Some(path), std::iter::empty()).expect("loads");
    assert_eq!(config.limits, crate::Limits::default());
    assert_eq!(config.outbound, crate::Outbound::default());
    assert_eq!(config.labels, crate::Labels::default());
    assert_eq!(config.rate, crate::Rate::default());
    assert_eq!(config.coalesce, crate::Coalesce::default());
    assert_eq!(config.log, crate::Log::default());
    for node in &config.nodes {
        assert_eq!(node.lanes, crate::Lanes::default());
        assert_eq!(node.keepalive, crate::Keepalive::default());
        assert_eq!(node.backoff, crate::Backoff::default());
    }
}

/// Every key that the program reads is shown, be it commented out.
#[test]
fn the_shipped_configuration_shows_every_key() {
    let raw = include_str!("../raw.rs");
    let fields = raw
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub(crate) ")?.split_once(": "))
        .map(|(key, kind)| (key.trim_start_matches("r#"), kind));
    for (key, _type) in fields {
        let shown = [format!("{key} ="), format!("[{key}]")];
        assert!(
            shown.iter().any(|shown| TEXT.contains(shown.as_str())),
            "{key} is not shown in conf/amiplex.toml"
        );
    }
}
