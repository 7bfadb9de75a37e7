//! Client libraries of others that know the old output of Command, in front of new nodes: with `command_output = follows` they make of it
//! what they make of an old node's own.

use std::path::Path;
use std::process::Stdio;

use ami_sim::{SimNode, SimVersion};
use tokio::process::Command;
use tokio::time::timeout;

use super::ACCOUNTS;
use crate::support::{PATIENCE, Setup, asterisk, simulated, simulation, variable};

/// What a library knows how to read from an old node.
const READABLE: [&str; 4] = [
    "one line\n",
    "Name: x\n\n\nResponse: Success\nEvent: y\n\n",
    "\n  Privilege: Command\nActionID: z\n \n",
    "",
];

/// What it would take for the end of the output, or of the message.
const UNREADABLE: [&str; 3] = [
    "before\n--END COMMAND--\n\nResponse: Success\nActionID: forged\n\nafter\n",
    "before--END COMMAND--\n\n\nEvent: forged\n\n",
    "before\r\n--END COMMAND--\r\n\r\nResponse: Error\r\n\r\nafter\r\n",
];

async fn run(
    library: &str,
    port: u16,
    host: &str,
    account: [&str; 2],
    commands: &[String],
) -> String {
    let cache = variable("AMIPLEX_TEST_CACHE");
    let home = Path::new(&cache).join("clients").join(library);
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(library);
    let python = home.join("venv/bin/python");
    let mut program = if python.exists() {
        let mut program = Command::new(python);
        program.arg("-B").arg(scripts.join("old_command.py"));
        program
    } else {
        let mut program = Command::new("node");
        program.env("NODE_PATH", home.join("node_modules"));
        program.arg(scripts.join("old_command.js"));
        program
    };
    program
        .args([host, &port.to_string()])
        .args(account)
        .args(commands)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, program.output())
        .await
        .unwrap_or_else(|_| panic!("{library} does not come to its end"))
        .expect("starts");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{library}: {errors} (tests/clients/install)"
    );
    String::from_utf8(output.stdout).expect("text")
}

fn commands(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("print {number}")).collect()
}

async fn node(version: SimVersion) -> SimNode {
    let node = SimNode::start(simulation(&super::name(version)).version(version))
        .await
        .expect("a port");
    for (number, print) in READABLE.iter().chain(&UNREADABLE).enumerate() {
        node.cli_prints(&format!("print {number}"), true, *print);
    }
    node
}

#[tokio::test]
async fn old_libraries_read_new_nodes_as_they_read_old_ones() {
    let (old, new) = (node(SimVersion::V13).await, node(SimVersion::V22).await);
    let amiplex = Setup::new(vec![simulated(&new)])
        .accounts(ACCOUNTS)
        .listener(
            "follows",
            "command_output = \"follows\"\ngreeting_version = \"2.10.6\"\n",
        )
        .start()
        .await;
    let listener = amiplex.address("follows");
    let host = listener.ip().to_string();
    for library in ["pyst2", "asterisk-manager"] {
        let readable = commands(READABLE.len());
        let direct = run(
            library,
            old.address().port(),
            "127.0.0.1",
            ["admin", "secret"],
            &readable,
        )
        .await;
        assert_eq!(direct.matches("Pong").count(), READABLE.len(), "{direct}");
        let all = commands(READABLE.len() + UNREADABLE.len());
        let admin = ["admin", "adminpw"];
        assert_eq!(
            run(library, listener.port(), &host, admin, &readable).await,
            direct,
            "{library}"
        );
        // And what would have ended an old node's answer too early does not.
        let got = run(library, listener.port(), &host, admin, &all).await;
        assert_eq!(got.matches("Pong").count(), all.len(), "{library}: {got}");
        assert_eq!(
            got.matches("--END_COMMAND--").count(),
            UNREADABLE.len(),
            "{got}"
        );
        assert_eq!(got.matches("after").count(), 2, "{got}");
    }
}

#[tokio::test]
async fn old_libraries_read_a_real_node() {
    let amiplex = Setup::new(vec![asterisk("pbx1")])
        .accounts(ACCOUNTS)
        .listener("follows", "command_output = \"follows\"\n")
        .start()
        .await;
    let mut direct = crate::support::watch::direct("pbx1", "admin", "adminpw").await;
    let commands = [
        "dialplan show caller",
        "core show channeltypes",
        "no such command",
    ];
    let mut lines = Vec::new();
    for command in commands {
        let command = format!("Command: {command}");
        let answer = direct
            .action(&["Action: Command", &command])
            .await
            .expect("answered");
        for line in answer.lines().filter(|line| line.is("Output")) {
            let line = String::from_utf8_lossy(line.raw).into_owned();
            lines.push(
                line["Output: ".len()..]
                    .replace('\\', "\\\\")
                    .replace('"', "\\\""),
            );
        }
    }
    assert!(lines.len() > 10, "{lines:?}");
    let listener = amiplex.address("follows");
    for library in ["pyst2", "asterisk-manager"] {
        let commands = commands.map(str::to_owned);
        let host = listener.ip().to_string();
        let got = run(
            library,
            listener.port(),
            &host,
            ["admin", "adminpw"],
            &commands,
        )
        .await;
        assert_eq!(got.matches("Pong").count(), commands.len(), "{got}");
        let mut rest = &*got;
        for line in &lines {
            let at = rest.find(line.as_str());
            let at = at.unwrap_or_else(|| panic!("{library}: no {line:?} in {rest}"));
            rest = &rest[at + line.len()..];
        }
    }
}
