//! The counts a C program sees, and what happens when they reach zero.
//!
//! `refs` counts owners (the creator, the registry, explicit references) and transient references
//! (loop dispatch, foreach). Every other keep-alive of the library is an `Arc` clone and invisible.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Conn;
use super::close::Ending;
use crate::api::ctx::Ctx;
use crate::api::opts::Opts;
use crate::log::{Level, log};
use crate::sync::{relock, update_i32};

impl Conn {
    /// One more owner; true when the count afterwards is above 1.
    pub fn acquire(&self) -> bool {
        self.owners().fetch_add(1, Ordering::AcqRel);
        self.transient_acquire()
    }

    /// One owner less; the last one destroys the connection.
    pub fn release(this: &Arc<Self>) {
        this.disown();
        Self::transient_release(this);
    }

    /// A reference ceases to be an owner's; [`Self::transient_release`] drops it.
    pub(crate) fn disown(&self) {
        self.owners().fetch_sub(1, Ordering::AcqRel);
    }

    /// The visible count: owners and transient references.
    pub fn ref_count(&self) -> c_int {
        self.window.refs.load(Ordering::Acquire)
    }

    /// Owners only.
    pub fn owner_count(&self) -> c_int {
        self.owners().load(Ordering::Acquire)
    }

    /// Keeps the object alive without owning it; true when the count afterwards is above 1.
    pub fn transient_acquire(&self) -> bool {
        update_i32(&self.window.refs, |refs| refs + 1) > 0
    }

    /// The reverse of [`Self::transient_acquire`].
    pub fn transient_release(this: &Arc<Self>) {
        let before = update_i32(
            &this.window.refs,
            |refs| if refs > 0 { refs - 1 } else { refs },
        );
        match before {
            1 => Self::destroy(this),
            2.. => {}
            _ => log!(
                &this.ctx,
                Level::Critical,
                "conn id {}: released more often than acquired",
                this.id()
            ),
        }
    }

    /// The registry's entry keeps the context alive until the object is destroyed.
    pub(crate) fn hold_ctx(&self) {
        if !self.holds_ctx.swap(true, Ordering::AcqRel) {
            self.ctx.acquire();
        }
    }

    /// Gives the context reference back.
    pub(super) fn drop_ctx(&self) {
        if self.holds_ctx.swap(false, Ordering::AcqRel) {
            Ctx::release(&self.ctx);
        }
    }

    /// Nobody owns it any more: the descriptor is closed silently, everything else given back.
    fn destroy(this: &Arc<Self>) {
        if this.destroyed.swap(true, Ordering::AcqRel) {
            return;
        }
        this.ctx.remove(this);
        Self::finish(this, Ending::Silent);
        let adopted = {
            let mut cold = relock(&this.cold);
            cold.rare.as_mut().and_then(|rare| rare.adopted.take())
        };
        if let Some(opts) = adopted {
            Opts::release_if_needed(&opts);
        }
        this.drop_ctx();
        drop(this.alive().take());
    }
}
