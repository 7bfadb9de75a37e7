//! Class sets of the events and actions of the simulator, as constants.
//!
//! The numbers are Asterisk's own bits, so that tables of actions can be `static`.

use ami_proto::{Class, ClassSet};

pub(crate) const SYSTEM: ClassSet = ClassSet::of(Class::System);
pub(crate) const CALL: ClassSet = ClassSet::of(Class::Call);
pub(crate) const AGENT: ClassSet = ClassSet::of(Class::Agent);
pub(crate) const USER: ClassSet = ClassSet::of(Class::User);
pub(crate) const DTMF: ClassSet = ClassSet::of(Class::Dtmf);
pub(crate) const DIALPLAN: ClassSet = ClassSet::of(Class::Dialplan);
pub(crate) const SECURITY: ClassSet = ClassSet::of(Class::Security);
pub(crate) const CDR: ClassSet = ClassSet::of(Class::Cdr);
