//! I/O engines, kept for programs that make one. The loop uses its own; nothing can be installed.

use std::ptr;

use super::boundary::boundary;
use super::convert::Handle;
use crate::abi::types::{IoEngineType, noPollCtx, noPollIoEngine, noPollIoEngineType};
use crate::api::Ctx;
use crate::log::{Level, log};

/// What a `noPollIoEngine` is: the type that was asked for.
struct Engine(#[expect(dead_code, reason = "gives the object an address")] noPollIoEngineType);

const SELECT: noPollIoEngineType = IoEngineType::NOPOLL_IO_ENGINE_SELECT as noPollIoEngineType;

/// Makes an I/O engine object. `ctx` may be NULL.
///
/// Returns the object, the caller's to release with `nopoll_io_release_engine`; every type gives
/// the same.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_io_get_engine(
    ctx: *mut noPollCtx,
    engine_type: noPollIoEngineType,
) -> *mut noPollIoEngine {
    boundary(ptr::null_mut(), || {
        if !(0..=SELECT).contains(&engine_type) {
            // SAFETY: a handle, as this function demands.
            if let Some(ctx) = unsafe { Ctx::retain(ctx) } {
                log!(
                    &ctx,
                    Level::Warning,
                    "engine_type: {engine_type} makes no difference"
                );
            }
        }
        Some(Box::into_raw(Box::new(Engine(engine_type))).cast())
    })
}

/// Releases an I/O engine object. NULL is nothing.
///
/// # Safety
/// `engine` is NULL or came from `nopoll_io_get_engine` and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_io_release_engine(engine: *mut noPollIoEngine) {
    if !engine.is_null() {
        // SAFETY: made by `Box::into_raw` from this type.
        drop(unsafe { Box::from_raw(engine.cast::<Engine>()) });
    }
}
