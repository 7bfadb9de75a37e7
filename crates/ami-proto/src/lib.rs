//! The AMI wire protocol: bytes to messages and back, without I/O.
//!
//! A message is a run of lines ended by an empty line. A header is a line in which a name is followed
//! at once by a colon; the value begins after the bytes up to 0x20 that follow it. Names compare without
//! regard to ASCII case, values are bytes: AMI has no character set. Order and duplicates are kept.
//!
//! The two directions are read by different rules:
//!
//! - [`ActionDecoder`] reads what a *client* sends exactly as Asterisk would, with limits of our own so that no
//!   input can end a message at another place than the client's empty line.
//! - [`FrameDecoder`] reads what a *node* sends, leniently, and hands out slices of the read buffer.
//!
//! What stands between the two is [`rewrite`]: a client's action goes up under an ActionID of ours, and answers come
//! down under the client's.
//!
//! ```
//! use ami_proto::rewrite::{join, restore_action_id, upstream_action};
//! use ami_proto::{ActionDecoder, FrameDecoder, Incoming, Limits, WireActionId};
//! use bytes::BytesMut;
//!
//! let mut from_client = BytesMut::from("Action: Ping\r\nActionID: mine\r\n\r\n");
//! let Some(Incoming::Action(action)) = ActionDecoder::new().decode(&mut from_client) else { panic!() };
//! let wire = WireActionId::new(0xc0ffee, 1, 1);
//! let up = join(upstream_action(&action, Some(&wire), &[], &[])?);
//! assert_eq!(up, "Action: Ping\r\nActionID: amx1-00c0ffee-1-1\r\n\r\n");
//!
//! let mut from_node = BytesMut::from("Response: Success\r\nActionID: amx1-00c0ffee-1-1\r\nPing: Pong\r\n\r\n");
//! let Some(frame) = FrameDecoder::new(Limits::default()).decode(&mut from_node)? else { panic!() };
//! let down = join(restore_action_id(&frame, action.action_id().as_ref()));
//! assert_eq!(down, "Response: Success\r\nActionID: mine\r\nPing: Pong\r\n\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing that is written (by [`encode`] and [`rewrite`]) contains a CR, LF or NUL taken from outside.

pub mod action;
pub mod action_id;
pub mod banner;
pub mod challenge;
pub mod class;
pub mod command_output;
pub mod decoder;
pub mod encode;
pub mod event_mask;
pub mod frame;
pub mod frame_decoder;
pub mod limits;
pub mod line;
pub mod rewrite;

pub use action::{Action, ActionBuilder, ActionName};
pub use action_id::{ClientActionId, WireActionId, WireIdParts};
pub use banner::AmiVersion;
pub use challenge::Challenge;
pub use class::{Class, ClassSet, UnknownClass};
pub use command_output::CommandOutput;
pub use decoder::{ActionDecoder, Incoming};
pub use encode::{EncodeError, EventBuilder, ResponseBuilder};
pub use event_mask::{EventMask, parse_event_mask};
pub use frame::{Frame, FrameKind, ListMarker};
pub use frame_decoder::{FrameDecoder, FrameError};
pub use limits::Limits;
pub use line::Line;
pub use rewrite::{EchoedIds, Slices};
