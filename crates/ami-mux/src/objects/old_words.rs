//! What events that tell of a difference are called by nodes up to Asterisk 11.

use bytes::Bytes;

/// How such an event begins, and how an old node's own does.
const OLD: [(&str, &str); 3] = [
    (
        "Event: QueueCallerJoin\r\nPrivilege: agent,all\r\n",
        "Event: Join\r\nPrivilege: call,all\r\n",
    ),
    (
        "Event: QueueCallerLeave\r\nPrivilege: agent,all\r\n",
        "Event: Leave\r\nPrivilege: call,all\r\n",
    ),
    (
        "Event: QueueMemberPause\r\n",
        "Event: QueueMemberPaused\r\n",
    ),
];

/// The event as an old node would have raised it. Bridges have no events there, and none are told of.
pub(crate) fn in_old_words(event: Bytes) -> Bytes {
    for (new, old) in OLD {
        if let Some(rest) = event.strip_prefix(new.as_bytes()) {
            return [old.as_bytes(), rest].concat().into();
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_classes_are_those_of_the_time() {
        for (new, old) in [
            (
                "Event: QueueCallerLeave\r\nPrivilege: agent,all\r\nQueue: a\r\n\r\n",
                "Event: Leave\r\nPrivilege: call,all\r\nQueue: a\r\n\r\n",
            ),
            (
                "Event: QueueMemberPause\r\nPrivilege: agent,all\r\nQueue: a\r\n\r\n",
                "Event: QueueMemberPaused\r\nPrivilege: agent,all\r\nQueue: a\r\n\r\n",
            ),
            ("Event: Hangup\r\n\r\n", "Event: Hangup\r\n\r\n"),
        ] {
            assert_eq!(in_old_words(Bytes::from(new)), old);
        }
    }
}
