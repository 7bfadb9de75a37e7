//! Both decoders: any split of the bytes gives the same messages, and what they hold stays bounded.

#![no_main]

use ami_proto::limits::{HEADERS_MAX, LINE_CONTENT_BYTES_MAX};
use ami_proto::{ActionDecoder, Frame, FrameDecoder, FrameError, Incoming, Limits};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits {
    frame_bytes_max: 4096,
    headers_max: 64,
};

fn actions(bytes: &[u8], chunk: usize) -> Vec<Incoming> {
    let mut decoder = ActionDecoder::new();
    let mut buf = BytesMut::new();
    let mut out = Vec::new();
    for part in bytes.chunks(chunk) {
        buf.extend_from_slice(part);
        out.extend(std::iter::from_fn(|| decoder.decode(&mut buf)));
        assert!(buf.len() <= LINE_CONTENT_BYTES_MAX + 1);
        assert!(decoder.pending_bytes() <= (HEADERS_MAX + 1) * (LINE_CONTENT_BYTES_MAX + 2));
    }
    out
}

fn frames(bytes: &[u8], chunk: usize) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(LIMITS);
    let mut buf = BytesMut::new();
    let mut out = Vec::new();
    for part in bytes.chunks(chunk) {
        buf.extend_from_slice(part);
        loop {
            match decoder.decode(&mut buf) {
                Ok(Some(frame)) => out.push(frame),
                Ok(None) => break,
                Err(error) => return (out, Some(error)),
            }
        }
    }
    (out, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((chunk, bytes)) = input.split_first() else {
        return;
    };
    let chunk = usize::from(*chunk) + 1;
    let whole = bytes.len().max(1);
    let read = actions(bytes, whole);
    assert_eq!(read, actions(bytes, chunk));
    for incoming in &read {
        if let Incoming::Action(action) = incoming {
            assert!(action.line_count() <= HEADERS_MAX);
            assert!(
                action
                    .lines()
                    .all(|line| (1..=LINE_CONTENT_BYTES_MAX).contains(&line.raw.len()))
            );
            let _text = format!("{action:?}");
        }
    }
    let (read, error) = frames(bytes, whole);
    let (in_parts, error_in_parts) = frames(bytes, chunk);
    assert_eq!(read, in_parts);
    assert_eq!(error.is_some(), error_in_parts.is_some());
    for frame in &read {
        assert!(frame.bytes().len() <= LIMITS.frame_bytes_max);
        assert_eq!(Frame::parse(frame.bytes().clone()).as_ref(), Some(frame));
        let (_, _, _) = (
            frame.list_marker(),
            frame.follows_output(),
            frame.action_id(),
        );
    }
});
