//! Logins of an account that has a hash in place of a secret.

use std::net::IpAddr;
use std::time::Duration;

use ami_access::Denied;
use ami_mux::{LoginFault, SecurityMatter, SessionNote};

use crate::assert_in_order;
use crate::desk::Desk;

const LOGIN: &str = "Action: Login|ActionID: 1|Username: h|Secret: password";
const WRONG: &str = "Action: Login|ActionID: 1|Username: h|Secret: wrong";
const REFUSAL: &str = "Response: Error|ActionID: 1|Message: Authentication failed||";
/// The last instant at which a failed login has no answer.
const ALMOST: Duration = Duration::from_millis(999);
const REST: Duration = Duration::from_millis(1);

fn over_tls() -> Desk {
    Desk::of(IpAddr::from([192, 0, 2, 1]), true)
}

fn says(desk: &mut Desk, text: &str) {
    desk.wait(Duration::ZERO);
    desk.heard();
    desk.says(text);
}

/// It failed for this, and the client has had its answer and nothing else exactly a second after it asked.
fn assert_failed(desk: &mut Desk, fault: LoginFault, waited: Duration) {
    let note = SessionNote::LoginFailed {
        username: "h".to_owned(),
        fault,
    };
    assert_eq!(desk.notes, [note]);
    desk.wait(ALMOST.saturating_sub(waited));
    assert_eq!(desk.heard(), "", "{fault:?}");
    desk.wait(REST);
    assert_eq!(desk.heard(), REFUSAL, "{fault:?}");
    assert!(desk.closed);
}

#[test]
fn nothing_is_read_and_nothing_said_until_the_secret_is_checked() {
    let mut desk = over_tls();
    says(&mut desk, &format!("{LOGIN}||Action: Ping|ActionID: 2"));
    assert_eq!(desk.checks.len(), 1);
    assert!(!desk.session.wants_input());
    assert_eq!(desk.heard(), "");
    assert!(desk.reports.is_empty() && desk.session.principal().is_none());
    desk.checks();
    assert_in_order(
        &desk.heard(),
        &[
            "ActionID: 1|Message: Authentication accepted",
            "ActionID: 2|Ping: Pong",
        ],
    );
    assert_eq!(desk.reports[0].0.matter, SecurityMatter::SuccessfulAuth);
}

#[test]
fn a_wrong_secret_is_refused_a_second_after_the_login_however_long_its_check_takes() {
    for took in [0, 300, 998] {
        let mut desk = over_tls();
        says(&mut desk, WRONG);
        let took = Duration::from_millis(took);
        desk.wait(took);
        desk.checks();
        assert_eq!(desk.reports[0].0.matter, SecurityMatter::InvalidPassword);
        assert_failed(&mut desk, LoginFault::Denied(Denied::WrongSecret), took);
    }
    let mut desk = over_tls();
    says(&mut desk, WRONG);
    desk.wait(Duration::from_secs(3));
    desk.checks();
    desk.wait(Duration::ZERO);
    assert_eq!(desk.heard(), REFUSAL);
}

#[test]
fn a_secret_that_came_in_clear_is_not_looked_at() {
    for (peer, tls, is_checked) in [
        ([192, 0, 2, 1], false, false),
        ([192, 0, 2, 1], true, true),
        ([127, 0, 0, 9], false, true),
    ] {
        let mut desk = Desk::of(IpAddr::from(peer), tls);
        says(&mut desk, LOGIN);
        assert_eq!(desk.checks.len(), usize::from(is_checked), "{peer:?} {tls}");
        if !is_checked {
            let request = "Action: Login".to_owned();
            assert_eq!(
                desk.reports[0].0.matter,
                SecurityMatter::RequestNotAllowed { request }
            );
            let fault = LoginFault::Denied(Denied::InClear);
            assert_failed(&mut desk, fault, Duration::ZERO);
        }
    }
}

#[test]
fn md5_fails_as_for_an_account_without_a_secret() {
    let mut desk = over_tls();
    says(
        &mut desk,
        "Action: Challenge|AuthType: MD5||\
         Action: Login|ActionID: 1|AuthType: MD5|Username: h|Key: 5b37040b0d5b8ec8a2a3b4c5d6e7f809",
    );
    desk.heard();
    assert!(desk.checks.is_empty() && desk.reports.is_empty());
    let fault = LoginFault::Denied(Denied::NoSecret);
    assert_failed(&mut desk, fault, Duration::ZERO);
}

#[test]
fn the_time_to_log_in_runs_on_and_a_late_outcome_changes_nothing() {
    let mut desk = over_tls();
    desk.wait(Duration::from_secs(20));
    says(&mut desk, LOGIN);
    desk.wait(Duration::from_millis(9_999));
    assert!(!desk.closed);
    desk.wait(REST);
    assert!(desk.closed);
    desk.checks();
    assert_eq!(desk.heard(), "");
    assert!(desk.session.principal().is_none() && desk.reports.is_empty());
}

#[test]
fn a_drain_ends_the_wait() {
    let mut desk = over_tls();
    says(&mut desk, LOGIN);
    desk.drain();
    assert!(desk.closed);
    desk.checks();
    assert!(desk.session.principal().is_none());
}

#[test]
fn what_happened_meanwhile_counts() {
    let mut desk = over_tls();
    says(&mut desk, LOGIN);
    desk.reloads("[h]\nsecret = password\n");
    desk.checks();
    assert_failed(
        &mut desk,
        LoginFault::Denied(Denied::WrongSecret),
        Duration::ZERO,
    );
    let mut desk = over_tls();
    says(&mut desk, LOGIN);
    desk.throttles();
    desk.checks();
    assert_failed(&mut desk, LoginFault::Throttled, Duration::ZERO);
}

#[test]
fn its_login_name_may_name_a_node() {
    let mut desk = over_tls();
    says(&mut desk, &LOGIN.replace("h|", "H@pbx2|"));
    desk.checks();
    desk.heard();
    desk.event(0, "Elsewhere");
    desk.event(1, "Here");
    assert_eq!(desk.heard(), "Event: Here|Privilege: call,all||");
}
