//! The time before login: Challenge, Login, Logoff, and nothing else.
//!
//! Every failure gives the same reply after one second, which is a timer of this machine. A challenge is good for one
//! connection, and a connection for one login.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::{Principal, Proof, Verified, verify};
use ami_proto::encode::{error, success};
use ami_proto::{
    Action, Challenge, ClassSet, ClientActionId, EventMask, ResponseBuilder, parse_event_mask,
};
use bytes::Bytes;
use smallvec::SmallVec;

use super::effect::{EndReason, LoginFault, SessionEffect, SessionNote};
use super::interest::Interest;
use super::logged_in::Login;
use super::own_bridges::OwnBridges;
use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use crate::directory::Directory;
use crate::ids::NodeId;
use crate::security::SecurityEvent;
use crate::view::View;

/// How long Asterisk makes a failed login wait.
const REFUSAL_DELAY: Duration = Duration::from_secs(1);

/// Longest part of a wrong name that is logged; Asterisk has no longer names.
const USERNAME_BYTES_MAX: usize = 79;

/// A failed login that waits for its second to pass.
#[derive(Debug)]
pub(super) struct Refusing {
    pub(super) at: Instant,
    reply: Bytes,
    reason: EndReason,
}

impl Session {
    /// An action of a client that is not logged in.
    pub(super) fn accept_before_login(
        &mut self,
        action: &Action,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        let id = action.action_id();
        let Some(name) = action.name() else {
            self.write(error(id.as_ref(), "Missing action in request"));
            self.report_early(action, surroundings);
            return;
        };
        if name.is("Login") {
            self.log_in(action, surroundings, now);
        } else if name.is("Challenge") {
            if is_taken(action, surroundings) {
                self.report_session_limit(action, surroundings);
                self.refuse(
                    error(id.as_ref(), "Login Already In Use"),
                    EndReason::LoginInUse,
                    now,
                );
            } else {
                let reply = self.challenge_reply(action, surroundings);
                self.write(reply);
            }
        } else if name.is("Logoff") {
            self.log_off(id.as_ref());
        } else {
            self.write(error(id.as_ref(), "Permission denied"));
            self.report_early(action, surroundings);
        }
    }

    /// Answers Challenge. The value is made once per connection, from a source that cannot be predicted.
    pub(super) fn challenge_reply(
        &mut self,
        action: &Action,
        surroundings: &impl Surroundings,
    ) -> Bytes {
        let id = action.action_id();
        if !is_md5(action) {
            return error(id.as_ref(), "Must specify AuthType");
        }
        if self.challenge.is_none() {
            self.challenge = surroundings.challenge_bits().map(Challenge::from_random);
        }
        let Some(challenge) = &self.challenge else {
            return error(id.as_ref(), "No challenge can be made");
        };
        ResponseBuilder::new("Success")
            .action_id(id.as_ref())
            .text("Challenge", challenge.to_string())
            .finish()
    }

    /// Says goodbye and ends.
    pub(super) fn log_off(&mut self, id: Option<&ClientActionId>) {
        let reply = ResponseBuilder::new("Goodbye")
            .action_id(id)
            .text("Message", "Thanks for all the fish.")
            .finish();
        self.write(reply);
        self.end(EndReason::Logoff);
    }

    /// The second has passed.
    pub(super) fn finish_refusal(&mut self) {
        let Phase::Refusing(refusing) = std::mem::replace(&mut self.phase, Phase::Ended) else {
            return;
        };
        self.write(refusing.reply);
        self.effects
            .push_back(SessionEffect::Close(refusing.reason));
    }

    fn log_in(&mut self, action: &Action, surroundings: &impl Surroundings, now: Instant) {
        let id = action.action_id();
        if is_taken(action, surroundings) {
            self.report_session_limit(action, surroundings);
            self.refuse(
                error(id.as_ref(), "Login Already In Use"),
                EndReason::LoginInUse,
                now,
            );
            return;
        }
        match self.authenticate(action, surroundings, now) {
            Ok(Verified::Proven(principal)) => {
                self.conclude(action, Ok(principal), now, surroundings, now);
            }
            Ok(Verified::Hashed(unproven, check)) => {
                self.verify_slowly(action, unproven, check, now);
            }
            Err(fault) => self.conclude(action, Err(fault), now, surroundings, now),
        }
    }

    fn authenticate(
        &self,
        action: &Action,
        surroundings: &impl Surroundings,
        now: Instant,
    ) -> Result<Verified, LoginFault> {
        let username = action.header("Username").unwrap_or_default();
        if surroundings.is_throttled(username, self.start.peer, now) {
            return Err(LoginFault::Throttled);
        }
        let proof = if is_md5(action) {
            let key = action.header("Key").unwrap_or_default();
            Proof::Md5 {
                challenge: self.challenge.as_ref(),
                key,
            }
        } else {
            Proof::Plain {
                secret: action.header("Secret").unwrap_or_default(),
                confidential: self.start.is_confidential(),
            }
        };
        let accounts = surroundings.accounts();
        verify(&accounts, username, proof, self.start.peer).map_err(LoginFault::Denied)
    }

