//! What only the lines of an account close: `contexts`, `db_families`, `files`, `variables`, `channels`, `safe`. Headers are separated by `|`.

use super::{DENIED, Row, refuses};

/// Each is refused to a powerful account with that line, and reaches the node from one without it.
async fn closes(line: &str, actions: &'static [&'static str]) {
    let account: &'static str = format!("write = all\n{line}").leak();
    let rows: Vec<Row> = actions
        .iter()
        .map(|action| Row {
            account,
            says: DENIED,
            lines: action.split('|').collect::<Vec<_>>().leak(),
            may: Some("write = all"),
        })
        .collect();
    refuses(&rows).await;
}

const CONTEXTS: &[&str] = &[
    "Action: Originate|Channel: PJSIP/1|Async: true|Context: other|Exten: 1|Priority: 1",
    "Action: Originate|Channel: PJSIP/1|Async: true|Context: sales|PreDialGoSub: other,s,1",
    "Action: Originate|Channel: Local/1@other/n|Async: true|Context: sales",
    "Action: Originate|Channel: PJSIP/1|Async: true|Context: sales|Variable: CHANNEL(hangup_handler_push)=other\\,s\\,1",
    "Action: Redirect|Channel: a|Context: other|Exten: 1",
    "Action: Redirect|Channel: a|Context: sales|ExtraContext: other",
    "Action: BlindTransfer|Channel: a|Context: other|Exten: 1",
    "Action: Atxfer|Channel: a|Context: other|Exten: 1",
    "Action: DialplanExtensionAdd|Context: other|Extension: 1",
    "Action: AGI|Channel: a|Command: EXEC System id",
];

#[tokio::test]
async fn contexts_hold_channels() {
    closes("contexts = sales", CONTEXTS).await;
}

const FAMILIES: &[&str] = &[
    "Action: DBPut|Family: other|Key: k|Val: v",
    "Action: DBDelTree|Family: other",
    "Action: DBGetTree",
    "Action: Getvar|Variable: DB(other/k)",
    "Action: Originate|Channel: PJSIP/1|Async: true|Variable: A=1,DB(other/k)=1",
];

#[tokio::test]
async fn families_hold_what_is_in_the_database() {
    closes("db_families = own", FAMILIES).await;
}

const FILES: &[&str] = &[
    "Action: GetConfig|Filename: pjsip.conf",
    "Action: UpdateConfig|SrcFilename: queues.conf|DstFilename: x.conf",
];

#[tokio::test]
async fn files_hold_configuration() {
    closes("files = queues.conf", FILES).await;
}

const VARIABLES: &[&str] = &[
    "Action: Originate|Channel: PJSIP/1|Async: true|Variable: OWN_A=1,B=2",
    "Action: Originate|Channel: PJSIP/1|Async: true|Variable: OWN_A=1|Variable: CALLERID(num)=2",
    "Action: Setvar|Variable: OWN_A|Value: global",
    "Action: Getvar|Channel: a|Variable: CHANNEL(state)",
    "Action: MessageSend|To: x|Variable: B=1",
    "Action: PJSIPNotify|Endpoint: x|Variable: B=1",
];

#[tokio::test]
async fn variables_hold_what_is_assigned_and_read() {
    closes("variables = OWN_*", VARIABLES).await;
}

const CHANNELS: &[&str] = &[
    "Action: Park|Channel: PJSIP/other-1",
    "Action: Bridge|Channel1: PJSIP/own-1|Channel2: PJSIP/other-1",
    "Action: Bridge|Channel1: PJSIP/|Channel2: PJSIP/own-1",
    "Action: SendText|Channel: PJSIP/other-1|Message: x",
    "Action: Redirect|Channel: PJSIP/other-1|Context: sales|Exten: 1",
    "Action: Hangup|Channel: /PJSIP/",
    "Action: MessageSend|To: pjsip:other",
    "Action: MWIDelete|Mailbox: other",
];

#[tokio::test]
async fn channels_hold_a_tenant() {
    closes("channels = PJSIP/own-*", CHANNELS).await;
}

const SAFE: &[&str] = &[
    "Action: MWIDelete|Mailbox: x",
    "Action: MWIUpdate|Mailbox: x",
    "Action: VoicemailRemove|Mailbox: x",
    "Action: VoicemailForward|Mailbox: x",
    "Action: QueueReset",
    "Action: QueueReload",
    "Action: QueueChangePriorityCaller",
    "Action: QueueWithdrawCaller",
    "Action: BridgeDestroy|BridgeUniqueid: x",
    "Action: BridgeKick|Channel: x",
    "Action: BridgeTechnologySuspend",
    "Action: BridgeTechnologyUnsuspend",
    "Action: DAHDIHangup|DAHDIChannel: 1",
    "Action: DAHDITransfer|DAHDIChannel: 1",
    "Action: DAHDIRestart",
    "Action: PRIDebugSet|Span: 1",
    "Action: Hangup|Channel: /x/",
    "Action: PJSIPHangup|Channel: /x/",
    "Action: AGI|Channel: a|Command: EXEC System id",
    "Action: MixMonitor|Channel: a|Command: id",
    "Action: ConfbridgeStartRecord|Conference: 1|RecordFile: /x",
    "Action: PRIDebugFileSet|File: /x",
    "Action: Command|Command: core show version",
    "Action: GetConfig|Filename: pjsip.conf",
    "Action: UpdateConfig|SrcFilename: x.conf|DstFilename: x.conf",
    "Action: Reload",
    "Action: ModuleLoad|LoadType: reload",
    "Action: DialplanExtensionAdd|Context: x",
    "Action: DialplanExtensionRemove|Context: x",
    "Action: Redirect|Channel: a|Context: x|Exten: 1",
    "Action: DBPut|Family: x|Key: k|Val: v",
    "Action: DBDelTree|Family: x",
    "Action: PJSIPShowAuths",
    "Action: PJSIPShowEndpoint|Endpoint: x",
    "Action: PJSIPShowRegistrationsOutbound",
    "Action: QueueLog|Queue: q|Event: x",
    "Action: MessageSend|To: x",
    "Action: PJSIPNotify|Endpoint: x",
    "Action: JabberSend|JID: x",
    "Action: VoicemailMove|Mailbox: 1",
    "Action: Getvar|Channel: a|Variable: CHANNEL(state)",
    "Action: Status|Variables: X,CHANNEL(state)",
    "Action: Setvar|Variable: GLOBAL_ONE|Value: 1",
    "Action: Originate|Channel: PJSIP/1|Async: true|Application: Dial|Data: PJSIP/1",
    "Action: Originate|Channel: PJSIP/1|Async: true|Context: default|Exten: 1|Priority: 1",
    "Action: Originate|Channel: PJSIP/1|Async: true|Application: Wait|Variable: CALLERID(num)=1",
    "Action: UserEvent|UserEvent: x|Event: Hangup",
    "Action: UserEvent|UserEvent: x|Privilege: call,all",
];

#[tokio::test]
async fn safe_closes_what_leads_beyond_the_classes() {
    closes("safe = yes", SAFE).await;
}
