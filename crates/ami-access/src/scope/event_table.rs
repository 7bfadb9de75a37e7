//! Which headers of which events and list items name a channel or a device.
//!
//! Owner: the project. Only what stands here counts: a header's name alone says little (the `Channel` of `LogChannel` is a
//! file, that of an action UserEvent what its client wrote). An event without a row names nobody's channel, and accounts
//! with `channels` do not see it. Headers of all branches stand in one row: an event has those of its node's.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What the value of a header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// A channel.
    Channel,
    /// A device with its technology, as it is dialled or has a state.
    Device,
    /// A channel, or what was dialled where none came to be.
    Party,
    /// A device of that technology, named without it.
    Of(&'static str),
    /// A device of the technology that the header `Channeltype` says.
    OfChanneltype,
    /// Devices separated by `&`, and presences behind a comma: the hint of an extension.
    Hint,
    /// A bridge by its unique id: of whoever has seen a channel of its own enter it.
    Bridge,
}

/// What an event says of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BridgeStep {
    /// Its channel has entered it.
    Enter,
    /// It is no more.
    End,
}

/// Headers that name objects.
type Headers = &'static [(&'static str, Names)];

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventRow {
    pub(crate) headers: Headers,
    /// From this header on the event is text of somebody else's.
    pub(crate) until: Option<&'static str>,
    /// What it says of the bridge of its `BridgeUniqueid`.
    pub(crate) bridge: Option<BridgeStep>,
    /// It tells of the node and of nobody on it.
    pub(crate) is_for_all: bool,
}

impl EventRow {
    const fn naming(headers: Headers) -> Self {
        Self {
            headers,
            until: None,
            bridge: None,
            is_for_all: false,
        }
    }
}

/// The row of an event, its name exactly as Asterisk writes it.
pub(crate) fn row(event: &[u8]) -> Option<EventRow> {
    static BY_NAME: LazyLock<HashMap<&'static [u8], EventRow>> =
        LazyLock::new(|| rows().map(|(event, row)| (event.as_bytes(), row)).collect());
    BY_NAME.get(event).copied()
}

/// Every event with its row.
pub(crate) fn rows() -> impl Iterator<Item = (&'static str, EventRow)> {
    let named = TABLE.iter().flat_map(|(events, headers)| {
        events
            .split_ascii_whitespace()
            .map(|event| (event, EventRow::naming(headers)))
    });
    named.chain(SPECIAL.iter().copied())
}

/// Those with more to them than the headers.
const SPECIAL: &[(&str, EventRow)] = &[
    // The dialplan's UserEvent begins with the channel that ran it (16.28 and 22.10; up to 11 with a Uniqueid alone). The action's
    // begins with `UserEvent`, and all that follows is its client's text.
    (
        "UserEvent",
        EventRow {
            until: Some("UserEvent"),
            ..EventRow::naming(ONE_CHANNEL)
        },
    ),
    ("BridgeEnter", ENTERS),
    // On 16 it comes before the BridgeEnter of its channel.
    ("ConfbridgeJoin", ENTERS),
    (
        "BridgeDestroy",
        EventRow {
            bridge: Some(BridgeStep::End),
            ..EventRow::naming(ONE_BRIDGE)
        },
    ),
    ("FullyBooted", FOR_ALL),
    ("Shutdown", FOR_ALL),
];

const FOR_ALL: EventRow = EventRow {
    is_for_all: true,
    ..EventRow::naming(&[])
};

const ENTERS: EventRow = EventRow {
    bridge: Some(BridgeStep::Enter),
    ..EventRow::naming(ONE_CHANNEL)
};

const ONE_CHANNEL: Headers = &[("Channel", Names::Channel)];

const ONE_BRIDGE: Headers = &[("BridgeUniqueid", Names::Bridge)];

const ENDPOINT: Headers = &[("Endpoint", Names::Of("PJSIP"))];

const ENDPOINT_NAME: Headers = &[("EndpointName", Names::Of("PJSIP"))];

const OBJECT_IS_ENDPOINT: Headers = &[("ObjectName", Names::Of("PJSIP"))];

