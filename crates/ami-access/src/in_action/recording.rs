//! Monitor and ChangeMonitor: names of files that Asterisk up to 20 puts into a shell command.
//!
//! When a recording ends that is to be mixed, it runs `sox -m "<dir>/<File>-in.<Format>" ... &`: what leaves the quotes is a
//! command of the client's. Asterisk asks for nothing but the class call.

use ami_proto::{Action, Class, ClassSet};

use super::{Text, header};

/// Asterisk has no test here, hence no text of its own.
const REFUSAL: Text = "Permission denied";

pub(super) fn check_monitor(action: &Action, write: ClassSet) -> Result<(), Text> {
    let outside = ["File", "Format"]
        .iter()
        .any(|name| breaks_out(header(action, name)));
    if outside && !write.contains(Class::System) {
        Err(REFUSAL)
    } else {
        Ok(())
    }
}

/// Whether the text means something to a shell, also between double quotes.
pub(super) fn breaks_out(text: &[u8]) -> bool {
    text.iter().any(|byte| b"\"$`\\;&|<>'!".contains(byte))
}
