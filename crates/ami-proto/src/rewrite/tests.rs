use proptest::prelude::*;

use super::*;
use crate::decoder::{ActionDecoder, Incoming};

fn read(text: &str) -> Action {
    let mut buf = BytesMut::from(text);
    match ActionDecoder::new().decode(&mut buf) {
        Some(Incoming::Action(action)) => action,
        other => panic!("{other:?}"),
    }
}

fn wire() -> WireActionId {
    WireActionId::new(0xab, 1, 2)
}

fn upstream(
    text: &str,
    wire: Option<&WireActionId>,
    strip: &[&str],
    append: &[(&str, &[u8])],
) -> Result<String, EncodeError> {
    let slices = upstream_action(&read(text), wire, strip, append)?;
    Ok(String::from_utf8(join(slices).to_vec()).unwrap())
}

#[test]
fn our_id_is_the_second_line_and_the_only_one() {
    let sent = upstream(
        "ActionID: a\nVariable: x=1\nAction:\naction:originate\nactionid:b\nno colon\nNode: pbx1\nVariable: y=2\nAction: Ping\n\n",
        Some(&wire()),
        &["node"],
        &[("Variable", b"account=1")],
    );
    assert_eq!(
        sent.unwrap(),
        "Action: originate\r\nActionID: amx1-000000ab-1-2\r\nVariable: x=1\r\nno colon\r\nVariable: y=2\r\nVariable: account=1\r\n\r\n"
    );
    assert_eq!(
        upstream("Action: Ping\nActionID: a\n\n", None, &[], &[]).unwrap(),
        "Action: Ping\r\n\r\n"
    );
}

#[test]
fn lines_that_pass_are_not_copied() {
    let action = read("Action: Ping\nActionID: 1\nA: 1\nB: 2\nC: 3\n\n");
    let slices = upstream_action(&action, Some(&wire()), &[], &[]).unwrap();
    assert_eq!(slices.len(), 3);
    let own = action.bytes().as_ptr_range();
    assert!(own.contains(&slices[1].as_ptr()));
    assert_eq!(&slices[1][..], b"A: 1\r\nB: 2\r\nC: 3\r\n");
}

#[test]
fn what_asterisk_would_not_read_whole_is_refused() {
    let headers = |count: usize| format!("Action: Ping\n{}\n", "H: v\n".repeat(count));
    assert!(upstream(&headers(126), Some(&wire()), &[], &[]).is_ok());
    assert_eq!(
        upstream(&headers(127), Some(&wire()), &[], &[]),
        Err(EncodeError::TooManyLines)
    );
    assert!(upstream(&headers(127), None, &[], &[]).is_ok());
    assert_eq!(
        upstream(&headers(127), None, &[], &[("H", b"v")]),
        Err(EncodeError::TooManyLines)
    );
    assert!(upstream(&headers(127), Some(&wire()), &["h"], &[]).is_ok());
    // The client's own ActionID makes room for ours.
    assert!(
        upstream(
            &format!("ActionID: a\n{}", headers(126)),
            Some(&wire()),
            &[],
            &[]
        )
        .is_ok()
    );

    // A name that fits without the blank behind the colon does not fit with it.
    let name = "n".repeat(LINE_CONTENT_BYTES_MAX - "Action:".len());
    assert_eq!(
        upstream(&format!("Action:{name}\n\n"), Some(&wire()), &[], &[]),
        Err(EncodeError::LineTooLong { bytes: 1023 })
    );
    let value = vec![b'v'; LINE_CONTENT_BYTES_MAX - 2];
    let refused = upstream("Action: Ping\n\n", None, &[], &[("H", &value)]);
    assert_eq!(refused, Err(EncodeError::LineTooLong { bytes: 1023 }));
    assert!(upstream("Action: Ping\n\n", None, &[], &[("H", &value[1..])]).is_ok());
}

