//! What amiplex asks a node about itself: its actions, which Asterisk it is, and what the upstream account may do.
//!
//! Asked on the first action lane after each connect; the actions again after Load, Unload and Reload. Until the node
//! has answered, what was learned before stays in use.

use std::sync::Arc;
use std::time::Instant;

use ami_access::LearnedActions;
use ami_proto::{ClassSet, Frame};

use super::effect::NodeNote;
use super::lane::LaneRole;
use super::node::Node;
use super::pending::Internal;
use super::queue_refresh::QUEUE_LIST;
use super::survey::list_name;
use crate::identity::NodeIdentity;
use crate::ids::LaneId;

/// Where the inquiry stands.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question that is due or not"
)]
pub(super) struct Inquiry {
    /// The lane on which a question is open.
    pub(super) lane: Option<LaneId>,
    pub(super) second_login_reported: bool,
    commands_due: bool,
    identity_due: bool,
    limits_due: bool,
    asking: Option<Internal>,
}

impl Inquiry {
    /// A new connection: everything may have changed. Which Asterisk it is matters where there are several.
    pub(super) fn begin(&mut self, has_others: bool) {
        *self = Self {
            commands_due: true,
            identity_due: has_others,
            limits_due: true,
            ..Self::default()
        };
    }

    /// The node loaded or unloaded something.
    pub(super) fn commands_changed(&mut self) {
        self.commands_due = true;
    }

    /// Whether the node's actions are yet to be learned since the connect, or a change.
    pub(super) fn asks_for_commands(&self) -> bool {
        self.commands_due || self.asking == Some(Internal::ListCommands)
    }

    /// The lane of the open question is gone: ask again.
    pub(super) fn lane_lost(&mut self) {
        match self.asking.take() {
            Some(Internal::AccountLimits) => self.limits_due = true,
            Some(Internal::Identity) => self.identity_due = true,
            Some(_) => self.commands_due = true,
            None => {}
        }
        self.lane = None;
    }

    fn next(&self) -> Option<Internal> {
        if self.asking.is_some() {
            None
        } else if self.commands_due {
            Some(Internal::ListCommands)
        } else if self.identity_due {
            Some(Internal::Identity)
        } else if self.limits_due {
            Some(Internal::AccountLimits)
        } else {
            None
        }
    }
}

impl Internal {
    /// The action's name on the wire.
    pub(super) fn action_name(self) -> &'static str {
        match self {
            Self::Challenge => "Challenge",
            Self::Login => "Login",
            Self::Ping => "Ping",
            Self::EventMask => "Events",
            Self::ListCommands => "ListCommands",
            Self::AccountLimits => "GetConfig",
            Self::Identity => "Command",
            Self::Queues => QUEUE_LIST,
            Self::Survey { place, .. } => list_name(place),
        }
    }
}

impl<R: Clone> Node<R> {
    /// Asks what found no lane before: the action that brought it about may have had the lane to itself.
    pub(super) fn ask_what_is_due(&mut self, now: Instant) {
        if self.inquiry.next().is_some() {
            self.inquire(now);
        }
        self.refresh_queues(now);
    }

    /// Asks the next question, if one is due and a lane has room.
    pub(super) fn inquire(&mut self, now: Instant) {
        let Some(question) = self.inquiry.next() else {
            return;
        };
        // At best on a lane at rest; where there is none for long, beside the quick actions of clients.
        let depth = self.settings.depth;
        let usable = self.lanes.values().filter(|lane| {
            lane.role == LaneRole::Action && (lane.is_idle() || lane.has_room(depth, now))
        });
        let Some(id) = usable
            .filter(|lane| self.reserved != Some(lane.id))
            .min_by_key(|lane| lane.written.len())
            .map(|lane| lane.id)
        else {
            return;
        };
        let username = self.settings.username.clone();
        let category = [("Filename", "manager.conf"), ("Category", &*username)];
        let headers: &[(&str, &str)] = match question {
            Internal::AccountLimits => &category,
            Internal::Identity => &[("Command", "core show settings")],
            Internal::Challenge
            | Internal::Login
            | Internal::Ping
            | Internal::EventMask
            | Internal::ListCommands
            | Internal::Queues
            | Internal::Survey { .. } => &[],
        };
        if self.send_internal(id, question, headers, now).is_err() {
            return;
        }
        self.inquiry.asking = Some(question);
        self.inquiry.lane = Some(id);
        match question {
            Internal::AccountLimits => self.inquiry.limits_due = false,
            Internal::Identity => self.inquiry.identity_due = false,
            Internal::Challenge
            | Internal::Login
            | Internal::Ping
            | Internal::EventMask
            | Internal::ListCommands
            | Internal::Queues
            | Internal::Survey { .. } => {
                self.inquiry.commands_due = false;
            }
        }
    }

