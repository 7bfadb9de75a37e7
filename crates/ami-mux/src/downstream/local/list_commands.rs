//! ListCommands: the actions that the client may use, as its nodes describe them.

use std::collections::BTreeMap;

use ami_access::{Account, builtin_all};
use ami_proto::encode::error;
use ami_proto::{ClassSet, ClientActionId, ResponseBuilder};
use bytes::Bytes;

use crate::directory::Directory;
use crate::downstream::logged_in::Login;

/// One line per action that is permitted at some node, in alphabetical order. A node that has not been asked yet is spoken for by the
/// built-in table.
pub(super) fn reply(id: Option<&ClientActionId>, login: &Login, directory: &Directory) -> Bytes {
    let may = |account: &Account, name: &str, classes: ClassSet| {
        account.may_ever_run(name) && (classes.is_empty() || account.write.intersects(classes))
    };
    let accounts = || {
        let nodes = login.view.nodes().iter();
        nodes.filter_map(|node| login.principal.account_at(*node))
    };
    let mut lines: BTreeMap<String, (String, Vec<u8>)> = BTreeMap::new();
    let entries = login
        .view
        .nodes()
        .iter()
        .filter_map(|node| Some((directory.entry(*node)?, login.principal.account_at(*node)?)));
    for (entry, account) in entries {
        for action in entry
            .status
            .learned
            .iter()
            .filter(|action| may(account, action.name(), action.classes()))
        {
            let name = action.name().to_owned();
            lines
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| (name, action.text().to_vec()));
        }
    }
    if lines.is_empty() {
        for spec in builtin_all()
            .iter()
            .filter(|spec| accounts().any(|account| may(account, spec.name, spec.classes)))
        {
            let text = format!("(Priv: {})", spec.classes.render()).into_bytes();
            lines.insert(spec.name.to_ascii_lowercase(), (spec.name.to_owned(), text));
        }
    }
    let reply = ResponseBuilder::new("Success").action_id(id);
    let reply = lines
        .into_values()
        .try_fold(reply, |reply, (name, text)| reply.header(&name, &text));
    reply.map_or_else(
        |_| error(id, "The node's list of actions is not readable"),
        ResponseBuilder::finish,
    )
}
