//! An account of manager.conf and the general options beside it.
//!
//! Owner: the configuration snapshot. Accounts are built by the loader only and never change; a
//! reload makes new ones.

mod channel_scope;
mod commands;
mod limits;
mod name;
mod node_rules;
mod rights;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ami_proto::{ClassSet, CommandOutput};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::acl::Acl;
use crate::event_filter::EventFilters;
use crate::in_action;
use crate::node::NodeSelector;
use crate::scope;
use crate::secret::Secret;
use crate::secret_hash::SecretHash;
pub use channel_scope::ChannelScope;
pub use commands::CommandRights;
pub use limits::{Limits, Names};
pub use name::AccountName;
use name::Typed;
pub use node_rules::{NodeRule, NodeRules};
pub use rights::ActionRights;

/// The nodes that an account may see, before the listener and the login name narrow them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeScope {
    /// Every configured node, now and later.
    All,
    /// These nodes, by name or tag.
    Only(Vec<NodeSelector>),
}

impl NodeScope {
    /// Whether the node of that name and those tags is one of them.
    pub fn holds<T: AsRef<str>>(&self, name: &str, tags: &[T]) -> bool {
        match self {
            Self::All => true,
            Self::Only(selectors) => selectors.iter().any(|one| one.means(name, tags)),
        }
    }
}

/// What happens to a session whose events no longer fit its budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SlowPolicy {
    /// The session is closed: a client that missed events is wrong for ever.
    #[default]
    Disconnect,
    /// The oldest events are dropped, and an event tells how many.
    DropOldest,
}

/// What happens to a single-node session when its node is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnNodeLoss {
    /// The session is closed, as when Asterisk stops.
    Close,
    /// The session stays; its actions get errors until the node is back.
    Keep,
    /// Sessions are closed, and new connections are closed without a greeting.
    Refuse,
}

/// A section of manager.conf.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the file that is yes or no"
)]
pub struct Account {
    /// The section's name.
    pub name: AccountName,
    /// Classes whose events the account may see.
    pub read: ClassSet,
    /// Classes whose actions the account may run.
    pub write: ClassSet,
    /// Without one, or with an empty one, nobody logs in.
    pub secret: Option<Secret>,
    /// In place of a secret: its hash, against which only plain logins over a confidential connection can be checked.
    pub secret_hash: Option<Arc<SecretHash>>,
    /// Addresses that may log in.
    pub acl: Acl,
    /// Nodes that its sessions may see.
    pub nodes: NodeScope,
    /// Where an action goes that names no node and nothing that leads to one.
    pub default_node: Option<String>,
    /// Header that names the node of an event; `None`: the one of the configuration.
    pub label: Option<String>,
    /// Whether a list of several nodes must be whole: without one of them it is an error.
    pub strict: bool,
    /// Whether its sessions are told what they missed of a node; `None`: those that see several nodes.
    pub resync: Option<bool>,
    /// What a slow reader suffers.
    pub slow: SlowPolicy,
    /// Longest time that an event waits for the client; `None`: the configured one.
    pub event_age: Option<Duration>,
    /// Most bytes of events that wait for the client; `None`: the configured number.
    pub event_bytes: Option<u64>,
    /// Longest time that an event waits for others to share a write with, zero for none; `None`: the configured one.
    pub flush: Option<Duration>,
    /// Most actions in flight per session; `None`: the configured number.
    pub inflight: Option<u32>,
    /// What the loss of the node does; `None`: what the listener says.
    pub on_node_loss: Option<OnNodeLoss>,
    /// The form in which it gets the output of Command; `None`: what the listener says.
    pub command_output: Option<CommandOutput>,
    /// Actions in a second that each session may send to the nodes; 0: any number, `None`: the configured one.
    pub rate: Option<u32>,
    /// The same of all its sessions together.
    pub rate_account: Option<u32>,
    /// Whether its questions are put together with the same ones of others; `true` by default.
    pub coalesce: bool,
    /// `NAME=value`, set on the channels of each Originate, in file order.
    pub setvars: Vec<String>,
    /// Whether a second session of this account may log in.
    pub allow_multiple_login: bool,
    /// Whether its logins and their ends are logged at info.
    pub display_connects: bool,
    /// Actions that the account may run, within its classes.
    pub actions: ActionRights,
    /// Lines of the CLI that the action Command may run.
    pub commands: CommandRights,
    /// What of read, write, actions and commands is otherwise at some of its nodes.
    pub node_rules: NodeRules,
    /// The channels and devices that are its own; `None`: everybody's. It sees and touches no others.
    pub channels: Option<Arc<ChannelScope>>,
    /// What it may name in its actions.
    pub limits: Limits,
    /// Which broadcast events reach its sessions, within its classes.
    pub event_filters: EventFilters,
    /// The file of the section.
    pub file: PathBuf,
    /// The line of the section's header, from 1.
    pub line: u32,
}

