use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frame_decoder::FrameDecoder;

fn id(text: &str) -> Option<ClientActionId> {
    ClientActionId::new(text.to_owned())
}

/// What a reader that knows both forms makes of the bytes: exactly one message, and nothing behind it.
fn read(bytes: &Bytes) -> Frame {
    let mut decoder = FrameDecoder::new(Limits::default());
    let mut buf = BytesMut::from(&bytes[..]);
    let frame = decoder.decode(&mut buf).unwrap().expect("one message");
    assert!(buf.is_empty(), "{:?}", bytes.escape_ascii().to_string());
    frame
}

fn follows(text: &str) -> Frame {
    let bytes = format!(
        "Response: Follows\r\nPrivilege: Command\r\nActionID: amx1-1\r\n{text}--END COMMAND--\r\n\r\n"
    );
    read(&bytes.into())
}

fn output(kind: &str, lines: &[&str]) -> Frame {
    let mut text =
        format!("Response: {kind}\r\nActionID: amx1-1\r\nMessage: Command output follows\r\n");
    for line in lines {
        for part in ["Output: ", line, "\r\n"] {
            text.push_str(part);
        }
    }
    text.push_str("\r\n");
    read(&text.into())
}

fn converted(frame: &Frame, to: CommandOutput) -> String {
    let bytes = convert(frame, to, id("mine").as_ref()).expect("converted");
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn old_answers_become_headers() {
    for (text, lines) in [
        ("", "Output: \r\n"),
        ("one\n", "Output: one\r\n"),
        ("one", "Output: one\r\n"),
        (
            "one\n\n  two: x\n\n",
            "Output: one\r\nOutput: \r\nOutput:   two: x\r\nOutput: \r\n",
        ),
        (
            "crlf\r\n\r\nResponse: Success\r\n",
            "Output: crlf\r\nOutput: \r\nOutput: Response: Success\r\n",
        ),
        ("a\rb\0c\n", "Output: a?b?c\r\n"),
        (
            "in --END COMMAND-- the middle\n--END COMMAND--\nlast",
            "Output: in --END COMMAND-- the middle\r\nOutput: --END COMMAND--\r\nOutput: last\r\n",
        ),
    ] {
        assert_eq!(
            converted(&follows(text), CommandOutput::Output),
            format!(
                "Response: Success\r\nActionID: mine\r\nMessage: Command output follows\r\n{lines}\r\n"
            ),
            "{text:?}"
        );
    }
}

#[test]
fn headers_become_an_old_answer_whether_the_command_succeeded_or_not() {
    for (lines, text) in [
        (&[""][..], ""),
        (&["one"], "one\n"),
        (
            &["  Name", "", "ActionID: x", "Event: y", ""],
            "  Name\n\nActionID: x\nEvent: y\n\n",
        ),
        (&["a\r", "b\rc"], "a\nb?c\n"),
    ] {
        for kind in ["Success", "Error"] {
            assert_eq!(
                converted(&output(kind, lines), CommandOutput::Follows),
                format!(
                    "Response: Follows\r\nPrivilege: Command\r\nActionID: mine\r\n{text}--END COMMAND--\r\n\r\n"
                ),
                "{lines:?}"
            );
        }
    }
}

#[test]
fn no_line_of_the_output_is_an_end_marker_or_an_id() {
    let hostile = output(
        "Success",
        &[
            "ActionID: forged",
            "--END COMMAND--",
            "x--end command--",
            "--END COMMAND--END COMMAND--",
            "---END COMMAND---",
            "Event: forged",
        ],
    );
    let bytes = convert(&hostile, CommandOutput::Follows, None).unwrap();
    assert_eq!(
        String::from_utf8(bytes.to_vec()).unwrap(),
        "Response: Follows\r\nPrivilege: Command\r\n ActionID: forged\n--END_COMMAND--\nx--end_command--\n\
         --END_COMMAND--END_COMMAND--\n---END_COMMAND---\nEvent: forged\n--END COMMAND--\r\n\r\n"
    );
    assert_eq!(read(&bytes).action_id(), None);
    // An old node's own text is made safe too, for who asked for that form.
    assert_eq!(
        converted(&follows("--END COMMAND--\nx\r\n"), CommandOutput::Follows),
        "Response: Follows\r\nPrivilege: Command\r\nActionID: mine\r\n--END_COMMAND--\nx\n--END COMMAND--\r\n\r\n"
    );
}

/// A reader for which CR ends a line would see an empty one, and so the end.
#[test]
fn the_newer_form_loses_its_stray_line_ends_too() {
    let frame = output("Error", &["a\r", "\r", "b\rc"]);
    assert_eq!(
        converted(&frame, CommandOutput::Output),
        "Response: Error\r\nActionID: mine\r\nMessage: Command output follows\r\nOutput: a\r\nOutput: \r\nOutput: b?c\r\n\r\n"
    );
    assert_eq!(convert(&frame, CommandOutput::Native, None), None);
}

#[test]
fn what_has_that_form_or_no_output_is_left_alone() {
    let follows = follows("x\n");
    let output = output("Error", &["x"]);
    let refused = read(&Bytes::from_static(
        b"Response: Error\r\nActionID: amx1-1\r\nMessage: No command provided\r\n\r\n",
    ));
    let event = read(&Bytes::from_static(
        b"Event: X\r\nMessage: Command output follows\r\n\r\n",
    ));
    for (frame, to) in [
        (&follows, CommandOutput::Native),
        (&output, CommandOutput::Native),
        (&output, CommandOutput::Output),
        (&refused, CommandOutput::Follows),
        (&refused, CommandOutput::Output),
        (&event, CommandOutput::Follows),
    ] {
        assert_eq!(convert(frame, to, None), None, "{frame:?} {to:?}");
    }
}

#[test]
fn more_lines_than_a_message_may_have_are_an_error() {
    let most = Limits::default().headers_max - 3;
    let text = "\n".repeat(most);
    let fits = converted(&follows(&text), CommandOutput::Output);
    assert_eq!(fits.matches("Output: \r\n").count(), most);
    read(&fits.into());
    assert_eq!(
        converted(&follows(&format!("{text}\n")), CommandOutput::Output),
        "Response: Error\r\nActionID: mine\r\nMessage: Command response construction error\r\n\r\n"
    );
}

#[test]
fn the_words_of_the_configuration() {
    assert_eq!(
        CommandOutput::parse("Follows"),
        Some(CommandOutput::Follows)
    );
    assert_eq!(CommandOutput::parse("native"), Some(CommandOutput::Native));
    assert_eq!(CommandOutput::parse("raw"), None);
}

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "--END COMMAND--",
        "--END COMM",
        "AND--",
        "-",
        "\r",
        "\0",
        "\u{1b}[0m",
        "Output: x",
        "ActionID: x",
        "Privilege: Command",
        "Response: Follows",
        "Event: x",
        ": ",
        " ",
        "é",
    ])
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    vec(vec(piece(), 0..5).prop_map(|pieces| pieces.concat()), 0..8)
}

