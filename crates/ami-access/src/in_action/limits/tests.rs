use crate::authorize::{AuthorizeContext, Refusal, authorize};
use crate::fixture::{action, principal_with};

const CONTEXT: AuthorizeContext<'_> = AuthorizeContext {
    learned: &[],
    config_dirs: &["/etc/asterisk"],
    module_dirs: &[],
};

/// Whether an account with these lines may run the action; its parts are separated by `|`.
fn permitted(lines: &str, text: &str) -> bool {
    let parts: Vec<&str> = text.split('|').collect();
    let mut with_name = vec![format!("Action: {}", parts[0])];
    with_name.extend(parts[1..].iter().map(ToString::to_string));
    let lines_of_action: Vec<&str> = with_name.iter().map(String::as_str).collect();
    let account = format!("write = all\n{lines}");
    match authorize(
        &principal_with(&account),
        action(&lines_of_action),
        &CONTEXT,
    ) {
        Ok(_) => true,
        Err((Refusal::Check("Permission denied") | Refusal::Denied, _)) => false,
        Err((other, _)) => panic!("{text}: {other:?}"),
    }
}

fn rows(lines: &str, allowed: &[&str], refused: &[&str]) {
    for text in allowed {
        assert!(permitted(lines, text), "{lines}: {text} should pass");
    }
    for text in refused {
        assert!(!permitted(lines, text), "{lines}: {text} should be refused");
        assert!(
            permitted("", text),
            "{text} is refused without the line too"
        );
    }
}

#[test]
fn contexts_bound_where_a_channel_may_be_sent() {
    rows(
        "contexts = out,in-*",
        &[
            "Originate|Channel: PJSIP/1|Context: out|Exten: 1|Priority: 1",
            "Originate|Channel: Local/5@in-x/n|Context: IN-y|Exten: 1|Priority: 1",
            "Originate|Channel: PJSIP/1|Application: Playback|Data: hello",
            "Originate|Channel: PJSIP/1|Context: out|PreDialGoSub: in-a,s,1",
            "Redirect|Channel: a|Context: out|Exten: 1|Priority: 1",
            "Redirect|Channel: a|ExtraChannel: b|Context: out|ExtraContext: in-a",
            "Atxfer|Channel: a|Exten: 1|Context: out",
            "ShowDialPlan|Context: out",
            "QueueAdd|Queue: q|Interface: Local/5@out",
            "QueueAdd|Queue: q|Interface: PJSIP/5",
            "Hangup|Channel: a",
        ],
        &[
            "Originate|Channel: PJSIP/1|Context: other|Exten: 1|Priority: 1",
            "Originate|Channel: PJSIP/1|Exten: 1|Priority: 1",
            "Originate|Channel: Local/5@other|Context: out|Exten: 1|Priority: 1",
            "Originate|Channel: Local/5@other/n@out|Context: out",
            "Originate|Channel: Local/5@out@other|Context: out",
            "Originate|Channel: local/5|Context: out|Exten: 1|Priority: 1",
            "Originate|Channel: Lo\"cal\"/5@other|Context: out",
            "Originate|Channel: PJSIP/1|Channel: Local/5@other|Context: out",
            "Originate|Channel: PJSIP/1|Application: Dial|Data: Local/5@other",
            "Originate|Channel: PJSIP/1|Application: Goto|Data: other,1,1",
            "Originate|Channel: PJSIP/1|Context: out|PreDialGoSub: other,s,1",
            "Originate|Channel: PJSIP/1|Context: out|PreDialGoSub: s,1",
            "Redirect|Channel: a|Exten: 1|Priority: 1",
            "Redirect|Channel: a|ExtraChannel: b|Context: out|ExtraContext: other",
            "BlindTransfer|Channel: a|Exten: 1|Context: other",
            "Atxfer|Channel: a|Exten: 1|Context: other",
            "DialplanExtensionAdd|Context: other|Extension: 1|Priority: 1",
            "ShowDialPlan",
            "ExtensionState|Exten: 1|Context: other",
            "QueueAdd|Queue: q|Interface: Local/5@other",
            "AGI|Channel: a|Command: EXEC Goto other,1,1",
        ],
    );
}

