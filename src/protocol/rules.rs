//! What a receiver is told by its owner: whose side it is on, how to deliver, how strict to be.

/// Our own side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// In which portions data reaches the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// One item per data frame.
    #[default]
    Frames,
    /// Bytes as they come: an item for whatever part of a frame has arrived.
    Pieces,
    /// One item per message; its frames are joined.
    Messages,
}

/// The rules of a connection. They are passed with each call and may change in between; what
/// concerns a header applies from the next header on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Refuse what RFC 6455 forbids, instead of tolerating it as far as it can be understood.
    pub strict: bool,
    /// The longest payload accepted in one frame.
    pub max_frame: u64,
    pub delivery: Delivery,
    /// The longest message accepted; only looked at where messages are joined.
    pub max_message: u64,
}
