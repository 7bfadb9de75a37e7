//! A row per check of Asterisk, and one per way round it that is closed here.

mod ways_round;

use proptest::prelude::*;

use crate::authorize::{AuthorizeContext, Refusal, authorize};
use crate::fixture::{action, principal, principal_with};

const CONTEXT: AuthorizeContext<'_> = AuthorizeContext {
    learned: &[],
    config_dirs: &["/etc/asterisk"],
    module_dirs: &["/usr/lib/asterisk/modules"],
};

fn outcome_in(cx: &AuthorizeContext<'_>, write: &str, lines: &[&str]) -> Result<(), &'static str> {
    match authorize(&principal(write), action(lines), cx) {
        Ok(_) => Ok(()),
        Err((Refusal::Check(text), _)) => Err(text),
        Err((other, _)) => panic!("{other:?} for {lines:?}"),
    }
}

fn outcome(write: &str, lines: &[&str]) -> Result<(), &'static str> {
    outcome_in(&CONTEXT, write, lines)
}

/// `write`, application, data, whether it may run.
fn originates(rows: &[(&str, &str, &str, bool)]) {
    for (write, application, data, permitted) in rows {
        let lines = [
            "Action: Originate",
            &format!("Application: {application}"),
            &format!("Data: {data}"),
        ];
        let expected = if *permitted {
            Ok(())
        } else {
            Err("Originate Access Forbidden: app or data blacklisted")
        };
        assert_eq!(
            outcome(write, &lines),
            expected,
            "{write} {application} {data}"
        );
    }
}

#[test]
fn applications_that_need_system() {
    originates(&[
        ("originate", "Playback", "hello", true),
        ("originate", "System", "id", false),
        ("originate", "TrySYSTEM", "id", false),
        ("originate", "AGI", "x", false),
        ("originate", "DeadAGI", "x", false),
        ("originate", "DBdeltree", "x", false),
        ("originate", "ExecIf", "1?System(id)", false),
        ("originate", "TryExec", "System(id)", false),
        ("originate", "ExternalIVR", "x", false),
        ("originate", "MixMonitor", "x", false),
        ("originate", "Originate", "x", false),
        ("originate", "Reload", "", false),
        ("originate,agi", "AGI", "x", false),
        ("originate,system", "System", "id", true),
        ("originate,system", "AGI", "x", true),
    ]);
}

#[test]
fn a_queue_with_an_agi_needs_agi_or_system() {
    originates(&[
        ("originate", "Queue", "sales", true),
        ("originate", "Queue", "sales,,,,30", true),
        ("originate", "Queue", "sales,,,,30,", true),
        ("originate", "Queue", "sales,,,,30,x.agi", false),
        ("originate", "Queue", "\"a,b\",,,,30", true),
        ("originate", "Queue", "sales,,(a,b),,30", true),
        ("originate,agi", "Queue", "sales,,,,30,x.agi", true),
        ("originate,system", "Queue", "sales,,,,30,x.agi", true),
        // Asterisk's quirk: the queue row decided, the data rows are not reached.
        ("originate,agi", "Queue", "ODBC,,,,30,x.agi", true),
        ("originate,agi", "Queue", "ODBC,,,,30", false),
    ]);
}

#[test]
fn data_that_needs_system_is_compared_with_case() {
    for word in ["CURL", "DB", "EVAL", "FILE", "ODBC", "REALTIME", "SHELL"] {
        let data = format!("x${{{word}(a)}}");
        originates(&[
            ("originate", "Playback", &data, false),
            ("originate,system,config", "Playback", &data, true),
        ]);
    }
    originates(&[
        ("originate", "Playback", "odbc and realtime", true),
        ("originate", "Playback", "SH\\ELL", false),
        ("originate", "Playback", "\"SH\"ELL", false),
    ]);
}

