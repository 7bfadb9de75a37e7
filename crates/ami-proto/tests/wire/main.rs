//! The wire protocol from outside: against recorded bytes, and against a model of how Asterisk reads.

#[cfg(test)]
mod asterisk;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod smuggling;
