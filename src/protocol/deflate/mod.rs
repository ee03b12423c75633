//! permessage-deflate (RFC 7692): the messages of each direction as one DEFLATE stream.
//!
//! [`negotiate`] builds and reads what the two sides say about it in the opening handshake; both
//! come to an [`Agreement`]. [`Deflater`] then packs what is sent, frame by frame, and [`Inflater`]
//! unpacks what is received, with output that is asked for in portions. Each makes its engine when
//! it is first needed and can let it go again.
//!
//! Without the cargo feature `deflate` there are no engines: the types below stay, so that nobody
//! else needs to ask, and nothing is ever negotiated.

mod deflater;
#[cfg_attr(not(feature = "deflate"), path = "engine_absent.rs")]
mod engine;
mod inflater;
pub mod negotiate;

pub use deflater::{Deflater, Packed};
pub use inflater::{INPUT, Inflater};

/// Whether this build can negotiate anything.
pub const IS_BUILT: bool = cfg!(feature = "deflate");

/// What one side wants. "Send" and "receive" are the two directions as that side sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// 1 (fast) to 9 (small).
    pub level: u8,
    /// Messages whose first frame is shorter go uncompressed.
    pub threshold: usize,
    pub send: Direction,
    pub receive: Direction,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Later messages may refer to earlier ones ("context takeover").
    pub takeover: bool,
    /// The logarithm of how many bytes back that may be, 9 to 15.
    pub window_bits: u8,
}

/// What both sides agreed on, and what is nobody else's business: as in [`Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub level: u8,
    pub threshold: usize,
    /// `None`: we must not refer back farther than our engine can promise, so we send nothing
    /// compressed.
    pub send: Option<Direction>,
    pub receive: Direction,
}

/// The smallest window of the engine. RFC 7692 knows one of 8 bits as well; receiving it is no
/// different.
pub const MIN_WINDOW_BITS: u8 = 9;
/// The largest window of DEFLATE, and what holds when nobody says anything.
pub const MAX_WINDOW_BITS: u8 = 15;

impl Default for Direction {
    fn default() -> Self {
        Self {
            takeover: true,
            window_bits: MAX_WINDOW_BITS,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: 3,
            threshold: 64,
            send: Direction::default(),
            receive: Direction::default(),
        }
    }
}

#[cfg(all(test, feature = "deflate"))]
mod tests;
