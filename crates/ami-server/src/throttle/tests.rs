use super::*;

const LIMITS: ThrottleLimits = ThrottleLimits {
    per_account: 10,
    per_address: 20,
    window: Duration::from_mins(1),
    entries_max: 64,
};
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn fail(throttle: &AuthThrottle, times: usize, peer: IpAddr, account: &str, now: Instant) {
    (0..times).for_each(|_| throttle.failed(peer, account.as_bytes(), now));
}

#[test]
fn ten_failures_at_an_account_are_checked_and_the_eleventh_is_not() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    fail(&throttle, 9, PEER, "admin", now);
    assert!(!throttle.is_blocked(PEER, b"admin", now));
    fail(&throttle, 1, PEER, "admin", now);
    assert!(throttle.is_blocked(PEER, b"admin", now));
    assert!(
        throttle.is_blocked(PEER, b"ADMIN", now),
        "account names have no case"
    );
}

#[test]
fn neither_another_account_nor_another_address_is_blocked_with_it() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    fail(&throttle, 10, PEER, "admin", now);
    assert!(!throttle.is_blocked(PEER, b"panel", now));
    assert!(!throttle.is_blocked("192.0.2.2".parse().expect("address"), b"admin", now));
}

#[test]
fn guessing_through_the_accounts_blocks_the_address() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    for account in 0..20 {
        assert!(
            !throttle.is_blocked(PEER, b"panel", now),
            "{account} failures"
        );
        fail(&throttle, 1, PEER, &format!("account{account}"), now);
    }
    assert!(throttle.is_blocked(PEER, b"panel", now));
}

#[test]
fn failures_decay_evenly() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    fail(&throttle, 10, PEER, "admin", now);
    let later = now + Duration::from_millis(5900);
    assert!(throttle.is_blocked(PEER, b"admin", later));
    let later = now + Duration::from_secs(6);
    assert!(
        !throttle.is_blocked(PEER, b"admin", later),
        "a tenth of the window gives back one of ten"
    );
    fail(&throttle, 1, PEER, "admin", later);
    assert!(throttle.is_blocked(PEER, b"admin", later));
    assert!(!throttle.is_blocked(PEER, b"admin", now + Duration::from_mins(10)));
}

#[test]
fn failures_beyond_the_limit_do_not_add_up() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    fail(&throttle, 1000, PEER, "admin", now);
    assert!(!throttle.is_blocked(PEER, b"admin", now + LIMITS.window));
}

#[test]
fn a_success_forgives_the_account_but_not_the_address() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    fail(&throttle, 10, PEER, "admin", now);
    throttle.succeeded(PEER, b"Admin");
    assert!(!throttle.is_blocked(PEER, b"admin", now));
    fail(&throttle, 10, PEER, "other", now);
    throttle.succeeded(PEER, b"other");
    assert!(
        throttle.is_blocked(PEER, b"admin", now),
        "twenty failures of the address remain"
    );
}

#[test]
fn addresses_of_one_host_are_one() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    fail(
        &throttle,
        10,
        "2001:db8:1:2::1".parse().expect("address"),
        "admin",
        now,
    );
    assert!(throttle.is_blocked(
        "2001:db8:1:2:ffff::9".parse().expect("address"),
        b"admin",
        now
    ));
    assert!(!throttle.is_blocked("2001:db8:1:3::1".parse().expect("address"), b"admin", now));
    fail(&throttle, 10, PEER, "admin", now);
    assert!(throttle.is_blocked("::ffff:192.0.2.1".parse().expect("address"), b"admin", now));
}

#[test]
fn entries_are_bounded_and_the_heaviest_are_kept() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    fail(&throttle, 10, PEER, "admin", now);
    for host in 0..10_000_u32 {
        let peer = IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 | host));
        fail(&throttle, 1, peer, "admin", now);
        assert!(
            throttle.addresses.len() <= LIMITS.entries_max
                && throttle.accounts.len() <= LIMITS.entries_max
        );
    }
    assert!(
        throttle.is_blocked(PEER, b"admin", now),
        "a flood of single failures frees nobody"
    );
}

#[test]
fn decayed_entries_make_room() {
    let (throttle, now) = (AuthThrottle::new(LIMITS), start());
    for host in 0..64_u32 {
        fail(
            &throttle,
            1,
            IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 | host)),
            "admin",
            now,
        );
    }
    fail(&throttle, 1, PEER, "admin", now + LIMITS.window);
    assert_eq!((throttle.addresses.len(), throttle.accounts.len()), (1, 1));
}
