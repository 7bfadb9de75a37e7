//! What the audit log has of one session: its login and end, what it was refused, and how each action ended that may have changed something.
//!
//! Owner: the session's task, which makes one only where there is an audit log. One line of JSON each; values of clients stand in it escaped, and
//! none of them is a header's but those of [`ActionSubject`]. What is under way when the session ends is written as unknown.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ami_access::Refusal;
use ami_mux::{
    ActionSeq, ActionSubject, Cause, Mail, NodeId, Outcome, PartKind, RefusalKind, SessionNote,
    Submission, Surroundings as _,
};
use ami_telemetry::CloseReason;
use jiff::Timestamp;
use serde::Serialize;

use super::journal::{login_failure, refusal_reason};
use crate::world::World;

/// The session's part of the audit log.
#[derive(Debug)]
pub(super) struct SessionAudit {
    world: Arc<World>,
    session: u64,
    address: String,
    account: Option<String>,
    /// Submitted and not ended; at most the session's actions in flight at each node.
    under_way: HashMap<(NodeId, ActionSeq), UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    subject: ActionSubject,
    node: Arc<str>,
}

/// One line. What is `None` is left out.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    session: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    address: &'a str,
    #[serde(flatten)]
    action: Option<ActionPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct ActionPart<'a> {
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
}

impl SessionAudit {
    /// That of a new session, if there is an audit log.
    pub(super) fn of(world: &Arc<World>, session: u64, address: SocketAddr) -> Option<Box<Self>> {
        world.audit_log.as_ref()?;
        Some(Box::new(Self {
            world: Arc::clone(world),
            session,
            address: address.to_string(),
            account: None,
            under_way: HashMap::new(),
        }))
    }

    pub(super) fn logged_in(&mut self, account: &str) {
        self.account = Some(account.to_owned());
        self.write("login", None, Some("success"), None);
    }

    pub(super) fn note(&mut self, note: &SessionNote) {
        match note {
            SessionNote::LoginFailed { username, fault } => {
                self.account = Some(username.clone());
                let reason = login_failure(*fault).as_label();
                self.write("login", None, Some("refused"), Some(reason));
                self.account = None;
            }
            SessionNote::Refused { action, kind, .. } => {
                let reason = match kind {
                    RefusalKind::Access(Refusal::Check(text)) => text,
                    RefusalKind::Access(_)
                    | RefusalKind::Route
                    | RefusalKind::Rate
                    | RefusalKind::ShuttingDown => refusal_reason(*kind).as_label(),
                };
                self.ended(action, None, "refused", Some(reason));
            }
            SessionNote::AnsweredHere(_)
            | SessionNote::GateTimedOut
            | SessionNote::EventDiscarded => {}
        }
    }

    /// An action is on its way to a node.
    pub(super) fn submitted(&mut self, node: NodeId, submission: &Submission<()>) {
        if submission.only_reads() {
            return;
        }
        let directory = self.world.directory();
        let name = directory.entry(node).map(|entry| Arc::clone(&entry.name));
        let under_way = UnderWay {
            subject: ActionSubject::of(submission.action.action()),
            node: name.unwrap_or_else(|| "".into()),
        };
        self.under_way.insert((node, submission.seq), under_way);
    }

    /// A part of an answer, or something else.
    pub(super) fn mail(&mut self, mail: &Mail) {
        let Mail::Reply {
            node,
            seq,
            last,
            kind,
            ..
        } = mail
        else {
            return;
        };
        let (outcome, reason) = match kind {
            PartKind::Ended(failure) => match failure.outcome {
                Outcome::NotSent => ("not-sent", Some(why(failure.cause))),
                Outcome::Unknown => ("unknown", Some(why(failure.cause))),
            },
            PartKind::Response { success: false } => ("error", None),
            PartKind::Response { success: true } | PartKind::ListStart => ("success", None),
            PartKind::Item | PartKind::Hidden | PartKind::Complete | PartKind::Rest if *last => {
                ("success", None)
            }
            PartKind::Item | PartKind::Hidden | PartKind::Complete | PartKind::Rest => return,
        };
        if let Some(UnderWay { subject, node }) = self.under_way.remove(&(*node, *seq)) {
            self.ended(&subject, Some(&node), outcome, reason);
        }
    }

    /// The session is over.
    pub(super) fn closed(&mut self, reason: CloseReason) {
        self.abandon();
        if self.account.is_some() {
            self.write("logoff", None, None, Some(reason.as_label()));
            self.account = None;
        }
    }

    fn abandon(&mut self) {
        for (_, UnderWay { subject, node }) in std::mem::take(&mut self.under_way) {
            self.ended(&subject, Some(&node), "unknown", Some("session_ended"));
        }
    }

    fn ended(
        &self,
        subject: &ActionSubject,
        node: Option<&str>,
        outcome: &'static str,
        reason: Option<&str>,
    ) {
        let part = ActionPart {
            action: &subject.name,
            action_id: subject.action_id.as_deref(),
            channel: subject.channel.as_deref(),
            node,
        };
        self.write("action", Some(part), Some(outcome), reason);
    }

    fn write(
        &self,
        event: &'static str,
        action: Option<ActionPart<'_>>,
        outcome: Option<&'static str>,
        reason: Option<&str>,
    ) {
        let Some(log) = &self.world.audit_log else {
            return;
        };
        let now = Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH);
        let line = Line {
            time: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            event,
            session: self.session,
            account: self.account.as_deref(),
            address: &self.address,
            action,
            outcome,
            reason,
        };
        match serde_json::to_string(&line) {
            Ok(line) => {
                log.write(line + "\n");
            }
            Err(error) => tracing::error!(%error, "a line of the audit log cannot be made"),
        }
    }
}

/// Its task may have ended by a bug: then nobody said so before.
impl Drop for SessionAudit {
    fn drop(&mut self) {
        self.abandon();
    }
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::NodeDown => "node_down",
        Cause::Maintenance => "maintenance",
        Cause::Silent => "silent",
        Cause::Deadline => "deadline",
        Cause::TooManyPending => "too_many_pending",
        Cause::Draining => "drain",
        Cause::NotPermitted => "denied",
    }
}
