//! Which conditions raise which security event, who may be told, and how a session is given those of others.

use std::sync::Arc;

use ami_mux::{Audience, Mail, NodeId, SecurityEvent, SecurityMatter, SecurityReport};
use bytes::Bytes;

use crate::desk::Desk;

const PBX1: NodeId = NodeId(0);
const PBX2: NodeId = NodeId(1);

fn not_allowed(action: &str) -> SecurityMatter {
    let request = format!("Action: {action}");
    SecurityMatter::RequestNotAllowed { request }
}

fn bad_format(action: &str) -> SecurityMatter {
    let request = format!("Action: {action}");
    SecurityMatter::RequestBadFormat { request }
}

/// The reports of a fresh connection that says this.
fn reports(text: &str) -> Vec<SecurityReport> {
    let mut desk = Desk::new();
    desk.says(text);
    desk.reports.into_iter().map(|(report, _)| report).collect()
}

fn matters(text: &str) -> Vec<(SecurityMatter, String)> {
    let of = |report: SecurityReport| (report.matter, report.account);
    reports(text).into_iter().map(of).collect()
}

/// What each raises, and the AccountID of that event.
fn assert_raises(rows: &[(&str, Option<(SecurityMatter, &str)>)]) {
    for (text, expected) in rows {
        let expected: Vec<_> = expected
            .iter()
            .map(|(matter, account)| (matter.clone(), (*account).to_owned()))
            .collect();
        assert_eq!(matters(text), expected, "{text}");
    }
}

/// The rules of Asterisk's `authenticate`, each row asked of Asterisk 16.28 and 22.10.
#[test]
fn logins_raise_asterisks_events() {
    use SecurityMatter::{
        FailedAcl, InvalidAccountId, InvalidPassword, SessionLimit, SuccessfulAuth,
    };
    assert_raises(&[
        ("Action: Login|Secret: s", None),
        (
            "Action: Login|Username: No One|Secret: s",
            Some((InvalidAccountId, "No One")),
        ),
        (
            "Action: Login|Username: ELSEWHERE|Secret: s",
            Some((FailedAcl, "ELSEWHERE")),
        ),
        (
            "Action: Login|Username: A|Secret: x",
            Some((InvalidPassword, "A")),
        ),
        ("Action: Login|Username: a", Some((InvalidPassword, "a"))),
        (
            "Action: Login|Username: Taken|Secret: x",
            Some((SessionLimit, "")),
        ),
        (
            "Action: Challenge|AuthType: MD5|Username: taken",
            Some((SessionLimit, "")),
        ),
        ("Action: Challenge|AuthType: other", None),
        ("Action: Challenge|AuthType: MD5", None),
        ("Action: Logoff", None),
        (
            "Action: Login|Username: a|Secret: s",
            Some((SuccessfulAuth, "a")),
        ),
        ("Action: Login|AuthType: MD5|Username: a|Key: 00", None),
    ]);
    let wrong_key = SecurityMatter::ChallengeResponseFailed {
        challenge: "7".to_owned(),
    };
    for (login, expected) in [
        ("Username: a|Key: 00", Some((wrong_key, ""))),
        ("Username: a|Key:", None),
        ("Username: bare|Key: 00", None),
        ("Username: x|Key: 00", Some((InvalidAccountId, "x"))),
    ] {
        let text = format!("Action: Challenge|AuthType: MD5||Action: Login|AuthType: md5|{login}");
        assert_raises(&[(&text, expected)]);
    }
}

/// The rules of Asterisk's `process_message` for those who are not logged in, asked likewise.
#[test]
fn other_actions_before_login_raise_asterisks_events() {
    assert_raises(&[
        ("Action: Ping|Username: a", Some((not_allowed("Ping"), ""))),
        ("Action: Nonsense", Some((not_allowed("Nonsense"), ""))),
        ("ActionID: 1", Some((bad_format("NONE"), ""))),
        ("Action:|Username: a", Some((bad_format("NONE"), ""))),
    ]);
}

