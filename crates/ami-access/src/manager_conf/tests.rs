//! Whole files: options, reports with file and line, files as they are in use.

mod at_node;
mod options;
mod samples;
mod secret_hash;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ami_proto::{Class, ClassSet};

use super::*;
use crate::account::{Account, NodeScope, OnNodeLoss, SlowPolicy};
use crate::fixture::loaded;
use crate::node::NodeSelector;

fn account(lines: &str) -> Account {
    let loaded = loaded(&format!("[u]\n{lines}\n"), "").unwrap();
    Account::clone(loaded.accounts.find(b"U").unwrap())
}

fn errors(manager_conf: &str) -> Vec<String> {
    let errors = loaded(manager_conf, "").unwrap_err();
    errors.to_string().lines().map(str::to_owned).collect()
}

fn notices(manager_conf: &str) -> Vec<String> {
    let notices = loaded(manager_conf, "").unwrap().notices;
    notices.iter().map(ToString::to_string).collect()
}

fn set(classes: &[Class]) -> ClassSet {
    classes.iter().copied().collect()
}

#[test]
fn classes_are_exact_and_what_is_unknown_grants_nothing() {
    let account = account("read = system, call\nwrite = c,,calls,originate");
    assert_eq!(account.read, set(&[Class::System, Class::Call]));
    assert_eq!(account.write, set(&[Class::Originate]));
    let notices = notices("[u]\nsecret=x\nwrite = c,,calls,originate\n");
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert!(
        notices
            .iter()
            .all(|notice| notice.starts_with("manager.conf:3: write: ")),
        "{notices:?}"
    );
    assert!(notices[0].contains("\"c\""), "{notices:?}");
}

#[test]
fn the_last_line_of_an_option_wins() {
    let account = account("read=call\nread=agent\nsecret=a\nsecret=b");
    assert_eq!(account.read, set(&[Class::Agent]));
    assert_eq!(account.secret.unwrap().expose(), "b");
}

#[test]
fn amiplex_options() {
    let account = account(
        "nodes = pbx1, pbx2\ndefault_node = pbx2\nlabel = Server\nslow = drop-oldest\nevent_age = 90s\n\
         event_bytes = 2MiB\nflush = 5ms\ninflight = 8\non_node_loss = keep\ncommand_output = Follows\nallow_actions = Ping,Queue*\ndeny_actions = QueueReset",
    );
    assert_eq!(
        account.nodes,
        NodeScope::Only(vec![
            NodeSelector::Name("pbx1".to_owned()),
            NodeSelector::Name("pbx2".to_owned())
        ])
    );
    assert_eq!(account.default_node.as_deref(), Some("pbx2"));
    assert_eq!(account.label.as_deref(), Some("Server"));
    assert_eq!(account.slow, SlowPolicy::DropOldest);
    assert_eq!(account.event_age, Some(Duration::from_secs(90)));
    assert_eq!(account.event_bytes, Some(2 << 20));
    assert_eq!(account.flush, Some(Duration::from_millis(5)));
    assert_eq!(account.inflight, Some(8));
    assert_eq!(account.on_node_loss, Some(OnNodeLoss::Keep));
    assert_eq!(
        account.command_output,
        Some(ami_proto::CommandOutput::Follows)
    );
    assert!(account.actions.permit("QueueAdd") && !account.actions.permit("QueueReset"));
}

#[test]
fn defaults() {
    let account = account("secret=x");
    assert_eq!(
        (account.read, account.write),
        (ClassSet::NONE, ClassSet::NONE)
    );
    assert_eq!(account.nodes, NodeScope::All);
    assert_eq!(account.slow, SlowPolicy::Disconnect);
    assert!(account.allow_multiple_login && account.event_filters.is_empty());
    assert_eq!(
        (account.file.as_path(), account.line),
        (Path::new("manager.conf"), 1)
    );
}

#[test]
fn wrong_values_are_errors_of_one_report() {
    let rows = [
        "nodes =",
        "nodes = all,pbx1",
        "default_node =",
        "label = a b",
        "slow = maybe",
        "event_age = 0",
        "event_bytes = lots",
        "flush = 2s",
        "inflight = 0",
        "on_node_loss = panic",
        "command_output = raw",
        "allow_actions = Que*ue",
        "deny_actions =",
        "allow_commands = core show channels,",
        "channels = SIP/a,",
        "contexts = a,,b",
        "files = a,,b",
        "db_families = a,,b",
        "variables = a,,b",
        "eventfilter = ([bad",
        "eventfilter =",
        "eventfilter(name(X) = y",
        "eventfilters = x",
        "permit = localhost",
        "deny = 10.0.0.0/33",
        "PERMIT = 10.0.0.1, 10.0.0.2",
    ];
    let found = errors(&format!("[u]\nsecret=x\n{}\n", rows.join("\n")));
    assert_eq!(found.len(), rows.len(), "{found:#?}");
    for (at, (row, error)) in rows.iter().zip(&found).enumerate() {
        let place = format!("manager.conf:{}: ", at + 3);
        let key = row.split([' ', '(']).next().unwrap().to_lowercase();
        assert!(error.starts_with(&place), "{row}: {error}");
        assert!(
            error.contains(key.trim_end_matches("filters")),
            "{row}: {error}"
        );
    }
}

