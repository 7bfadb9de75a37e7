use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frame::FrameKind;

fn read(bytes: &[u8], chunk: usize) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new(Limits::default());
    let mut buf = BytesMut::new();
    let mut out = Vec::new();
    for part in bytes.chunks(chunk) {
        buf.extend_from_slice(part);
        while let Some(frame) = decoder.decode(&mut buf).unwrap() {
            out.push(frame);
        }
    }
    out
}

#[test]
fn blank_lines_between_messages_are_dropped() {
    let bytes = b"\r\n\nEvent: A\r\n\r\n\r\n\nResponse: Error\r\nMessage: x\n\r\n\r\nEvent: B\n\nEvent: C\r\n\r\n\r\n";
    for chunk in [1, 2, 3, 1000] {
        let frames = read(bytes, chunk);
        let texts: Vec<_> = frames.iter().map(|frame| &frame.bytes()[..]).collect();
        assert_eq!(
            texts,
            [
                &b"Event: A\r\n\r\n"[..],
                b"Response: Error\r\nMessage: x\n\r\n",
                b"Event: B\n\n",
                b"Event: C\r\n\r\n"
            ],
            "{chunk}"
        );
    }
}

const FOLLOWS: &[u8] = b"Response: Follows\r\nPrivilege: Command\r\nActionID: amx1-1\r\nName  State\n\nActionID: fake\nEvent: x\r\n\r\nEvent: y\n\
    --END COMMAND-- in the text\n--END COMMAND--\nlast--END COMMAND--\r\n\r\n";

#[test]
fn old_command_output_is_read_to_its_marker() {
    let mut bytes = FOLLOWS.to_vec();
    bytes.extend_from_slice(b"Event: A\r\n\r\n");
    for chunk in 1..bytes.len() {
        let frames = read(&bytes, chunk);
        assert_eq!(frames.len(), 2, "{chunk}");
        let command = &frames[0];
        assert!(command.is_follows());
        assert_eq!(
            (command.kind(), &command.bytes()[..]),
            (FrameKind::Response, FOLLOWS)
        );
        assert_eq!(command.action_id(), Some(&b"amx1-1"[..]));
        assert_eq!(
            command.headers("ActionID").count(),
            1,
            "no line of the output is a header"
        );
        assert_eq!(command.lines().count(), 3);
        let output = command.follows_output().unwrap();
        assert!(output.starts_with(b"Name  State\n\nActionID: fake\n"));
        assert!(output.ends_with(b"--END COMMAND--\nlast"));
        assert!(!frames[1].is_follows());
        assert_eq!(frames[1].follows_output(), None);
    }
}

#[test]
fn old_command_output_may_be_empty_or_begin_with_anything() {
    for (text, output) in [
        (
            "Response: Follows\r\nPrivilege: Command\r\n--END COMMAND--\r\n\r\n",
            "",
        ),
        ("Response: Follows\r\n--END COMMAND--\n\n", ""),
        (
            "Response: Follows\r\nPrivilege: Command\r\n\n\n--END COMMAND--\r\n\r\n",
            "\n\n",
        ),
        (
            "Response: Follows\r\nPrivilege: Command\r\nPrivilege: x\n--END COMMAND--\r\n\r\n",
            "Privilege: x\n",
        ),
    ] {
        for chunk in [1, 7, 1000] {
            let frames = read(text.as_bytes(), chunk);
            assert_eq!(frames.len(), 1, "{text:?}");
            assert_eq!(
                frames[0].follows_output(),
                Some(output.as_bytes()),
                "{text:?}"
            );
        }
    }
}

#[test]
fn only_the_first_line_announces_old_command_output() {
    let frames = read(
        b"Event: UserEvent\r\nResponse: Follows\r\n\r\nEvent: A\r\n\r\n",
        5,
    );
    assert_eq!(frames.len(), 2);
    assert!(!frames[0].is_follows());
}

