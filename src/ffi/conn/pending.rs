//! Finishing what a send could not write at once. The loop does it, too.

use std::ffi::{c_int, c_long};

use super::boundary::{boundary, boundary_errno};
use super::convert::Handle;
use crate::abi::types::noPollConn;
use crate::api::{Conn, Errno};

/// Tries once, without waiting, to write what is left of an unfinished frame.
///
/// Returns the payload bytes written since the last report, by this call or meanwhile by the loop;
/// 0 when nothing was pending or only header bytes were written (`nopoll_conn_pending_write_bytes`
/// tells the two apart), also for NULL; -1 with `errno`, NOPOLL_EWOULDBLOCK when the system took
/// nothing. Any other `errno` is a failure, for example of a peer that is gone: what is pending stays
/// so, and the connection open; close it. With the result of the send, if that was positive, the
/// results add up to the payload's length.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_complete_pending_write(conn: *mut noPollConn) -> c_int {
    boundary_errno((0, Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        Some(Conn::complete_pending(&unsafe { Conn::retain(conn) }?))
    })
}

/// Returns the bytes of an unfinished frame, its header included, that are still to be written or,
/// having been written by the loop, to be reported by `nopoll_conn_complete_pending_write`. 0 when
/// there are none and for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_pending_write_bytes(conn: *mut noPollConn) -> c_int {
    // SAFETY: a handle, as this function demands.
    boundary(0, || Some(unsafe { Conn::retain(conn) }?.pending_bytes()))
}

/// Waits until nothing is pending, at most `timeout` µs, of which anything below 100000 counts as
/// 100000; with `timeout` ≤ 0 nothing is written.
///
/// Returns `previous_result`, if that is positive, plus the payload bytes written since the last
/// report: given the result of the send, that is the payload's length when all of it is out. Never
/// negative.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_flush_writes(
    conn: *mut noPollConn,
    timeout: c_long,
    previous_result: c_int,
) -> c_int {
    boundary_errno((previous_result.max(0), Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        Some(Conn::flush(
            &unsafe { Conn::retain(conn) }?,
            timeout,
            previous_result,
        ))
    })
}