#[test]
fn line_ends_in_values_are_refused() {
    for value in [&b"a\r"[..], b"\n", b"x\0y"] {
        let refused = upstream("Action: Ping\n\n", None, &[], &[("Variable", value)]);
        assert_eq!(
            refused,
            Err(EncodeError::ForbiddenByte {
                header: "Variable".into()
            })
        );
    }
    let refused = upstream("Action: Ping\nSecret: hu\rsh\n\n", None, &[], &[]);
    assert_eq!(
        refused,
        Err(EncodeError::ForbiddenByte {
            header: "Secret".into()
        })
    );
    assert!(matches!(
        upstream("Action: Pi\rng\n\n", None, &[], &[]),
        Err(EncodeError::ForbiddenByte { .. })
    ));
    // What does not go up itself may be echoed to others later.
    for line in ["ActionID: a\rb", "Action: x\rb", "Node: a\rb"] {
        let text = format!("Action: Ping\n{line}\n\n");
        let refused = upstream(&text, None, &["Node"], &[]);
        assert!(
            matches!(refused, Err(EncodeError::ForbiddenByte { .. })),
            "{line:?}"
        );
    }
    assert_eq!(
        upstream("ActionID: a\n\n", None, &[], &[]),
        Err(EncodeError::NoAction)
    );
    assert!(matches!(
        upstream("Action: Ping\n\n", None, &[], &[("a: b\r\nc", b"v")]),
        Err(EncodeError::HeaderName { .. })
    ));
}

fn restored(text: &str, client: Option<&str>) -> String {
    let frame = Frame::parse(Bytes::from(text.to_owned())).unwrap();
    let client = client.map(|id| ClientActionId::new(id.to_owned()).unwrap());
    String::from_utf8(join(restore_action_id(&frame, client.as_ref())).to_vec()).unwrap()
}

#[test]
fn the_clients_id_stands_where_ours_stood() {
    let text = "Event: A\r\nactionid:  amx1-000000ab-1-2\r\nX: amx1-1\r\nActionID: other\r\nActionID: amx1-x\n\r\n";
    assert_eq!(
        restored(text, Some("a:b ")),
        "Event: A\r\nactionid:  a:b \r\nX: amx1-1\r\nActionID: other\r\nActionID: a:b \n\r\n"
    );
    assert_eq!(
        restored(text, None),
        "Event: A\r\nX: amx1-1\r\nActionID: other\r\n\r\n"
    );
    let untouched = "Response: Success\r\nActionID: a\r\n\r\n";
    assert_eq!(restored(untouched, Some("b")), untouched);
}

#[test]
fn removal_leaves_other_ids() {
    let frame = Frame::parse(Bytes::from_static(
        b"Event: A\r\nActionID: amx1-ffffffff-0-0\r\nX: 1\r\n\r\n",
    ))
    .unwrap();
    assert_eq!(
        &join(remove_wire_action_id(&frame))[..],
        b"Event: A\r\nX: 1\r\n\r\n"
    );
    let foreign = Frame::parse(Bytes::from_static(b"Event: A\r\nActionID: mine\r\n\r\n")).unwrap();
    let slices = remove_wire_action_id(&foreign);
    assert_eq!(slices.len(), 1);
    assert_eq!(
        join(slices).as_ptr(),
        foreign.bytes().as_ptr(),
        "not copied"
    );
}

#[test]
fn command_output_is_not_searched_for_ids() {
    let text = "Response: Follows\r\nPrivilege: Command\r\nActionID: amx1-000000ab-1-2\r\nActionID: amx1-0\n\n--END COMMAND--\r\n\r\n";
    assert_eq!(
        restored(text, Some("c")),
        "Response: Follows\r\nPrivilege: Command\r\nActionID: c\r\nActionID: amx1-0\n\n--END COMMAND--\r\n\r\n"
    );
}

proptest! {
    #[test]
    fn rewrite_then_restore_is_what_asterisk_had_answered(
        id in proptest::option::of("[!-~][ -~]{0,90}"),
        before in proptest::collection::vec("[A-Z][a-z]{1,8}: [ -~]{0,20}", 0..6),
        at in 0..6usize,
    ) {
        prop_assume!(id.as_ref().is_none_or(|id| !is_wire_action_id(id.as_bytes())));
        let id_line = id.as_ref().map(|id| format!("ActionID: {id}\r\n")).unwrap_or_default();
        let action = read(&format!("Action: Ping\r\n{id_line}\r\n"));
        let wire = wire();
        prop_assert!(upstream_action(&action, Some(&wire), &[], &[]).is_ok());
        // A node that answers with the id anywhere behind the first line.
        let answer = |id_line: &str| {
            let mut lines: Vec<String> = before.iter().map(|line| format!("{line}\r\n")).collect();
            lines.insert(at.min(lines.len()), id_line.to_owned());
            format!("Response: Success\r\n{}\r\n", lines.concat())
        };
        let direct = answer(&id_line);
        let relayed = Frame::parse(Bytes::from(answer(&format!("ActionID: {wire}\r\n")))).unwrap();
        let client = action.action_id();
        let seen = join(restore_action_id(&relayed, client.as_ref()));
        prop_assert_eq!(&seen[..], direct.as_bytes());
    }
}
