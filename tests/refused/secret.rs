//! The secret with which amiplex logs in to a real Asterisk: ways to it that work there, and no longer through amiplex.

use ami_sim::SimClient;

use crate::support::watch::{direct, succeeds, token};
use crate::support::{Setup, header};

const SECRET: &[u8] = b"amiplex-secret";

/// An account that many have: calls and what they are about.
const ACCOUNTS: &str = "[panel]\nsecret = pw\nread = all\nwrite = call,originate,reporting,dialplan,agent,user,message\n\
                        [files]\nsecret = pw\nread = all\nwrite = config\n";

fn holds_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|part| part == SECRET)
}

/// Lines of actions that have the secret in their answer when all of them are run in turn.
fn ways(word: &str) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let lines = |lines: &[&str]| lines.iter().map(|line| line.replace('@', word)).collect();
    let pieces = [
        lines(&["Action: Setvar", "Variable: @A", "Value: AST_CONFIG"]),
        lines(&[
            "Action: Setvar",
            "Variable: @B",
            "Value: (manager.conf,amiplex,secret)",
        ]),
    ];
    let getvar = |variable: &str| lines(&["Action: Getvar", &format!("Variable: {variable}")]);
    let spelled = |variable: &str| {
        let mut all = pieces.to_vec();
        all.push(getvar(variable));
        all
    };
    let file = |line: &str| {
        vec![
            lines(&["Action: CreateConfig", "Filename: @.conf"]),
            lines(&[
                "Action: UpdateConfig",
                "SrcFilename: @.conf",
                "DstFilename: @.conf",
                "Action-000000: newcat",
                "Cat-000000: c",
                "Action-000001: append",
                "Cat-000001: c",
                line,
                "Value-000001: v",
            ]),
            lines(&["Action: GetConfig", "Filename: @.conf"]),
        ]
    };
    vec![
        (
            "panel",
            vec![getvar("AST_CONFIG(manager.conf,amiplex,secret)")],
        ),
        ("panel", spelled("REPLACE(${@A}${@B},q)")),
        ("panel", spelled("REPLACE($\\{@A}$\\{@B},q)")),
        ("panel", spelled("REPLACE($\"{@A}\"$\"{@B}\",q)")),
        (
            "files",
            vec![lines(&["Action: GetConfig", "Filename: manager.conf"])],
        ),
        ("files", file("Var-000001: #include manager.conf ;")),
        (
            "files",
            file("Var-000001: ;-- x --;#include manager.conf ;"),
        ),
        (
            "files",
            file("Var-000001: ;-- x --;#inc;-- --;lude manager.conf ;"),
        ),
    ]
}

/// Whether one of the answers has the secret.
async fn answers_with_secret(client: &mut SimClient, actions: &[Vec<String>]) -> bool {
    let mut found = false;
    for lines in actions {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let answer = client.action(&lines).await.expect("answered");
        found |= holds_secret(answer.bytes());
    }
    found
}

#[tokio::test]
async fn what_gives_out_the_secret_directly_does_not_through_amiplex() {
    let amiplex = Setup::over_asterisk().accounts(ACCOUNTS).start().await;
    for node in ["pbx1", "pbx2"] {
        let mut directly = direct(node, "admin", "adminpw").await;
        // Names of their own, so that neither finds what the other left.
        let both = ways(&token("direct"))
            .into_iter()
            .zip(ways(&token("through")));
        for ((account, directly_run), (_, through)) in both {
            let way = through.last();
            assert!(
                answers_with_secret(&mut directly, &directly_run).await,
                "{node}: no way any more: {way:?}"
            );
            let mut client = amiplex.login(node, account, "pw").await;
            assert!(
                !answers_with_secret(&mut client, &through).await,
                "{node}: {way:?}"
            );
        }
    }
}

#[tokio::test]
async fn variables_of_a_call_do_not_hold_the_secret() {
    let amiplex = Setup::over_asterisk().accounts(ACCOUNTS).start().await;
    for node in ["pbx1", "pbx2"] {
        let word = token("push");
        let id = format!("ChannelId: {word}");
        let lines = [
            "Action: Originate",
            "Channel: Local/102@tests/n",
            "Application: Wait",
            "Data: 1",
            "Async: true",
            &id,
            "Variable: PUSH($\\{A}$\\{B})=x",
            "Variable: A=AST_CONFIG",
            "Variable: B=(manager.conf,amiplex,secret)",
        ];
        let mut through = amiplex.login(node, "panel", "pw").await;
        let refused = through.action(&lines).await.expect("answered");
        assert_eq!(
            header(&refused, "Message"),
            "Originate Access Forbidden: app or data blacklisted"
        );
        let mut directly = direct(node, "admin", "adminpw").await;
        succeeds(&mut directly, &lines).await;
        // The same session sees the call of its own request alone: the refused one had the same id.
        let set = directly
            .next_where("the variable", |frame| {
                frame.event_name() == Some(b"VarSet")
                    && frame.header("Uniqueid") == Some(word.as_bytes())
                    && frame
                        .header("Variable")
                        .is_some_and(|name| name.ends_with(b"{B}"))
            })
            .await
            .expect("set");
        assert!(
            holds_secret(set.bytes()),
            "{node}: no way any more: {:?}",
            set.bytes()
        );
    }
}
