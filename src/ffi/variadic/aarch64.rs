//! Procedure call standard for the Arm 64-bit architecture: eight general registers, eight vector
//! registers, then the stack. A long double fills a whole vector register, of which only half is
//! kept here: it is the one type that can't be formatted.

use super::{STACK, Word};
use crate::abi::types::va_list;

/// Arguments to `...` other than long double use no more of a vector register than a double.
#[repr(C, align(16))]
struct Vector([[f64; 2]; 8]);

/// The stack's arguments, as aligned as they were.
#[repr(C, align(16))]
struct Stack([Word; STACK]);

/// `va_list`, which is passed by address.
#[repr(C)]
struct Tag {
    stack: *mut Word,
    gr_top: *mut Word,
    vr_top: *mut [f64; 2],
    gr_offs: i32,
    vr_offs: i32,
}

/// The arguments of one call.
pub(super) struct Call {
    general: [Word; 8],
    vector: Vector,
    stack: Stack,
    tag: Tag,
}

impl Call {
    pub(super) fn new(general: [Word; 8], vector: [f64; 8], stack: [Word; STACK]) -> Self {
        Self {
            general,
            vector: Vector(vector.map(|low| [low, 0.0])),
            stack: Stack(stack),
            tag: Tag {
                stack: std::ptr::null_mut(),
                gr_top: std::ptr::null_mut(),
                vr_top: std::ptr::null_mut(),
                gr_offs: 0,
                vr_offs: 0,
            },
        }
    }

    /// One of the arguments before the `...`, none of which is a floating-point number.
    pub(super) fn argument(&self, n: usize) -> Word {
        self.general[n]
    }

    /// The arguments behind the first `fixed` ones, of which there are at most eight.
    pub(super) fn rest(&mut self, fixed: i32) -> va_list {
        self.tag.stack = self.stack.0.as_mut_ptr();
        self.tag.gr_top = self.general.as_mut_ptr_range().end;
        self.tag.vr_top = self.vector.0.as_mut_ptr_range().end;
        self.tag.gr_offs = -8 * (8 - fixed);
        self.tag.vr_offs = -16 * 8;
        let tag: *mut Tag = &raw mut self.tag;
        va_list(tag.cast())
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
            g4: Word,
            g5: Word,
            g6: Word,
            g7: Word,
            v0: f64,
            v1: f64,
            v2: f64,
            v3: f64,
            v4: f64,
            v5: f64,
            v6: f64,
            v7: f64,
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
            let mut call = Call::new(
                [g0, g1, g2, g3, g4, g5, g6, g7],
                [v0, v1, v2, v3, v4, v5, v6, v7],
                [
                    s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, s16, s17,
                    s18, s19, s20, s21, s22, s23,
                ],
            );
            // SAFETY: the arguments are those of the variadic function of this name.
            unsafe { $function(&mut call) }
        }
    };
}
pub(super) use entry;
