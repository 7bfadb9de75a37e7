//! `read@pbx2`, `allow_actions@tag:lab`: what may stand there, and what counts where.

use super::*;

fn at(account: &Account, name: &str, tags: &[&str]) -> (String, String) {
    let here = account.at(name, tags);
    (here.read.render(), here.write.render())
}

#[test]
fn the_node_comes_before_its_tags_and_these_before_the_rest() {
    let account = account(
        "read = call\nwrite = call\nREAD@pbx2 = agent\nread@tag:lab = system,call\nread@tag:Big = call,user\nwrite@tag:lab = all",
    );
    let own = |text: &str| text.to_owned();
    assert_eq!(
        at(&account, "pbx1", &[]),
        (own("call,all"), own("call,all"))
    );
    // Of the letter's case only the tag's does not count.
    assert_eq!(at(&account, "PBX2", &[]).0, "call,all");
    assert_eq!(at(&account, "pbx2", &["LAB"]).0, "agent,all");
    assert_eq!(at(&account, "pbx3", &["lab"]).0, "system,call,all");
    assert_eq!(at(&account, "pbx3", &["lab", "big"]).0, "call,all");
    assert_eq!(
        account.at("pbx2", &["lab"]).write,
        ClassSet::ALL,
        "each option by itself"
    );
}

#[test]
fn lists_of_a_node_are_its_own() {
    let account = account(
        "write = all\nallow_actions = Ping\ndeny_actions = Hangup\nallow_actions@pbx2 = Queue*\nallow_actions@pbx2 = DBGet\n\
         deny_actions@tag:a = QueueReset\ndeny_actions@tag:b = DBGet\nallow_commands@tag:a = core\nallow_commands@tag:b = core show,queue",
    );
    let may =
        |name: &str, tags: &[&str], action: &str| account.at(name, tags).actions.permit(action);
    assert!(may("pbx1", &[], "Ping") && !may("pbx1", &[], "QueueAdd"));
    assert!(!may("pbx2", &[], "Ping") && may("pbx2", &[], "QueueAdd") && may("pbx2", &[], "dbget"));
    assert!(may("pbx2", &["b"], "QueueReset") && !may("pbx2", &["b"], "DBGet"));
    assert!(!may("pbx2", &["a", "b"], "QueueReset") && !may("pbx2", &["a", "b"], "DBGet"));
    let runs = |tags: &[&str], line: &str| {
        let words: Vec<Vec<u8>> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        account.at("pbx1", tags).commands.permit(&words)
    };
    assert!(runs(&[], "module reload") && runs(&["a"], "core restart now"));
    assert!(!runs(&["a", "b"], "core restart now") && !runs(&["a", "b"], "queue show"));
    assert!(runs(&["a", "b"], "core show channels"));
}

#[test]
fn nodes_are_named_by_tags_too() {
    let account = account("nodes = pbx1, tag:EU");
    let sees = |name: &str, tags: &[&str]| account.nodes.holds(name, tags);
    assert!(sees("pbx1", &[]) && sees("pbx9", &["big", "eu"]));
    assert!(!sees("pbx2", &["us"]) && !sees("eu", &[]) && !sees("tag:EU", &[]));
}

#[test]
fn what_cannot_differ_by_node_is_an_error_and_never_passed_over() {
    for line in [
        "contexts@pbx1 = a",
        "channels@pbx1 = PJSIP/*",
        "safe@pbx1 = yes",
        "secret@pbx1 = hunter2",
        "frobnicate@pbx1 = x",
        "deny@pbx1 = 0.0.0.0/0",
        "reed@pbx1 = call",
        "@pbx1 = call",
    ] {
        let found = errors(&format!("[u]\nsecret = s\n{line}\n"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(
            found[0].contains("only read, write, allow_actions, deny_actions and allow_commands can differ by node"),
            "{found:?}"
        );
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
    for place in [
        "", "all", "*", "tag:", "a,b", "tag:a b", "a@b", "pbx 1", "tag:*",
    ] {
        let found = errors(&format!("[u]\nsecret = s\nread@{place} = call\n"));
        assert_eq!(found.len(), 1, "{place}: {found:?}");
        assert!(
            found[0].contains("behind the `@` stands the name of one node"),
            "{found:?}"
        );
    }
    for line in [
        "allow_actions@pbx1 = a,,b",
        "deny_actions@pbx1 = ",
        "allow_commands@tag:x = a,,b",
    ] {
        let found = errors(&format!("[u]\nsecret = s\n{line}\n"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
    }
    for nodes in ["tag:", "pbx1,all", "tag:a b", "*,pbx1"] {
        let found = errors(&format!("[u]\nsecret = s\nnodes = {nodes}\n"));
        assert!(found[0].contains("`tag:` and a tag"), "{nodes}: {found:?}");
    }
}

#[test]
fn what_channels_leave_open_at_one_node_is_said() {
    let conf =
        "[u]\nsecret = s\nchannels = PJSIP/acme-*\ncontexts = acme\nallow_actions@pbx2 = DBGet\n";
    let notices = loaded(conf, "").unwrap().notices;
    assert!(
        notices
            .iter()
            .any(|notice| notice.text.contains("do not limit DBGet")),
        "{notices:?}"
    );
}

#[test]
fn a_reload_that_moves_lines_changes_no_rights_and_one_of_a_node_does() {
    let before = account("read = call\nwrite@pbx1 = agent");
    let moved = account("read = call\n\n; a comment\nwrite@pbx1 = agent");
    assert!(before.same_rights(&moved));
    for other in [
        "write@pbx1 = agent,call",
        "write@pbx2 = agent",
        "read@pbx1 = agent",
        "",
    ] {
        let later = account(&format!("read = call\n{other}"));
        assert!(!before.same_rights(&later), "{other}");
    }
}
