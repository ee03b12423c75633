//! `nopoll_conn_read`: the payloads as one stream of bytes.

use std::ffi::{c_int, c_long};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::How;
use super::read::Received;
use super::{Conn, Role};
use crate::abi::cbuf::CBuf;
use crate::api::error::Errno;
use crate::api::meanwhile;
use crate::protocol::{Data, Payload};
use crate::transport::patience::Patience;
use crate::transport::socket::{self, Readiness};

/// Somebody else, a loop say, may read what we wait for: the longest we don't notice.
const SLICE: Duration = Duration::from_millis(10);

impl Conn {
    /// Reads up to `buffer.len()` bytes: with `block`, all of them unless `timeout_ms` (≤ 0: none)
    /// passes or the peer ends; without, what one piece holds.
    pub fn read(
        this: &Arc<Self>,
        buffer: &mut [u8],
        block: bool,
        timeout_ms: c_long,
    ) -> (c_int, Errno) {
        buffer.fill(0);
        let deadline = u64::try_from(timeout_ms)
            .ok()
            .filter(|&ms| block && ms > 0)
            .and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
        let mut taken = this.take_leftover(buffer);
        if taken > 0 && (!block || taken == buffer.len()) {
            return (size(taken), Errno::Keep);
        }
        if this.is(Role::Listener) {
            return (if block { size(taken) } else { -1 }, Errno::WOULD_BLOCK);
        }
        Self::flush_backlog(this);
        let mut patience = Patience::default();
        loop {
            let received = match this.take_assembled(&mut buffer[taken..]) {
                Some(n) => Ok(n),
                None => Self::receive_into(this, &mut buffer[taken..]),
            };
            match received {
                Ok(n) => taken += n,
                Err(Received::Dead(_)) if block => return (size(taken), Errno::Keep),
                Err(Received::Dead(errno)) => return (-1, errno),
                Err(Received::Blocked) => {
                    let blocking = !this.is_deciding() && socket::is_blocking(this.descriptor());
                    if !(block || blocking && Self::wait_if_blocking(this, &mut patience)) {
                        return (-1, Errno::WOULD_BLOCK);
                    }
                    if block && !Self::wait_readable(this, deadline) {
                        return (size(taken), Errno::Keep);
                    }
                }
                Err(_) => {}
            }
            if taken == buffer.len() || (taken > 0 && !block) {
                return (size(taken), Errno::Keep);
            }
        }
    }

    fn receive_into(this: &Arc<Self>, buffer: &mut [u8]) -> Result<usize, Received> {
        match Self::receive(this, &mut How::Direct, &this.stream_rules()) {
            Received::Message(msg) => {
                let n = msg.with_bytes(|bytes| this.keep_leftover(bytes, buffer));
                Ok(n)
            }
            other => Err(other),
        }
    }

    /// What `get_msg` has already assembled of an unfinished frame comes first.
    fn take_assembled(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut piece: Data<CBuf> = self.link.lock().receiver.take_partial()?;
        let bytes = piece.payload.bytes_mut();
        if bytes.is_empty() {
            return None;
        }
        Some(self.keep_leftover(bytes, buffer))
    }

    /// Copies what fits and keeps the rest.
    fn keep_leftover(&self, bytes: &[u8], buffer: &mut [u8]) -> usize {
        let n = bytes.len().min(buffer.len());
        buffer[..n].copy_from_slice(&bytes[..n]);
        if n < bytes.len() {
            let mut link = self.link.lock();
            let leftover = link.leftover.get_or_insert_default();
            leftover.bytes.extend(&bytes[n..]);
        }
        n
    }

    fn take_leftover(&self, buffer: &mut [u8]) -> usize {
        let mut link = self.link.lock();
        let Some(leftover) = &mut link.leftover else {
            return 0;
        };
        let n = leftover.bytes.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(leftover.bytes.drain(..n)) {
            *to = from;
        }
        if leftover.bytes.is_empty() {
            link.leftover = None;
        }
        n
    }

    /// Waits until there may be bytes; false when the deadline has passed. Unsent bytes of ours
    /// are written meanwhile.
    pub(super) fn wait_readable(this: &Arc<Self>, deadline: Option<Instant>) -> bool {
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return false;
        }
        let left = deadline.map_or(SLICE, |deadline| deadline - now);
        let fd = this.descriptor();
        if fd == -1 || this.is_deciding() {
            meanwhile::pause(left.min(Duration::from_millis(1)));
        } else {
            Self::wait_for(this, fd, Readiness::Readable, left.min(SLICE));
        }
        true
    }
}

fn size(n: usize) -> c_int {
    c_int::try_from(n).unwrap_or(c_int::MAX)
}
