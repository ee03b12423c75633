//! Procedure call standard for the Arm architecture, 32 bits: four registers, then the stack. Calls
//! of variadic functions use the base standard also where others pass floating-point numbers in
//! vector registers.

use super::{STACK, Word};
use crate::abi::types::va_list;

/// All arguments in a row, as aligned as they were: a double sits at a multiple of 8.
#[repr(C, align(8))]
struct Words([Word; 4 + STACK]);

/// The arguments of one call.
pub(super) struct Call {
    words: Words,
}

impl Call {
    pub(super) fn new(words: [Word; 4 + STACK]) -> Self {
        Self {
            words: Words(words),
        }
    }

    /// One of the arguments before the `...`, none of which is a floating-point number.
    pub(super) fn argument(&self, n: usize) -> Word {
        self.words.0[n]
    }

    /// The arguments behind the first `fixed` ones. A `va_list` is the address of the next.
    pub(super) fn rest(&mut self, fixed: usize) -> va_list {
        va_list(self.words.0[fixed..].as_mut_ptr().cast())
    }
}

macro_rules! entry {
    ($name:ident -> $result:ty, $function:ident) => {
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments, reason = "every place an argument may be")]
        unsafe extern "C" fn $name(
            g0: Word,
            g1: Word,
            g2: Word,
            g3: Word,
            s0: Word,
            s1: Word,
            s2: Word,
            s3: Word,
            s4: Word,
            s5: Word,
            s6: Word,
            s7: Word,
            s8: Word,
            s9: Word,
            s10: Word,
            s11: Word,
            s12: Word,
            s13: Word,
            s14: Word,
            s15: Word,
            s16: Word,
            s17: Word,
            s18: Word,
            s19: Word,
            s20: Word,
            s21: Word,
            s22: Word,
            s23: Word,
        ) -> $result {
            let mut call = Call::new([
                g0, g1, g2, g3, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14,
                s15, s16, s17, s18, s19, s20, s21, s22, s23,
            ]);
            // SAFETY: the arguments are those of the variadic function of this name.
            unsafe { $function(&mut call) }
        }
    };
}
pub(super) use entry;
