//! Frames: at most 16 KiB each, so that nothing big stands before the session. A longer body is cut into parts and takes effect only whole.

mod assemble;
mod decode;
mod encode;

pub use decode::{Decoder, Message};
pub use encode::Encoder;

use crate::convert::NotAMessage;

/// The most bytes that an encoded frame may have.
pub const MAX_FRAME_BYTES: usize = 16 * 1024;
/// The most bodies that may be unfinished at a time.
pub const MAX_OPEN_STREAMS: usize = 16;
/// For tonic's `max_decoding_message_size` on both ends: a frame or a piece of a fetch, and what wraps it.
pub const MAX_GRPC_MESSAGE_BYTES: usize = 128 * 1024;

/// Why a frame cannot be taken. Every one of them ends the session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The sender insists on something that this build does not understand.
    #[error(
        "a critical message needs protocol {min_version}, or is of a kind that this build does not know: upgrade this end"
    )]
    NotUnderstood {
        /// The protocol version that it needs.
        min_version: u32,
    },
    /// Too long for one frame.
    #[error("a frame of {bytes} bytes is over the limit of {MAX_FRAME_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A part that does not follow the one before it.
    #[error("part {part} of stream {stream} came where part {expected} was due")]
    OutOfOrder {
        /// Which body.
        stream: u32,
        /// What came.
        part: u32,
        /// What was due.
        expected: u32,
    },
    /// Too many bodies are unfinished.
    #[error("more than {MAX_OPEN_STREAMS} messages are unfinished at a time")]
    TooManyStreams,
    /// A message that, with what else was unfinished, is too big. It was left out as a whole: alone of these errors, this one lets the session go on.
    #[error("a message is over the limit of {limit} bytes and was left out")]
    TooManyBytes {
        /// The limit.
        limit: usize,
    },
    /// The parts put together are not a frame.
    #[error("the parts of stream {stream} are no frame: {problem}")]
    Malformed {
        /// Which body.
        stream: u32,
        /// Why.
        problem: String,
    },
    /// Parts within parts.
    #[error("stream {stream} holds a part of a part")]
    Nested {
        /// Which body.
        stream: u32,
    },
    /// Not a message for this end.
    #[error(transparent)]
    Message(#[from] NotAMessage),
}

// === impl FrameError ===

impl FrameError {
    /// The same bytes will not read better another time; a new session may.
    pub fn is_retryable(&self) -> bool {
        false
    }
}
