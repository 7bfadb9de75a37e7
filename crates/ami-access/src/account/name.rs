//! The name of an account: compared without regard to ASCII case, shown as written.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::Equivalent;

/// An account's name. Cloning shares it.
#[derive(Clone)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Longest name that Asterisk keeps, in bytes.
    pub const BYTES_MAX: usize = 79;

    /// The name as written in the file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AccountName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl PartialEq for AccountName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for AccountName {}

impl Hash for AccountName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Typed(&self.0).hash(state);
    }
}

/// A name as somebody typed it, to find an account by.
pub(super) struct Typed<'a>(pub(super) &'a str);

impl Hash for Typed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xFF);
    }
}

impl Equivalent<AccountName> for Typed<'_> {
    fn equivalent(&self, name: &AccountName) -> bool {
        self.0.eq_ignore_ascii_case(&name.0)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
