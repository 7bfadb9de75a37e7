//! The database: put, get, delete, by key or tree.

use super::{Outcome, Turn};
use crate::message::Message;

pub(super) fn db_put(turn: &mut Turn<'_>) -> Outcome {
    let Some(key) = key(turn) else {
        return missing(turn);
    };
    let value = turn.value("Val").to_vec();
    turn.world.database.insert(key, value);
    turn.done("Updated database successfully")
}

pub(super) fn db_get(turn: &mut Turn<'_>) -> Outcome {
    let Some(key) = key(turn) else {
        return missing(turn);
    };
    let Some(value) = turn.world.database.get(&key) else {
        return turn.error("Database entry not found");
    };
    let item = Message::event("DBGetResponse")
        .header("Family", &key.0)
        .header("Key", &key.1)
        .header("Val", value)
        .action_id(turn.id());
    turn.list("Result will follow", vec![item], "DBGetComplete", &[])
}

pub(super) fn db_get_tree(turn: &mut Turn<'_>) -> Outcome {
    let family = turn.value("Family");
    let prefix = turn.value("Key");
    let items: Vec<Message> = turn
        .world
        .database
        .iter()
        .filter(|((own, key), _)| {
            (family.is_empty() || own == family) && (prefix.is_empty() || key.starts_with(prefix))
        })
        .map(|((family, key), value)| {
            Message::event("DBGetTreeResponse")
                .header("Key", [b"/", family.as_slice(), b"/", key].concat())
                .header("Val", value)
                .action_id(turn.id())
        })
        .collect();
    if items.is_empty() {
        return turn.error("Database entry not found");
    }
    turn.list("Result will follow", items, "DBGetTreeComplete", &[])
}

pub(super) fn db_del(turn: &mut Turn<'_>) -> Outcome {
    let Some(key) = key(turn) else {
        return missing(turn);
    };
    match turn.world.database.remove(&key) {
        Some(_) => turn.done("Key deleted successfully"),
        None => turn.error("Database entry not found"),
    }
}

pub(super) fn db_del_tree(turn: &mut Turn<'_>) -> Outcome {
    let family = turn.value("Family").to_vec();
    if family.is_empty() {
        return turn.error("No family specified.");
    }
    let prefix = turn.value("Key").to_vec();
    let before = turn.world.database.len();
    turn.world
        .database
        .retain(|(own, key), _| *own != family || !key.starts_with(&prefix));
    if turn.world.database.len() == before {
        turn.error("Database entry not found")
    } else {
        turn.done("Key tree deleted successfully")
    }
}

fn key(turn: &Turn<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (family, key) = (turn.value("Family"), turn.value("Key"));
    (!family.is_empty() && !key.is_empty()).then(|| (family.to_vec(), key.to_vec()))
}

fn missing(turn: &Turn<'_>) -> Outcome {
    if turn.value("Family").is_empty() {
        turn.error("No family specified")
    } else {
        turn.error("No key specified")
    }
}
