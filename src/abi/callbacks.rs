//! The types of the functions a C program hands to the library.
//!
//! Each comes under its C name, where NULL is `None`, and most also as the bare function, for code
//! that has checked for NULL.

#![allow(
    non_camel_case_types,
    non_snake_case,
    reason = "names fixed by the C API"
)]
#![allow(dead_code, reason = "some of it exists for the C header only")]

use std::ffi::{c_char, c_int};

use super::types::{
    noPollConn, noPollConnOpts, noPollCtx, noPollDebugLevel, noPollMsg, noPollPtr, nopoll_bool,
};

/// Judges an event of a connection: on accept, on open, on ready. False drops the connection.
///
/// Runs on the thread whose call noticed the event, with no lock held: every function of this
/// library may be called from it, also on `conn` itself.
pub type noPollActionHandler = Option<
    unsafe extern "C" fn(
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        user_data: noPollPtr,
    ) -> nopoll_bool,
>;

/// cbindgen:ignore
pub type ActionFn = unsafe extern "C" fn(*mut noPollCtx, *mut noPollConn, noPollPtr) -> nopoll_bool;

/// Shape of an I/O engine's operation; can't be installed.
pub type noPollIoMechCreate = Option<unsafe extern "C" fn(ctx: *mut noPollCtx) -> noPollPtr>;

/// Shape of an I/O engine's operation; can't be installed.
pub type noPollIoMechDestroy =
    Option<unsafe extern "C" fn(ctx: *mut noPollCtx, io_object: noPollPtr)>;

/// Shape of an I/O engine's operation; can't be installed.
pub type noPollIoMechClear =
    Option<unsafe extern "C" fn(ctx: *mut noPollCtx, io_object: noPollPtr)>;

/// Shape of an I/O engine's operation; can't be installed.
pub type noPollIoMechWait =
    Option<unsafe extern "C" fn(ctx: *mut noPollCtx, io_object: noPollPtr) -> c_int>;

/// Shape of an I/O engine's operation; can't be installed.
pub type noPollIoMechAddTo = Option<
    unsafe extern "C" fn(
        fds: c_int,
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        io_object: noPollPtr,
    ) -> nopoll_bool,
>;

/// Shape of an I/O engine's operation; can't be installed.
pub type noPollIoMechIsSet = Option<
    unsafe extern "C" fn(ctx: *mut noPollCtx, fds: c_int, io_object: noPollPtr) -> nopoll_bool,
>;

/// Visits a connection for `nopoll_ctx_foreach_conn`. True ends the iteration with `conn`.
pub type noPollForeachConn = Option<
    unsafe extern "C" fn(
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        user_data: noPollPtr,
    ) -> nopoll_bool,
>;

/// cbindgen:ignore
pub type ForeachFn =
    unsafe extern "C" fn(*mut noPollCtx, *mut noPollConn, noPollPtr) -> nopoll_bool;

/// Shape of a connection's transport operation; can't be installed.
pub type noPollRead = Option<
    unsafe extern "C" fn(conn: *mut noPollConn, buffer: *mut c_char, buffer_size: c_int) -> c_int,
>;

/// Gets a message that the loop received. The library drops its reference when the handler returns;
/// `nopoll_msg_ref` keeps the message longer. Without that, object and payload may become those of
/// the next message. `errno` is 0 on entry.
pub type noPollOnMessageHandler = Option<
    unsafe extern "C" fn(
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        msg: *mut noPollMsg,
        user_data: noPollPtr,
    ),
>;

/// cbindgen:ignore
pub type MessageFn =
    unsafe extern "C" fn(*mut noPollCtx, *mut noPollConn, *mut noPollMsg, noPollPtr);

/// Told once that a connection is about to lose its socket, whatever the reason. The descriptor
/// is still open; storing -1 with `nopoll_conn_set_socket` keeps it open.
pub type noPollOnCloseHandler =
    Option<unsafe extern "C" fn(ctx: *mut noPollCtx, conn: *mut noPollConn, user_data: noPollPtr)>;

