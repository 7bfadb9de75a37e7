//! Outcomes in the order of Asterisk's checks.

use std::net::IpAddr;

use ami_proto::Challenge;
use ami_proto::challenge::md5_key;

use super::*;
use crate::fixture::loaded;

const CONF: &str = "\
[alice]\nsecret=Wonder;land\n\
[bob@home]\nsecret=b\n\
[outside]\nsecret=x\ndeny=0.0.0.0/0\ndeny=::/0\n\
[empty]\nsecret=\n\
[none]\nread=all\n\
[hashed]\nsecret_hash=$argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$TvJZjSjEyaTxaRflA27IE3+/2/M2EI/A3lqcozmYpVQ\n";

fn accounts() -> Accounts {
    loaded(&CONF.replace(';', "\\;"), "").unwrap().accounts
}

fn peer() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

fn plain(name: &str, secret: &str) -> Result<Principal, Denied> {
    offered(name, secret, false).map(|verified| verified.proven().unwrap())
}

fn offered(name: &str, secret: &str, confidential: bool) -> Result<Verified, Denied> {
    let proof = Proof::Plain {
        secret: secret.as_bytes(),
        confidential,
    };
    verify(&accounts(), name.as_bytes(), proof, peer())
}

#[test]
fn the_name_is_compared_without_case_and_the_secret_with() {
    let principal = plain("ALICE", "Wonder;land").unwrap();
    assert_eq!(principal.account().name.as_str(), "alice");
    assert_eq!(principal.login_name(), b"ALICE");
    assert_eq!(principal.node_suffix(), None);
    assert_eq!(
        plain("alice", "wonder;land").unwrap_err(),
        Denied::WrongSecret
    );
    assert_eq!(
        plain("alice", "Wonder;land ").unwrap_err(),
        Denied::WrongSecret
    );
    assert_eq!(plain("alice", "").unwrap_err(), Denied::WrongSecret);
}

#[test]
fn the_first_failing_check_is_told() {
    assert_eq!(plain("", "x").unwrap_err(), Denied::NoUsername);
    assert_eq!(plain("mallory", "x").unwrap_err(), Denied::NoSuchAccount);
    assert_eq!(plain("outside", "x").unwrap_err(), Denied::Acl);
    assert_eq!(
        plain("outside", "wrong").unwrap_err(),
        Denied::Acl,
        "address before secret"
    );
    let no_utf8 = verify(
        &accounts(),
        b"\xFF\xFE",
        Proof::Plain {
            secret: b"x",
            confidential: false,
        },
        peer(),
    );
    assert_eq!(no_utf8.unwrap_err(), Denied::NoSuchAccount);
}

#[test]
fn empty_secrets_never_log_in() {
    for name in ["empty", "none"] {
        assert_eq!(plain(name, "").unwrap_err(), Denied::NoSecret, "{name}");
        let challenge = Challenge::from_random(7);
        let key = md5_key(&challenge.to_string(), b"");
        let proof = Proof::Md5 {
            challenge: Some(&challenge),
            key: key.as_bytes(),
        };
        assert_eq!(
            verify(&accounts(), name.as_bytes(), proof, peer()).unwrap_err(),
            Denied::NoSecret
        );
    }
}

#[test]
fn md5_needs_the_challenge_and_its_key_in_lower_case() {
    let challenge = Challenge::from_random(123_456_789);
    let key = md5_key(&challenge.to_string(), b"Wonder;land");
    let verify = |challenge: Option<&Challenge>, key: &str| {
        verify(
            &accounts(),
            b"alice",
            Proof::Md5 {
                challenge,
                key: key.as_bytes(),
            },
            peer(),
        )
        .map(|_| ())
    };
    assert_eq!(verify(Some(&challenge), &key), Ok(()));
    assert_eq!(
        verify(Some(&challenge), &key.to_uppercase()),
        Err(Denied::WrongKey)
    );
    assert_eq!(
        verify(Some(&Challenge::from_random(1)), &key),
        Err(Denied::WrongKey)
    );
    assert_eq!(verify(None, &key), Err(Denied::NoChallenge));
    assert_eq!(verify(Some(&challenge), ""), Err(Denied::NoChallenge));
}