/// The throttle and the nodes are not Asterisk's, nor is the event of a guess at an account without a secret.
#[test]
fn logins_that_asterisk_does_not_know_raise_what_is_nearest() {
    use SecurityMatter::{InvalidAccountId, InvalidPassword, SuccessfulAuth};
    let login = |username: &str, secret: &str| {
        format!("Action: Login|Username: {username}|Secret: {secret}")
    };
    for (username, secret, expected) in [
        ("A@pbx1", "s", SuccessfulAuth),
        ("throttled", "s", not_allowed("Login")),
        ("a@nowhere", "s", InvalidAccountId),
        ("a@nowhere", "x", InvalidPassword),
        ("bare", "s", InvalidPassword),
    ] {
        assert_raises(&[(&login(username, secret), Some((expected, username)))]);
    }
}

#[test]
fn what_happens_after_login_raises_asterisks_events() {
    let mut desk = Desk::logged_in("pAnel");
    assert_eq!(
        desk.reports.pop().map(|(report, _)| report.matter),
        Some(SecurityMatter::SuccessfulAuth)
    );
    for (text, expected) in [
        ("Action: Nonsense", Some(bad_format("Nonsense"))),
        ("ActionID: 1", Some(bad_format("NONE"))),
        (
            "Action: oriGinate|Channel: c",
            Some(not_allowed("oriGinate")),
        ),
        ("Action: Login|Username: a|Secret: x", None),
        ("Action: Challenge|AuthType: MD5", None),
        ("Action: Ping", None),
        ("Action: Ping |X: 1", Some(bad_format("Ping "))),
    ] {
        desk.says(text);
        let raised: Vec<_> = desk.reports.drain(..).map(|(report, _)| report).collect();
        let matters: Vec<_> = raised.iter().map(|report| report.matter.clone()).collect();
        assert_eq!(matters, expected.into_iter().collect::<Vec<_>>(), "{text}");
        assert!(
            raised.iter().all(|report| report.account == "pAnel"),
            "as it was typed"
        );
    }
    // The checks inside actions raise none, nor does a line that is too long.
    let mut desk = Desk::logged_in("a@pbx1");
    desk.reports.clear();
    desk.says("Action: Command|Command: module load x");
    desk.says(&format!("Action: Nonsense|X: {}", "y".repeat(1100)));
    assert!(desk.heard().contains("Command blacklisted"));
    assert_eq!(desk.reports, []);
}

#[test]
fn an_event_is_due_behind_the_answer_in_its_turn() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.reports.clear();
    desk.says("Action: Getvar|Variable: X||Action: Nonsense|ActionID: n");
    assert_eq!(desk.reports, [], "its turn has not come");
    desk.heard();
    let seq = desk.submitted[0].1.seq;
    desk.answer(0, seq, "Response: Success|Value: v");
    let (_, before) = desk.reports.pop().expect("raised");
    assert!(
        before.starts_with("Response: Success|Value: v||Response: Error|ActionID: n|")
            && before.ends_with("||"),
        "{before}"
    );
    // The event of a failed login does not wait for the second that the answer waits.
    let mut desk = Desk::new();
    desk.says("Action: Login|Username: a|Secret: x");
    assert!(desk.reports.len() == 1 && !desk.heard().contains("Response"));
    let mut desk = Desk::new();
    desk.boots(0);
    desk.says("Action: Login|Username: a|Secret: s");
    let (_, before) = desk.reports.pop().expect("raised");
    assert!(
        before.contains("accepted||Event: FullyBooted|") && before.ends_with("||"),
        "{before}"
    );
}

#[test]
fn names_and_requests_are_cut_and_readable() {
    let long = "x".repeat(200);
    let [(matter, _)] = &matters(&format!("Action: {long}"))[..] else {
        panic!("one event");
    };
    assert_eq!(
        *matter,
        not_allowed(&"x".repeat(55)),
        "63 bytes, as Asterisk's buffer"
    );
    let wide = "\u{e9}".repeat(100);
    let [(SecurityMatter::RequestNotAllowed { request }, _)] =
        &matters(&format!("Action: {wide}"))[..]
    else {
        panic!("one event");
    };
    assert_eq!(request.len(), 62, "not in the middle of a character");
    let [(_, account)] = &matters("Action: Login|Username: a\u{e9}\"b|Secret: x")[..] else {
        panic!("one event");
    };
    assert_eq!(account, "a\u{e9}\"b");
}

fn admitted(report: &SecurityReport) -> [bool; 3] {
    [&[PBX1][..], &[PBX2], &[PBX1, PBX2]].map(|seen| report.audience.admits(seen))
}

