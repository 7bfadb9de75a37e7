//! Rows of the rules, and a comparison with an evaluator that is as plain as can be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn list(lines: &[(&str, &str)]) -> RuleList {
    let mut list = RuleList::default();
    for (sense, line) in lines {
        let sense = if *sense == "permit" {
            Sense::Permit
        } else {
            Sense::Deny
        };
        list.append(sense, line).unwrap();
    }
    list
}

fn allows(list: &RuleList, peer: &str) -> bool {
    list.allows(peer.parse().unwrap())
}

#[test]
fn nothing_allows() {
    assert!(allows(&RuleList::default(), "192.0.2.1"));
}

#[test]
fn the_last_match_wins() {
    let list = list(&[
        ("permit", "10.0.0.0/8"),
        ("deny", "0.0.0.0/0.0.0.0"),
        ("permit", "192.0.2.1"),
    ]);
    assert!(allows(&list, "192.0.2.1"));
    assert!(
        !allows(&list, "10.0.0.1"),
        "a permit before the deny is overruled"
    );
    assert!(!allows(&list, "192.0.2.2"));
}

#[test]
fn items_of_a_line_are_rules_and_may_be_negated() {
    let list = list(&[
        ("deny", "0.0.0.0/0"),
        ("permit", "10.0.0.0/8,!10.1.0.0/16,10.1.2.3/32"),
    ]);
    for (peer, allowed) in [
        ("10.2.0.1", true),
        ("10.1.0.1", false),
        ("10.1.2.3", true),
        ("11.0.0.1", false),
    ] {
        assert_eq!(allows(&list, peer), allowed, "{peer}");
    }
}

#[test]
fn ipv4_rules_never_touch_ipv6_peers_but_mapped_ones() {
    let v4 = list(&[("deny", "0.0.0.0/0.0.0.0")]);
    assert!(allows(&v4, "2001:db8::1"));
    assert!(!allows(&v4, "::ffff:192.0.2.1"));
    let v6 = list(&[("deny", "::/0")]);
    assert!(allows(&v6, "192.0.2.1"));
    assert!(allows(&v6, "::ffff:192.0.2.1"));
    assert!(!allows(&v6, "2001:db8::1"));
}

#[test]
fn masks_of_all_notations() {
    let rows = [
        ("10.1.2.3/255.255.0.0", "10.1.9.9", true),
        ("10.1.2.3/255.0.0.255", "10.7.7.3", true),
        ("10.1.2.3/255.0.0.255", "10.7.7.4", false),
        ("10.1.2.3/24", "10.1.2.200", true),
        ("10.1.2.3/24 or so", "10.1.2.200", true),
        ("10.1.2.3/0", "99.9.9.9", true),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false),
        ("2001:db8::/32", "2001:db8:1::1", true),
        ("[2001:db8::]/32", "2001:db9::1", false),
        ("2001:db8::1/ffff:ffff::", "2001:db8:9::9", true),
        ("2001:db8::5/ffff::ffff", "2001:1::5", true),
        ("::ffff:10.0.0.0/8", "10.200.0.1", true),
        ("::/0", "2001:db8::1", true),
    ];
    for (rule, peer, matched) in rows {
        assert_eq!(
            allows(&list(&[("deny", rule)]), peer),
            !matched,
            "{rule} {peer}"
        );
    }
}

#[test]
fn bad_rules_are_errors() {
    let rows = [
        ("", RuleError::Address),
        ("localhost", RuleError::Address),
        (" 10.0.0.1", RuleError::Address),
        ("10.0.0.1, 10.0.0.2", RuleError::Address),
        ("10.0.0.1:5038", RuleError::Address),
        ("10.0.0.1,", RuleError::Address),
        ("10.0.0", RuleError::Address),
        ("[10.0.0.1]", RuleError::Address),
        ("10.0.0.1 /8", RuleError::Address),
        ("10.0.0.0/", RuleError::Mask),
        ("10.0.0.0/33", RuleError::Mask),
        ("10.0.0.0/-1", RuleError::Mask),
        ("10.0.0.0/ffff::", RuleError::Mask),
        ("10.0.0.0/255.255", RuleError::Mask),
        ("2001:db8::/129", RuleError::Mask),
        ("2001:db8::/255.0.0.0", RuleError::Mask),
        ("::ffff:10.0.0.0/104", RuleError::Mask),
    ];
    for (rule, error) in rows {
        assert_eq!(
            RuleList::default().append(Sense::Deny, rule),
            Err(error),
            "{rule:?}"
        );
    }
}

