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
//! Nothing that is written (by [`encode`] and [`rewrite`]) contains a CR, LF or NUL taken from outside.

pub mod action;
pub mod action_id;
pub mod banner;
pub mod challenge;
pub mod class;
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
pub use decoder::{ActionDecoder, Incoming};
pub use encode::{EncodeError, EventBuilder, ResponseBuilder};
pub use event_mask::{EventMask, parse_event_mask};
pub use frame::{Frame, FrameKind, ListMarker};
pub use frame_decoder::{FrameDecoder, FrameError};
pub use limits::Limits;
pub use line::Line;
pub use rewrite::{EchoedIds, Slices};
