//! The settings of permessage-deflate, as a context or an options object holds them.

use std::ffi::{c_int, c_long};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::api::Ctx;
use crate::api::ctx::settings::MAX_FRAME_LIMIT;
use crate::log::{Level, log};
use crate::protocol::deflate::{self, Config, Direction};

/// What was set; the rest is as the context, or else the library, has it.
#[derive(Clone, Copy, Default)]
pub struct Compression {
    enable: Option<bool>,
    level: Option<u8>,
    threshold: Option<usize>,
    send: DirectionSettings,
    receive: DirectionSettings,
}

#[derive(Clone, Copy, Default)]
struct DirectionSettings {
    takeover: Option<bool>,
    window_bits: Option<u8>,
}

/// A value that isn't taken.
pub struct OutOfRange {
    name: &'static str,
    value: c_long,
    range: RangeInclusive<c_long>,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, range } = self;
        write!(
            f,
            "{name}: {value} is not within {}..{}",
            range.start(),
            range.end()
        )
    }
}

impl Compression {
    pub(crate) const UNSET: Self = Self {
        enable: None,
        level: None,
        threshold: None,
        send: DirectionSettings::UNSET,
        receive: DirectionSettings::UNSET,
    };

    /// Whether to negotiate at all.
    pub fn set_enabled(&mut self, enable: bool) -> Result<(), OutOfRange> {
        self.enable = Some(enable);
        Ok(())
    }

    /// 1 (fast) to 9 (small).
    pub fn set_level(&mut self, level: c_int) -> Result<(), OutOfRange> {
        self.level = Some(within("compression level", c_long::from(level), 1..=9)?);
        Ok(())
    }

    /// What is shorter goes uncompressed.
    pub fn set_threshold(&mut self, bytes: c_long) -> Result<(), OutOfRange> {
        self.threshold = Some(within("compression threshold", bytes, 0..=MAX_FRAME_LIMIT)?);
        Ok(())
    }

    /// How far back a message may refer, as a logarithm.
    pub fn set_window_bits(&mut self, send: c_int, receive: c_int) -> Result<(), OutOfRange> {
        let range = c_long::from(deflate::MIN_WINDOW_BITS)..=c_long::from(deflate::MAX_WINDOW_BITS);
        let send = within("send_bits", c_long::from(send), range.clone())?;
        let receive = within("receive_bits", c_long::from(receive), range)?;
        self.send.window_bits = Some(send);
        self.receive.window_bits = Some(receive);
        Ok(())
    }

    /// Whether messages may refer to earlier ones.
    pub fn set_takeover(&mut self, send: bool, receive: bool) -> Result<(), OutOfRange> {
        self.send.takeover = Some(send);
        self.receive.takeover = Some(receive);
        Ok(())
    }

    /// What to negotiate with, where these settings win over `defaults`; `None`: nothing.
    pub(crate) fn resolve(&self, defaults: &Self) -> Option<Config> {
        if !(deflate::IS_BUILT && self.enable.or(defaults.enable)?) {
            return None;
        }
        let preset = Config::default();
        Some(Config {
            level: self.level.or(defaults.level).unwrap_or(preset.level),
            threshold: self
                .threshold
                .or(defaults.threshold)
                .unwrap_or(preset.threshold),
            send: self.send.resolve(&defaults.send, preset.send),
            receive: self.receive.resolve(&defaults.receive, preset.receive),
        })
    }
}

impl DirectionSettings {
    const UNSET: Self = Self {
        takeover: None,
        window_bits: None,
    };

    fn resolve(&self, defaults: &Self, preset: Direction) -> Direction {
        let takeover = self.takeover.or(defaults.takeover);
        let window_bits = self.window_bits.or(defaults.window_bits);
        Direction {
            takeover: takeover.unwrap_or(preset.takeover),
            window_bits: window_bits.unwrap_or(preset.window_bits),
        }
    }
}

fn within<T: TryFrom<c_long>>(
    name: &'static str,
    value: c_long,
    range: RangeInclusive<c_long>,
) -> Result<T, OutOfRange> {
    let fitting = T::try_from(value).ok().filter(|_| range.contains(&value));
    fitting.ok_or(OutOfRange { name, value, range })
}

impl Ctx {
    /// Changes the settings of connections without their own. A value that isn't taken is logged.
    pub fn set_compression(
        this: &Arc<Self>,
        change: impl FnOnce(&mut Compression) -> Result<(), OutOfRange>,
    ) {
        if !deflate::IS_BUILT {
            let text = "this library was built without permessage-deflate";
            log!(this, Level::Warning, "{text}");
        }
        if let Err(error) = this.settings.edit_compression(change) {
            log!(this, Level::Critical, "{error}");
        }
    }
}
