//! What each action needs and does: its classes, cost, form of answer and where it goes.
//!
//! Two sources: the built-in table, which knows every action of Asterisk 1.8 to 24, and what each
//! node told at connect. The built-in classes, those of the newest Asterisk, count for all nodes: older
//! ones forgot some.

mod learned;
mod table;

use ami_proto::{ActionName, ClassSet};

use crate::in_action;

pub use learned::{LearnedAction, LearnedActions};
pub use table::{builtin, builtin_all};

/// How long an action may keep a lane busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// Answered at once; may share a lane's pipeline with other sessions.
    Quick,
    /// May wait for files, databases or long tables; has a lane to itself while it runs.
    Slow,
    /// Runs for as long as the client says; has a lane of a separate, bounded kind.
    Blocking,
}

/// How the answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListForm {
    /// One response.
    No,
    /// A response, items, and an event that completes them; an error response ends it at once.
    List {
        /// Names of the completing event, for branches that do not mark it with `EventList`.
        complete: &'static [&'static str],
    },
    /// A list when the header Channel is a `/regex/`, else one response. Only in the table:
    /// authorisation resolves it.
    ConditionalHangup,
    /// Not as the convention says.
    Irregular(Irregular),
    /// Not in the table: whether it is a list is seen from the response.
    Unknown,
}

/// The ways in which an answer is not as the convention says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Irregular {
    /// A second response with the same ActionID may follow the first.
    TwoResponses,
    /// Up to three responses with the same ActionID.
    ThreeResponses,
    /// One more blank line follows the response.
    TrailingBlank,
    /// The same, after an error alone.
    BlankAfterError,
    /// A response without `EventList`, then at most one event with the ActionID, and no completion.
    NoCompletion,
    /// Text without Response and ActionID: needs a lane with nothing else pending.
    Uncorrelatable,
    /// The same, then one blank line more. The text itself may be a blank line.
    TextThenBlank,
    /// The same, then up to two blank lines more.
    TextThenBlanks,
    /// The same in blocks with a blank line behind each, and more blank lines at the end.
    TextBlocks,
}

impl Irregular {
    /// Whether nothing in the answer names the action, so that only the order can.
    pub fn is_uncorrelatable(self) -> bool {
        matches!(
            self,
            Self::Uncorrelatable | Self::TextThenBlank | Self::TextThenBlanks | Self::TextBlocks
        )
    }
}

/// What leads to the node that an action belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteKind {
    /// Answered by amiplex itself, never sent to a node.
    Local,
    /// Names one or more channels; without one it is as `NeedsNode`, or a list when its form says so.
    Channel,
    /// Names a bridge by its unique id.
    Bridge,
    /// Names a conference; MeetmeList without one is a list.
    Conference,
    /// Names a queue or the member of one.
    Queue,
    /// Names a parking lot; without one it is a list.
    Parking,
    /// Names an agent.
    Agent,
    /// Makes a call: the routing rule for new calls decides.
    Originate,
    /// Asks for a table that every node has a part of.
    List,
    /// Belongs to one node that nothing in it names.
    NeedsNode,
    /// Not in the table: nothing is known about it.
    Any,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionSpec {
    /// The name as Asterisk spells it.
    pub name: &'static str,
    /// Any of these is needed; none: open to every session.
    pub classes: ClassSet,
    /// Its cost in the form that costs most; headers may lower or raise it.
    pub cost: Cost,
    /// How its answer ends.
    pub list: ListForm,
    /// What leads to its node.
    pub route: RouteKind,
    /// A read whose answer is the same for everybody who sends the same headers.
    pub shareable: bool,
}

impl ActionSpec {
    /// Whether amiplex answers it itself.
    pub fn is_local(&self) -> bool {
        self.route == RouteKind::Local
    }

    /// Whether what its headers ask for is checked by the account's classes, as Asterisk does inside the action.
    pub fn is_checked_inside(&self) -> bool {
        in_action::is_checked(self.name)
    }

    /// Whether the answers of several nodes make one list: it begins and ends as lists do, it changes nothing, and each node
    /// has its part.
    pub fn is_mergeable(&self) -> bool {
        self.shareable
            && !matches!(self.route, RouteKind::NeedsNode | RouteKind::Any)
            && matches!(self.list, ListForm::List { .. })
    }
}

/// Whether write classes permit an action of these classes: any bit in common, or none needed.
pub fn permits(write: ClassSet, needed: ClassSet) -> bool {
    needed.is_empty() || write.intersects(needed)
}

/// The spelling of a name in which names are compared.
pub(crate) fn folded(name: &ActionName) -> String {
    name.as_str_lossy().to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
