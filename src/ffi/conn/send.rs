//! Sending. One call sends one frame.

use std::ffi::{CStr, c_char, c_int, c_long};
use std::sync::Arc;

use super::boundary::{boundary, boundary_errno};
use super::convert::{Held, bytes, length as positive};
use super::refuse;
use crate::abi::types::{OpCode, noPollConn, noPollCtx, noPollOpCode, noPollPtr, nopoll_bool};
use crate::api::{Conn, Errno, SendFrame};
use crate::protocol::Mask;

/// Sends text in one final frame. That it is UTF-8 is not checked. `length` -1 takes `content` up
/// to its terminator.
///
/// Returns what all of these do:
///
/// - the payload's length: the frame was handed to the system, or, from within a handler the loop
///   called, queued. `errno` is left alone.
/// - less, but more than 0: so much of the payload was handed over, or -2: none of it.
///   `errno` is NOPOLL_EWOULDBLOCK. The library has a copy of the rest: don't send it again, see
///   `nopoll_conn_complete_pending_write`. Only on non-blocking descriptors.
/// - -1: the frame was not accepted; with `errno` NOPOLL_EWOULDBLOCK because an older one is still
///   unfinished, with another one because of a failure, EBADF for a dead connection and ENOTCONN
///   for one whose handshake a server has not answered yet; with `errno` left alone because `conn`
///   or `content` is NULL, `length` is 0 or below -1, or the connection is a listener.
///
/// A failure doesn't close the connection.
///
/// # Safety
/// `conn` is a handle; `content` is a buffer of `length` bytes, or a text when that is -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_send_text(
    conn: *mut noPollConn,
    content: *const c_char,
    length: c_long,
) -> c_int {
    // SAFETY: as this function demands.
    unsafe { data(conn, content, length, true, 0, TEXT) }
}

/// As `nopoll_conn_send_text`, in a frame that is not final: the message goes on. The last part is
/// sent with `nopoll_conn_send_text`. Parts after the first go out as continuations
/// (RFC 6455 §5.4).
///
/// # Safety
/// `conn` is a handle; `content` is a buffer of `length` bytes, or a text when that is -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_send_text_fragment(
    conn: *mut noPollConn,
    content: *const c_char,
    length: c_long,
) -> c_int {
    // SAFETY: as this function demands.
    unsafe { data(conn, content, length, false, 0, TEXT) }
}

/// As `nopoll_conn_send_text`, for bytes. `length` -1 is refused.
///
/// # Safety
/// `conn` is a handle; `content` is a buffer of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_send_binary(
    conn: *mut noPollConn,
    content: *const c_char,
    length: c_long,
) -> c_int {
    // SAFETY: as this function demands.
    unsafe { data(conn, content, length, true, 0, BINARY) }
}

/// As `nopoll_conn_send_text_fragment`, for bytes. `length` -1 is refused.
///
/// # Safety
/// `conn` is a handle; `content` is a buffer of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_send_binary_fragment(
    conn: *mut noPollConn,
    content: *const c_char,
    length: c_long,
) -> c_int {
    // SAFETY: as this function demands.
    unsafe { data(conn, content, length, false, 0, BINARY) }
}

/// As `nopoll_conn_send_text`, with FIN bit and opcode as given. `length` -1 is refused with
/// NOPOLL_BINARY_FRAME only. Text and binary frames become continuations while a fragmented message
/// is unfinished. With `sleep_in_header` above 0 the call pauses so many µs between header and
/// payload, a diagnostic aid.
///
/// # Safety
/// `conn` is a handle; `content` is a buffer of `length` bytes, or a text when that is -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __nopoll_conn_send_common(
    conn: *mut noPollConn,
    content: *const c_char,
    length: c_long,
    has_fin: nopoll_bool,
    sleep_in_header: c_long,
    frame_type: noPollOpCode,
) -> c_int {
    // SAFETY: as this function demands.
    unsafe {
        data(
            conn,
            content,
            length,
            has_fin != 0,
            sleep_in_header,
            frame_type,
        )
    }
}

const TEXT: noPollOpCode = OpCode::NOPOLL_TEXT_FRAME as noPollOpCode;
const BINARY: noPollOpCode = OpCode::NOPOLL_BINARY_FRAME as noPollOpCode;

