//! A context's plain settings: the defaults of its connections.

use std::ffi::{c_int, c_long};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicIsize, AtomicU32, Ordering};

use crate::api::compression::Compression;
use crate::protocol::Delivery;
use crate::sync::relock;

/// `NOPOLL_MAX_FRAME_SIZE_DEFAULT`; also the default of the other size limits.
pub(crate) const MAX_FRAME_DEFAULT: c_long = 16_777_216;
/// `NOPOLL_MAX_FRAME_SIZE_LIMIT`.
pub(crate) const MAX_FRAME_LIMIT: c_long = 2_147_483_646;
/// 20 s, in µs.
const TIMEOUT_DEFAULT: c_long = 20_000_000;

/// One size or duration: a C `long`, always valid because the setters check.
struct Number(AtomicIsize);

impl Number {
    const fn new(value: c_long) -> Self {
        Self(AtomicIsize::new(value as isize))
    }

    fn get(&self) -> c_long {
        self.0.load(Ordering::Relaxed) as c_long
    }

    fn set(&self, value: c_long) {
        self.0.store(value as isize, Ordering::Relaxed);
    }
}

/// Read at the moment of use: a change applies to existing connections without an own value.
pub(crate) struct Settings {
    timeout: Number,
    version: AtomicI32,
    max_frame: Number,
    max_message: Number,
    max_pending: Number,
    delivery: AtomicI32,
    lenient: AtomicBool,
    coalescing: AtomicBool,
    read_ahead: AtomicBool,
    compression: Mutex<Compression>,
    checks_names: AtomicBool,
    /// How often something has changed that [`Rules`] are made of.
    ///
    /// [`Rules`]: crate::protocol::Rules
    rules: AtomicU32,
}

impl Settings {
    pub(crate) const fn new() -> Self {
        Self {
            timeout: Number::new(TIMEOUT_DEFAULT),
            version: AtomicI32::new(13),
            max_frame: Number::new(MAX_FRAME_DEFAULT),
            max_message: Number::new(MAX_FRAME_DEFAULT),
            max_pending: Number::new(MAX_FRAME_DEFAULT),
            delivery: AtomicI32::new(0),
            lenient: AtomicBool::new(false),
            coalescing: AtomicBool::new(true),
            read_ahead: AtomicBool::new(true),
            compression: Mutex::new(Compression::UNSET),
            checks_names: AtomicBool::new(true),
            rules: AtomicU32::new(0),
        }
    }

    pub(crate) fn timeout(&self) -> c_long {
        self.timeout.get()
    }

    /// ≤ 0 is the default: a budget of nothing would never send a request.
    pub(crate) fn set_timeout(&self, micros: c_long) {
        self.timeout
            .set(if micros <= 0 { TIMEOUT_DEFAULT } else { micros });
    }

    pub(crate) fn version(&self) -> c_int {
        self.version.load(Ordering::Relaxed)
    }

    pub(crate) fn set_version(&self, version: c_int) {
        self.version.store(version, Ordering::Relaxed);
    }

    pub(crate) fn max_frame(&self) -> c_long {
        self.max_frame.get()
    }

    pub(crate) fn set_max_frame(&self, size: c_long) {
        self.max_frame.set(size);
        self.change_rules();
    }

    pub(crate) fn max_message(&self) -> c_long {
        self.max_message.get()
    }

    pub(crate) fn set_max_message(&self, size: c_long) {
        self.max_message.set(size);
        self.change_rules();
    }

    pub(crate) fn max_pending(&self) -> c_long {
        self.max_pending.get()
    }

    pub(crate) fn set_max_pending(&self, size: c_long) {
        self.max_pending.set(size);
    }

    pub(crate) fn delivery(&self) -> Delivery {
        delivery(self.delivery.load(Ordering::Relaxed)).unwrap_or_default()
    }

    pub(crate) fn set_delivery(&self, value: c_int) {
        self.delivery.store(value, Ordering::Relaxed);
        self.change_rules();
    }

    pub(crate) fn lenient(&self) -> bool {
        self.lenient.load(Ordering::Relaxed)
    }

    pub(crate) fn set_lenient(&self, lenient: bool) {
        self.lenient.store(lenient, Ordering::Relaxed);
        self.change_rules();
    }

    /// Another number whenever the rules of the context, or those of one of its connections, have
    /// changed.
    pub(crate) fn rules_version(&self) -> u32 {
        self.rules.load(Ordering::Acquire)
    }

    pub(crate) fn change_rules(&self) {
        self.rules.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn coalescing(&self) -> bool {
        self.coalescing.load(Ordering::Relaxed)
    }

    pub(crate) fn set_coalescing(&self, enable: bool) {
        self.coalescing.store(enable, Ordering::Relaxed);
    }

    pub(crate) fn read_ahead(&self) -> bool {
        self.read_ahead.load(Ordering::Relaxed)
    }

    pub(crate) fn set_read_ahead(&self, enable: bool) {
        self.read_ahead.store(enable, Ordering::Relaxed);
    }

    pub(crate) fn compression(&self) -> Compression {
        *relock(&self.compression)
    }

    pub(crate) fn edit_compression<T>(&self, change: impl FnOnce(&mut Compression) -> T) -> T {
        change(&mut relock(&self.compression))
    }

    /// Whether TLS clients check host names where their options don't say.
    #[cfg(feature = "tls")]
    pub(crate) fn checks_names(&self) -> bool {
        self.checks_names.load(Ordering::Relaxed)
    }

    pub(crate) fn set_checks_names(&self, check: bool) {
        self.checks_names.store(check, Ordering::Relaxed);
    }
}

/// A `noPollDelivery` of the C program; `None` when out of range.
pub(crate) fn delivery(value: c_int) -> Option<Delivery> {
    match value {
        0 => Some(Delivery::Frames),
        1 => Some(Delivery::Pieces),
        2 => Some(Delivery::Messages),
        _ => None,
    }
}
