//! `secret_hash`: what is taken, and that no message shows it.

use super::*;

const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$TvJZjSjEyaTxaRflA27IE3+/2/M2EI/A3lqcozmYpVQ";

#[test]
fn an_account_with_a_hash_needs_no_secret() {
    let conf =
        format!("[t](!)\nsecret_hash = {HASH}\n[u](t)\nSecret_Hash => {HASH} ; said twice\n");
    let loaded = loaded(&conf, "").unwrap();
    assert_eq!(loaded.notices, []);
    let account = loaded.accounts.find(b"u").unwrap();
    assert!(account.secret_hash.is_some() && account.secret.is_none());
}

#[test]
fn a_hash_beside_a_secret_is_an_error_also_when_one_is_inherited() {
    for conf in [
        format!("[u]\nsecret=x\nsecret_hash={HASH}\n"),
        format!("[u]\nsecret_hash={HASH}\nsecret=\n"),
        format!("[t](!)\nsecret=x\n[u](t)\nsecret_hash={HASH}\n"),
    ] {
        let found = errors(&conf);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("account u has both secret and secret_hash"),
            "{found:?}"
        );
    }
}

#[test]
fn a_hash_that_is_none_or_too_costly_is_an_error_that_does_not_show_it() {
    for value in [
        "Zm9vYmFy".to_owned(),
        String::new(),
        HASH.replace("m=8", "m=262145"),
        HASH.replace("argon2id", "argon2i"),
        HASH.replace('$', "\\$"),
    ] {
        let found = errors(&format!("[u]\nread=all\nsecret_hash = {value}\n"));
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        assert!(
            found[0].starts_with("manager.conf:3: secret_hash: "),
            "{value}: {found:?}"
        );
        assert!(
            !found[0].contains("TvJZ") && !found[0].contains("Zm9v"),
            "{found:?}"
        );
    }
}
