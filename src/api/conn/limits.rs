//! Settings a connection got from options, each falling back to the context's current value.

use std::ffi::c_long;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use super::Conn;
use crate::api::ctx::settings;
use crate::api::opts::{Opts, Settings};
use crate::protocol::{Delivery, Rules};

/// Own values; negative or 0 is none.
#[derive(Default)]
pub(super) struct Limits {
    max_frame: AtomicIsize,
    max_message: AtomicIsize,
    max_pending: AtomicIsize,
    /// 1 + `noPollDelivery`.
    delivery: AtomicIsize,
    /// 1 + flag.
    lenient: AtomicIsize,
}

impl Limits {
    /// Takes what the settings have; the rest stays.
    pub(super) fn set(&self, settings: &Settings) {
        let size = |value: Option<c_long>| value.map(|value| value as isize);
        let max_frame = Some(settings.max_frame_size).filter(|&size| size > 0);
        take(&self.max_frame, size(max_frame));
        take(&self.max_message, size(settings.max_message_size));
        take(&self.max_pending, size(settings.max_pending));
        take(
            &self.delivery,
            settings.delivery.map(|value| value as isize + 1),
        );
        take(
            &self.lenient,
            settings.lenient.map(|flag| isize::from(flag) + 1),
        );
    }

    /// An accepted connection takes its listener's values for itself: the listener may go.
    pub(super) fn inherit(&self, from: &Self) {
        let pairs = [
            (&self.max_frame, &from.max_frame),
            (&self.max_message, &from.max_message),
            (&self.max_pending, &from.max_pending),
            (&self.delivery, &from.delivery),
            (&self.lenient, &from.lenient),
        ];
        for (to, from) in pairs {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

fn take(place: &AtomicIsize, value: Option<isize>) {
    if let Some(value) = value {
        place.store(value, Ordering::Relaxed);
    }
}

fn own(value: &AtomicIsize) -> Option<c_long> {
    let value = value.load(Ordering::Relaxed);
    (value > 0).then_some(value as c_long)
}

impl Conn {
    /// The frame limit in force.
    pub fn max_frame_size(&self) -> c_long {
        own(&self.limits.max_frame).unwrap_or_else(|| self.ctx.settings.max_frame())
    }

    /// Takes the options' frame limit, if they have one.
    pub fn copy_max_frame_size(&self, opts: &Arc<Opts>) {
        let size = opts.read(|settings| settings.max_frame_size);
        take(&self.limits.max_frame, (size > 0).then_some(size as isize));
    }

    pub(super) fn lenient(&self) -> bool {
        own(&self.limits.lenient).map_or_else(|| self.ctx.settings.lenient(), |flag| flag == 2)
    }

    pub(super) fn max_pending(&self) -> usize {
        let bytes =
            own(&self.limits.max_pending).unwrap_or_else(|| self.ctx.settings.max_pending());
        usize::try_from(bytes).unwrap_or(0)
    }

    /// What holds for the next frame.
    pub(crate) fn rules(&self) -> Rules {
        let size = |value: c_long| u64::try_from(value).unwrap_or(0);
        let delivery = own(&self.limits.delivery)
            .and_then(|value| settings::delivery(i32::try_from(value - 1).ok()?));
        Rules {
            strict: !self.lenient(),
            max_frame: size(self.max_frame_size()),
            delivery: delivery.unwrap_or_else(|| self.ctx.settings.delivery()),
            max_message: size(
                own(&self.limits.max_message).unwrap_or_else(|| self.ctx.settings.max_message()),
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
