//! Known ways round the checks of Asterisk that would lead to amiplex's own secret or to a shell.

use super::{DENIED, Row, never, refuses, row};

const ORIGINATE: &str = "Originate Access Forbidden: app or data blacklisted";
const GETVAR: &str = "GetVar Access Forbidden: Variable";
const STATUS: &str = "Status Access Forbidden: Variables";
const COMMAND: &str = "Command blacklisted";
const FILE: &str = "File requires escalated privileges";

const CALLER: &str = "write = call,originate,reporting,agent,user,dialplan,message";
const CONFIG: &str = "write = config";
const ALL: &str = "write = all";

macro_rules! originate {
    ($($line:literal),*) => {
        &["Action: Originate", "Channel: PJSIP/1", "Async: true", $($line),*]
    };
}

macro_rules! update {
    ($line:literal) => {
        &[
            "Action: UpdateConfig",
            "SrcFilename: a.conf",
            "DstFilename: a.conf",
            "Action-000000: append",
            $line,
        ]
    };
}

const SECRET: &[Row] = &[
    row(
        CALLER,
        GETVAR,
        &[
            "Action: Getvar",
            "Variable: AST_CONFIG(manager.conf,a,secret)",
        ],
        ALL,
    ),
    row(
        CALLER,
        GETVAR,
        &["Action: Getvar", "Variable: CUT($\\{A}$\\{B},-,1)"],
        ALL,
    ),
    row(
        CALLER,
        STATUS,
        &["Action: Status", "Variables: X,CUT(AST\\_CONFIG(m,a,s),-)"],
        ALL,
    ),
    row(
        CALLER,
        DENIED,
        &["Action: Setvar", "Variable: X", "Value: AST_CONFIG(m,a,s)"],
        ALL,
    ),
    row(
        CALLER,
        ORIGINATE,
        originate!("Variable: A=1,PUSH(${A}${B})=x"),
        ALL,
    ),
    row(
        CALLER,
        ORIGINATE,
        originate!("Application: Set", "Data: X=${AST_CONFIG(m,a,s)}"),
        ALL,
    ),
    row(
        CALLER,
        ORIGINATE,
        originate!("Application: WaitForCondition", "Data: @,1"),
        ALL,
    ),
    row(
        "write = command",
        COMMAND,
        &[
            "Action: Command",
            "Command: dialplan eval function AST_CONFIG(m,a,s)",
        ],
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        &["Action: GetConfig", "Filename: manager.conf"],
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        &["Action: GetConfigJSON", "Filename: manager.d/x.conf"],
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        &["Action: ListCategories", "Filename: users.conf"],
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        &["Action: CreateConfig", "Filename: manager_custom.conf"],
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        &[
            "Action: UpdateConfig",
            "SrcFilename: manager.conf",
            "DstFilename: a.conf",
        ],
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        &[
            "Action: UpdateConfig",
            "SrcFilename: a.conf",
            "DstFilename: users.conf",
        ],
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        update!("Var-000000: #include manager.conf ;"),
        ALL,
    ),
    row(
        CONFIG,
        FILE,
        update!("Var-000000: ;-- --;#include manager.conf ;"),
        ALL,
    ),
    row(CONFIG, FILE, update!("Cat-000000: #exec id ;"), ALL),
];

#[tokio::test]
async fn the_secret_of_amiplex_is_read_by_nobody_without_system_and_config() {
    refuses(SECRET).await;
}

const SYSTEM: &str = "write = call,originate,reporting,system";

const SHELL: &[Row] = &[
    row(
        CALLER,
        DENIED,
        &["Action: Setvar", "Variable: MONITOR_EXEC", "Value: id"],
        SYSTEM,
    ),
    row(
        CALLER,
        ORIGINATE,
        originate!("Variable: A=1,__MONITOR_EXEC=id"),
        SYSTEM,
    ),
    row(
        CALLER,
        ORIGINATE,
        originate!("Application: Monitor", "Data: wav,$(id),m"),
        ALL,
    ),
    row(
        CALLER,
        DENIED,
        &["Action: Monitor", "Channel: SIP/a-1", "File: $(id)"],
        SYSTEM,
    ),
    row(
        CALLER,
        DENIED,
        &[
            "Action: ChangeMonitor",
            "Channel: SIP/a-1",
            "File: x\";id;\"",
        ],
        SYSTEM,
    ),
    never(
        COMMAND,
        &["Action: Command", "Command: \"module\"\tunload x"],
    ),
];

#[tokio::test]
async fn shell_commands_behind_variables_and_file_names_need_system() {
    refuses(SHELL).await;
}