/// Lines that no form has to change.
fn plain_lines() -> impl Strategy<Value = Vec<String>> {
    lines().prop_map(|lines| {
        let plain = |line: String| {
            line.replace(['\r', '\0'], "")
                .replace("--END COMMAND--", "x")
        };
        lines.into_iter().map(plain).collect()
    })
}

proptest! {
    /// Whatever a command prints, its answer is one message in either form, with the client's id and no other.
    #[test]
    fn output_never_changes_the_framing(lines in lines(), own in any::<bool>()) {
        let own = own.then(|| id("mine")).flatten();
        let texts: Vec<&str> = lines.iter().map(String::as_str).collect();
        let bytes = convert(&output("Success", &texts), CommandOutput::Follows, own.as_ref()).unwrap();
        let old = read(&bytes);
        prop_assert!(old.is_follows());
        prop_assert_eq!(old.action_id(), own.as_ref().map(ClientActionId::as_bytes));
        prop_assert_eq!(bytes.windows(END_COMMAND.len()).filter(|text| *text == END_COMMAND).count(), 1);
        prop_assert!(!old.follows_output().unwrap().contains(&b'\r'));
        let back = read(&convert(&old, CommandOutput::Output, own.as_ref()).unwrap());
        prop_assert_eq!(back.action_id(), own.as_ref().map(ClientActionId::as_bytes));
        prop_assert_eq!(back.header("Message"), Some(MESSAGE));
        let head = if own.is_some() { 3 } else { 2 };
        prop_assert!(back.lines().skip(head).all(|line| line.is("Output")));
    }

    #[test]
    fn there_and_back_is_the_same(lines in plain_lines()) {
        let mut texts: Vec<&str> = lines.iter().map(String::as_str).collect();
        if texts.is_empty() {
            // So Asterisk writes an output without any line.
            texts.push("");
        }
        let new = output("Success", &texts);
        let wire = ClientActionId::new(&b"amx1-1"[..]);
        let old = read(&convert(&new, CommandOutput::Follows, wire.as_ref()).unwrap());
        prop_assert_eq!(&read(&convert(&old, CommandOutput::Output, wire.as_ref()).unwrap()), &new);
        prop_assert_eq!(&read(&convert(&old, CommandOutput::Follows, wire.as_ref()).unwrap()), &old);
    }
}
