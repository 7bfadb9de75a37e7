//! Where amiplex answers otherwise than Asterisk on purpose: one header or one message each.
//!
//! At most 25. An entry that no longer occurs fails the test of its exchange.

/// What differs.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// One header of messages of that kind (the name of the event, or `Response`).
    Header {
        of: &'static str,
        header: &'static str,
        directly: &'static str,
        through: &'static str,
    },
    /// One header of such messages that is only seen directly.
    HeaderOnlyDirectly {
        of: &'static str,
        header: &'static str,
        directly: &'static str,
    },
    /// A header of such messages, longer than a buffer of the node: it is cut there, its line end lost. Through amiplex it is whole.
    LineEndLost {
        of: &'static str,
        header: &'static str,
    },
    /// One whole message.
    Message {
        directly: &'static str,
        through: &'static str,
    },
    /// One whole message that only the node sends.
    OnlyDirectly(&'static str),
}

pub struct Difference {
    /// The exchanges in which it occurs; it must occur in each. With a star at the end, all that begin so, of which some must show it.
    pub exchanges: &'static [&'static str],
    pub nodes: &'static [&'static str],
    pub what: What,
    /// The record in `docs/adr`, and words of it.
    pub record: (&'static str, &'static str),
    pub reason: &'static str,
}

const BOTH: &[&str] = &["pbx1", "pbx2"];
const ASTERISK_16: &[&str] = &["pbx2"];
const RECORD_3: &str = "0003-differences-from-asterisk.md";
const RECORD_8: &str = "0008-stricter-than-the-handlers.md";
const RECORD_6: &str = "0006-paths-are-checked-lexically.md";

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        exchanges: &["security/*"],
        nodes: BOTH,
        what: What::HeaderOnlyDirectly {
            of: "security,all",
            header: "SystemName",
            directly: "@NODE@",
        },
        record: ("0011-security-events.md", "no `SystemName`"),
        reason: "security events of amiplex come from no node",
    },
    Difference {
        exchanges: &["wire/long/content-1023-lf"],
        nodes: BOTH,
        what: What::Message {
            directly: "Response: Success\nActionID: 1\nPing: Pong\nTimestamp: ...\n\n",
            through: "Response: Error\nActionID: 1\nMessage: Failed to parse message: line too long\n\n",
        },
        record: (RECORD_3, "a line that LF ends"),
        reason: "it would not fit with the CRLF that it goes up with",
    },
    Difference {
        exchanges: &["wire/long/content-1023", "wire/long/content-2046"],
        nodes: BOTH,
        what: What::OnlyDirectly("Response: Error\nMessage: Missing action in request\n\n"),
        record: (RECORD_3, "can split a message in two"),
        reason: "nothing of the client's ends a message but its blank line",
    },
    Difference {
        exchanges: &["wire/long/content-1023-rest-is-an-action"],
        nodes: BOTH,
        what: What::OnlyDirectly(
            "Response: Error\nActionID: smuggled\nMessage: Invalid/unknown command: Nonsense. \
             Use Action: ListCommands to show available commands.\n\n",
        ),
        record: (RECORD_3, "can split a message in two"),
        reason: "what is behind the long line must not run",
    },
    Difference {
        exchanges: &["wire/many/and-long", "wire/many/and-long-behind"],
        nodes: BOTH,
        what: What::Message {
            directly: "Response: Error\nActionID: after\nMessage: Failed to parse message: line too long\n\n",
            through: "Response: Success\nActionID: after\nPing: Pong\nTimestamp: ...\n\n",
        },
        record: (RECORD_3, "the next message fails too"),
        reason: "a message must not fail for what another one was",
    },
    Difference {
        exchanges: &[
            "wire/id/138-core",
            "wire/id/150-core",
            "wire/id/300-list",
            "wire/id/1000-list",
            "wire/id/1012-list",
        ],
        nodes: BOTH,
        what: What::LineEndLost {
            of: "*",
            header: "ActionID",
        },
        record: (RECORD_3, "longer than the buffer of a handler"),
        reason: "the client's id never goes up",
    },
    Difference {
        exchanges: &["wire/lines/lone-cr-in-the-id"],
        nodes: BOTH,
        what: What::HeaderOnlyDirectly {
            of: "Response",
            header: "ActionID",
            directly: "a\rb",
        },
        record: (RECORD_3, "a lone CR inside a line is data"),
        reason: "a CR from outside is never written (I12)",
    },
    Difference {
        exchanges: &["wire/lines/lone-cr-in-the-name", "recorded/malformed"],
        nodes: BOTH,
        what: What::Header {
            of: "Response",
            header: "Message",
            directly: "Invalid/unknown command: Ping\rActionID: cronly\r\r. \
                       Use Action: ListCommands to show available commands.",
            through: "Invalid/unknown command: Ping?ActionID: cronly??. \
                      Use Action: ListCommands to show available commands.",
        },
        record: (RECORD_3, "a lone CR inside a line is data"),
        reason: "a CR from outside is never written (I12)",
    },
    Difference {
        exchanges: &[
            "session/filter/empty",
            "session/filter/no-filter",
            "session/filter/exclamation-mark-alone",
        ],
        nodes: ASTERISK_16,
        what: What::Message {
            directly: "Response: Success\nActionID: 1\nMessage: Success\n\n",
            through: "Response: Error\nActionID: 1\nMessage: Filter was formatted incorrectly.  \
                      Check the syntax of the filter given.\n\n",
        },
        record: (
            RECORD_3,
            "filters are read by the rules of the node's version",
        ),
        reason: "filters run in amiplex",
    },
    Difference {
        exchanges: &["data/config/outside", "recorded/getconfig"],
        nodes: BOTH,
        what: What::Message {
            directly: "Response: Error\nActionID: 6\nMessage: Config file not found\n\n",
            through: "Response: Error\nActionID: 6\nMessage: File requires escalated privileges\n\n",
        },
        record: (RECORD_6, "normalised by its text"),
        reason: "whether a file outside the node's configuration exists is not asked",
    },
    Difference {
        exchanges: &["data/variables/files-of-limited"],
        nodes: BOTH,
        what: What::Message {
            directly: "Response: Success\nActionID: 1\n\
                       Variable: AST_CONFIG(sample.conf,general,colour)\nValue: blue\n\n",
            through: "Response: Error\nActionID: 1\nMessage: GetVar Access Forbidden: Variable\n\n",
        },
        record: (RECORD_8, "returns the upstream secret to class"),
        reason: "the same call reads amiplex's own secret",
    },
    Difference {
        exchanges: &["data/variables/setvar-shell-of-limited"],
        nodes: BOTH,
        what: What::Header {
            of: "Response",
            header: "Message",
            directly: "Variable not set",
            through: "Permission denied",
        },
        record: (RECORD_8, "in Getvar, Status, Setvar"),
        reason: "it does not reach the node, whose own refusal this is",
    },
    Difference {
        exchanges: &["actions/CreateConfig"],
        nodes: ASTERISK_16,
        what: What::Message {
            directly: "Response: Success\nActionID: row-2\nMessage: New configuration file created successfully\n\n",
            through: "Response: Error\nActionID: row-2\nMessage: File requires escalated privileges\n\n",
        },
        record: (RECORD_6, "nodes before"),
        reason: "16.28 creates files wherever it may",
    },
    Difference {
        exchanges: &["actions/ModuleLoad"],
        nodes: &["pbx1"],
        what: What::Message {
            directly: "Response: Error\nActionID: row-6\nMessage: Module not found.\n\n",
            through: "Response: Error\nActionID: row-6\n\
                      Message: Module must be in the configured modules directory.\n\n",
        },
        record: (RECORD_6, "what leaves them is refused"),
        reason: "whether a module outside the directory exists is not asked",
    },
    Difference {
        exchanges: &["actions/ModuleLoad"],
        nodes: ASTERISK_16,
        what: What::Message {
            directly: "Response: Error\nActionID: row-6\nMessage: Could not load module.\n\n",
            through: "Response: Error\nActionID: row-6\n\
                      Message: Module must be in the configured modules directory.\n\n",
        },
        record: (RECORD_6, "what leaves them is refused"),
        reason: "16.28 loads modules from wherever it may",
    },
    Difference {
        exchanges: &["actions/UpdateConfig"],
        nodes: ASTERISK_16,
        what: What::Message {
            directly: "Response: Error\nActionID: row-8\nMessage: File requires escalated priveledges\n\n",
            through: "Response: Error\nActionID: row-8\nMessage: File requires escalated privileges\n\n",
        },
        record: (RECORD_6, "with Asterisk's words"),
        reason: "the words of newer versions",
    },
    Difference {
        exchanges: &["data/config/outside"],
        nodes: ASTERISK_16,
        what: What::Header {
            of: "Response",
            header: "Message",
            directly: "File requires escalated priveledges",
            through: "File requires escalated privileges",
        },
        record: (RECORD_6, "with Asterisk's words"),
        reason: "the words of newer versions",
    },
    Difference {
        exchanges: &["data/config/outside"],
        nodes: ASTERISK_16,
        what: What::Message {
            directly: "Response: Error\nActionID: 3\nMessage: Config file has invalid format\n\n",
            through: "Response: Error\nActionID: 3\nMessage: File requires escalated privileges\n\n",
        },
        record: (RECORD_6, "nodes before"),
        reason: "16.28 lists any file",
    },
    Difference {
        exchanges: &[
            "calls/originate/forbidden",
            "calls/originate/forbidden-by-newer-nodes",
        ],
        nodes: ASTERISK_16,
        what: What::Header {
            of: "Response",
            header: "Message",
            directly: "Originate Access Forbidden: Application",
            through: "Originate Access Forbidden: app or data blacklisted",
        },
        record: (RECORD_3, "older nodes refuse an Originate"),
        reason: "the words of newer versions",
    },
    Difference {
        exchanges: &["calls/originate/forbidden-by-newer-nodes"],
        nodes: ASTERISK_16,
        what: What::Header {
            of: "Response",
            header: "Message",
            directly: "Originate Access Forbidden: Data",
            through: "Originate Access Forbidden: app or data blacklisted",
        },
        record: (RECORD_3, "older nodes refuse an Originate"),
        reason: "the words of newer versions",
    },
    Difference {
        exchanges: &["calls/originate/forbidden-by-newer-nodes"],
        nodes: ASTERISK_16,
        what: What::Message {
            directly: "Response: Success\nActionID: 2\nMessage: Originate successfully queued\n\n",
            through: "Response: Error\nActionID: 2\n\
                      Message: Originate Access Forbidden: app or data blacklisted\n\n",
        },
        record: (RECORD_3, "older nodes refuse an Originate"),
        reason: "16.28 knows fewer dangerous functions",
    },
    Difference {
        exchanges: &["calls/originate/setvar-of-the-account"],
        nodes: ASTERISK_16,
        what: What::Header {
            of: "Status",
            header: "Variable",
            directly: "OWN=(null)",
            through: "OWN=1",
        },
        record: (RECORD_3, "loses the variables of an Originate"),
        reason: "a bug of 16.28 that newer versions do not have",
    },
    Difference {
        exchanges: &["calls/originate/setvar-of-the-account-is-overridden"],
        nodes: ASTERISK_16,
        what: What::Header {
            of: "Response",
            header: "Value",
            directly: "setvar account",
            through: "own",
        },
        record: (RECORD_3, "loses the variables of an Originate"),
        reason: "a bug of 16.28 that newer versions do not have",
    },
];