    /// What amiplex asked on this lane will not be answered: it is asked again elsewhere.
    pub(super) fn questions_lost(&mut self, lane: LaneId) {
        self.survey.lane_lost(lane);
        self.queue_refresh.lane_lost(lane);
        if self.inquiry.lane == Some(lane) {
            self.inquiry.lane_lost();
        }
    }

    pub(super) fn on_commands_listed(&mut self, frame: &Frame, now: Instant) {
        self.inquiry.asking = None;
        self.inquiry.lane = None;
        if frame.response() == Some(b"Success") {
            let lines = frame.lines().filter_map(|line| {
                let ours = ["Response", "ActionID"].iter().any(|own| line.is(own));
                line.name.filter(|_| !ours).map(|name| (name, line.value))
            });
            self.status.learned = Arc::new(LearnedActions::parse(lines));
            self.publish_status();
        }
        self.survey(now);
        self.inquire(now);
    }

    /// A node that refuses to say is like no other.
    pub(super) fn on_identity(&mut self, frame: &Frame, now: Instant) {
        self.inquiry.asking = None;
        self.inquiry.lane = None;
        self.status.identity = NodeIdentity::read(frame);
        self.publish_status();
        self.inquire(now);
    }

    pub(super) fn on_account_limits(&mut self, frame: &Frame, now: Instant) {
        self.inquiry.asking = None;
        self.inquiry.lane = None;
        let user = self.settings.username.clone();
        for shortcoming in account_shortcomings(&user, frame) {
            self.shortcoming(shortcoming);
        }
        self.status.limits_known = true;
        self.publish_status();
        self.inquire(now);
    }

    pub(super) fn shortcoming(&mut self, text: String) {
        let mut all: Vec<String> = self.status.shortcomings.to_vec();
        if !all.contains(&text) {
            all.push(text.clone());
            self.status.shortcomings = all.into();
            self.publish_status();
            self.note(NodeNote::Shortcoming(text));
        }
    }
}

/// The shortest writetimeout that outlives a busy moment of amiplex, in milliseconds.
const WRITETIMEOUT_MILLIS_MIN: u64 = 1_000;

/// Reads the account's own section, as GetConfig gives it, and names what amiplex misses.
fn account_shortcomings(user: &str, frame: &Frame) -> Vec<String> {
    if frame.response() != Some(b"Success") {
        return vec![format!(
            "account {user} may not read its own section of manager.conf, so its limits are not known: \
             amiplex needs write = all"
        )];
    }
    if !frame
        .lines()
        .any(|line| line.name.is_some_and(|name| name.starts_with(b"Category-")))
    {
        return vec![format!(
            "account {user} has no section in the node's manager.conf, so its limits are not known"
        )];
    }
    let mut option = AccountOptions::NOTHING;
    for line in frame.lines() {
        if line.name.is_some_and(|name| name.starts_with(b"Line-")) {
            option.read_line(line.value);
        }
    }
    option.shortcomings(user)
}

#[derive(Debug)]
struct AccountOptions {
    read: ClassSet,
    write: ClassSet,
    writetimeout_millis: Option<u64>,
    single_login: bool,
    filters: usize,
}

impl AccountOptions {
    const NOTHING: Self = Self {
        read: ClassSet::NONE,
        write: ClassSet::NONE,
        writetimeout_millis: None,
        single_login: false,
        filters: 0,
    };

    /// `line` is `name=value`.
    fn read_line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let Some((name, value)) = text.split_once('=') else {
            return;
        };
        let value = value.trim();
        match name.trim() {
            "read" => self.read = ClassSet::parse(value).0,
            "write" => self.write = ClassSet::parse(value).0,
            "writetimeout" => self.writetimeout_millis = value.parse().ok(),
            "allowmultiplelogin" => {
                self.single_login =
                    !["yes", "true", "y", "t", "1", "on"].contains(&value.to_lowercase().as_str());
            }
            name if name.starts_with("eventfilter") => self.filters += 1,
            _ => {}
        }
    }

    fn shortcomings(&self, user: &str) -> Vec<String> {
        let mut found = Vec::new();
        if self.read != ClassSet::ALL {
            found.push(format!(
                "account {user} has read = {}: clients miss the other classes",
                self.read.render()
            ));
        }
        if self.write != ClassSet::ALL {
            found.push(format!(
                "account {user} has write = {}: the node refuses the other classes to every client",
                self.write.render()
            ));
        }
        match self.writetimeout_millis {
            Some(millis) if millis >= WRITETIMEOUT_MILLIS_MIN => {}
            other => found.push(format!(
                "account {user} has writetimeout = {}: a busy moment can cost the connection, 5000 is a good value",
                other.unwrap_or(100)
            )),
        }
        if self.single_login {
            found.push(format!(
                "account {user} has allowmultiplelogin = no: amiplex needs several logins"
            ));
        }
        if self.filters > 0 {
            found.push(format!(
                "account {user} has {} event filters: clients miss events",
                self.filters
            ));
        }
        found
    }
}
