use std::net::SocketAddr;

use ami_access::SlowPolicy;
use ami_mux::{Audience, Mail, NodeId, SecurityMatter, SessionId};
use ami_proto::ClassSet;

use super::*;
use crate::inbox::{Budget, Inbox};
use crate::line_log::LogKind;

const NODE: NodeId = NodeId(0);

fn origin(local: &str, remote: &str, tls: bool) -> Origin {
    let address = |text: &str| -> SocketAddr { text.parse().expect("an address") };
    let mut origin = Origin::new(SessionId(0x2a), address(remote), tls);
    origin.arrived_at(|| Ok(address(local)));
    origin
}

fn here() -> Origin {
    origin("192.0.2.1:5038", "192.0.2.99:40000", false)
}

fn report(matter: SecurityMatter, account: &str) -> SecurityReport {
    SecurityReport {
        matter,
        account: account.to_owned(),
        audience: Audience::of_account(&[NODE]),
    }
}

fn refusal() -> SecurityReport {
    let request = "Action: Nonsense".to_owned();
    report(SecurityMatter::RequestNotAllowed { request }, "")
}

fn record(matter: SecurityMatter, account: &str) -> Record {
    Record::new(&report(matter, account), &here(), SystemTime::UNIX_EPOCH)
}

/// The event with its times taken out: they are in the time zone of this machine.
fn event(matter: SecurityMatter, account: &str) -> String {
    let bytes = record(matter, account).event(None);
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let line = |line: &str| match line.split_once(": ") {
        Some((name, _)) if name.ends_with("TV") => format!("{name}|"),
        _ => format!("{line}|"),
    };
    text.split_terminator("\r\n").map(line).collect()
}

fn line(matter: SecurityMatter, account: &str) -> String {
    record(matter, account).line(SystemTime::UNIX_EPOCH)
}

/// As Asterisk 22.10 and 16.28 wrote it, the node's SystemName left out.
fn expected(name: &str, severity: &str, version: &str, account: &str, more: &str) -> String {
    format!(
        "Event: {name}|Privilege: security,all|EventTV|Severity: {severity}|Service: AMI|EventVersion: {version}|{account}\
         SessionID: 0x2a|LocalAddress: IPV4/TCP/192.0.2.1/5038|RemoteAddress: IPV4/TCP/192.0.2.99/40000|{more}|"
    )
}

#[test]
fn events_have_asterisks_headers_in_its_order() {
    let name = "AccountID: u|";
    let request = "Action: Ping".to_owned();
    for (matter, event_name, version) in [
        (SecurityMatter::FailedAcl, "FailedACL", "1"),
        (SecurityMatter::InvalidAccountId, "InvalidAccountID", "1"),
        (SecurityMatter::InvalidPassword, "InvalidPassword", "2"),
        (SecurityMatter::SessionLimit, "SessionLimit", "1"),
    ] {
        assert_eq!(
            event(matter, "u"),
            expected(event_name, "Error", version, name, "SessionTV|")
        );
    }
    assert_eq!(
        event(SecurityMatter::SuccessfulAuth, "u"),
        expected(
            "SuccessfulAuth",
            "Informational",
            "1",
            name,
            "UsingPassword: 0|SessionTV|"
        )
    );
    let failed = SecurityMatter::ChallengeResponseFailed {
        challenge: "7".to_owned(),
    };
    let more = "Challenge: 7|Response: |ExpectedResponse: |SessionTV|";
    assert_eq!(
        event(failed, "u"),
        expected("ChallengeResponseFailed", "Error", "1", name, more)
    );
    let refused = SecurityMatter::RequestNotAllowed {
        request: request.clone(),
    };
    let more = "RequestType: Action: Ping|SessionTV|";
    assert_eq!(
        event(refused, "u"),
        expected("RequestNotAllowed", "Error", "1", name, more)
    );
    let bad = SecurityMatter::RequestBadFormat { request };
    let more = "RequestType: Action: Ping|SessionTV|AccountID: u|";
    assert_eq!(
        event(bad, "u"),
        expected("RequestBadFormat", "Error", "1", "", more)
    );
}