/// Sessions of pbx1, of pbx2 and of both.
#[test]
fn only_those_are_told_who_see_a_node_that_it_concerns() {
    for (text, expected) in [
        ("Action: Login|Username: one|Secret: s", [true, false, true]),
        ("Action: Login|Username: one|Secret: x", [true, false, true]),
        ("Action: Login|Username: a|Secret: s", [true, true, true]),
        (
            "Action: Login|Username: a@pbx2|Secret: x",
            [false, true, true],
        ),
        (
            "Action: Login|Username: taken|Secret: x",
            [true, true, true],
        ),
        // A name that is none may be the slip of anybody.
        (
            "Action: Login|Username: onee|Secret: s",
            [false, false, true],
        ),
        (
            "Action: Login|Username: one@pbx2|Secret: s",
            [false, false, true],
        ),
        ("Action: Ping", [false, false, true]),
        ("X: 1", [false, false, true]),
    ] {
        let reports = reports(text);
        assert_eq!(reports.len(), 1, "{text}");
        assert_eq!(admitted(&reports[0]), expected, "{text}");
    }
    let mut desk = Desk::logged_in("one");
    desk.reports.clear();
    desk.says("Action: Nonsense");
    assert_eq!(admitted(&desk.reports[0].0), [true, false, true]);
}

fn event(name: &str, nodes: &[NodeId]) -> Mail {
    let text = format!("Event: {name}\r\nPrivilege: security,all\r\nAccountID: x\r\n\r\n");
    let audience = Audience::of_account(nodes);
    Mail::Security(Arc::new(SecurityEvent::new(Bytes::from(text), audience)))
}

fn heard_of(name: &str) -> String {
    format!("Event: {name}|Privilege: security,all|AccountID: x||")
}

#[test]
fn an_event_is_given_with_class_view_and_filter_at_that_moment() {
    let mut desk = Desk::logged_in("a");
    desk.heard();
    desk.mail(event("FailedACL", &[PBX2]));
    assert_eq!(
        desk.heard(),
        heard_of("FailedACL"),
        "without a label: it is of no node"
    );
    desk.says("Action: Events|EventMask: call");
    desk.heard();
    desk.mail(event("FailedACL", &[PBX2]));
    assert_eq!(desk.heard(), "");
    for (user, heard) in [
        ("panel", ""),
        ("one", ""),
        ("t", ""),
        ("filtered", &heard_of("FailedACL")),
    ] {
        let mut desk = Desk::logged_in(user);
        desk.heard();
        desk.mail(event("FailedACL", &[PBX2]));
        desk.mail(event(
            "InvalidPassword",
            &[if user == "filtered" { PBX1 } else { PBX2 }],
        ));
        assert_eq!(desk.heard(), heard, "{user}");
    }
    let mut desk = Desk::new();
    desk.mail(event("FailedACL", &[PBX1]));
    assert!(!desk.heard().contains("FailedACL"), "nobody is logged in");
}

#[test]
fn on_a_session_of_one_node_it_comes_into_the_middle_of_no_list() {
    let mut desk = Desk::logged_in("a@pbx1");
    desk.says("Action: Getvar|Variable: X");
    let seq = desk.submitted[0].1.seq;
    desk.wrote(0, seq);
    desk.heard();
    desk.event(0, "Before");
    desk.mail(event("FailedACL", &[PBX1]));
    desk.event(0, "After");
    assert_eq!(desk.heard(), "");
    assert!(
        desk.session.held_event_bytes() > heard_of("FailedACL").len(),
        "it counts in the budget"
    );
    desk.answer(0, seq, "Response: Success|Value: v");
    let heard = desk.heard();
    let places = ["Value: v", "Before", "FailedACL", "After"].map(|part| heard.find(part));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{heard}"
    );
    assert_eq!(desk.session.held_event_bytes(), 0);
}

#[test]
fn it_ends_a_wait() {
    let mut desk = Desk::logged_in("a");
    desk.says("Action: WaitEvent|ActionID: w");
    desk.heard();
    desk.mail(event("FailedACL", &[PBX1]));
    let heard = desk.heard();
    let places = [
        "Waiting for Event completed.",
        "FailedACL",
        "WaitEventComplete",
    ]
    .map(|part| heard.find(part));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{heard}"
    );
}
