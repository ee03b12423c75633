//! The line between C and Rust: no panic crosses it, and `errno` only when it is meant to.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::errno;
use crate::api::Errno;

/// Runs `work` and leaves `errno` as it was on entry. `None`, which is how `work` says that a
/// pointer was NULL, and a panic give `fallback`.
pub(super) fn boundary<R>(fallback: R, work: impl FnOnce() -> Option<R>) -> R {
    let errno = errno::place();
    let before = errno.get();
    let result = caught(work).unwrap_or(fallback);
    errno.set(before);
    result
}

/// As [`boundary`], for constructors: when `work` fails, `errno` stays as the system left it.
pub(super) fn boundary_making<R>(fallback: R, work: impl FnOnce() -> Option<R>) -> R {
    let errno = errno::place();
    let before = errno.get();
    match caught(work) {
        Some(result) => {
            errno.set(before);
            result
        }
        None => fallback,
    }
}

/// As [`boundary`], for functions of which `errno` is a second result.
pub(super) fn boundary_errno<R>(
    fallback: (R, Errno),
    work: impl FnOnce() -> Option<(R, Errno)>,
) -> R {
    let errno = errno::place();
    let before = errno.get();
    let (mut result, mut outcome) = fallback;
    caught(|| {
        (result, outcome) = work()?;
        Some(())
    });
    errno.set(match outcome {
        Errno::Keep => before,
        Errno::Set(code) => code,
    });
    result
}

/// A panic ends this call, not the program: whatever it left behind is behind locks that recover.
fn caught<R>(work: impl FnOnce() -> Option<R>) -> Option<R> {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_fallback_and_errno_survives() {
        errno::set(libc::EDOM);
        let result = boundary(-1, || {
            errno::set(libc::EIO);
            std::panic::resume_unwind(Box::new("a bug"))
        });
        assert_eq!(result, -1);
        assert_eq!(errno::get(), libc::EDOM);
    }

    #[test]
    fn errno_is_written_last_when_it_is_a_result() {
        errno::set(libc::EDOM);
        assert_eq!(
            boundary_errno((0, Errno::Keep), || Some((7, Errno::Set(libc::EAGAIN)))),
            7
        );
        assert_eq!(errno::get(), libc::EAGAIN);
        assert_eq!(boundary_errno((-1, Errno::Set(libc::EINVAL)), || None), -1);
        assert_eq!(errno::get(), libc::EINVAL);
        assert_eq!(
            boundary_errno((-1, Errno::Set(libc::EINVAL)), || Some((3, Errno::Keep))),
            3
        );
        assert_eq!(errno::get(), libc::EINVAL);
    }

    #[test]
    fn a_failed_constructor_leaves_the_systems_errno() {
        errno::set(0);
        let fail = |code| {
            move || -> Option<i32> {
                errno::set(code);
                None
            }
        };
        assert_eq!(boundary_making(-1, fail(libc::EMFILE)), -1);
        assert_eq!(errno::get(), libc::EMFILE);
        assert_eq!(boundary(-1, fail(libc::EIO)), -1);
        assert_eq!(errno::get(), libc::EMFILE);
    }
}
