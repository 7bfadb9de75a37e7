//! A secret that manager.conf holds as an Argon2id hash only.
//!
//! Owner: the account. Checking one takes tens of milliseconds and mebibytes on purpose, so it is never done where a session
//! or a node is served: [`SecretCheck`] is what can be carried to a place where it may be slow. The hash itself is worth
//! guessing at, so it has no `Debug` and is in no message.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Most memory that one check may take, in KiB: 256 MiB.
pub const MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most passes over it.
pub const ITERATIONS_MAX: u32 = 10;
/// Most lanes in it.
pub const PARALLELISM_MAX: u32 = 4;
/// Bytes of salt that a new hash gets.
pub const SALT_BYTES: usize = 16;

/// Shortest hash that is taken: shorter ones are hit by chance.
const OUTPUT_BYTES_MIN: usize = 16;

/// What is wrong with a hash, or with what one is to be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretHashError {
    /// Not a PHC string, or without salt or hash.
    #[error(
        "not of the form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`; `amiplex hash-secret` makes one"
    )]
    Malformed,
    /// Another algorithm.
    #[error("only argon2id is taken")]
    Algorithm,
    /// Another version of it.
    #[error("only version 19 (v=19) of argon2id is taken")]
    Version,
    /// Parameters that Argon2 does not know.
    #[error("parameters must be m (from 8 for each p), t and p, each from 1")]
    Parameters,
    /// Parameters above the bounds: one login would take too much.
    #[error(
        "parameters are bounded: memory m {MEMORY_KIB_MAX} KiB, iterations t {ITERATIONS_MAX}, parallelism p {PARALLELISM_MAX}"
    )]
    TooCostly,
    /// The hash is shorter than its bound.
    #[error("the hash is shorter than {OUTPUT_BYTES_MIN} bytes")]
    Short,
    /// An empty secret lets nobody in.
    #[error("the secret is empty")]
    Empty,
}

/// What a new hash costs whoever computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB, 8 for each lane to [`MEMORY_KIB_MAX`].
    pub memory_kib: u32,
    /// Passes over it, 1 to [`ITERATIONS_MAX`].
    pub iterations: u32,
    /// Lanes in it, 1 to [`PARALLELISM_MAX`].
    pub parallelism: u32,
}

impl Default for HashCost {
    /// 19 MiB, 2 passes, 1 lane.
    fn default() -> Self {
        Self {
            memory_kib: Params::DEFAULT_M_COST,
            iterations: Params::DEFAULT_T_COST,
            parallelism: Params::DEFAULT_P_COST,
        }
    }
}

impl HashCost {
    fn params(self, output: usize) -> Result<Params, SecretHashError> {
        if self.memory_kib > MEMORY_KIB_MAX
            || self.iterations > ITERATIONS_MAX
            || self.parallelism > PARALLELISM_MAX
        {
            return Err(SecretHashError::TooCostly);
        }
        Params::new(
            self.memory_kib,
            self.iterations,
            self.parallelism,
            Some(output),
        )
        .map_err(|_| SecretHashError::Parameters)
    }
}

/// An Argon2id hash whose cost is within the bounds. Equal when salt, cost and hash are.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash {
    params: Params,
    salt: Salt,
    output: Output,
}

impl SecretHash {
    /// Reads a PHC string.
    ///
    /// # Errors
    /// What is wrong with it; never a part of it.
    pub fn parse(text: &str) -> Result<Self, SecretHashError> {
        let hash = PasswordHash::new(text).map_err(|_| SecretHashError::Malformed)?;
        if hash.algorithm != Algorithm::Argon2id.ident() {
            return Err(SecretHashError::Algorithm);
        }
        if hash.version != Some(Version::V0x13.into()) {
            return Err(SecretHashError::Version);
        }
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(SecretHashError::Malformed);
        };
        if output.len() < OUTPUT_BYTES_MIN {
            return Err(SecretHashError::Short);
        }
        let number = |name: &str| hash.params.get_decimal(name);
        let (Some(memory_kib), Some(iterations), Some(parallelism), 3) = (
            number("m"),
            number("t"),
            number("p"),
            hash.params.iter().count(),
        ) else {
            return Err(SecretHashError::Parameters);
        };
        let cost = HashCost {
            memory_kib,
            iterations,
            parallelism,
        };
        Ok(Self {
            params: cost.params(output.len())?,
            salt,
            output,
        })
    }

    /// Hashes a secret, as a PHC string for manager.conf. It takes as long as a check.
    ///
    /// # Errors
    /// The secret is empty, or the cost is out of its bounds.
    pub fn create(
        secret: &Secret,
        cost: HashCost,
        salt: [u8; SALT_BYTES],
    ) -> Result<String, SecretHashError> {
        if secret.is_empty() {
            return Err(SecretHashError::Empty);
        }
        let params = cost.params(Params::DEFAULT_OUTPUT_LEN)?;
        let hash = argon2(params).hash_password_with_salt(secret.expose().as_bytes(), &salt);
        hash.map(|hash| hash.to_string())
            .map_err(|_| SecretHashError::Parameters)
    }

    fn is_of(&self, secret: &[u8]) -> bool {
        let mut output = Zeroizing::new([0; Output::MAX_LENGTH]);
        let Some(output) = output.get_mut(..self.output.len()) else {
            return false;
        };
        // It fails when there is no memory; then nobody has proven anything.
        let computed = argon2(self.params.clone()).hash_password_into(secret, &self.salt, output);
        computed.is_ok() && bool::from(output.ct_eq(self.output.as_bytes()))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(redacted)")
    }
}

fn argon2(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// A secret that a client sent and the hash that it should have. The secret is wiped when this is dropped.
pub struct SecretCheck {
    secret: Zeroizing<Vec<u8>>,
    hash: Arc<SecretHash>,
}

impl SecretCheck {
    pub(crate) fn new(secret: &[u8], hash: Arc<SecretHash>) -> Self {
        Self {
            secret: Zeroizing::new(secret.to_vec()),
            hash,
        }
    }

    /// Whether the secret is the right one. Slow, and takes the memory that the hash asks for: up to [`MEMORY_KIB_MAX`].
    pub fn run(self) -> bool {
        !self.secret.is_empty() && self.hash.is_of(&self.secret)
    }
}

impl fmt::Debug for SecretCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretCheck(redacted)")
    }
}

#[cfg(test)]
mod tests;
