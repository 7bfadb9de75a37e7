//! Lists of a tenant: its own items, and their number.

use super::*;

/// The items of a list and its end, which must count them.
async fn items(client: &mut SimClient, lines: &[&str]) -> Vec<Frame> {
    // An id of its own: the answers to Originates of all clients carry theirs.
    let id = format!("ActionID: {}", token("list"));
    let lines: Vec<&str> = lines.iter().copied().chain([&*id]).collect();
    let mut list = client.list(&lines).await.expect("answered");
    assert_eq!(
        list[0].response(),
        Some(&b"Success"[..]),
        "{lines:?}: {:?}",
        list[0].bytes()
    );
    let end = list.pop().expect("an end");
    list.remove(0);
    let count = list.len().to_string();
    assert_eq!(
        header(&end, "ListItems"),
        count,
        "{lines:?}: {:?}",
        end.bytes()
    );
    for counter in ["Items", "Total"] {
        if end.header(counter).is_some() {
            assert_eq!(header(&end, counter), count, "{lines:?} {counter}");
        }
    }
    assert_no_wire_id(&list);
    list
}

/// Values of a header of the items, of those with this text in them, in order.
fn values(items: &[Frame], name: &str, text: &str) -> Vec<String> {
    let mut found: Vec<String> = items
        .iter()
        .map(|item| header(item, name))
        .filter(|value| value.contains(text))
        .collect();
    found.sort();
    found
}

async fn hang_up_all(actor: &mut SimClient, word: &str) {
    let regex = format!("Channel: /{word}/");
    actor
        .list(&["Action: Hangup", &regex])
        .await
        .expect("answered");
    until_channels(actor, word, 0).await;
}

/// Waits for an event of that name that says this of its channel.
async fn until_said(client: &mut SimClient, event: &str, text: &str) {
    let says = |frame: &Frame| {
        let is_it = frame.event_name() == Some(event.as_bytes());
        let channels = ["Channel", "ParkeeChannel"].map(|name| header(frame, name));
        is_it && channels.iter().any(|channel| channel.contains(text))
    };
    client.next_where(event, says).await.expect("said");
}

#[tokio::test]
async fn a_list_has_exactly_the_channels_of_the_tenant() {
    let amiplex = start().await;
    let word = token("list");
    let mut actor = direct("pbx1", "admin", "adminpw").await;
    for (name, count) in [("acme", 3), ("zeta", 1)] {
        for number in 0..count {
            call(&mut actor, name, &format!("hold-{word}x{number}")).await;
        }
    }
    let all = until_channels(&mut actor, &word, 8).await;
    for listener in ["pbx1", "all"] {
        for name in TENANTS {
            let mut client = tenant(&amiplex, listener, name).await;
            let own: Vec<String> = all
                .iter()
                .filter(|channel| is_of(name, channel))
                .cloned()
                .collect();
            for action in ["Action: CoreShowChannels", "Action: Status"] {
                let seen = items(&mut client, &[action]).await;
                assert_eq!(
                    values(&seen, "Channel", &word),
                    own,
                    "{name} {action} at {listener}"
                );
                assert!(
                    seen.iter()
                        .all(|item| is_of(name, &header(item, "Channel")))
                );
            }
            let one = format!("Channel: {}", own[0]);
            let seen = items(
                &mut client,
                &["Action: Status", &one, "Variables: CHANNEL(state)"],
            )
            .await;
            assert_eq!(values(&seen, "Channel", ""), own[..1]);
        }
    }
    hang_up_all(&mut actor, &word).await;
}

/// What the tenant sees of queues, devices, parking lots and conferences, each with something of its own in it.
async fn sees_its_own(client: &mut SimClient, name: &str, word: &str) {
    let status = items(client, &["Action: QueueStatus"]).await;
    let own_member = format!("Local/{word}@{name}/n");
    assert_eq!(values(&status, "Location", word), [own_member.as_str()]);
    assert!(
        status.iter().all(|item| names_one_of(name, item)),
        "no queue, no member of others"
    );
    let devices = items(client, &["Action: DeviceStateList"]).await;
    assert!(
        devices
            .iter()
            .all(|item| is_of(name, &header(item, "Device")))
    );
    let parked = items(client, &["Action: ParkedCalls"]).await;
    assert_eq!(values(&parked, "ParkeeChannel", word).len(), 1);
    assert!(
        parked
            .iter()
            .all(|item| is_of(name, &header(item, "ParkeeChannel")))
    );
    let conference = items(client, &["Action: ConfbridgeList", "Conference: 412"]).await;
    assert!(!conference.is_empty());
    assert!(
        conference
            .iter()
            .all(|item| is_of(name, &header(item, "Channel")))
    );
    let hints = items(client, &["Action: ExtensionStateList"]).await;
    assert!(hints.is_empty(), "hints of nobody's");
    for action in ["QueueSummary", "BridgeList", "Parkinglots", "CoreStatus"] {
        let refused = client
            .action(&[&format!("Action: {action}")])
            .await
            .expect("answered");
        assert_eq!(header(&refused, "Message"), "Permission denied", "{action}");
    }
}

