//! What the headers of an action say of its run: cost, form of the answer, time of its own.

use std::time::Duration;

use ami_proto::Action;

use crate::authority::{ActionSpec, Cost, ListForm};
use crate::manager_conf::is_true;

/// Asterisk's Timeout of an Originate without one.
const ORIGINATE_TIMEOUT: Duration = Duration::from_secs(30);

/// Shortest digit that Asterisk plays.
const DIGIT_DURATION_MIN: Duration = Duration::from_millis(100);

/// The completing event of a Hangup by regular expression.
const HANGUP_LIST: ListForm = ListForm::List {
    complete: &["ChannelsHungupListComplete"],
};

/// How one action runs.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) cost: Cost,
    pub(super) list: ListForm,
    pub(super) own_time: Option<Duration>,
    pub(super) is_async_originate: bool,
}

impl Run {
    /// `spec` is the action's row; without one it is slow, and the response says whether it is a list.
    pub(super) fn of(action: &Action, spec: Option<&ActionSpec>) -> Self {
        let Some(spec) = spec else {
            return Self::new(Cost::Slow, ListForm::Unknown);
        };
        let run = Self::new(spec.cost, spec.list);
        match spec.name {
            "Originate" => originate(action, spec.list),
            "PlayDTMF" if is_set(action, "Receive") => Self {
                cost: Cost::Quick,
                ..run
            },
            "PlayDTMF" | "PlayMF" => {
                let duration = milliseconds(action, "Duration").unwrap_or_default();
                Self {
                    own_time: Some(duration.max(DIGIT_DURATION_MIN)),
                    ..run
                }
            }
            "Getvar" | "Setvar" => at_least_slow_if(run, calls_function(action, "Variable")),
            "Status" => at_least_slow_if(run, calls_function(action, "Variables")),
            "Hangup" | "PJSIPHangup" => {
                if action
                    .header("Channel")
                    .is_some_and(|channel| channel.starts_with(b"/"))
                {
                    Self::new(Cost::Slow, HANGUP_LIST)
                } else {
                    Self::new(run.cost, ListForm::No)
                }
            }
            _ => run,
        }
    }

    fn new(cost: Cost, list: ListForm) -> Self {
        Self {
            cost,
            list,
            own_time: None,
            is_async_originate: false,
        }
    }
}

fn originate(action: &Action, list: ListForm) -> Run {
    let is_async = is_set(action, "Async");
    let cost = if is_async {
        Cost::Quick
    } else {
        Cost::Blocking
    };
    let own_time = Some(milliseconds(action, "Timeout").unwrap_or(ORIGINATE_TIMEOUT));
    let run = Run {
        cost,
        list,
        own_time,
        is_async_originate: is_async,
    };
    at_least_slow_if(run, calls_function(action, "Variable"))
}

fn at_least_slow_if(mut run: Run, calls_function: bool) -> Run {
    if calls_function {
        run.cost = run.cost.max(Cost::Slow);
    }
    run
}

/// A parenthesis in a variable's name means a dialplan function, which may wait for anything.
fn calls_function(action: &Action, header: &str) -> bool {
    action.headers(header).any(|value| value.contains(&b'('))
}

pub(crate) fn is_set(action: &Action, header: &str) -> bool {
    let value = action
        .header(header)
        .and_then(|value| std::str::from_utf8(value).ok());
    value.is_some_and(is_true)
}

/// The number at the start of a header, as the handlers read it; negative counts as zero.
pub(crate) fn milliseconds(action: &Action, header: &str) -> Option<Duration> {
    let value = action.header(header)?;
    if value.starts_with(b"-") {
        return Some(Duration::ZERO);
    }
    let value = value.strip_prefix(b"+").unwrap_or(value);
    let end = value
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(value.len());
    let digits = std::str::from_utf8(value.get(..end)?)
        .ok()
        .filter(|digits| !digits.is_empty())?;
    // What is too long for a number is longer than any deadline.
    Some(Duration::from_millis(
        digits.parse::<u32>().unwrap_or(u32::MAX).into(),
    ))
}
