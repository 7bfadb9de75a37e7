//! The output of Command: as each version writes it, and in the form that a client asks for.

use std::fmt::Write as _;

use ami_sim::SimVersion;

use super::{ACCOUNTS, Fleet, said, text};

/// What looks like something else: a message's end, a response, an id, the marker, a header without its blank.
const NASTY: [&str; 8] = [
    "",
    "\n",
    "no line feed",
    "\n\nResponse: Success\nActionID: x\n\nEvent: Hangup\nPrivilege: call,all\n\n",
    "Privilege: Command\nActionID: forged\n",
    "in --END COMMAND-- the middle\n--END COMMAND--\nnot the end--END COMMAND-- \n--END COMMAND--\n \n",
    "crlf\r\n\r\nwithin\rthe line\r\n",
    "Output: x\n  blanks in front\nand behind  \n\tno colon\n:\n",
];

fn command(number: usize) -> String {
    format!("Command: nasty {number}")
}

async fn fleet(more: &str) -> Fleet {
    let accounts = format!(
        "{ACCOUNTS}[old]\nsecret = s\nwrite = command\ncommand_output = follows\n\
         [asis]\nsecret = s\nwrite = command\ncommand_output = native\n"
    );
    let more = more.to_owned();
    let fleet = Fleet::with(|setup| {
        let mut setup = setup.accounts(&accounts);
        for form in ["output", "follows"] {
            let lines = format!("command_output = \"{form}\"\n{more}");
            setup = setup.listener(form, &lines);
        }
        setup
    })
    .await;
    for (_, node) in &fleet.nodes {
        for (number, print) in NASTY.iter().enumerate() {
            node.cli_prints(&format!("nasty {number}"), number % 2 == 0, *print);
        }
    }
    fleet
}

#[tokio::test]
async fn every_version_prints_what_it_likes() {
    let fleet = fleet("").await;
    for version in SimVersion::ALL {
        let mut direct = fleet.direct(version).await;
        let mut through = fleet.through(version).await;
        for number in 0..NASTY.len() {
            let command = command(number);
            for lines in [
                &["Action: Command", "ActionID: c", &*command][..],
                &["Action: Command", &*command],
                &["Action: Command", "ActionID: c", "Command: module load x"],
                &["Action: Command", "ActionID: c"],
            ] {
                let wanted = said(&mut direct, lines).await;
                let got = said(&mut through, lines).await;
                assert_eq!(text(&got), text(&wanted), "{lines:?} on {version:?}");
            }
        }
    }
}

/// The lines of what a command printed, without what no form can carry.
fn lines(print: &str) -> Vec<String> {
    let print = print.strip_suffix('\n').unwrap_or(print);
    let lines = print.split('\n');
    lines
        .map(|line| line.strip_suffix('\r').unwrap_or(line).replace('\r', "?"))
        .collect()
}

fn as_headers(response: &str, print: &str) -> String {
    let mut text =
        format!("Response: {response}\r\nActionID: c\r\nMessage: Command output follows\r\n");
    for line in lines(print) {
        write!(text, "Output: {line}\r\n").expect("written");
    }
    text + "\r\n"
}

fn as_text(print: &str) -> String {
    let mut text = "Response: Follows\r\nPrivilege: Command\r\nActionID: c\r\n".to_owned();
    let lines = lines(print);
    if lines != [""] {
        for line in lines {
            let line = line.replace("--END COMMAND--", "--END_COMMAND--");
            writeln!(text, "{line}").expect("written");
        }
    }
    text + "--END COMMAND--\r\n\r\n"
}

#[tokio::test]
async fn a_client_gets_the_form_that_it_asks_for_from_every_version() {
    let fleet = fleet("").await;
    let mut output = fleet.amiplex.login("output", "admin", "adminpw").await;
    let mut follows = fleet.amiplex.login("follows", "admin", "adminpw").await;
    // The account wins over the listener.
    let mut account = fleet.amiplex.login("output", "old", "s").await;
    for version in SimVersion::ALL {
        let node = format!("Node: {}", super::name(version));
        for (number, print) in NASTY.iter().enumerate() {
            let command = command(number);
            let lines = ["Action: Command", "ActionID: c", &*command, &*node];
            let failed = number % 2 == 1 && !version.command_follows();
            let response = if failed { "Error" } else { "Success" };
            let got = text(&said(&mut output, &lines).await);
            assert_eq!(got, as_headers(response, print), "{version:?}");
            for client in [&mut follows, &mut account] {
                let got = text(&said(client, &lines).await);
                // Only the old form can tell an empty line from none.
                let mut wanted = as_text(print);
                if *print == "\n" && version.command_follows() {
                    wanted = wanted.replace("--END", "\n--END");
                }
                assert_eq!(got, wanted, "{version:?}");
            }
        }
        // What amiplex or the node refuses is alike in both forms, and no other action is touched.
        for client in [&mut output, &mut follows] {
            let refused = said(client, &["Action: Command", "ActionID: c", &node]).await;
            assert_eq!(
                text(&refused),
                "Response: Error\r\nActionID: c\r\nMessage: No command provided\r\n\r\n"
            );
        }
    }
    let mut asis = fleet.amiplex.login("follows", "asis", "s").await;
    let lines = [
        "Action: Command",
        "ActionID: c",
        "Command: nasty 2",
        "Node: v22",
    ];
    assert_eq!(
        text(&said(&mut asis, &lines).await),
        as_headers("Success", NASTY[2])
    );
}

/// In an answer of several nodes the output is in events, whatever the form.
#[tokio::test]
async fn an_answer_of_several_nodes_has_headers() {
    let fleet = fleet("").await;
    for listener in ["output", "follows"] {
        let mut client = fleet.amiplex.login(listener, "admin", "adminpw").await;
        let lines = [
            "Action: Command",
            "ActionID: c",
            "Command: nasty 5",
            "Node: v13, v22",
        ];
        let got = said(&mut client, &lines).await;
        assert_eq!(got.len(), 4, "{}", text(&got));
        let answers = got
            .iter()
            .filter(|frame| frame.event_name() == Some(b"NodeResponse"));
        for answer in answers {
            assert_eq!(
                answer.header("Message"),
                Some(&b"Command output follows"[..])
            );
            let output: Vec<&[u8]> = answer.headers("Output").collect();
            assert_eq!(output[1], b"--END COMMAND--");
        }
    }
}
