//! The state machines of amiplex: sessions, lanes, routing, without I/O or clock.
