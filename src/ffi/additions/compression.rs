//! permessage-deflate. As with the other settings, a value in the options of a client or listener
//! wins over the context's.

use std::ffi::{c_int, c_long};

use crate::abi::types::{noPollConn, noPollConnOpts, noPollCtx, nopoll_bool};
use crate::api::compression::{Compression, OutOfRange};
use crate::api::opts::Settings;
use crate::api::{Conn, Ctx};
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, ask};
use crate::ffi::opts::edit;

type Outcome = Result<(), OutOfRange>;

// Neither of these two is inlined, nor made for each change anew: none is worth a copy.

#[inline(never)]
unsafe fn on_ctx(ctx: *mut noPollCtx, change: &dyn Fn(&mut Compression) -> Outcome) {
    boundary((), || {
        // SAFETY: the callers' `ctx` is a handle.
        Ctx::set_compression(&unsafe { Ctx::retain(ctx) }?, change);
        Some(())
    });
}

#[inline(never)]
unsafe fn on_opts(opts: *mut noPollConnOpts, change: &dyn Fn(&mut Compression) -> Outcome) {
    let change = |settings: &mut Settings| {
        // Options have nowhere to log to.
        let _ = change(&mut settings.compression);
    };
    // SAFETY: the callers' `opts` is a handle.
    unsafe { edit(opts, change) }
}

/// With true, connections compress their messages if the peer can do so, too (permessage-deflate,
/// RFC 7692): clients offer it, listeners agree to it. With false, the default, nothing is offered
/// or agreed to. Read at each opening handshake.
///
/// A connection that is compressed needs about 280 KB for sending and 50 KB for receiving, from the
/// first compressed message on; see `nopoll_ctx_set_compression_context_takeover`. Messages are
/// received uncompressed, and the limits of frames and messages apply to what comes out. With
/// NOPOLL_DELIVER_FRAMES each frame gives what came out of it, which for a frame that isn't the
/// last of its message may be nothing; with NOPOLL_DELIVER_PIECES the last piece of a frame may be
/// empty.
///
/// Sends return and count bytes of the payload as it was given. The count of a compressed frame
/// that can't be written at once comes in one piece: the send returns -2, and when the frame is
/// out, all of its length is reported.
///
/// Don't put a secret into a message together with text that an attacker chose: its length would
/// tell how much of the two is alike.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_compression(ctx: *mut noPollCtx, enable: nopoll_bool) {
    // SAFETY: as this function demands.
    unsafe { on_ctx(ctx, &|compression| compression.set_enabled(enable != 0)) }
}

/// As `nopoll_ctx_set_compression`, for the connections made with these options.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_compression(
    opts: *mut noPollConnOpts,
    enable: nopoll_bool,
) {
    // SAFETY: as this function demands.
    unsafe { on_opts(opts, &|compression| compression.set_enabled(enable != 0)) }
}

/// Sets how hard messages are compressed, from 1 (fast) to 9 (small); 3 is the default. Other
/// values are refused with a log line.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_compression_level(ctx: *mut noPollCtx, level: c_int) {
    // SAFETY: as this function demands.
    unsafe { on_ctx(ctx, &|compression| compression.set_level(level)) }
}

/// As `nopoll_ctx_set_compression_level`, for the connections made with these options. Other values
/// are ignored.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_compression_level(
    opts: *mut noPollConnOpts,
    level: c_int,
) {
    // SAFETY: as this function demands.
    unsafe { on_opts(opts, &|compression| compression.set_level(level)) }
}

/// Sets from how many bytes on messages are compressed; 64 is the default. Of a fragmented message,
/// the first fragment decides. Empty messages are never compressed. Values other than 0 to
/// NOPOLL_MAX_FRAME_SIZE_LIMIT are refused with a log line.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_compression_threshold(ctx: *mut noPollCtx, bytes: c_long) {
    // SAFETY: as this function demands.
    unsafe { on_ctx(ctx, &|compression| compression.set_threshold(bytes)) }
}

/// As `nopoll_ctx_set_compression_threshold`, for the connections made with these options. Other
/// values are ignored.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_compression_threshold(
    opts: *mut noPollConnOpts,
    bytes: c_long,
) {
    // SAFETY: as this function demands.
    unsafe { on_opts(opts, &|compression| compression.set_threshold(bytes)) }
}

/// Sets how far back compressed data may refer, as the logarithm of a number of bytes: from 9 (512
/// bytes) to 15 (32 KB), which is the default for both. `send_bits` holds for what is sent: 12
/// instead of 15 saves 115 KB of memory, and costs a tenth or so of what compression gains.
/// `receive_bits` is asked of the peer: a server must comply or the handshake of the client fails;
/// a client that doesn't say that it can use less goes on with 15. Other values are refused with a
/// log line.
///
/// These are `server_max_window_bits` and `client_max_window_bits` of RFC 7692 §7.1.2. A client
/// that demands a window of 8 bits gets no compression; a server that does, messages that aren't
/// compressed.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_compression_window_bits(
    ctx: *mut noPollCtx,
    send_bits: c_int,
    receive_bits: c_int,
) {
    // SAFETY: as this function demands.
    unsafe {
        on_ctx(ctx, &|compression| {
            compression.set_window_bits(send_bits, receive_bits)
        })
    }
}

/// As `nopoll_ctx_set_compression_window_bits`, for the connections made with these options. Other
/// values are ignored.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_compression_window_bits(
    opts: *mut noPollConnOpts,
    send_bits: c_int,
    receive_bits: c_int,
) {
    // SAFETY: as this function demands.
    unsafe {
        on_opts(opts, &|compression| {
            compression.set_window_bits(send_bits, receive_bits)
        })
    }
}

/// Sets whether messages may refer to earlier ones, which compresses small messages that resemble
/// each other much better; true is the default for both directions. With false, memory for the
/// direction is taken with each message and given back behind it. `receive` false is asked of the
/// peer: a server must comply or the handshake of the client fails; every client must.
///
/// These are `server_no_context_takeover` and `client_no_context_takeover` of RFC 7692 §7.1.1.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_compression_context_takeover(
    ctx: *mut noPollCtx,
    send: nopoll_bool,
    receive: nopoll_bool,
) {
    // SAFETY: as this function demands.
    unsafe {
        on_ctx(ctx, &|compression| {
            compression.set_takeover(send != 0, receive != 0)
        })
    }
}

/// As `nopoll_ctx_set_compression_context_takeover`, for the connections made with these options.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_compression_context_takeover(
    opts: *mut noPollConnOpts,
    send: nopoll_bool,
    receive: nopoll_bool,
) {
    // SAFETY: as this function demands.
    unsafe {
        on_opts(opts, &|compression| {
            compression.set_takeover(send != 0, receive != 0)
        })
    }
}

/// Returns 1 when both sides agreed to compress in the opening handshake, otherwise 0; also 0 for
/// NULL. That a message was compressed doesn't show.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_is_compressed(conn: *mut noPollConn) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe {
        ask(conn, 0, |conn: &Conn| {
            nopoll_bool::from(conn.is_compressed())
        })
    }
}

/// Gives back the memory that compressing for this connection holds, for one that will be idle. It
/// is taken again with the next message, which then doesn't refer to earlier ones. What receiving
/// holds stays while the peer may refer to earlier messages.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_release_compression(conn: *mut noPollConn) {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, (), Conn::release_compression) }
}