#[test]
fn what_has_no_effect_is_noticed() {
    let rows = [
        "admin = yes",
        "writetimeout = 100",
        "whatever = 1",
        "setvar = nonsense",
        "acl = unknown",
    ];
    let found = notices(&format!("[u]\nsecret=x\n{}\n", rows.join("\n")));
    assert_eq!(found.len(), rows.len(), "{found:#?}");
    for (at, notice) in found.iter().enumerate() {
        assert!(
            notice.starts_with(&format!("manager.conf:{}: ", at + 3)),
            "{notice}"
        );
    }
}

#[test]
fn accounts_that_nobody_can_use_or_everybody_are_noticed_at_their_header() {
    let found = notices(
        "[general]\n[none]\nread=all\n[empty]\nsecret=\n[open]\nsecret=x\ndeny=0.0.0.0/0.0.0.0\npermit=10.0.0.1\n",
    );
    let expected = [
        "manager.conf:2: account none",
        "manager.conf:4: account empty",
        "manager.conf:6: account open",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (notice, start) in found.iter().zip(expected) {
        assert!(notice.starts_with(start), "{notice}");
    }
}

#[test]
fn what_channels_do_not_limit_is_noticed() {
    let found = notices(
        "[u]\nsecret=x\nchannels=PJSIP/a-*\nallow_actions=dbget,Hangup,QueueAdd,Queue*,Custom\n[v]\nsecret=x\nallow_actions=DBGet\n",
    );
    let expected = ["DBGet", "custom"].map(|name| {
        format!(
            "manager.conf:1: account u has channels, which do not limit {name}: allow_actions names it"
        )
    });
    assert_eq!(found, expected);
    let of = |lines: &str| notices(&format!("[u]\nsecret=x\nchannels=PJSIP/a-*\n{lines}\n"));
    let found = of("write=call,originate\ndeny_actions=Atxfer");
    assert_eq!(
        found,
        [
            "manager.conf:1: account u has channels and no contexts: Originate, Redirect, BlindTransfer lead anywhere in the dialplan"
        ]
    );
    for closed in [
        "write=originate\ncontexts=a",
        "write=call,originate\nsafe=yes",
        "write=reporting",
    ] {
        assert_eq!(of(closed), [""; 0], "{closed}");
    }
}

#[test]
fn the_last_line_of_channels_counts() {
    let account = account("secret=x\nchannels=PJSIP/a-*\nchannels=PJSIP/b-*");
    let channels = account.channels.unwrap();
    assert!(!channels.matches(b"PJSIP/a-1") && channels.matches(b"PJSIP/b-1"));
}

#[test]
fn the_default_node_must_be_one_of_the_nodes() {
    let found = errors("[u]\nsecret=x\nnodes=a\ndefault_node=b\n");
    assert_eq!(
        found,
        ["manager.conf:1: default_node of account u is not among its nodes"]
    );
}

#[test]
fn general_options_and_their_notices() {
    let conf = "[general]\nenabled=yes\nport=5038\ntimestampevents=yes\nauthtimeout=5\nauthlimit=7\nallowmultiplelogin=no\n\
                brokeneventsaction=y\ndisabledevents=RTCPSent, RTCPReceived\nwhatever=1\nauthlimit=0\n\
                [general]\nauthtimeout=99\n[a]\nsecret=x\n[b]\nsecret=x\nallowmultiplelogin=yes\n";
    let loaded = loaded(conf, "").unwrap();
    let general = loaded.accounts.general();
    assert_eq!(general.authtimeout, Duration::from_secs(5));
    assert_eq!(general.authlimit, Some(7));
    assert!(!general.allow_multiple_login && general.broken_events_action);
    let of = |name: &str| loaded.accounts.find(name.as_bytes()).unwrap();
    assert!(!of("a").allow_multiple_login && of("b").allow_multiple_login);
    assert!(!of("a").event_filters.admit(b"Event: RTCPReceived\r\n\r\n"));
    assert!(of("a").event_filters.admit(b"Event: Hangup\r\n\r\n"));
    let lines: Vec<u32> = loaded.notices.iter().map(|notice| notice.line).collect();
    assert_eq!(lines, [2, 3, 10, 11, 12]);
}

#[test]
fn a_repeated_section_goes_on_with_the_account_without_its_lists() {
    let conf = "[u]\nsecret=x\nread=call\ndeny=0.0.0.0/0\nsetvar=A=1\neventfilter=Event: X\n[U]\nwrite=agent\n";
    let loaded = loaded(conf, "").unwrap();
    assert_eq!(loaded.accounts.len(), 1);
    let account = loaded.accounts.find(b"u").unwrap();
    assert_eq!(
        (account.read, account.write),
        (set(&[Class::Call]), set(&[Class::Agent]))
    );
    assert!(account.acl.allows("192.0.2.1".parse().unwrap()));
    assert!(account.setvars.is_empty() && account.event_filters.is_empty());
    assert_eq!(loaded.notices.len(), 1, "{:?}", loaded.notices);
    assert_eq!(loaded.notices[0].line, 7);
}

#[test]
fn named_lists() {
    let acl = "[general]\n[office]\ndeny=0.0.0.0/0\npermit=10.0.0.0/8\n[any]\n[tpl](!)\ndeny=::/0\n[both](tpl,office)\n";
    let conf = "[a]\nsecret=x\nacl=office, any\n[b]\nsecret=x\nacl=Office\n[c]\nsecret=x\nacl=both\npermit=10.0.0.1\n";
    let loaded = loaded(conf, acl).unwrap();
    let allows = |name: &str, peer: &str| {
        let peer: IpAddr = peer.parse().unwrap();
        loaded
            .accounts
            .find(name.as_bytes())
            .unwrap()
            .acl
            .allows(peer)
    };
    assert!(allows("a", "10.1.1.1") && !allows("a", "192.0.2.1"));
    assert!(
        !allows("b", "10.1.1.1"),
        "names of lists have case; an unknown one denies"
    );
    assert!(allows("c", "10.1.1.1") && !allows("c", "2001:db8::1"));
    let texts: Vec<String> = loaded.notices.iter().map(ToString::to_string).collect();
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("manager.conf:6: acl: no list [Office]")),
        "{texts:?}"
    );
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("manager.conf:1: account a denies all of IPv4")),
        "{texts:?}"
    );
}

