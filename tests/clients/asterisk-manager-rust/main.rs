//! The checks with the crate asterisk-manager, as a program for `remote.py`: tokio; a future per action, and a stream of
//! events.

use asterisk_manager::{AmiAction, AmiError, AmiEvent, Manager, ManagerOptions};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_stream::StreamExt;

fn told(value: &Value) {
    println!("{value}");
}

/// The headers of what the library made of a message, with names in lower case; the list items that it puts into a
/// reply come as events too.
fn headers_of(message: Value) -> Value {
    let Value::Object(headers) = message else {
        return message;
    };
    let headers = headers
        .into_iter()
        .filter(|(name, _)| name != "CollectedEvents")
        .map(|(name, value)| (name.to_lowercase(), value));
    Value::Object(headers.collect::<Map<_, _>>())
}

fn event_of(event: AmiEvent) -> Value {
    headers_of(match event {
        AmiEvent::Newchannel(headers) => json!(headers),
        AmiEvent::Hangup(headers) => json!(headers),
        AmiEvent::PeerStatus(headers) => json!(headers),
        AmiEvent::UnknownEvent { fields, .. } => json!(fields),
        AmiEvent::InternalConnectionLost { .. } => return json!({ "closed": true }),
    })
}

async fn tell_events(manager: &Manager) {
    let mut events = manager.all_events_stream().await;
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let event = event_of(event.expect("no event is missed"));
            let closed = event.get("closed").is_some();
            told(&if closed {
                event
            } else {
                json!({ "event": event })
            });
        }
    });
}

/// The number is the action's ActionID.
async fn reply_to(manager: Manager, action: Value, number: usize) -> Value {
    let id = format!("rust-{number}");
    let headers = action[1].as_object().expect("headers");
    let action = AmiAction::Custom {
        action: action[0].as_str().expect("an action").to_owned(),
        params: headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
            .collect(),
        action_id: Some(id.clone()),
    };
    let reply = manager.send_action(action).await.expect("a reply");
    json!([id, headers_of(json!(reply))])
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, username, password] = arguments.as_slice() else {
        panic!("usage: checks HOST PORT USER SECRET");
    };
    let mut manager = Manager::new();
    tell_events(&manager).await;
    let options = ManagerOptions {
        host: host.clone(),
        port: port.parse().expect("a port"),
        username: username.clone(),
        password: password.clone(),
        events: true,
    };
    match manager.connect_and_login(options).await {
        Ok(()) => told(&json!({ "login": "accepted", "blocking": false })),
        Err(AmiError::AuthenticationFailed(text)) => return told(&json!({ "refused": text })),
        Err(error) => panic!("{error}"),
    }
    let mut requests = BufReader::new(tokio::io::stdin()).lines();
    let mut sent = 0;
    while let Ok(Some(request)) = requests.next_line().await {
        let request: Value = serde_json::from_str(&request).expect("JSON");
        let mut running = Vec::new();
        for action in request["many"].as_array().expect("actions") {
            sent += 1;
            running.push(tokio::spawn(reply_to(
                manager.clone(),
                action.clone(),
                sent,
            )));
        }
        let mut replies = Vec::new();
        for reply in running {
            replies.push(reply.await.expect("a reply"));
        }
        told(&json!({ "replies": replies }));
    }
}
