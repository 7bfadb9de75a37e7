//! The `[general]` section of manager.conf.
//!
//! Only its first occurrence counts, as in Asterisk. What belongs to a listener or to the nodes has no
//! meaning here and is noticed, never refused: an unmodified file must load.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::report::Report;
use super::section::{Document, Section, Variable};
use super::value;
use crate::account::General;

/// Options of the listener, which amiplex.toml describes.
const OF_THE_LISTENER: [&str; 14] = [
    "bindaddr",
    "port",
    "tlsenable",
    "sslenable",
    "tlsbindaddr",
    "tlscertfile",
    "sslcert",
    "tlscert",
    "tlsprivatekey",
    "tlscipher",
    "tlsservercipherorder",
    "tlsdisablev1",
    "tlsdisablev11",
    "tlsdisablev12",
];

/// Options that Asterisk's TLS has and its AMI refuses.
const REFUSED_BY_ASTERISK: [&str; 5] = [
    "tlscafile",
    "tlscapath",
    "tlsverifyclient",
    "tlsdontverifyserver",
    "tlsclientmethod",
];

/// Options of the listener as a whole or of AMI over HTTP.
const WITHOUT_MEANING: [&str; 4] = ["enabled", "webenabled", "httptimeout", "realm"];

pub(super) fn is_general(section: &Section) -> bool {
    section.name.eq_ignore_ascii_case("general")
}

/// The options of the first general section, and the events that it disables.
pub(super) fn read(document: &Document, report: &mut Report) -> (General, Arc<HashSet<String>>) {
    let mut general = General::default();
    let mut disabled = HashSet::new();
    let mut sections = document.sections().filter(|section| is_general(section));
    for variable in sections
        .next()
        .into_iter()
        .flat_map(|section| &section.variables)
    {
        option(variable, &mut general, &mut disabled, report);
    }
    for section in sections {
        report.notice(&section.at, "a second [general] is ignored, as in Asterisk");
    }
    (general, Arc::new(disabled))
}

fn option(
    variable: &Variable,
    general: &mut General,
    disabled: &mut HashSet<String>,
    report: &mut Report,
) {
    let Variable { name, value, at } = variable;
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    match name.to_ascii_lowercase().as_str() {
        "authtimeout" => match value::positive::<u32>(value) {
            Some(seconds) => general.authtimeout = Duration::from_secs(seconds.into()),
            None => report.notice(
                at,
                "authtimeout is no number of seconds from 1: the default of 30 stays",
            ),
        },
        "authlimit" => match value::positive(value) {
            Some(limit) => general.authlimit = Some(limit),
            None => report.notice(
                at,
                "authlimit is no number from 1: amiplex's own limit stays",
            ),
        },
        "allowmultiplelogin" => general.allow_multiple_login = value::is_true(value),
        "displayconnects" => general.display_connects = value::is_true(value),
        "timestampevents" => general.timestamp_events = value::is_true(value),
        "brokeneventsaction" => general.broken_events_action = value::is_true(value),
        // As in Asterisk: names are compared exactly, only leading blanks are skipped, and a later line replaces.
        "disabledevents" => {
            *disabled = value
                .split(',')
                .map(str::trim_start)
                .filter(|event| !event.is_empty())
                .map(str::to_owned)
                .collect();
        }
        _ if is_one_of(&OF_THE_LISTENER) => {
            report.notice(
                at,
                format!("{name} has no meaning here: listeners are described in amiplex.toml"),
            );
        }
        _ if is_one_of(&REFUSED_BY_ASTERISK) => {
            report.notice(
                at,
                format!("{name} is no option of AMI: Asterisk refuses it, and amiplex.toml has client_ca"),
            );
        }
        "channelvars" => report.notice(
            at,
            "channelvars: variables of channels are known to the nodes alone, so that the manager.conf of each node decides",
        ),
        "debug" => report.notice(
            at,
            "debug adds headers where an event is made: set it in the manager.conf of the nodes",
        ),
        _ if is_one_of(&WITHOUT_MEANING) => {
            report.notice(at, format!("{name} has no meaning in amiplex"));
        }
        _ => report.notice(
            at,
            format!("unknown option {}: ignored", name.escape_debug()),
        ),
    }
}
