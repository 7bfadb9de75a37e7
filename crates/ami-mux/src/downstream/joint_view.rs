//! What sessions at rest are shown of several notes, put together once for all that see the same.
//!
//! Owned by whoever writes to many clients one after the other. Events that came one by one wait side by side for most of them, where
//! their accounts have them wait: one piece of bytes, shared by all these clients, costs each of them less than the single events do.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use bytes::BytesMut;

use super::outlook::Outlook;
use crate::event::NodeEvent;
use crate::event_batch::{BatchView, EventBatch};
use crate::mail::Mail;

/// The notes of the client that was looked at last, and what it is shown of them.
#[derive(Debug, Default)]
pub struct JointView {
    of: Option<(Outlook, Vec<Note>)>,
    /// Made when a second client asks for it.
    shown: Option<BatchView>,
}

/// Tells a note from every other that there is or was, without keeping what it says.
#[derive(Debug)]
enum Note {
    Event(Weak<NodeEvent>),
    Events(Weak<EventBatch>),
    /// Like no other.
    Other,
}

impl JointView {
    /// What a client with this outlook is shown of all of them together. `None` when the client before saw other things: then it is not
    /// known to be worth the putting together, and it is for the next one.
    pub fn of(&mut self, outlook: &Outlook, mail: &VecDeque<Mail>) -> Option<BatchView> {
        let known = self.of.as_ref().is_some_and(|(other, notes)| {
            let mut pairs = notes.iter().zip(mail);
            notes.len() == mail.len()
                && other.is_like(outlook)
                && pairs.all(|(note, mail)| note.is_of(mail))
        });
        if !known {
            self.of = Some((outlook.clone(), mail.iter().map(Note::of).collect()));
            self.shown = None;
            return None;
        }
        let shown = self
            .shown
            .get_or_insert_with(|| put_together(outlook, mail));
        Some(shown.clone())
    }
}

impl Note {
    fn of(mail: &Mail) -> Self {
        if let Mail::Event(event) = mail {
            Self::Event(Arc::downgrade(event))
        } else if let Mail::Events { batch, .. } = mail {
            Self::Events(Arc::downgrade(batch))
        } else {
            Self::Other
        }
    }

    fn is_of(&self, mail: &Mail) -> bool {
        match (self, mail) {
            (Self::Event(note), Mail::Event(event)) => note.as_ptr() == Arc::as_ptr(event),
            (Self::Events(note), Mail::Events { batch, .. }) => note.as_ptr() == Arc::as_ptr(batch),
            _ => false,
        }
    }
}

fn put_together(outlook: &Outlook, mail: &VecDeque<Mail>) -> BatchView {
    let views: Vec<BatchView> = mail.iter().filter_map(|mail| outlook.shows(mail)).collect();
    let length = views.iter().map(|view| view.bytes.len()).sum();
    let mut bytes = BytesMut::with_capacity(length);
    for view in &views {
        bytes.extend_from_slice(&view.bytes);
    }
    BatchView {
        bytes: bytes.freeze(),
        events: views.iter().map(|view| view.events).sum(),
    }
}
