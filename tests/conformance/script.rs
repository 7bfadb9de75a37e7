//! Exchanges as they are written in `exchanges/*.txt`; `README.md` beside this file says how.

use std::path::{Path, PathBuf};

/// What a client does at one node: the same directly and through amiplex.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// `file/name`, which a failure prints.
    pub name: String,
    /// The one node it is for; `None` for all.
    pub only: Option<String>,
    /// Exchanges of the same turn use the same things at the node and run one after the other.
    pub turn: Option<String>,
    /// Events come from several threads of the node, in no fixed order.
    pub unordered: bool,
    /// Of broadcast events, only those with these names are compared; all when it is empty.
    pub compared: Vec<String>,
    /// What names its clients by their addresses belongs to it: security events.
    pub addresses: bool,
    /// It sees events, so that each step ends when all that were raised have come.
    pub events: bool,
    pub steps: Vec<Step>,
    /// Sent by the other client at the end, whatever happened: takes back what is left at the node.
    pub cleaning: Vec<Vec<u8>>,
    /// Channels to be hung up at the end.
    pub channels: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Step {
    Send(Sending),
    /// The other client, directly at the node, sends this and must succeed.
    Beside(Vec<u8>),
    /// Waits for an event of the exchange with this name.
    Until(String),
    /// As `Until`, of the other client.
    UntilBeside(String),
    /// Waits until the far end of a call runs the application that its extension ends with.
    UntilThere(String),
    /// Remembers the first such header of what the last step brought, under a name.
    Keep {
        name: String,
        header: String,
    },
    /// Closes this end for writing.
    HalfClose,
    /// Waits for the other end to close.
    Closed,
    /// Somebody else sends this over a connection of his own in the same place and gets one answer.
    Stranger(Vec<u8>),
    /// A further session of this account begins in the same place, and lasts to the end.
    LoginBeside(String),
}

/// Bytes sent at once, and what is waited for behind them.
#[derive(Clone, Debug)]
pub struct Sending {
    pub bytes: Vec<u8>,
    /// How many responses must have come before the mark is sent.
    pub answers: usize,
    /// Whether a Ping follows, whose answer says that nothing more comes.
    pub mark: bool,
    /// Byte by byte.
    pub in_bytes: bool,
}

pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/exchanges")
}

