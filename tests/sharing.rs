//! A hundred clients ask the same: a node is asked a few times, and every client has the whole answer under its own id.

use std::collections::BTreeSet;

use ami_proto::Frame;
use ami_sim::{Faults, SimClient, SimNode};
use tokio::task::JoinSet;

use crate::support::relay::relay;
use crate::support::{Amiplex, Setup, asterisk, at_address, header, simulated, simulation};

const CLIENTS: usize = 100;

/// Clients of `pbx1` that read no events.
async fn pollers(amiplex: &Amiplex, count: usize) -> Vec<SimClient> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = amiplex.client("pbx1").await;
        let login = client.login_with("admin", "adminpw", &["Events: off"]);
        login.await.expect("logged in");
        clients.push(client);
    }
    clients
}

/// The list that a client gets for `action`, under `id` or under none.
async fn poll(client: &mut SimClient, action: &str, id: Option<&str>) -> Vec<Frame> {
    let mut message = format!("Action: {action}\r\n");
    if let Some(id) = id {
        message.push_str(&format!("ActionID: {id}\r\n"));
    }
    message.push_str("\r\n");
    client.send_raw(message.as_bytes()).await.expect("sent");
    let mut list = Vec::new();
    loop {
        let frame = client.next_frame().await.expect("a part of the list");
        let own = frame.action_id().map(String::from_utf8_lossy);
        assert_eq!(own.as_deref(), id, "{action}");
        let first = list.is_empty();
        assert_eq!(frame.response().is_some(), first, "{action}");
        let last = header(&frame, "EventList") == "Complete";
        list.push(frame);
        if last {
            return list;
        }
    }
}

/// What a whole list says, its ids and times aside.
fn content(list: &[Frame], key: &str) -> BTreeSet<(String, String)> {
    let items = list.iter().filter(|frame| frame.event_name().is_some());
    items
        .map(|item| {
            let name = String::from_utf8_lossy(item.event_name().expect("an event")).into_owned();
            (name, header(item, key))
        })
        .collect()
}

/// Each client asks `rounds` times one after the other; gives the lists of all.
async fn all_poll(
    clients: Vec<SimClient>,
    action: &'static str,
    rounds: usize,
) -> (Vec<SimClient>, Vec<Vec<Frame>>) {
    let mut tasks = JoinSet::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut lists = Vec::new();
            for round in 0..rounds {
                // Every third client gives no id.
                let id = (number % 3 > 0).then(|| format!("c{number}r{round}"));
                lists.push(poll(&mut client, action, id.as_deref()).await);
            }
            (client, lists)
        });
    }
    let done = tasks.join_all().await;
    let (clients, lists): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    (clients, lists.into_iter().flatten().collect())
}

/// Three calls that last; the ids of their first channels.
async fn place_calls(caller: &mut SimClient) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for number in 0..3 {
        let id = format!("poll{}n{number}", std::process::id());
        let lines = [
            "Action: Originate".to_owned(),
            "Channel: Local/101@tests/n".to_owned(),
            "Context: caller".to_owned(),
            "Exten: s".to_owned(),
            "Priority: 1".to_owned(),
            format!("ChannelId: {id}"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let answer = caller.action(&lines).await.expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{answer:?}");
        ids.insert(id);
    }
    ids
}

async fn a_hundred_poll(name: &str) {
    const ROUNDS: usize = 3;
    let (address, heard) = relay(asterisk(name).address).await;
    let amiplex = Setup::new(vec![at_address("pbx1", address)])
        .more("[coalesce]\nwindow = \"20ms\"\n")
        .start()
        .await;
    amiplex.has_learned("pbx1").await;
    let mut caller = amiplex.login("pbx1", "admin", "adminpw").await;
    let ids = place_calls(&mut caller).await;
    let before = [
        heard.actions("CoreShowChannels"),
        heard.actions("QueueStatus"),
    ];

    let clients = pollers(&amiplex, CLIENTS).await;
    let (clients, channels) = all_poll(clients, "CoreShowChannels", ROUNDS).await;
    let (_clients, queues) = all_poll(clients, "QueueStatus", ROUNDS).await;

    for list in &channels {
        let items = list.len() - 2;
        let end = list.last().expect("an end");
        assert_eq!(header(end, "ListItems"), items.to_string());
        let listed: BTreeSet<String> = content(list, "Uniqueid")
            .into_iter()
            .map(|(_, id)| id)
            .collect();
        assert!(ids.is_subset(&listed), "{ids:?} in {listed:?}");
    }
    // The queues are always the same; members and callers come and go by other tests.
    let names = |list: &[Frame]| {
        let mut items = content(list, "Queue");
        items.retain(|(name, _)| name == "QueueParams");
        items
    };
    let expected = names(&queues[0]);
    assert!(expected.iter().any(|(_, queue)| queue == "support"));
    for list in &queues {
        assert_eq!(names(list), expected);
        let end = list.last().expect("an end");
        assert_eq!(header(end, "ListItems"), (list.len() - 2).to_string());
    }
    assert_eq!([channels.len(), queues.len()], [CLIENTS * ROUNDS; 2]);
    let after = [
        heard.actions("CoreShowChannels"),
        heard.actions("QueueStatus"),
    ];
    println!(
        "{CLIENTS} clients asked {ROUNDS} times: {before:?} before, {after:?} after at the node"
    );
    for (before, after) in before.into_iter().zip(after) {
        let asked = after - before;
        assert!(
            (1..=CLIENTS * ROUNDS / 5).contains(&asked),
            "{asked} at the node"
        );
    }
    for id in ids {
        let channel = format!("Channel: {id}");
        let answer = caller
            .action(&["Action: Hangup", &channel])
            .await
            .expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]), "{answer:?}");
    }
}

#[tokio::test]
async fn a_hundred_polls_of_22_are_a_few_there() {
    a_hundred_poll("pbx1").await;
}

#[tokio::test]
async fn a_hundred_polls_of_16_are_a_few_there() {
    a_hundred_poll("pbx2").await;
}

/// Without a window: what waits while the first is answered is one more action, however many wait.
#[tokio::test]
async fn those_who_wait_are_served_by_one_round() {
    let node = SimNode::start(simulation("pbx1")).await.expect("listens");
    let amiplex = Setup::new(vec![simulated(&node)]).start().await;
    let before = node.received_named("QueueSummary").len();
    node.set_faults(Faults::none().hold("QueueSummary"));
    let mut clients = pollers(&amiplex, CLIENTS).await;
    for (number, client) in clients.iter_mut().enumerate() {
        let id = format!("ActionID: {number}");
        client
            .send(&["Action: QueueSummary", &id])
            .await
            .expect("sent");
    }
    node.until_received("QueueSummary", before + 1).await;
    // Whoever has the answer to this has been read, and his question before it waits at the node's task.
    for client in &mut clients {
        client
            .send(&["Action: Ping", "ActionID: p"])
            .await
            .expect("sent");
    }
    let mut other = amiplex.login("pbx1", "admin", "adminpw").await;
    other
        .action(&["Action: CoreSettings"])
        .await
        .expect("answered");
    // One that leaves disturbs nobody.
    drop(clients.pop());
    node.set_faults(Faults::none());
    for (number, client) in clients.iter_mut().enumerate() {
        let answer = client
            .response(&number.to_string())
            .await
            .expect("answered");
        assert_eq!(answer.response(), Some(&b"Success"[..]));
        client.response("p").await.expect("a Pong behind it");
    }
    let asked = node.received_named("QueueSummary").len() - before;
    assert!((2..=10).contains(&asked), "{asked} at the node");
}
