//! List actions, queues, variables, the database.

use std::time::Duration;

use ami_proto::{Class, ClassSet, FrameKind, ListMarker};

use super::{admin, knock, message, node, silent, start, text, value};
use crate::{SimAccount, SimOptions};

#[tokio::test(start_paused = true)]
async fn a_list_is_contiguous_and_counts_its_items() {
    let node = node().await;
    for _ in 0..20 {
        node.make_call();
    }
    let mut client = admin(&node).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    client
        .send(&["Action: Status", "ActionID: s"])
        .await
        .unwrap();
    for _ in 0..20 {
        node.make_call();
    }
    client.response("s").await.unwrap();
    let mut items = 0;
    loop {
        // Nothing was read ahead except what came before the response.
        let frame = client
            .next_where("the rest of the list", |frame| frame.action_id().is_some())
            .await
            .unwrap();
        if frame.list_marker() == Some(ListMarker::Complete) {
            assert_eq!(value(&frame, "ListItems"), items.to_string());
            assert_eq!(value(&frame, "Items"), items.to_string());
            break;
        }
        items += 1;
        assert_eq!(value(&frame, "Event"), "Status");
        assert_eq!(value(&frame, "Privilege"), "Call");
    }
    assert!(items >= 20, "{items}");
}

#[tokio::test(start_paused = true)]
async fn no_event_stands_between_the_messages_of_a_list() {
    let node = start(SimOptions::new("pbx1").call_rate(50.0)).await;
    let mut client = admin(&node).await;
    let mut lists = 0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        client
            .send(&["Action: CoreShowChannels", "ActionID: x"])
            .await
            .unwrap();
        let mut inside = false;
        loop {
            let frame = client.next_frame().await.unwrap();
            let ours = frame.action_id() == Some(b"x");
            assert!(ours || !inside, "{}", text(&frame));
            inside = ours;
            if ours && frame.list_marker() == Some(ListMarker::Complete) {
                lists += 1;
                break;
            }
        }
    }
    assert_eq!(lists, 20);
    assert!(!node.channels().is_empty());
}

#[tokio::test(start_paused = true)]
async fn queue_status_names_members_as_asterisk_does() {
    let node = node().await;
    let mut client = silent(&node).await;
    let frames = client
        .list(&["Action: QueueStatus", "ActionID: q", "Queue: SALES"])
        .await
        .unwrap();
    assert_eq!(frames.len(), 5);
    assert_eq!(
        text(&frames[0]),
        "Response: Success\r\nActionID: q\r\nEventList: start\r\nMessage: Queue status will follow\r\n\r\n"
    );
    let names = |frame: &ami_proto::Frame| -> Vec<String> {
        frame
            .lines()
            .filter_map(|line| Some(String::from_utf8_lossy(line.name?).into_owned()))
            .collect()
    };
    assert_eq!(
        names(&frames[2]),
        [
            "Event",
            "Queue",
            "Name",
            "Location",
            "StateInterface",
            "Membership",
            "Penalty",
            "CallsTaken",
            "LastCall",
            "LastPause",
            "LoginTime",
            "InCall",
            "Status",
            "Paused",
            "PausedReason",
            "Wrapuptime",
            "ActionID"
        ]
    );
    assert_eq!(
        text(&frames[4]),
        "Event: QueueStatusComplete\r\nActionID: q\r\nEventList: Complete\r\nListItems: 3\r\n\r\n"
    );
}

#[tokio::test(start_paused = true)]
async fn list_commands_shows_what_the_session_may_do() {
    let limited = SimAccount::new("limited", "pw", ClassSet::NONE, ClassSet::of(Class::Call));
    let node = start(SimOptions::new("pbx1").account(limited)).await;
    let mut all = silent(&node).await;
    let all = all.action(&["Action: ListCommands"]).await.unwrap();
    assert!(value(&all, "AbsoluteTimeout").ends_with("  (Priv: system,call,all)"));
    assert!(value(&all, "Ping").ends_with("  (Priv: <none>)"));
    assert!(value(&all, "Command").ends_with("  (Priv: command,all)"));
    let mut client = knock(&node).await;
    client.login("limited", "pw").await.unwrap();
    let few = client.action(&["Action: ListCommands"]).await.unwrap();
    assert!(few.header("Hangup").is_some());
    assert_eq!(few.header("Command"), None);
    assert_eq!(few.header("QueueAdd"), None);
}

