//! Memory to receive into.

use std::mem::MaybeUninit;

/// Memory that may hold nothing yet: clearing it before the kernel writes to it would cost as much as
/// copying. It shrinks from the front as it is filled.
pub(crate) struct Room<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    /// For the memory's owner: how far it holds something, counted from where it begins. None: all of
    /// it does.
    initialised: Option<&'a mut usize>,
    /// Where `bytes` begin in it.
    at: usize,
}

impl<'a> Room<'a> {
    /// The memory of an owner that holds something up to `initialised`, from `at` on, which is not
    /// beyond that.
    pub(super) fn new(
        bytes: &'a mut [MaybeUninit<u8>],
        initialised: &'a mut usize,
        at: usize,
    ) -> Self {
        debug_assert!(at <= *initialised);
        Self {
            bytes,
            initialised: Some(initialised),
            at,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// For writing only.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr().cast()
    }

    /// The first `n` bytes are filled.
    ///
    /// # Safety
    /// They hold what somebody has written there.
    pub(crate) unsafe fn advance(&mut self, n: usize) {
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = &mut bytes[n..];
        self.at += n;
        if let Some(initialised) = &mut self.initialised {
            **initialised = self.at.max(**initialised);
        }
    }
}

impl<'a> From<&'a mut [u8]> for Room<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        let (start, len) = (bytes.as_mut_ptr().cast(), bytes.len());
        Self {
            // SAFETY: the same memory, borrowed for as long; it is only written to.
            bytes: unsafe { std::slice::from_raw_parts_mut(start, len) },
            initialised: None,
            at: 0,
        }
    }
}
