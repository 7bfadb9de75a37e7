//! Lists of things that the simulated world does not have: each with one item, so that their form can be seen.

use super::{Outcome, Turn};
use crate::message::Message;

/// Action, text of the response, item, completion; in alphabetical order.
#[rustfmt::skip]
static LISTS: &[(&str, &str, &str, &str)] = &[
    ("ConfbridgeList", "Confbridge user list will follow", "ConfbridgeList", "ConfbridgeListComplete"),
    ("DAHDIShowChannels", "DAHDI channel status will follow", "DAHDIShowChannels", "DAHDIShowChannelsComplete"),
    ("DAHDIShowStatus", "DAHDI span statuses will follow", "DAHDIShowStatus", "DAHDIShowStatusComplete"),
    ("FAXSessions", "FAXSessionsEntry event list will follow", "FAXSessionsEntry", "FAXSessionsComplete"),
    ("IAXpeerlist", "IAX Peer status list will follow", "PeerEntry", "PeerlistComplete"),
    ("IAXpeers", "Peer status list will follow", "PeerEntry", "PeerlistComplete"),
    ("IAXregistry", "Registrations will follow", "RegistryEntry", "RegistrationsComplete"),
    ("MeetmeList", "Meetme user list will follow", "MeetmeList", "MeetmeListComplete"),
    ("MeetmeListRooms", "Meetme conferences will follow", "MeetmeListRooms", "MeetmeListRoomsComplete"),
    ("MWIGet", "Mailboxes will follow", "MWIGet", "MWIGetComplete"),
    ("PJSIPShowAors", "A listing of AORs follows, presented as AorList events", "AorList", "AorListComplete"),
    ("PJSIPShowAuths", "A listing of Auths follows, presented as AuthList events", "AuthList", "AuthListComplete"),
    ("PJSIPShowMaintenance", "Maintenance status events follow", "PJSIPMaintenanceStatus", "PJSIPMaintenanceStatusComplete"),
    ("PJSIPShowRegistrationInboundContactStatuses", "Following are ContactStatusEvents for each Inbound registration", "ContactStatusDetail", "ContactStatusDetailComplete"),
    ("PJSIPShowRegistrationsInbound", "Following are Events for each Inbound registration", "InboundRegistrationDetail", "InboundRegistrationDetailComplete"),
    ("PJSIPShowRegistrationsOutbound", "Following are Events for each Outbound registration", "OutboundRegistrationDetail", "OutboundRegistrationDetailComplete"),
    ("PJSIPShowResourceLists", "A listing of resource lists follows, presented as ResourceListDetail events", "ResourceListDetail", "ResourceListDetailComplete"),
    ("PJSIPShowSubscriptionsInbound", "Following are Events for each inbound Subscription", "InboundSubscriptionDetail", "InboundSubscriptionDetailComplete"),
    ("PJSIPShowSubscriptionsOutbound", "Following are Events for each outbound Subscription", "OutboundSubscriptionDetail", "OutboundSubscriptionDetailComplete"),
    ("PRIShowSpans", "Span status will follow", "PRIShowSpans", "PRIShowSpansComplete"),
    ("ShowDialPlan", "DialPlan list will follow", "ListDialplan", "ShowDialPlanComplete"),
    ("SIPpeers", "Peer status list will follow", "PeerEntry", "PeerlistComplete"),
    ("SIPpeerstatus", "Peer status will follow", "PeerStatus", "SIPpeerstatusComplete"),
    ("SIPshowregistry", "Registrations will follow", "RegistryEntry", "RegistrationsComplete"),
    ("SKINNYdevices", "Device status list will follow", "DeviceEntry", "DevicelistComplete"),
    ("SKINNYlines", "Line status list will follow", "LineEntry", "LinelistComplete"),
    ("VoicemailBoxSummary", "Voicemail box detail will follow", "VoicemailBoxDetail", "VoicemailBoxDetailComplete"),
    ("VoicemailUserStatus", "Voicemail user detail will follow", "VoicemailUserDetail", "VoicemailUserDetailComplete"),
];

pub(super) fn of_one(turn: &mut Turn<'_>) -> Outcome {
    let name = turn.action.name();
    let is_asked = |list: &&(&str, &str, &str, &str)| name.is_some_and(|name| name.is(list.0));
    let Some((_, text, item, complete)) = LISTS.iter().find(is_asked) else {
        return turn.error("Nothing to list");
    };
    let item = Message::event(item)
        .action_id(turn.id())
        .header("Name", "one");
    turn.list(text, vec![item], complete, &[])
}
