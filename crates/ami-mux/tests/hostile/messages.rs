//! Reading what nodes say and what clients are sent, as plainly as can be.

/// The value of a line that is a header of that name.
pub(crate) fn header<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (own, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    let blanks = value.iter().take_while(|byte| **byte <= b' ').count();
    own.eq_ignore_ascii_case(name.as_bytes())
        .then(|| &value[blanks..])
}

/// The values of all headers of that name.
pub(crate) fn headers<'a>(
    lines: &'a [Vec<u8>],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> + 'a {
    lines.iter().filter_map(move |line| header(line, name))
}

/// The lines of exactly one message, for a client that knows no line end but CRLF.
pub(crate) fn one(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = bytes.strip_suffix(b"\r\n\r\n").expect("a whole message");
    let lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
        .collect();
    let written = lines.join(&b"\r\n"[..]);
    assert_eq!(written, text, "CRLF ends every line");
    let plain = |line: &Vec<u8>| !line.is_empty() && !line.contains(&b'\r');
    assert!(
        lines.iter().all(plain),
        "one message only: {:?}",
        text.escape_ascii().to_string()
    );
    lines
}

/// A message of a node.
#[derive(Clone)]
pub(crate) struct NodeMessage {
    /// Its lines without their ends; of the old command form its headers only.
    pub(crate) lines: Vec<Vec<u8>>,
    /// The text behind the headers of the old command form, the end marker included.
    text: Option<Vec<u8>>,
}

/// Reads what a node says line by line, leniently: LF or CRLF, blank lines between messages.
#[derive(Default)]
pub(crate) struct NodeReader {
    /// What of the line has come.
    line: Vec<u8>,
    lines: Vec<Vec<u8>>,
    text: Option<Vec<u8>>,
}

impl NodeReader {
    /// Takes at most one line in; the message that it completes.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<NodeMessage> {
        self.line.extend_from_slice(bytes);
        if !self.line.ends_with(b"\n") {
            return None;
        }
        let whole = std::mem::take(&mut self.line);
        let line = without_end(&whole);
        if let Some(text) = &mut self.text {
            text.extend_from_slice(&whole);
            return ends_command(text).then(|| self.take());
        }
        let follows = self.lines.first().is_some_and(|line| is_follows(line));
        if follows && !self.is_header_of_follows(line) {
            self.text = Some(whole);
        } else if !line.is_empty() {
            self.lines.push(line.to_vec());
        } else if !self.lines.is_empty() {
            return Some(self.take());
        }
        None
    }

    /// Privilege and ActionID, once each.
    fn is_header_of_follows(&self, line: &[u8]) -> bool {
        ["Privilege", "ActionID"]
            .into_iter()
            .any(|name| header(line, name).is_some() && headers(&self.lines, name).next().is_none())
    }

    fn take(&mut self) -> NodeMessage {
        NodeMessage {
            lines: std::mem::take(&mut self.lines),
            text: self.text.take(),
        }
    }
}

impl NodeMessage {
    /// The one message that the bytes are.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut reader = NodeReader::default();
        let mut found = None;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let message = reader.read(line);
            assert!(
                message.is_none() || found.is_none(),
                "{}",
                bytes.escape_ascii()
            );
            found = found.or(message);
        }
        let nothing_left =
            reader.line.is_empty() && reader.lines.is_empty() && reader.text.is_none();
        assert!(nothing_left, "{}", bytes.escape_ascii());
        found.unwrap_or_else(|| panic!("no message: {}", bytes.escape_ascii()))
    }

    pub(crate) fn is_follows(&self) -> bool {
        self.text.is_some()
    }

    /// Its first ActionID, if that is one of amiplex's.
    pub(crate) fn wire_id(&self) -> Option<&[u8]> {
        headers(&self.lines, "ActionID")
            .next()
            .filter(|id| is_wire_id(id))
    }

    /// The same with the client's id in the place of amiplex's, or without that line.
    pub(crate) fn under(&self, id: &str) -> Self {
        let mut lines = self.lines.clone();
        lines.retain_mut(|line| {
            let Some(wire) = header(line, "ActionID").filter(|value| is_wire_id(value)) else {
                return true;
            };
            let start = line.len() - wire.len();
            line.truncate(start);
            line.extend_from_slice(id.as_bytes());
            !id.is_empty()
        });
        Self {
            lines,
            text: self.text.clone(),
        }
    }

    /// The same without what stands for an ActionID or an Action.
    pub(crate) fn without_ids(&self) -> Self {
        let mut lines = self.lines.clone();
        let is = |line: &[u8], name| header(line, name).is_some();
        lines.retain(|line| !is(line, "ActionID") && !is(line, "Action"));
        Self {
            lines,
            text: self.text.clone(),
        }
    }

    /// Whether a client sees this as `other`: the same lines, but for a label.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.seen() == other.seen()
    }

    /// All lines, whether they count as headers or as text: a removed line may make one the other.
    fn seen(&self) -> Vec<&[u8]> {
        let text = self
            .text
            .iter()
            .flat_map(|text| text.split(|byte| *byte == b'\n'));
        let text = text.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines = self.lines.iter().map(Vec::as_slice).chain(text);
        lines
            .filter(|line| header(line, "Node").is_none())
            .collect()
    }
}

impl std::fmt::Debug for NodeMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self
            .lines
            .iter()
            .map(|line| line.escape_ascii().to_string());
        f.debug_list().entries(lines).finish()?;
        let text = self
            .text
            .as_ref()
            .map(|text| text.escape_ascii().to_string());
        f.debug_list().entries(text).finish()
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_follows(line: &[u8]) -> bool {
    header(line, "Response").is_some_and(|value| value.eq_ignore_ascii_case(b"Follows"))
}

/// The marker, a line end and an empty line.
fn ends_command(text: &[u8]) -> bool {
    ["\n\n", "\r\n\n", "\n\r\n", "\r\n\r\n"]
        .into_iter()
        .any(|end| text.ends_with(format!("--END COMMAND--{end}").as_bytes()))
}

/// Whether a value looks like an id of amiplex's.
pub(crate) fn is_wire_id(value: &[u8]) -> bool {
    value.starts_with(b"amx1-")
}
