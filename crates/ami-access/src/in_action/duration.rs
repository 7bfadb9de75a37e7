//! How long one action may keep a lane for itself, by its own words.
//!
//! Asterisk plays a digit for as long as the client says, inside the client's own session: up to seven weeks. Here the lane is shared,
//! so what nobody means is refused. An Originate that is not asynchronous holds its lane until the call is answered.

use std::time::Duration;

use ami_proto::Action;

use super::{Text, header};
use crate::authorize::milliseconds;

/// Longest digit that may be played.
const PLAYED_MAX: Duration = Duration::from_secs(30);
const PLAYED: Text = "Duration is longer than 30000 milliseconds";

/// Longest time that an Originate may wait for its answer while its session waits with it.
const WAITING_CALL_MAX: Duration = Duration::from_mins(10);
const WAITING_CALL: Text = "Timeout is longer than 600000 milliseconds: use Async";

/// PlayDTMF and PlayMF. The handlers read a number without sign, so that a negative one is enormous.
pub(super) fn check_played(action: &Action) -> Result<(), Text> {
    let negative = header(action, "Duration").starts_with(b"-");
    let duration = milliseconds(action, "Duration").unwrap_or_default();
    if negative || duration > PLAYED_MAX {
        Err(PLAYED)
    } else {
        Ok(())
    }
}

/// Originate, unless it is asynchronous.
pub(super) fn check_waiting_call(action: &Action) -> Result<(), Text> {
    let timeout = milliseconds(action, "Timeout").unwrap_or_default();
    if timeout > WAITING_CALL_MAX {
        Err(WAITING_CALL)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::authorize::{AuthorizeContext, Refusal, authorize};
    use crate::fixture::{action, principal};

    fn refusal(lines: &[&str]) -> Option<&'static str> {
        match authorize(
            &principal("all"),
            action(lines),
            &AuthorizeContext::default(),
        ) {
            Ok(_) => None,
            Err((Refusal::Check(text), _)) => Some(text),
            Err((other, _)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_digit_is_not_played_for_weeks() {
        for name in ["Action: PlayDTMF", "Action: playmf"] {
            assert_eq!(refusal(&[name, "Digit: 1"]), None);
            assert_eq!(refusal(&[name, "Duration: 30000"]), None);
            for long in [
                "Duration: 30001",
                "Duration: 4294967295",
                "Duration: -1",
                "Duration: 99999999999999",
            ] {
                assert_eq!(refusal(&[name, long]), Some(super::PLAYED), "{long}");
            }
        }
    }

    #[test]
    fn a_call_that_is_waited_for_is_answered_or_given_up_in_time() {
        let call = "Action: Originate";
        assert_eq!(refusal(&[call, "Timeout: 600000"]), None);
        assert_eq!(
            refusal(&[call, "Timeout: 600001"]),
            Some(super::WAITING_CALL)
        );
        assert_eq!(refusal(&[call, "Timeout: 600001", "Async: true"]), None);
    }
}
