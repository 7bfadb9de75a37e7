//! What differs between releases.

use ami_proto::{Frame, ListMarker};
use tokio::io::AsyncReadExt;

use super::{message, node, silent, start, text, value};
use crate::{SimClient, SimNode, SimOptions, SimVersion};

async fn of(version: SimVersion) -> (SimNode, SimClient) {
    let node = start(SimOptions::new("pbx").version(version)).await;
    let client = silent(&node).await;
    (node, client)
}

#[tokio::test(start_paused = true)]
async fn command_output_takes_the_form_of_the_release() {
    let node = node().await;
    let mut client = silent(&node).await;
    let response = client
        .action(&[
            "Action: Command",
            "ActionID: c",
            "Command: core show uptime",
        ])
        .await
        .unwrap();
    assert_eq!(
        text(&response),
        "Response: Success\r\nActionID: c\r\nMessage: Command output follows\r\nOutput: System uptime: 0 seconds\r\nOutput: Last reload: 0 seconds\r\n\r\n"
    );
    let response = client
        .action(&["Action: Command", "Command: do it"])
        .await
        .unwrap();
    assert_eq!(value(&response, "Response"), "Error");
    assert!(value(&response, "Output").starts_with("No such command 'do it'"));

    let old = start(SimOptions::new("old").version(SimVersion::V11)).await;
    let mut client = silent(&old).await;
    let response = client
        .action(&[
            "Action: Command",
            "ActionID: c",
            "Command: core show uptime",
        ])
        .await
        .unwrap();
    assert!(response.is_follows());
    assert_eq!(
        text(&response),
        "Response: Follows\r\nPrivilege: Command\r\nActionID: c\r\nSystem uptime: 0 seconds\nLast reload: 0 seconds\n--END COMMAND--\r\n\r\n"
    );
    client.action(&["Action: Ping"]).await.unwrap();
}

/// Nothing in it is escaped, as in Asterisk.
#[tokio::test(start_paused = true)]
async fn a_command_may_print_anything() {
    let print = b"  a: b\n\nx\r\n--END COMMAND-- in text\nlast";
    for (version, expected) in [
        (
            SimVersion::V13,
            "Response: Follows\r\nPrivilege: Command\r\nActionID: c\r\n  a: b\n\nx\r\n--END COMMAND-- in text\nlast--END COMMAND--\r\n\r\n",
        ),
        (
            SimVersion::V14_1,
            "Response: Error\r\nActionID: c\r\nMessage: Command output follows\r\nOutput:   a: b\r\nOutput: \r\nOutput: x\r\r\nOutput: --END COMMAND-- in text\r\nOutput: last\r\n\r\n",
        ),
    ] {
        let (node, mut client) = of(version).await;
        node.cli_prints("odd", false, print);
        let response = client
            .action(&["Action: Command", "ActionID: c", "Command: odd"])
            .await
            .unwrap();
        assert_eq!(text(&response), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn old_lists_start_plainly_and_end_by_name() {
    let node = start(SimOptions::new("old").version(SimVersion::V11)).await;
    let mut client = silent(&node).await;
    client
        .send(&["Action: QueueStatus", "ActionID: q", "Queue: sales"])
        .await
        .unwrap();
    let response = client.response("q").await.unwrap();
    assert_eq!(response.list_marker(), None);
    let end = client.next_event("QueueStatusComplete").await.unwrap();
    assert_eq!(
        text(&end),
        "Event: QueueStatusComplete\r\nActionID: q\r\n\r\n"
    );
    assert_eq!(client.take_waiting().len(), 3);
    let response = client.action(&["Action: BridgeList"]).await.unwrap();
    assert!(message(&response).starts_with("Invalid/unknown command: BridgeList."));
}

#[tokio::test(start_paused = true)]
async fn some_old_lists_had_their_headers_before() {
    for (version, marker) in [
        (SimVersion::V13_0, None),
        (SimVersion::V13_8, Some(ListMarker::Start)),
    ] {
        let (_node, mut client) = of(version).await;
        let queues = client.action(&["Action: QueueStatus"]).await.unwrap();
        assert_eq!(queues.list_marker(), marker, "{version:?}");
        let channels = client.action(&["Action: CoreShowChannels"]).await.unwrap();
        assert_eq!(channels.list_marker(), Some(ListMarker::Start));
    }
}

#[tokio::test(start_paused = true)]
async fn channels_are_listed_in_the_words_of_the_release() {
    for (version, names) in [
        (SimVersion::V11, ["Channel", "UniqueID"]),
        (SimVersion::V13_0, ["Channel", "ChannelState"]),
    ] {
        let (node, mut client) = of(version).await;
        node.make_call();
        let list = client.list(&["Action: CoreShowChannels"]).await.unwrap();
        let own: Vec<_> = list[1].lines().skip(2).take(2).collect();
        let own: Vec<&str> = own
            .iter()
            .map(|line| str::from_utf8(line.name.unwrap()).unwrap())
            .collect();
        assert_eq!(own, names, "{version:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn queues_are_blocks_of_text() {
    let (_node, mut client) = of(SimVersion::V11).await;
    client.send(&["Action: Queues"]).await.unwrap();
    let mut stream = client.into_stream();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n\r\n\r\n") {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    let text = String::from_utf8(bytes).unwrap();
    let blocks: Vec<&str> = text.trim_end().split("\r\n\r\n").collect();
    assert!(blocks.len() > 1, "{text}");
    assert!(blocks[0].contains(" calls (max "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn list_commands_tells_what_the_release_has() {
    let mut all = Vec::new();
    for version in SimVersion::ALL {
        let (_node, mut client) = of(version).await;
        let listed = client.action(&["Action: ListCommands"]).await.unwrap();
        let has = |frame: &Frame, name: &str| frame.header(name).is_some();
        assert_eq!(
            has(&listed, "Queues"),
            version <= SimVersion::V13,
            "{version:?}"
        );
        assert_eq!(
            has(&listed, "SIPpeers"),
            version <= SimVersion::V20,
            "{version:?}"
        );
        assert_eq!(
            has(&listed, "BridgeList"),
            version >= SimVersion::V13_0,
            "{version:?}"
        );
        assert_eq!(
            has(&listed, "DBGetTree"),
            version >= SimVersion::V16,
            "{version:?}"
        );
        let gap = if version == SimVersion::V1_8 {
            " "
        } else {
            "  "
        };
        let ping = format!("Sign of life.{gap}(Priv: <none>)");
        assert_eq!(value(&listed, "Ping"), ping);
        all.push(client.version());
    }
    assert_eq!(all.len(), SimVersion::ALL.len());
    assert_eq!(all[3], all[5], "13.8 and 14.1 greet alike");
}

#[test]
fn the_catalogue_is_in_the_order_of_list_commands() {
    let names: Vec<String> = crate::actions::names(SimVersion::V22)
        .map(str::to_lowercase)
        .collect();
    assert!(names.is_sorted());
    assert!(names.len() > 90);
    assert!(SimVersion::ALL.is_sorted());
    assert_eq!(SimVersion::ALL.last(), Some(&SimVersion::NEWEST));
}
