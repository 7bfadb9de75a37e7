//! Taking in what the configuration says now, while everything runs: the accounts, and the certificates of the listeners.
//!
//! All of it is good and applies, or nothing changes. Accounts apply to whoever logs in from then on; a session whose account is
//! not what it logged in to is closed, so that what was taken from an account is gone at once and nothing half old goes on.

use std::sync::Arc;

use ami_access::Accounts;
use ami_config::Config;

use crate::app::StartError;
use crate::tls::{self, ListenerIdentity};
use crate::world::World;

/// Changes a running [`App`](crate::App).
#[derive(Clone, Debug)]
pub struct Reloader {
    world: Arc<World>,
    /// By the name of the listener.
    identities: Arc<[(String, Arc<ListenerIdentity>)]>,
}

/// What a reload did.
#[derive(Debug)]
pub struct Reloaded {
    /// Sessions that were closed because their account was removed or changed, or refuses their address now.
    pub revoked: usize,
    /// Options of `[general]` that were changed and count from the next start.
    pub waiting: Vec<&'static str>,
}

impl Reloader {
    pub(crate) fn new(world: Arc<World>, identities: Vec<(String, Arc<ListenerIdentity>)>) -> Self {
        Self {
            world,
            identities: identities.into(),
        }
    }

    /// Applies `accounts` and the certificates that `config` names. With an error nothing has changed.
    pub fn apply(&self, config: &Config, accounts: Accounts) -> Result<Reloaded, StartError> {
        let mut renewed = Vec::new();
        for (name, identity) in &*self.identities {
            let listener = config.listeners.iter().find(|one| one.name == *name);
            if let Some(files) = listener.and_then(|listener| listener.tls.as_ref()) {
                let made = tls::shown(files).map_err(|error| StartError::Tls {
                    place: format!("listener {name}"),
                    problem: error.to_string(),
                })?;
                renewed.push((identity, made));
            }
        }
        for (identity, made) in renewed {
            identity.replace(made);
        }
        let waiting = waiting(&self.world.accounts.load(), &accounts);
        // Before the sessions are looked at: whoever logs in meanwhile looks after himself.
        self.world.accounts.store(Arc::new(accounts));
        let revoked = self.world.registry.revoke(&self.world.accounts.load());
        Ok(Reloaded { revoked, waiting })
    }

    /// The reload is counted; not `applied` when the files had errors.
    pub fn count(&self, applied: bool) {
        self.world.meters.reloaded(applied);
    }
}

/// What is read at the start only.
fn waiting(before: &Accounts, now: &Accounts) -> Vec<&'static str> {
    let (before, now) = (before.general(), now.general());
    let options = [
        ("authtimeout", before.authtimeout == now.authtimeout),
        ("authlimit", before.authlimit == now.authlimit),
    ];
    let changed = options.into_iter().filter(|(_, same)| !same);
    changed.map(|(name, _)| name).collect()
}
