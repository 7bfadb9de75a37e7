//! A message as it came, looked at without changing a byte of it.

/// A message with its line ends and its blank line.
#[derive(Clone, Debug)]
pub struct Message(pub Vec<u8>);

/// A line and its line end.
pub struct Line<'a> {
    pub content: &'a [u8],
    pub end: &'a [u8],
}

impl<'a> Line<'a> {
    fn of(raw: &'a [u8]) -> Self {
        let content = raw.strip_suffix(b"\n").unwrap_or(raw);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        Self {
            content,
            end: &raw[content.len()..],
        }
    }

    /// Name and value, the blank behind the colon taken off.
    pub fn header(&self) -> Option<(&'a [u8], &'a [u8])> {
        let colon = self.content.iter().position(|byte| *byte == b':')?;
        let value = &self.content[colon + 1..];
        Some((
            &self.content[..colon],
            value.strip_prefix(b" ").unwrap_or(value),
        ))
    }
}

impl Message {
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.0.split_inclusive(|byte| *byte == b'\n').map(Line::of)
    }

    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.lines().find_map(|line| {
            let (own, value) = line.header()?;
            own.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }

    fn first(&self, name: &str) -> Option<&[u8]> {
        let line = self.0.split_inclusive(|byte| *byte == b'\n').next()?;
        let (own, value) = Line::of(line).header()?;
        (own == name.as_bytes()).then_some(value)
    }

    pub fn response(&self) -> Option<&[u8]> {
        self.first("Response")
    }

    pub fn event(&self) -> Option<&[u8]> {
        self.first("Event")
    }

    /// What the mask and difference tables call it: `Response`, or the name of the event.
    pub fn kind(&self) -> String {
        match self.event() {
            Some(name) => String::from_utf8_lossy(name).into_owned(),
            None if self.response().is_some() => "Response".to_owned(),
            None => "Text".to_owned(),
        }
    }

    pub fn is_blank(&self) -> bool {
        self.0.trim_ascii().is_empty()
    }

    /// An event for everybody, told from an item of a list: those have no Privilege, or literally that one.
    pub fn is_broadcast(&self) -> bool {
        self.event().is_some()
            && self
                .header("Privilege")
                .is_some_and(|privilege| privilege != b"Call")
    }

    pub fn begins_list(&self) -> bool {
        self.response().is_some() && self.list_marker_is("start")
    }

    pub fn ends_list(&self) -> bool {
        self.event().is_some()
            && (self.list_marker_is("complete") || self.list_marker_is("cancelled"))
    }

    fn list_marker_is(&self, marker: &str) -> bool {
        self.header("EventList")
            .is_some_and(|value| value.eq_ignore_ascii_case(marker.as_bytes()))
    }

    pub fn contains(&self, part: &[u8]) -> bool {
        contains(&self.0, part)
    }
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|at| at == part)
}

pub fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = behind;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}