/// The exchanges of a file.
pub fn read(file: &str) -> Vec<Exchange> {
    let path = directory().join(format!("{file}.txt"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = Reader::new(file);
    for (number, line) in text.lines().enumerate() {
        reader
            .line(line)
            .unwrap_or_else(|what| panic!("{}:{}: {what}", path.display(), number + 1));
    }
    reader.finish()
}

/// An exchange as it begins.
pub fn begun(name: String) -> Exchange {
    Exchange {
        name,
        only: None,
        turn: None,
        unordered: false,
        compared: Vec::new(),
        addresses: false,
        events: false,
        steps: Vec::new(),
        cleaning: Vec::new(),
        channels: Vec::new(),
    }
}

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Client,
    Beside,
    Stranger,
}

/// What is asked of the step under way.
struct Asked {
    sender: Sender,
    answers: Option<usize>,
    mark: bool,
    in_bytes: bool,
}

impl Asked {
    fn usual() -> Self {
        Self {
            sender: Sender::Client,
            answers: None,
            mark: true,
            in_bytes: false,
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    done: Vec<Exchange>,
    /// The step under way, and how many messages of it are whole.
    bytes: Vec<u8>,
    messages: usize,
    asked: Asked,
    /// Whether the message under way ends without a blank line of ours.
    raw: bool,
    /// What follows is cleaning.
    finally: bool,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            done: Vec::new(),
            bytes: Vec::new(),
            messages: 0,
            asked: Asked::usual(),
            raw: false,
            finally: false,
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.starts_with('#') {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix("= ") {
            self.end_step();
            self.finally = false;
            self.done.push(begun(format!("{}/{name}", self.file)));
            return Ok(());
        }
        if line.is_empty() {
            self.end_step();
            return Ok(());
        }
        if let Some(directive) = line.strip_prefix("% ") {
            return self.directive(directive);
        }
        if self.done.is_empty() {
            return Err("text before the first exchange".to_owned());
        }
        if line == "+" {
            self.end_message();
        } else if let Some(raw) = line.strip_prefix("| ") {
            self.bytes.extend(unescaped(raw)?);
            self.raw = true;
        } else {
            self.bytes.extend(unescaped(line)?);
            self.bytes.extend(b"\r\n");
            self.raw = false;
        }
        Ok(())
    }

    fn directive(&mut self, directive: &str) -> Result<(), String> {
        let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        let exchange = self
            .done
            .last_mut()
            .ok_or("a directive before the first exchange")?;
        match word {
            "only" => exchange.only = Some(rest.to_owned()),
            "turn" => exchange.turn = Some(rest.to_owned()),
            "unordered" => exchange.unordered = true,
            "addresses" => exchange.addresses = true,
            "compares" => exchange.compared.extend(rest.split(' ').map(str::to_owned)),
            "events" => exchange.events = true,
            "lines" => {
                let (count, text) = rest.split_once(' ').ok_or("lines N TEXT")?;
                for number in 1..=count.parse().map_err(|_| "no number")? {
                    let number: u32 = number;
                    self.line(&text.replace('#', &number.to_string()))?;
                }
                return Ok(());
            }
            "login" => {
                let (account, events) = rest.split_once(' ').unwrap_or((rest, "off"));
                exchange.events |= events != "off";
                exchange.steps.push(login(account, events));
            }
            "call" => call(exchange, rest),
            "ends" => ends(exchange, rest),
            "beside-login" => exchange.steps.push(Step::LoginBeside(rest.to_owned())),
            "half-close" => exchange.steps.push(Step::HalfClose),
            "answers" => self.asked.answers = Some(rest.parse().map_err(|_| "no number")?),
            "no-mark" => self.asked.mark = false,
            "in-bytes" => self.asked.in_bytes = true,
            "beside" => self.asked.sender = Sender::Beside,
            "stranger" => self.asked.sender = Sender::Stranger,
            "finally" => self.finally = true,
            "until" => exchange.steps.push(Step::Until(rest.to_owned())),
            "until-beside" => exchange.steps.push(Step::UntilBeside(rest.to_owned())),
            "closed" => exchange.steps.push(Step::Closed),
            "keep" => {
                let (name, header) = rest.split_once(' ').ok_or("keep NAME HEADER")?;
                exchange.steps.push(Step::Keep {
                    name: name.to_owned(),
                    header: header.to_owned(),
                });
            }
            _ => return Err(format!("unknown directive {word}")),
        }
        Ok(())
    }

    fn end_message(&mut self) {
        if !self.raw {
            self.bytes.extend(b"\r\n");
        }
        self.raw = false;
        self.messages += 1;
    }

    fn end_step(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        self.end_message();
        let bytes = std::mem::take(&mut self.bytes);
        let messages = std::mem::take(&mut self.messages);
        let asked = std::mem::replace(&mut self.asked, Asked::usual());
        let Some(exchange) = self.done.last_mut() else {
            return;
        };
        match asked.sender {
            _ if self.finally => exchange.cleaning.push(bytes),
            Sender::Stranger => exchange.steps.push(Step::Stranger(bytes)),
            Sender::Beside => exchange.steps.push(Step::Beside(bytes)),
            Sender::Client => {
                exchange.events |= sees_events(&bytes);
                exchange.steps.push(Step::Send(Sending {
                    bytes,
                    answers: asked.answers.unwrap_or(messages),
                    mark: asked.mark,
                    in_bytes: asked.in_bytes,
                }));
            }
        }
    }

    fn finish(mut self) -> Vec<Exchange> {
        self.end_step();
        self.done
    }
}

/// Whether a client that sends this may get events from then on.
fn sees_events(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let logs_in = text.contains("action: login") && !text.contains("events: off");
    logs_in || text.contains("action: events")
}

/// `% call NAME EXTENSION`: a call that is up, `Local/EXTENSION@conformance`, its two channels `@RUN@-NAME1` and `@RUN@-NAME2`.
fn call(exchange: &mut Exchange, rest: &str) {
    let (name, extension) = rest.split_once(' ').unwrap_or((rest, "up"));
    let text = format!(
        "Action: Originate\r\nChannel: Local/{extension}@conformance/n\r\nApplication: Wait\r\nData: 3600\r\n\
         ChannelId: @RUN@-{name}1\r\nOtherChannelId: @RUN@-{name}2\r\nCallerID: Caller <@RUN@>\r\n\r\n"
    );
    exchange.steps.push(Step::Beside(text.into_bytes()));
    let far = format!("@RUN@-{name}2");
    exchange.steps.push(Step::UntilThere(far));
    ends(exchange, name);
}

/// `% ends NAME`: the channels `@RUN@-NAME1` and `@RUN@-NAME2` are hung up at the end, if they are there.
fn ends(exchange: &mut Exchange, name: &str) {
    let legs = [1, 2].map(|leg| format!("@RUN@-{name}{leg}"));
    exchange.channels.extend(legs);
}

/// The login that is not the subject.
pub fn login(account: &str, events: &str) -> Step {
    let secret = secret_of(account);
    let text = format!(
        "Action: Login\r\nActionID: login\r\nUsername: {account}\r\nSecret: {secret}\r\nEvents: {events}\r\n\r\n"
    );
    Step::Send(Sending {
        bytes: text.into_bytes(),
        answers: 1,
        mark: true,
        in_bytes: false,
    })
}

/// The secrets of `tests/asterisk/README.md`.
pub fn secret_of(account: &str) -> String {
    match account {
        "writeonly" => "writepw".to_owned(),
        "aclonly" => "aclpw".to_owned(),
        other => format!("{other}pw"),
    }
}

/// Replaces `\r`, `\n`, `\t`, `\0`, `\xHH`, `\\`, and `@x*N@` by N times x.
pub fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'@'
            && let Some((repeated, behind)) = repetition(after)
        {
            out.extend(repeated);
            rest = behind;
            continue;
        }
        rest = after;
        if first != b'\\' {
            out.push(first);
            continue;
        }
        let (&kind, behind) = rest
            .split_first()
            .ok_or("a backslash at the end of the line")?;
        rest = behind;
        match kind {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'0' => out.push(0),
            b'\\' => out.push(b'\\'),
            b'x' => {
                let digits = rest.get(..2).ok_or("\\x needs two digits")?;
                let digits = std::str::from_utf8(digits).map_err(|_| "\\x needs two digits")?;
                out.push(u8::from_str_radix(digits, 16).map_err(|_| "\\x needs two digits")?);
                rest = rest.get(2..).unwrap_or_default();
            }
            _ => return Err(format!("unknown escape \\{}", char::from(kind))),
        }
    }
    Ok(out)
}

/// `x*12@` at the start: the repeated bytes, and what is behind.
fn repetition(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'@')?;
    let (inside, behind) = text.split_at(end);
    let star = inside.iter().rposition(|byte| *byte == b'*')?;
    let count: usize = std::str::from_utf8(&inside[star + 1..])
        .ok()?
        .parse()
        .ok()?;
    Some((inside[..star].repeat(count), &behind[1..]))
}
