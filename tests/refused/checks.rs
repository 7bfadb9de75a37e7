//! The checks that Asterisk makes inside actions.

use super::{DENIED, Row, never, refuses, row};

const ORIGINATE: &str = "Originate Access Forbidden: app or data blacklisted";
const GETVAR: &str = "GetVar Access Forbidden: Variable";
const STATUS: &str = "Status Access Forbidden: Variables";
const COMMAND: &str = "Command blacklisted";
const FILE: &str = "File requires escalated privileges";
const MODULE: &str = "Module must be in the configured modules directory.";

const CALLER: &str = "write = call,originate,reporting,agent,user,dialplan,message";
const WITH_AGI: &str = "write = originate,agi";
const SYSTEM: &str = "write = originate,call,reporting,system";
const ALL: &str = "write = all";

macro_rules! originate {
    ($application:literal, $data:literal) => {
        &[
            "Action: Originate",
            "Channel: Local/1@x",
            "Async: true",
            concat!("Application: ", $application),
            concat!("Data: ", $data),
        ]
    };
}

const APPLICATIONS: &[Row] = &[
    row(CALLER, ORIGINATE, originate!("AGI", "x"), SYSTEM),
    row(WITH_AGI, ORIGINATE, originate!("DeadAgi", "x"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("DBdeltree", "x"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("ExecIf", "1?NoOp"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("TryExec", "NoOp()"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("ExternalIVR", "x"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("MixMonitor", "x"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("oRIGINATE", "x"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("Reload", ""), SYSTEM),
    row(CALLER, ORIGINATE, originate!("TrySystem", "id"), SYSTEM),
    row(
        CALLER,
        ORIGINATE,
        originate!("Queue", "q,,,,9,x.agi"),
        WITH_AGI,
    ),
    row(CALLER, ORIGINATE, originate!("Set", "X=DB"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("Set", "X=ODBC"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("Set", "X=REALTIME"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("Set", "X=CURL"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("Set", "X=EVAL"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("Set", "X=FILE"), SYSTEM),
    row(CALLER, ORIGINATE, originate!("Set", "X=SHELL"), SYSTEM),
];

#[tokio::test]
async fn applications_and_data_of_originate() {
    refuses(APPLICATIONS).await;
}

const VARIABLES: &[Row] = &[
    row(
        CALLER,
        GETVAR,
        &["Action: Getvar", "Variable: MYSHELL"],
        SYSTEM,
    ),
    row(
        CALLER,
        GETVAR,
        &["Action: Getvar", "variable: EVAL(x)"],
        ALL,
    ),
    row(
        CALLER,
        STATUS,
        &["Action: Status", "Variables: A,MYSHELL"],
        SYSTEM,
    ),
    row(
        CALLER,
        STATUS,
        &["Action: Status", "Variables: XEVAL"],
        SYSTEM,
    ),
    row(
        "write = call",
        DENIED,
        &["Action: Filter", "Operation: Add", "Filter: x"],
        "write = call\nallow_actions = *",
    ),
];

#[tokio::test]
async fn variables_of_getvar_and_status() {
    let (filter, others) = VARIABLES.split_last().expect("rows");
    refuses(others).await;
    // Filter is answered by amiplex itself, whoever may use it.
    refuses(&[Row {
        may: None,
        ..*filter
    }])
    .await;
}

const COMMANDS: &[Row] = &[
    never(
        COMMAND,
        &["Action: Command", "Command: module load app_x.so"],
    ),
    never(
        COMMAND,
        &["Action: Command", "Command: MODULE   Unload app_x.so"],
    ),
    never(COMMAND, &["Action: Command", "Command: restart gracefully"]),
    never(
        COMMAND,
        &["Action: Command", "Command: module\tload app_x.so"],
    ),
    never(
        COMMAND,
        &["Action: Command", "Command: \"module\" load app_x.so"],
    ),
    never(
        COMMAND,
        &["Action: Command", "Command: mo\\dule lo\"ad\" app_x.so"],
    ),
    row(
        "write = all\nallow_commands = core show",
        COMMAND,
        &["Action: Command", "Command: queue show"],
        ALL,
    ),
];

#[tokio::test]
async fn commands_that_nobody_may_run() {
    refuses(COMMANDS).await;
}

const FILES: &[Row] = &[
    never(FILE, &["Action: GetConfig", "Filename: /etc/passwd"]),
    never(FILE, &["Action: GetConfig", "Filename: ../passwd"]),
    never(
        FILE,
        &["Action: GetConfig", "Filename: /etc/asterisk-old/x.conf"],
    ),
    never(
        "Config file not found",
        &["Action: GetConfig", "Filename: *.conf"],
    ),
    never(
        "Config file not found",
        &["Action: ListCategories", "Filename: *.conf"],
    ),
    never(FILE, &["Action: ListCategories", "Filename: /etc/passwd"]),
    never(FILE, &["Action: GetConfigJSON", "Filename: /etc/passwd"]),
    never(FILE, &["Action: GetConfigJSON", "Filename: *.conf"]),
    never(
        FILE,
        &["Action: CreateConfig", "Filename: ../../tmp/x.conf"],
    ),
    never(
        FILE,
        &[
            "Action: UpdateConfig",
            "SrcFilename: /etc/passwd",
            "DstFilename: x.conf",
        ],
    ),
    never(
        FILE,
        &[
            "Action: UpdateConfig",
            "SrcFilename: x.conf",
            "DstFilename: /tmp/x.conf",
        ],
    ),
    never(
        MODULE,
        &["Action: ModuleLoad", "LoadType: load", "Module: ../x.so"],
    ),
];

#[tokio::test]
async fn files_and_modules_beyond_their_directories() {
    refuses(FILES).await;
}
