//! Logging in: a name, a proof and a peer address to a [`Principal`].
//!
//! The order of the checks is Asterisk's, because each failure has a security event of its own: name, account,
//! address, secret. The client sees one answer for all of them, and an unknown account costs the
//! same work as a wrong secret. Empty secrets never log in.
//!
//! Where the account has a hash in place of a secret, the last check is slow and left to the caller: [`Unproven`].

use std::net::IpAddr;
use std::sync::Arc;

use ami_proto::challenge::md5_key;
use ami_proto::{Challenge, ClassSet};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::account::{Account, Accounts};
use crate::node::{NodeId, SeenNode};
use crate::secret::Secret;
use crate::secret_hash::SecretCheck;

/// What a client offers as proof.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// The header Secret; empty when there is none.
    Plain {
        /// Its value.
        secret: &'a [u8],
        /// Whether nobody on the way could read it: TLS, or a peer on this machine.
        confidential: bool,
    },
    /// AuthType MD5.
    Md5 {
        /// The challenge that this connection was given, if any.
        challenge: Option<&'a Challenge>,
        /// The header Key; empty when there is none.
        key: &'a [u8],
    },
}

/// Why a login is refused. The client is told `Authentication failed` in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Denied {
    /// No Username, or an empty one: no security event.
    #[error("no user name")]
    NoUsername,
    /// No account of that name: InvalidAccountID.
    #[error("no such account")]
    NoSuchAccount,
    /// The account's lists refuse the peer: FailedACL.
    #[error("address refused")]
    Acl,
    /// The account has no secret, or an empty one. Plain: InvalidPassword; MD5: no security event.
    #[error("account without secret")]
    NoSecret,
    /// The account has a hash in place of a secret, and the secret came in clear: RequestNotAllowed.
    #[error("secret sent in clear")]
    InClear,
    /// The secret is wrong: InvalidPassword.
    #[error("wrong secret")]
    WrongSecret,
    /// The MD5 key is wrong: ChallengeResponseFailed.
    #[error("wrong key")]
    WrongKey,
    /// MD5 without a Challenge before it or without a Key: no security event.
    #[error("no challenge or no key")]
    NoChallenge,
}

/// A login that nothing speaks against.
#[derive(Debug)]
pub enum Verified {
    /// It proved itself.
    Proven(Principal),
    /// Its secret is still to be checked against the hash, which is slow.
    Hashed(Unproven, SecretCheck),
}

impl Verified {
    /// The login, when nothing is left to check.
    pub fn proven(self) -> Option<Principal> {
        match self {
            Self::Proven(principal) => Some(principal),
            Self::Hashed(..) => None,
        }
    }
}

/// An account, its secret unchecked.
#[derive(Debug)]
pub struct Unproven(Principal);

impl Unproven {
    /// The login, with the outcome of its [`SecretCheck`] and with the accounts as they are by now.
    ///
    /// # Errors
    /// The secret is wrong, or a reload has changed it or refuses the peer since.
    pub fn settle(
        self,
        is_right: bool,
        accounts: &Accounts,
        peer: IpAddr,
    ) -> Result<Principal, Denied> {
        if !is_right {
            return Err(Denied::WrongSecret);
        }
        self.0.renewed(accounts, peer).ok_or(Denied::WrongSecret)
    }
}

/// An account that proved itself. Only [`verify`] and [`Unproven::settle`] make one.
#[derive(Debug, Clone)]
pub struct Principal {
    account: Arc<Account>,
    login_name: Vec<u8>,
    node_suffix: Option<String>,
    /// The account as it is at each node that the session sees, once that is known; empty where it is the same everywhere.
    at_nodes: Arc<[(NodeId, Account)]>,
}

impl Principal {
    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The name as the client typed it, its node suffix included.
    pub fn login_name(&self) -> &[u8] {
        &self.login_name
    }

    /// What follows the `@` of the login name: a node, or `all`. The caller checks it against the
    /// nodes of the account; an unknown one is a failed login.
    pub fn node_suffix(&self) -> Option<&str> {
        self.node_suffix.as_deref()
    }

