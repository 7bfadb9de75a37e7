//! What is refused, and what the report says about it.

use super::{LEAST, accepted, refused, with};
use crate::{Config, Place};

/// The least configuration with one line replaced or one piece added gives exactly this report.
#[track_caller]
fn assert_report(text: &str, report: &[&str]) {
    assert_eq!(refused(text), report.join("\n"));
}

#[test]
fn the_lag_of_a_node_is_below_its_deadline() {
    let keepalive = |text: &str| format!("{LEAST}keepalive = {{ {text} }}\n");
    let report = refused(&keepalive("deadline = \"3s\", lag = \"3s\""));
    assert!(
        report.ends_with("keepalive.lag: is 3s, must be below deadline, which is 3s"),
        "{report}"
    );
    let node = |text: &str| accepted(&keepalive(text)).nodes.remove(0).keepalive;
    assert_eq!(node("deadline = \"1s\"").lag.as_millis(), 500);
    assert_eq!(node("deadline = \"1min\"").lag.as_secs(), 2);
}

#[test]
fn an_admin_socket_has_a_path_and_one_of_two_modes() {
    let cases = [
        (
            "[admin]\nsocket_mode = \"0777\"\nsocket = \"a\"",
            "admin.socket_mode: \"0777\" is not known, expected \"0600\" or \"0660\"",
        ),
        (
            "[admin]\nsocket_mode = \"0660\"",
            "admin.socket_mode: has no effect without socket",
        ),
        ("[admin]\nsocket = \"\"", "admin.socket: must not be empty"),
    ];
    for (section, problem) in cases {
        let report = refused(&with(section));
        assert!(report.ends_with(problem), "{report}");
    }
}

#[test]
fn values_out_of_range() {
    let cases = [
        (
            "[limits]\nsessions_max = 0",
            "limits.sessions_max: must be 1 or more",
        ),
        (
            "[limits]\ninflight_max = 0",
            "limits.inflight_max: must be 1 or more",
        ),
        (
            "[limits]\nunauthenticated_max = 0",
            "limits.unauthenticated_max: must be 1 or more",
        ),
        (
            "[limits]\naction_deadline = \"0s\"",
            "limits.action_deadline: must be more than 0",
        ),
        (
            "[limits]\nlist_deadline = \"400days\"",
            "limits.list_deadline: must be at most 365 days",
        ),
        (
            "[limits]\nevent_hold_max = \"0s\"",
            "limits.event_hold_max: must be more than 0",
        ),
        (
            "[outbound]\nevent_bytes = 0",
            "outbound.event_bytes: must be more than 0",
        ),
        (
            "[outbound]\nreply_bytes = \"0B\"",
            "outbound.reply_bytes: must be more than 0",
        ),
        (
            "[outbound]\nevent_age = \"0ms\"",
            "outbound.event_age: must be more than 0",
        ),
        (
            "[server]\ndrain_timeout = \"0s\"",
            "server.drain_timeout: must be more than 0",
        ),
        (
            "[server]\nmanager_conf = \"\"",
            "server.manager_conf: must not be empty",
        ),
        ("[log]\nlevel = \" \"", "log.level: must not be empty"),
        (
            "[log]\nformat = \"xml\"",
            "log.format: \"xml\" is not known, expected \"text\" or \"json\"",
        ),
        (
            "[coalesce]\nwindow = \"2s\"",
            "coalesce.window: must be at most 1s",
        ),
        (
            "[coalesce]\ncommands = [\"a\", \"\"]",
            "coalesce.commands[1]: must not be empty",
        ),
        (
            "[labels]\nselect = []",
            "labels.select: must name at least one header",
        ),
        (
            "[labels]\nevent = \"actionid\"",
            "labels.event: \"actionid\" has a meaning of its own in AMI",
        ),
    ];
    for (more, problem) in cases {
        assert_report(&with(more), &[&format!("configuration:10: {problem}")]);
    }
}