#[test]
fn an_empty_application_is_not_looked_at_but_the_first_header_counts() {
    assert_eq!(
        outcome("originate", &["Action: Originate", "Data: SHELL"]),
        Ok(())
    );
    let lines = ["Action: Originate", "Application:", "Application: System"];
    assert_eq!(
        outcome("originate", &lines),
        Ok(()),
        "the node reads the first one too"
    );
    let lines = [
        "Action: Originate",
        "Application: System",
        "Application: Playback",
    ];
    assert!(outcome("originate", &lines).is_err());
    let lines = ["Action: Originate", "Application : System"];
    assert_eq!(
        outcome("originate", &lines),
        Ok(()),
        "no header for the node either"
    );
}

#[test]
fn getvar_and_status_refuse_shell_and_eval_without_system() {
    let getvar = |write: &str, variable: &str| {
        outcome(write, &["Action: Getvar", &format!("Variable: {variable}")])
    };
    let status = |write: &str, variables: &str| {
        outcome(
            write,
            &["Action: Status", &format!("Variables: {variables}")],
        )
    };
    let (no_getvar, no_status) = (
        Err("GetVar Access Forbidden: Variable"),
        Err("Status Access Forbidden: Variables"),
    );
    for word in ["SHELL(id)", "EVAL(x)", "MYSHELLX", "A,EVAL"] {
        assert_eq!(getvar("call", word), no_getvar, "{word}");
        assert_eq!(status("reporting", word), no_status, "{word}");
    }
    assert_eq!(getvar("call", "shell"), Ok(()));
    assert_eq!(getvar("call,system", "MYSHELLX"), Ok(()));
    assert_eq!(getvar("call,system,config", "SHELL(id)"), Ok(()));
    assert_eq!(
        status("reporting", "SH\\ELL(id)"),
        no_status,
        "Status undoes the backslash"
    );
}

/// Everything that answers with amiplex's own secret on the node.
const SECRET_READERS: [&str; 13] = [
    "FIELDQTY(AST\\_CONFIG(manager.conf,amiplex,secret),-)",
    "FIELDQTY(AST_CON${NOTHING}FIG(manager.conf\\,amiplex\\,secret),-)",
    "AST_CONFIG(manager.conf,amiplex,secret)",
    "ast_config(manager.conf,amiplex,secret)",
    "AST_CONFIG (manager.conf,amiplex,secret)",
    "IMPORT(SIP/a-1,AST_CONFIG(manager.conf,amiplex,secret))",
    "CUT(AST\\_CONFIG(manager.conf,amiplex,secret),-,1)",
    "CUT(\"AST_CON\"FIG(manager.conf,amiplex,secret),-,1)",
    "IMPORT(SIP/a-1,AST_CON${NOTHING}FIG(manager.conf,amiplex,secret))",
    "IMPORT(SIP/a-1,${F}(manager.conf,amiplex,secret))",
    "FILE(/etc/asterisk/manager.conf)",
    "CURL(file:///etc/asterisk/manager.conf)",
    "LEN(CURL(file:///etc/asterisk/manager.conf))",
];

#[test]
fn the_secret_on_the_node_is_out_of_reach() {
    for function in SECRET_READERS {
        for write in [
            "call,originate,reporting",
            "call,originate,reporting,system",
        ] {
            let refused =
                |lines: &[&str]| assert!(outcome(write, lines).is_err(), "{write} {lines:?}");
            refused(&["Action: Getvar", &format!("Variable: {function}")]);
            refused(&[
                "Action: Getvar",
                "Channel: SIP/a-1",
                &format!("variable: {function}"),
            ]);
            refused(&["Action: Status", &format!("Variables: X,{function}")]);
            refused(&[
                "Action: Originate",
                "Channel: SIP/a",
                &format!("Variable: A=1,X=${{{function}}}"),
            ]);
            refused(&[
                "Action: Originate",
                "Variable: A=1",
                &format!("Variable: B=2,{function}=x"),
            ]);
            refused(&[
                "Action: Originate",
                "Application: Set",
                &format!("Data: X=${{{function}}}"),
            ]);
            refused(&[
                "Action: Setvar",
                &format!("Variable: {function}"),
                "Value: x",
            ]);
        }
        assert_eq!(
            outcome("all", &["Action: Getvar", &format!("Variable: {function}")]),
            Ok(())
        );
        assert_eq!(
            outcome(
                "all",
                &["Action: Originate", &format!("Variable: {function}=1")]
            ),
            Ok(())
        );
    }
    // A function that looks up what two variables spell.
    for variable in ["IMPORT(SIP/a-1,${A}${B})", "PP_EACH_USER(%{%{A}%{B}}|x)"] {
        let lines = ["Action: Getvar", &format!("Variable: {variable}")];
        assert_eq!(
            outcome("call", &lines),
            Err("GetVar Access Forbidden: Variable"),
            "{variable}"
        );
    }
}

