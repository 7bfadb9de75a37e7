//! `docs/compatibility.md` says what the table in code and the pins of `tests/clients` say: it is rendered from them and
//! compared.
//!
//! `UPDATE_EXPECT=1 cargo test -p ami-access --test compatibility` writes the file anew.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

use std::fmt::Write;
use std::path::Path;

use regex::Regex;

use ami_access::{ActionSpec, Cost, Irregular, ListForm, RouteKind, builtin_all};

/// What stands before the table; in a file of its own, so that it is written as text.
const INTRODUCTION: &str = include_str!("compatibility/introduction.md");

/// What stands before the list of client libraries.
const LIBRARIES: &str = include_str!("compatibility/libraries.md");

fn classes(spec: &ActionSpec) -> String {
    if spec.classes.is_empty() {
        "none".to_owned()
    } else {
        // Behind the classes stands `all`, as Asterisk writes them.
        let classes = spec.classes.render();
        let own = classes.strip_suffix(",all").unwrap_or(&classes);
        own.replace(',', ", ")
    }
}

fn handling(spec: &ActionSpec) -> &'static str {
    match (spec.is_local(), spec.is_checked_inside(), spec.name) {
        (true, ..) => "answered here",
        (_, _, "Command") => "headers checked, forwarded, output converted",
        (_, true, _) => "headers checked, forwarded",
        (_, false, _) => "forwarded",
    }
}

fn answer(spec: &ActionSpec) -> String {
    match spec.list {
        ListForm::No => "response".to_owned(),
        ListForm::List { complete } => format!("list, {}", complete.join(" or ")),
        ListForm::ConditionalHangup => {
            "response; list, ChannelsHungupListComplete, by `/regex/`".to_owned()
        }
        ListForm::Irregular(Irregular::TwoResponses) => "one or two responses".to_owned(),
        ListForm::Irregular(Irregular::ThreeResponses) => "up to three responses".to_owned(),
        ListForm::Irregular(Irregular::BlankAfterError) => {
            "response, behind an error one more blank line".to_owned()
        }
        ListForm::Irregular(Irregular::TextThenBlank) => {
            "text without ActionID, then a blank line".to_owned()
        }
        ListForm::Irregular(Irregular::TextThenBlanks) => {
            "text without ActionID, then up to two blank lines".to_owned()
        }
        ListForm::Irregular(Irregular::TextBlocks) => {
            "blocks of text without ActionID, each with a blank line".to_owned()
        }
        ListForm::Irregular(Irregular::TrailingBlank) => {
            "response and one more blank line".to_owned()
        }
        ListForm::Irregular(Irregular::NoCompletion) => {
            "response, then at most one event".to_owned()
        }
        ListForm::Irregular(Irregular::Uncorrelatable) => "text without ActionID".to_owned(),
        ListForm::Unknown => "seen from the response".to_owned(),
    }
}

fn cost(spec: &ActionSpec) -> &'static str {
    match spec.cost {
        _ if spec.is_local() => "",
        Cost::Quick => "quick",
        Cost::Slow => "slow",
        Cost::Blocking => "blocking",
    }
}

fn place(spec: &ActionSpec) -> &'static str {
    match spec.route {
        RouteKind::Local => "here",
        RouteKind::Channel => "channel",
        RouteKind::Bridge => "bridge",
        RouteKind::Conference => "conference",
        RouteKind::Queue => "queue or member",
        RouteKind::Parking => "parking lot",
        RouteKind::Agent => "agent",
        RouteKind::Originate => "new call",
        RouteKind::List => "every node",
        RouteKind::NeedsNode | RouteKind::Any => "a node to be named",
    }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "" }
}

/// How each kind of pins names the one library that its directory is about: file, pattern, language, where from.
const PINS: [(&str, &str, &str, &str); 4] = [
    ("requirements.txt", r"^([^=\s]+)==(\S+)", "Python", "PyPI"),
    (
        "package.json",
        r#""dependencies": \{ "([^"]+)": "([^"]+)" \}"#,
        "Node.js",
        "npm",
    ),
    (
        "Cargo.toml",
        r#"(?m)^([a-z-]+) = "=([^"]+)"$"#,
        "Rust",
        "crates.io",
    ),
    ("debian.txt", r"^([^=\s]+)=(\S+)", "Perl", "Debian"),
];

fn libraries() -> String {
    let mut rows = Vec::new();
    for entry in
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients"))
            .expect("tests/clients")
    {
        let directory = entry.expect("an entry").path();
        for (file, pattern, language, origin) in PINS {
            let Ok(pins) = std::fs::read_to_string(directory.join(file)) else {
                continue;
            };
            let pattern = Regex::new(pattern).expect("a pattern");
            let pin = pattern
                .captures(&pins)
                .unwrap_or_else(|| panic!("{}: no pin of a library", directory.display()));
            rows.push(format!(
                "| {language} | {} | {} | {origin} |",
                &pin[1], &pin[2]
            ));
        }
    }
    assert!(rows.len() >= 10, "{rows:#?}");
    rows.sort();
    rows.join("\n")
}

fn rendered() -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str(
        "\n| action | what amiplex does | classes | answer | cost | goes to | merged | shareable |\n|---|---|---|---|---|---|---|---|\n",
    );
    for spec in builtin_all() {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            spec.name,
            handling(spec),
            classes(spec),
            answer(spec),
            cost(spec),
            place(spec),
            yes(spec.is_mergeable()),
            yes(spec.shareable),
        )
        .expect("text grows");
    }
    text.push_str(LIBRARIES);
    text.push_str(&libraries());
    text.push('\n');
    text
}

#[test]
fn the_table_of_the_documentation_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let rendered = rendered();
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        std::fs::write(&path, &rendered).expect("written");
    }
    let committed = std::fs::read_to_string(&path).expect("docs/compatibility.md");
    assert!(
        committed == rendered,
        "docs/compatibility.md is not what the table says: run with UPDATE_EXPECT=1"
    );
}
