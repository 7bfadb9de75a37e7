//! A lane's way from connected to ready: greeting, challenge, login, each under one deadline.
//!
//! What the login itself causes on its lane (its FullyBooted, its SuccessfulAuth) is consumed, never shown to clients.

use std::time::Instant;

use ami_access::{ListForm, builtin};
use ami_proto::banner::take_greeting;
use ami_proto::challenge::md5_key;
use ami_proto::rewrite::upstream_action;
use ami_proto::{Action, EncodeError, Frame};
use bytes::BytesMut;

use super::effect::NodeNote;
use super::lane::{LaneRole, Phase};
use super::node::Node;
use super::pending::{Awaiting, Internal, Owner, Pending};
use crate::directory::NodeState;
use crate::ids::{LaneId, NodeId};
use crate::mail::Mail;

/// What was found at the front of a lane's buffer.
#[derive(Debug)]
pub(super) enum Step {
    /// No whole message.
    Nothing,
    /// Something that needs no further work.
    Handled,
    /// A message.
    Frame(Frame),
    /// The stream cannot be followed any more.
    Broken(String),
}

impl<R: Clone> Node<R> {
    /// Takes the next message of the lane out of `buffer`.
    pub(super) fn next_message(&mut self, id: LaneId, buffer: &mut BytesMut, now: Instant) -> Step {
        let Some(lane) = self.lanes.get_mut(&id) else {
            buffer.clear();
            return Step::Nothing;
        };
        if matches!(lane.phase, Phase::Greeting) {
            return self.take_greeting(id, buffer, now);
        }
        if matches!(lane.phase, Phase::Leaving) {
            buffer.clear();
            return Step::Nothing;
        }
        match lane.decoder.decode(buffer) {
            Ok(Some(frame)) => Step::Frame(frame),
            Ok(None) => Step::Nothing,
            Err(error) => Step::Broken(error.to_string()),
        }
    }

