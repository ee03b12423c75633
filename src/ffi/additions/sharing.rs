//! Several listeners on one port.

use crate::abi::types::{noPollConnOpts, nopoll_bool};
use crate::ffi::opts::edit;

/// Listeners: with true, others may listen on the same address and port, in this process or in
/// another one of the same user, if all of them are opened with it (SO_REUSEPORT). The system
/// spreads new connections over them by address and port of the peer. With false, the default, a
/// port has one listener.
///
/// So a program uses several processors: a context, a listener and a `nopoll_loop_wait` per thread.
/// A connection stays with the listener that got it. One that is closed loses the connections it has
/// not accepted yet, and the system may give them to no other.
///
/// Where the system knows no such option, constructors of listeners that ask for it fail.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_reuse_port(
    opts: *mut noPollConnOpts,
    enable: nopoll_bool,
) {
    // SAFETY: a handle, as this function demands.
    unsafe { edit(opts, |settings| settings.reuse_port = enable != 0) }
}
