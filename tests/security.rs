//! Security events of amiplex itself: as Asterisk raises them, to those who may see them, and in the security log.

mod compared;
mod log;
mod readers;
