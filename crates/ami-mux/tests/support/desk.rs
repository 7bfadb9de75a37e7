//! A session's machine on a bench: two nodes, and mail when the test says so.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ami_access::manager_conf::MemoryFiles;
use ami_access::{Accounts, OnNodeLoss, SecretCheck, load_from};
use ami_mux::{
    ActionSeq, Directory, DirectoryEntry, Mail, NodeEvent, NodeId, NodeState, NodeStatus, Outlook,
    PartKind, SecurityReport, Session, SessionEffect, SessionId, SessionNote, SessionSettings,
    SessionStart, Submission,
};
use ami_proto::{CommandOutput, Frame};
use bytes::{Bytes, BytesMut};

use crate::world::World;

const MANAGER_CONF: &str = "[general]\n[a]\nsecret = s\nread = all\nwrite = all\n\
    [v]\nsecret = s\nread = all\nwrite = all\nsetvar = A=1\nsetvar = B=1\nsetvar = C=1\n\
    [limited]\nsecret = s\nread = all\nwrite = all\nrate = 3\n\
    [greedy]\nsecret = s\nread = all\nwrite = all\nrate_account = 3\n\
    [panel]\nsecret = s\nread = agent,user\nwrite = agent,user\n\
    [taken]\nsecret = s\nallowmultiplelogin = no\n\
    [throttled]\nsecret = s\n\
    [elsewhere]\nsecret = s\ndeny = 0.0.0.0/0,::/0\n\
    [bare]\n\
    [one]\nsecret = s\nread = all\nwrite = all\nnodes = pbx1\n\
    [old]\nsecret = s\nread = all\nwrite = all\ncommand_output = follows\n\
    [asis]\nsecret = s\nread = all\nwrite = all\ncommand_output = native\n\
    [filtered]\nsecret = s\nread = all\neventfilter = !InvalidPassword\n\
    [h]\nsecret_hash = $argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$TvJZjSjEyaTxaRflA27IE3+/2/M2EI/A3lqcozmYpVQ\n\
    read = all\nwrite = all\n\
    [t]\nsecret = s\nread = all\nwrite = all\nchannels = PJSIP/acme-*,Local/*@acme-*\n\
    [split]\nsecret = s\nwrite@pbx1 = originate\nread@pbx2 = agent\n\
    [halved]\nsecret = s\nread = call\nread@pbx1 = system,call,security\nwrite = all\nwrite@pbx2 = system\ndeny_actions@pbx2 = CoreShowChannels\n\
    [u]\nsecret = s\nread = all\nwrite = all\nchannels = PJSIP/acme-*\nresync = no\n";

/// The bench.
pub(crate) struct Desk {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) submitted: Vec<(NodeId, Submission<()>)>,
    pub(crate) closed: bool,
    /// Security events that are due, each with what the client had been told when it became so.
    pub(crate) reports: Vec<(SecurityReport, String)>,
    pub(crate) replays: Vec<NodeId>,
    /// Checks of secrets that are to be made.
    pub(crate) checks: Vec<SecretCheck>,
    pub(crate) notes: Vec<SessionNote>,
    /// What the client has sent and the session has not taken.
    unread: BytesMut,
    written: String,
    /// The last piece of it, as it was.
    pub(crate) last_written: Option<Bytes>,
    world: World,
}

fn accounts(manager_conf: &str) -> Arc<Accounts> {
    let files = MemoryFiles::default().with("/manager.conf", manager_conf);
    let loaded = load_from(&files, Path::new("/manager.conf"), None).expect("valid");
    Arc::new(loaded.accounts)
}

fn world() -> World {
    let entry = |name: &str| DirectoryEntry {
        status: NodeStatus {
            state: NodeState::Up,
            ..NodeStatus::initial()
        },
        ..DirectoryEntry::new(name)
    };
    World {
        accounts: accounts(MANAGER_CONF),
        directory: Arc::new(Directory::new(vec![entry("pbx1"), entry("pbx2")])),
        throttles: false,
    }
}

impl Desk {
    /// A connection that has not said anything.
    pub(crate) fn new() -> Self {
        Self::at_listener(CommandOutput::Native)
    }

    /// The same at a listener with that form of Command's output.
    pub(crate) fn at_listener(command_output: CommandOutput) -> Self {
        Self::made(IpAddr::V4(Ipv4Addr::LOCALHOST), false, command_output)
    }

