//! UTF-8 validation in vectors of 64 bytes, for processors with AVX-512 VBMI; of masked text, too,
//! while it is copied.
//!
//! Every byte is judged together with the three before it. Two rules make text (RFC 3629 §4), and
//! a byte that breaks one has its sign bit set in the result:
//!
//! 1. It is a continuation (80..BF) exactly if a lead before it wants one: any lead directly
//!    before it, one of three or four bytes two before it, one of four bytes three before it.
//! 2. Behind a lead it is in the range that this lead allows ([`OFFSETS`]).
//!
//! Text that is copied is judged in the registers between load and store. To load what was just
//! stored in smaller pieces is to wait until they have left for the cache, which costs more than
//! judging a short text.

#![allow(
    clippy::incompatible_msrv,
    reason = "build.rs lets only compilers in that have the instructions"
)]

use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ptr;

/// Bytes in a vector.
const WIDTH: usize = 64;
/// Bytes in a quarter of it.
const QUARTER: usize = WIDTH / 4;
/// Bytes in a round of the loop.
const ROUND: usize = 2 * WIDTH;
/// So far ahead the next lines are asked for: text that was just received is in the second-level
/// cache.
const AHEAD: usize = 8 * WIDTH;
/// So many bytes are worth one vector more, after which all loads are aligned; or all stores, if they
/// aren't judged. Fewer that aren't judged are copied as fast by what the compiler makes.
pub const LONG: usize = 8 * WIDTH;
/// Behind a round that isn't ASCII, nobody looks for ASCII in so many bytes.
const PATIENCE: usize = 32 * ROUND;

/// Whether the processor has what the functions need.
pub fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("bmi2")
}

/// Whether `bytes` are UTF-8 as a whole.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi2")]
pub fn is_utf8(bytes: &[u8]) -> bool {
    Text::<false, true>::new(bytes, ptr::null_mut(), [0; 4]).judge()
}

/// Copies `from` to `to`, which is as long, XORed with `key` over and over. Returns whether the copy
/// is UTF-8 as a whole, if it `JUDGES` that; otherwise true.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi2")]
pub fn copy_masked<const JUDGES: bool>(
    from: &[u8],
    to: &mut [MaybeUninit<u8>],
    key: [u8; 4],
) -> bool {
    assert_eq!(from.len(), to.len(), "a copy is as long as the original");
    Text::<true, JUDGES>::new(from, to.as_mut_ptr().cast(), key).judge()
}

/// What is added to the byte behind a lead, by the lead's low six bits: the sum has no sign bit if
/// the byte, a continuation, is allowed there.
static OFFSETS: [u8; WIDTH] = {
    /// Makes the sum 00..7F for the 128 values from `first` on.
    const fn from(first: u8) -> u8 {
        0u8.wrapping_sub(first)
    }
    const NEVER: u8 = from(0xc0);
    let mut offsets = [from(0x80); WIDTH];
    // C0 and C1 would make two bytes of ASCII.
    offsets[0x00] = NEVER;
    offsets[0x01] = NEVER;
    // E0 A0..BF, ED 80..9F, F0 90..BF, F4 80..8F.
    offsets[0x20] = from(0xa0);
    offsets[0x2d] = from(0x20);
    offsets[0x30] = from(0x90);
    offsets[0x34] = from(0x10);
    // Beyond F4 there is nothing.
    let mut lead = 0x35;
    while lead < WIDTH {
        offsets[lead] = NEVER;
        lead += 1;
    }
    offsets
};

/// The text under judgement, or bytes that are only copied.
struct Text<const COPIES: bool, const JUDGES: bool> {
    /// `len` readable bytes.
    from: *const u8,
    /// `len` writable bytes elsewhere, if it is copied.
    to: *mut u8,
    len: usize,
    key: __m512i,
    offsets: __m512i,
    /// The vector that was judged last; what is before the text counts as zeros.
    before: __m512i,
    /// Sign bits of the bytes that broke a rule.
    wrong: __m512i,
}

