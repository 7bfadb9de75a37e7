//! Events of one node that came together, as most sessions take them: in one piece.
//!
//! Made by the node's driver of what one turn brought; never changed afterwards. A session whose rights and filters are those of many
//! takes a view: the bytes of the events that it may see, one after the other, made once for all who see the same. Invariants: only
//! events that need no look at the single session are in it; what the views take in memory is bounded by what the events take.

use std::sync::Arc;

use ami_access::Account;
use ami_proto::ClassSet;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::event::NodeEvent;
use crate::ids::NodeId;
use crate::mail::Mail;

/// Events in one piece at most.
const EVENTS_MAX: usize = 256;
/// Bytes after which a piece takes no more: whoever has no room for it yet holds it whole.
const BYTES_MAX: usize = 64 * 1024;
/// Views are kept while together they are not larger than so many times the events.
const VIEWS_KEPT: usize = 3;

/// Two or more events of one node.
#[derive(Debug)]
pub struct EventBatch {
    node: NodeId,
    events: Vec<Arc<NodeEvent>>,
    bytes: usize,
    kinds: SmallVec<[Kind; 4]>,
    views: Mutex<Views>,
}

/// The events of the same classes.
#[derive(Debug)]
struct Kind {
    classes: Option<ClassSet>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Views {
    made: Vec<(ViewKey, BatchView)>,
    bytes: usize,
}

/// What a view depends on. The account is here for its filters, and stays alive so that another cannot be taken for it.
#[derive(Debug)]
struct ViewKey {
    kinds: u32,
    filters: Option<Arc<Account>>,
    label: Option<Arc<str>>,
}

/// The events of a batch that a session may see.
#[derive(Clone, Debug, Default)]
pub struct BatchView {
    /// One after the other, in order.
    pub bytes: Bytes,
    /// How many they are.
    pub events: usize,
}

impl EventBatch {
    /// Puts events that stand side by side and are of one node into batches. Everything else stays as it is, where it is.
    pub fn gather(mail: &mut Vec<Mail>) {
        if mail.len() < 2 {
            return;
        }
        let mut gathered = Vec::with_capacity(mail.len().min(EVENTS_MAX));
        let mut run: Vec<Arc<NodeEvent>> = Vec::new();
        let mut run_bytes = 0;
        for mail in mail.drain(..) {
            let event = match mail.into_ordinary_event() {
                Ok(event) => event,
                Err(other) => {
                    end_run(&mut gathered, &mut run);
                    run_bytes = 0;
                    gathered.push(other);
                    continue;
                }
            };
            let fits = run.len() < EVENTS_MAX
                && run_bytes + event.plain().len() <= BYTES_MAX
                && run.last().is_none_or(|last| last.node() == event.node());
            if !fits {
                end_run(&mut gathered, &mut run);
                run_bytes = 0;
            }
            run_bytes += event.plain().len();
            run.push(event);
        }
        end_run(&mut gathered, &mut run);
        *mail = gathered;
    }

    /// Gives the events back when they are of too many kinds to be one piece.
    fn new(node: NodeId, events: Vec<Arc<NodeEvent>>) -> Result<Self, Vec<Arc<NodeEvent>>> {
        let mut kinds: SmallVec<[Kind; 4]> = SmallVec::new();
        let mut bytes = 0;
        for event in &events {
            let length = event.plain().len();
            bytes += length;
            let classes = event.classes();
            match kinds.iter_mut().find(|kind| kind.classes == classes) {
                Some(kind) => kind.bytes += length,
                None => kinds.push(Kind {
                    classes,
                    bytes: length,
                }),
            }
        }
        // The kinds that a session sees are a set of bits.
        if kinds.len() > 32 {
            return Err(events);
        }
        Ok(Self {
            node,
            events,
            bytes,
            kinds,
            views: Mutex::default(),
        })
    }

    /// The node of all of them.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The events, in order.
    pub fn events(&self) -> &[Arc<NodeEvent>] {
        &self.events
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of those whose classes are all in `mask`.
    pub fn bytes_visible_to(&self, mask: ClassSet) -> usize {
        let visible = self.kinds.iter().filter(|kind| kind.visible_to(mask));
        visible.map(|kind| kind.bytes).sum()
    }

    /// What a session sees with this mask, the filters of this account, if it has any, and this label.
    pub(crate) fn view(
        &self,
        mask: ClassSet,
        filters: Option<&Arc<Account>>,
        label: Option<&Arc<str>>,
    ) -> BatchView {
        let kinds = self.kinds_visible_to(mask);
        let mut views = self.views.lock();
        let made = views
            .made
            .iter()
            .find(|(key, _)| key.is(kinds, filters, label));
        if let Some((_, view)) = made {
            return view.clone();
        }
        let view = self.render(mask, filters, label);
        if views.bytes + view.bytes.len() <= VIEWS_KEPT * self.bytes {
            views.bytes += view.bytes.len();
            let key = ViewKey {
                kinds,
                filters: filters.cloned(),
                label: label.cloned(),
            };
            views.made.push((key, view.clone()));
        }
        view
    }

    fn kinds_visible_to(&self, mask: ClassSet) -> u32 {
        let bits = self.kinds.iter().rev();
        bits.fold(0, |bits, kind| bits << 1 | u32::from(kind.visible_to(mask)))
    }

    fn render(
        &self,
        mask: ClassSet,
        filters: Option<&Arc<Account>>,
        label: Option<&Arc<str>>,
    ) -> BatchView {
        let mut bytes = BytesMut::with_capacity(if filters.is_some() { 0 } else { self.bytes });
        let mut events = 0;
        for event in &self.events {
            let passes = filters.is_none_or(|account| account.event_filters.admit(event.plain()));
            if event.visible_to(mask) && passes {
                match label {
                    Some(name) => bytes.extend_from_slice(&event.labelled(name)),
                    None => bytes.extend_from_slice(event.plain()),
                }
                events += 1;
            }
        }
        BatchView {
            bytes: bytes.freeze(),
            events,
        }
    }
}

fn end_run(gathered: &mut Vec<Mail>, run: &mut Vec<Arc<NodeEvent>>) {
    if run.len() < 2 {
        gathered.extend(run.drain(..).map(Mail::Event));
        return;
    }
    let Some(node) = run.first().map(|event| event.node()) else {
        return;
    };
    match EventBatch::new(node, std::mem::take(run)) {
        Ok(batch) => gathered.push(Mail::Events {
            bytes: batch.bytes,
            batch: Arc::new(batch),
        }),
        Err(singly) => gathered.extend(singly.into_iter().map(Mail::Event)),
    }
}

impl Kind {
    fn visible_to(&self, mask: ClassSet) -> bool {
        NodeEvent::are_visible_to(self.classes, mask)
    }
}

impl ViewKey {
    fn is(&self, kinds: u32, filters: Option<&Arc<Account>>, label: Option<&Arc<str>>) -> bool {
        let same_filters = match (&self.filters, filters) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, Some(_)) | (Some(_), None) => false,
        };
        self.kinds == kinds && same_filters && self.label.as_ref() == label
    }
}
