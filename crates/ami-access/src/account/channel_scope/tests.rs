//! Which names a list of patterns covers, and that a naive reading of the rules agrees.

use proptest::prelude::*;

use super::*;

fn scope(list: &str) -> ChannelScope {
    ChannelScope::parse(list).unwrap()
}

#[test]
fn a_device_and_its_channels() {
    let own = scope("PJSIP/acme-*, Local/*@acme-*,PJSIP/boss");
    for channel in [
        "PJSIP/acme-100-0000001a",
        "pjsip/ACME-100-0000001A",
        "Local/5@acme-in-0000001a;1",
        "PJSIP/boss-0000001a",
    ] {
        assert!(own.holds_channel(channel.as_bytes()), "{channel}");
    }
    for channel in [
        "PJSIP/other-0000001a",
        "PJSIP/boss-2-0000001a",
        "PJSIP/boss-0000001a-0000001a",
        "PJSIP/acm",
        "Local/5@other-0000001a;1",
        "1700000000.5",
        "",
    ] {
        assert!(!own.holds_channel(channel.as_bytes()), "{channel}");
    }
    assert!(own.holds_device(b"PJSIP/acme-100") && own.holds_device(b"Local/5@acme-in/n"));
    assert!(!own.holds_device(b"Local/5@other/n@acme-in"));
    assert!(!own.holds_device(b"PJSIP/acme-1@other"));
}

#[test]
fn what_stands_in_for_a_channel_is_of_its_account() {
    let own = scope("PJSIP/boss");
    for channel in [
        "AsyncGoto/PJSIP/boss-0000001a",
        "AsyncGoto/PJSIP/boss-0000001a<ZOMBIE>",
        "PJSIP/boss-0000001a<MASQ>",
        "Parked/PJSIP/boss-0000001a<MASQ><ZOMBIE>",
    ] {
        assert!(own.holds_channel(channel.as_bytes()), "{channel}");
    }
    for channel in [
        "AsyncGoto/PJSIP/other-0000001a<ZOMBIE>",
        "X/PJSIP/boss-0000001a",
        "AsyncGoto/boss",
        "<MASQ>",
    ] {
        assert!(!own.holds_channel(channel.as_bytes()), "{channel}");
    }
}

#[test]
fn a_device_whose_own_name_looks_like_a_tail() {
    let own = scope("PJSIP/acme");
    assert!(own.holds_channel(b"PJSIP/acme-0000001a"));
    assert!(
        !own.holds_device(b"PJSIP/acme-12345678"),
        "another device, such as a telephone number or a MAC address"
    );
    assert!(!own.holds_channel(b"PJSIP/acme-12345678-0000001a"));
}

#[test]
fn what_was_dialled_stands_where_no_channel_came_to_be() {
    let own = scope("Local/*@acme-in");
    assert!(own.holds_party(b"Local/1@acme-in-0000001a;1"));
    assert!(own.holds_party(b"Local/1@acme-in/n"));
    assert!(!own.holds_party(b"Local/1@other/n@acme-in"));
}

#[test]
fn the_beginning_of_names() {
    let own = scope("PJSIP/acme-*,PJSIP/boss");
    assert!(own.holds_all_beginning_with(b"PJSIP/acme-1"));
    for start in ["PJSIP/acme", "PJSIP/boss", "PJSIP/", ""] {
        assert!(!own.holds_all_beginning_with(start.as_bytes()), "{start}");
    }
}

#[test]
fn an_empty_or_senseless_pattern_is_an_error() {
    for list in [
        "",
        " ",
        "PJSIP/a,",
        ",PJSIP/a",
        "acme-*",
        "PJSIP/a,,PJSIP/b",
    ] {
        assert!(ChannelScope::parse(list).is_none(), "{list:?}");
    }
    assert!(ChannelScope::parse("*").is_some() && ChannelScope::parse("Custom:a*").is_some());
}

/// The rule of [`ChannelScope::holds_channel`] in the plainest words.
fn naive(list: &str, name: &str) -> bool {
    let whole = name.trim_end_matches(";1").trim_end_matches(";2");
    let device = whole.rsplit_once('-').filter(|(device, tail)| {
        !device.is_empty() && tail.len() == 8 && u32::from_str_radix(tail, 16).is_ok()
    });
    list.split(',').any(|pattern| {
        let covers = |name: &str| {
            let text = regex::escape(pattern.trim()).replace("\\*", ".*");
            let expression = regex::Regex::new(&format!("(?i)^{text}$")).unwrap();
            expression.is_match(name)
        };
        covers(name) || device.is_some_and(|(device, _)| covers(device))
    })
}

proptest! {
    #[test]
    fn it_agrees_with_a_naive_reading(
        list in "(PJSIP|Local)/[ab*-]{0,3}(,(PJSIP|pjsip|[*])/[ab*-]{0,3})?",
        name in "(PJSIP|Local|local)/[abAB-]{0,3}(-[0-9a-f]{8}){0,2}(;[12])?",
    ) {
        prop_assert_eq!(scope(&list).holds_channel(name.as_bytes()), naive(&list, &name));
    }

    /// Whoever may act on all names that begin so may act on each of them.
    #[test]
    fn a_beginning_covers_what_begins_with_it(
        list in "PJSIP/[ab*]{1,4}", start in "PJSIP/[ab]{0,3}", rest in "[ab-]{0,4}",
    ) {
        let own = scope(&list);
        if own.holds_all_beginning_with(start.as_bytes()) {
            let name = start + &rest;
            prop_assert!(own.holds_channel(name.as_bytes()));
        }
    }
}