    fn take_greeting(&mut self, id: LaneId, buffer: &mut BytesMut, now: Instant) -> Step {
        let version = match take_greeting(buffer) {
            Ok(Some(version)) => version,
            Ok(None) => return Step::Nothing,
            Err(error) => return Step::Broken(error.to_string()),
        };
        if self
            .lanes
            .get(&id)
            .is_some_and(|lane| lane.role == LaneRole::Event)
        {
            self.status.version = Some(version);
        }
        let sent = if self.settings.md5 {
            self.send_internal(id, Internal::Challenge, &[("AuthType", "MD5")], now)
        } else {
            self.send_login(id, None, now)
        };
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.phase = Phase::LoggingIn;
        }
        sent.map_or_else(
            |error| Step::Broken(format!("cannot log in: {error}")),
            |()| Step::Handled,
        )
    }

    fn send_login(
        &mut self,
        id: LaneId,
        challenge: Option<&str>,
        now: Instant,
    ) -> Result<(), EncodeError> {
        let events = match self.lanes.get(&id).map(|lane| lane.role) {
            Some(LaneRole::Event) => "on",
            Some(LaneRole::Action | LaneRole::Blocking) | None => "off",
        };
        let username = self.settings.username.clone();
        let secret = self.settings.secret.clone();
        match challenge {
            Some(challenge) => {
                let key = md5_key(challenge, secret.expose().as_bytes());
                let headers = [
                    ("AuthType", "MD5"),
                    ("Username", &*username),
                    ("Key", &*key),
                    ("Events", events),
                ];
                self.send_internal(id, Internal::Login, &headers, now)
            }
            None => {
                let headers = [
                    ("Username", &*username),
                    ("Secret", secret.expose()),
                    ("Events", events),
                ];
                self.send_internal(id, Internal::Login, &headers, now)
            }
        }
    }

    /// Queues an action of amiplex's own on a lane.
    pub(super) fn send_internal(
        &mut self,
        id: LaneId,
        internal: Internal,
        headers: &[(&str, &str)],
        now: Instant,
    ) -> Result<(), EncodeError> {
        let mut builder = Action::build(internal.action_name());
        for (name, value) in headers {
            builder = builder.header(name, value.as_bytes())?;
        }
        let action = builder.finish();
        let starts_at = self.lanes.get(&id).map_or(0, super::lane::Lane::position);
        let deadline = now + self.internal_deadline(internal);
        let key = self.pending.insert(Pending {
            lane: id,
            owner: Owner::Internal(internal),
            awaiting: Awaiting::Response,
            list: list_form(&action),
            load: None,
            starts_at,
            written: now,
            deadline,
            noted: false,
            expired: false,
            by_order: false,
        });
        let bytes = upstream_action(&action, Some(&self.pending.wire_id(key)), &[], &[])?;
        self.arm(deadline);
        if let Some(lane) = self.lanes.get_mut(&id) {
            if lane.written.is_empty() {
                lane.head_since = now;
            }
            lane.written.push_back(key);
            lane.queue_bytes(bytes);
        }
        Ok(())
    }

    fn internal_deadline(&self, internal: Internal) -> std::time::Duration {
        match internal {
            Internal::Challenge | Internal::Login => super::NodeSettings::LOGIN_DEADLINE,
            Internal::Ping | Internal::EventMask => self.settings.keepalive_deadline,
            Internal::ListCommands
            | Internal::AccountLimits
            | Internal::Identity
            | Internal::Queues
            | Internal::Survey { .. } => self.settings.action_deadline,
        }
    }

    /// The answer to Challenge or Login.
    pub(super) fn on_login_answer(
        &mut self,
        id: LaneId,
        internal: Internal,
        frame: &Frame,
        now: Instant,
    ) {
        if frame.response() != Some(b"Success") {
            let why =
                String::from_utf8_lossy(frame.header("Message").unwrap_or(b"no reason given"))
                    .into_owned();
            self.login_refused(id, &why, now);
            return;
        }
        if internal == Internal::Challenge {
            let challenge = frame
                .header("Challenge")
                .map(|value| String::from_utf8_lossy(value).into_owned());
            let sent = match &challenge {
                Some(challenge) => self
                    .send_login(id, Some(challenge), now)
                    .map_err(|error| error.to_string()),
                None => Err("the node sent no challenge".to_owned()),
            };
            if let Err(reason) = sent {
                self.lose_lane(id, &reason, now);
            }
            return;
        }
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.phase = Phase::Ready;
            lane.ready_since = Some(now);
            lane.phase_deadline = None;
            lane.last_used = now;
        }
        self.lane_ready(id, now);
    }

    fn login_refused(&mut self, id: LaneId, why: &str, now: Instant) {
        let user = self.settings.username.clone();
        let second = self.status.is_up();
        if second && !self.inquiry.second_login_reported {
            self.inquiry.second_login_reported = true;
            self.shortcoming(format!(
                "account {user} cannot log in a second time ({why}): amiplex needs allowmultiplelogin = yes"
            ));
        }
        self.lose_lane(id, &format!("login of {user} refused: {why}"), now);
    }

    fn lane_ready(&mut self, id: LaneId, now: Instant) {
        let role = self.lanes.get(&id).map(|lane| lane.role);
        match role {
            Some(LaneRole::Event) => {
                self.node_up(now);
                self.begin_masks(now);
            }
            Some(LaneRole::Action | LaneRole::Blocking) => {
                self.probe_new_lane(id, now);
                self.survey(now);
                self.inquire(now);
            }
            None => {}
        }
        self.arm(now + self.settings.keepalive_interval);
        self.dispatch(now);
    }

    fn node_up(&mut self, now: Instant) {
        let id: NodeId = self.settings.id;
        self.action_attempt = 0;
        self.suspected_since = None;
        self.status.state = NodeState::Booting;
        self.status.reason = "logged in".into();
        self.status.failures = 0;
        self.inquiry.begin(self.settings.objects.is_some());
        self.begin_survey(now);
        self.publish_status();
        let version = self
            .status
            .version
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        self.note(NodeNote::Up { version });
        self.effects
            .push_back(super::NodeEffect::Broadcast(Mail::NodeUp(id)));
        self.keep_minimum(now);
        self.survey(now);
        self.inquire(now);
    }
}

/// How the answer to an action of amiplex's own ends.
fn list_form(action: &Action) -> ListForm {
    let spec = action.name().and_then(builtin);
    spec.map_or(ListForm::No, |spec| spec.list)
}
