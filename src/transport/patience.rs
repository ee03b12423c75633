//! Waiting in slices, within the timeout the program gave the socket.

use std::time::{Duration, Instant};

use super::socket::{self, Fd, Readiness};

/// A call that waits looks at its object again after this: another thread may have closed it, so
/// that the number belongs to another file by now, or done what it waits for.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// What is left of `SO_RCVTIMEO` or `SO_SNDTIMEO` for one call; asked for when it first waits.
#[derive(Default)]
pub(crate) struct Patience {
    left: Option<Option<Duration>>,
}

impl Patience {
    /// Has `wait` wait for the descriptor, no longer than `most`; false when the socket's timeout
    /// has passed.
    pub(crate) fn spend(
        &mut self,
        fd: Fd,
        readiness: Readiness,
        most: Duration,
        wait: impl FnOnce(Duration),
    ) -> bool {
        let left = self.left.get_or_insert_with(|| match readiness {
            Readiness::Readable => socket::receive_timeout(fd),
            Readiness::Writable => socket::send_timeout(fd),
        });
        let Some(left) = left else {
            wait(most);
            return true;
        };
        if left.is_zero() {
            return false;
        }
        let begun = Instant::now();
        wait(most.min(*left));
        *left = left.saturating_sub(begun.elapsed());
        true
    }
}
