//! Log records: to the context's handler, else to the console if switched on.
//!
//! Nothing is formatted unless somebody listens. No record is handed out while a lock is held:
//! a handler may call back into anything.

use std::ffi::{CString, c_int};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::abi::callbacks::LogFn;
use crate::abi::hook::{Hook, HookCell};
use crate::abi::stdout;
use crate::abi::types::noPollCtx;
use crate::sync;

/// How serious a record is; the numbers are `noPollDebugLevel`'s.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Normal progress.
    Debug = 0,
    /// Odd, but handled.
    Warning = 1,
    /// A failure.
    Critical = 2,
}

/// A context's log switches.
pub struct Settings {
    enabled: AtomicI32,
    colour: AtomicI32,
    handler: HookCell<LogFn>,
}

impl Settings {
    pub(crate) const fn new() -> Self {
        Self {
            enabled: AtomicI32::new(0),
            colour: AtomicI32::new(0),
            handler: HookCell::empty(),
        }
    }

    /// The console switch, as stored.
    pub fn enabled(&self) -> c_int {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Switches the console on or off.
    pub fn set_enabled(&self, value: c_int) {
        self.enabled.store(value, Ordering::Relaxed);
    }

    /// The colour switch, as stored.
    pub fn colour(&self) -> c_int {
        self.colour.load(Ordering::Relaxed)
    }

    /// Switches console colours on or off.
    pub fn set_colour(&self, value: c_int) {
        self.colour.store(value, Ordering::Relaxed);
    }

    /// Diverts all records to a handler; `None` gives them back to the console.
    pub fn set_handler(&self, handler: Option<Hook<LogFn>>) {
        self.handler.set(handler);
    }
}

/// What has a log: the context.
pub trait Sink: Send + Sync + 'static {
    /// Its switches.
    fn settings(&self) -> &Settings;
}

/// Whether anybody would see a record. Asked in so many places that a copy in each would be felt.
#[inline(never)]
pub(crate) fn wanted<S: Sink>(sink: &Arc<S>) -> bool {
    let settings = sink.settings();
    settings.enabled() != 0 || settings.handler.get().is_some()
}

/// Writes a record of the library's own. Use the `log!` macro.
pub(crate) fn write<S: Sink>(
    sink: &Arc<S>,
    level: Level,
    file: &str,
    line: u32,
    text: fmt::Arguments<'_>,
) {
    let name = file.rsplit('/').next().unwrap_or(file);
    let line = c_int::try_from(line).unwrap_or(0);
    emit(
        sink,
        level as c_int,
        name.as_bytes(),
        line,
        text.to_string().as_bytes(),
    );
}

/// Writes one record, as soon as this thread holds no lock.
pub fn emit<S: Sink>(sink: &Arc<S>, level: c_int, file: &[u8], line: c_int, message: &[u8]) {
    if !wanted(sink) {
        return;
    }
    let mut place = file.to_vec();
    place.extend_from_slice(format!(":{line} ").as_bytes());
    place.extend_from_slice(message);
    let sink = Arc::clone(sink);
    sync::after_unlock(move || deliver(&sink, level, place));
}

fn deliver<S: Sink>(sink: &Arc<S>, level: c_int, record: Vec<u8>) {
    let settings = sink.settings();
    if let Some(handler) = settings.handler.get() {
        let mut text = record;
        text.push(b' ');
        text.retain(|&byte| byte != 0);
        let context = Arc::as_ptr(sink).cast::<noPollCtx>().cast_mut();
        handler.call(context, level, &CString::new(text).unwrap_or_default());
    } else if settings.enabled() != 0 {
        let mut text = prefix(level, settings.colour() != 0).into_bytes();
        text.extend_from_slice(&record);
        text.push(b'\n');
        stdout::write(&text);
    }
}

/// `(proc <pid>): ` and the level's tag; blanks as programs that parse the console expect them.
fn prefix(level: c_int, colour: bool) -> String {
    let pid = std::process::id();
    if colour {
        let tag = match level {
            0 => "(\x1b[1;32mdebug\x1b[0m) ",
            1 => "(\x1b[1;33mwarning\x1b[0m) ",
            2 => "(\x1b[1;31mcritical\x1b[0m) ",
            _ => "",
        };
        format!("\x1b[1;36m(proc {pid})\x1b[0m: {tag}")
    } else {
        let tag = match level {
            0 => "(debug)",
            1 => "(warning)",
            2 => "(critical) ",
            _ => "",
        };
        format!("(proc {pid}): {tag}")
    }
}

/// Logs on a context, formatting only if somebody listens.
macro_rules! log {
    ($sink:expr, $level:expr, $($text:tt)+) => {
        if $crate::log::wanted($sink) {
            $crate::log::write($sink, $level, file!(), line!(), format_args!($($text)+));
        }
    };
}
pub(crate) use log;
