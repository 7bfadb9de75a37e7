use proptest::prelude::*;

use super::*;

#[test]
fn bits_are_asterisks() {
    assert_eq!(ClassSet::of(Class::System).bits(), 1);
    assert_eq!(ClassSet::of(Class::Agi).bits(), 1 << 13);
    assert_eq!(ClassSet::of(Class::HookResponse).bits(), 1 << 14);
    assert_eq!(ClassSet::of(Class::Cc).bits(), 1 << 15);
    assert_eq!(ClassSet::of(Class::Security).bits(), 1 << 18);
    assert_eq!(ClassSet::of(Class::Message).bits(), 1 << 30);
    assert_eq!(ClassSet::ALL.bits(), 0x7fff_ffff);
    let bits: u32 = LABELS.iter().map(|(class, _)| 1 << class.bit()).sum();
    assert_eq!(bits, 0x4007_bfff, "nineteen different bits");
}

#[test]
fn lists_are_read_by_exact_tokens() {
    let unknown = |text: &str| {
        ClassSet::parse(text)
            .1
            .iter()
            .map(|u| u.token().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ClassSet::parse("system, call").0,
        ClassSet::from_iter([Class::System, Class::Call])
    );
    assert_eq!(
        ClassSet::parse("c,x"),
        (
            ClassSet::NONE,
            vec![UnknownClass("c".into()), UnknownClass("x".into())]
        )
    );
    assert_eq!(unknown("call,,user"), [""]);
    assert_eq!(unknown(",all"), [""]);
    assert_eq!(unknown("Call,hookresponse"), ["Call", "hookresponse"]);
    assert_eq!(ClassSet::parse("all"), (ClassSet::ALL, vec![]));
    assert_eq!(ClassSet::parse("none"), (ClassSet::NONE, vec![]));
    assert_eq!(ClassSet::parse("  "), (ClassSet::NONE, vec![]));
}

#[test]
fn privilege_headers() {
    let of = |text: &str| ClassSet::parse_privilege(text.as_bytes());
    assert_eq!(of("call,all"), Some(ClassSet::of(Class::Call)));
    assert_eq!(of("call"), Some(ClassSet::of(Class::Call)));
    assert_eq!(
        of("system,user,all"),
        Some(ClassSet::from_iter([Class::System, Class::User]))
    );
    assert_eq!(of("all"), Some(ClassSet::of(Class::HookResponse)));
    assert_eq!(of("<none>"), Some(ClassSet::NONE));
    for odd in [
        "",
        "fake",
        "call,fake,all",
        "Command",
        "call,,all",
        ",all",
        "all,call",
        "call,all ",
        "\u{fffd}",
    ] {
        assert_eq!(of(odd), None, "{odd:?}");
    }
}

fn any_set() -> impl Strategy<Value = ClassSet> {
    any::<u32>().prop_map(ClassSet::from_bits)
}

proptest! {
    #[test]
    fn covers_is_subset_and_intersects_is_overlap(a in any_set(), b in any_set()) {
        prop_assert_eq!(a.covers(b), a.union(b) == a);
        prop_assert_eq!(a.covers(b), a.intersection(b) == b);
        prop_assert_eq!(a.intersects(b), !a.intersection(b).is_empty());
        prop_assert!(ClassSet::ALL.covers(a));
        prop_assert!(a.covers(ClassSet::NONE));
        prop_assert!(!a.intersects(ClassSet::NONE));
    }

    #[test]
    fn rendering_reads_back(named in proptest::collection::vec(0..LABELS.len(), 1..8)) {
        let set: ClassSet = named.iter().map(|at| LABELS[*at].0).collect();
        prop_assert_eq!(ClassSet::parse_privilege(set.render().as_bytes()), Some(set));
    }

    #[test]
    fn no_text_grants_more_than_its_tokens(text in "[a-z, ]{0,40}") {
        let (set, _) = ClassSet::parse(&text);
        let tokens: Vec<_> = text.split(',').map(str::trim).collect();
        for (class, label) in LABELS {
            prop_assert_eq!(set.contains(class), tokens.contains(&label) || tokens.contains(&"all"));
        }
    }
}

#[test]
fn masks_are_read_with_asterisks_quirks() {
    let set = |classes: &[Class]| -> ClassSet { classes.iter().copied().collect() };
    for (list, expected) in [
        ("user", set(&[Class::User])),
        ("call,user", set(&[Class::Call, Class::User])),
        // Blanks are not trimmed, case counts.
        ("call, user", set(&[Class::Call])),
        ("user ", ClassSet::NONE),
        ("USER", ClassSet::NONE),
        // The last token must be whole, those before it may be beginnings.
        ("use", ClassSet::NONE),
        ("use,", set(&[Class::User])),
        ("user,", set(&[Class::User])),
        (
            "c,x",
            set(&[
                Class::Call,
                Class::Command,
                Class::Config,
                Class::Cdr,
                Class::Cc,
            ]),
        ),
        // Nothing is the beginning of everything; `a` is one of `all`.
        (",user", ClassSet::ALL),
        (",", ClassSet::ALL),
        ("a,x", ClassSet::ALL),
        ("all", ClassSet::ALL),
        ("none", ClassSet::NONE),
        ("none,user", set(&[Class::User])),
    ] {
        assert_eq!(ClassSet::of_mask(list.as_bytes()), expected, "{list:?}");
    }
}
