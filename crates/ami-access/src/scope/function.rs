//! What an account with `channels` may reach through its own channels: variables, a few functions, a few applications.
//!
//! Most dialplan functions know no channel: `DB`, `GLOBAL`, `CHANNELS`, `IMPORT`, `DEVICE_STATE` and the like read and write
//! what belongs to others. Applications such as ChanSpy or Pickup take hold of others' channels.

use ami_proto::Action;

/// Functions that read the channel itself and nothing else.
const READS: [&str; 6] = [
    "CALLERID",
    "CDR",
    "CHANNEL",
    "CONNECTEDLINE",
    "PJSIP_HEADER",
    "REDIRECTING",
];

/// Functions that change the channel itself and give it no way to others, as `CHANNEL(pickupgroup)` would.
const WRITES: [&str; 5] = [
    "CALLERID",
    "CDR",
    "CONNECTEDLINE",
    "PJSIP_HEADER",
    "REDIRECTING",
];

/// Applications that reach nobody. Playback is not among them: it plays any recording on the node.
const APPLICATIONS: [&str; 11] = [
    "Answer",
    "Busy",
    "Congestion",
    "Echo",
    "Hangup",
    "Milliwatt",
    "MusicOnHold",
    "NoOp",
    "Progress",
    "Ringing",
    "Wait",
];

/// Whether the application of an Originate takes hold of no other channel.
pub(super) fn reaches_nobody(name: &str, action: &Action) -> bool {
    name != "Originate" || action.headers("Application").all(is_harmless)
}

/// Whether the variables of the action, whose name is the table's, are those of the channels that it names.
pub(super) fn only_of_the_channel(name: &str, action: &Action) -> bool {
    match name {
        "Getvar" => action
            .headers("Variable")
            .all(|text| calls_only(text, &READS)),
        "Status" => action
            .headers("Variables")
            .all(|text| calls_only(text, &READS)),
        "Setvar" => action
            .headers("Variable")
            .all(|text| calls_only(text, &WRITES)),
        "Originate" => action.headers("Variable").all(|text| {
            let mut parts = text.split(|&byte| byte == b',');
            parts.all(|part| calls_only(before_equals(part), &WRITES))
        }),
        _ => true,
    }
}

fn is_harmless(application: &[u8]) -> bool {
    let application = application.trim_ascii();
    application.is_empty()
        || APPLICATIONS
            .iter()
            .any(|harmless| application.eq_ignore_ascii_case(harmless.as_bytes()))
}

/// The name of an assignment. The node splits a header at commas that nothing protects; each comma is taken for one here, so
/// that no name of the node's is missed.
fn before_equals(assignment: &[u8]) -> &[u8] {
    assignment
        .split(|&byte| byte == b'=')
        .next()
        .unwrap_or_default()
}

/// Whether every function that the text calls is one of these. What could put a name together or hide one counts as another.
fn calls_only(text: &[u8], known: &[&str]) -> bool {
    if !text.contains(&b'(') {
        return true;
    }
    let hides = |byte: &u8| matches!(byte, b'$' | b'%' | b'"' | b'\\');
    if text.iter().any(hides) {
        return false;
    }
    let calls = text.split(|&byte| byte == b'(');
    let before_last = calls.clone().count().saturating_sub(1);
    calls.take(before_last).all(|before| {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let start = before
            .iter()
            .rposition(|byte| !is_word(byte))
            .map_or(0, |last| last + 1);
        let name = before.get(start..).unwrap_or_default();
        known
            .iter()
            .any(|function| name.eq_ignore_ascii_case(function.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::action;

    fn permitted(lines: &[&str]) -> bool {
        let action = action(lines);
        let name = action.name().unwrap().as_str_lossy().into_owned();
        reaches_nobody(&name, &action) && only_of_the_channel(&name, &action)
    }

    #[test]
    fn functions_of_the_channel_itself() {
        for text in [
            "X",
            "CALLERID(num)",
            "cdr(start)",
            "CHANNEL(rtp,dest)",
            "X:1:2",
        ] {
            assert!(
                permitted(&["Action: Getvar", &format!("Variable: {text}")]),
                "{text}"
            );
        }
        for text in [
            "DB(a/b)",
            "IMPORT(PJSIP/other-1,X)",
            "CHANNELS(.*)",
            "GLOBAL(X)",
            "CALLERID(${DB(a/b)})",
            "CALLERID(DB(a/b))",
            "\\D\\B(a/b)",
            "(x)",
            "${X}(y)",
        ] {
            assert!(
                !permitted(&["Action: Getvar", &format!("Variable: {text}")]),
                "{text}"
            );
            let both = format!("Variables: X,{text}");
            assert!(!permitted(&["Action: Status", &both]), "{text}");
        }
        assert!(permitted(&[
            "Action: Setvar",
            "Variable: CALLERID(name)",
            "Value: ${DB(a/b)}"
        ]));
        assert!(!permitted(&[
            "Action: Setvar",
            "Variable: CHANNEL(namedpickupgroup)",
            "Value: x"
        ]));
    }

    #[test]
    fn variables_and_applications_of_a_new_call() {
        for line in [
            "Variable: A=1,B=2",
            "Variable: A=f(x)",
            "Variable: CALLERID(num)=5,C=7",
            "Application: wait",
        ] {
            assert!(permitted(&["Action: Originate", line]), "{line}");
        }
        for line in [
            "Variable: A=1,DB(a/b)=2",
            "Variable: \"A=1,DB(a/b)\"=2",
            "Variable: D\"B\"(a/b)=2",
            "Variable: CHANNEL(pickupgroup)=1",
            "Application: ChanSpy",
            "Application: Playback",
            "Application: Dial",
        ] {
            assert!(!permitted(&["Action: Originate", line]), "{line}");
        }
        assert!(!permitted(&[
            "Action: Originate",
            "Variable: A=1",
            "Variable: DB(a/b)=1"
        ]));
    }
}
