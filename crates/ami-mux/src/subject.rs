//! What may be written down of a client's action: its name, its id and the channel that it is about.
//!
//! Nothing else of it: any other header may hold a secret, and so may a channel that is dialled (`IAX2/user:secret@peer`), of which that part is
//! left out. Whoever writes it down escapes it.

use ami_proto::Action;

/// Characters of each part at most.
const LENGTH_MAX: usize = 256;

/// An action in a few words, each cut to 256 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionSubject {
    /// Its name as the client spelt it; empty when it has none.
    pub name: String,
    /// Its ActionID.
    pub action_id: Option<String>,
    /// Its first `Channel`, without what may be a secret.
    pub channel: Option<String>,
}

impl ActionSubject {
    /// That of `action`.
    pub fn of(action: &Action) -> Self {
        let name = action.name().map(ToString::to_string).unwrap_or_default();
        Self {
            name: cut(&name),
            action_id: action.header("ActionID").map(text),
            channel: action
                .header("Channel")
                .map(|value| open_part(&text(value))),
        }
    }
}

fn text(value: &[u8]) -> String {
    cut(&String::from_utf8_lossy(value))
}

fn cut(text: &str) -> String {
    text.chars().take(LENGTH_MAX).collect()
}

/// What stands between the first colon and the last `@` may be a password.
fn open_part(channel: &str) -> String {
    let (before, after) = match channel.rsplit_once('@') {
        Some((before, after)) => (before, Some(after)),
        // The `@` may have been cut off.
        None => (channel, None),
    };
    match (before.split_once(':'), after) {
        (Some((user, _)), Some(after)) => format!("{user}:***@{after}"),
        (Some((user, _)), None) => format!("{user}:***"),
        (None, _) => channel.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_dialled_channel_is_left_out() {
        for (channel, shown) in [
            ("PJSIP/100-0000002a", "PJSIP/100-0000002a"),
            ("Local/1@ctx/n", "Local/1@ctx/n"),
            ("IAX2/user:s3cr3t@peer/1", "IAX2/user:***@peer/1"),
            ("SIP/u:s3cr3t:md5::udp@h&IAX2/v:s3cr3t@i", "SIP/u:***@i"),
            ("IAX2/user:s3cr3t", "IAX2/user:***"),
            ("", ""),
        ] {
            assert_eq!(open_part(channel), shown);
        }
    }

    #[test]
    fn each_part_has_its_limit() {
        let long = format!("IAX2/u:{}@h", "s".repeat(1_000));
        let action = Action::build("Originate")
            .header("ActionID", "é".repeat(400).as_bytes())
            .and_then(|action| action.header("Channel", long.as_bytes()))
            .unwrap()
            .finish();
        let subject = ActionSubject::of(&action);
        assert_eq!(subject.name, "Originate");
        assert_eq!(subject.action_id.unwrap().chars().count(), 256);
        assert_eq!(subject.channel.unwrap(), "IAX2/u:***");
    }
}
