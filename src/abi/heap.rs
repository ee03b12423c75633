//! Blocks of the C heap: how large they really are, and whether somebody watches over their use.

use std::ffi::{CStr, c_void};
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

type Measure = unsafe extern "C" fn(*mut c_void) -> usize;

/// Set by [`prepare`].
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

/// Finds out how sizes of blocks are asked for, and whether they are watched, so that it needn't be
/// done under a lock: the dynamic loader has one of its own.
pub(super) fn prepare() {
    let marks = [c"__asan_init", c"_vgr10010ZU_libcZdsoZa_malloc"];
    let is_watched = marks.into_iter().any(|mark| !symbol(mark).is_null());
    IS_WATCHED.store(is_watched, Ordering::Relaxed);
    // SAFETY: NULL is allowed.
    unsafe { usable_size(ptr::null_mut()) };
}

/// Whether AddressSanitizer or a tool of valgrind tells the program of memory that it uses although it
/// has been freed. Memory must be freed for that, then.
#[inline]
pub(super) fn is_watched() -> bool {
    IS_WATCHED.load(Ordering::Relaxed)
}

/// How many bytes of a block may be used; 0 if nobody knows.
///
/// # Safety
/// `block` is NULL or a live block of the C heap.
#[inline]
pub(super) unsafe fn usable_size(block: *mut c_void) -> usize {
    static MEASURE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    let mut measure = MEASURE.load(Ordering::Relaxed);
    if measure.is_null() {
        measure = find();
        MEASURE.store(measure, Ordering::Relaxed);
    }
    // SAFETY: what `find` returns is such a function.
    let measure = unsafe { transmute::<*mut c_void, Measure>(measure) };
    // SAFETY: as this function demands.
    unsafe { measure(block) }
}

/// The heap's own `malloc_usable_size`. Programs and preloaded libraries may bring a `malloc` of their
/// own without it: the one of the C library would take their blocks for its own.
#[cold]
fn find() -> *mut c_void {
    let measure = symbol(c"malloc_usable_size");
    let home = home_of(measure);
    if home.is_some() && home == home_of(symbol(c"malloc")) {
        measure
    } else {
        nobody_knows as Measure as *mut c_void
    }
}

unsafe extern "C" fn nobody_knows(_: *mut c_void) -> usize {
    0
}

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: the name of a symbol.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Where the object begins that a function comes from.
fn home_of(function: *mut c_void) -> Option<*mut c_void> {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: looks an address up, whatever it is.
    let found = !function.is_null() && unsafe { libc::dladdr(function, info.as_mut_ptr()) } != 0;
    // SAFETY: filled in, as `dladdr` said.
    found.then(|| unsafe { info.assume_init() }.dli_fbase)
}
