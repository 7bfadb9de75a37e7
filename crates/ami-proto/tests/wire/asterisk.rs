//! A model of how Asterisk reads a manager connection, byte for byte: its buffer, its line ends and its limits.
//!
//! Two forms exist. Releases from 16 on keep the last byte of a full buffer, those up to 13 drop it whole.

/// Usable bytes of its input buffer.
const BUFFER: usize = 1024;
const HEADERS: usize = 128;

/// What becomes of a full buffer without a line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FullBuffer {
    KeepLastByte,
    Discard,
}

/// A message as it would be processed.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Message {
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) too_long: bool,
    pub(crate) too_many: bool,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self
            .lines
            .iter()
            .map(|line| line.escape_ascii().to_string());
        f.debug_struct("Message")
            .field("lines", &lines.collect::<Vec<_>>())
            .field("too_long", &self.too_long)
            .field("too_many", &self.too_many)
            .finish()
    }
}

impl Message {
    /// The value by Asterisk's lookup: the first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers(name).next()
    }

    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let name = name.as_bytes().to_ascii_lowercase();
        self.lines.iter().filter_map(move |line| {
            let colon = line.len() > name.len() && line[name.len()] == b':';
            if !colon || line[..name.len()].to_ascii_lowercase() != name {
                return None;
            }
            let value = &line[name.len() + 1..];
            let blank = value.iter().take_while(|byte| **byte < 33).count();
            Some(&value[blank..])
        })
    }

    /// The action that would run.
    pub(crate) fn action(&self) -> Option<&[u8]> {
        self.headers("Action").find(|value| !value.is_empty())
    }
}

/// One connection.
pub(crate) struct Asterisk {
    form: FullBuffer,
    buffer: Vec<u8>,
    message: Message,
}

impl Asterisk {
    pub(crate) fn new(form: FullBuffer) -> Self {
        Self {
            form,
            buffer: Vec::new(),
            message: Message::default(),
        }
    }

    /// All messages that the bytes complete when each read brings at most `chunk` of them.
    pub(crate) fn read_all(&mut self, bytes: &[u8], chunk: usize) -> Vec<Message> {
        let mut done = Vec::new();
        let mut rest = bytes;
        loop {
            while let Some(line) = self.take_line() {
                done.extend(self.process_line(line));
            }
            if self.buffer.len() >= BUFFER {
                let last = self.buffer[self.buffer.len() - 1];
                self.buffer.clear();
                if self.form == FullBuffer::KeepLastByte {
                    self.buffer.push(last);
                }
                self.message.too_long = true;
            }
            if rest.is_empty() {
                return done;
            }
            let count = chunk.max(1).min(BUFFER - self.buffer.len()).min(rest.len());
            self.buffer.extend_from_slice(&rest[..count]);
            rest = &rest[count..];
        }
    }

    /// Whether nothing of an unfinished message is left.
    pub(crate) fn is_idle(&self) -> bool {
        self.buffer.is_empty() && self.message == Message::default()
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let newline = self.buffer.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.buffer.drain(..=newline).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if let Some(nul) = line.iter().position(|byte| *byte == 0) {
            line.truncate(nul);
        }
        Some(line)
    }

    fn process_line(&mut self, line: Vec<u8>) -> Option<Message> {
        if line.is_empty() {
            return Some(std::mem::take(&mut self.message));
        }
        if self.message.lines.len() < HEADERS {
            self.message.lines.push(line);
        } else {
            self.message.too_many = true;
        }
        None
    }
}

#[test]
fn the_model_shows_the_recorded_behaviour() {
    // A line of 1,022 passes, one of 1,023 splits the message in two: recorded on 16 and 22.
    for form in [FullBuffer::KeepLastByte, FullBuffer::Discard] {
        let read = |length: usize| {
            let line = format!("X: {}", "x".repeat(length - 3));
            let sent = format!("Action: Ping\r\n{line}\r\nActionID: tail\r\n\r\n");
            Asterisk::new(form).read_all(sent.as_bytes(), usize::MAX)
        };
        assert_eq!(read(1022).len(), 1);
        assert!(!read(1022)[0].too_long);
        assert_eq!(read(1023).len(), 2, "{form:?}");
        assert!(read(1023)[0].too_long);
        assert_eq!(read(1023)[1].header("ActionID"), Some(&b"tail"[..]));
    }
}
