//! The ends of a merged list: the response that begins it, and the Complete event of the first node that completed, with the sums of all.

use ami_proto::encode::error;
use ami_proto::{ClientActionId, EventBuilder, Frame};
use bytes::{BufMut, Bytes, BytesMut};

use crate::upstream::AGE_HEADER;

/// Counters of Complete events that add up over nodes.
const COUNTERS: [&str; 8] = [
    "Items",
    "Total",
    "Registered",
    "NotRegistered",
    "ListExtensions",
    "ListPriorities",
    "ListContexts",
    "TotalPeers",
];

/// Headers of an event that ends a list before its time.
const OF_CANCELLED: [&str; 2] = ["Message", "Outcome"];

/// How the nodes' parts ended.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// The event that the end is made from.
    base: Option<Bytes>,
    /// It is that of a list that came to its end.
    completed: bool,
    items: u64,
    counters: Vec<(&'static str, u64)>,
    ok: usize,
    failed: Vec<String>,
    /// The age of the oldest part, in milliseconds, if one was kept from before.
    oldest: Option<u64>,
}

/// Whether an error only says that there is nothing of the kind, as `No active conferences.` does.
pub(super) fn is_nothing(message: &str) -> bool {
    message
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("no "))
}

impl Sums {
    /// A node's list is complete; it gave `items` of them.
    pub(super) fn complete(&mut self, event: &Bytes, items: u64) {
        self.ok += 1;
        self.add(event, items);
        if !self.completed {
            self.base = Some(event.clone());
            self.completed = true;
        }
    }

    /// A node's list begins, which was kept for so many milliseconds.
    pub(super) fn kept(&mut self, age: Option<u64>) {
        self.oldest = self.oldest.max(age);
    }

    /// A node's part has ended without a list.
    pub(super) fn ended(&mut self) {
        self.ok += 1;
    }

    /// A node's part has no regular end; it gave `items`.
    pub(super) fn failed(&mut self, node: &str, reason: &str, items: u64) {
        self.items += items;
        self.failed.push(format!("{node} ({reason})"));
    }

    /// amiplex ended a node's list with this event.
    pub(super) fn cancelled(&mut self, node: &str, reason: &str, event: &Bytes, items: u64) {
        self.failed(node, reason, items);
        self.base.get_or_insert_with(|| event.clone());
    }

    /// How many nodes answered, and the others with their reasons.
    pub(super) fn nodes(&self) -> (String, Option<String>) {
        let failed = (!self.failed.is_empty()).then(|| self.failed.join(", "));
        (self.ok.to_string(), failed)
    }

    /// The last event of the list. With `cut`, it says that the list is not whole.
    pub(super) fn finish(
        &self,
        complete: &str,
        id: Option<&ClientActionId>,
        label: &str,
        cut: bool,
    ) -> Bytes {
        let whole = self.completed && !cut;
        let mut out = BytesMut::new();
        let base = self.base.clone().and_then(Frame::parse);
        let base =
            base.or_else(|| Frame::parse(EventBuilder::new(complete).action_id(id).finish()));
        let mut rest: Vec<(&str, String)> = vec![
            (
                "EventList",
                if whole { "Complete" } else { "Cancelled" }.to_owned(),
            ),
            ("ListItems", self.items.to_string()),
        ];
        rest.extend(
            self.counters
                .iter()
                .map(|(name, sum)| (*name, sum.to_string())),
        );
        for line in base.iter().flat_map(Frame::lines) {
            if let Some(at) = rest.iter().position(|(name, _)| line.is(name)) {
                let (name, value) = rest.remove(at);
                put(&mut out, name, &value);
            } else if !(line.is(label) || whole && OF_CANCELLED.iter().any(|name| line.is(name))) {
                out.put_slice(line.raw);
                out.put_slice(b"\r\n");
            }
        }
        for (name, value) in rest {
            put(&mut out, name, &value);
        }
        let (ok, failed) = self.nodes();
        put(&mut out, "NodesOk", &ok);
        if let Some(failed) = failed {
            put(&mut out, "NodesFailed", &printable(&failed));
        }
        if let Some(age) = self.oldest {
            put(&mut out, AGE_HEADER, &age.to_string());
        }
        out.put_slice(b"\r\n");
        out.freeze()
    }

    /// The answer when no node gave one.
    pub(super) fn refusal(&self, id: Option<&ClientActionId>) -> Bytes {
        error(id, format!("No answer from {}", self.failed.join(", ")))
    }

    fn add(&mut self, event: &Bytes, items: u64) {
        let frame = Frame::parse(event.clone());
        let number = |name: &str| -> Option<u64> {
            let value = frame.as_ref()?.header(name)?;
            std::str::from_utf8(value).ok()?.parse().ok()
        };
        self.items += number("ListItems").unwrap_or(items);
        for name in COUNTERS {
            let Some(count) = number(name) else { continue };
            match self.counters.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += count,
                None => self.counters.push((name, count)),
            }
        }
    }
}

/// The response that begins the list. Up to 13.1 some do not say that they do; the Complete event of a merged list always says that it
/// completes one. The age of one that was kept is told there too, when those of all nodes are known.
pub(super) fn start(response: &Bytes) -> (Bytes, Option<u64>) {
    let Some(frame) = Frame::parse(response.clone()) else {
        return (response.clone(), None);
    };
    let age = frame.header(AGE_HEADER);
    if frame.list_marker().is_some() && age.is_none() {
        return (response.clone(), None);
    }
    let mut out = BytesMut::with_capacity(response.len() + 20);
    let mut marked = frame.list_marker().is_some();
    for line in frame.lines().filter(|line| !line.is(AGE_HEADER)) {
        if !marked && !line.is("Response") && !line.is("ActionID") {
            put(&mut out, "EventList", "start");
            marked = true;
        }
        out.put_slice(line.raw);
        out.put_slice(b"\r\n");
    }
    if !marked {
        put(&mut out, "EventList", "start");
    }
    out.put_slice(b"\r\n");
    let age = age.and_then(|age| std::str::from_utf8(age).ok()?.parse().ok());
    (out.freeze(), age)
}

fn put(out: &mut BytesMut, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.put_slice(part.as_bytes());
    }
}

/// Reasons are texts of nodes.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "?")
}