#[test]
fn a_variable_that_is_run_as_a_command_needs_system() {
    let rows: [&[&str]; 6] = [
        &[
            "Action: Setvar",
            "Channel: SIP/a-1",
            "Variable: MONITOR_EXEC",
            "Value: id",
        ],
        &[
            "Action: Setvar",
            "Variable: ARRAY(X,MONITOR_EXEC_ARGS)",
            "Value: a,b",
        ],
        &[
            "Action: Getvar",
            "Channel: SIP/a-1",
            "Variable: SET(MONITOR_EXEC=id)",
        ],
        &["Action: Status", "Variables: SET(MONITOR\\_EXEC=id)"],
        &["Action: Originate", "Variable: A=1,__MONITOR_EXEC=id"],
        &[
            "Action: Originate",
            "Application: Set",
            "Data: MONITOR_EXEC=id",
        ],
    ];
    for lines in rows {
        assert!(
            outcome("call,originate,reporting", lines).is_err(),
            "{lines:?}"
        );
        assert_eq!(
            outcome("call,originate,reporting,system", lines),
            Ok(()),
            "{lines:?}"
        );
    }
}

#[test]
fn ordinary_variables_and_functions_pass() {
    for variable in [
        "X",
        "CHANNEL(state)",
        "CDR(billsec)",
        "PROFILE(x)",
        "DB(cidname/100)",
        "HASH(a,b)",
        "${X}",
    ] {
        assert_eq!(
            outcome(
                "call",
                &["Action: Getvar", &format!("Variable: {variable}")]
            ),
            Ok(()),
            "{variable}"
        );
        let lines = ["Action: Originate", &format!("Variable: A=1,{variable}=2")];
        assert_eq!(outcome("originate", &lines), Ok(()), "{variable}");
    }
}

#[test]
fn blacklisted_commands_are_refused_for_everybody() {
    for command in [
        "module load app_x.so",
        "MODULE  Unload app_x.so",
        "restart gracefully",
        "module\tload app_x.so",
        "\"module\" load app_x.so",
        "\"mod\"ule \"load\" app_x.so",
        "mod\\ule lo\\ad app_x.so",
        "  module load x",
    ] {
        let lines = ["Action: Command", &format!("Command: {command}")];
        assert_eq!(
            outcome("all", &lines),
            Err("Command blacklisted"),
            "{command}"
        );
    }
    for command in [
        "core show channels",
        "module show",
        "module",
        "\"module load\" x",
        "module reload",
        "",
    ] {
        let lines = ["Action: Command", &format!("Command: {command}")];
        assert_eq!(outcome("command", &lines), Ok(()), "{command}");
    }
}

#[test]
fn an_account_may_be_limited_to_the_beginnings_of_commands() {
    let somebody = principal_with("write=command\nallow_commands=core show channels,queue show");
    let run = |command: &str| {
        let action = action(&["Action: Command", &format!("Command: {command}")]);
        authorize(&somebody, action, &CONTEXT)
            .map_err(|(refusal, _)| refusal)
            .map(|_| ())
    };
    for command in [
        "core show channels",
        "CORE show channels verbose",
        "queue\tshow",
        "\"queue\" show sales",
        "",
    ] {
        assert_eq!(run(command), Ok(()), "{command}");
    }
    for command in [
        "core show",
        "core show channel x",
        "queue reload",
        "queue showx",
        "\"queue show\"",
        "core stop now",
    ] {
        assert_eq!(
            run(command),
            Err(Refusal::Check("Command blacklisted")),
            "{command}"
        );
    }
}

