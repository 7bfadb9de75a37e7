//! The rules of the source tree that no compiler knows, and that what is shipped beside the program fits it.

use std::path::{Path, PathBuf};

use ami_telemetry::names::{ALL, Kind};

use crate::support::run_amiplex;

/// Longest file of the program, its tests not counted.
const LINES_MAX: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            walk(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// Every Rust file below these folders, with its text.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&root().join(folder), &mut found);
    }
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("text");
            let name = path.strip_prefix(root()).expect("below the root");
            (name.display().to_string(), text)
        })
        .collect()
}

fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

/// What comes before the tests of a file.
fn program(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod tests")
        .or_else(|| text.split_once("#[cfg(test)]\npub(crate) mod tests"))
        .map_or(text, |(program, _)| program)
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let all = sources(&["crates", "benches", "tests"]);
    assert!(all.len() > 100, "the walk has found the sources");
    let mut wrong = Vec::new();
    for (name, text) in &all {
        if name.ends_with("/mod.rs") {
            wrong.push(format!("{name}: no mod.rs"));
        }
        let of_tests = is_test(name) || name.starts_with("tests/");
        if !text.starts_with("//!") && !is_test(name) {
            wrong.push(format!("{name}: does not open with //!"));
        }
        let lines = program(text).lines().count();
        if lines >= LINES_MAX && !of_tests {
            wrong.push(format!("{name}: {lines} lines"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_crates_without_io_know_no_runtime_no_socket_and_no_clock() {
    for member in ["ami-proto", "ami-access", "ami-mux"] {
        let manifest = root().join("crates").join(member).join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).expect("a manifest");
        let (program, _) = manifest
            .split_once("[dev-dependencies]")
            .unwrap_or((&manifest, ""));
        assert!(!program.contains("tokio"), "{member}");
        for (name, text) in sources(&[&format!("crates/{member}/src")]) {
            if is_test(&name) {
                continue;
            }
            for foreign in [
                "Instant::now",
                "SystemTime",
                "std::net::Tcp",
                "std::thread",
                "tokio::",
            ] {
                let used = program_lines(&text).any(|line| line.contains(foreign));
                assert!(!used, "{name} has {foreign}");
            }
        }
    }
}

/// The lines that are no comments.
fn program_lines(text: &str) -> impl Iterator<Item = &str> {
    program(text)
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[tokio::test]
async fn the_shipped_configuration_is_valid_without_a_notice() {
    let path = root().join("conf/amiplex.toml").display().to_string();
    let (code, said) = run_amiplex(&["check", "--config", &path]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("configuration is valid: "), "{said}");
}

/// Whoever takes the comment sign away must not get an error.
#[tokio::test]
async fn what_the_shipped_configuration_shows_commented_out_is_valid_too() {
    let text = std::fs::read_to_string(root().join("conf/amiplex.toml")).expect("text");
    let is_setting = |line: &str| {
        line.starts_with("[[")
            || line
                .split_once(" = ")
                .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let mut shown = String::new();
    for line in text.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        // Files that nobody has here, and second ways to say what the line before says.
        let example = ["tls = ", "secret_file = "]
            .iter()
            .any(|start| bare.starts_with(start));
        if line == bare || (is_setting(bare) && !example) {
            shown.push_str(bare);
            shown.push('\n');
        }
    }
    assert_ne!(shown, text, "there was something to uncomment");
    let directory = tempfile::TempDir::new().expect("a directory");
    for file in ["manager.conf", "acl.conf"] {
        let from = root().join("conf").join(file);
        std::fs::copy(from, directory.path().join(file)).expect("copied");
    }
    let path = directory.path().join("amiplex.toml");
    std::fs::write(&path, &shown).expect("written");
    let path = path.display().to_string();
    let (code, said) = run_amiplex(&["check", "--config", &path]).await;
    assert_eq!(code, 0, "{said}\n{shown}");
}

#[test]
fn every_metric_is_documented_with_its_kind() {
    let text = std::fs::read_to_string(root().join("docs/operations.md")).expect("text");
    for metric in ALL {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let row = format!("| `{}` | {kind} |", metric.name);
        assert!(text.contains(&row), "docs/operations.md lacks: {row}");
    }
    let named = text
        .split('`')
        .filter(|word| word.starts_with("amiplex_"))
        .map(|word| word.split('{').next().unwrap_or(word));
    for name in named {
        assert!(
            ALL.iter().any(|metric| metric.name == name),
            "docs/operations.md has {name}, which amiplex has not"
        );
    }
}