/// cbindgen:ignore
pub type CloseFn = unsafe extern "C" fn(*mut noPollCtx, *mut noPollConn, noPollPtr);

/// Makes a mutex, unlocked; NULL when it can't.
pub type noPollMutexCreate = Option<unsafe extern "C" fn() -> noPollPtr>;

/// cbindgen:ignore
pub type MutexCreateFn = unsafe extern "C" fn() -> noPollPtr;

/// Destroys a mutex, which is unlocked.
pub type noPollMutexDestroy = Option<unsafe extern "C" fn(mutex: noPollPtr)>;

/// cbindgen:ignore
pub type MutexDestroyFn = unsafe extern "C" fn(noPollPtr);

/// Locks a mutex, waiting for it.
pub type noPollMutexLock = Option<unsafe extern "C" fn(mutex: noPollPtr)>;

/// Unlocks a mutex that the calling thread has locked.
pub type noPollMutexUnlock = Option<unsafe extern "C" fn(mutex: noPollPtr)>;

/// cbindgen:ignore
pub type MutexLockFn = unsafe extern "C" fn(noPollPtr);

/// Gets every log record of a context: `log_msg` is `"<file>:<line> <text> "`, valid only during
/// the call. Called with no lock held, from any thread that uses the library.
pub type noPollLogHandler = Option<
    unsafe extern "C" fn(
        ctx: *mut noPollCtx,
        level: noPollDebugLevel,
        log_msg: *const c_char,
        user_data: noPollPtr,
    ),
>;

/// cbindgen:ignore
pub type LogFn = unsafe extern "C" fn(*mut noPollCtx, noPollDebugLevel, *const c_char, noPollPtr);

/// Makes the OpenSSL `SSL_CTX *` of a TLS connection, instead of the library. `opts` are those
/// given to the client's constructor, or the listener's; they may be NULL. One reference on the
/// result passes to the library. NULL: the connection fails.
pub type noPollSslContextCreator = Option<
    unsafe extern "C" fn(
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        opts: *mut noPollConnOpts,
        is_client: nopoll_bool,
        user_data: noPollPtr,
    ) -> noPollPtr,
>;

/// cbindgen:ignore
pub type CreatorFn = unsafe extern "C" fn(
    *mut noPollCtx,
    *mut noPollConn,
    *mut noPollConnOpts,
    nopoll_bool,
    noPollPtr,
) -> noPollPtr;

/// Judges a finished TLS handshake, before any HTTP byte. `SSL_CTX` and `SSL` are the OpenSSL
/// objects in use; they stay the library's. False drops the connection.
pub type noPollSslPostCheck = Option<
    unsafe extern "C" fn(
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        SSL_CTX: noPollPtr,
        SSL: noPollPtr,
        user_data: noPollPtr,
    ) -> nopoll_bool,
>;

/// cbindgen:ignore
pub type PostCheckFn = unsafe extern "C" fn(
    *mut noPollCtx,
    *mut noPollConn,
    noPollPtr,
    noPollPtr,
    noPollPtr,
) -> nopoll_bool;

/// Answers a plain HTTP request on a listener's port: one for something else than a WebSocket.
/// `method` is "GET" or "HEAD", `url` the request target. True after nopoll_conn_http_reply;
/// false for the answer there would be without a handler.
pub type noPollOnHttpHandler = Option<
    unsafe extern "C" fn(
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        method: *const c_char,
        url: *const c_char,
        user_data: noPollPtr,
    ) -> nopoll_bool,
>;

/// cbindgen:ignore
pub type HttpFn = unsafe extern "C" fn(
    *mut noPollCtx,
    *mut noPollConn,
    *const c_char,
    *const c_char,
    noPollPtr,
) -> nopoll_bool;