#[tokio::test(start_paused = true)]
async fn members_come_pause_and_go_with_their_events() {
    let node = node().await;
    let mut client = admin(&node).await;
    let act = |action: &'static str, rest: &'static [&'static str]| {
        let mut lines = vec![action, "Queue: empty", "Interface: PJSIP/9"];
        lines.extend_from_slice(rest);
        lines
    };
    let response = client
        .action(&act("Action: QueueAdd", &["MemberName: Zoë", "Penalty: 1"]))
        .await
        .unwrap();
    assert_eq!(message(&response), "Added interface to queue");
    let added = client.next_event("QueueMemberAdded").await.unwrap();
    assert_eq!(value(&added, "MemberName"), "Zoë");
    assert_eq!(value(&added, "Membership"), "dynamic");
    let again = client.action(&act("Action: QueueAdd", &[])).await.unwrap();
    assert_eq!(message(&again), "Unable to add interface: Already there");
    let paused = client
        .action(&act(
            "Action: QueuePause",
            &["Paused: true", "Reason: lunch"],
        ))
        .await
        .unwrap();
    assert_eq!(message(&paused), "Interface paused successfully");
    let event = client.next_event("QueueMemberPause").await.unwrap();
    assert_eq!(value(&event, "PausedReason"), "lunch");
    let summary = client
        .list(&["Action: QueueSummary", "Queue: empty"])
        .await
        .unwrap();
    assert_eq!(value(&summary[1], "LoggedIn"), "1");
    assert_eq!(value(&summary[1], "Available"), "0");
    client
        .action(&act("Action: QueueRemove", &[]))
        .await
        .unwrap();
    client.next_event("QueueMemberRemoved").await.unwrap();
    let gone = client
        .action(&act("Action: QueueRemove", &[]))
        .await
        .unwrap();
    assert_eq!(message(&gone), "Unable to remove interface: Not there");
}

#[tokio::test(start_paused = true)]
async fn variables_are_global_or_of_a_channel() {
    let node = node().await;
    node.make_call();
    let channel = format!("Channel: {}", node.channels()[0]);
    let mut client = admin(&node).await;
    let set = |target: Option<&str>, value: &str| {
        let mut lines = vec!["Action: Setvar".to_owned(), "Variable: X".to_owned()];
        lines.push(format!("Value: {value}"));
        lines.extend(target.map(str::to_owned));
        lines
    };
    for (target, value) in [(None, "global: a=b, c"), (Some(channel.as_str()), "own")] {
        let lines = set(target, value);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            message(&client.action(&lines).await.unwrap()),
            "Variable Set"
        );
    }
    let mut read = async |lines: &[&str]| {
        let mut all = vec!["Action: Getvar"];
        all.extend_from_slice(lines);
        client.action(&all).await.unwrap()
    };
    assert_eq!(
        value(&read(&["Variable: X"]).await, "Value"),
        "global: a=b, c"
    );
    assert_eq!(
        value(&read(&["Variable: X", &channel]).await, "Value"),
        "own"
    );
    assert_eq!(value(&read(&["Variable: NOSUCH"]).await, "Value"), "");
    assert_eq!(
        value(
            &read(&["Variable: CHANNEL(state)", &channel]).await,
            "Value"
        ),
        "Ring"
    );
    assert_eq!(
        message(&read(&["Variable: X", "Channel: Local/none"]).await),
        "No such channel"
    );
    assert_eq!(message(&read(&[]).await), "No variable specified");
}

#[tokio::test(start_paused = true)]
async fn the_database_is_read_and_written() {
    let node = node().await;
    let mut client = silent(&node).await;
    let key = ["Family: rig", "Key: k"];
    let put = client
        .action(&["Action: DBPut", key[0], key[1], "Val: v v"])
        .await
        .unwrap();
    assert_eq!(message(&put), "Updated database successfully");
    let got = client
        .list(&["Action: DBGet", "ActionID: 2", key[0], key[1]])
        .await
        .unwrap();
    assert_eq!(
        text(&got[1]),
        "Event: DBGetResponse\r\nFamily: rig\r\nKey: k\r\nVal: v v\r\nActionID: 2\r\n\r\n"
    );
    assert_eq!(value(&got[2], "Event"), "DBGetComplete");
    let deleted = client
        .action(&["Action: DBDel", key[0], key[1]])
        .await
        .unwrap();
    assert_eq!(message(&deleted), "Key deleted successfully");
    let none = client
        .list(&["Action: DBGet", key[0], key[1]])
        .await
        .unwrap();
    assert_eq!(none.len(), 1);
    assert_eq!(message(&none[0]), "Database entry not found");
    assert_eq!(none[0].kind(), FrameKind::Response);
}

#[tokio::test(start_paused = true)]
async fn odd_answers_are_as_odd_as_those_of_a_real_node() {
    let node = node().await;
    let mut client = silent(&node).await;
    let mut raw = async |lines: &[&str], messages: usize| {
        client.send_with_id(lines).await.unwrap();
        let mut kinds = Vec::new();
        for _ in 0..messages {
            let frame = client.next_frame().await.unwrap();
            kinds.push(text(&frame).lines().next().unwrap().to_owned());
        }
        kinds
    };
    assert_eq!(
        raw(&["Action: PJSIPShowEndpoint", "Endpoint: nobody"], 3).await,
        [
            "Response: Success",
            "Response: Error",
            "Event: EndpointDetailComplete"
        ]
    );
    assert_eq!(
        raw(&["Action: ModuleLoad"], 2).await,
        ["Response: Error", "Response: Error"]
    );
    assert_eq!(raw(&["Action: QueueRule"], 1).await, ["Response: Success"]);
    assert_eq!(
        raw(&["Action: PJSIPShowContacts"], 1).await,
        ["Response: Error"]
    );
    assert_eq!(raw(&["Action: Ping"], 1).await, ["Response: Success"]);
}
