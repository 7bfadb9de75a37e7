use super::*;

fn read_all(bytes: &[u8]) -> Vec<Incoming> {
    let mut decoder = ActionDecoder::new();
    let mut buf = BytesMut::from(bytes);
    std::iter::from_fn(|| decoder.decode(&mut buf)).collect()
}

fn lines(incoming: &Incoming) -> Vec<&[u8]> {
    match incoming {
        Incoming::Action(action) => action.lines().map(|line| line.raw).collect(),
        Incoming::TooLong { .. } | Incoming::TooManyLines { .. } => panic!("{incoming:?}"),
    }
}

fn id(text: &'static str) -> Option<ClientActionId> {
    ClientActionId::new(text)
}

#[test]
fn line_ends_and_nul() {
    let read = read_all(b"Action: A\nX: 1\r\n\n\r\nAction: B\0hidden\r\nY: \xff\r\r\n\0still\r\nAction: C\r\nW\rX\r\n\r\n");
    let read: Vec<_> = read.iter().map(lines).collect();
    assert_eq!(
        read,
        [
            vec![&b"Action: A"[..], b"X: 1"],
            vec![],
            vec![&b"Action: B"[..], b"Y: \xff\r"],
            vec![&b"Action: C"[..], b"W\rX"],
        ]
    );
}

#[test]
fn a_blank_line_alone_is_a_message_without_action() {
    let read = read_all(b"\r\n\n");
    assert_eq!(read.len(), 2);
    let Incoming::Action(action) = &read[0] else {
        panic!()
    };
    assert_eq!(
        (action.name(), action.action_id(), action.line_count()),
        (None, None, 0)
    );
}

fn with_line(length: usize, line_end: &str, before: &str, after: &str) -> Vec<Incoming> {
    read_all(format!("{before}X:{}{line_end}{after}\r\n", "x".repeat(length - 2)).as_bytes())
}

#[test]
fn the_longest_line_and_one_more() {
    for end in ["\n", "\r\n"] {
        let fits = with_line(1022, end, "Action: Ping\r\n", "ActionID: a\r\n");
        assert_eq!(lines(&fits[0])[1].len(), 1022);
        for length in [1023, 1024, 1025, 2046, 2047, 5000, 100_000] {
            let read = with_line(
                length,
                end,
                "Action: Ping\r\n",
                "ActionID: a\r\nAction: Two\r\n",
            );
            assert_eq!(read, [Incoming::TooLong { action_id: id("a") }], "{length}");
            let read = with_line(length, end, "ActionID: b\r\n", "ActionID: c\r\n");
            assert_eq!(read, [Incoming::TooLong { action_id: id("b") }], "{length}");
        }
    }
}

#[test]
fn the_longest_line_may_arrive_in_any_two_parts() {
    for (length, fits) in [(1022, true), (1023, false), (1024, false)] {
        let bytes = format!("Action: {}\r\n\r\n", "x".repeat(length - "Action: ".len()));
        for split in 0..bytes.len() {
            let (first, second) = bytes.as_bytes().split_at(split);
            let mut decoder = ActionDecoder::new();
            let mut buf = BytesMut::from(first);
            assert_eq!(decoder.decode(&mut buf), None);
            buf.extend_from_slice(second);
            let read = decoder.decode(&mut buf).unwrap();
            assert_eq!(
                matches!(read, Incoming::Action(_)),
                fits,
                "{length} at {split}"
            );
            assert!(buf.is_empty());
        }
    }
}

#[test]
fn an_id_in_the_lost_line_is_lost_and_the_next_message_is_whole() {
    let mut bytes = format!("Action: Ping\r\nActionID: {}\r\n\r\n", "x".repeat(2000)).into_bytes();
    bytes.extend_from_slice(b"Action: Ping\r\nActionID: next\r\n\r\n");
    let read = read_all(&bytes);
    assert_eq!(read[0], Incoming::TooLong { action_id: None });
    assert_eq!(lines(&read[1]), [&b"Action: Ping"[..], b"ActionID: next"]);
}

#[test]
fn the_129th_line() {
    let message = |lines: usize, id_at: usize| {
        let line = |at| {
            if at == id_at {
                "ActionID: a\r\n"
            } else {
                "H: v\r\n"
            }
        };
        format!("{}\r\n", (0..lines).map(line).collect::<String>())
    };
    assert!(matches!(
        &read_all(message(128, 127).as_bytes())[..],
        [Incoming::Action(_)]
    ));
    assert_eq!(
        read_all(message(129, 0).as_bytes()),
        [Incoming::TooManyLines { action_id: id("a") }]
    );
    assert_eq!(
        read_all(message(129, 127).as_bytes()),
        [Incoming::TooManyLines { action_id: id("a") }]
    );
    assert_eq!(
        read_all(message(129, 128).as_bytes()),
        [Incoming::TooManyLines { action_id: None }]
    );
    assert_eq!(
        read_all(message(500, 128).as_bytes()),
        [Incoming::TooManyLines { action_id: None }]
    );
}

#[test]
fn both_defects_give_one_error_and_the_next_message_runs() {
    let long = format!("X: {}\r\n", "x".repeat(3000));
    let many = "H: v\r\n".repeat(130);
    for (first, second) in [(&long, &many), (&many, &long)] {
        let bytes = format!("ActionID: a\r\n{first}{second}\r\nAction: Ping\r\n\r\n");
        let read = read_all(bytes.as_bytes());
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], Incoming::TooManyLines { action_id: id("a") });
        assert_eq!(lines(&read[1]), [b"Action: Ping"]);
    }
    // The lost line counts as a line.
    let bytes = format!("{}{long}\r\n", "H: v\r\n".repeat(128));
    assert_eq!(
        read_all(bytes.as_bytes()),
        [Incoming::TooManyLines { action_id: None }]
    );
}

#[test]
fn endless_input_is_held_in_bounded_memory() {
    let mut decoder = ActionDecoder::new();
    let mut buf = BytesMut::new();
    for _ in 0..1000 {
        buf.extend_from_slice(&[b'x'; 4096]);
        assert_eq!(decoder.decode(&mut buf), None);
        assert!(buf.len() + decoder.pending_bytes() <= 2048);
    }
    buf.extend_from_slice(b"\n");
    for _ in 0..100_000 {
        buf.extend_from_slice(b"H: vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\n");
        assert_eq!(decoder.decode(&mut buf), None);
        assert!(buf.len() + decoder.pending_bytes() <= 2048);
    }
}

#[test]
fn unfinished_bytes_are_counted() {
    let mut decoder = ActionDecoder::new();
    let mut buf = BytesMut::from(&b"Action: Ping\nAct"[..]);
    assert_eq!(decoder.decode(&mut buf), None);
    assert_eq!(decoder.pending_bytes(), "Action: Ping\r\nAct".len());
    buf.extend_from_slice(b"ionID: 1\n\n");
    assert_eq!(
        lines(&decoder.decode(&mut buf).unwrap()),
        [&b"Action: Ping"[..], b"ActionID: 1"]
    );
    assert_eq!(decoder.pending_bytes(), 0);
}