    /// The same, in a session that sees these nodes. Where rights differ by node, nothing is permitted before this.
    #[must_use]
    pub fn seeing<'a>(mut self, nodes: impl Iterator<Item = SeenNode<'a>>) -> Self {
        if self.differs_by_node() {
            let at = |node: SeenNode<'_>| (node.id, self.account.at(node.name, node.tags));
            self.at_nodes = nodes.map(at).collect();
        }
        self
    }

    /// Whether the account's rights may be other ones at another node.
    pub fn differs_by_node(&self) -> bool {
        !self.account.node_rules.is_empty()
    }

    /// The account with its rights at that node; `None` where they differ by node and the session does not see it.
    pub fn account_at(&self, node: NodeId) -> Option<&Account> {
        if !self.differs_by_node() {
            return Some(&self.account);
        }
        let mut nodes = self.at_nodes.iter();
        nodes
            .find(|(other, _)| *other == node)
            .map(|(_, account)| account)
    }

    /// The nodes where rights may differ, with the account's rights there; none where they are the same everywhere.
    pub fn at_nodes(&self) -> &[(NodeId, Account)] {
        &self.at_nodes
    }

    /// Classes whose events it may see at some node of its session.
    pub fn read_somewhere(&self) -> ClassSet {
        if !self.differs_by_node() {
            return self.account.read;
        }
        let read = self.at_nodes.iter().map(|(_, account)| account.read);
        read.fold(ClassSet::NONE, ClassSet::union)
    }

    /// Nobody in particular, as if logged in to the account.
    pub(crate) fn hypothetical(account: &Arc<Account>) -> Self {
        Self {
            account: Arc::clone(account),
            login_name: account.name.as_str().as_bytes().into(),
            node_suffix: None,
            at_nodes: Arc::default(),
        }
    }

    /// The same person under an account that a reload brought; `None` when the secret is another one
    /// or the lists now refuse the peer.
    pub fn renewed(&self, accounts: &Accounts, peer: IpAddr) -> Option<Self> {
        let account = accounts.find(self.account.name.as_str().as_bytes())?;
        let same_secret = account.secret == self.account.secret
            && account.secret_hash == self.account.secret_hash;
        (same_secret && account.acl.allows(peer)).then(|| Self {
            account: Arc::clone(account),
            at_nodes: Arc::default(),
            ..self.clone()
        })
    }
}

/// Checks a login. A name with `@` that is itself an account is matched whole; else what follows the
/// last `@` is a node suffix.
///
/// # Errors
/// The first check that failed, for the security event; never for the client.
pub fn verify(
    accounts: &Accounts,
    username: &[u8],
    proof: Proof<'_>,
    peer: IpAddr,
) -> Result<Verified, Denied> {
    if username.is_empty() {
        return Err(Denied::NoUsername);
    }
    let found = account_of(accounts, username);
    // The proof is always computed, so that the time tells neither whether the account exists nor
    // whether the address would do.
    let account = found.as_ref().map(|(account, _)| *account);
    let proven = prove(account.and_then(|account| account.secret.as_ref()), proof);
    let (account, node_suffix) = found.ok_or(Denied::NoSuchAccount)?;
    if !account.acl.allows(peer) {
        return Err(Denied::Acl);
    }
    let principal = Principal {
        account: Arc::clone(account),
        login_name: username.to_vec(),
        node_suffix,
        at_nodes: Arc::default(),
    };
    match (&account.secret_hash, proof) {
        (None, _) => proven.map(|()| Verified::Proven(principal)),
        // The key of an MD5 login is made of the secret itself, which nobody here knows.
        (Some(_), Proof::Md5 { .. }) => Err(proven.err().unwrap_or(Denied::NoSecret)),
        (
            Some(_),
            Proof::Plain {
                confidential: false,
                ..
            },
        ) => Err(Denied::InClear),
        (Some(hash), Proof::Plain { secret, .. }) => {
            let check = SecretCheck::new(secret, Arc::clone(hash));
            Ok(Verified::Hashed(Unproven(principal), check))
        }
    }
}

/// The account that a login name means, and its node suffix. Whether anybody may log in with it is another question.
pub fn account_of<'a>(
    accounts: &'a Accounts,
    username: &[u8],
) -> Option<(&'a Arc<Account>, Option<String>)> {
    if let Some(account) = accounts.find(username) {
        return Some((account, None));
    }
    let at = username.iter().rposition(|&byte| byte == b'@')?;
    let (name, suffix) = username.split_at_checked(at)?;
    let suffix = std::str::from_utf8(suffix.strip_prefix(b"@")?).ok()?;
    Some((accounts.find(name)?, Some(suffix.to_owned())))
}

fn prove(secret: Option<&Secret>, proof: Proof<'_>) -> Result<(), Denied> {
    let usable = secret.filter(|secret| !secret.is_empty());
    let expected = usable.map_or("", Secret::expose);
    let (is_right, wrong) = match proof {
        Proof::Plain { secret, .. } => (expected.as_bytes().ct_eq(secret), Denied::WrongSecret),
        Proof::Md5 {
            challenge: Some(challenge),
            key,
        } if !key.is_empty() => {
            let right = md5_key(&challenge.to_string(), expected.as_bytes());
            (right.as_bytes().ct_eq(key), Denied::WrongKey)
        }
        Proof::Md5 { .. } => return Err(Denied::NoChallenge),
    };
    if usable.is_none() {
        return Err(Denied::NoSecret);
    }
    if is_right.into() { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests;
