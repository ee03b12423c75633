//! Settings a connection got from options, each falling back to the context's current value.

use std::ffi::c_long;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::Conn;
use crate::api::ctx::settings;
use crate::api::opts::{Opts, Settings};
use crate::protocol::{Delivery, Rules};

/// Own values; 0 is none. They are set before the connection is served, but for
/// [`Conn::copy_max_frame_size`].
#[derive(Default)]
pub(super) struct Limits {
    max_frame: AtomicU32,
    max_message: AtomicU32,
    max_pending: AtomicU32,
    /// 1 + `noPollDelivery`.
    delivery: AtomicU8,
    /// 1 + flag.
    lenient: AtomicU8,
}

impl Limits {
    /// Takes what the settings have; the rest stays.
    pub(super) fn set(&self, settings: &Settings) {
        take(&self.max_frame, Some(settings.max_frame_size));
        take(&self.max_message, settings.max_message_size);
        take(&self.max_pending, settings.max_pending);
        if let Some(delivery) = settings.delivery.and_then(|value| u8::try_from(value).ok()) {
            self.delivery
                .store(delivery.saturating_add(1), Ordering::Relaxed);
        }
        if let Some(lenient) = settings.lenient {
            self.lenient.store(u8::from(lenient) + 1, Ordering::Relaxed);
        }
    }

    /// An accepted connection takes its listener's values for itself: the listener may go.
    pub(super) fn inherit(&self, from: &Self) {
        let sizes = [
            (&self.max_frame, &from.max_frame),
            (&self.max_message, &from.max_message),
            (&self.max_pending, &from.max_pending),
        ];
        for (to, from) in sizes {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for (to, from) in [
            (&self.delivery, &from.delivery),
            (&self.lenient, &from.lenient),
        ] {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

/// Setters let no size through that doesn't fit; ≤ 0 is none.
fn take(place: &AtomicU32, size: Option<c_long>) {
    let size = size.and_then(|size| u32::try_from(size).ok());
    if let Some(size) = size.filter(|&size| size > 0) {
        place.store(size, Ordering::Relaxed);
    }
}

fn own(size: &AtomicU32) -> Option<c_long> {
    let size = size.load(Ordering::Relaxed);
    // Within `c_long` wherever that is: the setters' bound is 2^31 - 2.
    (size > 0).then_some(size as c_long)
}

impl Conn {
    /// The frame limit in force.
    pub fn max_frame_size(&self) -> c_long {
        own(&self.limits().max_frame).unwrap_or_else(|| self.ctx.settings.max_frame())
    }

    /// Takes the options' frame limit, if they have one.
    pub fn copy_max_frame_size(&self, opts: &Arc<Opts>) {
        let size = opts.read(|settings| settings.max_frame_size);
        take(&self.limits().max_frame, Some(size));
        self.ctx.settings.change_rules();
    }

    pub(super) fn lenient(&self) -> bool {
        match self.limits().lenient.load(Ordering::Relaxed) {
            0 => self.ctx.settings.lenient(),
            flag => flag == 2,
        }
    }

    pub(super) fn max_pending(&self) -> usize {
        let bytes =
            own(&self.limits().max_pending).unwrap_or_else(|| self.ctx.settings.max_pending());
        usize::try_from(bytes).unwrap_or(0)
    }

    /// What holds for the next frame.
    pub(crate) fn rules(&self) -> Rules {
        let size = |value: c_long| u64::try_from(value).unwrap_or(0);
        let delivery = self.limits().delivery.load(Ordering::Relaxed);
        let delivery = settings::delivery(i32::from(delivery) - 1);
        Rules {
            strict: !self.lenient(),
            max_frame: size(self.max_frame_size()),
            delivery: delivery.unwrap_or_else(|| self.ctx.settings.delivery()),
            max_message: size(
                own(&self.limits().max_message).unwrap_or_else(|| self.ctx.settings.max_message()),
            ),
        }
    }

    /// As [`Self::rules`], for reading a stream of bytes.
    pub(super) fn stream_rules(&self) -> Rules {
        Rules {
            delivery: Delivery::Pieces,
            ..self.rules()
        }
    }
}