const TWO_CHANNELS: Headers = &[("Channel1", Names::Channel), ("Channel2", Names::Channel)];

const DIALLED: Headers = &[("Channel", Names::Channel), ("DestChannel", Names::Channel)];

const QUEUE_MEMBER: Headers = &[
    ("Interface", Names::Device),
    ("Location", Names::Device),
    ("StateInterface", Names::Device),
];

const QUEUE_CALL: Headers = &[
    ("Channel", Names::Channel),
    ("DestChannel", Names::Channel),
    ("Interface", Names::Device),
    // Up to Asterisk 11.
    ("ChannelCalling", Names::Channel),
    ("DestinationChannel", Names::Channel),
    ("BridgedChannel", Names::Channel),
    ("AgentCalled", Names::Device),
    ("Member", Names::Device),
];

const PARKED: Headers = &[
    ("ParkeeChannel", Names::Channel),
    ("ParkerChannel", Names::Channel),
    ("ParkerDialString", Names::Device),
    ("RetrieverChannel", Names::Channel),
    // Up to Asterisk 11.
    ("Channel", Names::Channel),
    ("From", Names::Channel),
];

const LOCAL_PAIR: Headers = &[
    ("LocalOneChannel", Names::Channel),
    ("LocalTwoChannel", Names::Channel),
    ("SourceChannel", Names::Channel),
    ("Channel1", Names::Channel),
    ("Channel2", Names::Channel),
];

const COMPLETED_CALLS: Headers = &[("Caller", Names::Party), ("Callee", Names::Party)];

const DAHDI: Headers = &[
    ("Channel", Names::Channel),
    ("DAHDIChannel", Names::Of("DAHDI")),
];

