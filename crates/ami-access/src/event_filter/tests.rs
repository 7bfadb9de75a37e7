//! Combinations, both syntaxes, and the translation of expressions.

use proptest::prelude::*;

use super::*;

const HANGUP: &[u8] =
    b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: SIP/james-0001\r\nCause: 16\r\n\r\n";
const VARSET: &[u8] =
    b"Event: VarSet\r\nPrivilege: dialplan,all\r\nChannel: Local/talk@x-0001;2\r\nVariable: A\r\nValue: \r\n\r\n";

fn filters(lines: &[(Option<&str>, &str)]) -> EventFilters {
    let mut filters = EventFilters::default();
    for (criteria, pattern) in lines {
        filters.push(EventFilter::parse(*criteria, pattern).unwrap());
    }
    filters
}

fn legacy(pattern: &str, event: &[u8]) -> bool {
    EventFilter::parse(None, pattern).unwrap().matches(event)
}

fn advanced(criteria: &str, pattern: &str, event: &[u8]) -> bool {
    EventFilter::parse(Some(criteria), pattern)
        .unwrap()
        .matches(event)
}

#[test]
fn includes_and_excludes_combine() {
    let include = (None, "Event: Hangup");
    let exclude = (None, "!Channel: SIP/");
    assert!(filters(&[]).admit(HANGUP));
    assert!(filters(&[include]).admit(HANGUP));
    assert!(!filters(&[include]).admit(VARSET));
    assert!(!filters(&[exclude]).admit(HANGUP));
    assert!(filters(&[exclude]).admit(VARSET));
    assert!(!filters(&[include, exclude]).admit(HANGUP));
    assert!(
        !filters(&[exclude, include]).admit(HANGUP),
        "the order has no meaning"
    );
    assert!(!filters(&[include, exclude]).admit(VARSET));
    assert!(filters(&[include, (None, "Event: VarSet")]).admit(VARSET));
}

#[test]
fn disabled_events_never_pass() {
    let mut filters = EventFilters::with_disabled(Arc::new(HashSet::from(["VarSet".to_owned()])));
    assert!(!filters.is_empty() && !filters.admit(VARSET) && filters.admit(HANGUP));
    filters.push(EventFilter::parse(None, "Event: VarSet").unwrap());
    filters.clear();
    assert!(!filters.admit(VARSET));
}

#[test]
fn legacy_is_unanchored_over_the_whole_event() {
    assert!(legacy("Channel: (PJ)?SIP/(james|jim|john)-", HANGUP));
    assert!(!legacy("channel: SIP", HANGUP), "case-sensitive");
    assert!(legacy("^Event: Hangup", HANGUP));
    assert!(
        !legacy("^Channel", HANGUP),
        "`^` is the start of the event only"
    );
    assert!(!legacy("call,all$", HANGUP));
    assert!(
        legacy("Event: Hangup.*Cause: 16", HANGUP),
        "`.` matches line ends"
    );
    assert!(legacy("Cause: 16\r\n\r\n$", HANGUP));
    assert!(legacy("Local/.*;2", VARSET));
}

