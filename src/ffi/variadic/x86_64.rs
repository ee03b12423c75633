//! System V ABI, AMD64: six general registers, eight vector registers, then the stack.

use super::Word;
use crate::abi::types::va_list;

/// `reg_save_area`. Arguments to `...` use no more of a vector register than a double.
#[repr(C, align(16))]
struct Saved {
    general: [Word; 6],
    vector: [[f64; 2]; 8],
}

/// Where the caller's stack holds its further arguments. A structure of more than two words is
/// passed in memory, so this one lies exactly there, whatever its size: how many words there are
/// only the caller knows.
#[repr(C)]
pub(super) struct Stack([Word; 3]);

/// `va_list[0]`.
#[repr(C)]
struct Tag {
    gp_offset: u32,
    fp_offset: u32,
    overflow_arg_area: *mut Stack,
    reg_save_area: *mut Saved,
}

/// The arguments of one call.
pub(super) struct Call {
    saved: Saved,
    stack: *mut Stack,
    tag: Tag,
}

impl Call {
    pub(super) fn new(general: [Word; 6], vector: [f64; 8], stack: *mut Stack) -> Self {
        let vector = vector.map(|low| [low, 0.0]);
        Self {
            saved: Saved { general, vector },
            stack,
            tag: Tag {
                gp_offset: 0,
                fp_offset: 48,
                overflow_arg_area: std::ptr::null_mut(),
                reg_save_area: std::ptr::null_mut(),
            },
        }
    }

    /// One of the arguments before the `...`, none of which is a floating-point number.
    pub(super) fn argument(&self, n: usize) -> Word {
        self.saved.general[n]
    }

    /// The arguments behind the first `fixed` ones, of which there are at most six.
    pub(super) fn rest(&mut self, fixed: u32) -> va_list {
        self.tag.gp_offset = 8 * fixed;
        self.tag.overflow_arg_area = self.stack;
        self.tag.reg_save_area = &raw mut self.saved;
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
            v0: f64,
            v1: f64,
            v2: f64,
            v3: f64,
            v4: f64,
            v5: f64,
            v6: f64,
            v7: f64,
            mut stack: $crate::ffi::variadic::x86_64::Stack,
        ) -> $result {
            let mut call = Call::new(
                [g0, g1, g2, g3, g4, g5],
                [v0, v1, v2, v3, v4, v5, v6, v7],
                &raw mut stack,
            );
            // SAFETY: the arguments are those of the variadic function of this name.
            unsafe { $function(&mut call) }
        }
    };
}
pub(super) use entry;
