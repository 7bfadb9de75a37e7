//! One task per client connection: it owns the session's machine and the socket.

mod audit;
pub(crate) mod driver;
mod hearing;
mod journal;
pub(crate) mod outbound;
mod presence;
pub(crate) mod wire;