impl Account {
    /// The longest [`Account::flush`]: whoever wants his events later than this does not want them as they happen.
    pub const FLUSH_MAX: Duration = Duration::from_secs(1);
}

impl Account {
    /// Whether its own options let it run the action of that name at all, for some object. Its classes are another matter.
    pub fn may_ever_run(&self, action: &str) -> bool {
        self.actions.permit(action)
            && (self.channels.is_none() || scope::may_ever(self, action))
            && in_action::may_ever(self, action)
    }

    /// Whether a session that logged in to `self` may go on as it is when `later` is what the file says now. Where the section
    /// stands, how a login is logged, who may log in besides and from where is another matter.
    pub fn same_rights(&self, later: &Self) -> bool {
        let before = Self {
            acl: later.acl.clone(),
            display_connects: later.display_connects,
            allow_multiple_login: later.allow_multiple_login,
            file: later.file.clone(),
            line: later.line,
            ..self.clone()
        };
        before == *later
    }

    /// The setvars as values of Variable headers. The node splits such a value into arguments, so that
    /// what separates or protects them is escaped.
    ///
    /// They belong BEHIND the client's own Variable headers: the node applies headers last to first, and the
    /// client's value must win.
    pub fn variable_headers(&self) -> impl Iterator<Item = String> {
        self.setvars.iter().map(|setvar| {
            let mut value = String::with_capacity(setvar.len());
            for c in setvar.chars() {
                if matches!(c, '\\' | ',' | '"' | '(' | ')' | '[' | ']') {
                    value.push('\\');
                }
                value.push(c);
            }
            value
        })
    }
}

/// `[general]` of manager.conf, as far as it has a meaning here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the file that is yes or no"
)]
pub struct General {
    /// Time from the connect within which a client must log in. Asterisk's default: 30 s.
    pub authtimeout: Duration,
    /// Connections that have not logged in, when the file says so; Asterisk's default of 50 is not
    /// taken over, because amiplex has limits of its own.
    pub authlimit: Option<u32>,
    /// Default of the accounts' option of that name.
    pub allow_multiple_login: bool,
    /// Default of the accounts' option of that name.
    pub display_connects: bool,
    /// Broadcast events without a `Timestamp` get one.
    pub timestamp_events: bool,
    /// No reply to an Events action with an invalid mask or exactly all classes.
    pub broken_events_action: bool,
}

impl Default for General {
    fn default() -> Self {
        Self {
            authtimeout: Duration::from_secs(30),
            authlimit: None,
            allow_multiple_login: true,
            display_connects: true,
            timestamp_events: false,
            broken_events_action: false,
        }
    }
}

/// All accounts and the general options.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    general: General,
    in_order: Vec<Arc<Account>>,
    by_name: HashMap<AccountName, usize, RandomState>,
}

impl Accounts {
    /// The loader sees to it that names are unique; of two equal ones the later would win.
    pub(crate) fn new(general: General, accounts: Vec<Account>) -> Self {
        let by_name = accounts
            .iter()
            .enumerate()
            .map(|(at, account)| (account.name.clone(), at))
            .collect();
        Self {
            general,
            in_order: accounts.into_iter().map(Arc::new).collect(),
            by_name,
        }
    }

    /// The account of that name, in whatever case.
    pub fn find(&self, name: &[u8]) -> Option<&Arc<Account>> {
        let at = self.by_name.get(&Typed(std::str::from_utf8(name).ok()?))?;
        self.in_order.get(*at)
    }

    /// The general options.
    pub fn general(&self) -> &General {
        &self.general
    }

    /// The accounts in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.in_order.iter()
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.in_order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }
}
