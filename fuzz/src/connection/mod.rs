//! A connection behind the C API, and its peer, in any order of calls, handlers and bytes.
//!
//! The input is a list of things to do. Whatever they are, no call panics, results and `errno` fit
//! together, references add up, `on_close` runs once, no descriptor is leaked, and what the library
//! writes are sound frames: those that were accepted, pongs to pings, and one close frame at the
//! end. Where nothing but frames was received, the program gets what the model says.

mod books;
mod handlers;
mod peer;
mod world;

use std::cell::Cell;

use crate::input::Input;
use world::{Setup, World};

/// More steps than this find nothing that fewer don't.
const MOST_STEPS: u32 = 150;

thread_local! {
    /// How deep calls made within handlers are.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let setup = Setup::read(&mut input);
    let before = lowest_free_descriptor();
    World::new(setup).run(input);
    assert_eq!(
        lowest_free_descriptor(),
        before,
        "a descriptor is left open"
    );
}

fn lowest_free_descriptor() -> i32 {
    // SAFETY: plain descriptors.
    unsafe {
        let free = libc::dup(0);
        libc::close(free);
        free
    }
}

/// Runs `act` unless it is too deep inside handlers.
fn nested(act: impl FnOnce()) {
    DEPTH.with(|depth| {
        if depth.get() < 3 {
            depth.set(depth.get() + 1);
            act();
            depth.set(depth.get() - 1);
        }
    });
}
