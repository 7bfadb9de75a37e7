//! What may differ between two runs of one exchange whoever is asked: named header by header, each with its reason.
//!
//! A masked header must still be there, in its place. What is not named here is compared to the byte.

use super::message::Message;

/// What of a header's value is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Value,
    /// All of it, when it is a number.
    Number,
    /// The number that the node gave a channel: `-0000002a` before `;1`, `;2` or the end.
    Serial,
    /// An id that the node gave a channel: `pbx1-1795244344.964`.
    Unique,
    /// A count, when it is the number of items that came; else it is compared.
    Items,
}

pub struct Mask {
    /// Name of the event, `Response`, or `*`.
    pub of: &'static str,
    pub header: &'static str,
    pub part: Part,
    pub reason: &'static str,
}

const fn mask(of: &'static str, header: &'static str, part: Part, reason: &'static str) -> Mask {
    Mask {
        of,
        header,
        part,
        reason,
    }
}

const CLOCK: &str = "the time of day";
const OTHERS: &str = "other tests have calls too";
const SERIAL: &str = "the node numbers its channels";
const LENGTH: &str = "the list shows what others have, too; it must be as many as came";

/// `*` is any message.
pub const MASKS: &[Mask] = &[
    mask("Response", "Timestamp", Part::Value, CLOCK),
    mask("Response", "CoreReloadTime", Part::Value, CLOCK),
    mask("FullyBooted", "Uptime", Part::Value, CLOCK),
    mask("FullyBooted", "LastReload", Part::Value, CLOCK),
    mask("Status", "Seconds", Part::Number, CLOCK),
    mask("CoreShowChannel", "Duration", Part::Value, CLOCK),
    mask("*", "HoldTime", Part::Number, CLOCK),
    mask("*", "LoginTime", Part::Number, CLOCK),
    mask("*", "LastPause", Part::Number, CLOCK),
    mask("QueueParams", "Holdtime", Part::Number, CLOCK),
    mask("QueueParams", "TalkTime", Part::Number, CLOCK),
    mask("QueueEntry", "Wait", Part::Number, CLOCK),
    mask("QueueSummary", "TalkTime", Part::Number, CLOCK),
    mask("QueueSummary", "LongestHoldTime", Part::Number, CLOCK),
    mask("ConfbridgeList", "AnsweredTime", Part::Number, CLOCK),
    mask("ParkedCall", "ParkingTimeout", Part::Number, CLOCK),
    mask("ParkedCall", "ParkingDuration", Part::Number, CLOCK),
    mask("Response", "Challenge", Part::Number, "random"),
    mask("Response", "CoreCurrentCalls", Part::Number, OTHERS),
    mask("Response", "CoreProcessedCalls", Part::Number, OTHERS),
    mask("*", "Channel", Part::Serial, SERIAL),
    mask("ParkedCall", "ParkeeChannel", Part::Serial, SERIAL),
    mask("*", "DestChannel", Part::Serial, SERIAL),
    mask("Response", "Message", Part::Serial, SERIAL),
    mask("OriginateResponse", "Uniqueid", Part::Unique, SERIAL),
    mask("*", "BridgeUniqueid", Part::Value, "random"),
    mask("*", "EventTV", Part::Value, CLOCK),
    mask("*", "SessionTV", Part::Value, CLOCK),
    mask(
        "*",
        "SessionID",
        Part::Value,
        "where the session is in memory",
    ),
    mask(
        "*",
        "LocalAddress",
        Part::Value,
        "node and amiplex listen at different ports",
    ),
    mask(
        "ChallengeResponseFailed",
        "Challenge",
        Part::Number,
        "random",
    ),
    mask(
        "ChallengeResponseFailed",
        "ExpectedResponse",
        Part::Value,
        "made of the challenge",
    ),
    mask("AGIExecStart", "CommandId", Part::Number, "random"),
    mask("AGIExecEnd", "CommandId", Part::Number, "random"),
    mask("StatusComplete", "ListItems", Part::Items, LENGTH),
    mask("StatusComplete", "Items", Part::Items, LENGTH),
    mask("CoreShowChannelsComplete", "ListItems", Part::Items, LENGTH),
    mask("BridgeListComplete", "ListItems", Part::Items, LENGTH),
    mask("ParkedCallsComplete", "ListItems", Part::Items, LENGTH),
    mask("ParkedCallsComplete", "Total", Part::Items, LENGTH),
    mask(
        "ConfbridgeListRoomsComplete",
        "ListItems",
        Part::Items,
        LENGTH,
    ),
    mask("DeviceStateListComplete", "ListItems", Part::Items, LENGTH),
    mask(
        "PresenceStateListComplete",
        "ListItems",
        Part::Items,
        LENGTH,
    ),
    mask(
        "ExtensionStateListComplete",
        "ListItems",
        Part::Items,
        LENGTH,
    ),
    mask("QueueStatusComplete", "ListItems", Part::Items, LENGTH),
    mask("QueueSummaryComplete", "ListItems", Part::Items, LENGTH),
];

