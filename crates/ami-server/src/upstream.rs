//! One task per node: it owns the node's machine and all its lanes' sockets.

pub(crate) mod backoff;
pub(crate) mod connect;
pub(crate) mod driver;
mod failure;
mod journal;
mod record;
