//! The payload of compressed frames (RFC 7692 §7.2.2).
//!
//! What comes out has no known size, so it is taken in portions, judged against the limits and
//! validated as it comes, and given back as [`Delivery`] says:
//!
//! * frames: all that came out of a frame is one item, however little or much that is;
//! * pieces: what came out of the input at hand is one, up to [`PIECE`] bytes. The last piece of a
//!   frame may be empty, as nobody knows before whether more comes out;
//! * messages: everything up to the end of the message.

use super::{MAX_ASSEMBLED, Receiver, Stage};
use crate::protocol::deflate::{INPUT, Inflater};
use crate::protocol::item::Item;
use crate::protocol::{Delivery, Error, Mask, Payload};

/// Pieces don't grow beyond this while there is input.
const PIECE: usize = 64 * 1024;
/// How much is asked of the inflater at once.
const OUTPUT: usize = 16 * 1024;

impl<P: Payload> Receiver<P> {
    /// Something may be had of a compressed frame without more input. [`Self::feed`] gives it
    /// whatever it is fed, nothing, too.
    #[inline]
    pub fn holds(&self) -> bool {
        self.stage == Stage::Data && self.frame.compressed && self.inflater_holds()
    }

    /// Not inlined: without compression it isn't reached, and many ask.
    #[inline(never)]
    fn inflater_holds(&self) -> bool {
        let has_more = |inflater: &Inflater| self.frame.remaining == 0 || !inflater.is_dry();
        self.inflater.as_deref().is_some_and(has_more)
    }

    #[inline(never)]
    pub(super) fn read_compressed(&mut self, rest: &mut &[u8]) -> Result<Option<Item<P>>, Error> {
        let mut out = [0; OUTPUT];
        loop {
            let Some(inflater) = &mut self.inflater else {
                return Err(Error::ReservedBits);
            };
            if inflater.is_dry() {
                let n = self.frame.within(rest.len()).min(INPUT);
                if n > 0 {
                    let (bytes, behind) = rest.split_at(n);
                    *rest = behind;
                    self.frame.copy(bytes, inflater.input(n));
                } else if self.frame.remaining > 0 {
                    let is_due = self.rules.delivery == Delivery::Pieces;
                    return Ok(self.partial(is_due && !self.payload.is_empty()));
                } else if !(self.frame.fin && inflater.end_input()) {
                    return self.finish();
                }
            }
            let made = inflater.output(&mut out)?;
            let of_frame = inflater.of_frame();
            self.append_inflated(&out[..made], of_frame)?;
            let held = self.payload.len() as u64;
            let is_due = match self.rules.delivery {
                Delivery::Pieces => held >= PIECE as u64,
                Delivery::Frames => held > MAX_ASSEMBLED,
                Delivery::Messages => false,
            };
            if is_due {
                return Ok(self.partial(true));
            }
        }
    }

    fn partial(&mut self, is_due: bool) -> Option<Item<P>> {
        is_due.then(|| Item::Data(self.give_back(None)))
    }

    /// The limits are those of the payload that the application gets, or a few bytes could make it
    /// run out of memory.
    fn append_inflated(&mut self, bytes: &[u8], of_frame: u64) -> Result<(), Error> {
        let rules = &self.rules;
        let n = bytes.len() as u64;
        if of_frame > rules.max_frame {
            let limit = rules.max_frame;
            return Err(Error::InflatedFrameTooLarge { limit });
        }
        let joined = self.payload.len() as u64 + n;
        if rules.delivery == Delivery::Messages && joined > rules.max_message {
            let limit = rules.max_message;
            return Err(Error::MessageTooLarge { limit });
        }
        let utf8 = self.validates.then_some(&mut self.utf8);
        self.payload.append(bytes, &mut Mask::default(), utf8)
    }
}
