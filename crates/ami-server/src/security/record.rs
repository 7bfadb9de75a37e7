//! One security event as Asterisk writes it: as an AMI event, and as a line of its security log.
//!
//! Both have the same fields in the same order. Invariants: the hashes of a failed challenge are never in it, and no value, whoever
//! chose it, ends its line or its quotes.

use std::fmt::Write as _;
use std::time::SystemTime;

use ami_mux::{SecurityMatter, SecurityReport};
use ami_proto::EventBuilder;
use ami_proto::limits::LINE_CONTENT_BYTES_MAX;
use ami_proto::rewrite::timestamp_text;
use bytes::Bytes;
use smallvec::SmallVec;

use super::clock::{event_time, log_time};
use super::origin::Origin;

/// What an AccountID may have, so that its line is no longer than lines of AMI are.
const ACCOUNT_BYTES_MAX: usize = LINE_CONTENT_BYTES_MAX - "AccountID: ".len();

/// The fields in their order.
#[derive(Debug)]
pub(super) struct Record {
    name: &'static str,
    fields: SmallVec<[(&'static str, String); 16]>,
}

impl Record {
    pub(super) fn new(report: &SecurityReport, origin: &Origin, at: SystemTime) -> Self {
        let matter = &report.matter;
        let mut account = report.account.clone();
        account.truncate(account.floor_char_boundary(ACCOUNT_BYTES_MAX));
        let account = ("AccountID", account);
        // Asterisk has it last where it counts it among the optional fields.
        let account_is_last = matches!(matter, SecurityMatter::RequestBadFormat { .. });
        let mut fields: SmallVec<[(&'static str, String); 16]> = SmallVec::new();
        fields.push(("EventTV", event_time(at)));
        fields.push(("Severity", severity(matter).to_owned()));
        fields.push(("Service", "AMI".to_owned()));
        fields.push(("EventVersion", version(matter).to_owned()));
        if !account_is_last {
            fields.push(account.clone());
        }
        fields.push(("SessionID", origin.session_id()));
        fields.push(("LocalAddress", origin.local_address()));
        fields.push(("RemoteAddress", origin.remote_address()));
        match matter {
            SecurityMatter::RequestNotAllowed { request }
            | SecurityMatter::RequestBadFormat { request } => {
                fields.push(("RequestType", request.clone()));
            }
            // The hash that came may be that of the right secret, in capitals, or of another account's.
            SecurityMatter::ChallengeResponseFailed { challenge } => {
                fields.push(("Challenge", challenge.clone()));
                fields.push(("Response", String::new()));
                fields.push(("ExpectedResponse", String::new()));
            }
            // Asterisk says so of every login, plain or not.
            SecurityMatter::SuccessfulAuth => fields.push(("UsingPassword", "0".to_owned())),
            SecurityMatter::FailedAcl
            | SecurityMatter::InvalidAccountId
            | SecurityMatter::InvalidPassword
            | SecurityMatter::SessionLimit => {}
        }
        fields.push(("SessionTV", event_time(origin.since())));
        if account_is_last {
            fields.push(account);
        }
        Self {
            name: name(matter),
            fields,
        }
    }

    /// As an AMI event, with a `Timestamp` of that moment.
    pub(super) fn event(&self, stamp: Option<SystemTime>) -> Bytes {
        let mut event = EventBuilder::new(self.name).text("Privilege", "security,all");
        if let Some(at) = stamp {
            let since_1970 = at.duration_since(SystemTime::UNIX_EPOCH);
            event = event.text("Timestamp", timestamp_text(since_1970.unwrap_or_default()));
        }
        for (name, value) in &self.fields {
            event = event.text(name, value);
        }
        event.finish()
    }

    /// As a line of the security log.
    pub(super) fn line(&self, at: SystemTime) -> String {
        let mut line = format!(
            "[{}] SECURITY[{}] res_security_log.c: SecurityEvent=\"{}\"",
            log_time(at),
            std::process::id(),
            self.name
        );
        for (name, value) in &self.fields {
            line.push(',');
            line.push_str(name);
            line.push_str("=\"");
            push_escaped(&mut line, value);
            line.push('"');
        }
        line.push('\n');
        line
    }
}

/// Printable ASCII as it is, but for the quote, which would end the value, and the backslash; every other byte as `\xNN`.
///
/// Asterisk escapes nothing. A quote escaped as `\"` would still end the value for whoever looks for quotes alone.
fn push_escaped(line: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => line.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => write!(line, "\\x{byte:02x}").unwrap_or_default(),
        }
    }
}

fn name(matter: &SecurityMatter) -> &'static str {
    match matter {
        SecurityMatter::FailedAcl => "FailedACL",
        SecurityMatter::InvalidAccountId => "InvalidAccountID",
        SecurityMatter::InvalidPassword => "InvalidPassword",
        SecurityMatter::ChallengeResponseFailed { .. } => "ChallengeResponseFailed",
        SecurityMatter::SuccessfulAuth => "SuccessfulAuth",
        SecurityMatter::SessionLimit => "SessionLimit",
        SecurityMatter::RequestNotAllowed { .. } => "RequestNotAllowed",
        SecurityMatter::RequestBadFormat { .. } => "RequestBadFormat",
    }
}

fn severity(matter: &SecurityMatter) -> &'static str {
    match matter {
        SecurityMatter::SuccessfulAuth => "Informational",
        SecurityMatter::FailedAcl
        | SecurityMatter::InvalidAccountId
        | SecurityMatter::InvalidPassword
        | SecurityMatter::ChallengeResponseFailed { .. }
        | SecurityMatter::SessionLimit
        | SecurityMatter::RequestNotAllowed { .. }
        | SecurityMatter::RequestBadFormat { .. } => "Error",
    }
}

/// The version of the event's layout.
fn version(matter: &SecurityMatter) -> &'static str {
    match matter {
        SecurityMatter::InvalidPassword => "2",
        SecurityMatter::FailedAcl
        | SecurityMatter::InvalidAccountId
        | SecurityMatter::ChallengeResponseFailed { .. }
        | SecurityMatter::SuccessfulAuth
        | SecurityMatter::SessionLimit
        | SecurityMatter::RequestNotAllowed { .. }
        | SecurityMatter::RequestBadFormat { .. } => "1",
    }
}
