//! May this principal run this action? The one way to an [`Authorized`] value.
//!
//! Order, as in Asterisk: no name, unknown, class, then the checks inside the action; between them what the account's own
//! options leave. What comes out also says what the action costs, how its answer ends and whose items of it may be shown, since
//! headers decide that as much as the name.

mod cost;
mod places;

use std::sync::Arc;
use std::time::Duration;

use ami_proto::{Action, ActionName, ClassSet};

use crate::account::Account;
use crate::account::ChannelScope;
use crate::authority::{ActionSpec, Cost, LearnedActions, ListForm, RouteKind, builtin, permits};
use crate::in_action;
use crate::login::Principal;
use crate::node::SeenNode;
use crate::scope::{self, Answer};
pub(crate) use cost::{is_set, milliseconds};
use places::Places;

/// Longest text of the answer to an unknown action, in bytes, as in Asterisk.
const UNKNOWN_MESSAGE_BYTES_MAX: usize = 511;

/// What is known of the nodes that the session may see.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthorizeContext<'a> {
    /// Their actions; empty ones are those of nodes that have not told yet.
    pub learned: &'a [&'a LearnedActions],
    /// Their configuration directories, absolute. A path given absolute must be inside all of them.
    pub config_dirs: &'a [&'a str],
    /// Their module directories, absolute. Modules are named relative to them, so that only their
    /// escape is checked.
    pub module_dirs: &'a [&'a str],
}

/// Why an action is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No Action header with a value.
    MissingAction,
    /// No node has it.
    Unknown,
    /// The account's classes or its list of actions do not permit it.
    Denied,
    /// A check inside the action refused; the text is Asterisk's.
    Check(&'static str),
}

impl Refusal {
    /// The Message of the error, in Asterisk's words.
    pub fn message<'n>(&self, action: impl Into<Option<&'n ActionName>>) -> String {
        match self {
            Self::MissingAction => "Missing action in request".to_owned(),
            Self::Denied => "Permission denied".to_owned(),
            Self::Check(text) => (*text).to_owned(),
            Self::Unknown => {
                let name = action
                    .into()
                    .map(ActionName::as_str_lossy)
                    .unwrap_or_default();
                let mut text = format!(
                    "Invalid/unknown command: {name}. Use Action: ListCommands to show available commands."
                );
                text.truncate(text.floor_char_boundary(UNKNOWN_MESSAGE_BYTES_MAX));
                text
            }
        }
    }
}

/// Proof that an action may be run, where, and what its headers say of its run. Only [`authorize`] makes one.
///
/// Where the account's rights differ by node it may be run at some nodes and not at others: whoever sends it takes
/// [`Authorized::at`] that node, and a node takes only what [`Authorized::permits`] it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized<T> {
    action: T,
    classes: ClassSet,
    cost: Cost,
    list: ListForm,
    route: RouteKind,
    own_time: Option<Duration>,
    is_async_originate: bool,
    spec: Option<&'static ActionSpec>,
    scope: Option<Arc<ChannelScope>>,
    answer: Answer,
    may_coalesce: bool,
    asks_for_variables: bool,
    places: Places,
}

impl<T> Authorized<T> {
    /// The action.
    pub fn action(&self) -> &T {
        &self.action
    }

    /// The action, the proof given up.
    pub fn into_action(self) -> T {
        self.action
    }

    /// The classes of which one was needed; none: open to everybody.
    pub fn classes(&self) -> ClassSet {
        self.classes
    }

    /// How long it may keep a lane busy, as its headers say.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// How its answer ends; never [`ListForm::ConditionalHangup`].
    pub fn list(&self) -> ListForm {
        self.list
    }

    /// What leads to its node.
    pub fn route(&self) -> RouteKind {
        self.route
    }

    /// The time that the client itself lets it take: Timeout of Originate (default 30 s), Duration of PlayDTMF
    /// and PlayMF when they run in-line.
    pub fn own_time(&self) -> Option<Duration> {
        self.own_time
    }

    /// Whether it is an Originate whose result comes as an event.
    pub fn is_async_originate(&self) -> bool {
        self.is_async_originate
    }

    /// The channels of the account that asks; `None`: everybody's.
    pub fn scope(&self) -> Option<&Arc<ChannelScope>> {
        self.scope.as_ref()
    }

    /// The channels that the items of its answer must be about; `None`: the account gets them all.
    pub fn item_scope(&self) -> Option<&Arc<ChannelScope>> {
        self.scope
            .as_ref()
            .filter(|_| self.answer == Answer::OwnItems)
    }

    /// Whether the account lets its questions be put together with those of others.
    pub fn may_coalesce(&self) -> bool {
        self.may_coalesce
    }

    /// Whether it is a read whose answer is the same for everybody who sends the same headers. What asks for variables may call
    /// functions of the dialplan, which may do anything.
    pub fn is_shareable(&self) -> bool {
        self.spec.is_some_and(|spec| spec.shareable) && !self.asks_for_variables
    }

    /// Its row of the built-in table; `None` for what only a node knows.
    pub fn spec(&self) -> Option<&'static ActionSpec> {
        self.spec
    }
}