#[test]
fn no_variable_and_no_missing_context_leads_out_of_the_contexts() {
    rows(
        "contexts = default,out",
        &[
            "Originate|Channel: PJSIP/1|Context: out|Variable: CHANNEL(language)=de,X=1",
            "Setvar|Channel: a|Variable: CALLERID(name)|Value: x",
            "Redirect|Channel: a|Exten: 1|Priority: 1",
        ],
        &[
            "Originate|Channel: PJSIP/1|Context: out|Variable: X=1,CHANNEL(hangup_handler_push)=other\\,s\\,1",
            "Originate|Channel: PJSIP/1|Context: out|Variable: CHANNEL(\"after_bridge\"_goto)=other^s^1",
            "Originate|Channel: PJSIP/1|Context: out|Variable: __TRANSFER_CONTEXT=other",
            "Setvar|Channel: a|Variable: CHANNEL(Hangup_Handler_Wipe)|Value: other,s,1",
            "Setvar|Channel: a|Variable: FORWARD_CONTEXT|Value: other",
            "Getvar|Channel: a|Variable: SET(GOTO_ON_BLINDXFR=other^s^1)",
            "Getvar|Channel: a|Variable: PERIODIC_HOOK(other,s,1)",
            "Status|Variables: X,SET(${A}=other)",
            "BlindTransfer|Channel: a|Exten: 1",
            "Atxfer|Channel: a|Exten: 1|Context:",
        ],
    );
    let listed = "contexts = out\nvariables = CHANNEL(*)";
    assert!(permitted(
        listed,
        "Setvar|Channel: a|Variable: CHANNEL(hangup_handler_wipe)|Value: out,s,1"
    ));
}

#[test]
fn no_application_assigns_what_the_list_of_variables_does_not_hold() {
    rows(
        "variables = X",
        &[
            "Originate|Channel: PJSIP/1|Application: Wait|Data: 1|Variable: X=1",
            "Originate|Channel: PJSIP/1|Application: Playback|Data: tt-weasels",
        ],
        &[
            "Originate|Channel: PJSIP/1|Application: Set|Data: GLOBAL(Y)=1",
            "Originate|Channel: PJSIP/1|Application: mset|Data: X=1,Y=2",
            "Originate|Channel: PJSIP/1|Application: ExecIf|Data: 1?Set(Y=1)",
            "Originate|Channel: PJSIP/1|Application: ImportVar|Data: Y=PJSIP/2-1,Z",
        ],
    );
}

#[test]
fn files_bound_what_configuration_actions_may_name() {
    rows(
        "files = queues.conf,ext/*.conf",
        &[
            "GetConfig|Filename: queues.conf",
            "GetConfig|Filename: /etc/asterisk/queues.conf",
            "UpdateConfig|SrcFilename: queues.conf|DstFilename: ext/a.conf",
            "ListCategories|Filename: ./queues.conf",
            "CoreSettings",
        ],
        &[
            "GetConfig|Filename: pjsip.conf",
            "GetConfigJSON|Filename: sub/queues.conf",
            "UpdateConfig|SrcFilename: pjsip.conf|DstFilename: queues.conf",
            "UpdateConfig|SrcFilename: queues.conf|DstFilename: pjsip.conf",
            "CreateConfig|Filename: new.conf",
        ],
    );
}

#[test]
fn families_hold_what_is_below_them_and_nothing_beside() {
    rows(
        "db_families = cidname,blacklist/*",
        &[
            "DBGet|Family: cidname|Key: 1",
            "DBPut|Family: cidname/sub|Key: 1|Val: 2",
            "DBDelTree|Family: cidname",
            "DBGetTree|Family: blacklist/a",
            "Getvar|Channel: a|Variable: CALLERID(num)",
        ],
        &[
            "DBGet|Family: other|Key: 1",
            "DBPut|Family: cidname2|Key: 1|Val: 2",
            "DBDelTree|Family: %",
            "DBDelTree|Family: cid%",
            "DBDelTree|Family: cidname/%/x|Key: 1",
            "DBDelTree|Family: blacklist",
            "DBGetTree",
            "Getvar|Channel: a|Variable: DB(other/x)",
            "Setvar|Channel: a|Variable: D\\B(other/x)|Value: 1",
            "Status|Variables: A,DB_EXISTS(other/x)",
            "Originate|Channel: a|Application: Wait|Variable: A=1,DB(x/y)=2",
        ],
    );
}

#[test]
fn variables_are_read_as_the_node_reads_them() {
    rows(
        "variables = FOO_*,CHANNEL(*),GLOBAL(SHARED)",
        &[
            "Getvar|Channel: a|Variable: FOO_x",
            "Getvar|Channel: a|Variable: CHANNEL(state)",
            "Getvar|Variable: SHARED",
            "Setvar|Channel: a|Variable: FOO_x|Value: ${anything}",
            "Status|Variables: FOO_a,CHANNEL(rtp,dest)",
            "Originate|Channel: a|Application: Wait|Variable: FOO_a=1,FOO_b=2",
        ],
        &[
            "Getvar|Channel: a|Variable: BAR",
            "Getvar|Channel: a|Variable: FOO_(x)",
            "Getvar|Channel: a|Variable: CHANNEL(${X})",
            "Getvar|Variable: FOO_x",
            "Setvar|Variable: FOO_x|Value: 1",
            "Setvar|Channel: a|Variable: DB(a/b)|Value: 1",
            "Status|Variables: FOO_a,DB(a/b)",
            "Originate|Channel: a|Application: Wait|Variable: FOO_a=1,DB(a/b)=2",
            "Originate|Channel: a|Application: Wait|Variable: FOO_a=1|Variable: BAR=2",
            "Originate|Channel: a|Application: Wait|Variable: FOO_a=(,DB(a/b)=2",
            "Originate|Channel: a|Application: Wait|Variable: \"FOO_a=1,DB(a/b)\"=2",
            "MessageSend|To: pjsip:x|Body: y|Variable: BAR=1",
            "PJSIPNotify|Channel: a|Variable: Content-type=x",
        ],
    );
}

