//! Handlers of a connection. NULL removes a handler; NULL connections are ignored.

use crate::abi::callbacks::{noPollActionHandler, noPollOnCloseHandler, noPollOnMessageHandler};
use crate::abi::hook::{Hook, HookPair};
use crate::abi::types::{noPollConn, noPollPtr};
use crate::api::Conn;
use crate::api::conn::ConnHooks;

use super::convert::look;

/// Installs or removes a handler.
///
/// # Safety
/// `conn` is a handle, `function` a callback.
pub(in crate::ffi) unsafe fn install<F: Copy>(
    conn: *mut noPollConn,
    function: Option<F>,
    user_data: noPollPtr,
    place: impl FnOnce(&ConnHooks) -> &HookPair<F>,
) {
    // SAFETY: a callback, as this function demands.
    let hook = function.map(|function| unsafe { Hook::new(function, user_data) });
    // SAFETY: a handle, as this function demands.
    unsafe { look(conn, (), |conn: &Conn| conn.set_handler(place, hook)) }
}

/// Sets who gets the messages that the loop receives on this connection, instead of the context's
/// handler.
///
/// # Safety
/// `conn` is a handle, `on_msg` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_on_msg(
    conn: *mut noPollConn,
    on_msg: noPollOnMessageHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe { install(conn, on_msg, user_data, |hooks| &hooks.on_msg) }
}

/// Sets who is told that this connection's handshake is complete, instead of the context's handler.
/// False drops the connection.
///
/// # Safety
/// `conn` is a handle, `on_ready` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_on_ready(
    conn: *mut noPollConn,
    on_ready: noPollActionHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe { install(conn, on_ready, user_data, |hooks| &hooks.on_ready) }
}

/// Sets who is told, once, that this connection's socket is about to be closed, whatever the
/// reason. The connection is still ok, the peer's close status is known. Not called when the last
/// reference is dropped or -1 stored as descriptor.
///
/// # Safety
/// `conn` is a handle, `on_close` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_on_close(
    conn: *mut noPollConn,
    on_close: noPollOnCloseHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe { install(conn, on_close, user_data, |hooks| &hooks.on_close) }
}