/// The five functions above.
unsafe fn data(
    conn: *mut noPollConn,
    content: *const c_char,
    length: c_long,
    fin: bool,
    sleep_us: c_long,
    opcode: noPollOpCode,
) -> c_int {
    boundary_errno((-1, Errno::Keep), || {
        // SAFETY: the callers' `conn` is a handle.
        let conn = unsafe { Held::new(conn) }?;
        if content.is_null() {
            return refuse(&conn, "send", format_args!("content is NULL"));
        }
        let content = match (length, positive(length)) {
            (-1, _) if opcode != BINARY => {
                // SAFETY: a text, as -1 promises; not NULL.
                unsafe { CStr::from_ptr(content) }.to_bytes()
            }
            // SAFETY: a buffer, as the callers demand.
            (1.., Some(size)) => unsafe { bytes(content, size) }?,
            _ => return refuse(&conn, "send", format_args!("length is {length}")),
        };
        if sleep_us == 0 {
            return Some(Conn::send_data(
                &conn,
                conn.is_served(),
                (opcode, fin),
                content,
            ));
        }
        let frame = SendFrame {
            sleep_us,
            ..SendFrame::data(opcode, fin)
        };
        Some(Conn::send(&conn, conn.is_served(), &frame, content))
    })
}

/// Sends a frame exactly as described: FIN bit, masking and the low 4 bits of the opcode as given.
/// `length` may be 0, with any `content`. `sleep_in_header` is as for `__nopoll_conn_send_common`.
///
/// Returns what `nopoll_conn_send_text` does.
///
/// # Safety
/// `conn` is a handle; `content` is a buffer of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_send_frame(
    conn: *mut noPollConn,
    fin: nopoll_bool,
    masked: nopoll_bool,
    op_code: noPollOpCode,
    length: c_long,
    content: noPollPtr,
    sleep_in_header: c_long,
) -> c_int {
    boundary_errno((-1, Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Held::new(conn) }?;
        // SAFETY: a buffer, as this function demands.
        let content = unsafe { payload(&conn, content, length) }?;
        let frame = SendFrame {
            opcode: op_code,
            fin: fin != 0,
            masked: Some(masked != 0),
            track: false,
            sleep_us: sleep_in_header,
        };
        Some(Conn::send(&conn, conn.is_served(), &frame, content))
    })
}

/// The payload of a frame that may be empty.
unsafe fn payload<'a>(conn: &Arc<Conn>, content: noPollPtr, length: c_long) -> Option<&'a [u8]> {
    let Some(size) = positive(length) else {
        return refuse(conn, "send", format_args!("length is {length}"));
    };
    if size == 0 {
        return Some(&[]);
    }
    // SAFETY: the callers' `content` is a buffer of `length` bytes.
    match unsafe { bytes(content.cast::<c_char>(), size) } {
        None => refuse(conn, "send", format_args!("content is NULL")),
        content => content,
    }
}

/// Sends an empty ping (RFC 6455 §5.5.2). The pong is not waited for.
///
/// Returns 1 when the frame was accepted, otherwise 0, with `errno` as for
/// `nopoll_conn_send_text`.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_send_ping(conn: *mut noPollConn) -> nopoll_bool {
    boundary_errno((0, Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Held::new(conn) }?;
        let (accepted, errno) = Conn::ping(&conn);
        Some((nopoll_bool::from(accepted), errno))
    })
}

/// Sends a pong (RFC 6455 §5.5.3) of `length` bytes, which may be 0. Pings are answered by the
/// library; a pong without a ping is a heartbeat.
///
/// Returns 1 when the frame was accepted, otherwise 0, with `errno` as for
/// `nopoll_conn_send_text`.
///
/// # Safety
/// `conn` is a handle; `content` is a buffer of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_send_pong(
    conn: *mut noPollConn,
    length: c_long,
    content: noPollPtr,
) -> nopoll_bool {
    boundary_errno((0, Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Held::new(conn) }?;
        // SAFETY: a buffer, as this function demands.
        let content = unsafe { payload(&conn, content, length) }?;
        let (accepted, errno) = Conn::pong(&conn, content);
        Some((nopoll_bool::from(accepted), errno))
    })
}

/// Masks, or unmasks, `payload_size` bytes in place (RFC 6455 §5.3): byte *i* is XORed with byte
/// (*i* + `desp`) mod 4 of the 4 bytes at `mask`. Nothing for NULL or a size ≤ 0. `ctx` is not
/// used.
///
/// # Safety
/// `payload` is a buffer of `payload_size` bytes, `mask` one of 4 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_mask_content(
    ctx: *mut noPollCtx,
    payload: *mut c_char,
    payload_size: c_int,
    mask: *mut c_char,
    desp: c_int,
) {
    let _ = ctx;
    boundary((), || {
        // SAFETY: a buffer, as this function demands.
        let key = unsafe { bytes(mask, 4) }?.try_into().ok()?;
        let size = super::convert::size(payload_size)?;
        // SAFETY: a buffer, as this function demands.
        let payload = unsafe { super::convert::bytes_mut(payload, size) }?;
        let offset = usize::try_from(desp.rem_euclid(4)).ok()?;
        Mask::at(key, offset).apply(payload);
        Some(())
    });
}
