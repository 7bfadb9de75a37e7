//! Who may connect, log in, do and see: manager.conf accounts, ACLs, authority of actions.