/// Events that name their objects by the same headers, with those headers.
const TABLE: &[(&str, Headers)] = &[
    // Of one channel each.
    (
        "AGIExec AGIExecEnd AGIExecStart AOC-D AOC-E AOC-S AgentLogin AgentLogoff Agentlogin Agentlogoff \
         AsyncAGI AsyncAGIEnd AsyncAGIExec AsyncAGIStart BridgeLeave ChannelTalkingStart \
         ChannelTalkingStop ChannelUpdate ConfbridgeLeave ConfbridgeMute \
         ConfbridgeTalking ConfbridgeUnmute DTMF DTMFBegin DTMFEnd FAXStatus FaxReceived FaxSent Flash \
         Hangup HangupHandlerPop HangupHandlerPush HangupHandlerRun HangupRequest Hold Join Leave MCID \
         MeetmeJoin MeetmeLeave MeetmeMute MeetmeTalkRequest MeetmeTalking MessageWaiting MiniVoiceMail \
         MixMonitorMute MixMonitorStart MixMonitorStop MonitorStart MonitorStop MusicOnHold \
         MusicOnHoldStart MusicOnHoldStop NewAccountCode NewCallerid NewConnectedLine NewPeerAccount \
         Newchannel Newexten Newstate QueueCallerAbandon QueueCallerJoin QueueCallerLeave RTCPReceived \
         RTCPSent ReceiveFAX SendFAX SessionTimeout SoftHangupRequest Unhold VarSet Wink",
        ONE_CHANNEL,
    ),
    // Items of lists of channels.
    (
        "BridgeInfoChannel ChannelHungup ConfbridgeList CoreShowChannel FAXSessionsEntry MeetmeList \
         QueueEntry Status",
        ONE_CHANNEL,
    ),
    (
        "CoreShowChannelMap",
        &[("ConnectedChannel", Names::Channel)],
    ),
    // An agent is the channel on which it is logged in, and has that of the call it is on.
    (
        "Agents",
        &[
            ("Channel", Names::Channel),
            ("TalkingToChan", Names::Channel),
            ("LoggedInChan", Names::Channel),
        ],
    ),
    // What happens between channels is about each of them.
    ("DialBegin DialEnd DialState", DIALLED),
    (
        "Dial",
        &[
            ("Channel", Names::Channel),
            ("Destination", Names::Channel),
            ("Source", Names::Channel),
        ],
    ),
    ("Bridge BridgeAction BridgeExec Link Unlink", TWO_CHANNELS),
    (
        "LocalBridge LocalOptimizationBegin LocalOptimizationEnd",
        LOCAL_PAIR,
    ),
    (
        "AttendedTransfer",
        &[
            ("OrigTransfererChannel", Names::Channel),
            ("SecondTransfererChannel", Names::Channel),
            ("LocalOneChannel", Names::Channel),
            ("LocalTwoChannel", Names::Channel),
            ("DestTransfererChannel", Names::Channel),
            ("TransfereeChannel", Names::Channel),
            ("TransferTargetChannel", Names::Channel),
        ],
    ),
    (
        "BlindTransfer",
        &[
            ("TransfererChannel", Names::Channel),
            ("TransfereeChannel", Names::Channel),
        ],
    ),
    (
        "Pickup Transfer",
        &[
            ("Channel", Names::Channel),
            ("TargetChannel", Names::Channel),
        ],
    ),
    (
        "ChanSpyStart ChanSpyStop",
        &[
            ("SpyerChannel", Names::Channel),
            ("SpyeeChannel", Names::Channel),
        ],
    ),
    (
        "Masquerade",
        &[("Clone", Names::Channel), ("Original", Names::Channel)],
    ),
    (
        "Rename",
        &[("Channel", Names::Channel), ("Newname", Names::Channel)],
    ),
    (
        "Cdr",
        &[
            ("Channel", Names::Channel),
            ("DestinationChannel", Names::Channel),
        ],
    ),
    (
        "CEL",
        &[("Channel", Names::Channel), ("Peer", Names::Channel)],
    ),
    (
        "ParkedCall ParkedCallGiveUp ParkedCallSwap ParkedCallTimeOut UnParkedCall",
        PARKED,
    ),
    // The answer to an Originate: of a channel, or of what was dialled in vain.
    ("OriginateResponse", &[("Channel", Names::Party)]),
    // Queues: the caller, the member that is called, the device whose state counts for it.
    (
        "AgentCalled AgentComplete AgentConnect AgentDump AgentRingNoAnswer",
        QUEUE_CALL,
    ),
    (
        "QueueMember QueueMemberAdded QueueMemberPause QueueMemberPaused QueueMemberPenalty \
         QueueMemberRemoved QueueMemberRinginuse QueueMemberStatus",
        QUEUE_MEMBER,
    ),
    // Call completion names the caller's and the callee's device.
    (
        "CCAvailable CCCallerRecalling CCCallerStartMonitoring CCCallerStopMonitoring CCFailure \
         CCMonitorFailed CCOfferTimerStart CCRecallComplete CCRequestAcknowledged CCRequested",
        COMPLETED_CALLS,
    ),
    // States of devices.
    ("DeviceStateChange", &[("Device", Names::Device)]),
    ("PresenceStateChange", &[("Presentity", Names::Device)]),
    ("ExtensionStatus PresenceStatus", &[("Hint", Names::Hint)]),
    ("PeerStatus", &[("Peer", Names::Device)]),
    ("SIPQualifyPeerDone", &[("Peer", Names::Of("SIP"))]),
    ("PeerEntry", &[("ObjectName", Names::OfChanneltype)]),
    // PJSIP: endpoints, and what says to which endpoint it belongs. Auths and transports can be shared between
    // endpoints, and hold secrets.
    (
        "AorDetail ContactStatus ContactStatusDetail IdentifyDetail",
        ENDPOINT_NAME,
    ),
    ("EndpointDetail EndpointList", OBJECT_IS_ENDPOINT),
    (
        "ContactList InboundSubscriptionDetail OutboundSubscriptionDetail PJSIPMaintenanceStatus",
        ENDPOINT,
    ),
    // DAHDI numbers its channels.
    (
        "Alarm AlarmClear DAHDIChannel DAHDIShowChannels DNDState",
        DAHDI,
    ),
    // Bridges of one's own, which came to be before a channel entered them.
    ("ConfbridgeEnd", ONE_BRIDGE),
    (
        "BridgeMerge",
        &[
            ("ToBridgeUniqueid", Names::Bridge),
            ("FromBridgeUniqueid", Names::Bridge),
        ],
    ),
];
