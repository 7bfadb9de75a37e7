//! What a session reports for the security events of amiplex, and how it is given those of others.
//!
//! Which condition raises which event is Asterisk's (`process_message`, `authenticate`). Where it leaves `AccountID` empty,
//! so does this.

use ami_access::{Account, Denied, Refusal, account_of};
use ami_proto::{Action, ActionName};
use smallvec::SmallVec;

use super::effect::{LoginFault, SessionEffect, SessionNote};
use super::logged_in::Login;
use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use crate::ids::NodeId;
use crate::security::{Audience, SecurityEvent, SecurityMatter, SecurityReport};
use crate::view::View;

/// Longest `RequestType`, in bytes, as Asterisk's buffer has it.
const REQUEST_BYTES_MAX: usize = 63;

/// `Action: <name>`, cut as Asterisk cuts it.
fn request(name: Option<&ActionName>) -> String {
    let name = name.map_or_else(|| "NONE".into(), ActionName::as_str_lossy);
    let mut request = format!("Action: {name}");
    request.truncate(request.floor_char_boundary(REQUEST_BYTES_MAX));
    request
}

/// What a client sent, as text: readers of events decode them, and must not stumble over the name that somebody tried.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The event of a refused action, if Asterisk raises one for it: its checks inside actions do not.
pub(super) fn refused(login: &Login, action: &Action, refusal: Refusal) -> Option<SecurityReport> {
    let request = request(action.name());
    let matter = match refusal {
        Refusal::MissingAction | Refusal::Unknown => SecurityMatter::RequestBadFormat { request },
        Refusal::Denied => SecurityMatter::RequestNotAllowed { request },
        Refusal::Check(_) => return None,
    };
    Some(by_login(login, matter))
}

fn by_login(login: &Login, matter: SecurityMatter) -> SecurityReport {
    SecurityReport {
        matter,
        account: text(login.principal.login_name()),
        audience: Audience::of_account(login.view.nodes()),
    }
}

impl Session {
    /// Something that is not Login, Challenge or Logoff before the login.
    pub(super) fn report_early(&mut self, action: &Action, surroundings: &impl Surroundings) {
        let request = request(action.name());
        let matter = if action.name().is_some() {
            SecurityMatter::RequestNotAllowed { request }
        } else {
            SecurityMatter::RequestBadFormat { request }
        };
        let audience = self.audience_of(b"", surroundings);
        self.report(SecurityReport {
            matter,
            account: String::new(),
            audience,
        });
    }

    /// An account that may log in once is tried again.
    pub(super) fn report_session_limit(
        &mut self,
        action: &Action,
        surroundings: &impl Surroundings,
    ) {
        let username = action.header("Username").unwrap_or_default();
        let audience = self.audience_of(username, surroundings);
        self.report(SecurityReport {
            matter: SecurityMatter::SessionLimit,
            account: String::new(),
            audience,
        });
    }

    /// A login failed.
    pub(super) fn report_failed_login(
        &mut self,
        action: &Action,
        fault: LoginFault,
        surroundings: &impl Surroundings,
    ) {
        let username = action.header("Username").unwrap_or_default();
        let mut account = text(username);
        let matter = match fault {
            LoginFault::Denied(Denied::NoUsername | Denied::NoChallenge) => return,
            LoginFault::Denied(Denied::NoSecret) if super::login::is_md5(action) => return,
            LoginFault::Denied(Denied::NoSuchAccount) | LoginFault::NoNode => {
                SecurityMatter::InvalidAccountId
            }
            LoginFault::Denied(Denied::Acl) => SecurityMatter::FailedAcl,
            LoginFault::Denied(Denied::WrongSecret | Denied::NoSecret) => {
                SecurityMatter::InvalidPassword
            }
            LoginFault::Denied(Denied::WrongKey) => {
                account.clear();
                let challenge = self.challenge.map(|challenge| challenge.to_string());
                SecurityMatter::ChallengeResponseFailed {
                    challenge: challenge.unwrap_or_default(),
                }
            }
            LoginFault::InUse => {
                account.clear();
                SecurityMatter::SessionLimit
            }
            // The secret was not looked at, so nothing can be said of it.
            LoginFault::Throttled | LoginFault::Denied(Denied::InClear) => {
                SecurityMatter::RequestNotAllowed {
                    request: request(action.name()),
                }
            }
        };
        let audience = self.audience_of(username, surroundings);
        self.report(SecurityReport {
            matter,
            account,
            audience,
        });
    }

    /// The client is logged in.
    pub(super) fn report_login(&mut self) {
        if let Phase::Open(login) = &self.phase {
            let report = by_login(login, SecurityMatter::SuccessfulAuth);
            self.report(report);
        }
    }

    pub(super) fn report(&mut self, report: SecurityReport) {
        self.effects
            .push_back(SessionEffect::Security(Box::new(report)));
    }

    /// Who may know what is done under that name on this listener.
    fn audience_of(&self, username: &[u8], surroundings: &impl Surroundings) -> Audience {
        let directory = surroundings.directory();
        let accounts = surroundings.accounts();
        let listener = self.settings.node;
        let seen = |account: &Account, suffix: Option<&str>| {
            View::resolve(&directory, &account.nodes, listener, suffix)
        };
        let known = account_of(&accounts, username)
            .and_then(|(account, suffix)| seen(account, suffix.as_deref()));
        match known {
            Some(view) => Audience::of_account(view.nodes()),
            None => {
                let reachable: Vec<NodeId> = match listener {
                    Some(node) => vec![node],
                    None => directory.ids().collect(),
                };
                Audience::of_a_stranger(&reachable)
            }
        }
    }

    /// Gives a security event of amiplex when it is in the mask at this moment, concerns what the session sees, and passes
    /// the filters.
    pub(super) fn give_security(&mut self, event: &SecurityEvent) {
        let Phase::Open(login) = &self.phase else {
            return;
        };
        // What concerns a node is for those who may read the class there.
        let reads = |node: &NodeId| SecurityEvent::visible_to(login.interest.at(*node));
        let nodes = login.view.nodes().iter().copied();
        let read: SmallVec<[NodeId; 4]> = nodes.filter(reads).collect();
        if read.is_empty() {
            self.note(SessionNote::EventDiscarded);
            return;
        }
        // They tell of accounts and addresses, and of no channel.
        let sees_all = login.principal.account().channels.is_none();
        if sees_all && event.concerns(&read) && login.filters().admit(event.bytes()) {
            self.give_bytes(event.bytes().clone());
        }
    }
}