/// Whether a message, as text, is of that kind: `*` for any, `Response`, the name of an event, or the Privilege of one.
fn is_of(message: &str, kind: &str) -> bool {
    if kind == "*" {
        return true;
    }
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    match first.strip_prefix("Event: ") {
        Some(name) => {
            name == kind
                || lines
                    .next()
                    .and_then(|line| line.strip_prefix("Privilege: "))
                    == Some(kind)
        }
        None => kind == "Response" && first.starts_with("Response: "),
    }
}

impl Difference {
    /// Whether it is expected in that exchange. A name that ends with `/` is that of a whole file, which it concerns only by a star.
    pub fn concerns(&self, exchange: &str, node: &str) -> bool {
        let named = self
            .exchanges
            .iter()
            .any(|name| match name.strip_suffix('*') {
                Some(start) => exchange.starts_with(start),
                None => exchange == *name,
            });
        named && self.nodes.contains(&node)
    }

    /// Whether it must occur in every exchange that it concerns.
    pub fn is_in_each(&self) -> bool {
        !self.exchanges.iter().any(|name| name.ends_with('*'))
    }

    /// Makes what was seen directly what is expected through amiplex; false when this difference does not occur in it.
    pub fn apply(&self, node: &str, told: &mut Vec<String>, through: &[String]) -> bool {
        let named = |text: &str| text.replace("@NODE@", node);
        match self.what {
            What::Header {
                of,
                header,
                directly,
                through,
            } => {
                let from = format!("{header}: {directly}\n");
                replace_line(told, of, &from, &format!("{header}: {through}\n"))
            }
            What::HeaderOnlyDirectly {
                of,
                header,
                directly,
            } => replace_line(told, of, &format!("{header}: {}\n", named(directly)), ""),
            What::LineEndLost { of, header } => {
                let mut found = false;
                let pairs = told.iter_mut().zip(through);
                for (directly, through) in pairs.filter(|(message, _)| is_of(message, of)) {
                    if is_cut(directly, through, header) {
                        directly.clone_from(through);
                        found = true;
                    }
                }
                found
            }
            What::Message { directly, through } => {
                let directly = &*named(directly);
                let mut found = false;
                for message in told.iter_mut().filter(|told| *told == directly) {
                    through.clone_into(message);
                    found = true;
                }
                found
            }
            What::OnlyDirectly(text) => {
                let at = told.iter().position(|told| told == text);
                at.map(|at| told.remove(at)).is_some()
            }
        }
    }
}

/// Replaces one line of the messages of that kind.
fn replace_line(told: &mut [String], of: &str, from: &str, to: &str) -> bool {
    let mut found = false;
    for message in told.iter_mut().filter(|message| is_of(message, of)) {
        let lines: Vec<&str> = message.split_inclusive('\n').collect();
        if lines.contains(&from) {
            found = true;
            let lines = lines
                .into_iter()
                .map(|line| if line == from { to } else { line });
            *message = lines.collect();
        }
    }
    found
}

/// Whether `cut` is `whole` but for the end of that header, which is missing with its line end.
fn is_cut(cut: &str, whole: &str, header: &str) -> bool {
    let start = format!("{header}: ");
    let mut before = 0;
    for line in whole.split_inclusive('\n') {
        if line.starts_with(&start) {
            let rest = &whole[before + line.len()..];
            let kept = cut
                .strip_prefix(&whole[..before])
                .and_then(|cut| cut.strip_suffix(rest));
            // The buffer may end between the CR and the LF of the line.
            let kept = kept.map(|kept| kept.strip_suffix('\r').unwrap_or(kept));
            return kept.is_some_and(|kept| line.starts_with(kept) && kept != line);
        }
        before += line.len();
    }
    false
}
