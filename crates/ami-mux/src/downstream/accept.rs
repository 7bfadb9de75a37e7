//! A client's message becomes work: read, authorised, routed, or refused with Asterisk's words.

use std::time::Instant;

use ami_access::{AuthorizeContext, Cost, LearnedActions, Refusal, RouteKind, authorize};
use ami_proto::encode::error;
use ami_proto::limits::HEADERS_MAX;
use ami_proto::{Action, Incoming};
use smallvec::SmallVec;

use super::effect::{EndReason, RefusalKind, SessionNote};
use super::line::Work;
use super::local::LocalAction;
use super::logged_in::Login;
use super::rate::OVER_RATE;
use super::security;
use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use crate::directory::Directory;
use crate::route::{Route, RoutePolicy, route};
use crate::security::SecurityReport;
use crate::subject::ActionSubject;

impl Session {
    /// Takes one message of the client.
    pub(super) fn accept(
        &mut self,
        incoming: Incoming,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        let work = match incoming {
            Incoming::TooLong { action_id } => Work::Ready(error(
                action_id.as_ref(),
                "Failed to parse message: line too long",
            )),
            Incoming::TooManyLines { action_id } => Work::Ready(error(
                action_id.as_ref(),
                "Too many lines in message or allocation failure",
            )),
            Incoming::Action(action) => {
                if let Some(refusal) = self.refused_by_shutdown(&action) {
                    self.line.push(Work::Ready(refusal));
                    return;
                }
                let Phase::Open(login) = &self.phase else {
                    self.accept_before_login(&action, surroundings, now);
                    return;
                };
                let judged = self.judge(login, action, &surroundings.directory());
                match self.rated(judged, surroundings, now) {
                    Judged::Work(work) => work,
                    Judged::Node(node, cost, action) => {
                        self.line.push_for_node(node, cost, *action);
                        return;
                    }
                    Judged::Several(nodes, cost, action) => {
                        self.push_for_several(&nodes, cost, &action, &surroundings.directory());
                        return;
                    }
                    Judged::Refused {
                        bytes,
                        note,
                        report,
                    } => {
                        self.note(note);
                        match report {
                            Some(report) => Work::Refused(bytes, Box::new(report)),
                            None => Work::Ready(bytes),
                        }
                    }
                }
            }
        };
        if matches!(work, Work::Local(LocalAction::Logoff { .. })) {
            // Nothing behind a Logoff is ever read.
            self.ending = Some(EndReason::Logoff);
        }
        self.line.push(work);
    }

    /// The same, unless it goes to a node and is one too many.
    fn rated(&mut self, judged: Judged, surroundings: &impl Surroundings, now: Instant) -> Judged {
        let action = match &judged {
            Judged::Node(_, _, action) | Judged::Several(_, _, action) => action.action(),
            Judged::Work(_) | Judged::Refused { .. } => return judged,
        };
        if self.is_within_rate(surroundings, now) {
            return judged;
        }
        refused(action, OVER_RATE, RefusalKind::Rate, None)
    }

    fn judge(&self, login: &Login, action: Action, directory: &Directory) -> Judged {
        let entries: SmallVec<[_; 4]> = login
            .view
            .nodes()
            .iter()
            .filter_map(|node| directory.entry(*node))
            .collect();
        let learned: SmallVec<[&LearnedActions; 4]> =
            entries.iter().map(|entry| &*entry.status.learned).collect();
        let config_dirs: SmallVec<[&str; 4]> =
            entries.iter().map(|entry| &*entry.config_dir).collect();
        let module_dirs: SmallVec<[&str; 4]> =
            entries.iter().map(|entry| &*entry.module_dir).collect();
        let context = AuthorizeContext {
            learned: &learned,
            config_dirs: &config_dirs,
            module_dirs: &module_dirs,
        };
        let authorized = match authorize(&login.principal, action, &context) {
            Ok(authorized) => authorized,
            Err((refusal, action)) => return denied(login, &action, refusal),
        };
        if authorized.route() == RouteKind::Local {
            let local = authorized
                .spec()
                .and_then(|spec| LocalAction::of(spec, authorized.action()));
            return match local {
                Some(local) => Judged::Work(Work::Local(local)),
                None => refused(
                    authorized.action(),
                    "This action belongs to the session and is not supported",
                    RefusalKind::Route,
                    None,
                ),
            };
        }
        let account = login.principal.account();
        let policy = RoutePolicy {
            view: &login.view,
            select: &self.settings.select,
            account: account.name.as_str(),
            default_node: account.default_node.as_deref(),
            rules: &self.settings.routes,
        };
        match route(&authorized, directory, &policy).0 {
            Route::Node(node) => {
                let cost = cost_of(&authorized, login);
                match authorized.at(node) {
                    Ok(authorized) => Judged::Node(node, cost, Box::new(authorized)),
                    Err((refusal, authorized)) => denied(login, authorized.action(), refusal),
                }
            }
            Route::Several(nodes) => {
                let cost = cost_of(&authorized, login);
                Judged::Several(nodes, cost, Box::new(authorized))
            }
            Route::Denied(refusal) => denied(login, authorized.action(), refusal),
            Route::Refused(message) => {
                refused(authorized.action(), &message, RefusalKind::Route, None)
            }
        }
    }
}

enum Judged {
    Work(Work),
    Node(
        crate::ids::NodeId,
        Cost,
        Box<ami_access::Authorized<Action>>,
    ),
    Several(
        SmallVec<[crate::ids::NodeId; 4]>,
        Cost,
        Box<ami_access::Authorized<Action>>,
    ),
    Refused {
        bytes: bytes::Bytes,
        note: SessionNote,
        report: Option<SecurityReport>,
    },
}

/// What the account's rights refuse.
fn denied(login: &Login, action: &Action, refusal: Refusal) -> Judged {
    let message = refusal.message(action.name());
    let report = security::refused(login, action, refusal);
    refused(action, &message, RefusalKind::Access(refusal), report)
}

fn refused(
    action: &Action,
    message: &str,
    kind: RefusalKind,
    report: Option<SecurityReport>,
) -> Judged {
    let note = SessionNote::Refused {
        action: ActionSubject::of(action),
        message: message.to_owned(),
        kind,
    };
    Judged::Refused {
        bytes: error(action.action_id().as_ref(), message),
        note,
        report,
    }
}

/// 128 headers, the account's variables included, leave no room for an ActionID of ours: such an action is matched by order
/// and has its lane to itself.
fn cost_of(authorized: &ami_access::Authorized<Action>, login: &Login) -> Cost {
    let action = authorized.action();
    let variables = if action.name().is_some_and(|name| name.is("Originate")) {
        login.variables.len()
    } else {
        0
    };
    let full = action.line_count() + variables >= HEADERS_MAX;
    match authorized.cost() {
        Cost::Quick if full => Cost::Slow,
        cost @ (Cost::Quick | Cost::Slow | Cost::Blocking) => cost,
    }
}
