//! The bounded sets of label values: outcomes, reasons, steps.
//!
//! They are enums so that nothing a client sends can become a label.

/// Declares a label enum with `ALL` and `as_label`.
macro_rules! labels {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $label:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of the label; stable, dashboards depend on it.
            pub const fn as_label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

labels! {
    /// How an action that was meant for a node ended.
    ActionOutcome {
        /// The node answered, and not with `Response: Error`.
        Success = "success",
        /// The node answered `Response: Error`.
        Error = "error",
        /// No byte of it was written.
        NotSent = "not_sent",
        /// It was written and its answer never came.
        Unknown = "unknown",
    }
}

labels! {
    /// Why a login failed. The client is told less than this.
    LoginFailure {
        /// The Login has no Username.
        NoUsername = "no_username",
        /// There is no such account.
        NoSuchAccount = "no_such_account",
        /// The account's ACL refuses the address.
        Acl = "acl",
        /// The account has no secret, so nobody can log in with it.
        NoSecret = "no_secret",
        /// The account has a hash in place of a secret, and the secret came without TLS.
        SecretInClear = "secret_in_clear",
        /// The secret is wrong.
        WrongSecret = "wrong_secret",
        /// The MD5 key is wrong.
        WrongKey = "wrong_key",
        /// An MD5 login without a challenge before it.
        NoChallenge = "no_challenge",
        /// The node named behind `@` is none that the account may see.
        NoSuchNode = "no_such_node",
        /// The account is logged in already and may be only once.
        AlreadyLoggedIn = "already_logged_in",
        /// Too many failures from this address before; the secret was not looked at.
        Throttled = "throttled",
    }
}

labels! {
    /// Why an action was refused before it was routed.
    RefusalReason {
        /// The message has no Action header.
        MissingAction = "missing_action",
        /// No node of the session knows the action.
        Unknown = "unknown",
        /// The account's classes do not allow the action.
        Denied = "denied",
        /// A check inside the action refused it.
        Check = "check",
        /// No login yet.
        NotLoggedIn = "not_logged_in",
        /// It is too long, or has too many lines.
        TooLong = "too_long",
        /// It could not be decided which node is meant.
        NoRoute = "no_route",
        /// The session or its account asks too much.
        Rate = "rate",
        /// amiplex is shutting down.
        Drain = "drain",
    }
}

labels! {
    /// Why events that were queued for a client were not delivered.
    DropReason {
        /// The byte budget was full and the account's policy is to drop the oldest.
        Bytes = "bytes",
        /// They were older than the account allows, and its policy is to drop.
        Age = "age",
        /// The session ended with events still queued.
        Closed = "closed",
        /// The session may not see them any more: its classes or filters changed while they waited.
        Revoked = "revoked",
    }
}

labels! {
    /// The step at which opening an upstream session failed.
    ConnectStep {
        /// The name could not be resolved.
        Resolve = "resolve",
        /// No address accepted a TCP connection.
        Tcp = "tcp",
        /// The TLS handshake failed.
        Tls = "tls",
        /// No greeting of an AMI server came.
        Greeting = "greeting",
        /// The node refused the login.
        Login = "login",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_of_a_set_are_distinct() {
        let reasons: BTreeSet<_> = LoginFailure::ALL.iter().map(|r| r.as_label()).collect();
        assert_eq!(reasons.len(), LoginFailure::ALL.len());
        let refusals: BTreeSet<_> = RefusalReason::ALL.iter().map(|r| r.as_label()).collect();
        assert_eq!(refusals.len(), RefusalReason::ALL.len());
    }
}
