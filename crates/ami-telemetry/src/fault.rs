//! Whose fault something was; it decides the level at which it is logged, and nothing else does.
//!
//! A client that misbehaves must not be able to fill the log, so its faults are quiet; a bug of our own is always loud.

use tracing::Level;

/// The side on which something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A client did it: wrong secret, broken bytes, too slow a reader.
    Downstream,
    /// A node did it: away, refused our login, broken bytes.
    Upstream,
    /// amiplex did it: a broken invariant, a panic that the supervisor caught.
    Internal,
}

impl Fault {
    /// The level for a log line about this fault.
    pub const fn level(self) -> Level {
        match self {
            Self::Downstream => Level::INFO,
            Self::Upstream => Level::WARN,
            Self::Internal => Level::ERROR,
        }
    }

    /// The value of the `fault` field in the log.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Internal => "internal",
        }
    }
}

/// Logs at the level of a [`Fault`]: `log_fault!(Fault::Upstream, node = %name, "lane closed")`.
///
/// `tracing` needs its level at compile time, so this holds the one `match` that every caller would repeat.
#[macro_export]
macro_rules! log_fault {
    ($fault:expr, $($rest:tt)+) => {
        match $fault {
            $crate::Fault::Downstream => ::tracing::info!(fault = "downstream", $($rest)+),
            $crate::Fault::Upstream => ::tracing::warn!(fault = "upstream", $($rest)+),
            $crate::Fault::Internal => ::tracing::error!(fault = "internal", $($rest)+),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_faults_are_the_loudest() {
        assert!(Fault::Internal.level() < Fault::Upstream.level());
        assert!(Fault::Upstream.level() < Fault::Downstream.level());
    }
}
