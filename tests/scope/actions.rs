//! What a tenant may do: anything with its own channels, and nothing with others'.

use ami_sim::SimNode;

use super::*;
use crate::support::{simulated, simulation};

async fn refused(client: &mut SimClient, lines: &[&str]) {
    let answer = client.action(lines).await.expect("answered");
    assert_eq!(answer.response(), Some(&b"Error"[..]), "{lines:?}");
    assert_eq!(header(&answer, "Message"), "Permission denied", "{lines:?}");
}

/// Requests that reach for a channel of another's, with one of the tenant's own where one is needed. Headers are separated by `|`.
fn reaching_out(own: &str, foreign: &str, foreign_uniqueid: &str) -> Vec<String> {
    vec![
        format!("Hangup|Channel: {foreign}"),
        "Hangup|Channel: /acme/".to_owned(),
        format!("Hangup|Channel: {foreign_uniqueid}"),
        format!("Status|Channel: {foreign}"),
        "Setvar|Variable: GLOBAL_X|Value: 1".to_owned(),
        "Command|Command: core show channels".to_owned(),
        format!(
            "Redirect|Channel: {own}|Context: acme|Exten: 600|Priority: 1|ExtraChannel: {foreign}"
        ),
        format!("Bridge|Channel1: {own}|Channel2: {foreign}"),
        format!("Getvar|Channel: {own}|Variable: CHANNELS(.*)"),
        format!("Getvar|Channel: {own}|Variable: IMPORT({foreign},EXTEN)"),
        "Originate|Channel: Local/hold-x@zeta/n|Application: Wait|Data: 1".to_owned(),
        "Originate|Channel: Local/hold-x@zeta/n@acme|Application: Wait|Data: 1".to_owned(),
        "Originate|Channel: Local/hold-x|Application: Wait|Data: 1".to_owned(),
        format!("Originate|Channel: Local/600@acme|Application: ChanSpy|Data: {foreign}"),
    ]
}

#[tokio::test]
async fn a_tenant_acts_on_its_own_channels_and_never_on_others() {
    let amiplex = start().await;
    let word = token("act");
    let mut actor = direct("pbx1", "admin", "adminpw").await;
    for name in TENANTS {
        call(&mut actor, name, &format!("hold-{word}")).await;
    }
    let all = until_channels(&mut actor, &word, 4).await;
    let first = |name: &str| {
        all.iter()
            .find(|channel| is_of(name, channel))
            .expect("there")
    };
    let (own, foreign) = (first("acme"), first("zeta"));
    let foreign_line = format!("Channel: {foreign}");
    let status = actor
        .list(&["Action: Status", &foreign_line])
        .await
        .expect("answered");
    let uniqueid = header(&status[1], "Uniqueid");
    let mut acme = tenant(&amiplex, "pbx1", "acme").await;
    for request in reaching_out(own, foreign, &uniqueid) {
        let request = format!("Action: {request}");
        let lines: Vec<&str> = request.split('|').collect();
        refused(&mut acme, &lines).await;
    }
    assert_eq!(
        until_channels(&mut actor, &word, 4).await,
        all,
        "nobody was touched"
    );
    let own_line = format!("Channel: {own}");
    succeeds(
        &mut acme,
        &["Action: Setvar", &own_line, "Variable: NOTE", "Value: mine"],
    )
    .await;
    let note = succeeds(&mut acme, &["Action: Getvar", &own_line, "Variable: NOTE"]).await;
    assert_eq!(header(&note, "Value"), "mine");
    succeeds(&mut acme, &["Action: Hangup", &own_line]).await;
    let left = until_channels(&mut actor, &word, 2).await;
    assert!(left.iter().all(|channel| is_of("zeta", channel)));
    let mut zeta = tenant(&amiplex, "pbx1", "zeta").await;
    succeeds(&mut zeta, &["Action: Hangup", &foreign_line]).await;
    until_channels(&mut actor, &word, 0).await;
}

#[tokio::test]
async fn the_answer_to_an_originate_comes_to_its_tenant_and_to_no_other() {
    let amiplex = start().await;
    let mut acme = tenant(&amiplex, "pbx1", "acme").await;
    let mut zeta = tenant(&amiplex, "pbx1", "zeta").await;
    let mut actor = direct("pbx1", "admin", "adminpw").await;
    for (extension, result) in [("hold-answer", "Success"), ("nothing-there", "Failure")] {
        let (channel, id) = (format!("Channel: Local/{extension}@acme/n"), token("orig"));
        let id_line = format!("ActionID: {id}");
        let lines = [
            "Action: Originate",
            &id_line,
            &channel,
            "Application: Wait",
            "Data: 60",
            "Async: true",
        ];
        succeeds(&mut acme, &lines).await;
        let is_it = |frame: &Frame| {
            frame.event_name() == Some(b"OriginateResponse") && header(frame, "ActionID") == id
        };
        let answer = acme.next_where("the answer", is_it).await.expect("seen");
        assert_eq!(header(&answer, "Response"), result);
        let word = token("after");
        mark(&mut actor, "zeta", &word).await;
        let seen = stream(&mut zeta, &[&word]).await;
        assert!(!seen.iter().any(is_it), "not for others");
        if result == "Success" {
            succeeds(
                &mut acme,
                &[
                    "Action: Hangup",
                    &format!("Channel: {}", header(&answer, "Channel")),
                ],
            )
            .await;
        }
    }
}

/// What is refused never reaches the node, whatever it is.
#[tokio::test]
async fn nothing_that_is_refused_reaches_the_node() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)])
        .accounts(&accounts())
        .start()
        .await;
    let mut acme = tenant(&amiplex, "pbx1", "acme").await;
    let foreign = "Channel: Local/1@zeta-00000001;1";
    let own = "Channel: Local/1@acme-00000001;1";
    let mut forbidden = Vec::new();
    for lines in [
        &["Action: Hangup", foreign][..],
        &[
            "Action: Redirect",
            own,
            "ExtraChannel: Local/1@zeta-00000001;1",
            "Context: c",
            "Exten: 1",
        ],
        &[
            "Action: Originate",
            "Channel: Local/1@zeta",
            "Context: c",
            "Exten: 1",
        ],
        &["Action: QueueAdd", "Queue: q", "Interface: Local/1@acme"],
        &[
            "Action: QueuePause",
            "Interface: Local/1@zeta",
            "Paused: true",
        ],
        &["Action: QueueReset"],
        &["Action: BridgeDestroy", "BridgeUniqueid: b"],
        &["Action: MixMonitor", own, "File: x", "Command: id"],
        &["Action: AGI", own, "Command: EXEC System id"],
        &["Action: UserEvent", "UserEvent: x", own],
        &["Action: DBGet", "Family: f", "Key: k"],
        &["Action: Nonsense"],
    ] {
        let answer = acme.action(lines).await.expect("answered");
        assert_eq!(answer.response(), Some(&b"Error"[..]), "{lines:?}");
        forbidden.push(lines[0].trim_start_matches("Action: "));
    }
    succeeds(&mut acme, &["Action: CoreSettings"]).await;
    // The node has read all that was sent before the last, which it has answered.
    for one in node.received() {
        let name = one
            .action
            .name()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            !forbidden.contains(&name.as_str()),
            "{name} reached the node"
        );
    }
}