#[test]
fn what_follows_the_last_at_is_a_node_unless_the_whole_is_an_account() {
    let suffix =
        |name: &str, secret: &str| plain(name, secret).map(|p| p.node_suffix().map(str::to_owned));
    assert_eq!(
        suffix("alice@pbx1", "Wonder;land"),
        Ok(Some("pbx1".to_owned()))
    );
    assert_eq!(
        suffix("alice@all", "Wonder;land"),
        Ok(Some("all".to_owned()))
    );
    assert_eq!(suffix("alice@", "Wonder;land"), Ok(Some(String::new())));
    assert_eq!(suffix("bob@home", "b"), Ok(None));
    assert_eq!(suffix("bob@home@pbx1", "b"), Ok(Some("pbx1".to_owned())));
    assert_eq!(suffix("bob", "b"), Err(Denied::NoSuchAccount));
    assert_eq!(
        suffix("alice@x@pbx1", "Wonder;land"),
        Err(Denied::NoSuchAccount)
    );
}

#[test]
fn a_reload_renews_or_ends_a_principal() {
    let principal = plain("alice@pbx1", "Wonder;land").unwrap();
    let renew = |conf: &str| principal.renewed(&loaded(conf, "").unwrap().accounts, peer());
    let renewed = renew("[alice]\nsecret=Wonder\\;land\nread=call\n").unwrap();
    assert!(!renewed.account().read.is_empty());
    assert_eq!(renewed.node_suffix(), Some("pbx1"));
    assert!(renew("[alice]\nsecret=other\n").is_none());
    assert!(renew("[alice]\nsecret=Wonder\\;land\ndeny=192.0.2.7\n").is_none());
    assert!(renew("[bob]\nsecret=x\n").is_none());
}

#[test]
fn a_hash_is_checked_where_it_may_be_slow_and_only_when_nobody_overheard() {
    assert_eq!(
        offered("hashed", "password", false).unwrap_err(),
        Denied::InClear
    );
    for (secret, outcome) in [
        ("password", Ok("hashed")),
        ("Password", Err(Denied::WrongSecret)),
        ("", Err(Denied::WrongSecret)),
    ] {
        let Verified::Hashed(unproven, check) = offered("hashed@pbx1", secret, true).unwrap()
        else {
            panic!("nothing was checked yet");
        };
        let settled = unproven.settle(check.run(), &accounts(), peer());
        let name = settled
            .as_ref()
            .map(|principal| principal.account().name.as_str());
        assert_eq!(name.map_err(|denied| *denied), outcome, "{secret}");
    }
}

#[test]
fn a_reload_while_a_hash_is_checked_counts() {
    let conf = CONF.replace(';', "\\;");
    for (from, to, holds) in [
        ("[hashed]\n", "[hashed]\nread=call\n", true),
        ("$TvJZ", "$TvJY", false),
        ("[hashed]\n", "[hashed]\ndeny=192.0.2.7\n", false),
        ("[hashed]\n", "[gone]\n", false),
    ] {
        let Verified::Hashed(unproven, check) = offered("hashed", "password", true).unwrap() else {
            panic!("nothing was checked yet");
        };
        let now = loaded(&conf.replace(from, to), "").unwrap().accounts;
        let settled = unproven.settle(check.run(), &now, peer());
        assert_eq!(settled.is_ok(), holds, "{to}");
    }
}

#[test]
fn md5_cannot_prove_a_hashed_secret_not_even_with_the_hash_or_an_empty_one() {
    let challenge = Challenge::from_random(7);
    let conf = accounts();
    for secret in [
        "",
        "password",
        "$argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$TvJZjSjEyaTxaRflA27IE3+/2/M2EI/A3lqcozmYpVQ",
    ] {
        let key = md5_key(&challenge.to_string(), secret.as_bytes());
        let proof = Proof::Md5 {
            challenge: Some(&challenge),
            key: key.as_bytes(),
        };
        let verified = verify(&conf, b"hashed", proof, peer());
        assert_eq!(verified.unwrap_err(), Denied::NoSecret, "{secret}");
    }
}
