//! An action that is no list, at several nodes: a `NodeResponse` event for each, then `NodeResponseComplete`.

use ami_proto::rewrite::label;
use ami_proto::{ClientActionId, EventBuilder, Frame, ResponseBuilder};
use bytes::{BufMut, Bytes, BytesMut};

/// The response that begins them.
pub(super) fn begin(id: Option<&ClientActionId>) -> Bytes {
    ResponseBuilder::new("Success")
        .action_id(id)
        .text("EventList", "start")
        .text("Message", "Responses of the nodes will follow")
        .finish()
}

/// One node's response as an event, with the node as its last header. The output of an old Command becomes `Output` headers.
pub(super) fn response(
    answer: &Bytes,
    id: Option<&ClientActionId>,
    label_name: &str,
    node: &str,
) -> Bytes {
    let head = EventBuilder::new("NodeResponse").action_id(id).finish();
    let mut out = BytesMut::from(head.strip_suffix(b"\r\n").unwrap_or(&head));
    if let Some(frame) = Frame::parse(answer.clone()) {
        for line in frame.lines().filter(|line| !line.is("ActionID")) {
            out.put_slice(line.raw);
            out.put_slice(b"\r\n");
        }
        let output = frame.follows_output().unwrap_or_default();
        for line in output.split_inclusive(|byte| *byte == b'\n') {
            out.put_slice(b"Output: ");
            out.put_slice(&one_line(line));
            out.put_slice(b"\r\n");
        }
    }
    out.put_slice(b"\r\n");
    label(&out.freeze(), label_name, node)
}

/// The end.
pub(super) fn complete(
    id: Option<&ClientActionId>,
    items: u64,
    (ok, failed): (String, Option<String>),
) -> Bytes {
    let mut event = EventBuilder::new("NodeResponseComplete")
        .action_id(id)
        .text("EventList", "Complete")
        .text("ListItems", items.to_string())
        .text("NodesOk", ok);
    if let Some(failed) = failed {
        event = event.text("NodesFailed", failed);
    }
    event.finish()
}

fn one_line(line: &[u8]) -> Vec<u8> {
    line.iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n' | 0))
        .collect()
}
