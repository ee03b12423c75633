//! What a receiver gives back.

use super::Error;

/// A data frame, a piece of one, or a joined message.
#[derive(Debug, PartialEq, Eq)]
pub struct Data<P> {
    /// The type of the frame or message; 0 for every piece of a frame after its first.
    pub opcode: u8,
    pub payload: P,
    /// It ends its message.
    pub is_final: bool,
    /// It is not a whole message by itself.
    pub is_fragment: bool,
    /// The FIN bit of its frame (the last one of a joined message).
    pub fin: bool,
    /// The mask bit of its frame (the last one of a joined message).
    pub masked: bool,
}

/// The peer's close frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Close {
    /// The status to report to the application.
    pub status: u16,
    /// The reason to report: none without a status, empty for a status alone, otherwise the text
    /// up to its first NUL.
    pub reason: Option<Vec<u8>>,
    /// The status to answer with; none: an empty close frame.
    pub answer: Option<u16>,
    /// What was wrong with it.
    pub error: Option<Error>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Item<P> {
    Data(Data<P>),
    Ping(P),
    /// A pong; its payload is not kept.
    Pong,
    /// Nothing is looked at behind it.
    Close(Close),
    /// The connection must be failed; nothing is looked at any more.
    Fail(Error),
}
