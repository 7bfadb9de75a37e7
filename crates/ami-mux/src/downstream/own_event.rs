//! The beginning of the events that amiplex itself raises.

use ami_proto::EventBuilder;
use ami_proto::rewrite::timestamp_text;

use super::surroundings::Surroundings;

/// `Event`, `Privilege`, and `Timestamp` where `timestampevents` asks for it, as in every broadcast event of Asterisk.
pub(super) fn own_event(name: &str, surroundings: &impl Surroundings) -> EventBuilder {
    let event = EventBuilder::new(name).text("Privilege", "system,all");
    if surroundings.accounts().general().timestamp_events {
        event.text("Timestamp", timestamp_text(surroundings.wall_clock()))
    } else {
        event
    }
}
