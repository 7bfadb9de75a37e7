//! The Asterisk releases a node can play, and what differs between them on the wire.

/// The release a simulated node pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum SimVersion {
    /// Asterisk 11: greeting 1.3, `Response: Follows`, lists that start as a plain Success, the older
    /// event names.
    V11,
    /// Asterisk 13: greeting 2.10.6, `Response: Follows`, the newer events.
    V13,
    /// Asterisk 16: greeting 5.0.4, `Output:` headers.
    V16,
    /// Asterisk 18: greeting 7.0.3.
    V18,
    /// Asterisk 20: greeting 9.0.0.
    V20,
    /// Asterisk 22: greeting 11.0.0.
    #[default]
    V22,
}

impl SimVersion {
    /// The AMI version of the greeting line.
    pub fn greeting(self) -> &'static str {
        match self {
            Self::V11 => "1.3",
            Self::V13 => "2.10.6",
            Self::V16 => "5.0.4",
            Self::V18 => "7.0.3",
            Self::V20 => "9.0.0",
            Self::V22 => "11.0.0",
        }
    }

    /// The release as CoreSettings reports it.
    pub fn release(self) -> &'static str {
        match self {
            Self::V11 => "11.25.3",
            Self::V13 => "13.38.3",
            Self::V16 => "16.28.0",
            Self::V18 => "18.26.4",
            Self::V20 => "20.15.2",
            Self::V22 => "22.10.1",
        }
    }

    /// True where Command answers `Response: Follows` and ends with `--END COMMAND--`.
    pub fn command_follows(self) -> bool {
        self <= Self::V13
    }

    /// True for the event names and plain list starts of Asterisk 11.
    pub fn is_legacy(self) -> bool {
        self == Self::V11
    }
}
