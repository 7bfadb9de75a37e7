//! `amiplex hash-secret`: a secret in, the value of `secret_hash` for manager.conf out.
//!
//! The secret is never an argument, where everybody on the machine could read it: it is typed without echo, or comes on stdin.

use std::io::{IsTerminal, Read};

use ami_access::secret_hash::SALT_BYTES;
use ami_access::{HashCost, Secret, SecretHash};

use crate::say;
use crate::start::Failure;

/// Longest secret, in bytes: a line of AMI has 1,024, its end and the name of the header included.
const BYTES_MAX: usize = 1000;

pub(crate) fn hash_secret(cost: HashCost) -> Result<(), Failure> {
    let secret = if std::io::stdin().is_terminal() {
        typed()?
    } else {
        piped()?
    };
    check(secret.expose())?;
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt)
        .map_err(|error| Failure::Runtime(format!("the system has no random numbers: {error}")))?;
    let hash = SecretHash::create(&secret, cost, salt)
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    say(&hash)
}

/// Twice, since it is not seen.
fn typed() -> Result<Secret, Failure> {
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map(Secret::new)
            .map_err(|error| Failure::Runtime(format!("cannot read from the terminal: {error}")))
    };
    let secret = ask("Secret: ")?;
    if secret == ask("Again: ")? {
        Ok(secret)
    } else {
        Err(Failure::Configuration(
            "the two are not the same".to_owned(),
        ))
    }
}

/// The one line of stdin, without its end.
fn piped() -> Result<Secret, Failure> {
    // With room for all that is read, so that no copy of it stays behind in memory.
    let mut text = String::with_capacity(2 * BYTES_MAX);
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX) + 3;
    std::io::stdin()
        .lock()
        .take(limit)
        .read_to_string(&mut text)
        .map_err(|error| Failure::Runtime(format!("cannot read the secret: {error}")))?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    Ok(Secret::new(text))
}

/// What a client could never send is a mistake, and would be found only when nobody can log in.
fn check(secret: &str) -> Result<(), Failure> {
    let wrong = if secret.len() > BYTES_MAX {
        "the secret is too long: a client can send 1,000 bytes"
    } else if secret.contains(char::is_control) {
        "the secret must be one line without control characters"
    } else if secret.starts_with(' ') {
        "the secret begins with a blank, which a client cannot send"
    } else {
        return Ok(());
    };
    Err(Failure::Configuration(wrong.to_owned()))
}
