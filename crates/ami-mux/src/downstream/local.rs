//! The actions that belong to the session itself and never go up: one file each where there is something to it.

mod events;
mod filter;
mod list_commands;
mod wait_event;

use ami_access::ActionSpec;
use ami_proto::encode::success;
use ami_proto::rewrite::timestamp_text;
use ami_proto::{Action, ClientActionId, ResponseBuilder};
use bytes::Bytes;
use std::time::Instant;

use super::effect::SessionNote;
use super::session::{Phase, Session};
use super::surroundings::Surroundings;
use filter::FilterRequest;
use wait_event::WaitRequest;
pub(super) use wait_event::Waiting;

/// An action that is answered here, with what it needs when its turn comes.
#[derive(Debug)]
pub(super) enum LocalAction {
    /// Answers with the time.
    Ping { id: Option<ClientActionId> },
    /// Changes the event mask.
    Events {
        id: Option<ClientActionId>,
        mask: Vec<u8>,
    },
    /// What the account may do.
    ListCommands { id: Option<ClientActionId> },
    /// Ends the session.
    Logoff { id: Option<ClientActionId> },
    /// A second Login changes nothing.
    Login { id: Option<ClientActionId> },
    /// A challenge that no login will use.
    Challenge { action: Action },
    /// Adds an event filter.
    Filter(Box<FilterRequest>),
    /// Waits for an event.
    WaitEvent(WaitRequest),
}

impl LocalAction {
    /// Reads an action that the table marks as local; `None` is a row that nobody answers.
    pub(super) fn of(spec: &ActionSpec, action: &Action) -> Option<Self> {
        let id = action.action_id();
        Some(match spec.name {
            "Ping" => Self::Ping { id },
            "Events" => Self::Events {
                id,
                mask: action.header("EventMask").unwrap_or_default().to_vec(),
            },
            "ListCommands" => Self::ListCommands { id },
            "Logoff" => Self::Logoff { id },
            "Login" => Self::Login { id },
            "Challenge" => Self::Challenge {
                action: action.clone(),
            },
            "Filter" => Self::Filter(Box::new(FilterRequest::of(action))),
            "WaitEvent" => Self::WaitEvent(WaitRequest::of(action)),
            _ => return None,
        })
    }
}

impl LocalAction {
    /// The action's name in the table.
    fn name(&self) -> &'static str {
        match self {
            Self::Ping { .. } => "Ping",
            Self::Events { .. } => "Events",
            Self::ListCommands { .. } => "ListCommands",
            Self::Logoff { .. } => "Logoff",
            Self::Login { .. } => "Login",
            Self::Challenge { .. } => "Challenge",
            Self::Filter(_) => "Filter",
            Self::WaitEvent(_) => "WaitEvent",
        }
    }
}

impl Session {
    /// Runs a local action whose turn has come.
    pub(super) fn run_local(
        &mut self,
        action: LocalAction,
        surroundings: &impl Surroundings,
        now: Instant,
    ) {
        self.note(SessionNote::AnsweredHere(action.name()));
        match action {
            LocalAction::Ping { id } => self.write(pong(id.as_ref(), surroundings)),
            LocalAction::Events { id, mask } => {
                let broken = surroundings.accounts().general().broken_events_action;
                self.change_events(id.as_ref(), &mask, broken);
            }
            LocalAction::ListCommands { id } => {
                let Phase::Open(login) = &self.phase else {
                    return;
                };
                let reply = list_commands::reply(id.as_ref(), login, &surroundings.directory());
                self.write(reply);
            }
            LocalAction::Logoff { id } => self.log_off(id.as_ref()),
            LocalAction::Login { id } => self.write(success(id.as_ref(), "Already authenticated")),
            LocalAction::Challenge { action } => {
                let reply = self.challenge_reply(&action, surroundings);
                self.write(reply);
            }
            LocalAction::Filter(request) => self.add_filter(&request),
            LocalAction::WaitEvent(request) => self.begin_wait(request, now),
        }
    }
}

fn pong(id: Option<&ClientActionId>, surroundings: &impl Surroundings) -> Bytes {
    let timestamp = timestamp_text(surroundings.wall_clock());
    ResponseBuilder::new("Success")
        .action_id(id)
        .text("Ping", "Pong")
        .text("Timestamp", timestamp)
        .finish()
}