#[test]
fn errors_of_both_files_are_in_one_report() {
    let found = loaded(
        "[a]\nsecret=x\nacl=one,ONE\n",
        "[one]\npermit=nowhere\ncolour=red\n[two]\n[two]\n",
    )
    .unwrap_err();
    let lines: Vec<String> = found
        .errors()
        .iter()
        .map(|error| format!("{}:{}", error.file.display(), error.line))
        .collect();
    assert_eq!(
        lines,
        ["acl.conf:2", "acl.conf:5", "manager.conf:3"],
        "{found}"
    );
    assert_eq!(found.notices().len(), 2, "{found:?}");
}

#[test]
fn no_report_shows_a_value() {
    let conf = "[u]\nsecret=hunter2\nsecret hunter2\nhunter2\nslow=hunter2\nlabel=hunter 2hunter2\nread=call\nsetvar=hunter2\n[v]\nsecret+=hunter2\nnodes=\n";
    let found = loaded(conf, "").unwrap_err();
    let all = format!("{found} {found:?}");
    assert!(!all.contains("hunter2"), "{all}");
    let debug = format!("{:?}", account("secret=hunter2"));
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn setvars_survive_the_nodes_argument_parser() {
    let account = account("setvar = A=1\nsetvar = CALLERID(name)=\"Doe, J\" [x]");
    let headers: Vec<String> = account.variable_headers().collect();
    assert_eq!(headers, ["A=1", r#"CALLERID\(name\)=\"Doe\, J\" \[x\]"#]);
}

#[test]
fn what_a_template_says_wrong_is_said_once() {
    let found =
        errors("[t](!)\nslow=maybe\n[a](t)\nsecret=1\n[b](t)\nsecret=2\n[c](t)\nsecret=3\n");
    assert_eq!(
        found,
        ["manager.conf:2: slow: `disconnect` or `drop-oldest`"]
    );
}

#[test]
fn long_names_are_errors() {
    let found = errors(&format!("[{}]\nsecret=x\n[]\nsecret=x\n", "a".repeat(80)));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(loaded(&format!("[{}]\nsecret=x\n", "a".repeat(79)), "").is_ok());
}

#[test]
fn a_missing_file_is_an_error() {
    let found = load_from(&MemoryFiles::default(), Path::new("/x/manager.conf"), None).unwrap_err();
    assert!(
        found
            .to_string()
            .starts_with("/x/manager.conf: cannot be read"),
        "{found}"
    );
}

proptest::proptest! {
    /// Whatever stands in the files: a report or accounts, and never a panic.
    #[test]
    fn any_bytes_are_read_or_reported(
        manager in "(\\[[a-z!+(),\\]]{1,6}\\]?(\\([a-z!+,=]{0,5}\\))?\n|[#;a-z =>\\[\\]\\\\+,;-]{0,20}\n|\\PC{0,12}\n){0,12}",
        acl in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
    ) {
        let files = MemoryFiles::default().with("/m", manager).with("/a", acl);
        if let Err(errors) = load_from(&files, Path::new("/m"), Some(Path::new("/a"))) {
            proptest::prop_assert!(!errors.errors().is_empty());
        }
    }
}