/// Which items of a list that shows what others have at the node are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// Those with the word of the exchange. Such lists come in the order of a hash table, so they are compared as a set.
    ByExchange,
    /// Those, and the suite's own, which have its name.
    BySuite,
    /// All but those of other runs, in their order.
    ButRuns,
}

/// The items of such lists.
const SHARED_LISTS: &[(&str, Shared)] = &[
    ("CoreShowChannel", Shared::ByExchange),
    ("Status", Shared::ByExchange),
    ("BridgeListItem", Shared::ByExchange),
    ("ParkedCall", Shared::ByExchange),
    ("ConfbridgeListRooms", Shared::ByExchange),
    ("DeviceStateChange", Shared::ByExchange),
    ("PresenceStateChange", Shared::ByExchange),
    ("ChannelHungup", Shared::ByExchange),
    ("ExtensionStatus", Shared::ButRuns),
    ("QueueParams", Shared::BySuite),
    ("QueueMember", Shared::BySuite),
    ("QueueEntry", Shared::BySuite),
    ("QueueSummary", Shared::BySuite),
];

pub fn shared_list(message: &Message) -> Option<Shared> {
    let kind = message.kind();
    let known = SHARED_LISTS.iter().find(|(item, _)| *item == kind);
    known.map(|(_, shared)| *shared)
}

/// The message as text, what is masked replaced. `items` is how many the list brought that it ends.
pub fn masked(message: &Message, items: usize) -> String {
    let kind = message.kind();
    let mut out = String::new();
    for line in message.lines() {
        let content = String::from_utf8_lossy(line.content);
        match line.header() {
            Some((name, value)) => match mask_of(&kind, name) {
                Some(mask) => {
                    let name = String::from_utf8_lossy(name);
                    out.push_str(&format!("{name}: {}", hidden(mask.part, value, items)));
                }
                None => out.push_str(&content),
            },
            None => out.push_str(&content),
        }
        // A regular line end is shown by the end of the line.
        if line.end != b"\r\n" {
            out.push_str(&format!("<{}>", line.end.escape_ascii()));
        }
        out.push('\n');
    }
    out
}

fn mask_of(kind: &str, name: &[u8]) -> Option<&'static Mask> {
    MASKS
        .iter()
        .find(|mask| (mask.of == kind || mask.of == "*") && mask.header.as_bytes() == name)
}

fn hidden(part: Part, value: &[u8], items: usize) -> String {
    match part {
        Part::Value => "...".to_owned(),
        Part::Number if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            "(a number)".to_owned()
        }
        Part::Unique if is_of_the_node(value) => "(an id)".to_owned(),
        Part::Serial => without_serials(&String::from_utf8_lossy(value)),
        Part::Items if value == items.to_string().as_bytes() => "(as many as came)".to_owned(),
        Part::Number | Part::Unique | Part::Items => String::from_utf8_lossy(value).into_owned(),
    }
}

/// Whether an id is `NAME-SECONDS.NUMBER`, not one that a client chose.
fn is_of_the_node(id: &[u8]) -> bool {
    let text = String::from_utf8_lossy(id);
    let numbers = text
        .split_once('-')
        .and_then(|(_, rest)| rest.split_once('.'));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(seconds, number)| is_number(seconds) && is_number(number))
}

/// Each `-` and eight hexadecimal digits that end there, by `-...`.
fn without_serials(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('-') {
        let (before, behind) = rest.split_at(at + 1);
        out.push_str(before);
        let digits = behind.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits == 8 {
            out.push_str("...");
            rest = &behind[8..];
        } else {
            rest = behind;
        }
    }
    out + rest
}
