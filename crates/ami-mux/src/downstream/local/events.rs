//! The Events action: which classes the client wants, within what its account may read.

use ami_proto::encode::error;
use ami_proto::{ClassSet, ClientActionId, EventMask, ResponseBuilder, parse_event_mask};

use crate::downstream::effect::SessionEffect;
use crate::downstream::interest::Interest;
use crate::downstream::session::{Phase, Session};

impl Session {
    /// With `broken` (`brokeneventsaction = yes`) an invalid mask and exactly all classes get no reply.
    ///
    /// Replies `On` whenever something was asked for, even if nothing of it may be read, as Asterisk does.
    pub(in crate::downstream) fn change_events(
        &mut self,
        id: Option<&ClientActionId>,
        mask: &[u8],
        broken: bool,
    ) {
        let asked = match parse_event_mask(mask) {
            EventMask::Invalid if broken => return,
            EventMask::Invalid => {
                self.write(error(id, "Invalid event mask"));
                return;
            }
            EventMask::Off => ClassSet::NONE,
            EventMask::All => ClassSet::ALL,
            EventMask::Set(classes) => classes,
        };
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        login.interest = Interest::of(&login.principal, asked);
        let interest = login.interest.clone();
        login.own_bridges.forget_all();
        self.effects.push_back(SessionEffect::Interest(interest));
        if broken && asked == ClassSet::ALL {
            return;
        }
        let state = if asked.is_empty() { "Off" } else { "On" };
        let reply = ResponseBuilder::new("Success")
            .action_id(id)
            .text("Events", state)
            .finish();
        self.write(reply);
    }
}
