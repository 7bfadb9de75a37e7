//! Rights that differ by node: the program and a plain evaluator agree at each node.

use std::path::Path;
use std::sync::Arc;

use ami_access::manager_conf::MemoryFiles;
use ami_access::{
    AuthorizeContext, NodeId, Principal, Proof, SeenNode, authorize, load_from, verify,
};
use ami_proto::{Action, ActionDecoder, Class, ClassSet, Incoming};
use bytes::BytesMut;
use proptest::prelude::*;

/// The nodes that the session sees; `hidden` is one that it does not.
const NODES: [(&str, &[&str]); 4] = [
    ("pbx1", &["eu", "big"]),
    ("pbx2", &["EU"]),
    ("pbx3", &[]),
    ("pbx4", &["big", "lab"]),
];
const HIDDEN: NodeId = NodeId(9);

const PLACES: [&str; 6] = ["", "pbx1", "pbx4", "tag:eu", "tag:Big", "tag:lab"];

const OPTIONS: [(&str, &[&str]); 5] = [
    (
        "read",
        &["call", "agent", "call,agent,system", "security", "all", ""],
    ),
    (
        "write",
        &[
            "agent",
            "system",
            "user,agent",
            "reporting",
            "command",
            "all",
            "",
        ],
    ),
    (
        "allow_actions",
        &[
            "Queue*",
            "*",
            "DBPut,Command",
            "CoreStatus,UserEvent",
            "queuepause",
        ],
    ),
    ("deny_actions", &["DB*", "Command", "q*", "UserEvent"]),
    (
        "allow_commands",
        &["core show", "queue show", "core", "core show channels"],
    ),
];

/// Lines of an action, its name, and the classes of which it needs one.
const ACTIONS: [(&str, &str, &[&str]); 7] = [
    ("Action: Ping", "Ping", &[]),
    (
        "Action: QueuePause|Interface: A/1|Paused: 1",
        "QueuePause",
        &["agent"],
    ),
    ("Action: UserEvent|UserEvent: x", "UserEvent", &["user"]),
    ("Action: CoreStatus", "CoreStatus", &["system", "reporting"]),
    ("Action: DBPut|Family: f|Key: k", "DBPut", &["system"]),
    (
        "Action: Command|Command: core show channels",
        "Command",
        &["command"],
    ),
    (
        "Action: Command|Command: queue show",
        "Command",
        &["command"],
    ),
];

/// A line of the account: option, place, value.
type Setting = (&'static str, &'static str, &'static str);

/// What counts at a node for an option: all of these together.
fn in_force(settings: &[Setting], option: &str, node: (&str, &[&str])) -> Vec<&'static str> {
    let at = |meant: &dyn Fn(&str) -> bool| -> Vec<&'static str> {
        let mine = settings.iter().filter(|setting| setting.0 == option);
        mine.filter(|setting| meant(setting.1))
            .map(|setting| setting.2)
            .collect()
    };
    let by_name = at(&|place| place == node.0);
    if !by_name.is_empty() {
        return by_name;
    }
    let by_tag = at(&|place| {
        place
            .strip_prefix("tag:")
            .is_some_and(|tag| node.1.iter().any(|own| own.eq_ignore_ascii_case(tag)))
    });
    if !by_tag.is_empty() {
        return by_tag;
    }
    at(&|place| place.is_empty())
}

fn has_class(lists: &[&str], class: &str) -> bool {
    !lists.is_empty()
        && lists
            .iter()
            .all(|list| list.split(',').any(|word| word == class || word == "all"))
}

fn names(list: &str, action: &str) -> bool {
    let action = action.to_lowercase();
    list.split(',')
        .any(|word| match word.to_lowercase().strip_suffix('*') {
            Some(start) => action.starts_with(start),
            None => word.to_lowercase() == action,
        })
}

fn may(
    settings: &[Setting],
    node: (&str, &[&str]),
    action: &(&str, &str, &'static [&'static str]),
) -> bool {
    let (text, name, classes) = action;
    let write = in_force(settings, "write", node);
    let allow = in_force(settings, "allow_actions", node);
    let deny = in_force(settings, "deny_actions", node);
    let commands = in_force(settings, "allow_commands", node);
    let line = text.split_once("|Command: ").map(|(_, line)| line);
    (classes.is_empty() || classes.iter().any(|class| has_class(&write, class)))
        && allow.iter().all(|list| names(list, name))
        && !deny.iter().any(|list| names(list, name))
        && line.is_none_or(|line| commands.iter().all(|start| line.starts_with(start)))
}

