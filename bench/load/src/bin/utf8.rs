//! The library's UTF-8 check of a 64 KB block, as a ratio of memcpy's speed. Prints JSON.
//!
//! The C API has no function for it, so that the library's source files are compiled into this program.

#[path = "../../../../src/simd/mod.rs"]
#[allow(dead_code, unused_imports, reason = "more than what is measured")]
mod simd;
#[path = "../text.rs"]
mod text;
#[path = "../../../../src/protocol/utf8.rs"]
#[allow(dead_code, reason = "more than what is measured")]
mod utf8;

use std::hint::black_box;
use std::time::{Duration, Instant};

const SIZE: usize = 64 * 1024;
const ROUNDS: usize = 7;
const TIMES: usize = 3000;

/// What the library's file wants of its parent.
#[derive(Debug)]
pub enum Error {
    InvalidUtf8,
}

fn best_of(mut work: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            (0..TIMES).for_each(|_| work());
            begun.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn check(block: &[u8]) -> Duration {
    best_of(|| {
        let mut validator = utf8::Utf8::default();
        validator.push(black_box(block)).expect("it is text");
    })
}

fn main() {
    let ascii = [b'x'; SIZE];
    let mixed = text::text(0, SIZE);
    let mut to = [0; SIZE];
    let copy = best_of(|| black_box(&mut to).copy_from_slice(black_box(&ascii)));
    let ratio = |time: Duration| copy.as_secs_f64() / time.as_secs_f64();
    println!(
        "{{\"UTF-8 check of 64 KB, ASCII\": {:.3}, \"UTF-8 check of 64 KB, characters of one to four bytes\": {:.3}}}",
        ratio(check(&ascii)),
        ratio(check(&mixed)),
    );
}