    /// A connection from there, over TLS or not, that has not said anything.
    pub(crate) fn of(peer: IpAddr, tls: bool) -> Self {
        Self::made(peer, tls, CommandOutput::Native)
    }

    fn made(peer: IpAddr, tls: bool, command_output: CommandOutput) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant serves as the start of virtual time"
        )]
        let now = Instant::now();
        let world = world();
        let settings = SessionSettings {
            rates: ami_mux::Rates::default(),
            inflight_max: 16,
            action_deadline: Duration::from_secs(30),
            list_deadline: Duration::from_secs(4),
            event_hold_max: Duration::from_millis(100),
            auth_timeout: Duration::from_secs(30),
            label: "Node".into(),
            select: Arc::from(["Node".to_owned(), "Server".to_owned()]),
            routes: Arc::from([]),
            node: None,
            greeting_version: None,
            on_node_loss: OnNodeLoss::Close,
            command_output,
        };
        let start = SessionStart {
            id: SessionId(1),
            peer,
            tls,
        };
        Self {
            session: Session::new(start, Arc::new(settings), &world, now),
            now,
            submitted: Vec::new(),
            closed: false,
            reports: Vec::new(),
            replays: Vec::new(),
            checks: Vec::new(),
            notes: Vec::new(),
            unread: BytesMut::new(),
            written: String::new(),
            last_written: None,
            world,
        }
    }

    /// Logged in under that name, everything said so far taken.
    pub(crate) fn logged_in(username: &str) -> Self {
        Self::new().log_in(username)
    }

    /// The same at this listener.
    pub(crate) fn log_in(mut self, username: &str) -> Self {
        self.says(&format!("Action: Login|Username: {username}|Secret: s"));
        assert!(self.heard().contains("Authentication accepted"));
        self
    }

    /// That node does not tell yet what it has.
    pub(crate) fn unsettled(mut self, node: u16) -> Self {
        let mut directory = Directory::clone(&self.world.directory);
        let entry = directory.entry_mut(NodeId(node)).expect("a node");
        entry.status.settled = false;
        self.world.directory = Arc::new(directory);
        self
    }

    fn pump(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                SessionEffect::Write { bytes, .. } => {
                    for slice in bytes {
                        self.written.push_str(&String::from_utf8_lossy(&slice));
                        self.last_written = Some(slice);
                    }
                }
                SessionEffect::Submit(node, submission) => self.submitted.push((node, *submission)),
                SessionEffect::Close(_) => self.closed = true,
                SessionEffect::Security(report) => {
                    let heard = self.written.replace("\r\n", "|");
                    self.reports.push((*report, heard));
                }
                SessionEffect::Replay(node) => self.replays.push(node),
                SessionEffect::Verify(check) => self.checks.push(check),
                SessionEffect::Note(note) => self.notes.push(note),
                SessionEffect::LoggedIn { .. } | SessionEffect::Interest(_) => {}
            }
        }
    }

    /// Mail that others show the client while the session is at rest, as its driver lets them. Whether they did.
    pub(crate) fn mail_to_one_at_rest(&mut self, mail: Mail) -> bool {
        let view = self.outlook().and_then(|outlook| outlook.shows(&mail));
        if let Some(view) = &view {
            self.written.push_str(&String::from_utf8_lossy(&view.bytes));
        } else {
            self.mail(mail);
        }
        view.is_some()
    }

    /// What its client is shown while it is at rest.
    pub(crate) fn outlook(&self) -> Option<Outlook> {
        self.session.outlook()
    }

    /// The client says this; lines are separated by `|`, messages by `||`.
    pub(crate) fn says(&mut self, text: &str) {
        let bytes = text.replace('|', "\r\n") + "\r\n\r\n";
        self.unread.extend_from_slice(bytes.as_bytes());
        self.takes_more();
    }

    /// The session is offered what it has not taken yet.
    pub(crate) fn takes_more(&mut self) {
        self.session
            .client_input(&mut self.unread, &self.world, self.now);
        self.pump();
    }

    /// The check that is due is made, and its outcome told.
    pub(crate) fn checks(&mut self) {
        let check = self.checks.remove(0);
        self.session.verified(check.run(), &self.world, self.now);
        self.pump();
        self.takes_more();
    }

    /// The accounts are loaded anew.
    pub(crate) fn reloads(&mut self, manager_conf: &str) {
        self.world.accounts = accounts(manager_conf);
    }

    /// From now on everybody is throttled.
    pub(crate) fn throttles(&mut self) {
        self.world.throttles = true;
    }

    /// The client closes its side.
    pub(crate) fn closes(&mut self) {
        self.session.client_eof(&self.world, self.now);
        self.pump();
    }

    /// What the client got since, with `|` for line ends.
    pub(crate) fn heard(&mut self) -> String {
        std::mem::take(&mut self.written).replace("\r\n", "|")
    }

    pub(crate) fn mail(&mut self, mail: Mail) {
        self.session.mail(mail, &self.world, self.now);
        self.pump();
    }

    pub(crate) fn wrote(&mut self, node: u16, seq: ActionSeq) {
        self.mail(Mail::Written {
            node: NodeId(node),
            seq,
            list: false,
        });
    }

    pub(crate) fn answer(&mut self, node: u16, seq: ActionSeq, text: &str) {
        let bytes = std::iter::once(Bytes::from(text.replace('|', "\r\n") + "\r\n\r\n")).collect();
        self.mail(Mail::Reply {
            node: NodeId(node),
            seq,
            bytes,
            last: true,
            kind: PartKind::Response { success: true },
        });
    }

    /// A part of a list, or its last.
    pub(crate) fn part(&mut self, node: u16, seq: ActionSeq, text: &str, kind: PartKind) {
        let bytes = std::iter::once(Bytes::from(text.replace('|', "\r\n") + "\r\n\r\n")).collect();
        self.mail(Mail::Reply {
            node: NodeId(node),
            seq,
            bytes,
            last: kind == PartKind::Complete,
            kind,
        });
    }

    pub(crate) fn event(&mut self, node: u16, name: &str) {
        self.tells(node, &format!("Event: {name}|Privilege: call,all"));
    }

    /// The node raises this event; lines are separated by `|`.
    pub(crate) fn tells(&mut self, node: u16, text: &str) {
        self.mail(Mail::Event(Self::node_event(node, text)));
    }

    /// What was missed of the node was told, and it has what these events tell.
    pub(crate) fn resynced(&mut self, node: u16, has: Option<&[&str]>) {
        let has = has.map(|texts| {
            let events = texts.iter().map(|text| Self::node_event(node, text));
            events.collect()
        });
        let node = NodeId(node);
        self.mail(Mail::Resynced { node, has });
    }

    fn node_event(node: u16, text: &str) -> Arc<NodeEvent> {
        let bytes = Bytes::from(text.replace('|', "\r\n") + "\r\n\r\n");
        let frame = Frame::parse(bytes.clone()).expect("a message");
        let of = format!("pbx{}", node + 1);
        let event = NodeEvent::new(NodeId(node), of.as_str().into(), &frame, bytes);
        Arc::new(event)
    }

    /// The node says that it has booted; its sessions are told.
    pub(crate) fn boots(&mut self, node: u16) {
        let mut directory = Directory::clone(&self.world.directory);
        let entry = directory.entry_mut(NodeId(node)).expect("a node");
        entry.status.booted = Some(ami_mux::Booted {
            heard: self.now,
            uptime: Some(Duration::from_secs(9)),
            since_reload: Some(Duration::from_secs(9)),
        });
        self.world.directory = Arc::new(directory);
        self.mail(Mail::NodeBooted(NodeId(node)));
    }

    /// The operator wants that of the node.
    pub(crate) fn serves(&mut self, node: u16, service: ami_mux::Service) {
        let mut directory = Directory::clone(&self.world.directory);
        let entry = directory.entry_mut(NodeId(node)).expect("a node");
        entry.status.service = service;
        self.world.directory = Arc::new(directory);
    }

    pub(crate) fn is_silent(&mut self, node: u16) {
        let mut directory = Directory::clone(&self.world.directory);
        let entry = directory.entry_mut(NodeId(node)).expect("a node");
        entry.status.breaker = ami_mux::Breaker::Open;
        self.world.directory = Arc::new(directory);
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        if self.session.poll_timeout().is_some_and(|at| at <= self.now) {
            self.session.handle_timeout(&self.world, self.now);
        }
        self.pump();
    }

    /// amiplex stops, and what the client had sent by then is still read.
    pub(crate) fn refuses(&mut self) {
        self.session.refuse_new();
    }

    pub(crate) fn drain(&mut self) {
        self.session.drain(&self.world, self.now);
        self.pump();
    }
}