    /// The login that came at `asked` is decided, but for its nodes.
    pub(super) fn conclude(
        &mut self,
        action: &Action,
        verified: Result<Principal, LoginFault>,
        asked: Instant,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        let username = action.header("Username").unwrap_or_default();
        let seen = verified.and_then(|principal| {
            let view = View::resolve(
                &surroundings.directory(),
                &principal.account().nodes,
                self.settings.node,
                principal.node_suffix(),
            );
            view.map(|view| (principal, view)).ok_or(LoginFault::NoNode)
        });
        let peer = self.start.peer;
        match seen {
            Ok((principal, view)) => {
                surroundings.login_succeeded(username, peer);
                self.open(action, principal, view, surroundings, now);
            }
            Err(fault) => {
                if fault != LoginFault::Throttled {
                    surroundings.login_failed(username, peer, now);
                }
                self.report_failed_login(action, fault, surroundings);
                self.note(SessionNote::LoginFailed {
                    username: printable(username),
                    fault,
                });
                self.refuse(
                    error(action.action_id().as_ref(), "Authentication failed"),
                    EndReason::LoginFailed,
                    asked,
                );
            }
        }
    }

    fn open(
        &mut self,
        action: &Action,
        principal: Principal,
        view: View,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        let id = action.action_id();
        let directory = surroundings.directory();
        let principal = principal.seeing(view.seen(&directory));
        let account = principal.account();
        if !surroundings.claim_login(&account.name, !account.allow_multiple_login) {
            self.report_session_limit(action, surroundings);
            self.refuse(
                error(id.as_ref(), "Login Already In Use"),
                EndReason::LoginInUse,
                now,
            );
            return;
        }
        let asked = match action.header("Events") {
            None | Some(b"") => ClassSet::ALL,
            Some(text) => match parse_event_mask(text) {
                EventMask::All => ClassSet::ALL,
                EventMask::Set(classes) => classes,
                EventMask::Off | EventMask::Invalid => ClassSet::NONE,
            },
        };
        let label = account
            .label
            .as_deref()
            .map_or_else(|| Arc::clone(&self.settings.label), Into::into);
        let several = view.single().is_none();
        let login = Login {
            strip: if several {
                Arc::clone(&self.settings.select)
            } else {
                Arc::default()
            },
            variables: account.variable_headers().collect(),
            no_variables: Arc::default(),
            own_filters: None,
            told_booted: SmallVec::new(),
            rate: self.settings.rates.of_session(account),
            since: now,
            missing: away(&view, &directory),
            overheard: SmallVec::new(),
            told: SmallVec::new(),
            own_bridges: OwnBridges::default(),
            interest: Interest::of(&principal, asked),
            label: several.then_some(label),
            view,
            principal,
        };
        self.challenge = None;
        let nodes: SmallVec<[NodeId; 4]> = login.view.nodes().into();
        let interest = login.interest.clone();
        // It is told of its own login, too.
        let heeded =
            surroundings.heeds_security() || SecurityEvent::visible_to(interest.somewhere());
        self.phase = Phase::Open(Box::new(login));
        self.effects.push_back(SessionEffect::LoggedIn {
            nodes: nodes.to_vec(),
            interest,
        });
        // Behind the other, so that the client hears it when its nodes have heard what it wants.
        self.write(success(id.as_ref(), "Authentication accepted"));
        for node in nodes {
            self.tell_booted(node, surroundings, now);
        }
        if heeded {
            self.report_login();
        }
    }

    /// Counted from the Login, so that the time does not tell whether there was a hash to be checked.
    fn refuse(&mut self, reply: Bytes, reason: EndReason, asked: Instant) {
        self.phase = Phase::Refusing(Refusing {
            at: asked + REFUSAL_DELAY,
            reply,
            reason,
        });
    }
}

/// Nodes of the view that are not there.
fn away(view: &View, directory: &Directory) -> SmallVec<[NodeId; 2]> {
    let is_away = |node: &NodeId| {
        directory
            .entry(*node)
            .is_some_and(|entry| !entry.status.is_up() || !entry.status.settled)
    };
    view.nodes().iter().copied().filter(is_away).collect()
}

/// Whether the account named allows one session only, and has it.
fn is_taken(action: &Action, surroundings: &impl Surroundings) -> bool {
    let username = action.header("Username").unwrap_or_default();
    let accounts = surroundings.accounts();
    accounts.find(username).is_some_and(|account| {
        !account.allow_multiple_login && surroundings.is_logged_in(&account.name)
    })
}

pub(super) fn is_md5(action: &Action) -> bool {
    action
        .header("AuthType")
        .is_some_and(|kind| kind.eq_ignore_ascii_case(b"MD5"))
}

/// What a client sent, fit for a log line.
fn printable(bytes: &[u8]) -> String {
    bytes
        .get(..bytes.len().min(USERNAME_BYTES_MAX))
        .unwrap_or_default()
        .escape_ascii()
        .to_string()
}