#[test]
fn a_timestamp_stands_behind_privilege() {
    let record = record(SecurityMatter::FailedAcl, "u");
    let stamped = record.event(Some(
        SystemTime::UNIX_EPOCH + Duration::from_micros(7_000_008),
    ));
    assert!(
        stamped.starts_with(
            b"Event: FailedACL\r\nPrivilege: security,all\r\nTimestamp: 7.000008\r\nEventTV: "
        ),
        "{stamped:?}"
    );
}

#[test]
fn addresses_have_asterisks_form() {
    for (tls, local, remote, expected) in [
        (
            false,
            "127.0.0.1:5038",
            "10.0.0.7:1024",
            "IPV4/TCP/10.0.0.7/1024",
        ),
        (
            true,
            "127.0.0.1:5039",
            "10.0.0.7:1024",
            "IPV4/TLS/10.0.0.7/1024",
        ),
        (
            false,
            "[::1]:5038",
            "[2001:db8::7]:1024",
            "IPV6/TCP/2001:db8::7/1024",
        ),
        (
            true,
            "[::1]:5038",
            "[::ffff:10.0.0.7]:1024",
            "IPV4/TLS/10.0.0.7/1024",
        ),
    ] {
        assert_eq!(origin(local, remote, tls).remote_address(), expected);
    }
    assert_eq!(
        origin("[::1]:5038", "[::2]:1", true).local_address(),
        "IPV6/TLS/::1/5038"
    );
}

#[test]
fn a_line_of_the_log_has_the_fields_of_the_event() {
    let line = line(SecurityMatter::InvalidPassword, "admin");
    let (head, rest) = line.split_once(": ").expect("a head");
    let pid = std::process::id();
    assert!(
        head.ends_with(&format!("] SECURITY[{pid}] res_security_log.c")),
        "{line}"
    );
    let names: Vec<&str> = rest
        .split(',')
        .map(|field| field.split('=').next().expect("a name"))
        .collect();
    let expected = [
        "SecurityEvent",
        "EventTV",
        "Severity",
        "Service",
        "EventVersion",
        "AccountID",
        "SessionID",
        "LocalAddress",
        "RemoteAddress",
        "SessionTV",
    ];
    assert_eq!(names, expected, "{line}");
    assert!(
        line.contains("SecurityEvent=\"InvalidPassword\",")
            && line.contains(",AccountID=\"admin\","),
        "{line}"
    );
    assert!(
        line.contains(",RemoteAddress=\"IPV4/TCP/192.0.2.99/40000\",") && line.ends_with("\"\n"),
        "{line}"
    );
}

#[test]
fn no_value_ends_its_line_or_its_quotes() {
    for account in [
        "a\nb",
        "a\r\nEvent: Forged",
        "a\0b",
        "a\"b",
        "a\\",
        "\",RemoteAddress=\"IPV4/TCP/203.0.113.6/1",
        "\u{2028}x\u{85}y",
        "a\tb",
        "\u{1b}[31m",
    ] {
        let line = line(SecurityMatter::InvalidAccountId, account);
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        assert_eq!(line.matches('"').count(), 2 * 10, "{line:?}");
        assert!(
            line.trim_end()
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte)),
            "{line:?}"
        );
        let event = event(SecurityMatter::InvalidAccountId, account);
        assert_eq!(
            event.matches('|').count(),
            12,
            "as many lines as ever: {event:?}"
        );
    }
    let line = line(SecurityMatter::InvalidAccountId, "a\"\\\u{e9}");
    assert!(
        line.contains("AccountID=\"a\\x22\\x5c\\xc3\\xa9\""),
        "{line}"
    );
}

#[test]
fn a_long_name_is_cut_where_lines_of_ami_are() {
    let record = record(SecurityMatter::InvalidAccountId, &"\u{e9}".repeat(1000));
    let event = record.event(None);
    let longest = event.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
    assert!(
        longest.is_some_and(|longest| longest <= 1023),
        "{longest:?}"
    );
    assert!(std::str::from_utf8(&event).is_ok());
}