#[test]
fn safe_closes_what_needs_no_class_and_what_leads_beyond_it() {
    assert!(!permitted("safe = yes", "PJSIPShowRegistrationsOutbound"));
    rows(
        "safe = yes",
        &[
            "Originate|Channel: PJSIP/1|Application: Playback|Data: hello|Variable: A=1",
            "Hangup|Channel: PJSIP/1-1",
            "Getvar|Channel: a|Variable: X",
            "Getvar|Variable: X",
            "Setvar|Channel: a|Variable: X|Value: 1",
            "Status",
            "QueueStatus",
            "QueueAdd|Queue: q|Interface: PJSIP/1",
            "UserEvent|UserEvent: x|ActionID: 1|Anything: y",
            "Ping",
        ],
        &[
            "QueueReset|Queue: q",
            "BridgeDestroy|BridgeUniqueid: b",
            "DAHDIHangup|DAHDIChannel: 1",
            "PRIDebugSet|Span: 1|Level: off",
            "AGI|Channel: a|Command: x",
            "MixMonitor|Channel: a|Command: x",
            "GetConfig|Filename: sip.conf",
            "UpdateConfig|SrcFilename: a.conf|DstFilename: a.conf",
            "Reload",
            "ModuleLoad|LoadType: reload|Module: x.so",
            "DialplanExtensionAdd|Context: a|Extension: 1|Priority: 1",
            "DBGet|Family: a|Key: b",
            "Command|Command: core show version",
            "Hangup|Channel: /.*/",
            "Redirect|Channel: a|Context: b|Exten: 1|Priority: 1",
            "Originate|Channel: PJSIP/1|Context: b|Exten: 1|Priority: 1",
            "Originate|Channel: Local/1@b|Application: Playback|Data: x",
            "Originate|Channel: PJSIP/1|Application: Dial|Data: PJSIP/2",
            "Originate|Channel: PJSIP/1|Application: Playback|Data: x|Variable: DB(a/b)=1",
            "Setvar|Variable: X|Value: 1",
            "Setvar|Channel: a|Variable: CHANNEL(x)|Value: 1",
            "Getvar|Channel: a|Variable: DB(a/b)",
            "Status|Variables: CHANNEL(state)",
            "QueueAdd|Queue: q|Interface: Local/1@b",
            "UserEvent|UserEvent: x|Event: Hangup",
            "UserEvent|UserEvent: x|Privilege: all",
            "UserEvent|UserEvent: x|ActionID: 1|ActionID: 2",
            "PJSIPShowAuths",
            "MessageSend|To: x|Body: y",
            "VoicemailRemove|Mailbox: x",
        ],
    );
}

#[test]
fn other_lines_open_exactly_their_part_of_safe() {
    for (line, text) in [
        ("allow_actions = QueueReset,Ping", "QueueReset|Queue: q"),
        (
            "allow_commands = core show",
            "Command|Command: core show version",
        ),
        (
            "contexts = out",
            "Redirect|Channel: a|Context: out|Exten: 1|Priority: 1",
        ),
        (
            "contexts = out",
            "Originate|Channel: Local/1@out|Context: out|Exten: 1|Priority: 1",
        ),
        ("files = q.conf", "GetConfig|Filename: q.conf"),
        ("db_families = a", "DBPut|Family: a|Key: b|Val: c"),
        ("variables = CHANNEL(*)", "Status|Variables: CHANNEL(state)"),
    ] {
        assert!(!permitted("safe = yes", text), "{text}");
        assert!(
            permitted(&format!("safe = yes\n{line}"), text),
            "{line}: {text}"
        );
    }
    for (line, text) in [
        ("allow_actions = Queue*", "QueueReset|Queue: q"),
        (
            "contexts = out",
            "Originate|Channel: PJSIP/1|Context: in|Exten: 1|Priority: 1",
        ),
        ("allow_actions = Originate,Hangup", "Hangup|Channel: /x/"),
        ("files = q.conf", "Reload"),
    ] {
        assert!(
            !permitted(&format!("safe = yes\n{line}"), text),
            "{line}: {text}"
        );
    }
}