#[test]
fn a_peer_must_pass_every_list() {
    let mut acl = Acl::default();
    acl.append(Sense::Permit, "10.0.0.0/8").unwrap();
    assert!(acl.append_named(
        "office",
        Some(Arc::new(list(&[
            ("deny", "0.0.0.0/0"),
            ("permit", "10.1.0.0/16")
        ])))
    ));
    assert!(acl.append_named("empty", Some(Arc::default())));
    assert!(acl.allows("10.1.0.1".parse().unwrap()));
    assert!(!acl.allows("10.2.0.1".parse().unwrap()));
    assert!(!acl.append_named("OFFICE", None), "named twice");
    assert!(acl.append_named("nobody knows", None));
    assert!(
        !acl.allows("10.1.0.1".parse().unwrap()),
        "an unknown list denies"
    );
}

#[test]
fn ipv6_left_open_is_seen() {
    let open = |lines: &[(&str, &str)]| {
        Acl {
            own: list(lines),
            named: Vec::new(),
        }
        .leaves_ipv6_open()
    };
    assert!(open(&[("deny", "0.0.0.0/0"), ("permit", "10.0.0.1")]));
    assert!(!open(&[("deny", "0.0.0.0/0"), ("deny", "::/0")]));
    assert!(!open(&[("deny", "10.0.0.0/8")]));
    assert!(!open(&[]));
}

/// A rule as plain data: sense, family, address bits, mask bits.
type PlainRule = (bool, IpAddr, IpAddr);

fn naive(rules: &[PlainRule], peer: IpAddr) -> bool {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let mut verdict = true;
    for (permit, address, mask) in rules {
        let (peer, address, mask) = (octets(peer), octets(*address), octets(*mask));
        let same = peer.len() == address.len()
            && (0..peer.len()).all(|at| peer[at] & mask[at] == address[at] & mask[at]);
        if same {
            verdict = *permit;
        }
    }
    verdict
}

fn small_v4() -> impl Strategy<Value = IpAddr> {
    (0u32..4, 0u32..4).prop_map(|(high, low)| IpAddr::V4(Ipv4Addr::from_bits((high << 24) | low)))
}

fn small_v6() -> impl Strategy<Value = IpAddr> {
    (0u128..4, 4u128..8)
        .prop_map(|(high, low)| IpAddr::V6(Ipv6Addr::from_bits((high << 120) | low)))
}

/// The same peer on a socket that serves both families.
fn mapped(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(v4) => IpAddr::V6(v4.to_ipv6_mapped()),
        IpAddr::V6(_) => peer,
    }
}

fn mask_v4() -> impl Strategy<Value = IpAddr> {
    prop::sample::select(vec![0u32, 0xFF00_0000, 0xFF, 0x0100_0001, u32::MAX])
        .prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
}

fn mask_v6() -> impl Strategy<Value = IpAddr> {
    prop::sample::select(vec![0u128, 0xFF << 120, 0xFF, (1 << 120) | 1, u128::MAX])
        .prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
}

fn rule() -> impl Strategy<Value = PlainRule> {
    prop_oneof![
        (any::<bool>(), small_v4(), mask_v4()),
        (any::<bool>(), small_v6(), mask_v6())
    ]
}

proptest! {
    #[test]
    fn evaluates_as_the_plain_evaluator(
        rules in prop::collection::vec(rule(), 0..8),
        peer in prop_oneof![small_v4(), small_v6()],
    ) {
        let mut list = RuleList::default();
        for (permit, address, mask) in &rules {
            let sense = if *permit { Sense::Permit } else { Sense::Deny };
            list.append(sense, &format!("{address}/{mask}")).unwrap();
        }
        prop_assert_eq!(list.allows(peer), naive(&rules, peer));
    }

    #[test]
    fn an_account_lets_pass_whom_all_its_lists_let_pass(
        own in prop::collection::vec(rule(), 0..5),
        named in prop::collection::vec(prop::option::weighted(0.9, prop::collection::vec(rule(), 0..5)), 0..3),
        peer in prop_oneof![small_v4(), small_v6(), small_v4().prop_map(mapped)],
    ) {
        let rules = |rules: &[PlainRule]| {
            let mut list = RuleList::default();
            for (permit, address, mask) in rules {
                let sense = if *permit { Sense::Permit } else { Sense::Deny };
                list.append(sense, &format!("{address}/{mask}")).unwrap();
            }
            list
        };
        let mut acl = Acl { own: rules(&own), named: Vec::new() };
        for (number, list) in named.iter().enumerate() {
            let list = list.as_deref().map(|list| Arc::new(rules(list)));
            let is_new = acl.append_named(&format!("list{number}"), list);
            prop_assert!(is_new);
        }
        let plain = peer.to_canonical();
        let by_named = named.iter().all(|list| list.as_deref().is_some_and(|list| naive(list, plain)));
        prop_assert_eq!(acl.allows(peer), naive(&own, plain) && by_named);
    }

    #[test]
    fn no_line_panics(line in ".{0,40}") {
        prop_assert!(RuleList::default().append(Sense::Permit, &line).is_ok() <= !line.is_empty());
    }
}
