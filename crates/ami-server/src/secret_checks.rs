//! Where the hashes of secrets are computed: beside the tasks that serve, and few at once.
//!
//! One check takes a core for tens of milliseconds and up to 256 MiB, by the hash's own parameters; so many logins at once must
//! neither stop what is served nor take the memory. A session that ends while it waits leaves the queue; a check that runs
//! is finished, and its place is free only then.

use std::pin::Pin;
use std::sync::Arc;

use ami_access::SecretCheck;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Checks at once. Those that wait are logins, each bounded by its time to log in.
const RUNNING_MAX: usize = 2;

/// The places for checks. One for the process.
#[derive(Debug)]
pub(crate) struct SecretChecks {
    places: Arc<Semaphore>,
}

/// A check that waits or runs.
pub(crate) type Outcome = Pin<Box<dyn Future<Output = bool> + Send>>;

impl Default for SecretChecks {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }
}

impl SecretChecks {
    /// Whether the secret is right, when its turn has come and it is computed. False also when it cannot be known.
    pub(crate) fn outcome(&self, check: SecretCheck) -> Outcome {
        self.run(move || check.run())
    }

    fn run(&self, work: impl FnOnce() -> bool + Send + 'static) -> Outcome {
        let places = Arc::clone(&self.places);
        Box::pin(async move {
            let Ok(place) = places.acquire_owned().await else {
                return false;
            };
            let in_place = move || {
                let is_right = work();
                drop(place);
                is_right
            };
            spawn_blocking(in_place).await.unwrap_or_else(|error| {
                tracing::error!(%error, "the check of a secret failed");
                false
            })
        })
    }
}

#[cfg(test)]
mod tests;