#[test]
fn limits_end_the_stream() {
    let limits = Limits {
        frame_bytes_max: 50,
        headers_max: 3,
    };
    let read = |bytes: &[u8]| {
        FrameDecoder::new(limits)
            .decode(&mut BytesMut::from(bytes))
            .map(|frame| frame.is_some())
    };
    assert_eq!(read(b"A: 1\r\nB: 2\r\nC: 3\r\n\r\n"), Ok(true));
    assert_eq!(
        read(b"A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"),
        Err(FrameError::TooManyLines { limit: 3 })
    );
    let long = [b'x'; 100];
    assert_eq!(read(&long[..50]), Ok(false));
    assert_eq!(read(&long[..51]), Err(FrameError::TooLong { limit: 50 }));
    let follows = [&b"Response: Follows\r\n"[..], &long].concat();
    assert_eq!(read(&follows), Err(FrameError::TooLong { limit: 50 }));
    // Many short messages in one buffer are not one long message.
    assert_eq!(read(&b"A: 1\r\n\r\n".repeat(100)), Ok(true));
}

#[test]
fn an_unfinished_message_is_not_searched_twice() {
    // Reading the 4 MiB in small pieces takes minutes if each piece searches from the front again.
    let line = [b"Output: ", &[b'x'; 56][..], b"\r\n"].concat();
    let mut decoder = FrameDecoder::new(Limits::default());
    let mut buf = BytesMut::new();
    for _ in 0..64_000 {
        buf.extend_from_slice(&line);
        assert!(decoder.decode(&mut buf).unwrap().is_none());
        assert_eq!(decoder.pending_bytes(), buf.len());
    }
    buf.extend_from_slice(b"\r\n");
    assert_eq!(
        decoder
            .decode(&mut buf)
            .unwrap()
            .unwrap()
            .headers("Output")
            .count(),
        64_000
    );
}

fn piece() -> impl Strategy<Value = &'static [u8]> {
    proptest::sample::select(vec![
        &b"\r\n"[..],
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"Event: A",
        b"Response: Follows",
        b"Response: Success",
        b"ActionID: 1",
        b"Privilege: Command",
        b"--END COMMAND--",
        b"--END COMM",
        b"no colon",
        b"\0",
        b"\xff:\xff",
        b":",
    ])
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(pieces in vec(piece(), 0..40), chunk in 1..9usize) {
        let bytes = pieces.concat();
        let whole = read(&bytes, usize::MAX);
        prop_assert_eq!(&read(&bytes, chunk), &whole);
        // Nothing but empty lines between messages is dropped.
        let mut rest = &bytes[..];
        for frame in &whole {
            rest = &rest[leading_blank_lines(rest)..];
            prop_assert!(rest.starts_with(frame.bytes()));
            rest = &rest[frame.bytes().len()..];
            prop_assert_eq!(&Frame::parse(frame.bytes().clone()).unwrap(), frame);
            prop_assert!(!frame.lines().any(|line| line.raw.is_empty()));
        }
    }
}

#[test]
fn blank_lines_between_messages_can_be_told() {
    let bytes = b"Response: Error\r\nMessage: x\n\r\n\r\nEvent: B\r\n\r\n\nEvent: C\r\nCallStarted: 1\nX: y\r\n\r\n";
    for chunk in [1, 2, 3, 1000] {
        let mut decoder = FrameDecoder::new(Limits::default()).with_blank_lines();
        let (mut buf, mut frames) = (BytesMut::new(), Vec::new());
        for part in bytes.chunks(chunk) {
            buf.extend_from_slice(part);
            while let Some(frame) = decoder.decode(&mut buf).unwrap() {
                frames.push(frame);
            }
        }
        let kinds: Vec<_> = frames
            .iter()
            .map(|frame| (frame.kind(), frame.owes_blank_line()))
            .collect();
        let expected = [
            (FrameKind::Response, true),
            (FrameKind::Blank, false),
            (FrameKind::Event, false),
            (FrameKind::Blank, false),
            (FrameKind::Event, false),
        ];
        assert_eq!(kinds, expected, "{chunk}");
        let all: Vec<u8> = frames
            .iter()
            .flat_map(|frame| frame.bytes().to_vec())
            .collect();
        assert_eq!(all, bytes, "{chunk}");
    }
}