#[test]
fn values_that_are_no_value() {
    let cases = [
        (
            "[limits]\nsessions_max = -1",
            "limits.sessions_max: invalid value: integer `-1`, expected a whole number, 0 or more",
        ),
        (
            "[limits]\nsessions_max = true",
            "limits.sessions_max: invalid type: boolean `true`, expected a whole number, 0 or more",
        ),
        (
            "[limits]\nsessions_max = 5000000000",
            "limits.sessions_max: invalid value: integer `5000000000`, expected a whole number, 0 or more",
        ),
        (
            "[limits]\naction_deadline = \"soon\"",
            "limits.action_deadline: invalid value: string \"soon\", expected a duration",
        ),
        (
            "[limits]\naction_deadline = 30",
            "limits.action_deadline: invalid type: integer `30`, expected a duration",
        ),
        (
            "[log]\nlevel = 3",
            "log.level: invalid type: integer `3`, expected a string",
        ),
        (
            "[labels]\nselect = 5",
            "labels.select: invalid type: integer `5`, expected a list of words",
        ),
    ];
    for (more, problem) in cases {
        assert_report(&with(more), &[&format!("configuration:10: {problem}")]);
    }
    let report = refused(&with("[outbound]\nevent_bytes = \"8 potatoes\""));
    assert!(
        report.starts_with("configuration:10: outbound.event_bytes: ") && !report.contains('\n'),
        "{report}"
    );
}

