use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use ami_access::load_from;
use ami_access::manager_conf::MemoryFiles;

use super::*;
use crate::inbox::Budget;

const LIMITS: SessionLimits = SessionLimits {
    sessions: 10,
    unauthenticated: 10,
    unauthenticated_per_address: 10,
};
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn accounts(classes: &str) -> Arc<Accounts> {
    let text = format!("[general]\n[a]\nsecret = s\nread = {classes}\n");
    let files = MemoryFiles::default().with("/manager.conf", text);
    let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
    Arc::new(loaded.accounts)
}

fn inbox() -> Arc<Inbox> {
    Arc::new(Inbox::new(Budget {
        event_bytes: 1,
        reply_bytes: 1,
        policy: ami_access::SlowPolicy::Disconnect,
    }))
}

/// A session that logs in by `proved` when the accounts are `now`; whether it is closed.
fn is_closed_at_login(proved: &Accounts, now: &Arc<Accounts>) -> bool {
    let registry = SessionRegistry::new(LIMITS);
    let inbox = inbox();
    registry.insert(facts(1), Arc::clone(&inbox));
    let account = proved.find(b"a").expect("there");
    registry.logged_in(SessionId(1), Arc::clone(account), PEER, || Arc::clone(now));
    inbox.drain().closed == Some(CloseReason::Revoked)
}

fn facts(id: u64) -> Arc<SessionFacts> {
    let address = "192.0.2.1:40000".parse().expect("an address");
    let facts = SessionFacts::new(SessionId(id), address, "main".into(), Duration::ZERO);
    Arc::new(facts)
}

#[test]
fn whoever_logged_in_while_the_accounts_changed_is_closed() {
    let (before, after) = (accounts("all"), accounts("call"));
    assert!(is_closed_at_login(&before, &after));
    assert!(!is_closed_at_login(&before, &before));
    assert!(is_closed_at_login(&before, &Arc::default()));
}

#[test]
fn a_change_closes_the_sessions_that_it_is_about_and_no_strangers() {
    let (before, after) = (accounts("all"), accounts("call"));
    let registry = SessionRegistry::new(LIMITS);
    let (member, stranger) = (inbox(), inbox());
    registry.insert(facts(1), Arc::clone(&member));
    registry.insert(facts(2), Arc::clone(&stranger));
    let account = Arc::clone(before.find(b"a").expect("there"));
    registry.logged_in(SessionId(1), account, PEER, || Arc::clone(&before));
    assert_eq!(registry.revoke(&before), 0);
    assert_eq!(registry.revoke(&after), 1);
    assert_eq!(member.drain().closed, Some(CloseReason::Revoked));
    assert_eq!(stranger.drain().closed, None);
}