impl<const COPIES: bool, const JUDGES: bool> Text<COPIES, JUDGES> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(from: &[u8], to: *mut u8, key: [u8; 4]) -> Self {
        Self {
            from: from.as_ptr(),
            to,
            len: from.len(),
            key: _mm512_set1_epi32(i32::from_ne_bytes(key)),
            // SAFETY: the table has a vector's size.
            offsets: unsafe { _mm512_loadu_si512(OFFSETS.as_ptr().cast()) },
            before: _mm512_setzero_si512(),
            wrong: _mm512_setzero_si512(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi2")]
    fn judge(mut self) -> bool {
        let mut at = 0;
        if self.len >= LONG {
            at = self.judge_start();
        }
        while at + ROUND <= self.len {
            // SAFETY: a round is there.
            if JUDGES && unsafe { self.pass_ascii(at) } {
                at += ROUND;
                continue;
            }
            let until = self.len.min(at + PATIENCE);
            while at + ROUND <= until {
                // SAFETY: a round is there.
                unsafe {
                    self.judge_vector(at);
                    self.judge_vector(at + WIDTH);
                }
                at += ROUND;
            }
        }
        if at + WIDTH <= self.len {
            // SAFETY: a vector is there.
            unsafe { self.judge_vector(at) };
            at += WIDTH;
        }
        self.judge_end(at);
        _mm512_movepi8_mask(self.wrong) == 0
    }

    /// Copies the round at `at` and returns true, if it is ASCII and no character goes on into it.
    ///
    /// # Safety
    ///
    /// [`ROUND`] bytes from `at` on are in the text.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn pass_ascii(&mut self, at: usize) -> bool {
        // SAFETY: as the caller says.
        let (first, second) = unsafe { (self.load(at), self.load(at + WIDTH)) };
        let may_go_on = _mm512_maskz_mov_epi8(0b111 << (WIDTH - 3), self.before);
        let any = _mm512_ternarylogic_epi64::<OR>(may_go_on, first, second);
        if _mm512_movepi8_mask(any) != 0 {
            return false;
        }
        // SAFETY: as the caller says.
        unsafe {
            self.store(at, first);
            self.store(at + WIDTH, second);
        }
        self.before = second;
        true
    }

    /// Copies and judges the vector at `at`.
    ///
    /// # Safety
    ///
    /// [`WIDTH`] bytes from `at` on are in the text.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn judge_vector(&mut self, at: usize) {
        // SAFETY: as the caller says.
        let bytes = unsafe { self.load(at) };
        // SAFETY: as the caller says.
        unsafe { self.store(at, bytes) };
        let quarters = if COPIES || at < QUARTER {
            self.quarters_before(bytes)
        } else {
            // Of text that lies there unmasked. A load is an instruction less to compute.
            // SAFETY: from a quarter before to a quarter before the end of what the caller says.
            unsafe { _mm512_loadu_si512(self.from.add(at - QUARTER).cast()) }
        };
        self.apply_rules(bytes, quarters);
    }

    /// Copies and judges what comes before the first aligned vector, with zeros before it; returns
    /// its length. Copying is bound by stores, judging by neither.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi2")]
    fn judge_start(&mut self) -> usize {
        let aligned = if JUDGES { self.from } else { self.to };
        let missing = aligned.addr() % WIDTH;
        let length = WIDTH - missing;
        if COPIES {
            // So that it fits vectors that lie whole vectors from there.
            let turn = _mm512_set1_epi32(8 * (length % 4) as i32);
            self.key = _mm512_rorv_epi32(self.key, turn);
        }
        // SAFETY: at most a vector from the beginning on, and the text is longer.
        unsafe { self.judge_part(0usize.wrapping_sub(missing), !0 << missing) };
        length
    }

    /// Copies and judges what is left from `at` on, less than a vector, with zeros behind it: they
    /// show what is unfinished.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi2")]
    fn judge_end(&mut self, at: usize) {
        let present = _bzhi_u64(!0, (self.len - at) as u32);
        // SAFETY: so much is left.
        unsafe { self.judge_part(at, present) };
    }

