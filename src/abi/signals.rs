//! SIGPIPE: a dead peer must not end the process.

extern "C" fn do_nothing(_signal: libc::c_int) {}

/// Installs a handler that does nothing, unless the program has its own way with SIGPIPE.
///
/// Our own writes don't raise the signal; a handler (not `SIG_IGN`, which programs started by
/// exec would inherit) covers what else writes to a connection's descriptor.
pub(crate) fn survive_sigpipe() {
    // SAFETY: all-zero is a valid sigaction, and reading the disposition changes nothing.
    unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGPIPE, std::ptr::null(), &raw mut current) == 0
            && current.sa_sigaction == libc::SIG_DFL
        {
            current.sa_sigaction = do_nothing as *const () as libc::sighandler_t;
            current.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGPIPE, &raw const current, std::ptr::null_mut());
        }
    }
}