const RESTRICTED: Result<(), &str> = Err("File requires escalated privileges");

#[test]
fn configuration_files_are_those_of_the_configuration_directory() {
    let inside = [
        "queues.conf",
        "sub/queues.conf",
        "./queues.conf",
        "/etc/asterisk/queues.conf",
        "/etc//asterisk/./q.conf",
        "",
    ];
    let outside = [
        "/etc/passwd",
        "/etc/asterisk-old/x.conf",
        "/etc/asterisk/../passwd",
        "../../etc/passwd",
        "sub/../../passwd",
        "sub/../queues.conf",
        "/etc",
        "  /etc/passwd",
    ];
    let headers = [
        ("GetConfig", "Filename"),
        ("GetConfigJSON", "Filename"),
        ("ListCategories", "Filename"),
        ("CreateConfig", "Filename"),
        ("UpdateConfig", "SrcFilename"),
        ("UpdateConfig", "DstFilename"),
    ];
    for (name, header) in headers {
        let run = |path: &str| {
            outcome(
                "config",
                &[&format!("Action: {name}"), &format!("{header}: {path}")],
            )
        };
        for path in inside {
            assert_eq!(run(path), Ok(()), "{name} {path}");
        }
        for path in outside {
            assert_eq!(run(path), RESTRICTED, "{name} {path}");
        }
    }
}

#[test]
fn both_files_of_an_update_are_looked_at() {
    let lines = [
        "Action: UpdateConfig",
        "SrcFilename: a.conf",
        "DstFilename: /tmp/b.conf",
    ];
    assert_eq!(outcome("config", &lines), RESTRICTED);
}

#[test]
fn patterns_are_answered_like_files_that_are_not_there() {
    for pattern in [
        "m?nager.conf",
        "*.conf",
        "[m]anager.conf",
        "{manager,x}.conf",
        "manager\\.conf",
    ] {
        let run = |name: &str| {
            outcome(
                "config",
                &[&format!("Action: {name}"), &format!("Filename: {pattern}")],
            )
        };
        assert_eq!(run("GetConfig"), Err("Config file not found"), "{pattern}");
        assert_eq!(
            run("ListCategories"),
            Err("Config file not found"),
            "{pattern}"
        );
        assert_eq!(run("GetConfigJSON"), RESTRICTED, "{pattern}");
    }
}

#[test]
fn manager_conf_needs_system_and_config() {
    for path in [
        "manager.conf",
        "Manager.conf",
        "/etc/asterisk/manager.conf",
        " manager.conf ",
        "manager.d/x.conf",
        "manager_custom.conf",
        "users.conf",
    ] {
        let run =
            |write: &str| outcome(write, &["Action: GetConfig", &format!("Filename: {path}")]);
        assert_eq!(run("config,call,originate,reporting"), RESTRICTED, "{path}");
        assert_eq!(run("system,call"), RESTRICTED, "{path}");
        assert_eq!(run("system,config"), Ok(()), "{path}");
    }
    let lines = [
        "Action: UpdateConfig",
        "SrcFilename: a.conf",
        "DstFilename: manager.conf",
    ];
    assert_eq!(outcome("config", &lines), RESTRICTED);
}

#[test]
fn no_update_writes_a_directive_without_system_and_config() {
    for line in [
        "Var-000000: #include manager.conf ;",
        "Cat-000000: #exec id",
        "Value-000000:  #tryinclude manager.conf",
        "var-000001: #include x",
    ] {
        let lines = [
            "Action: UpdateConfig",
            "SrcFilename: a.conf",
            "DstFilename: a.conf",
            "Action-000000: append",
            line,
        ];
        assert_eq!(outcome("config,call", &lines), RESTRICTED, "{line}");
        assert_eq!(outcome("system,config", &lines), Ok(()), "{line}");
    }
}

