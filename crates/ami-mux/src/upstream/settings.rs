//! The fixed settings of a node, as its machine needs them.

use std::sync::Arc;
use std::time::Duration;

use ami_access::Secret;

use super::load::AtOnce;
use super::sharing::Coalesce;
use crate::ids::NodeId;
use crate::objects::SharedObjects;

/// Settings of one node.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Index in the directory.
    pub id: NodeId,
    /// Configured name.
    pub name: Arc<str>,
    /// What the node has, kept up to date by its machine; `None` where nobody asks.
    pub objects: Option<SharedObjects>,
    /// Upstream account.
    pub username: String,
    /// Its secret.
    pub secret: Secret,
    /// Security events of the node about that account reach clients. They tell of amiplex's own comings and goings.
    pub own_security_events: bool,
    /// Log in by MD5 challenge; else the secret is sent as it is.
    pub md5: bool,
    /// Lanes for quick and slow actions that are kept at rest.
    pub lanes_min: usize,
    /// Lanes for quick and slow actions at most.
    pub lanes_max: usize,
    /// Lanes for blocking actions at most, beside the others.
    pub blocking_max: usize,
    /// A lane beyond the minimum is closed after this long without work of clients.
    pub lane_idle: Duration,
    /// Actions written and unanswered on a shared lane at most.
    pub depth: usize,
    /// How long a lane with nothing outstanding may be silent before it is pinged.
    pub keepalive_interval: Duration,
    /// How long the answer to such a Ping may take.
    pub keepalive_deadline: Duration,
    /// With an answer later than this the node's events come late.
    pub keepalive_lag: Duration,
    /// Deadline of an action, from its submission to its writing and again from its writing to its answer.
    pub action_deadline: Duration,
    /// Classes of events that no session wants are left out of the event lane once nobody has wanted them for so long; `None`: never.
    pub narrow_after: Option<Duration>,
    /// Actions of each kind that the node works on at once, at most.
    pub at_once: AtOnce,
    /// How questions of several clients are put together.
    pub coalesce: Coalesce,
}

impl NodeSettings {
    /// A lane that has not logged in by then is given up.
    pub const LOGIN_DEADLINE: Duration = Duration::from_secs(10);
    /// A lane that was logged in for less is opened again with a pause: a node may take a login and close at once.
    pub const STABLE_AFTER: Duration = Duration::from_secs(10);
    /// The head of a lane may be unanswered this long before nothing more is written behind it.
    pub const HEAD_STALL: Duration = Duration::from_millis(20);
    /// Added to the time that an action says it takes itself.
    pub const OWN_TIME_MARGIN: Duration = Duration::from_secs(5);
    /// How long an irregular action's optional last part is awaited.
    pub const GRACE: Duration = Duration::from_secs(1);
    /// How long an OriginateResponse is awaited past the Originate's own timeout, and a UserEvent past its answer.
    pub const ASYNC_MARGIN: Duration = Duration::from_mins(1);
    /// Asynchronous actions that wait for their event, at most.
    pub const ASYNC_MAX: usize = 65_536;
    /// Bytes that wait for one lane's socket before it takes no new work.
    pub const LANE_OUT_BYTES_MAX: usize = 256 * 1024;
    /// With events later than this the event lane is opened anew, though it is heard: the node's lists tell more than they would.
    pub const LATE_EVENTS_MAX: Duration = Duration::from_mins(2);
    /// Effects that wait to be carried out before no more messages of a lane are read.
    pub const EFFECTS_MAX: usize = 4_096;
    /// Asterisk's own default timeout of Originate.
    pub const ORIGINATE_TIMEOUT: Duration = Duration::from_secs(30);
}