    /// Copies and judges those bytes of the vector at `at` that are `present`; the others count as
    /// zeros, and aren't touched.
    ///
    /// # Safety
    ///
    /// Those bytes are in the text.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn judge_part(&mut self, at: usize, present: u64) {
        let from = self.from.wrapping_add(at).cast();
        // SAFETY: as the caller says.
        let mut bytes = unsafe { _mm512_maskz_loadu_epi8(present, from) };
        if COPIES {
            bytes = _mm512_maskz_mov_epi8(present, _mm512_xor_si512(bytes, self.key));
            // SAFETY: as the caller says.
            unsafe { _mm512_mask_storeu_epi8(self.to.wrapping_add(at).cast(), present, bytes) };
        }
        self.apply_rules(bytes, self.quarters_before(bytes));
    }

    /// Loads the vector at `at`, unmasked.
    ///
    /// # Safety
    ///
    /// As of [`Self::judge_vector`].
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load(&self, at: usize) -> __m512i {
        // Beyond the text it asks for nothing that a program would notice.
        _mm_prefetch::<_MM_HINT_T0>(self.from.wrapping_add(at + AHEAD).cast());
        // SAFETY: as the caller says.
        let bytes = unsafe { _mm512_loadu_si512(self.from.add(at).cast()) };
        if COPIES {
            _mm512_xor_si512(bytes, self.key)
        } else {
            bytes
        }
    }

    /// Stores the vector at `at`.
    ///
    /// # Safety
    ///
    /// As of [`Self::judge_vector`].
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn store(&mut self, at: usize, bytes: __m512i) {
        if COPIES {
            // SAFETY: as the caller says.
            unsafe { _mm512_storeu_si512(self.to.add(at).cast(), bytes) };
        }
    }

    /// What is before each quarter of `bytes`, the next vector.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn quarters_before(&self, bytes: __m512i) -> __m512i {
        _mm512_alignr_epi64::<6>(bytes, self.before)
    }

    /// Holds `bytes`, the next vector, against the rules; `quarters` are those before its own: bytes can
    /// be shifted within quarters only.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn apply_rules(&mut self, bytes: __m512i, quarters: __m512i) {
        if !JUDGES {
            return;
        }
        let one_before = _mm512_alignr_epi8::<15>(bytes, quarters);
        let two_before = _mm512_alignr_epi8::<14>(bytes, quarters);
        let three_before = _mm512_alignr_epi8::<13>(bytes, quarters);
        self.before = bytes;

        // Sign bits: from C0, E0 and F0 on.
        let behind_lead = _mm512_subs_epu8(one_before, _mm512_set1_epi8(0x40));
        let two_behind = _mm512_subs_epu8(two_before, _mm512_set1_epi8(0x60));
        let three_behind = _mm512_subs_epu8(three_before, _mm512_set1_epi8(0x70));
        let wanted = _mm512_ternarylogic_epi64::<OR>(behind_lead, two_behind, three_behind);
        // Sign bits, of a sum with a sign: up to BF.
        let continues = _mm512_adds_epi8(bytes, _mm512_set1_epi8(0x40));
        self.wrong = _mm512_ternarylogic_epi64::<OR_XOR>(self.wrong, wanted, continues);

        let offset = _mm512_permutexvar_epi8(one_before, self.offsets);
        let out_of_range = _mm512_add_epi8(bytes, offset);
        self.wrong = _mm512_ternarylogic_epi64::<OR_AND>(self.wrong, out_of_range, behind_lead);
    }
}

// Truth tables of three operands.
const A: i32 = 0b1111_0000;
const B: i32 = 0b1100_1100;
const C: i32 = 0b1010_1010;
const OR: i32 = A | B | C;
const OR_XOR: i32 = A | (B ^ C);
const OR_AND: i32 = A | (B & C);
