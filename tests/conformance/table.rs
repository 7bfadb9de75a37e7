//! The table of all actions, `exchanges/actions.txt`: two exchanges of each row.
//!
//! A row is the name of an action and, indented below it, the headers of one message each, with ` | ` between them. `actions/NAME` sends
//! the action without any header and then each of those, as `admin`; `actions/NAME-denied` sends them as `events`, which may write
//! nothing. Behind the name, a `-` leaves the bare one out, a node has the row to itself, and `turn=NAME` is the turn of its exchanges.

use super::script::{Exchange, Sending, Step, begun, directory, login, unescaped};

struct Row {
    action: String,
    bare: bool,
    only: Option<String>,
    turn: Option<String>,
    messages: Vec<String>,
}

/// The exchanges of the table.
pub fn read() -> Vec<Exchange> {
    let path = directory().join("actions.txt");
    let text = std::fs::read_to_string(&path).expect("the table of actions");
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(headers) = line.strip_prefix("  ") {
            let row = rows.last_mut().expect("an action above its headers");
            row.messages.push(headers.to_owned());
            continue;
        }
        let mut words = line.split(' ');
        let mut row = Row {
            action: words.next().expect("a name").to_owned(),
            bare: true,
            only: None,
            turn: None,
            messages: Vec::new(),
        };
        for word in words {
            match word.strip_prefix("turn=") {
                Some(turn) => row.turn = Some(turn.to_owned()),
                None if word == "-" => row.bare = false,
                None => row.only = Some(word.to_owned()),
            }
        }
        rows.push(row);
    }
    rows.iter()
        .flat_map(|row| {
            [
                exchange(row, "admin", ""),
                exchange(row, "events", "-denied"),
            ]
        })
        .collect()
}

/// The actions that have a row.
pub fn actions() -> Vec<String> {
    let mut names: Vec<String> = read()
        .iter()
        .map(|exchange| exchange.name["actions/".len()..].to_owned())
        .collect();
    names.retain(|name| !name.ends_with("-denied"));
    names
}

fn exchange(row: &Row, account: &str, suffix: &str) -> Exchange {
    let mut exchange = begun(format!("actions/{}{suffix}", row.action));
    exchange.only.clone_from(&row.only);
    exchange.turn.clone_from(&row.turn);
    exchange.steps.push(login(account, "off"));
    let bare = row.bare.then_some("");
    let messages = bare
        .into_iter()
        .chain(row.messages.iter().map(String::as_str));
    for (number, headers) in messages.enumerate() {
        let mut text = format!("Action: {}\r\nActionID: row-{number}\r\n", row.action);
        for header in headers.split(" | ").filter(|header| !header.is_empty()) {
            text.push_str(header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        let bytes = unescaped(&text.replace('\r', "\\r").replace('\n', "\\n"));
        exchange.steps.push(Step::Send(Sending {
            bytes: bytes.expect("a row of the table"),
            answers: 1,
            mark: true,
            in_bytes: false,
        }));
    }
    exchange
}