/// Decides whether the principal may run the action.
///
/// # Errors
/// The refusal, and the action back.
#[expect(
    clippy::result_large_err,
    reason = "the action goes back to the session that answers it; boxing it would cost every refusal an allocation"
)]
pub fn authorize(
    principal: &Principal,
    action: Action,
    cx: &AuthorizeContext<'_>,
) -> Result<Authorized<Action>, (Refusal, Action)> {
    match everywhere(principal, &action, cx) {
        Ok((
            Decision {
                classes,
                spec,
                answer,
            },
            places,
        )) => {
            let run = cost::Run::of(&action, spec);
            let asks_for_variables = ["Variables", "AllVariables"]
                .iter()
                .any(|name| action.header(name).is_some());
            Ok(Authorized {
                asks_for_variables,
                may_coalesce: principal.account().coalesce,
                action,
                classes,
                cost: run.cost,
                list: run.list,
                route: spec.map_or(RouteKind::Any, |spec| spec.route),
                own_time: run.own_time,
                is_async_originate: run.is_async_originate,
                spec,
                scope: principal.account().channels.clone(),
                answer,
                places,
            })
        }
        Err(refusal) => Err((refusal, action)),
    }
}

/// The same for somebody who has not logged in and would see these nodes, to explain what would happen.
///
/// For tools that send nothing anywhere.
///
/// # Errors
/// The refusal, and the action back.
#[expect(clippy::result_large_err, reason = "as of authorize")]
pub fn trial<'a>(
    account: &Arc<Account>,
    nodes: impl Iterator<Item = SeenNode<'a>>,
    action: Action,
    cx: &AuthorizeContext<'_>,
) -> Result<Authorized<Action>, (Refusal, Action)> {
    let principal = Principal::hypothetical(account).seeing(nodes);
    authorize(&principal, action, cx)
}

/// What was found out about an action that may be run.
struct Decision {
    classes: ClassSet,
    spec: Option<&'static ActionSpec>,
    answer: Answer,
}

/// The decision with the rights of each node, and one that holds at some node.
fn everywhere(
    principal: &Principal,
    action: &Action,
    cx: &AuthorizeContext<'_>,
) -> Result<(Decision, Places), Refusal> {
    if !principal.differs_by_node() {
        let decision = decide(principal.account(), action, cx)?;
        return Ok((decision, Places::All));
    }
    let (mut places, mut permitted, mut refused) = (Places::none(), None, None);
    for (node, account) in principal.at_nodes() {
        match decide(account, action, cx) {
            Ok(decision) => {
                places.permit(*node, decision.answer);
                permitted.get_or_insert(decision);
            }
            Err(refusal) => {
                places.refuse(*node, refusal);
                // Where the nodes' reasons differ, none of them is that of the session.
                let first = *refused.get_or_insert(refusal);
                if first != refusal {
                    refused = Some(Refusal::Denied);
                }
            }
        }
    }
    permitted
        .map(|decision| (decision, places))
        .ok_or_else(|| refused.unwrap_or(Refusal::Denied))
}

fn decide(
    account: &Account,
    action: &Action,
    cx: &AuthorizeContext<'_>,
) -> Result<Decision, Refusal> {
    let name = action.name().ok_or(Refusal::MissingAction)?;
    let spec = builtin(name);
    let classes = match spec {
        Some(spec) if permits(account.write, spec.classes) => spec.classes,
        Some(_) | None => classes_of_learned(name, spec, account.write, cx)?,
    };
    if !account.actions.permit(&name.as_str_lossy()) {
        return Err(Refusal::Denied);
    }
    let answer = match &account.channels {
        None => Answer::Whole,
        Some(own) => scope::check(account, own, action, spec).ok_or(Refusal::Denied)?,
    };
    if spec.is_none() && !in_action::permit_unknown(account, &name.as_str_lossy()) {
        return Err(Refusal::Denied);
    }
    if let Some(spec) = spec {
        in_action::check(spec.name, action, account, cx).map_err(Refusal::Check)?;
    }
    Ok(Decision {
        classes,
        spec,
        answer,
    })
}

/// What the nodes say of an action that the table does not permit: its classes, or whether it is denied or unknown.
fn classes_of_learned(
    name: &ActionName,
    spec: Option<&ActionSpec>,
    write: ClassSet,
    cx: &AuthorizeContext<'_>,
) -> Result<ClassSet, Refusal> {
    let mut learned = cx
        .learned
        .iter()
        .filter_map(|node| node.classes(name))
        .peekable();
    let first = learned.peek().copied();
    match (spec, first) {
        (None, Some(classes)) => {
            // Where nodes disagree, every one of them must permit it.
            let permitted = learned.all(|classes| permits(write, classes));
            permitted.then_some(classes).ok_or(Refusal::Denied)
        }
        (Some(spec), None) if !may_exist(spec, cx) => Err(Refusal::Unknown),
        (Some(_), _) => Err(Refusal::Denied),
        (None, None) => Err(Refusal::Unknown),
    }
}

/// Whether an action of the table that no node told of may be on one: amiplex answers it itself, or some node has not told
/// yet.
fn may_exist(spec: &ActionSpec, cx: &AuthorizeContext<'_>) -> bool {
    let is_incomplete = cx.learned.is_empty() || cx.learned.iter().any(|node| node.is_empty());
    spec.is_local() || is_incomplete
}

#[cfg(test)]
mod tests;
