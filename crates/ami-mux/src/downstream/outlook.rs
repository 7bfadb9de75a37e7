//! What a session sees of ordinary events while it is at rest, for whoever writes to its client in its stead.
//!
//! Taken from the session's machine when nothing of its own is going on, and good until anything reaches that machine again: its driver
//! takes it back before that. It shows exactly what the machine would have shown.

use std::sync::Arc;

use ami_access::Account;

use super::interest::Interest;
use super::session::{Phase, Session};
use crate::event_batch::BatchView;
use crate::mail::Mail;
use crate::view::View;

/// The rights and wishes of a session at rest.
#[derive(Clone, Debug)]
pub struct Outlook {
    view: View,
    interest: Interest,
    /// For its filters, where it has any.
    filters: Option<Arc<Account>>,
    label: Option<Arc<str>>,
}

impl Outlook {
    /// What its client is shown of this broadcast, perhaps nothing; `None` for what only the session's machine can judge.
    pub fn shows(&self, mail: &Mail) -> Option<BatchView> {
        let label = self.label.as_ref();
        if let Mail::Events { batch, .. } = mail {
            if !self.view.contains(batch.node()) {
                return Some(BatchView::default());
            }
            let interest = self.interest.at(batch.node());
            return Some(batch.view(interest, self.filters.as_ref(), label));
        }
        let event = mail.event().filter(|event| event.is_ordinary())?;
        let sees = self.view.contains(event.node())
            && event.visible_to(self.interest.at(event.node()))
            && self.admits(event.plain());
        if !sees {
            return Some(BatchView::default());
        }
        let bytes = label.map_or_else(|| event.plain().clone(), |name| event.labelled(name));
        Some(BatchView { bytes, events: 1 })
    }

    /// Whether it shows the same as the other, whatever comes.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same_filters = match (&self.filters, &other.filters) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        same_filters
            && self.label == other.label
            && self.interest == other.interest
            && self.view == other.view
    }

    fn admits(&self, event: &[u8]) -> bool {
        let filters = self.filters.as_ref();
        filters.is_none_or(|account| account.event_filters.admit(event))
    }
}

impl Session {
    /// Whether nothing of the session's own is going on, so that ordinary events need no more of it than its [`Outlook`].
    pub fn is_at_rest(&self) -> bool {
        let Phase::Open(login) = &self.phase else {
            return false;
        };
        let shares_its_filters = login.own_filters.is_none();
        let sees_everything_of_a_node = login.principal.account().channels.is_none();
        let busy = !self.line.is_empty()
            || self.waiting.is_some()
            || self.ending.is_some()
            || !self.effects.is_empty()
            || self.gate.is_busy();
        shares_its_filters && sees_everything_of_a_node && !busy
    }

    /// What it sees meanwhile; `None` when it is not at rest, or wants no events at all.
    pub fn outlook(&self) -> Option<Outlook> {
        let Phase::Open(login) = &self.phase else {
            return None;
        };
        let account = login.principal.account();
        let wants = !login.interest.somewhere().is_empty();
        (wants && self.is_at_rest()).then(|| Outlook {
            view: login.view.clone(),
            interest: login.interest.clone(),
            filters: (!account.event_filters.is_empty()).then(|| Arc::clone(account)),
            label: login.label.clone(),
        })
    }
}
