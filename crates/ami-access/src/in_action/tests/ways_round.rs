//! Ways round the checks that were seen to work on 22.10 and 16.28, each refused here.

use proptest::prelude::*;

use super::{RESTRICTED, outcome};

/// Refused to everybody without system and config, and open to those who have both.
fn needs_system_and_config(lines: &[&str]) {
    for write in [
        "call,originate,reporting,agent,user",
        "system,call,originate,reporting",
    ] {
        assert!(outcome(write, lines).is_err(), "{write} {lines:?}");
    }
    assert_eq!(outcome("all", lines), Ok(()), "{lines:?}");
}

#[test]
fn a_name_put_together_from_variables_reads_no_secret() {
    // With the variables A = AST_CONFIG and B = (manager.conf,amiplex,secret), each had the secret as its answer or in a VarSet.
    let names = [
        "CUT(${A}${B},-,1)",
        "CUT($\\{A}$\\{B},-,1)",
        "CUT($\"{A}\"$\"{B}\",-,1)",
        "FIELDQTY($\\\\{A}$\\\\{B},-)",
        "PUSH(%{A}%{B})",
        "SHIFT($\\[1]${B})",
    ];
    for name in names {
        let variable = format!("Variable: {name}");
        needs_system_and_config(&["Action: Getvar", &variable]);
        needs_system_and_config(&["Action: Setvar", &variable, "Value: x"]);
        needs_system_and_config(&["Action: Status", &format!("Variables: X,{name}")]);
        needs_system_and_config(&["Action: Originate", &format!("{variable}=x")]);
        let packed = format!("Variable: Q=\"1,2\",{name}=x,Z=1");
        needs_system_and_config(&["Action: Originate", "Variable: A=1", &packed]);
        let data = format!("Data: {name}=x");
        needs_system_and_config(&["Action: Originate", "Application: Set", &data]);
    }
}

#[test]
fn a_value_that_is_not_evaluated_may_look_like_a_variable() {
    for variable in [
        "CALLERID(name)=${X}",
        "X=a (b) ${Y}",
        "A=(b),CDR(userfield)=a$[b",
    ] {
        let lines = ["Action: Originate", &format!("Variable: {variable}")];
        assert_eq!(outcome("originate", &lines), Ok(()), "{variable}");
    }
    let lines = ["Action: Setvar", "Variable: X", "Value: a (b) ${Y}"];
    assert_eq!(outcome("call", &lines), Ok(()));
}

#[test]
fn a_value_that_queues_evaluate_needs_system_and_config() {
    let value = "x^{^{A}^{B}}";
    needs_system_and_config(&[
        "Action: Setvar",
        "Channel: SIP/a-1",
        "Variable: MONITOR_FILENAME",
        &format!("Value: {value}"),
    ]);
    needs_system_and_config(&[
        "Action: Originate",
        &format!("Variable: A=1,MONITOR_FILENAME={value}"),
    ]);
}

#[test]
fn an_application_that_evaluates_its_data_needs_system_and_config() {
    let rows = [
        ("WaitForCondition", "@,@[\"@{@{A}@{B}}\"=\"guess\"],1"),
        ("waitforcondition", "#,1"),
        ("ReadFile", "X=/etc/asterisk/manager.conf,99"),
        ("ImportVar", "X=SIP/a-1,${A}${B}"),
        ("ImportVar", "X=SIP/a-1,$\\{A}"),
    ];
    for (application, data) in rows {
        needs_system_and_config(&[
            "Action: Originate",
            &format!("Application: {application}"),
            &format!("Data: {data}"),
        ]);
    }
}

#[test]
fn the_file_of_a_recording_is_no_shell_command() {
    let bad = [
        "$(id)",
        "x\";id;\"",
        "`id`",
        "a\\b",
        "a|b",
        "a&b",
        "a>b",
        "a'b",
        "!1",
    ];
    for name in ["Monitor", "ChangeMonitor"] {
        for header in ["File", "Format"] {
            for text in bad {
                let lines = [
                    &*format!("Action: {name}"),
                    "Channel: SIP/a-1",
                    "Mix: true",
                    &format!("{header}: {text}"),
                ];
                assert_eq!(
                    outcome("call,originate", &lines),
                    Err("Permission denied"),
                    "{lines:?}"
                );
                assert_eq!(outcome("call,system", &lines), Ok(()), "{lines:?}");
            }
        }
        let lines = [
            &*format!("Action: {name}"),
            "Channel: SIP/a-1",
            "File: 2026/a b-(1)_x.y",
            "File: $(never read)",
            "Mix: true",
        ];
        assert_eq!(outcome("call", &lines), Ok(()), "{name}");
    }
    for text in bad {
        let lines = [
            "Action: Originate",
            "Application: Monitor",
            &format!("Data: wav,{text},m"),
        ];
        assert!(outcome("originate,call", &lines).is_err(), "{text}");
    }
    let lines = [
        "Action: Originate",
        "Application: Monitor",
        "Data: wav,call-1,m",
    ];
    assert_eq!(outcome("originate", &lines), Ok(()));
}

#[test]
fn no_comment_hides_a_directive_from_the_check() {
    // The first three made GetConfig of the file show manager.conf.
    for (header, text) in [
        ("Var", "#include manager.conf ;"),
        ("Var", ";-- x --;#include manager.conf ;"),
        ("Var", ";-- x --;#inc;-- --;lude manager.conf ;"),
        ("Value", "a ;-- b"),
        ("Value", "--;#include manager.conf ;"),
        ("Cat", "c;-- --;#include manager.conf ;"),
        ("Options", "!;--"),
    ] {
        let lines = [
            "Action: UpdateConfig",
            "SrcFilename: a.conf",
            "DstFilename: a.conf",
            "Action-000000: append",
            &format!("{header}-000000: {text}"),
        ];
        assert_eq!(outcome("config,call", &lines), RESTRICTED, "{header}");
        assert_eq!(outcome("config,system", &lines), Ok(()), "{header}");
    }
    let lines = [
        "Action: UpdateConfig",
        "SrcFilename: a.conf",
        "DstFilename: a.conf",
        "Action-000000: append",
        "Cat-000000: trunk",
        "Var-000000: secret",
        "Value-000000: a;b#c -- d",
    ];
    assert_eq!(outcome("config", &lines), Ok(()));
}

/// What arguments look like after Asterisk has split them once more.
fn unprotected(text: &str) -> String {
    text.replace(['"', '\\'], "")
}

proptest! {
    /// However the mark of a variable is protected, and wherever in the header the assignment stands.
    #[test]
    fn no_protection_hides_a_computed_name(
        function in "(CUT|PUSH|SHIFT|FIELDQTY|HASH)",
        mark in "(\\$|%)",
        protection in "[\"\\\\]{0,4}",
        before in prop::collection::vec("[A-Z]{1,3}=[a-z ]{0,3}", 0..6),
    ) {
        let name = format!("{function}({mark}{protection}{{A}}{mark}{protection}{{B}})");
        prop_assume!(unprotected(&name) == format!("{function}({mark}{{A}}{mark}{{B}})"));
        let getvar = ["Action: Getvar", &format!("Variable: {name}")];
        prop_assert!(outcome("call,reporting", &getvar).is_err());
        let status = ["Action: Status", &format!("Variables: {name}")];
        prop_assert!(outcome("call,reporting", &status).is_err());
        let mut parts = before;
        parts.push(format!("{name}=x"));
        let originate = ["Action: Originate", &format!("Variable: {}", parts.join(","))];
        prop_assert!(outcome("originate", &originate).is_err());
    }
}
