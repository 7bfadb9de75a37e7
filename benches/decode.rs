//! Decoding: bytes per second of a node's events, and of clients' actions.
//!
//! The events are those of a recorded call, each kind at most twice, 41 messages in 21 kB.

use ami_proto::{Action, ActionDecoder, FrameDecoder, Incoming, Limits};
use bytes::{Bytes, BytesMut};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

const CALL: &[u8] = include_bytes!("../crates/ami-proto/tests/wire/recorded/call.out.ami");
const COMMAND: &[u8] = include_bytes!("../crates/ami-proto/tests/wire/recorded/command.out.ami");

fn main() {
    divan::main();
}

/// How many messages the bytes hold.
fn count(bytes: &[u8]) -> usize {
    let mut decoder = FrameDecoder::new(Limits::default());
    let mut buf = BytesMut::from(bytes);
    std::iter::from_fn(|| decoder.decode(&mut buf).ok().flatten()).count()
}

/// Frames of what one read brought, each dropped at once: the pass over the bytes and the index.
fn decode_frames(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    bencher
        .counter(BytesCount::of_slice(bytes))
        .counter(ItemsCount::new(count(bytes)))
        .with_inputs(|| BytesMut::from(bytes))
        .bench_values(|mut buf| {
            let mut decoder = FrameDecoder::new(Limits::default());
            while let Ok(Some(frame)) = decoder.decode(&mut buf) {
                black_box(&frame);
            }
            buf
        });
}

#[divan::bench]
fn events_of_a_call(bencher: Bencher<'_, '_>) {
    decode_frames(bencher, CALL);
}

#[divan::bench]
fn command_responses(bencher: Bencher<'_, '_>) {
    // Without the greeting, which is no message.
    let start = COMMAND
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    decode_frames(bencher, COMMAND.get(start..).unwrap_or_default());
}

/// What the event path does with each message: name, class and id looked up, then its own copy.
#[divan::bench]
fn events_classified_and_detached(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::of_slice(CALL))
        .counter(ItemsCount::new(count(CALL)))
        .with_inputs(|| BytesMut::from(CALL))
        .bench_values(|mut buf| {
            let mut decoder = FrameDecoder::new(Limits::default());
            while let Ok(Some(frame)) = decoder.decode(&mut buf) {
                black_box((
                    frame.event_name(),
                    frame.header("Privilege"),
                    frame.action_id(),
                ));
                black_box(frame.detached());
            }
            buf
        });
}

/// The same stream in reads of 64 bytes: an unfinished message must not be searched again from its start.
#[divan::bench]
fn events_in_small_reads(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_slice(CALL)).bench(|| {
        let mut decoder = FrameDecoder::new(Limits::default());
        let mut buf = BytesMut::with_capacity(CALL.len());
        for part in CALL.chunks(64) {
            buf.extend_from_slice(part);
            while let Ok(Some(frame)) = decoder.decode(&mut buf) {
                black_box(&frame);
            }
        }
    });
}

#[divan::bench]
fn actions(bencher: Bencher<'_, '_>) {
    let action = b"Action: Originate\r\nActionID: 4711\r\nChannel: PJSIP/100\r\nContext: default\r\nExten: 200\r\nPriority: 1\r\n\
        CallerID: Test <100>\r\nVariable: A=1\r\nVariable: B=2\r\nAsync: true\r\n\r\n";
    let pipeline = action.repeat(20);
    bencher
        .counter(BytesCount::of_slice(&pipeline))
        .counter(ItemsCount::new(20_usize))
        .with_inputs(|| BytesMut::from(&pipeline[..]))
        .bench_values(|mut buf| {
            let mut decoder = ActionDecoder::new();
            while let Some(incoming) = decoder.decode(&mut buf) {
                if let Incoming::Action(action) = &incoming {
                    black_box((Action::name(action), action.action_id()));
                }
            }
            buf
        });
}

/// One header in the middle of an event of average length.
#[divan::bench]
fn header_lookup(bencher: Bencher<'_, '_>) {
    let end = CALL
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .map_or(0, |at| at + 4);
    let message = Bytes::copy_from_slice(CALL.get(..end).unwrap_or_default());
    let frame = ami_proto::Frame::parse(message);
    bencher.bench(|| {
        black_box(&frame)
            .as_ref()
            .and_then(|frame| frame.header("SessionTV"))
    });
}