#[test]
fn label_names() {
    let report = refused(&with(
        "[labels]\nevent = \"No de\"\nselect = [\"Node\", \"node\", \"A:\"]",
    ));
    let expected = [
        "configuration:10: labels.event: \"No de\" is no plain name; use letters, digits, '.', '_' and '-'",
        "configuration:11: labels.select[1]: is the same as labels.select[0]",
        "configuration:11: labels.select[2]: \"A:\" is no plain name; use letters, digits, '.', '_' and '-'",
    ];
    assert_eq!(report, expected.join("\n"));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_known_ones() {
    assert_report(
        &with("[log]\nlevle = \"info\""),
        &[
            "configuration:10: log.levle: unknown key, expected one of `format`, `level`, `security_file`, `audit_file`",
        ],
    );
    let report = refused(&with("lanes = { min = 1, maximum = 3 }"));
    assert!(
        report.starts_with(
            "configuration:9: node[0].lanes.maximum: unknown key, expected one of `min`, `max`"
        ),
        "{report}"
    );
    let report = refused(&with("[limit]\nsessions_max = 5"));
    assert!(
        report.starts_with("configuration:9: limit: unknown key, expected one of `server`"),
        "{report}"
    );
}

#[test]
fn the_last_session_is_told_to_end_before_the_drain_is_over() {
    let server =
        |spread| format!("[server]\ndrain_timeout = \"2s\"\ndrain_spread = \"{spread}\"\n");
    assert_report(
        &with(&server("2s")),
        &["configuration:11: server.drain_spread: must be less than drain_timeout, 2s"],
    );
    let config = accepted(&with(&server("1999ms")));
    assert_eq!(config.server.drain_spread.as_millis(), 1999);
}

#[test]
fn events_wait_for_company_a_second_at_most() {
    let listener = LEAST.replace("bind =", "flush = \"1001ms\"\nbind =");
    assert_report(
        &format!("{listener}[outbound]\nflush = \"2s\"\n"),
        &[
            "configuration:3: listener[0].flush: must be at most 1s",
            "configuration:11: outbound.flush: must be at most 1s",
        ],
    );
    let config = accepted(&with("[outbound]\nflush = \"5ms\""));
    assert_eq!(
        config.listeners[0].flush,
        std::time::Duration::from_millis(5)
    );
    let own = LEAST.replace("bind =", "flush = \"0s\"\nbind =");
    let config = accepted(&format!("{own}[outbound]\nflush = \"5ms\"\n"));
    assert!(config.listeners[0].flush.is_zero());
}

#[test]
fn all_problems_come_in_one_report_in_the_order_of_the_lines() {
    let text = r#"
[limits]
sessions_max = "many"
colour = "blue"
action_deadline = "0s"
[[listener]]
bind = "localhost:5038"
node = "pbx9"
[[node]]
name = "all"
address = "pbx1"
username = ""
lanes = { min = 4, max = 2, depth = 0 }
backoff = { min = "10s", max = "1s" }
"#;
    assert_report(
        text,
        &[
            "configuration:3: limits.sessions_max: invalid value: string \"many\", expected a whole number, 0 or more",
            &format!("configuration:4: limits.colour: unknown key, expected one of {LIMIT_KEYS}"),
            "configuration:5: limits.action_deadline: must be more than 0",
            "configuration:6: listener[0].name: is required",
            "configuration:7: listener[0].bind: \"localhost:5038\" is no IP address with a port, such as 0.0.0.0:5038 or [::1]:5038",
            "configuration:8: listener[0].node: there is no [[node]] named \"pbx9\"; the nodes are: all",
            "configuration:9: node[0].secret: is required (or secret_file)",
            "configuration:10: node[0].name: must not be \"all\", which means every node",
            "configuration:11: node[0].address: \"pbx1\" is no host with a port, such as pbx1.example.com:5038 or [::1]:5038",
            "configuration:12: node[0].username: must not be empty",
            "configuration:13: node[0].lanes.depth: must be 1 or more",
            "configuration:13: node[0].lanes.max: is 2, must not be below min, which is 4",
            "configuration:14: node[0].backoff.max: is 1s, must not be below min, which is 10s",
        ],
    );
}

const LIMIT_KEYS: &str = "`sessions_max`, `unauthenticated_max`, `unauthenticated_per_address`, `inflight_max`, \
                          `action_deadline`, `list_deadline`, `event_hold_max`";

#[test]
fn names_and_addresses_are_distinct() {
    let more = LEAST.replace("main", "MAIN").replace("pbx1", "Pbx1");
    assert_report(
        &with(&more),
        &[
            "configuration:10: listener[1].name: is the same as listener[0].name",
            "configuration:11: listener[1].bind: is the same as listener[0].bind",
            "configuration:13: node[1].name: is the same as node[0].name",
        ],
    );
    assert_report(
        &with("[admin]\nlisten = \"127.0.0.1:5038\""),
        &["configuration:3: listener[0].bind: is the same as admin.listen"],
    );
}

#[test]
fn port_0_may_be_given_to_any_number_of_listeners() {
    let any = LEAST.replace("127.0.0.1:5038", "127.0.0.1:0");
    let config = accepted(&format!(
        "{any}[[listener]]\nname = \"second\"\nbind = \"127.0.0.1:0\"\n"
    ));
    assert_eq!(config.listeners.len(), 2);
}

#[test]
fn something_to_listen_at_and_something_to_speak_to() {
    assert_report(
        "",
        &[
            "configuration: node: at least one [[node]] is required",
            "configuration: listener: at least one [[listener]] is required",
        ],
    );
}

#[test]
fn one_secret_and_nothing_but_one() {
    let both = with("secret_file = \"x\"");
    assert_report(
        &both,
        &["configuration:9: node[0].secret_file: give either secret or secret_file, not both"],
    );
    assert_report(
        &LEAST.replace("hunter2", ""),
        &["configuration:8: node[0].secret: must not be empty"],
    );
}

#[test]
fn a_wrong_section_does_not_hide_the_others() {
    let text = format!("limits = 5\nlog = {{ format = 1 }}\n{LEAST}");
    assert_report(
        &text,
        &[
            "configuration:1: limits: invalid type: integer `5`, expected struct Limits",
            "configuration:2: log.format: invalid type: integer `1`, expected a string",
        ],
    );
    let report = refused("node = [\"pbx1\"]\nlistener = 1");
    assert!(
        report
            .lines()
            .any(|line| line.starts_with("configuration:1: node[0]: invalid type")),
        "{report}"
    );
    assert!(
        report
            .lines()
            .any(|line| line.starts_with("configuration:2: listener: invalid type")),
        "{report}"
    );
    assert_eq!(report.lines().count(), 2, "{report}");
}

#[test]
fn no_secret_in_any_report() {
    let cases = [
        LEAST.replace("\"hunter2\"", "\"hunter2"),
        LEAST.replace("\"hunter2\"", "[\"hunter2\"]"),
        LEAST.replace("\"hunter2\"", "{ x = \"hunter2\" }"),
        LEAST.replace("hunter2", "hunter2\\r\\nAction: Logoff"),
        LEAST.replace("secret =", "secrets ="),
        LEAST.replace("\"hunter2\"", "hunter2"),
        with("secret = \"hunter2\""),
    ];
    for text in cases {
        let report = refused(&text);
        assert!(!report.contains("hunter2"), "{report}");
        assert!(
            report.contains(":8: ") || report.contains(":9: "),
            "no line in {report}"
        );
    }
}

#[test]
fn values_that_would_break_the_framing_of_ami_are_refused() {
    for (key, value) in [("username", "amiplex"), ("secret", "hunter2")] {
        let report = refused(&LEAST.replace(value, "a\\nb"));
        assert!(
            report.contains(&format!("node[0].{key}: must not contain line breaks")),
            "{report}"
        );
    }
    let long = refused(&LEAST.replace("hunter2", &"x".repeat(1001)));
    assert!(
        long.ends_with("node[0].secret: must not be longer than 1000 bytes"),
        "{long}"
    );
}

#[test]
fn listener_words_and_versions() {
    let text = LEAST.replace(
        "bind =",
        "greeting_version = \"eleven\"\non_node_loss = \"explode\"\ncommand_output = \"raw\"\nbind =",
    );
    assert_report(
        &text,
        &[
            "configuration:3: listener[0].greeting_version: \"eleven\" is no AMI version, such as \"11.0.0\"",
            "configuration:4: listener[0].on_node_loss: \"explode\" is not known, expected \"close\" or \"keep\" or \"refuse\"",
            "configuration:5: listener[0].command_output: \"raw\" is not known, expected \"native\" or \"output\" or \"follows\"",
        ],
    );
}

#[test]
fn node_details() {
    let text = with(
        "auth = \"sha1\"\nconfig_dir = \"etc\"\ntags = [\"a b\"]\ntls = { pin_sha256 = \"beef\", server_name = \"\" }",
    );
    let report = refused(&text);
    let starts = [
        "configuration:9: node[0].auth: \"sha1\" is not known",
        "configuration:10: node[0].config_dir: \"etc\" is no absolute path",
        "configuration:11: node[0].tags[0]: \"a b\" is no plain name",
        "configuration:12: node[0].tls.server_name: \"\" is no plain name",
        "configuration:12: node[0].tls.pin_sha256: expected a SHA-256",
    ];
    for (line, start) in report.lines().zip(starts) {
        assert!(line.starts_with(start), "{line}\nis not\n{start}");
    }
    assert_eq!(report.lines().count(), starts.len(), "{report}");
}

#[test]
fn problems_can_be_taken_apart() {
    let errors = Config::from_toml(&with("[log]\nformat = 1")).expect_err("a number");
    let [problem] = errors.problems() else {
        panic!("{errors}")
    };
    assert_eq!(
        (problem.key.as_str(), &problem.place),
        ("log.format", &Place::Line(10))
    );
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let cases = [
        (
            "[coalesce]\ncache = { CoreStatus = \"61s\" }",
            "coalesce.cache.CoreStatus: must be at most 1min",
        ),
        (
            "[coalesce]\ncache = { Nonsense = \"1s\" }",
            "coalesce.cache.Nonsense: is not an action that amiplex knows",
        ),
        (
            "[coalesce]\ncache = { Getvar = \"1s\" }",
            "coalesce.cache.Getvar: may change something, or answers each client differently: it cannot be kept",
        ),
        (
            "[coalesce]\ncache = { FAXStats = \"1s\" }",
            "coalesce.cache.FAXStats: has no regular answer that could tell its age: it cannot be kept",
        ),
        (
            "[coalesce]\ncache = { \"CoreStatus: x\" = \"1s\" }",
            "coalesce.cache.CoreStatus: x: must be the name of an action alone; only Command has lines",
        ),
        (
            "[coalesce]\ncache = { Command = \"1s\" }",
            "coalesce.cache.Command: must say which lines, as in \"Command: core show channels\"",
        ),
        (
            "[coalesce]\ncache = { \"Command: core restart now\" = \"1s\" }",
            "coalesce.cache.Command: core restart now: is not among coalesce.commands",
        ),
        (
            "[coalesce]\ncache = { \"command:core *\" = \"1s\" }",
            "coalesce.cache.command:core *: is not among coalesce.commands",
        ),
        (
            "[coalesce]\ncache = { CoreStatus = \"1s\" }\nenabled = false",
            "coalesce.cache: has no effect without coalesce.enabled",
        ),
    ];
    for (more, problem) in cases {
        assert_report(&with(more), &[&format!("configuration:10: {problem}")]);
    }
}

#[test]
fn answers_are_kept_of_what_only_reads() {
    let config = accepted(&with(
        "[coalesce]\ncommands = \"core show *\"\n[coalesce.cache]\ncoreshowchannels = \"500ms\"\nQueueStatus = \"1min\"\n\
         CoreStatus = \"0s\"\n\"command: Core Show c*\" = \"1s\"\n\"Command: core show *\" = \"2s\"",
    ));
    let cache = config.coalesce.cache.iter();
    let mut kept: Vec<(&str, bool, u128)> = cache
        .map(|rule| (rule.action, rule.command.is_some(), rule.age.as_millis()))
        .collect();
    kept.sort_unstable();
    assert_eq!(
        kept,
        [
            ("Command", true, 1000),
            ("Command", true, 2000),
            ("CoreShowChannels", false, 500),
            ("CoreStatus", false, 0),
            ("QueueStatus", false, 60_000),
        ]
    );
    assert!(accepted(LEAST).coalesce.cache.is_empty());
}
