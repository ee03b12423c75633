//! Waiting for the handshake.

use std::ffi::c_int;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Conn, Role};
use crate::api::error::Errno;
use crate::sync::relock;

/// How `nopoll_conn_wait_for_status_until_connection_ready` ended.
pub struct WaitStatus {
    /// Frames flow.
    pub ready: bool,
    /// What the server answered instead.
    pub http_status: Option<c_int>,
    /// What to hand to the caller.
    pub message: Option<Vec<u8>>,
}

impl Conn {
    /// Waits at most about `seconds` until frames flow; ≤ 0 looks once. The connection stays
    /// open when the time has passed.
    pub fn wait_ready(this: &Arc<Self>, seconds: c_int) -> (bool, Errno) {
        let budget = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let deadline = Instant::now() + budget;
        loop {
            let (ready, errno) = Self::is_ready(this);
            if ready && this.is_ok() {
                return (true, Errno::Keep);
            }
            let hopeless = !this.is_ok() || this.is(Role::Listener);
            if hopeless || !Self::wait_readable(this, Some(deadline)) {
                return (false, errno);
            }
        }
    }

    /// As [`Self::wait_ready`], with what the server answered.
    pub fn wait_status(this: &Arc<Self>, seconds: c_int) -> WaitStatus {
        let (ready, _) = Self::wait_ready(this, seconds);
        let status = this.http_status();
        if ready {
            return WaitStatus {
                ready,
                http_status: None,
                message: Some(b"Success".to_vec()),
            };
        }
        if status == 0 || status == 101 {
            return WaitStatus {
                ready,
                http_status: None,
                message: Some(b"Failure".to_vec()),
            };
        }
        let location = {
            let cold = relock(&this.cold);
            cold.rare.as_ref().and_then(|rare| rare.location.clone())
        };
        WaitStatus {
            ready,
            http_status: Some(status),
            message: location
                .filter(|_| (300..400).contains(&status))
                .map(|url| [b"Redirect:", url.as_slice()].concat()),
        }
    }
}
