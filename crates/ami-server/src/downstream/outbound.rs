//! What a client is still to be sent, in order, on its way into the socket.
//!
//! Owned by the connection's task. Its bytes count in the inbox's budget until they are written.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use smallvec::SmallVec;
use tokio::io::AsyncWrite;
use tokio::task::coop;
use tokio::time::Instant;

use crate::inbox::TAKEN_BYTES;
use crate::transport::Transport;

/// Slices given to one vectored write.
const SLICES_PER_WRITE: usize = 64;

/// So many bytes keep the socket busy. What waits in the inbox instead can still be dropped.
const FULL_BYTES: usize = 128 * 1024;

#[derive(Debug)]
struct Slice {
    bytes: Bytes,
    /// Of a broadcast event, and not of an answer.
    event: bool,
    /// Events that have left with its last byte.
    events: u64,
    queued: Instant,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    slices: VecDeque<Slice>,
    /// TLS took bytes that the socket has not taken yet.
    unflushed: bool,
    /// The socket took a part of what was to leave.
    blocked: bool,
    event_bytes: usize,
    reply_bytes: usize,
}

/// What one write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes that left.
    pub(crate) bytes: usize,
    /// Events that left whole.
    pub(crate) events: u64,
}

impl Outbound {
    /// Queues an answer, or so many events.
    pub(crate) fn push(
        &mut self,
        bytes: impl IntoIterator<Item = Bytes>,
        events: usize,
        now: Instant,
    ) {
        let event = events > 0;
        for bytes in bytes {
            if bytes.is_empty() {
                continue;
            }
            *(if event {
                &mut self.event_bytes
            } else {
                &mut self.reply_bytes
            }) += bytes.len();
            self.slices.push_back(Slice {
                bytes,
                event,
                events: 0,
                queued: now,
            });
        }
        if event && let Some(last) = self.slices.back_mut() {
            last.events = u64::try_from(events).unwrap_or(u64::MAX);
        }
    }

    /// Whether everything has left, from TLS's own buffer too.
    pub(crate) fn is_empty(&self) -> bool {
        self.slices.is_empty() && !self.unflushed
    }

    /// Whether only whole events wait, and not so many that they have to leave.
    pub(crate) fn can_wait(&self) -> bool {
        let few = self.event_bytes < TAKEN_BYTES && !self.is_full();
        few && self.reply_bytes == 0 && !self.unflushed && !self.blocked
    }

    /// Whether enough waits that more need not be taken from the inbox.
    pub(crate) fn is_full(&self) -> bool {
        self.slices.len() >= 4 * SLICES_PER_WRITE
            || self.event_bytes + self.reply_bytes >= FULL_BYTES
    }

    pub(crate) fn event_bytes(&self) -> usize {
        self.event_bytes
    }

    pub(crate) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    /// When the oldest waiting slice will have waited for `age`.
    pub(crate) fn overdue_at(&self, age: Duration) -> Option<Instant> {
        self.slices.front().map(|front| front.queued + age)
    }

    /// Writes as much as the socket takes at once.
    pub(crate) fn poll_write(
        &mut self,
        socket: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Written>> {
        let polled = self.poll_write_out(socket, cx);
        self.blocked = !self.is_empty();
        polled
    }

    /// The same for whoever is not the task of this client, whose own look it is that waits for the socket.
    pub(crate) fn write_now(&mut self, socket: &mut Transport) -> io::Result<Written> {
        let cx = &mut Context::from_waker(Waker::noop());
        // What the calling task may still do in its turn says nothing about this socket.
        let write = pin!(coop::unconstrained(poll_fn(
            |cx| self.poll_write(socket, cx)
        )));
        match write.poll(cx) {
            Poll::Ready(written) => written,
            Poll::Pending => Ok(Written::default()),
        }
    }

    fn poll_write_out(
        &mut self,
        socket: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Written>> {
        let mut written = Written::default();
        while !self.slices.is_empty() {
            match self.poll_write_front(socket, cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.unflushed = true;
                    written.bytes += count;
                    written.events += self.advance(count);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if written.bytes > 0 => return Poll::Ready(Ok(written)),
                Poll::Pending => return Poll::Pending,
            }
        }
        match Pin::new(socket).poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                Poll::Ready(Ok(written))
            }
            Poll::Pending if written.bytes > 0 => Poll::Ready(Ok(written)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Hands the front of the queue to the socket.
    fn poll_write_front(
        &self,
        socket: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        // Mostly there is one slice, which is cheaper by itself.
        if self.slices.len() == 1
            && let Some(only) = self.slices.front()
        {
            return Pin::new(socket).poll_write(cx, &only.bytes);
        }
        let mut slices: SmallVec<[IoSlice<'_>; SLICES_PER_WRITE]> = SmallVec::new();
        let front = self.slices.iter().take(SLICES_PER_WRITE);
        slices.extend(front.map(|slice| IoSlice::new(&slice.bytes)));
        Pin::new(socket).poll_write_vectored(cx, &slices)
    }

    fn advance(&mut self, mut count: usize) -> u64 {
        let mut events = 0;
        while let Some(front) = self.slices.front_mut() {
            let take = count.min(front.bytes.len());
            *(if front.event {
                &mut self.event_bytes
            } else {
                &mut self.reply_bytes
            }) -= take;
            if front.bytes.len() > take {
                front.bytes.advance(take);
                break;
            }
            count -= take;
            events += front.events;
            self.slices.pop_front();
        }
        events
    }
}

#[cfg(test)]
mod tests;
