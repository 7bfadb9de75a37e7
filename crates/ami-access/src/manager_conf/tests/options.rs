//! Every option of Asterisk's manager.conf: it has its effect, or a notice names it. None is swallowed.

use ami_proto::ClassSet;

use super::*;
use crate::account::General;

/// What a line does here.
enum Meaning {
    /// It changes this.
    General(fn(&General) -> bool),
    /// It changes this of the account.
    Account(fn(&Account) -> bool),
    /// It has no effect and is named, with these words.
    Notice(&'static str),
}

use Meaning::{Account as Changes, General as Sets, Notice};

/// `[general]`: a line that differs from the default, and what it does.
const GENERAL: [(&str, Meaning); 36] = [
    ("enabled = yes", Notice("no meaning")),
    ("webenabled = yes", Notice("no meaning")),
    ("bindaddr = 0.0.0.0", Notice("amiplex.toml")),
    ("port = 5038", Notice("amiplex.toml")),
    ("tlsenable = yes", Notice("amiplex.toml")),
    ("sslenable = yes", Notice("amiplex.toml")),
    ("tlsbindaddr = 0.0.0.0:5039", Notice("amiplex.toml")),
    ("tlscertfile = a.pem", Notice("amiplex.toml")),
    ("sslcert = a.pem", Notice("amiplex.toml")),
    ("tlscert = a.pem", Notice("amiplex.toml")),
    ("tlsprivatekey = a.key", Notice("amiplex.toml")),
    ("tlscipher = ALL", Notice("amiplex.toml")),
    ("tlsservercipherorder = yes", Notice("amiplex.toml")),
    ("tlsdisablev1 = yes", Notice("amiplex.toml")),
    ("tlsdisablev11 = yes", Notice("amiplex.toml")),
    ("tlsdisablev12 = yes", Notice("amiplex.toml")),
    ("tlscafile = ca.pem", Notice("client_ca")),
    ("tlscapath = /ca", Notice("client_ca")),
    ("tlsverifyclient = yes", Notice("client_ca")),
    ("tlsdontverifyserver = yes", Notice("client_ca")),
    ("tlsclientmethod = tlsv1", Notice("client_ca")),
    (
        "allowmultiplelogin = no",
        Sets(|general| !general.allow_multiple_login),
    ),
    (
        "displayconnects = no",
        Sets(|general| !general.display_connects),
    ),
    (
        "timestampevents = yes",
        Sets(|general| general.timestamp_events),
    ),
    ("debug = on", Notice("of the nodes")),
    (
        "authtimeout = 5",
        Sets(|general| general.authtimeout == Duration::from_secs(5)),
    ),
    ("authtimeout = 0", Notice("the default of 30 stays")),
    (
        "authlimit = 5",
        Sets(|general| general.authlimit == Some(5)),
    ),
    ("authlimit = many", Notice("amiplex's own limit stays")),
    ("httptimeout = 60", Notice("no meaning")),
    ("channelvars = A,B", Notice("each node decides")),
    (
        "disabledevents = RTCPSent",
        Changes(|account| !account.event_filters.admit(b"Event: RTCPSent\r\n\r\n")),
    ),
    (
        "brokeneventsaction = yes",
        Sets(|general| general.broken_events_action),
    ),
    (
        "BrokenEventsAction = on",
        Sets(|general| general.broken_events_action),
    ),
    ("realm = here", Notice("no meaning")),
    ("colour = red", Notice("unknown option colour")),
];

/// A section of an account, likewise.
const ACCOUNT: [(&str, Meaning); 13] = [
    (
        "secret = other",
        Changes(|account| {
            let secret = account.secret.as_ref();
            secret.is_some_and(|secret| secret.expose() == "other")
        }),
    ),
    (
        "read = call",
        Changes(|account| account.read == ClassSet::of(Class::Call)),
    ),
    (
        "write = call",
        Changes(|account| account.write == ClassSet::of(Class::Call)),
    ),
    (
        "deny = 0.0.0.0/0.0.0.0,::/0",
        Changes(|account| !account.acl.allows(IpAddr::from([192, 0, 2, 1]))),
    ),
    (
        "permit = !0.0.0.0/0.0.0.0,!::/0",
        Changes(|account| !account.acl.allows(IpAddr::from([192, 0, 2, 1]))),
    ),
    (
        "acl = nobody",
        Changes(|account| !account.acl.allows(IpAddr::from([192, 0, 2, 1]))),
    ),
    (
        "allowmultiplelogin = no",
        Changes(|account| !account.allow_multiple_login),
    ),
    (
        "displayconnects = no",
        Changes(|account| !account.display_connects),
    ),
    ("writetimeout = 100", Notice("event_age")),
    (
        "setvar = A=1",
        Changes(|account| account.setvars == ["A=1"]),
    ),
    (
        "eventfilter = !Event: X",
        Changes(|account| !account.event_filters.admit(b"Event: X\r\n\r\n")),
    ),
    (
        "eventfilter(action(exclude),name(X)) =",
        Changes(|account| !account.event_filters.admit(b"Event: X\r\n\r\n")),
    ),
    ("colour = red", Notice("unknown option colour")),
];

fn assert_meaning(line: &str, meaning: &Meaning, manager_conf: &str, at: u32) {
    let loaded = loaded(manager_conf, "[nobody]\ndeny = 0.0.0.0/0,::/0\n").unwrap();
    let account = Account::clone(loaded.accounts.find(b"u").unwrap());
    match meaning {
        Sets(is_set) => assert!(is_set(loaded.accounts.general()), "{line}"),
        Changes(is_set) => assert!(is_set(&account), "{line}"),
        Notice(words) => {
            let [notice] = loaded.notices.as_slice() else {
                panic!("{line}: one notice: {:?}", loaded.notices);
            };
            let option = line.split(' ').next().unwrap();
            assert_eq!(notice.line, at, "{line}: {notice}");
            assert!(
                notice.text.contains(option) && notice.text.contains(words),
                "{line}: {notice}"
            );
            return;
        }
    }
    assert_eq!(loaded.notices, [], "{line}");
}

#[test]
fn every_general_option_has_effect_or_a_notice() {
    for (line, meaning) in &GENERAL {
        let manager_conf = format!("[general]\n{line}\n[u]\nsecret = s\n");
        assert_meaning(line, meaning, &manager_conf, 2);
    }
}

#[test]
fn every_option_of_an_account_has_effect_or_a_notice() {
    for (line, meaning) in &ACCOUNT {
        let manager_conf = format!("[general]\n[u]\nsecret = s\n{line}\n");
        assert_meaning(line, meaning, &manager_conf, 4);
    }
}

#[test]
fn displayconnects_of_an_account_wins_over_the_general_one() {
    let conf = "[general]\ndisplayconnects=no\n[a]\nsecret=x\n[b]\nsecret=x\ndisplayconnects=yes\n";
    let accounts = loaded(conf, "").unwrap().accounts;
    let shows = |name: &[u8]| accounts.find(name).unwrap().display_connects;
    assert!(!shows(b"a") && shows(b"b"));
}

/// Each row was tried on Asterisk 22.10: the line or lines, an event, and whether it is still seen.
#[test]
fn disabledevents_matches_as_asterisk_does() {
    for (lines, event, seen) in [
        ("disabledevents=UserEvent", "UserEvent", false),
        ("disabledevents=userevent", "UserEvent", true),
        (
            "disabledevents=UserEvent ,QueueMemberAdded",
            "UserEvent",
            true,
        ),
        (
            "disabledevents=UserEvent ,QueueMemberAdded",
            "QueueMemberAdded",
            false,
        ),
        (
            "disabledevents=QueueMemberAdded,   UserEvent",
            "UserEvent",
            false,
        ),
        (
            "disabledevents=QueueMember,,UserEventX",
            "QueueMemberAdded",
            true,
        ),
        ("disabledevents=QueueMember,,UserEventX", "UserEvent", true),
        (
            "disabledevents=UserEvent\ndisabledevents=QueueMemberAdded",
            "UserEvent",
            true,
        ),
        (
            "disabledevents=UserEvent\ndisabledevents=QueueMemberAdded",
            "QueueMemberAdded",
            false,
        ),
        (
            "disabledevents=QueueMemberAdded;c",
            "QueueMemberAdded",
            false,
        ),
        (
            "disabledevents=UserEvent\ndisabledevents=",
            "UserEvent",
            true,
        ),
    ] {
        let loaded = loaded(&format!("[general]\n{lines}\n[u]\nsecret=s\n"), "").unwrap();
        let account = loaded.accounts.find(b"u").unwrap();
        let text = format!("Event: {event}\r\nPrivilege: call,all\r\n\r\n");
        assert_eq!(
            account.event_filters.admit(text.as_bytes()),
            seen,
            "{lines}: {event}"
        );
    }
}