#[test]
fn commands_do_not_give_out_the_secret_without_system_and_config() {
    for command in [
        "dialplan eval function AST_CONFIG(manager.conf,amiplex,secret)",
        "dialplan eval function \"AST_CONFIG\"(manager.conf,amiplex,secret)",
        "dialplan set global X ${FILE(/etc/asterisk/manager.conf)}",
        "dialplan eval function SHELL(id)",
    ] {
        let lines = ["Action: Command", &format!("Command: {command}")];
        let refused = Err("Command blacklisted");
        assert_eq!(outcome("command,call,system", &lines), refused, "{command}");
        assert_eq!(
            outcome("command,system,config", &lines),
            Ok(()),
            "{command}"
        );
    }
}

#[test]
fn absolute_paths_must_be_inside_every_node() {
    let two = AuthorizeContext {
        config_dirs: &["/etc/asterisk", "/srv/pbx2/etc"],
        ..CONTEXT
    };
    let one = AuthorizeContext {
        config_dirs: &["/srv/pbx2/etc/"],
        ..CONTEXT
    };
    let none = AuthorizeContext {
        config_dirs: &[],
        ..CONTEXT
    };
    let lines = ["Action: GetConfig", "Filename: /srv/pbx2/etc/x.conf"];
    assert_eq!(outcome_in(&two, "config", &lines), RESTRICTED);
    assert_eq!(outcome_in(&one, "config", &lines), Ok(()));
    assert_eq!(outcome_in(&none, "config", &lines), RESTRICTED);
    let relative = ["Action: GetConfig", "Filename: x.conf"];
    assert_eq!(outcome_in(&two, "config", &relative), Ok(()));
    assert_eq!(outcome_in(&none, "config", &relative), Ok(()));
}

#[test]
fn modules_stay_in_their_directory() {
    let run = |module: &str| {
        outcome(
            "system",
            &[
                "Action: ModuleLoad",
                "LoadType: load",
                &format!("Module: {module}"),
            ],
        )
    };
    assert_eq!(run("app_queue.so"), Ok(()));
    assert_eq!(run(""), Ok(()));
    for module in ["../evil.so", "sub/../../evil.so", "/../evil.so", ".."] {
        assert_eq!(
            run(module),
            Err("Module must be in the configured modules directory."),
            "{module}"
        );
    }
}

proptest! {
    /// However the function is wrapped, protected or split over headers.
    #[test]
    fn no_wrapping_reaches_the_secret(
        prefix in "[A-Za-z(,${}]{0,6}",
        cuts in prop::collection::vec((0usize..10, "[\"\\\\]"), 0..4),
        packed in 0usize..3,
    ) {
        let mut name = "AST_CONFIG".to_owned();
        for (at, mark) in cuts {
            name.insert_str(at.min(name.len()), &mark);
        }
        let call = format!("{prefix},{name}(manager.conf,amiplex,secret)");
        let getvar = ["Action: Getvar", &format!("Variable: {call}")];
        prop_assert!(outcome("call,reporting", &getvar).is_err());
        let packing = "A=1,".repeat(packed);
        let originate = ["Action: Originate", "Variable: Z=1", &format!("Variable: {packing}{call}=1")];
        prop_assert!(outcome("originate", &originate).is_err());
    }

    #[test]
    fn no_path_panics_or_leaves(path in "[./a-z*]{0,24}") {
        let lines = ["Action: GetConfigJSON", &format!("Filename: {path}")];
        if outcome("config", &lines).is_ok() && path.trim().starts_with('/') {
            let clean: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            prop_assert_eq!(clean.get(..2), Some(&["etc", "asterisk"][..]));
        }
    }
}
