//! What an account may do, decided as plainly as can be: from the list of what Asterisk registers, by linear search.

use std::sync::OnceLock;

/// `Name class,class` of every action that Asterisk registers, from 1.8 to 24.
const REGISTERED: &str = include_str!("registered.txt");

/// Classes by bit of a plan.
const CLASSES: [&str; 19] = [
    "system",
    "call",
    "log",
    "verbose",
    "command",
    "agent",
    "user",
    "config",
    "dtmf",
    "reporting",
    "cdr",
    "dialplan",
    "originate",
    "agi",
    "cc",
    "aoc",
    "test",
    "security",
    "message",
];

/// The bit above the classes grants all.
const ALL: u32 = 1 << CLASSES.len();

/// What the session answers itself.
const LOCAL: [&str; 8] = [
    "Challenge",
    "Events",
    "Filter",
    "ListCommands",
    "Login",
    "Logoff",
    "Ping",
    "WaitEvent",
];

/// Actions that nothing inside them can make be refused: their classes alone decide.
const UNCHECKED: [&str; 29] = [
    "Agents",
    "BridgeList",
    "CoreSettings",
    "CoreShowChannels",
    "CoreStatus",
    "DBPut",
    "DeviceStateList",
    "ExtensionState",
    "FAXStats",
    "IAXnetstats",
    "JabberSend",
    "ParkedCalls",
    "PRIDebugSet",
    "QueueAdd",
    "QueueLog",
    "QueuePause",
    "QueuePenalty",
    "QueueReload",
    "QueueRemove",
    "QueueReset",
    "QueueRule",
    "Queues",
    "QueueStatus",
    "QueueSummary",
    "SIPpeers",
    "UserEvent",
    "XAgi",
    "XNone",
    "XTwo",
];

/// What the nodes say they have besides what every Asterisk has.
pub(crate) const LEARNED: &str = "XAgi: Of one class.  (Priv: agi,all)\r\nXTwo: Of two.  (Priv: user,config,all)\r\nXNone: Of none.  (Priv: <none>)\r\n";

const LEARNED_CLASSES: [(&str, &str); 3] =
    [("XAgi", "agi"), ("XTwo", "user,config"), ("XNone", "")];

/// The write classes and lists of an account.
#[derive(Debug)]
pub(crate) struct Rights {
    pub(crate) classes: u32,
    /// `allow_actions = Queue*, UserEvent, X*`
    pub(crate) allow: bool,
    /// `deny_actions = QueueR*, XNone`
    pub(crate) deny: bool,
    /// The nodes have [`LEARNED`].
    pub(crate) learned: bool,
}

/// What Asterisk's rules and the account's lists say of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody has it.
    Unknown,
    /// The account may not run it.
    Denied,
    /// The session answers it itself.
    Local,
    /// A check inside the action may still refuse it.
    Checked,
    /// It may be run.
    Permitted,
}

/// Every action with its classes, read once.
pub(crate) fn registered() -> &'static [(&'static str, &'static str)] {
    static LIST: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    let split = |line: &'static str| line.split_once(' ').unwrap_or((line, ""));
    LIST.get_or_init(|| REGISTERED.lines().map(split).collect())
}

impl Rights {
    /// The account's lines in manager.conf.
    pub(crate) fn lines(&self) -> String {
        let mut lines = format!("write = {}\n", self.write());
        if self.allow {
            lines += "allow_actions = Queue*, UserEvent, X*\n";
        }
        if self.deny {
            lines += "deny_actions = QueueR*, XNone\n";
        }
        lines
    }

    fn write(&self) -> String {
        if self.classes & ALL != 0 {
            return "all".to_owned();
        }
        let bits = CLASSES.iter().enumerate();
        let granted = bits.filter(|(bit, _)| self.classes & (1 << bit) != 0);
        granted
            .map(|(_, class)| *class)
            .collect::<Vec<_>>()
            .join(",")
    }

    fn has_one_of(&self, classes: &str) -> bool {
        let write = self.write();
        let mut needed = classes.split(',');
        write == "all" || needed.any(|class| write.split(',').any(|own| own == class))
    }

    /// What is to become of an action of that name.
    pub(crate) fn judge(&self, name: &[u8]) -> Verdict {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let starts = |start: &str| name.to_ascii_lowercase().starts_with(start.as_bytes());
        let learned = LEARNED_CLASSES.iter().filter(|_| self.learned);
        let mut known = registered().iter().chain(learned);
        let Some((_, classes)) = known.find(|(other, _)| is(other)) else {
            return Verdict::Unknown;
        };
        let by_class = classes.is_empty() || self.has_one_of(classes);
        let always = ["Login", "Logoff", "Challenge"].into_iter().any(is);
        let allowed = !self.allow || starts("queue") || is("UserEvent") || starts("x");
        let denied = self.deny && (starts("queuer") || is("XNone"));
        if !by_class || !(always || allowed && !denied) {
            Verdict::Denied
        } else if LOCAL.into_iter().any(is) {
            Verdict::Local
        } else if UNCHECKED.into_iter().any(is) {
            Verdict::Permitted
        } else {
            Verdict::Checked
        }
    }
}