fn settings() -> impl Strategy<Value = Vec<Setting>> {
    let one = (
        0..OPTIONS.len(),
        0..PLACES.len(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(option, place, value)| {
            let (option, values) = OPTIONS[option];
            (option, PLACES[place], *value.get(values))
        });
    prop::collection::vec(one, 0..14).prop_map(|all| {
        let mut kept: Vec<Setting> = Vec::new();
        for setting in all {
            if !kept
                .iter()
                .any(|other| (other.0, other.1) == (setting.0, setting.1))
            {
                kept.push(setting);
            }
        }
        kept
    })
}

fn principal(settings: &[Setting]) -> Principal {
    let mut conf = "[general]\n[a]\nsecret = s\n".to_owned();
    for (option, place, value) in settings {
        let at = if place.is_empty() { "" } else { "@" };
        conf.push_str(&[option, at, place, " = ", value, "\n"].concat());
    }
    let files = MemoryFiles::default().with("/manager.conf", conf.as_str());
    let loaded = load_from(&files, Path::new("/manager.conf"), None).unwrap();
    let peer = "192.0.2.1".parse().unwrap();
    let proof = Proof::Plain {
        secret: b"s",
        confidential: true,
    };
    let verified = verify(&loaded.accounts, b"a", proof, peer).unwrap();
    verified.proven().unwrap()
}

fn sees_its_nodes(principal: Principal) -> Principal {
    let tags: Vec<Vec<Arc<str>>> = NODES
        .iter()
        .map(|(_, tags)| tags.iter().map(|tag| Arc::from(*tag)).collect())
        .collect();
    let nodes = NODES.iter().zip(&tags).enumerate();
    principal.seeing(nodes.map(|(index, ((name, _), tags))| SeenNode {
        id: NodeId(u16::try_from(index).unwrap()),
        name,
        tags,
    }))
}

fn action(text: &str) -> Action {
    let mut bytes = BytesMut::from((text.replace('|', "\r\n") + "\r\n\r\n").as_bytes());
    match ActionDecoder::new().decode(&mut bytes) {
        Some(Incoming::Action(action)) => action,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn at_each_node_the_most_specific_setting_counts(settings in settings()) {
        let differs = settings.iter().any(|setting| !setting.1.is_empty());
        let unseen = principal(&settings);
        let principal = sees_its_nodes(unseen.clone());
        prop_assert_eq!(principal.differs_by_node(), differs);
        for asked in &ACTIONS {
            let expected: Vec<bool> = NODES.iter().map(|node| may(&settings, *node, asked)).collect();
            let context = AuthorizeContext::default();
            match authorize(&principal, action(asked.0), &context) {
                Err(_) => prop_assert!(expected.iter().all(|may| !may), "{:?} at some node: {:?}", asked, settings),
                Ok(authorized) => {
                    for (index, expected) in expected.iter().enumerate() {
                        let node = NodeId(u16::try_from(index).unwrap());
                        prop_assert_eq!(authorized.permits(node), *expected, "{:?} at {}: {:?}", asked, index, settings);
                        // What goes to one node is good for no other.
                        if let (true, Ok(bound)) = (differs, authorized.clone().at(node)) {
                            for other in (0..4).map(NodeId).chain([HIDDEN]) {
                                prop_assert_eq!(bound.permits(other), other == node);
                            }
                        }
                    }
                    prop_assert_eq!(authorized.permits(HIDDEN), !differs);
                }
            }
            // Before it is known which nodes it sees, such an account may do nothing.
            if differs {
                prop_assert!(authorize(&unseen, action(asked.0), &context).is_err());
            }
        }
        for (index, node) in NODES.iter().enumerate() {
            let read = in_force(&settings, "read", *node);
            let here = principal.account_at(NodeId(u16::try_from(index).unwrap())).unwrap().read;
            for (name, class) in [("call", Class::Call), ("agent", Class::Agent), ("security", Class::Security)] {
                prop_assert_eq!(here.covers(ClassSet::of(class)), has_class(&read, name), "{} at {}: {:?}", name, index, settings);
            }
        }
    }
}
