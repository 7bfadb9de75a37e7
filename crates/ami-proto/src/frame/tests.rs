use super::*;

fn frame(text: &'static str) -> Frame {
    Frame::parse(Bytes::from_static(text.as_bytes())).unwrap()
}

#[test]
fn the_first_header_decides_the_kind() {
    let event = frame(
        "Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: 1\r\nResponse: Failure\r\n\r\n",
    );
    assert_eq!(
        (event.kind(), event.event_name(), event.response()),
        (FrameKind::Event, Some(&b"OriginateResponse"[..]), None)
    );
    let response = frame("response:Success\r\nEvent: x\r\n\r\n");
    assert_eq!(
        (response.kind(), response.event_name(), response.response()),
        (FrameKind::Response, None, Some(&b"Success"[..]))
    );
    for text in [
        "Queues has 0 calls\r\nResponse: x\r\n\r\n",
        "Events: x\r\n\r\n",
        " Event: x\r\n\r\n",
        "Event : x\r\n\r\n",
    ] {
        assert_eq!(frame(text).kind(), FrameKind::Text, "{text}");
        assert_eq!(
            (frame(text).event_name(), frame(text).response()),
            (None, None)
        );
    }
}

#[test]
fn the_first_of_duplicates_counts_and_all_are_kept() {
    let event = frame(
        "Event: UserEvent\r\nPrivilege: user,all\r\nX: 1\nX:\r\nno colon\r\nx: 3 \r\nPrivilege: fake\r\n\r\n",
    );
    assert_eq!(event.header("privilege"), Some(&b"user,all"[..]));
    assert_eq!((event.offset("x"), event.offset("y")), (Some(39), None));
    assert_eq!(
        event.headers("X").collect::<Vec<_>>(),
        [&b"1"[..], b"", b"3 "]
    );
    assert_eq!(event.lines().count(), 7);
    assert_eq!(event.lines().nth(4).unwrap().name, None);
    assert_eq!(event.header("no colon"), None);
}

#[test]
fn list_markers() {
    for (text, marker) in [
        ("start", Some(ListMarker::Start)),
        ("Start", Some(ListMarker::Start)),
        ("Complete", Some(ListMarker::Complete)),
        ("cancelled", Some(ListMarker::Cancelled)),
        ("started", None),
        ("", None),
    ] {
        let bytes = format!("Response: Success\r\nEventList: {text}\r\n\r\n");
        assert_eq!(
            Frame::parse(bytes.into()).unwrap().list_marker(),
            marker,
            "{text}"
        );
    }
    assert_eq!(frame("Response: Success\r\n\r\n").list_marker(), None);
}

#[test]
fn parse_takes_one_whole_message() {
    for text in [
        "",
        "\r\n",
        "Event: A\r\n",
        "\r\nEvent: A\r\n\r\n",
        "Event: A\r\n\r\n\r\n",
        "Event: A\r\n\r\nEvent: B\r\n\r\n",
    ] {
        assert!(
            Frame::parse(Bytes::from_static(text.as_bytes())).is_none(),
            "{text:?}"
        );
    }
}

#[test]
fn a_detached_frame_owns_only_itself() {
    let buffer = Bytes::from(vec![b'x'; 65_536]);
    let mut whole = buffer.to_vec();
    whole.truncate(10);
    let mut chunk = bytes::BytesMut::from(&b"Event: A\r\nX: 1\r\n\r\n"[..]);
    chunk.extend_from_slice(&buffer);
    let frame = Frame::parse(chunk.freeze().slice(..18)).unwrap();
    let start = frame.bytes().as_ptr();
    let own = frame.clone().detached();
    assert_ne!(own.bytes().as_ptr(), start);
    assert!(own.bytes().is_unique());
    assert_eq!(own, frame);
    assert_eq!(own.header("X"), Some(&b"1"[..]));
}

#[test]
fn debug_tells_no_content() {
    let text = format!(
        "{:?}",
        frame("Event: ChallengeResponseFailed\r\nExpectedResponse: hush\r\n\r\n")
    );
    assert!(
        text.contains("ChallengeResponseFailed") && !text.contains("hush"),
        "{text}"
    );
}