#[tokio::test]
async fn members_parked_calls_and_conferences_of_the_tenant() {
    let amiplex = start().await;
    let word = token("more");
    let park = format!("park-{word}");
    let mut actor = direct("pbx1", "admin", "adminpw").await;
    let interface = |name: &str| format!("Interface: Local/{word}@{name}/n");
    for name in TENANTS {
        let join = [
            "Action: QueueAdd",
            "Queue: empty",
            &interface(name),
            "Paused: true",
        ];
        succeeds(&mut actor, &join).await;
        call(&mut actor, name, "412").await;
        call(&mut actor, name, &park).await;
    }
    for name in TENANTS {
        let parked = format!("{park}@{name}");
        let joined = format!("412@{name}");
        until_said(&mut actor, "ParkedCall", &parked).await;
        until_said(&mut actor, "ConfbridgeJoin", &joined).await;
    }
    for name in TENANTS {
        let mut client = tenant(&amiplex, "pbx1", name).await;
        sees_its_own(&mut client, name, &word).await;
    }
    for name in TENANTS {
        succeeds(
            &mut actor,
            &["Action: QueueRemove", "Queue: empty", &interface(name)],
        )
        .await;
    }
    for extension in ["412", &park] {
        let regex = format!("Channel: /^Local.{extension}@(acme|zeta)-/");
        actor
            .list(&["Action: Hangup", &regex])
            .await
            .expect("answered");
    }
}

/// The bridge of a call between the tenants: each gets its own side.
#[tokio::test]
async fn a_bridge_shows_each_tenant_its_own_side() {
    let amiplex = start().await;
    let word = token("side");
    let mut actor = direct("pbx1", "admin", "adminpw").await;
    for name in TENANTS {
        call(&mut actor, name, &format!("hold-{word}")).await;
    }
    let all = until_channels(&mut actor, &word, 4).await;
    let side = |name: &str| {
        all.iter()
            .find(|channel| is_of(name, channel) && channel.ends_with(";1"))
    };
    let (one, two) = (side("acme").expect("there"), side("zeta").expect("there"));
    let (one_line, two_line) = (format!("Channel1: {one}"), format!("Channel2: {two}"));
    let mut acme = tenant(&amiplex, "pbx1", "acme").await;
    succeeds(&mut actor, &["Action: Bridge", &one_line, &two_line]).await;
    let is_in = |frame: &Frame| {
        frame.event_name() == Some(b"BridgeEnter") && header(frame, "Channel") == *one
    };
    let entered = acme
        .next_where("its channel in a bridge", is_in)
        .await
        .expect("entered");
    let bridge = header(&entered, "BridgeUniqueid");
    let line = format!("BridgeUniqueid: {bridge}");
    let ask = ["Action: BridgeInfo", &line];
    let whole = async {
        while items(&mut actor, &ask).await.len() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, whole).await.expect("both are in");
    for (name, own) in [("acme", one), ("zeta", two)] {
        let mut client = tenant(&amiplex, "pbx1", name).await;
        let seen = items(&mut client, &ask).await;
        assert_eq!(values(&seen, "Channel", ""), [own.as_str()], "{name}");
    }
    hang_up_all(&mut actor, &word).await;
    let is_end = |frame: &Frame| {
        frame.event_name() == Some(b"BridgeDestroy") && header(frame, "BridgeUniqueid") == bridge
    };
    acme.next_where("the end of its bridge", is_end)
        .await
        .expect("ended");
}

#[tokio::test]
async fn devices_of_the_account() {
    let amiplex = start().await;
    for (node, has_sip) in [("pbx1", false), ("pbx2", true)] {
        let mut phones = amiplex.login(node, "phones", "phonespw").await;
        let mut acme = tenant(&amiplex, node, "acme").await;
        let mut rows = vec![
            ("PJSIPShowEndpoints", "ObjectName", vec!["phone"]),
            ("IAXpeerlist", "ObjectName", vec!["trunk"]),
            (
                "ExtensionStateList",
                "Hint",
                vec!["Custom:desk", "PJSIP/phone"],
            ),
        ];
        if has_sip {
            rows.push(("SIPpeers", "ObjectName", vec!["oldphone"]));
            rows.push(("SIPpeerstatus", "Peer", vec!["SIP/oldphone"]));
        }
        for (action, name, expected) in rows {
            let action = format!("Action: {action}");
            let seen = items(&mut phones, &[&action]).await;
            assert_eq!(values(&seen, name, ""), expected, "{action} at {node}");
            let others = items(&mut acme, &[&action]).await;
            assert!(others.is_empty(), "{action} at {node}");
        }
        let ask = ["Action: PJSIPShowEndpoint", "Endpoint: phone"];
        let seen = items(&mut phones, &ask).await;
        let kinds = values(&seen, "Event", "");
        assert_eq!(kinds, ["AorDetail", "EndpointDetail"], "and no secret");
        let refused = acme.action(&ask).await.expect("answered");
        assert_eq!(header(&refused, "Message"), "Permission denied");
    }
}
