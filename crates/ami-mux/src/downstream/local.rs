//! The actions that belong to the session itself and never go up: one file each where there is something to it.

mod events;
mod list_commands;

use ami_proto::encode::{error, success};
use ami_proto::{Action, ClientActionId, ResponseBuilder};
use bytes::Bytes;

use super::effect::SessionNote;
use super::session::{Phase, Session};
use super::surroundings::Surroundings;

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
    /// Belongs to the session, and is not offered yet.
    Unsupported {
        id: Option<ClientActionId>,
        name: String,
    },
}

impl LocalAction {
    /// Reads an action that the table marks as local.
    pub(super) fn of(action: &Action) -> Self {
        let id = action.action_id();
        let name = action.name().map(ToString::to_string).unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "ping" => Self::Ping { id },
            "events" => Self::Events {
                id,
                mask: action.header("EventMask").unwrap_or_default().to_vec(),
            },
            "listcommands" => Self::ListCommands { id },
            "logoff" => Self::Logoff { id },
            "login" => Self::Login { id },
            "challenge" => Self::Challenge {
                action: action.clone(),
            },
            _ => Self::Unsupported { id, name },
        }
    }
}

impl LocalAction {
    /// The action's name in the table; one that is not offered counts as another.
    fn name(&self) -> &'static str {
        match self {
            Self::Ping { .. } => "Ping",
            Self::Events { .. } => "Events",
            Self::ListCommands { .. } => "ListCommands",
            Self::Logoff { .. } => "Logoff",
            Self::Login { .. } => "Login",
            Self::Challenge { .. } => "Challenge",
            Self::Unsupported { .. } => "other",
        }
    }
}

impl Session {
    /// Runs a local action whose turn has come.
    pub(super) fn run_local(&mut self, action: LocalAction, surroundings: &impl Surroundings) {
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
            LocalAction::Unsupported { id, name } => {
                self.write(error(
                    id.as_ref(),
                    format!("{name} is not supported by amiplex"),
                ));
            }
        }
    }
}

fn pong(id: Option<&ClientActionId>, surroundings: &impl Surroundings) -> Bytes {
    let now = surroundings.wall_clock();
    let timestamp = format!("{}.{:06}", now.as_secs(), now.subsec_micros());
    ResponseBuilder::new("Success")
        .action_id(id)
        .text("Ping", "Pong")
        .text("Timestamp", timestamp)
        .finish()
}
