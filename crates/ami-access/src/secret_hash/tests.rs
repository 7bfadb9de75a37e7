//! What is taken as a hash, and what it proves.

use super::*;

/// Of `hunter2`, cheap.
const HUNTER2: HashCost = HashCost {
    memory_kib: 8,
    iterations: 1,
    parallelism: 1,
};

fn hashed(secret: &str) -> String {
    SecretHash::create(&Secret::new(secret.to_owned()), HUNTER2, [7; SALT_BYTES]).unwrap()
}

fn proves(text: &str, secret: &[u8]) -> bool {
    let hash = Arc::new(SecretHash::parse(text).unwrap());
    SecretCheck::new(secret, hash).run()
}

#[test]
fn it_proves_the_secret_that_it_was_made_of_and_no_other() {
    let text = hashed("hunter2");
    assert!(text.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{text}");
    assert!(proves(&text, b"hunter2"));
    for other in [&b"Hunter2"[..], b"hunter2 ", b"hunter", b"", b"\xFF"] {
        assert!(!proves(&text, other), "{other:?}");
    }
}

/// The known answer of the reference implementation for `password` and `somesalt`.
#[test]
fn it_knows_the_hashes_of_the_reference_implementation() {
    let text =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert!(proves(text, b"password"));
    assert!(!proves(text, b"passwort"));
}

#[test]
fn what_is_no_hash_or_costs_too_much_is_refused() {
    use SecretHashError::{Algorithm, Malformed, Parameters, Short, TooCostly, Version};
    let good =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for (from, to, error) in [
        (good, "", Malformed),
        (good, "hunter2", Malformed),
        (
            "$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "",
            Malformed,
        ),
        (
            "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "",
            Malformed,
        ),
        (
            "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "CTFhFdXPJO1aFaMaO6Mm",
            Short,
        ),
        ("argon2id", "argon2i", Algorithm),
        ("argon2id", "argon2d", Algorithm),
        ("argon2id", "scrypt", Algorithm),
        ("v=19$", "v=16$", Version),
        ("v=19$", "", Version),
        ("m=65536,", "", Parameters),
        ("m=65536,", "m=7,", Parameters),
        ("t=2", "t=0", Parameters),
        ("p=1", "p=0", Parameters),
        ("p=1", "p=1,data=c29tZQ", Parameters),
        ("m=65536,", "m=262145,", TooCostly),
        ("t=2", "t=11", TooCostly),
        ("p=1", "p=5", TooCostly),
        ("m=65536,", "m=4294967295,", TooCostly),
    ] {
        let text = good.replace(from, to);
        assert_eq!(SecretHash::parse(&text), Err(error), "{text}");
    }
    for at_the_bound in ["m=262144,t=2,p=1", "m=65536,t=10,p=1", "m=65536,t=2,p=4"] {
        assert!(SecretHash::parse(&good.replace("m=65536,t=2,p=1", at_the_bound)).is_ok());
    }
}

#[test]
fn none_is_made_of_nothing_or_above_the_bounds() {
    let create = |secret: &str, cost| {
        SecretHash::create(&Secret::new(secret.to_owned()), cost, [7; SALT_BYTES])
    };
    assert_eq!(create("", HUNTER2), Err(SecretHashError::Empty));
    let cost = HashCost {
        parallelism: 5,
        ..HUNTER2
    };
    assert_eq!(create("x", cost), Err(SecretHashError::TooCostly));
}

#[test]
fn debug_shows_nothing_of_it() {
    let hash = SecretHash::parse(&hashed("hunter2")).unwrap();
    assert_eq!(format!("{hash:?}"), "SecretHash(redacted)");
    let check = SecretCheck::new(b"hunter2", Arc::new(hash));
    assert_eq!(format!("{check:?}"), "SecretCheck(redacted)");
}