#[test]
fn expressions_mean_what_posix_says() {
    let rows: &[(&str, &str, bool)] = &[
        ("[[:digit:]]{3}", "a123", true),
        ("^[[:digit:]]{2,3}$", "1234", false),
        ("^a{,2}$", "aaa", false),
        ("[]x]", "]", true),
        ("^[^]x]$", "]", false),
        (r"[\d]", r"\", true),
        (r"[\d]", "5", false),
        (r"^[\<\>]+$", r"<\>", true),
        ("^[a-c-]+$", "a-c", true),
        ("[a&&b]", "&", true),
        (r"\d", "d", true),
        (r"^\n$", "n", true),
        (r"a\.b", "axb", false),
        (r"\<b", "a b", true),
        (r"b\>", "bc", false),
        (r"^\w+$", "a_1", true),
        // Stacked repetitions are not lazy or possessive ones.
        ("^a+?$", "", true),
        ("^a{2}?$", "", true),
        ("^(ab)+?$", "abab", true),
        ("^a*+b$", "aab", true),
        ("a)", "a)", true),
        ("^}$", "}", true),
        ("^é*x$", "ééx", true),
        ("^(|a)$", "", true),
    ];
    for (pattern, text, matched) in rows {
        assert_eq!(
            legacy(pattern, text.as_bytes()),
            *matched,
            "{pattern:?} {text:?}"
        );
    }
}

#[test]
fn what_does_not_compile_is_an_error() {
    for pattern in [
        "([bad",
        "(",
        "[",
        "[a",
        "*a",
        "a|*b",
        "(?i)a",
        "a{",
        "a{x}",
        "a{2,1}",
        r"(a)\1",
        "\\",
        "[[:foo:]]",
        "[[.a.]]",
        "[b-a]",
        "((a{1000}){1000}){1000}",
    ] {
        assert_eq!(
            EventFilter::parse(None, pattern).err(),
            Some(FilterError::Compile),
            "{pattern}"
        );
    }
    for pattern in ["", "!"] {
        assert_eq!(
            EventFilter::parse(None, pattern).err(),
            Some(FilterError::Format),
            "{pattern}"
        );
    }
}

#[test]
fn advanced_tests_name_and_header() {
    assert!(advanced("name(Hangup)", "", HANGUP));
    assert!(!advanced("name(hangup)", "", HANGUP));
    assert!(advanced("header(Cause)", "", HANGUP));
    assert!(
        !advanced("header(Value)", "", VARSET),
        "an empty value is no value"
    );
    assert!(!advanced("header(cause)", "", HANGUP));
    assert!(advanced(
        "name(Hangup),header(Channel),method(starts_with)",
        "SIP/",
        HANGUP
    ));
    assert!(advanced("header(Channel) method(ends_with)", ";2", VARSET));
    assert!(advanced("header(Channel)method(contains)", "talk", VARSET));
    assert!(advanced(
        "header(Channel),method(exact)",
        "SIP/james-0001",
        HANGUP
    ));
    assert!(advanced(
        "header(Channel),method(regex)",
        "^SIP/j.*1$",
        HANGUP
    ));
    assert!(!advanced(
        "name(VarSet),header(Channel),method(regex)",
        "^SIP",
        HANGUP
    ));
    assert!(advanced("method(contains)", "Cause: 16", HANGUP));
}

#[test]
fn action_overrides_the_mark() {
    let admits =
        |criteria: &str, pattern: &str| filters(&[(Some(criteria), pattern)]).admit(HANGUP);
    assert!(admits("name(Hangup)", ""));
    assert!(!admits("name(Hangup)", "!"));
    assert!(!admits("action(exclude),name(Hangup)", ""));
    assert!(admits("action(include),name(Hangup)", "!"));
}

#[test]
fn bad_criteria_are_errors() {
    let rows = [
        ("", ""),
        (")", ""),
        ("name", ""),
        ("name(Hangup", ""),
        ("name()", ""),
        ("action(include)", ""),
        ("action(maybe),name(X)", ""),
        ("Name(X)", ""),
        ("name(X),colour(red)", ""),
        ("method(fuzzy),name(X)", "a"),
        ("name(X)", "pattern without a method"),
        ("name(X),method(exact)", ""),
        ("method(none)", ""),
    ];
    for (criteria, pattern) in rows {
        let error = EventFilter::parse(Some(criteria), pattern).err();
        assert_eq!(error, Some(FilterError::Format), "{criteria:?} {pattern:?}");
    }
}

/// An advanced filter as plain data.
#[derive(Debug, Clone)]
struct Plain {
    exclude: bool,
    name: Option<&'static str>,
    header: Option<&'static str>,
    method: &'static str,
    pattern: &'static str,
}

impl Plain {
    fn matches(&self, headers: &[(&str, &str)], text: &str) -> bool {
        let has = |value: &str| match self.method {
            "exact" => value == self.pattern,
            "starts_with" => value.starts_with(self.pattern),
            "ends_with" => value.ends_with(self.pattern),
            "contains" => value.contains(self.pattern),
            _ => true,
        };
        let of_name = self.name.is_none_or(|name| headers[0].1 == name);
        of_name
            && match self.header {
                Some(header) => headers
                    .iter()
                    .any(|(name, value)| *name == header && !value.is_empty() && has(value)),
                None => has(text),
            }
    }

    fn criteria(&self) -> String {
        let action = if self.exclude { "exclude" } else { "include" };
        let words = [
            ("action", Some(action)),
            ("name", self.name),
            ("header", self.header),
            ("method", Some(self.method)),
        ];
        let words = words
            .into_iter()
            .filter_map(|(word, argument)| Some(format!("{word}({})", argument?)));
        words.collect::<Vec<_>>().join(",")
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let name = prop::option::of(prop::sample::select(vec!["Hangup", "hangup", "VarSet"]));
    let header = prop::option::of(prop::sample::select(vec![
        "Channel", "channel", "Cause", "Event",
    ]));
    let method = prop::sample::select(vec![
        "none",
        "exact",
        "starts_with",
        "ends_with",
        "contains",
    ]);
    let pattern = prop::sample::select(vec!["SIP/a", "SIP", "a", "16", "Hangup", "l: S"]);
    (any::<bool>(), name, header, method, pattern).prop_map(
        |(exclude, name, header, method, pattern)| Plain {
            exclude,
            // Without any of them it would be no filter.
            name: name.or_else(|| (header.is_none() && method == "none").then_some("Hangup")),
            header,
            method,
            pattern: if method == "none" { "" } else { pattern },
        },
    )
}

proptest! {
    #[test]
    fn advanced_filters_admit_what_the_plain_evaluator_admits(
        filters in prop::collection::vec(plain(), 0..4),
        name in prop::sample::select(vec!["Hangup", "VarSet"]),
        rest in prop::collection::vec((prop::sample::select(vec!["Channel", "Cause", "channel"]), prop::sample::select(vec!["", "SIP/a", "SIP/ab", "a", "16"])), 0..4),
    ) {
        let headers: Vec<(&str, &str)> = std::iter::once(("Event", name)).chain(rest).collect();
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let text = lines.join("\r\n") + "\r\n\r\n";
        let mut all = EventFilters::default();
        for filter in &filters {
            all.push(EventFilter::parse(Some(&filter.criteria()), filter.pattern).unwrap());
        }
        let (excludes, includes): (Vec<&Plain>, Vec<&Plain>) = filters.iter().partition(|filter| filter.exclude);
        let included = includes.is_empty() || includes.iter().any(|filter| filter.matches(&headers, &text));
        let excluded = excludes.iter().any(|filter| filter.matches(&headers, &text));
        prop_assert_eq!(all.admit(text.as_bytes()), included && !excluded);
    }

    #[test]
    fn literals_match_themselves(text in "[ -~]{1,20}") {
        let escaped: String = text.chars().flat_map(|c| {
            if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '`' | '\'') { vec!['\\', c] } else { vec![c] }
        }).collect();
        let (pattern, event) = (format!("x{escaped}"), format!("..x{text}.."));
        prop_assert!(legacy(&pattern, event.as_bytes()));
    }

    #[test]
    fn no_pattern_panics(pattern in ".{0,30}", criteria in proptest::option::of("[a-z(), ]{0,30}")) {
        if let Ok(filter) = EventFilter::parse(criteria.as_deref(), &pattern) {
            let shown = format!("{filter:?}");
            prop_assert!(shown.starts_with("Include") || shown.starts_with("Exclude"));
        }
    }

    #[test]
    fn combination_is_that_of_the_table(includes in prop::collection::vec(any::<bool>(), 0..4), excludes in prop::collection::vec(any::<bool>(), 0..4)) {
        let pattern = |hit: &bool| if *hit { "Hangup" } else { "Nowhere" };
        let mut lines: Vec<(Option<&str>, String)> = includes.iter().map(|hit| (None, pattern(hit).to_owned())).collect();
        lines.extend(excludes.iter().map(|hit| (None, format!("!{}", pattern(hit)))));
        let mut filters = EventFilters::default();
        for (criteria, pattern) in &lines {
            filters.push(EventFilter::parse(*criteria, pattern).unwrap());
        }
        let expected = (includes.is_empty() || includes.contains(&true)) && !excludes.contains(&true);
        prop_assert_eq!(filters.admit(HANGUP), expected);
    }
}
