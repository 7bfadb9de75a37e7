use std::collections::HashSet;

use super::*;
use crate::decoder::{ActionDecoder, Incoming};

fn read(text: &str) -> Action {
    let mut buf = BytesMut::from(text);
    match ActionDecoder::new().decode(&mut buf) {
        Some(Incoming::Action(action)) => action,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lookups_follow_asterisk() {
    let action = read(
        "ActionID:\r\nActionID: late\r\naction: \r\nAction:Ping \r\nAction: Second\r\nvariable:  a=1 \r\nno colon\r\n\
         Variable : no\r\n Variable: no\r\nVARIABLE:b=2\r\n\r\n",
    );
    assert_eq!(action.name().map(ActionName::as_bytes), Some(&b"Ping "[..]));
    assert_eq!(
        action.action_id(),
        None,
        "the first ActionID counts, even when empty"
    );
    assert_eq!(action.header("actionid"), Some(&b""[..]));
    assert_eq!(action.header("Variable"), Some(&b"a=1 "[..]));
    assert_eq!(
        action.headers("Variable").collect::<Vec<_>>(),
        [&b"a=1 "[..], b"b=2"]
    );
    assert_eq!(action.header("Missing"), None);
    assert_eq!(action.line_count(), 10);
    let colonless = action.lines().nth(6).unwrap();
    assert_eq!(
        (colonless.raw, colonless.name, colonless.value),
        (&b"no colon"[..], None, &b""[..])
    );
    assert_eq!(action.lines().nth(7).unwrap().name, Some(&b"Variable "[..]));
}

#[test]
fn names_compare_without_case() {
    let names: HashSet<_> = ["Ping", "PING", "ping", "Pong"]
        .map(ActionName::from)
        .into_iter()
        .collect();
    assert_eq!(names.len(), 2);
    assert!(ActionName::from("corestatus") < ActionName::from("Ping"));
    assert!(ActionName::from("a") < ActionName::from("AB"));
    assert_eq!(
        ActionName::from("Q").cmp(&ActionName::from("q")),
        Ordering::Equal
    );
    assert_ne!(ActionName::from("Ping"), ActionName::from("Ping "));
    assert_eq!(ActionName::new(&b"P\xff"[..]).to_string(), "P\u{fffd}");
}

#[test]
fn debug_shows_no_secret() {
    let action = read(
        "Action: Login\r\nUsername: shown\r\nSecret: hush1\r\nsecret : hush2\r\nKEY: hush3\r\nPassword: hush4\r\n\
         Value-000000: hush5\r\nSecret hush6\r\nNewPassword: hush7\r\nPIN: hush8\r\n\r\n",
    );
    let text = format!("{action:?}");
    assert!(text.contains("shown") && text.contains("Login"), "{text}");
    assert!(!text.contains("hush"), "{text}");
    let built = Action::build("Login").header("Secret", "hush").unwrap();
    assert!(!format!("{built:?}").contains("hush"));
}

#[test]
fn built_actions_stay_within_what_asterisk_reads() {
    let action = Action::build("Challenge")
        .header("AuthType", "MD5")
        .unwrap()
        .finish();
    assert!(action.name().is_some_and(|name| name.is("challenge")));
    assert_eq!(action.header("authtype"), Some(&b"MD5"[..]));

    let longest = "v".repeat(LINE_CONTENT_BYTES_MAX - 3);
    assert!(Action::build("X").header("H", &longest).is_ok());
    let refused = Action::build("X").header("H", format!("{longest}v"));
    assert_eq!(
        refused.unwrap_err(),
        EncodeError::LineTooLong { bytes: 1023 }
    );

    let mut builder = Action::build("X");
    for _ in 1..HEADERS_MAX {
        builder = builder.header("H", "v").unwrap();
    }
    assert_eq!(builder.clone().finish().line_count(), 128);
    assert_eq!(
        builder.header("H", "v").unwrap_err(),
        EncodeError::TooManyLines
    );

    for value in ["a\r", "\nAction: Logoff", "\0"] {
        assert!(matches!(
            Action::build("X").header("H", value),
            Err(EncodeError::ForbiddenByte { .. })
        ));
    }
    assert!(matches!(
        Action::build("X").header("A:b", "v"),
        Err(EncodeError::HeaderName { .. })
    ));
    let tame = Action::build("X\r\n\r\nAction: Logoff").finish();
    assert_eq!(tame.lines().next().unwrap().raw, b"Action: XAction: Logoff");
}
