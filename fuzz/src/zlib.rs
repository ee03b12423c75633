//! zlib in C, which the library has to agree with about every code.

use std::mem::{self, MaybeUninit};

use libz_sys::{
    Z_BUF_ERROR, Z_DATA_ERROR, Z_OK, Z_STREAM_END, Z_SYNC_FLUSH, inflate, inflateEnd,
    inflateInit2_, z_stream, zlibVersion,
};

/// Without a header, in the largest window.
const RAW: i32 = -15;

/// More output than this is left out of comparisons.
pub const MOST: usize = 1 << 20;

/// Inflates the messages of a connection.
pub struct Messages {
    stream: Stream,
    /// Something went into the stream since it began, or since a message was complete.
    inside: bool,
}

pub enum Inflated {
    Bytes(Vec<u8>),
    Corrupt,
    TooMuch,
}

impl Messages {
    pub fn new() -> Self {
        Self {
            stream: Stream::new(),
            inside: false,
        }
    }

    /// A whole message.
    pub fn message(&mut self, message: &[u8], takeover: bool) -> Inflated {
        let inflated = self.frame(message, true);
        if !takeover {
            *self = Self::new();
        }
        inflated
    }

    /// A frame, which may be the last of its message.
    pub fn frame(&mut self, payload: &[u8], fin: bool) -> Inflated {
        let mut bytes = Vec::new();
        let mut outcome = self.take(payload, &mut bytes);
        // Nothing is appended behind a final block.
        if fin && self.inside && outcome == Ok(true) {
            outcome = self.take(&[0, 0, 0xff, 0xff], &mut bytes);
            self.inside = false;
        }
        match outcome {
            Ok(true) => Inflated::Bytes(bytes),
            Ok(false) => Inflated::TooMuch,
            Err(Corrupt) => Inflated::Corrupt,
        }
    }

    /// Takes all input: behind a final block begins another stream. False: there is more output
    /// than is compared.
    fn take(&mut self, mut input: &[u8], bytes: &mut Vec<u8>) -> Result<bool, Corrupt> {
        let mut out = [0; 4096];
        loop {
            let step = self.stream.inflate(input, &mut out)?;
            self.inside |= step.taken > 0;
            bytes.extend(&out[..step.made]);
            input = &input[step.taken..];
            if step.ended {
                *self = Self::new();
            }
            if bytes.len() > MOST {
                return Ok(false);
            }
            if input.is_empty() && step.made < out.len() {
                return Ok(true);
            }
        }
    }
}

/// On the heap: zlib refuses a stream that has moved.
struct Stream(Box<z_stream>);

#[derive(Debug, PartialEq, Eq)]
struct Corrupt;

struct Step {
    taken: usize,
    made: usize,
    /// The final block is complete.
    ended: bool,
}

impl Stream {
    fn new() -> Self {
        let mut stream = Box::new(MaybeUninit::<z_stream>::zeroed());
        let size = mem::size_of::<z_stream>() as i32;
        // SAFETY: zeros are what zlib wants before it begins: null for its own allocator.
        let status = unsafe { inflateInit2_(stream.as_mut_ptr(), RAW, zlibVersion(), size) };
        assert_eq!(status, Z_OK);
        // SAFETY: zlib has filled it in; MaybeUninit<T> is laid out as T.
        Self(unsafe { Box::from_raw(Box::into_raw(stream).cast()) })
    }

    /// Takes from `input` until that is used up, `out` is full or the stream ends.
    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Corrupt> {
        let stream = &mut *self.0;
        stream.next_in = input.as_ptr().cast_mut();
        stream.avail_in = input.len() as u32;
        stream.next_out = out.as_mut_ptr();
        stream.avail_out = out.len() as u32;
        // SAFETY: the pointers and sizes are those of two slices, of which it only reads `input`.
        let status = unsafe { inflate(stream, Z_SYNC_FLUSH) };
        match status {
            Z_OK | Z_BUF_ERROR | Z_STREAM_END => Ok(Step {
                taken: input.len() - stream.avail_in as usize,
                made: out.len() - stream.avail_out as usize,
                ended: status == Z_STREAM_END,
            }),
            Z_DATA_ERROR => Err(Corrupt),
            other => panic!("zlib says {other}"),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the stream was begun, and nothing uses it any more.
        unsafe { inflateEnd(&mut *self.0) };
    }
}
