//! The lines of the CLI that are put together by default: each is a command of a real Asterisk, and none does more than print.

use std::collections::BTreeMap;

use ami_access::Glob;
use ami_config::Coalesce;
use ami_sim::SimClient;

use crate::support::asterisk;

/// How the summary of a command begins that only prints.
const PRINTS: [&str; 8] = [
    "Describe", "Display", "Displays", "Give", "List", "Present", "Show", "Shows",
];

/// Words in the usage of a command that does more.
const DOES_MORE: [&str; 13] = [
    "clear", "delete", "disable", "enable", "flush", "force", "forces", "load", "reload", "remove",
    "reset", "start", "stop",
];

/// What the command prints.
async fn output(client: &mut SimClient, line: &str) -> String {
    let command = format!("Command: {line}");
    let answer = client.action(&["Action: Command", &command]).await;
    let answer = answer.expect("answered");
    let lines = answer.headers("Output").map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join("\n")
}

/// Each way to write a command that help names so: `a {b|c} [d]`.
fn written(command: &str) -> Vec<String> {
    let command = command.split(" [").next().unwrap_or_default().trim();
    let Some((before, rest)) = command.split_once('{') else {
        return vec![command.to_owned()];
    };
    let (words, after) = rest.split_once('}').expect("closed");
    let words = words.split('|');
    words.map(|word| format!("{before}{word}{after}")).collect()
}

/// Every command of the node with its summary.
async fn commands(client: &mut SimClient) -> BTreeMap<String, String> {
    let help = output(client, "core show help").await;
    let all = help.lines().filter_map(|line| line.split_once(" -- "));
    all.flat_map(|(command, summary)| {
        let written = written(command).into_iter();
        written.map(|line| (line, summary.trim().to_owned()))
    })
    .collect()
}

/// Whether the pattern is about the command, alone or with something behind it.
fn is_about(pattern: &str, command: &str) -> bool {
    let pattern = Glob::new(pattern).expect("a pattern");
    let lines = [command.to_owned(), format!("{command} x")];
    lines.iter().any(|line| pattern.matches(line.as_bytes()))
}

/// Those of `without` are about nothing that this Asterisk has.
async fn each_only_prints(name: &str, without: &str) {
    let mut client = SimClient::connect(asterisk(name).address)
        .await
        .expect("greeted");
    let login = client.login_with("admin", "adminpw", &["Events: off"]);
    login.await.expect("logged in");
    let all = commands(&mut client).await;
    for pattern in Coalesce::COMMANDS_DEFAULT {
        let found = all.iter().filter(|(line, _)| is_about(pattern, line));
        let found: Vec<(&String, &String)> = found.collect();
        let has = without.is_empty() || !pattern.starts_with(without);
        assert_eq!(!found.is_empty(), has, "{pattern}: {found:?}");
        for (line, summary) in found {
            let first = summary.split(' ').next().unwrap_or_default();
            assert!(PRINTS.contains(&first), "{line}: {summary}");
            let usage = output(&mut client, &format!("core show help {line}")).await;
            assert!(usage.contains("Usage:"), "{line}: {usage}");
            let mut words = usage.split(|letter: char| !letter.is_alphanumeric());
            let more = words.find(|word| DOES_MORE.contains(&word.to_lowercase().as_str()));
            assert_eq!(more, None, "{line}: {usage}");
            let printed = output(&mut client, line).await;
            assert!(!printed.contains("No such command"), "{line}: {printed}");
        }
    }
}

/// It has chan_sip no more.
#[tokio::test]
async fn what_is_put_together_by_default_only_prints_on_22() {
    each_only_prints("pbx1", "sip ").await;
}

#[tokio::test]
async fn what_is_put_together_by_default_only_prints_on_16() {
    each_only_prints("pbx2", "").await;
}
