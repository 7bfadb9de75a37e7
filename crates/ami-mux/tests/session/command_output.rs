//! Which form of Command's output a session asks for.

use ami_proto::CommandOutput;

use super::desk::Desk;

const COMMAND: &str = "Action: Command|Command: core show version|Node: ";

fn forms(desk: &Desk) -> Vec<CommandOutput> {
    let submitted = desk.submitted.iter();
    submitted.map(|(_, asked)| asked.command_output).collect()
}

#[test]
fn the_account_decides_and_else_the_listener() {
    use CommandOutput::{Follows, Native, Output};
    for (listener, account, form) in [
        (Native, "a", Native),
        (Output, "a", Output),
        (Follows, "a", Follows),
        (Output, "old", Follows),
        (Output, "asis", Native),
    ] {
        let mut desk = Desk::at_listener(listener).log_in(account);
        desk.says(&format!("{COMMAND}pbx1"));
        assert_eq!(forms(&desk), [form], "{listener:?} {account}");
    }
}

#[test]
fn no_other_action_is_concerned() {
    let mut desk = Desk::logged_in("old");
    desk.says("Action: CoreStatus|Command: x|Node: pbx1");
    assert_eq!(forms(&desk), [CommandOutput::Native]);
}

/// In the events of an answer of several nodes a line of output is a header, or it has no place.
#[test]
fn answers_of_several_nodes_have_the_newer_form() {
    for (account, form) in [("old", CommandOutput::Output), ("a", CommandOutput::Native)] {
        let mut desk = Desk::logged_in(account);
        desk.says(&format!("{COMMAND}pbx1,pbx2"));
        assert_eq!(forms(&desk), [form, form], "{account}");
    }
}
