//! The program's handlers: each does what the script says next.

use nopoll::abi::types::{noPollConn, noPollCtx, noPollMsg, noPollPtr, nopoll_bool};

use super::world::World;

/// # Safety
/// `data` points to the live world.
unsafe fn world<'a>(data: noPollPtr) -> &'a World {
    // SAFETY: as this function demands.
    unsafe { &*data.cast::<World>() }
}

pub unsafe extern "C" fn on_msg(
    _ctx: *mut noPollCtx,
    _conn: *mut noPollConn,
    msg: *mut noPollMsg,
    data: noPollPtr,
) {
    // SAFETY: the handlers are installed with the world.
    let world = unsafe { world(data) };
    world.keep(msg);
    world.act();
}

pub unsafe extern "C" fn on_ping(
    _ctx: *mut noPollCtx,
    _conn: *mut noPollConn,
    _msg: *mut noPollMsg,
    data: noPollPtr,
) {
    // SAFETY: as above.
    unsafe { world(data) }.act();
}

pub unsafe extern "C" fn on_close(_ctx: *mut noPollCtx, _conn: *mut noPollConn, data: noPollPtr) {
    // SAFETY: as above.
    let world = unsafe { world(data) };
    world.closed();
    world.act();
}

pub unsafe extern "C" fn on_ready(
    _ctx: *mut noPollCtx,
    _conn: *mut noPollConn,
    data: noPollPtr,
) -> nopoll_bool {
    // SAFETY: as above.
    unsafe { world(data) }.act();
    1
}
