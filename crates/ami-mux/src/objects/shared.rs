//! The objects of a node, written by its task and read by those of the sessions.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Objects;

/// One node's objects. Each lock is held for a look or a change, never across anything that waits.
#[derive(Clone, Default)]
pub struct SharedObjects {
    objects: Arc<RwLock<Objects>>,
    /// Channels that routed calls will have and that were not heard of yet.
    expected: Arc<AtomicU32>,
}

/// Channels that one call has at the least.
const CHANNELS_PER_CALL: u32 = 2;

impl SharedObjects {
    /// To look something up.
    pub fn read(&self) -> RwLockReadGuard<'_, Objects> {
        self.objects.read()
    }

    /// Channels that there are, and those that calls on their way to the node will have.
    pub(crate) fn load(&self) -> usize {
        let expected = self.expected.load(Ordering::Relaxed);
        self.read().channel_count() + usize::try_from(expected).unwrap_or(usize::MAX)
    }

    /// A call is on its way to the node.
    pub(crate) fn expect_call(&self) {
        self.expected
            .fetch_add(CHANNELS_PER_CALL, Ordering::Relaxed);
    }

    /// A channel has come: perhaps that of a call that was expected.
    pub(crate) fn channel_came(&self) {
        let less = |expected: u32| Some(expected.saturating_sub(1));
        // Never an error: the closure always gives a value.
        let _previous = self
            .expected
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// What was expected and did not come by now is expected half as much.
    pub(crate) fn doubt_calls(&self) {
        let half = |expected: u32| Some(expected / 2);
        let _previous = self
            .expected
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, half);
    }

    /// For the node's own machine.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Objects> {
        self.objects.write()
    }
}

impl From<Objects> for SharedObjects {
    fn from(objects: Objects) -> Self {
        Self {
            objects: Arc::new(RwLock::new(objects)),
            expected: Arc::default(),
        }
    }
}

/// Says how many channels there are, not which.
impl fmt::Debug for SharedObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = self.read().channel_count();
        f.debug_struct("SharedObjects")
            .field("channels", &channels)
            .finish()
    }
}
