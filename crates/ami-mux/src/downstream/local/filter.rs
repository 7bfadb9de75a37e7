//! The Filter action: filters of this session, added to those of its account. None can be taken back.

use ami_access::{EventFilter, FilterError};
use ami_proto::encode::{error, success};
use ami_proto::{Action, ClientActionId};

use crate::downstream::session::{Phase, Session};

/// Filters of one session, those of its account included. Each is tried on each event, by this client's task alone.
const FILTERS_MAX: usize = 100;

/// What the client asked for.
#[derive(Debug)]
pub(in crate::downstream) struct FilterRequest {
    id: Option<ClientActionId>,
    is_add: bool,
    criteria: Option<Vec<u8>>,
    pattern: Vec<u8>,
}

impl FilterRequest {
    pub(super) fn of(action: &Action) -> Self {
        let header = |name| action.header(name).map(<[u8]>::to_vec);
        Self {
            id: action.action_id(),
            is_add: action
                .header("Operation")
                .is_some_and(|value| value.eq_ignore_ascii_case(b"Add")),
            criteria: header("MatchCriteria").filter(|criteria| !criteria.is_empty()),
            pattern: header("Filter").unwrap_or_default(),
        }
    }

    fn parse(&self) -> Result<EventFilter, FilterError> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| FilterError::Format);
        let criteria = self.criteria.as_deref().map(text).transpose()?;
        // Asterisk puts them into `eventfilter(...)` and reads that, so that the last parenthesis may be missing.
        let criteria = criteria.map(|criteria| format!("{criteria})"));
        EventFilter::parse(criteria.as_deref(), text(&self.pattern)?)
    }
}

impl Session {
    /// Replies in Asterisk's words.
    pub(in crate::downstream) fn add_filter(&mut self, request: &FilterRequest) {
        let id = request.id.as_ref();
        let Phase::Open(login) = &mut self.phase else {
            return;
        };
        let reply = if !request.is_add {
            error(id, "Unknown operation")
        } else if login.filters().len() >= FILTERS_MAX {
            error(id, "Internal Error. Too many filters")
        } else {
            match request.parse() {
                Ok(filter) => {
                    login.own_filters().push(filter);
                    success(id, "Success")
                }
                Err(problem) => error(id, problem.to_string()),
            }
        };
        self.write(reply);
    }
}
