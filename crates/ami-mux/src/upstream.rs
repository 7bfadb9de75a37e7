//! The upstream side: all that amiplex knows and does about one node.
//!
//! [`Node`] is the machine; one task owns it. Its parts, in the order in which an action meets them:
//! [`queue`] (its session's fair turn, [`rounds`] of what several ask alike by [`sharing`], in [`rotation`] within what [`load`] allows), [`dispatch`] (which lane), [`writing`]
//! (registered in [`pending`], then written), [`reply`] (what a
//! frame means for it, [`own_items`] for accounts with `channels`, [`giving`] it out), [`async_ids`] (what outlives the answer). [`lane`] and
//! [`login`] are one connection's life; [`breaker`] keeps actions from a node that answers none; [`ending`] is the machine's own end; [`keepalive`], [`inquiry`], [`survey`], [`narrowing`] and [`timers`] are what amiplex does on its own
//! account.

mod async_ids;
mod breaker;
mod dispatch;
mod effect;
mod ending;
mod events;
mod giving;
mod inquiry;
mod keepalive;
mod kept;
mod lag;
mod lane;
mod load;
mod login;
mod loss;
mod narrowing;
mod node;
mod own_items;
mod pending;
mod queue;
mod queue_refresh;
mod reply;
mod rotation;
mod rounds;
mod settings;
mod sharing;
mod submission;
mod survey;
mod timers;
mod writing;

pub use effect::{ActionEnd, NodeEffect, NodeFigures, NodeNote};
pub(crate) use kept::AGE_HEADER;
pub use lane::{LaneLoss, LaneRole};
pub use load::AtOnce;
pub use node::Node;
pub use settings::NodeSettings;
pub use sharing::{CacheRule, Coalesce};
pub use submission::Submission;
