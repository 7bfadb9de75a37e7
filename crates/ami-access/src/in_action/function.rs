//! Dialplan functions that would read or write amiplex's own secret on the node.
//!
//! `AST_CONFIG(manager.conf,...)` answers with any value of any configuration file to whoever may ask for a
//! variable. The same holds for functions that read files, run programs or fetch URLs, and for function names that are
//! put together from variables at run time.

use super::contains;

/// Functions that reach configuration files.
const REACHES_FILES: [&str; 5] = ["AST_CONFIG", "FILE", "SHELL", "CURL", "EVAL"];

/// Variables that Asterisk up to 20 runs as a shell command when a recording ends: whoever sets one of them and may
/// start a recording has a shell.
const RUN_AS_COMMAND: &str = "MONITOR_EXEC";

/// What makes Asterisk put a text together from variables; `^{` is how Queue and MixMonitor spell it.
const COMPUTED: [&str; 4] = ["${", "$[", "%{", "^{"];

/// Whether the text names such a variable, as its own name or as the argument of a function that sets it.
pub(super) fn sets_command(text: &[u8]) -> bool {
    contains(&plain(text), RUN_AS_COMMAND)
}

/// The text as it is after Asterisk split arguments: quotes and backslashes gone, whatever they protected.
pub(super) fn plain(text: &[u8]) -> Vec<u8> {
    text.iter()
        .copied()
        .filter(|byte| !matches!(byte, b'"' | b'\\'))
        .collect()
}

/// Whether the text, before or after its arguments are split, calls such a function or one whose name is
/// computed.
pub(super) fn reaches_files(text: &[u8]) -> bool {
    calls_guarded(text) || calls_guarded(&plain(text))
}

fn calls_guarded(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(open) = rest.iter().rposition(|&byte| byte == b'(') {
        let (before, _) = rest.split_at(open);
        if is_guarded(name_at_end(before)) {
            return true;
        }
        rest = before;
    }
    false
}

/// Whether the text makes a function look a variable up whose name is computed: `CUT(${A}${B},...)`. A function splits its
/// arguments again, so that `$\{A}` is one too.
pub(super) fn computes_names(text: &[u8]) -> bool {
    text.contains(&b'(') && computes(text)
}

/// Whether the text is put together from variables, before or after its arguments are split.
pub(super) fn computes(text: &[u8]) -> bool {
    let plain = plain(text);
    COMPUTED
        .iter()
        .any(|start| contains(text, start) || contains(&plain, start))
}

/// What stands directly before an opening parenthesis.
#[derive(Clone, Copy)]
struct Name<'a> {
    word: &'a [u8],
    before: Option<u8>,
}

fn name_at_end(text: &[u8]) -> Name<'_> {
    let text = text.trim_ascii_end();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let start = text
        .iter()
        .rposition(|byte| !is_word(byte))
        .map_or(0, |last| last + 1);
    let (head, word) = text.split_at_checked(start).unwrap_or((text, &[]));
    Name {
        word,
        before: head.last().copied(),
    }
}

fn is_guarded(name: Name<'_>) -> bool {
    let is_computed = matches!(name.before, Some(b'}' | b']'));
    is_computed
        || REACHES_FILES
            .iter()
            .any(|guarded| name.word.eq_ignore_ascii_case(guarded.as_bytes()))
}