fn inbox(interest: ClassSet) -> Arc<Inbox> {
    let inbox = Inbox::new(Budget {
        event_bytes: 1 << 20,
        reply_bytes: 1 << 20,
        policy: SlowPolicy::Disconnect,
    });
    inbox.set_interest(interest);
    Arc::new(inbox)
}

fn desk() -> SecurityDesk {
    SecurityDesk::new(None, Arc::new(Meters::new("test")))
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant serves as the start of virtual time"
)]
fn start() -> Instant {
    Instant::now()
}

fn taken(inbox: &Inbox) -> usize {
    let mail = inbox.drain().mail;
    mail.iter()
        .filter(|mail| matches!(mail, Mail::Security(_)))
        .count()
}

#[test]
fn readers_are_told_while_they_are_entered_and_see_a_node_that_it_concerns() {
    let desk = desk();
    let reader = inbox(ClassSet::ALL);
    let elsewhere = inbox(ClassSet::ALL);
    let tell = || {
        desk.report(
            report(SecurityMatter::FailedAcl, "u"),
            &mut here(),
            false,
            start(),
        );
    };
    tell();
    desk.readers
        .enter(SessionId(1), vec![NODE], Arc::clone(&reader));
    desk.readers
        .enter(SessionId(2), vec![NodeId(1)], Arc::clone(&elsewhere));
    tell();
    tell();
    assert_eq!((taken(&reader), taken(&elsewhere)), (2, 0));
    desk.readers.leave(SessionId(1));
    tell();
    assert_eq!(taken(&reader), 0);
    // The mask is looked at again, for it may change between the two.
    desk.readers
        .enter(SessionId(1), vec![NODE], Arc::clone(&reader));
    reader.set_interest(ClassSet::NONE);
    tell();
    assert_eq!(taken(&reader), 0);
}

#[test]
fn a_flood_of_refusals_is_cut_and_hides_no_failed_login() {
    let desk = desk();
    let reader = inbox(ClassSet::ALL);
    desk.readers
        .enter(SessionId(1), vec![NODE], Arc::clone(&reader));
    let now = start();
    for _ in 0..5000 {
        desk.report(refusal(), &mut here(), false, now);
    }
    assert_eq!(taken(&reader), usize::try_from(EARLY_BURST).expect("small"));
    desk.report(
        report(SecurityMatter::InvalidPassword, "u"),
        &mut here(),
        false,
        now,
    );
    assert_eq!(
        taken(&reader),
        1,
        "each costs a try at a secret, which the throttle counts"
    );
    // Whoever is logged in has a limit of its own, and takes nothing from the others.
    let mut client = here();
    client.logged_in();
    for _ in 0..5000 {
        desk.report(refusal(), &mut client, false, now);
    }
    assert_eq!(taken(&reader), 100);
    desk.report(refusal(), &mut here(), false, now + EARLY_INTERVAL);
    assert_eq!(taken(&reader), 1);
}

#[tokio::test]
async fn what_is_reported_is_in_the_log_when_everything_has_stopped() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let path = directory.path().join("security.log");
    let meters = Arc::new(Meters::new("test"));
    let (log, task) = LineLog::open(LogKind::Security, &path, &meters).expect("opened");
    let desk = SecurityDesk::new(Some(log), Arc::clone(&meters));
    let supervisor = crate::supervisor::Supervisor::new(meters);
    supervisor.spawn("security log", task.run(supervisor.clone()));
    for number in 0..1000 {
        let failed = report(SecurityMatter::InvalidPassword, &format!("user{number}"));
        desk.report(failed, &mut here(), false, start());
    }
    supervisor.stop();
    supervisor.join().await;
    let text = std::fs::read_to_string(&path).expect("written");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1000, "all of them, in order");
    for (number, line) in lines.iter().enumerate() {
        assert!(
            line.contains(&format!("AccountID=\"user{number}\"")),
            "{line}"
        );
    }
}
