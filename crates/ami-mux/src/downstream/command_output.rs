//! The form in which a session gets the output of its Commands: what its account says, else its listener.

use ami_access::Authorized;
use ami_proto::{Action, CommandOutput};

use super::session::{Phase, Session};
use crate::ids::ActionSeq;

impl Session {
    /// The form for the answer to this action; of every action but Command, that of the node.
    pub(super) fn command_output(
        &self,
        action: &Authorized<Action>,
        seq: ActionSeq,
    ) -> CommandOutput {
        let Phase::Open(login) = &self.phase else {
            return CommandOutput::Native;
        };
        if action.spec().is_none_or(|spec| spec.name != "Command") {
            return CommandOutput::Native;
        }
        let own = login.principal.account().command_output;
        let wanted = own.unwrap_or(self.settings.command_output);
        // An answer of several nodes is made of events, and in those there is but one form.
        let in_events = self.merges.iter().any(|merge| merge.has(seq));
        if in_events && wanted != CommandOutput::Native {
            return CommandOutput::Output;
        }
        wanted
    }
}
